"""What do patients' payments and people's decisions do to one claim's account? Amounts in cents."""

from __future__ import annotations

import pytest

from services.payments.domain.claim_account.commands import (
    ApproveAdjustment,
    ApproveRefund,
    DeclineRefund,
    MoveToAgency,
    RequestAdjustment,
    RequestRefund,
    ReturnFromAgency,
    ReverseAdjustment,
    ReverseClaimPayment,
    ReverseRefund,
)
from shared.events.payments import (
    AccountMovedToAgency,
    AccountReturnedFromAgency,
    AdjustmentApproved,
    AdjustmentRequested,
    AdjustmentReversed,
    PaymentApplied,
    PaymentNotTaken,
    RefundDeclined,
    RefundIssued,
    RefundRequested,
    RefundReversed,
)
from shared.events.values import Posting
from tests.unit.payments.stories import (
    ACCOUNT,
    INSURED,
    PAID_ON,
    account,
    answer,
    balances,
    cas,
    owed,
    pay,
    post,
)

# The patient's money

DUE = (*INSURED, post(answer(100_00, 80_00, cas("PR", "2", 20_00))))


def test_a_patients_payment_lowers_what_the_patient_owes() -> None:
    story = account.given(*account.when(*DUE).events).when(pay(15_00))
    story.then(
        PaymentApplied(
            account_id=ACCOUNT,
            patient_id="patient-1",
            payment_id="payment-1",
            allocation=1,
            amount_cents=15_00,
            postings=(
                Posting(account="allocated", amount_cents=15_00, line_id="L1"),
                Posting(account="receivable:patient", amount_cents=-15_00, line_id="L1"),
            ),
        )
    )


def test_what_the_account_cannot_take_goes_back() -> None:
    story = account.given(*account.when(*DUE).events).when(pay(25_00))
    story.then_kinds(PaymentApplied, PaymentNotTaken)
    assert (story.events[0].amount_cents, story.events[1].amount_cents) == (20_00, 5_00)


def test_money_for_an_account_that_owes_nothing_goes_back_whole() -> None:
    account.when(pay(25_00)).then(
        PaymentNotTaken(
            account_id=ACCOUNT, patient_id="patient-1", payment_id="payment-1", allocation=1, amount_cents=25_00
        )
    )


def test_the_same_allocation_twice_is_no_news() -> None:
    past = account.when(*DUE, pay(15_00)).events
    account.given(*past).when(pay(15_00)).then_nothing()


# Decisions of people


def request(cents: int, reason: str = "small-balance", party: str = "patient") -> RequestAdjustment:
    return RequestAdjustment(
        account_id=ACCOUNT,
        adjustment_id="adjustment-1",
        party=party,
        reason=reason,
        amount_cents=cents,
        requested_by="user:ann",
    )


def approve(by: str = "user:bob") -> ApproveAdjustment:
    return ApproveAdjustment(adjustment_id="adjustment-1", approved_by=by)


def test_a_write_off_needs_a_second_person() -> None:
    account.when(*DUE, request(20_00), approve("user:ann")).then_refused("same-person")


def test_a_requested_write_off_moves_nothing() -> None:
    story = account.given(*account.when(*DUE).events).when(request(20_00))
    story.then_kinds(AdjustmentRequested)
    assert balances(story.events) == {}


@pytest.mark.parametrize(
    ("reason", "where"),
    [("small-balance", "write-off:small-balance"), ("charity", "charity"), ("bad-debt", "bad-debt")],
)
def test_an_approved_write_off_stands_under_its_reason(reason: str, where: str) -> None:
    story = account.when(*DUE, request(20_00, reason), approve())
    assert story.only(AdjustmentApproved).approved_by == "user:bob"
    assert balances(story.events)[where] == 20_00
    assert owed(story.events) == {}


def test_a_write_off_is_never_more_than_the_party_owes() -> None:
    account.when(*DUE, request(20_01)).then_refused("exceeds-balance")
    account.when(*DUE, request(20_00), pay(1_00), approve()).then_refused("exceeds-balance")
    account.when(*DUE, request(0)).then_refused("not-an-amount")


def test_a_write_off_is_decided_once() -> None:
    account.when(*DUE, request(10_00), approve(), approve()).then_refused("adjustment-already-decided")
    account.when(*DUE, approve()).then_refused("not-found")


def test_a_write_off_can_be_taken_back() -> None:
    back = ReverseAdjustment(adjustment_id="adjustment-1", reversed_by="user:bob")
    story = account.when(*DUE, request(20_00), approve(), back)
    assert story.only(AdjustmentReversed).amount_cents == 20_00
    assert owed(story.events) == {"patient": 20_00}
    account.given(*story.events).when(back).then_refused("adjustment-not-approved")


def ask_refund(cents: int) -> RequestRefund:
    return RequestRefund(
        account_id=ACCOUNT, refund_id="refund-1", to_party="payer:1", amount_cents=cents, requested_by="user:ann"
    )


def agree(by: str = "user:bob") -> ApproveRefund:
    return ApproveRefund(refund_id="refund-1", approved_by=by)


PAID_TWICE = (*INSURED, *(post(answer(100_00, 100_00, remittance=f"remittance-{number}")) for number in (1, 2)))


def test_a_credit_is_refunded_to_whoever_paid_too_much_when_two_persons_say_so() -> None:
    asked = account.when(*PAID_TWICE, ask_refund(100_00), ask_refund(100_00))
    assert asked.only(RefundRequested).requested_by == "user:ann"
    assert "refunds" not in balances(asked.events)
    account.given(*asked.events).when(agree("user:ann")).then_refused("same-person")
    story = account.given(*asked.events).when(agree())
    refunded = story.only(RefundIssued)
    assert (refunded.amount_cents, refunded.approved_by) == (100_00, "user:bob")
    assert balances([*asked.events, *story.events]) == {"charges": -100_00, "suspense": 200_00, "refunds": -100_00}
    account.given(*asked.events, *story.events).when(agree()).then_refused("refund-already-issued")
    account.given(*asked.events, *story.events).when(ask_refund(100_00)).then_nothing()


def test_nothing_beyond_the_credit_is_refunded_and_the_refusal_says_what_is_left() -> None:
    account.when(*INSURED, ask_refund(1)).then_refused("exceeds-credit")
    account.when(*PAID_TWICE, ask_refund(0)).then_refused("not-an-amount")
    account.when(*PAID_TWICE, agree()).then_refused("not-found")
    taken = ReverseClaimPayment(remittance_id="remittance-2", ordinal=1, reversed_on=PAID_ON)
    refusal = account.when(*PAID_TWICE, ask_refund(100_00), taken, agree()).then_refused("exceeds-credit")
    assert refusal.facts["credit_cents"] == 0


def test_a_refund_that_was_declined_is_not_issued_and_the_credit_stands() -> None:
    no = DeclineRefund(refund_id="refund-1", reason="wrong-party", declined_by="user:bob")
    story = account.when(*PAID_TWICE, ask_refund(100_00), no, no)
    assert story.only(RefundDeclined).declined_by == "user:bob"
    assert owed(story.events) == {"payer:1": -100_00}
    account.given(*story.events).when(agree()).then_refused("refund-was-declined")
    account.when(*PAID_TWICE, ask_refund(100_00), agree(), no).then_refused("refund-already-issued")
    account.when(*PAID_TWICE, no).then_refused("not-found")


def test_a_refund_that_never_arrived_is_a_credit_again() -> None:
    void = ReverseRefund(refund_id="refund-1", reason="check-never-cashed", reversed_by="user:bob")
    asked = account.when(*PAID_TWICE, ask_refund(100_00))
    account.given(*asked.events).when(void).then_refused("refund-not-issued")
    issued = account.given(*asked.events).when(agree())
    past = [*asked.events, *issued.events]
    story = account.given(*past).when(void, void)
    assert story.only(RefundReversed).amount_cents == 100_00
    assert balances([*past, *story.events]) == balances(asked.events)
    other = ReverseRefund(refund_id="refund-1", reason="check-voided", reversed_by="user:bob")
    account.given(*past, *story.events).when(other).then_refused("refund-already-reversed")


def test_the_patients_balance_moves_to_the_agency_and_back() -> None:
    out = MoveToAgency(account_id=ACCOUNT, placement_id="placement-1")
    back = ReturnFromAgency(account_id=ACCOUNT, placement_id="placement-1")
    placed = account.when(*DUE, out, out)
    assert placed.only(AccountMovedToAgency).amount_cents == 20_00
    assert owed(placed.events) == {"agency": 20_00}
    paid = account.given(*placed.events).when(pay(5_00), back)
    assert paid.only(AccountReturnedFromAgency).amount_cents == 15_00
    assert owed([*placed.events, *paid.events]) == {"patient": 15_00}


def test_nothing_is_placed_when_the_patient_owes_nothing() -> None:
    account.when(*INSURED, MoveToAgency(account_id=ACCOUNT, placement_id="placement-1")).then_refused(
        "nothing-to-place"
    )


def test_only_what_is_placed_comes_back() -> None:
    back = ReturnFromAgency(account_id=ACCOUNT, placement_id="placement-1")
    account.when(*DUE, back).then_refused("not-with-agency")
