"""What `verify` says of a provider adjustment: it waits with its payer and reference, or stands where it belongs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.payments.domain.remittance.commands import ReceiveRemittance
from services.payments.domain.remittance.decider import remittance
from services.payments.invariants import ProviderAdjustmentsStand
from shared.events.base import Event
from shared.events.payments import ProviderAdjustmentPosted
from shared.events.values import Posting
from shared.runtime.invariants import CheckResult
from shared.testing.specification import Specification
from tests.unit.payments.test_postings_projection import recorded
from tests.unit.payments.test_remittance_decider import plb, told

TOLD = told(
    110_00,
    100_00,
    plb("WO", 40_00, "ICN7"),
    plb("CT", -60_00),
    plb("CR", -1_00),
    plb("L6", -9_00),
    plb("IR", 15_00),
    plb("LE", 5_00),
    plb("FB", 0, "TRACE0"),
)
RECEIVED, *ADJUSTED = Specification(remittance).when(ReceiveRemittance(told=TOLD)).events


def checked(*events: Event) -> CheckResult:
    check = ProviderAdjustmentsStand()
    for number, each in enumerate(events, start=1):
        check.see(recorded(each, number, happened=0, known=0))
    return check.result()


def standing_on(account: str, cents: int) -> ProviderAdjustmentPosted:
    posted = next(each for each in ADJUSTED if isinstance(each, ProviderAdjustmentPosted))
    legs = (Posting(account=account, amount_cents=cents), Posting(account="suspense", amount_cents=-cents))
    return replace(posted, postings=legs)


def test_whatever_is_posted_stands_where_it_should() -> None:
    result = checked(RECEIVED, *ADJUSTED)
    assert (result.checked, result.violations) == (7, [])


def test_what_was_posted_before_accounts_had_the_payer_in_their_name_stands() -> None:
    assert checked(RECEIVED, standing_on("provider-adjustment:ICN7", 40_00)).violations == []


@pytest.mark.parametrize(
    ("account", "cents"),
    [
        ("provider-adjustment:1888888888:ICN7", 40_00),
        ("interest", 40_00),
        ("provider-adjustment:1999999999:ICN7", 39_99),
    ],
)
def test_another_payers_account_another_kind_and_another_amount_are_named(account: str, cents: int) -> None:
    [violation] = checked(RECEIVED, standing_on(account, cents)).violations
    assert "provider-adjustment:1999999999:ICN7" in violation.expected
