"""Stories about a patient's money: for which account it is, and what comes back."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.patient_account.commands import (
    AccountDue,
    AllocateUnapplied,
    ApproveUnappliedRefund,
    DeclineUnappliedRefund,
    Named,
    ReceivePatientPayment,
    RequestUnappliedRefund,
    ReturnAllocation,
    ReverseUnappliedRefund,
    TakeBackPayment,
)
from services.payments.domain.patient_account.decider import patient_account
from shared.events.patient_money import (
    AllocationReturned,
    OverdraftCovered,
    PatientPaymentReceived,
    PaymentAllocated,
    RefundReversalReason,
    UnappliedRefundDeclined,
    UnappliedRefunded,
    UnappliedRefundRequested,
    UnappliedRefundReversed,
)
from shared.events.values import Posting
from shared.testing.specification import Specification
from tests.unit.payments.stories import balances

spec = Specification(patient_account)


def receive(
    cents: int, *, named: tuple[Named, ...] = (), due: tuple[AccountDue, ...] = (), payment: str = "payment-1"
) -> ReceivePatientPayment:
    return ReceivePatientPayment(
        payment_id=payment,
        patient_id="patient-1",
        amount_cents=cents,
        method="card",
        received_on=date(2026, 3, 2),
        token="tok_1",
        named=named,
        due=due,
    )


def allocated(events: Any) -> list[tuple[str, int]]:
    return [(each.account_id, each.amount_cents) for each in events if isinstance(each, PaymentAllocated)]


def test_a_prepayment_stays_unapplied_with_its_owner() -> None:
    story = spec.when(receive(25_00))
    assert story.only(PatientPaymentReceived).postings == (
        Posting(account="cash", amount_cents=25_00),
        Posting(account="unapplied", amount_cents=-25_00),
    )


def test_what_is_owed_longest_is_paid_first() -> None:
    story = spec.when(receive(50_00, due=(AccountDue("old", 30_00), AccountDue("new", 40_00))))
    assert allocated(story.events) == [("old", 30_00), ("new", 20_00)]
    assert balances(story.events) == {"cash": 50_00, "allocated": -50_00}


def test_a_named_account_comes_first_and_the_rest_follows_the_age() -> None:
    due = (AccountDue("old", 30_00), AccountDue("new", 40_00))
    story = spec.when(receive(50_00, named=(Named("new", 35_00),), due=due))
    assert allocated(story.events) == [("new", 35_00), ("old", 15_00)]


def test_more_than_is_owed_stays_unapplied() -> None:
    story = spec.when(receive(50_00, due=(AccountDue("old", 30_00),)))
    assert story.state.payments["payment-1"].unapplied_cents == 20_00


def test_the_same_payment_twice_is_no_news() -> None:
    past = spec.when(receive(25_00)).events
    spec.given(*past).when(receive(25_00)).then_nothing()


def test_the_same_payment_number_with_another_amount_is_refused() -> None:
    past = spec.when(receive(25_00)).events
    spec.given(*past).when(receive(26_00)).then_refused("payment-number-reused")


def test_amounts_are_positive_and_no_more_is_named_than_was_paid() -> None:
    spec.when(receive(0)).then_refused("not-an-amount")
    spec.when(receive(10_00, named=(Named("a", 10_01),))).then_refused("allocations-exceed-payment")


def test_money_that_waits_is_used_when_the_patient_comes_to_owe_something() -> None:
    past = spec.when(receive(25_00), receive(10_00, payment="payment-2")).events
    story = spec.given(*past).when(AllocateUnapplied(due=AccountDue("visit", 30_00)))
    assert [(each.payment_id, each.amount_cents) for each in story.events] == [
        ("payment-1", 25_00),
        ("payment-2", 5_00),
    ]


def test_without_money_nothing_is_allocated() -> None:
    spec.when(AllocateUnapplied(due=AccountDue("visit", 30_00))).then_nothing()


def test_what_an_account_could_not_take_is_unapplied_again_once() -> None:
    past = spec.when(receive(25_00, named=(Named("visit", 25_00),))).events
    back = ReturnAllocation(payment_id="payment-1", allocation=1, amount_cents=10_00)
    story = spec.given(*past).when(back, back)
    assert story.only(AllocationReturned).amount_cents == 10_00
    assert balances([*past, *story.events]) == {"cash": 25_00, "unapplied": -10_00, "allocated": -15_00}


def ask_refund(cents: int, number: str = "refund-1") -> RequestUnappliedRefund:
    return RequestUnappliedRefund(payment_id="payment-1", refund_id=number, amount_cents=cents, requested_by="user:ann")


def agree(by: str = "user:bob", number: str = "refund-1") -> ApproveUnappliedRefund:
    return ApproveUnappliedRefund(payment_id="payment-1", refund_id=number, approved_by=by)


def test_what_waits_of_a_payment_is_refunded_when_two_persons_say_so() -> None:
    past = spec.when(receive(25_00, named=(Named("visit", 20_00),))).events
    asked = spec.given(*past).when(ask_refund(5_00), ask_refund(5_00))
    asked.then_kinds(UnappliedRefundRequested)
    assert balances(asked.events) == {}
    spec.given(*past, *asked.events).when(agree("user:ann")).then_refused("same-person")
    story = spec.given(*past, *asked.events).when(agree())
    refunded = story.only(UnappliedRefunded)
    assert (refunded.amount_cents, refunded.approved_by) == (5_00, "user:bob")
    assert balances([*past, *story.events]) == {"cash": 25_00, "allocated": -20_00, "refunds": -5_00}
    spec.given(*past, *asked.events, *story.events).when(agree()).then_refused("refund-already-issued")


def test_no_more_is_refunded_than_waits_when_it_is_asked_for_and_when_it_is_agreed_to() -> None:
    past = spec.when(receive(25_00)).events
    spec.given(*past).when(ask_refund(25_01)).then_refused("exceeds-unapplied")
    spec.given(*past).when(ask_refund(0)).then_refused("not-an-amount")
    used = AllocateUnapplied(due=AccountDue("visit", 15_00))
    refusal = spec.given(*past).when(ask_refund(25_00), used, agree()).then_refused("exceeds-unapplied")
    assert refusal.facts == {"unapplied_cents": 10_00, "amount_cents": 25_00}


def decline(by: str = "user:bob") -> DeclineUnappliedRefund:
    return DeclineUnappliedRefund(payment_id="payment-1", refund_id="refund-1", reason="not-owed", declined_by=by)


def void(reason: RefundReversalReason = "check-voided") -> ReverseUnappliedRefund:
    return ReverseUnappliedRefund(payment_id="payment-1", refund_id="refund-1", reason=reason, reversed_by="user:bob")


def test_a_refund_that_was_declined_is_not_issued_and_the_money_goes_on_waiting() -> None:
    story = spec.when(receive(25_00), ask_refund(5_00), decline(), decline())
    assert story.only(UnappliedRefundDeclined).reason == "not-owed"
    assert balances(story.events) == {"cash": 25_00, "unapplied": -25_00}
    spec.given(*story.events).when(agree()).then_refused("refund-was-declined")
    spec.given(*story.events).when(void()).then_refused("refund-not-issued")
    spec.given(*story.events).when(ask_refund(5_00)).then_nothing()
    issued = spec.when(receive(25_00), ask_refund(5_00), agree()).events
    spec.given(*issued).when(decline()).then_refused("refund-already-issued")


def test_a_refund_check_that_was_voided_waits_again() -> None:
    past = spec.when(receive(25_00), ask_refund(5_00), agree()).events
    story = spec.given(*past).when(void(), void())
    assert story.only(UnappliedRefundReversed).reversed_by == "user:bob"
    assert balances([*past, *story.events]) == {"cash": 25_00, "unapplied": -25_00}
    spec.given(*past, *story.events).when(void("returned-by-bank")).then_refused("refund-already-reversed")
    spec.given(*past, *story.events).when(ask_refund(25_00, "refund-2"), agree(number="refund-2")).then_kinds(
        UnappliedRefundRequested, UnappliedRefunded
    )


def test_a_voided_check_makes_good_what_the_patient_seemed_to_have_had_twice() -> None:
    bounced = TakeBackPayment(
        payment_id="payment-1",
        reason="chargeback",
        taken_back_on=date(2026, 3, 9),
        taken_back_by="user:ann",
        refunded_too=True,
    )
    past = spec.when(receive(25_00), ask_refund(5_00), agree(), bounced).events
    assert balances(past) == {"refunds": -5_00, "overdrawn": 5_00}
    story = spec.given(*past).when(void())
    story.then_kinds(UnappliedRefundReversed, OverdraftCovered)
    assert balances([*past, *story.events]) == {}


def test_nobody_agrees_to_what_nobody_asked_for() -> None:
    spec.when(receive(25_00), agree()).then_refused("not-found")
    spec.when(ask_refund(5_00)).then_refused("not-found")


def test_only_an_allocation_comes_back() -> None:
    spec.when(ReturnAllocation(payment_id="payment-1", allocation=1, amount_cents=1)).then_refused("not-found")


@given(st.integers(1, 100_00), st.lists(st.integers(-10_00, 60_00), max_size=5))
def test_no_cent_of_a_payment_is_lost_or_made(cents: int, dues: list[int]) -> None:
    due = tuple(AccountDue(f"account-{number}", each) for number, each in enumerate(dues))
    story = spec.when(receive(cents, due=due))
    left = story.state.payments["payment-1"].unapplied_cents
    assert left >= 0
    assert left + sum(amount for _, amount in allocated(story.events)) == cents
    assert sum(balances(story.events).values()) == 0
