"""What `verify` says of what was found against a contract: it is backed by a posting that stands, to the cent."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.payments.invariants import VariancesAreBacked
from shared.events.base import Event
from shared.events.contracts import UnderpaymentFound
from shared.events.payments import ClaimPaymentPosted, ClaimPaymentReversed
from shared.runtime.invariants import CheckResult
from tests.unit.payments.contracts import posted
from tests.unit.payments.stories import ACCOUNT, CLAIM, PAID_ON, SOURCE, cas
from tests.unit.payments.test_contract_comparison import (
    ACCEPT,
    LOW,
    RECOVER,
    REOPEN,
    TAKEN_BACK,
    compare,
    spec,
    told,
)
from tests.unit.payments.test_postings_projection import recorded

POSTED = posted(told(cas("CO", "45", 120_00)))
REVERSED = ClaimPaymentReversed(
    account_id=ACCOUNT,
    claim_id=CLAIM,
    remittance_id="remittance-2",
    ordinal=1,
    reverses_remittance_id="remittance-1",
    reverses_ordinal=1,
    payer_rank=1,
    paid_cents=-80_00,
    contractual_cents=-120_00,
    denied_cents=0,
    payment_on=PAID_ON,
    postings=(),
    source=SOURCE,
)
COMPARED, FOUND = spec.when(LOW).events
WITHDRAWN = spec.when(LOW, TAKEN_BACK).events[-1]
ACCEPTED = spec.when(LOW, ACCEPT).events[-1]
assert isinstance(FOUND, UnderpaymentFound)


def checked(*events: Event, days: int = 0) -> CheckResult:
    """Each is recorded `days` behind the one before."""
    check = VariancesAreBacked()
    for number, event in enumerate(events, start=1):
        check.see(recorded(event, number, happened=0, known=days * number))
    return check.result()


@pytest.mark.parametrize(
    "events",
    [
        (POSTED, COMPARED, FOUND),
        (POSTED, COMPARED, FOUND, REVERSED, WITHDRAWN),
        (POSTED, COMPARED, FOUND, REVERSED),  # the withdrawal is on its way
        (POSTED, REVERSED, POSTED, COMPARED, FOUND),
        (POSTED, COMPARED, FOUND, REVERSED, WITHDRAWN, POSTED, COMPARED, FOUND),
        (POSTED, *spec.when(LOW, RECOVER, REOPEN, ACCEPT, TAKEN_BACK).events[:-1], REVERSED),
    ],
)
def test_what_the_service_records_holds(events: tuple[Any, ...]) -> None:
    result = checked(*events)
    assert (result.violations, result.checked > 0) == ([], True)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param((COMPARED, FOUND), id="nothing was posted"),
        pytest.param((POSTED, FOUND), id="nothing was compared"),
        pytest.param((POSTED, COMPARED, COMPARED, FOUND), id="compared twice"),
        pytest.param((POSTED, COMPARED, FOUND, WITHDRAWN), id="withdrawn while it stands"),
        pytest.param((POSTED, COMPARED, replace(FOUND, variance_cents=9_99)), id="another difference"),
        pytest.param((POSTED, COMPARED, replace(FOUND, tolerance_cents=10_00)), id="within the tolerance"),
        pytest.param((POSTED, COMPARED, ACCEPTED), id="resolved what was not found"),
        pytest.param((POSTED, COMPARED, FOUND, ACCEPTED, ACCEPTED), id="resolved twice"),
        pytest.param((POSTED, COMPARED, FOUND, REVERSED, replace(WITHDRAWN, variance_ids=())), id="left open"),
    ],
)
def test_what_must_not_be_is_named(events: tuple[Any, ...]) -> None:
    [violation, *_] = checked(*events).violations
    assert violation.where.startswith("clinic/claim-account/")


def test_what_stays_open_long_behind_its_reversal_is_named() -> None:
    later = posted(told(), ordinal=2)
    assert isinstance(later, ClaimPaymentPosted)
    [violation] = checked(POSTED, COMPARED, FOUND, REVERSED, later, days=1).violations
    assert violation.found == "1 not resolved"
    assert compare(later)[0].outcome == "overpaid"
