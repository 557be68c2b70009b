"""Stories about a remittance as a whole: identity, balance, provider adjustments, and when it is posted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.payments.domain.remittance.commands import (
    DismissRemittance,
    HoldReusedTrace,
    ProviderAdjustmentTold,
    ReceiveRemittance,
    RecordClaimAnswer,
    RemittanceTold,
)
from services.payments.domain.remittance.decider import remittance
from services.payments.domain.remittance.identity import remittance_id_of
from shared.events.payments import (
    ProviderAdjustmentPosted,
    RemittanceClaimAnswered,
    RemittanceDismissed,
    RemittanceHeld,
    RemittancePosted,
    RemittanceReceived,
    TraceNumberReused,
)
from shared.events.values import DocumentReference, Finding, Posting
from shared.testing.specification import Specification
from tests.unit.payments.stories import balances

spec = Specification(remittance)


def plb(reason: str, cents: int, reference: str = "REF1") -> ProviderAdjustmentTold:
    return ProviderAdjustmentTold(reason=reason, reference=reference, amount_cents=cents)


def told(
    payment: int,
    claims_cents: int,
    *adjustments: ProviderAdjustmentTold,
    claims: int = 2,
    document: str = "d0",
    findings: tuple[Finding, ...] = (),
    usage: str | None = "P",
) -> RemittanceTold:
    return RemittanceTold(
        remittance_id="remittance-1",
        trace_number="TRACE1",
        payer_identifier="1999999999",
        payer_name="Aetna",
        payment_cents=payment,
        payment_on=date(2026, 3, 20),
        method="ACH",
        claims=claims,
        claims_cents=claims_cents,
        provider_adjustments=adjustments,
        findings=findings,
        usage=usage,
        document=DocumentReference(document_id=document, place="segment 3"),
    )


def receive(*args: Any, **more: Any) -> ReceiveRemittance:
    return ReceiveRemittance(told=told(*args, **more))


def answered(ordinal: int, cents: int, outcome: Any = "posted") -> RecordClaimAnswer:
    return RecordClaimAnswer(ordinal=ordinal, account_id=f"account-{ordinal}", outcome=outcome, paid_cents=cents)


@pytest.mark.parametrize(
    ("usage", "usage_here", "rule"),
    [("T", "P", "test-file"), ("P", "T", "production-file"), ("I", "P", "usage-unknown")],
)
def test_a_file_of_a_test_posts_nothing_in_production_and_the_reverse(usage: str, usage_here: Any, rule: str) -> None:
    sent = told(100_00, 100_00, usage=usage)
    held = spec.when(ReceiveRemittance(told=sent, usage_here=usage_here)).only(RemittanceHeld)
    assert [(each.rule, each.place, each.value) for each in held.findings] == [(rule, "ISA15", usage)]


def test_a_test_file_that_is_sent_as_production_afterwards_is_received() -> None:
    held = spec.when(receive(100_00, 100_00, usage="T", document="d0")).only(RemittanceHeld)
    assert spec.given(held).when(receive(100_00, 100_00, document="d1")).only(RemittanceReceived)


@pytest.mark.parametrize("usage_here", ["P", "T"])
def test_what_is_typed_in_from_paper_is_neither_test_nor_production(usage_here: Any) -> None:
    decided = spec.when(ReceiveRemittance(told=told(100_00, 100_00, usage=None), usage_here=usage_here))
    assert decided.only(RemittanceReceived).payment_cents == 100_00


def test_a_remittance_that_balances_takes_the_cash_into_suspense() -> None:
    received = spec.when(receive(100_00, 100_00)).only(RemittanceReceived)
    assert (received.claims, received.claims_cents, received.provider_adjustments_cents) == (2, 100_00, 0)
    assert received.postings == (
        Posting(account="cash", amount_cents=100_00),
        Posting(account="suspense", amount_cents=-100_00),
    )


def test_provider_adjustments_stand_on_clearing_and_interest_is_income() -> None:
    """The worked remittance: claims 460.00; WO +60.00 is kept back, L6 −1.25 is interest paid; 401.25 arrives."""
    story = spec.when(receive(401_25, 460_00, plb("WO", 60_00, "ICN7"), plb("L6", -1_25)))
    assert balances(story.events) == {
        "cash": 401_25,
        "suspense": -460_00,
        "provider-adjustment:1999999999:ICN7": 60_00,
        "interest": -1_25,
    }
    assert [type(event) for event in story.events] == [
        RemittanceReceived,
        ProviderAdjustmentPosted,
        ProviderAdjustmentPosted,
    ]


def test_a_remittance_that_is_a_cent_short_is_held_and_says_level_expected_and_found() -> None:
    held = spec.when(receive(401_24, 460_00, plb("WO", 60_00), plb("L6", -1_25))).only(RemittanceHeld)
    assert [(each.rule, each.place, each.value) for each in held.findings] == [
        ("transaction-out-of-balance", "transaction BPR02", "40124")
    ]
    assert "expected 40125 cents, found 40124 cents" in held.findings[0].message


def test_a_forwarded_balance_is_closed_by_the_next_remittance() -> None:
    """Claims −25.00: nothing is paid and FB carries −25.00; the next one pays 200.00 − 25.00."""
    first = spec.when(receive(0, -25_00, plb("FB", -25_00, "TRACE1"))).events
    second = spec.when(receive(175_00, 200_00, plb("FB", 25_00, "TRACE1"))).events
    assert "provider-adjustment:1999999999:TRACE1" not in balances([*first, *second])
    assert balances([*first, *second])["cash"] == 175_00


def test_a_takeback_that_is_put_off_and_taken_later_closes_its_chain() -> None:
    put_off = spec.when(receive(40_00, 0, plb("WO", -40_00, "ICN7"))).events
    taken = spec.when(receive(60_00, 100_00, plb("WO", 40_00, "ICN7"))).events
    assert "provider-adjustment:1999999999:ICN7" not in balances([*put_off, *taken])


@pytest.mark.parametrize(
    ("reason", "account"),
    [("CT", "capitation"), ("CR", "interest"), ("L6", "interest"), ("IR", "tax-withheld"), ("LE", "levied")],
)
@pytest.mark.parametrize("cents", [24_00, -24_00])
def test_what_has_no_other_half_stands_where_an_accountant_looks_for_it(reason: str, account: str, cents: int) -> None:
    story = spec.when(receive(100_00 - cents, 100_00, plb(reason, cents)))
    assert balances(story.events) == {"cash": 100_00 - cents, "suspense": -100_00, account: cents}


def test_two_payers_with_the_same_reference_have_a_chain_each() -> None:
    put_off = spec.when(receive(40_00, 0, plb("WO", -40_00, "ICN7"))).events
    another = replace(told(60_00, 100_00, plb("WO", 40_00, "ICN7")), payer_identifier="1888888888")
    taken = spec.when(ReceiveRemittance(told=another)).events
    clearing = {name: cents for name, cents in balances([*put_off, *taken]).items() if "adjustment" in name}
    assert clearing == {"provider-adjustment:1999999999:ICN7": -40_00, "provider-adjustment:1888888888:ICN7": 40_00}


def test_an_authorised_return_and_its_recovery_are_nothing_together() -> None:
    story = spec.when(receive(100_00, 100_00, plb("72", -50_00, "CHECK9"), plb("WO", 50_00, "CHECK9")))
    assert balances(story.events) == {"cash": 100_00, "suspense": -100_00}


def test_the_same_remittance_again_is_no_news() -> None:
    past = spec.when(receive(100_00, 100_00)).events
    spec.given(*past).when(receive(100_00, 100_00, document="d1")).then_nothing()


def test_a_negative_payment_is_held() -> None:
    held = spec.when(receive(-25_00, -25_00)).only(RemittanceHeld)
    assert [each.rule for each in held.findings] == ["negative-payment"]


def test_an_error_of_the_reading_holds_the_remittance_and_a_warning_does_not() -> None:
    error = Finding(rule="trn-missing", place="segment 3", message="an 835 has TRN")
    doubt = Finding(rule="odd", place="segment 4", message="odd", severity="warning")
    spec.when(receive(1_00, 1_00, findings=(error, doubt))).then_kinds(RemittanceHeld)
    assert spec.when(receive(1_00, 1_00, findings=(doubt,))).only(RemittanceReceived).findings == (doubt,)


def test_a_held_file_again_is_no_news_and_a_mended_one_is_received() -> None:
    past = spec.when(receive(99_99, 100_00)).events
    spec.given(*past).when(receive(99_99, 100_00)).then_nothing()
    mended = told(99_99, 99_99, document="d1")
    spec.given(*past).when(ReceiveRemittance(told=mended)).then_kinds(RemittanceReceived)


def test_a_held_remittance_is_dismissed_by_a_person_once() -> None:
    dismiss = DismissRemittance(reason="payer-sent-another", dismissed_by="user:ann")
    past = spec.when(receive(99_99, 100_00)).events
    story = spec.given(*past).when(dismiss)
    assert story.only(RemittanceDismissed).dismissed_by == "user:ann"
    spec.given(*past, *story.events).when(dismiss).then_refused("remittance-not-held")
    spec.when(receive(1_00, 1_00), dismiss).then_refused("remittance-not-held")


def test_a_second_payment_under_a_used_trace_number_is_kept_and_held() -> None:
    twin = HoldReusedTrace(told=told(100_00, 100_00), first_remittance_id="remittance-0")
    story = spec.when(twin)
    story.then_kinds(TraceNumberReused, RemittanceHeld)
    assert story.only(RemittanceHeld).findings[0].rule == "trace-number-reused"
    assert balances(story.events) == {}
    spec.given(*story.events).when(twin).then_nothing()


def test_a_remittance_is_posted_when_all_its_claims_have_answered() -> None:
    past = spec.when(receive(100_00, 100_00)).events
    first = spec.given(*past).when(answered(1, 60_00))
    first.then_kinds(RemittanceClaimAnswered)
    second = spec.given(*past, *first.events).when(answered(2, 40_00, "held"))
    assert second.only(RemittancePosted) == RemittancePosted(
        remittance_id="remittance-1",
        posted_cents=60_00,
        held_cents=40_00,
        unapplied_cents=0,
        provider_adjustments_cents=0,
    )


def test_a_claim_that_answers_again_the_same_is_no_news() -> None:
    past = spec.when(receive(100_00, 100_00), answered(1, 60_00)).events
    spec.given(*past).when(answered(1, 60_00)).then_nothing()


def test_a_claim_that_was_unapplied_becomes_posted_later() -> None:
    past = spec.when(receive(60_00, 60_00, claims=1), answered(1, 60_00, "unapplied")).events
    story = spec.given(*past).when(answered(1, 60_00))
    story.then_kinds(RemittanceClaimAnswered)
    assert (story.state.cents("posted"), story.state.cents("unapplied")) == (60_00, 0)


def test_a_remittance_without_claims_is_posted_at_once() -> None:
    story = spec.when(receive(10_00, 0, plb("L6", -10_00), claims=0))
    story.then_kinds(RemittanceReceived, ProviderAdjustmentPosted, RemittancePosted)
    assert balances(story.events) == {"cash": 10_00, "interest": -10_00}


def test_only_claims_of_the_remittance_answer() -> None:
    past = spec.when(receive(100_00, 100_00)).events
    spec.given(*past).when(answered(3, 1_00)).then_refused("claim-not-in-remittance")
    spec.when(answered(1, 1_00)).then_refused("not-found")


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"trace_number": " trace1 "}, True),
        ({"trace_number": "TRACE2"}, False),
        ({"payment_cents": 100_01}, False),
        ({"payment_on": date(2026, 3, 21)}, False),
        ({"payer_identifier": "1888888888"}, False),
    ],
)
def test_payer_trace_date_and_amount_name_a_remittance(change: dict[str, Any], is_same: bool) -> None:
    four: dict[str, Any] = {
        "payer_identifier": "1999999999",
        "trace_number": "TRACE1",
        "payment_on": date(2026, 3, 20),
        "payment_cents": 100_00,
    }
    assert (remittance_id_of(**four) == remittance_id_of(**{**four, **change})) is is_same


def test_every_event_of_a_remittance_sums_to_zero() -> None:
    events = spec.when(receive(401_25, 460_00, plb("WO", 60_00), plb("L6", -1_25)), answered(1, 1)).events
    sums = Counter({index: sum(p.amount_cents for p in getattr(e, "postings", ())) for index, e in enumerate(events)})
    assert not any(sums.values())
