"""Stories about payments by card: the processor is asked until it answers, and takes and gives back once."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.card_payment.commands import (
    CardPaymentCommand,
    RecordChargeback,
    RecordChargebackWon,
    RecordDeclined,
    RecordNoAnswer,
    RecordSettlement,
    RecordTaken,
    RequestCardPayment,
    RequestCardRefund,
)
from services.payments.domain.card_payment.decider import card_payment
from services.payments.domain.patient_account.commands import (
    AccountDue,
    ApproveUnappliedRefund,
    RequestUnappliedRefund,
)
from services.payments.domain.patient_account.decider import patient_account
from services.payments.policies import take_cards
from shared.events.cards import (
    CardAnswerMissed,
    CardChargebackWon,
    CardChargedBack,
    CardPaymentAuthorised,
    CardPaymentCaptured,
    CardPaymentDeclined,
    CardPaymentEvent,
    CardPaymentRequested,
    CardPaymentSettled,
    CardRefunded,
    CardRefundFailed,
    CardRefundRequested,
    CardStep,
    NamedAccount,
)
from shared.events.patient_money import UnappliedRefunded
from shared.events.values import Posting
from shared.testing.specification import Specification
from tests.unit.payments.stories import balances

spec = Specification(card_payment)
ledger = Specification(patient_account)
TODAY = date(2026, 3, 2)


def ask(cents: int = 50_00, *, key: str = "k1", named: tuple[NamedAccount, ...] = ()) -> RequestCardPayment:
    return RequestCardPayment(
        card_payment_id="c1",
        patient_id="patient-1",
        amount_cents=cents,
        token="tok_1",
        idempotency_key=key,
        requested_by="user:ann",
        named=named,
    )


def taken(step: CardStep, refund: str = "") -> RecordTaken:
    return RecordTaken(step=step, refund_id=refund, reference="pay_1", on=TODAY)


CAPTURED = (ask(), taken("authorise"), taken("capture"))
REFUND = RequestCardRefund(payment_id="card:c1", refund_id="r1", amount_cents=20_00)
LOST = RecordChargeback(chargeback_id="cb1", amount_cents=50_00, reason="fraud", charged_back_on=date(2026, 3, 12))
WON = RecordChargebackWon(chargeback_id="cb1", won_on=date(2026, 4, 1))
SETTLED = RecordSettlement(settlement_id="s1", amount_cents=50_00, fee_cents=1_75, settled_on=date(2026, 3, 3))


def test_a_payment_is_kept_before_the_processor_is_asked_and_keeps_its_key() -> None:
    story = spec.when(ask(), ask(key="k2"))
    assert story.only(CardPaymentRequested).idempotency_key == "k1"
    spec.given(*story.events).when(ask(51_00)).then_refused("payment-number-reused")
    spec.when(ask(0)).then_refused("not-an-amount")
    spec.when(ask(named=(NamedAccount(account_id="a", amount_cents=50_01),))).then_refused("allocations-exceed-payment")


def test_no_answer_is_no_news_and_the_same_is_asked_again() -> None:
    missed = RecordNoAnswer(step="authorise", problem="ReadTimeout")
    story = spec.when(ask(), missed, missed)
    story.then_kinds(CardPaymentRequested, CardAnswerMissed)
    before = card_payment.state_after(story.events[:1]).question
    assert before is not None
    assert card_payment.state_after(story.events).question == before
    spec.given(*story.events).when(taken("authorise"), missed).then_kinds(CardPaymentAuthorised)


def test_what_is_declined_takes_no_money_and_is_over() -> None:
    story = spec.when(ask(), RecordDeclined(step="authorise", code="expired-card"))
    assert story.only(CardPaymentDeclined).code == "expired-card"
    assert card_payment.state_after(story.events).question is None
    spec.given(*story.events).when(taken("authorise")).then_nothing()
    spec.given(*story.events).when(REFUND).then_refused("card-not-captured")


def test_what_is_captured_is_a_payment_of_the_patient() -> None:
    story = spec.when(ask(named=(NamedAccount(account_id="visit", amount_cents=30_00),)), *CAPTURED[1:])
    [receive] = take_cards.receive(story.only(CardPaymentCaptured), [AccountDue("old", 5_00)])
    money = ledger.when(receive, receive)
    assert balances(money.events) == {"cash": 50_00, "allocated": -35_00, "unapplied": -15_00}


def test_a_settlement_posts_what_the_processor_keeps() -> None:
    story = spec.when(*CAPTURED, SETTLED, SETTLED)
    assert story.only(CardPaymentSettled).postings == (
        Posting(account="card-fees", amount_cents=1_75),
        Posting(account="cash", amount_cents=-1_75),
    )
    spec.when(ask(), SETTLED).then_refused("card-not-captured")


def refund_in_the_ledger(*, to_card: bool | None = None) -> UnappliedRefunded:
    [receive] = take_cards.receive(spec.when(*CAPTURED).only(CardPaymentCaptured), [])
    asked = RequestUnappliedRefund(
        payment_id="card:c1", refund_id="r1", amount_cents=20_00, requested_by="user:ann", to_card=to_card
    )
    agreed = ApproveUnappliedRefund(payment_id="card:c1", refund_id="r1", approved_by="user:bob")
    return ledger.when(receive, asked, agreed).only(UnappliedRefunded)


def test_a_refund_goes_back_to_the_card_unless_something_else_is_meant() -> None:
    assert list(take_cards.refund_to_card(refund_in_the_ledger())) == [REFUND]
    assert list(take_cards.refund_to_card(refund_in_the_ledger(to_card=False))) == []
    story = spec.when(*CAPTURED, REFUND, REFUND)
    question = card_payment.state_after(story.events).question
    assert question is not None
    assert (question.step, question.reference, question.amount_cents) == ("refund", "pay_1", 20_00)
    assert story.only(CardRefundRequested).idempotency_key == question.idempotency_key
    given_back = spec.given(*story.events).when(taken("refund", "r1"), taken("refund", "r1"))
    assert given_back.only(CardRefunded).amount_cents == 20_00


def test_a_card_that_takes_no_refund_leaves_the_money_waiting() -> None:
    no = RecordDeclined(step="refund", refund_id="r1", code="card-closed")
    failed = spec.when(*CAPTURED, REFUND, no, no).only(CardRefundFailed)
    [receive] = take_cards.receive(spec.when(*CAPTURED).only(CardPaymentCaptured), [])
    asked = RequestUnappliedRefund(payment_id="card:c1", refund_id="r1", amount_cents=20_00, requested_by="user:ann")
    agreed = ApproveUnappliedRefund(payment_id="card:c1", refund_id="r1", approved_by="user:bob")
    [back] = take_cards.reverse_refund(failed)
    assert balances(ledger.when(receive, asked, agreed, back, back).events) == {"cash": 50_00, "unapplied": -50_00}


def test_a_dispute_takes_the_payment_back_and_one_that_is_won_is_a_new_payment() -> None:
    story = spec.when(*CAPTURED, LOST, LOST, WON, WON)
    [receive] = take_cards.receive(story.only(CardPaymentCaptured), [AccountDue("visit", 50_00)])
    [back] = take_cards.take_back(story.only(CardChargedBack))
    [again] = take_cards.receive_again(story.only(CardChargebackWon), [AccountDue("visit", 50_00)])
    taken_back = ledger.when(receive, back, back)
    assert balances(taken_back.events) == {}
    assert balances([*taken_back.events, *ledger.given(*taken_back.events).when(again, again).events]) == {
        "cash": 50_00,
        "allocated": -50_00,
    }
    spec.when(*CAPTURED, WON).then_refused("not-found")


def test_a_chargeback_of_another_amount_waits_for_a_person() -> None:
    [receive] = take_cards.receive(spec.when(*CAPTURED).only(CardPaymentCaptured), [])
    part = RecordChargeback(chargeback_id="cb1", amount_cents=49_99, reason="fraud", charged_back_on=TODAY)
    [back] = take_cards.take_back(spec.when(*CAPTURED, part).only(CardChargedBack))
    refusal = ledger.when(receive, back).then_refused("chargeback-differs")
    assert refusal.facts["charged_back_cents"] == 49_99


def test_a_chargeback_of_what_was_refunded_too_is_had_twice() -> None:
    [receive] = take_cards.receive(spec.when(*CAPTURED).only(CardPaymentCaptured), [])
    asked = RequestUnappliedRefund(
        payment_id="card:c1", refund_id="r1", amount_cents=20_00, requested_by="user:ann", to_card=False
    )
    agreed = ApproveUnappliedRefund(payment_id="card:c1", refund_id="r1", approved_by="user:bob")
    [whole] = take_cards.take_back(spec.when(*CAPTURED, LOST).only(CardChargedBack))
    assert balances(ledger.when(receive, asked, agreed, whole).events) == {"refunds": -20_00, "overdrawn": 20_00}
    rest = RecordChargeback(chargeback_id="cb1", amount_cents=30_00, reason="fraud", charged_back_on=TODAY)
    [part] = take_cards.take_back(spec.when(*CAPTURED, rest).only(CardChargedBack))
    assert balances(ledger.when(receive, asked, agreed, part).events) == {"cash": 20_00, "refunds": -20_00}


def steps() -> st.SearchStrategy[list[CardPaymentCommand]]:
    each = st.sampled_from([*CAPTURED, REFUND, taken("refund", "r1"), LOST, WON, SETTLED])
    return st.lists(st.tuples(each, st.integers(1, 5)), max_size=12).map(
        lambda told: [command for command, times in told for _ in range(times)]
    )


@given(steps())
def test_whatever_comes_however_often_money_is_taken_and_given_back_once(told: list[CardPaymentCommand]) -> None:
    state, events = card_payment.initial, list[CardPaymentEvent]()
    for command in told:
        try:
            new = list(card_payment.decide(command, state))
        except Exception as refused:  # noqa: BLE001  a refusal is allowed, an event too many is not
            assert hasattr(refused, "code"), refused
            continue
        for event in new:
            state = card_payment.evolve(state, event)
            events.append(event)
            assert sum(leg.amount_cents for leg in getattr(event, "postings", ())) == 0
    for kind in (CardPaymentCaptured, CardRefunded, CardChargedBack, CardChargebackWon, CardPaymentSettled):
        assert sum(isinstance(event, kind) for event in events) <= 1
