from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from services.collections.domain.guarantor_account.commands import CheckDispute, CheckInstalment, CheckPromise, RunCycle
from services.collections.policies import deadlines, note_balances
from services.collections.policies.note_balances import KnownAccount
from shared.events.base import Event
from shared.events.collections import (
    DisputeOpened,
    DisputeResolved,
    Instalment,
    NextStepPlanned,
    PaymentPlanAgreed,
    PromiseKept,
    PromiseMade,
)
from shared.events.envelope import START, Recorded, Stored
from shared.events.payments import (
    AccountMovedToAgency,
    AdjustmentApproved,
    PatientPaymentReversed,
    PaymentApplied,
    RefundIssued,
    ResponsibilityTransferred,
)
from shared.events.values import Posting
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
KNOWN = KnownAccount(patient_id="patient-1", service_on=date(2026, 2, 2))


def recorded(event: Event, version: int = 1) -> Recorded[Any]:
    stored = Stored(
        service="collections",
        tenant="clinic",
        stream="guarantor-account/patient-1",
        version=version,
        event_id=UUID(int=version),
        type=type(event).__name__,
        occurred_at=NOW,
        recorded_at=NOW,
        actor="test",
        command_id=UUID(int=version),
        correlation_id="test",
        causation_id=None,
        traceparent=None,
        clock="driven",
        data=b"",
        previous_hash=b"",
        hash=b"",
        position=START,
    )
    return Recorded(stored=stored, event=event)


def postings(cents: int, other: str) -> tuple[Posting, ...]:
    return (
        Posting(account="receivable:patient", amount_cents=cents),
        Posting(account=other, amount_cents=-cents),
    )


def react(event: Any) -> list[Any]:
    return list(note_balances.react(event, KNOWN, event_id="event-1", on=NOW.date()))


# --- what the ledger says ---------------------------------------------------------------------------------------------


def transferred(cents: int, *, to: str = "patient") -> ResponsibilityTransferred:
    sign = 1 if to == "patient" else -1
    return ResponsibilityTransferred(
        account_id="A",
        patient_id="patient-1",
        from_party="payer:1",
        to_party=to,
        amount_cents=cents,
        reason="deductible",
        since_on=date(2026, 3, 1),
        postings=postings(sign * cents, "receivable:payer:1"),
    )


def test_what_becomes_the_patients_is_noted_with_its_reason_and_its_day() -> None:
    (noted,) = react(transferred(80_00))
    assert (noted.change_cents, noted.reason, noted.since_on) == (80_00, "deductible", date(2026, 3, 1))
    assert (noted.patient_id, noted.service_on, noted.source_event_id) == ("patient-1", date(2026, 2, 2), "event-1")


def test_what_goes_back_to_a_payer_is_the_patients_no_more() -> None:
    (noted,) = react(transferred(80_00, to="payer:1"))
    assert noted.change_cents == -80_00


def test_what_moves_between_payers_is_no_business_of_the_patients() -> None:
    event = ResponsibilityTransferred(
        account_id="A",
        patient_id="patient-1",
        from_party="payer:1",
        to_party="payer:2",
        amount_cents=80_00,
        reason="coinsurance",
        since_on=NOW.date(),
        postings=(
            Posting(account="receivable:payer:1", amount_cents=-80_00),
            Posting(account="receivable:payer:2", amount_cents=80_00),
        ),
    )
    assert react(event) == []


def test_a_payment_that_the_agency_gets_is_not_the_patients_payment_here() -> None:
    event = PaymentApplied(
        account_id="A",
        patient_id="patient-1",
        payment_id="p1",
        allocation=1,
        amount_cents=50_00,
        postings=(
            Posting(account="allocated", amount_cents=50_00),
            Posting(account="receivable:patient", amount_cents=-20_00),
            Posting(account="receivable:agency", amount_cents=-30_00),
        ),
    )
    (noted,) = react(event)
    assert (noted.change_cents, noted.payment_id) == (-20_00, "p1")


def test_a_payment_that_was_taken_back_is_owed_again_since_the_old_day() -> None:
    event = PatientPaymentReversed(
        account_id="A",
        patient_id="patient-1",
        payment_id="p1",
        allocation=1,
        amount_cents=50_00,
        reason="returned-by-bank",
        since_on=date(2026, 1, 2),
        postings=(
            Posting(account="allocated", amount_cents=-50_00),
            Posting(account="receivable:patient", amount_cents=50_00),
        ),
    )
    (noted,) = react(event)
    assert (noted.change_cents, noted.payment_id) == (50_00, "p1")
    assert (noted.reason, noted.since_on) == ("payment-returned-by-bank", date(2026, 1, 2))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            AdjustmentApproved(
                account_id="A",
                adjustment_id="a1",
                party="patient",
                reason="charity",
                amount_cents=10_00,
                approved_by="user:x",
                postings=postings(-10_00, "charity"),
            ),
            "adjustment-charity",
        ),
        (
            RefundIssued(
                account_id="A",
                refund_id="r1",
                to_party="patient",
                amount_cents=10_00,
                postings=postings(10_00, "refunds"),
            ),
            "refund",
        ),
        (
            AccountMovedToAgency(
                account_id="A", placement_id="p1", amount_cents=10_00, postings=postings(-10_00, "receivable:agency")
            ),
            "moved-to-agency",
        ),
    ],
)
def test_every_change_has_a_reason(event: Event, reason: str) -> None:
    (noted,) = react(event)
    assert (noted.reason, noted.payment_id) == (reason, "")


# --- days -------------------------------------------------------------------------------------------------------------


def planned(**changes: Any) -> NextStepPlanned:
    told: dict[str, Any] = {
        "patient_id": "patient-1",
        "step": "statement",
        "due_on": date(2026, 3, 4),
        "reason": "first-statement",
        "strategy_version": 1,
    }
    return NextStepPlanned(**(told | changes))


def days_of(event: Event) -> list[Any]:
    return list(deadlines.plan(recorded(event)))


def test_the_next_statement_has_one_timer_that_moves_with_it() -> None:
    (first,), (moved,) = days_of(planned()), days_of(planned(due_on=date(2026, 3, 9)))
    assert isinstance(first, SetTimer) and isinstance(moved, SetTimer)
    assert (first.key, first.due_at.date()) == (moved.key, date(2026, 3, 4))
    assert moved.due_at.date() == date(2026, 3, 9)


@pytest.mark.parametrize("step", ["none", "paused", "ready-for-placement"])
def test_what_no_timer_may_do_has_none(step: str) -> None:
    (change,) = days_of(planned(step=step))
    assert change == CancelTimer(key="cycle|patient-1")


def test_every_instalment_has_a_timer_for_the_day_after_its_grace() -> None:
    agreed = PaymentPlanAgreed(
        patient_id="patient-1",
        plan_id="plan-1",
        total_cents=20_00,
        instalments=(
            Instalment(number=1, due_on=date(2026, 4, 1), amount_cents=10_00),
            Instalment(number=2, due_on=date(2026, 5, 1), amount_cents=10_00),
        ),
    )
    assert [(change.key, change.due_at.date()) for change in days_of(agreed)] == [
        ("instalment|patient-1|plan-1|1", date(2026, 4, 7)),
        ("instalment|patient-1|plan-1|2", date(2026, 5, 7)),
    ]


def test_a_promise_and_a_dispute_have_timers_that_end_with_them() -> None:
    made = PromiseMade(patient_id="patient-1", promise_id="p", amount_cents=1, by_on=date(2026, 3, 10))
    opened = DisputeOpened(
        patient_id="patient-1", dispute_id="d", account_ids=("A",), reason_code="x", answer_by_on=date(2026, 4, 1)
    )
    kept = PromiseKept(patient_id="patient-1", promise_id="p")
    resolved = DisputeResolved(patient_id="patient-1", dispute_id="d", outcome="upheld", reason="x")
    assert [change.due_at.date() for change in (*days_of(made), *days_of(opened))] == [
        date(2026, 3, 14),
        date(2026, 4, 2),
    ]
    assert [*days_of(kept), *days_of(resolved)] == [
        CancelTimer(key="promise|patient-1|p"),
        CancelTimer(key="dispute|patient-1|d"),
    ]


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("cycle|patient-1", RunCycle(patient_id="patient-1", on=NOW.date())),
        ("instalment|patient-1|p|2", CheckInstalment(patient_id="patient-1", plan_id="p", number=2, on=NOW.date())),
        ("promise|patient-1|p", CheckPromise(patient_id="patient-1", promise_id="p", on=NOW.date())),
        ("dispute|patient-1|d", CheckDispute(patient_id="patient-1", dispute_id="d", on=NOW.date())),
    ],
)
def test_a_timer_asks_the_account_on_the_day_it_fires(key: str, command: Any) -> None:
    timer = DueTimer(tenant="clinic", key=key, due_at=NOW, note="")
    assert deadlines.fire(timer, NOW.date()) == ("patient-1", command)


def test_a_timer_of_another_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="another kind"):
        deadlines.fire(DueTimer(tenant="clinic", key="tea", due_at=NOW, note=""), NOW.date())
