"""What becomes of money that is taken from a card?

The request, with the key by which the processor is asked, is kept before anybody is asked, so whatever crashes, the processor sees the
same question under the same key and takes the money once. No answer is no news: it is asked again until it answers. What it took
is the patient's payment; what it pays back later, takes back or keeps is its own telling, once each however often it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from services.payments.domain import ledger
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
from services.payments.domain.card_payment.state import CardPayment, Question, evolve
from services.payments.domain.errors import (
    AllocationsExceedPayment,
    CardNotCaptured,
    CardPaymentUnknown,
    ChargebackUnknown,
    NotAnAmount,
    PaymentNumberReused,
)
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
)
from shared.kernel.decider import Decider


def decide(command: CardPaymentCommand, payment: CardPayment) -> Sequence[CardPaymentEvent]:
    match command:
        case RequestCardPayment():
            return _request(command, payment)
        case RequestCardRefund():
            return _request_refund(command, payment)
        case RecordTaken():
            return _taken(command, payment)
        case RecordDeclined():
            return _declined(command, payment)
        case RecordNoAnswer():
            return _no_answer(command, payment)
        case RecordSettlement():
            return _settled(command, payment)
        case RecordChargeback():
            return _charged_back(command, payment)
        case RecordChargebackWon():
            return _won(command, payment)
        case _:
            assert_never(command)


def _request(command: RequestCardPayment, payment: CardPayment) -> list[CardPaymentEvent]:
    if (known := payment.requested) is not None:
        facts = (known.patient_id, known.amount_cents, known.token, known.named)
        if facts != (command.patient_id, command.amount_cents, command.token, command.named):
            raise PaymentNumberReused(
                "this payment number came with other facts", card_payment_id=command.card_payment_id
            )
        return []
    if command.amount_cents <= 0 or any(each.amount_cents <= 0 for each in command.named):
        raise NotAnAmount("a payment is a positive amount")
    if sum(each.amount_cents for each in command.named) > command.amount_cents:
        raise AllocationsExceedPayment("more was named than was paid", amount_cents=command.amount_cents)
    return [
        CardPaymentRequested(
            card_payment_id=command.card_payment_id,
            patient_id=command.patient_id,
            amount_cents=command.amount_cents,
            token=command.token,
            idempotency_key=command.idempotency_key,
            requested_by=command.requested_by,
            named=command.named,
        )
    ]


# What the processor answers


def _taken(command: RecordTaken, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _requested(payment)
    question = _open_question(command, payment)
    if question is None:
        return []
    match command.step:
        case "authorise":
            return [CardPaymentAuthorised(card_payment_id=asked.card_payment_id, reference=command.reference)]
        case "capture":
            return [
                CardPaymentCaptured(
                    card_payment_id=asked.card_payment_id,
                    payment_id=payment_number(asked.card_payment_id),
                    patient_id=asked.patient_id,
                    amount_cents=asked.amount_cents,
                    token=asked.token,
                    reference=command.reference,
                    captured_on=command.on,
                    named=asked.named,
                )
            ]
        case "refund":
            return [
                CardRefunded(
                    card_payment_id=asked.card_payment_id,
                    refund_id=command.refund_id,
                    amount_cents=question.amount_cents,
                    reference=command.reference,
                )
            ]


def _open_question(command: RecordTaken | RecordDeclined, payment: CardPayment) -> Question | None:
    """What this answers; None when it was answered before, because two askers got the same answer."""
    question = payment.question
    is_of_it = question is not None and (question.step, question.refund_id) == (command.step, command.refund_id)
    return question if is_of_it else None


def _declined(command: RecordDeclined, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _requested(payment)
    if _open_question(command, payment) is None:
        return []
    if command.step != "refund":
        return [CardPaymentDeclined(card_payment_id=asked.card_payment_id, step=command.step, code=command.code)]
    refund = payment.open_refunds[command.refund_id]
    return [
        CardRefundFailed(
            card_payment_id=asked.card_payment_id,
            payment_id=refund.payment_id,
            patient_id=refund.patient_id,
            refund_id=refund.refund_id,
            amount_cents=refund.amount_cents,
            code=command.code,
        )
    ]


def _no_answer(command: RecordNoAnswer, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _requested(payment)
    question = payment.question
    if question is None or question.step != command.step or payment.missed == command.step:
        return []  # Answered meanwhile, or known to be unknown.
    return [CardAnswerMissed(card_payment_id=asked.card_payment_id, step=command.step, problem=command.problem)]


# What goes back to the card


def _request_refund(command: RequestCardRefund, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _captured(payment)
    if command.refund_id in payment.refunds:
        return []
    return [
        CardRefundRequested(
            card_payment_id=asked.card_payment_id,
            payment_id=command.payment_id,
            patient_id=asked.patient_id,
            refund_id=command.refund_id,
            amount_cents=command.amount_cents,
            idempotency_key=f"{asked.idempotency_key}-refund-{command.refund_id}",
        )
    ]


# What the processor tells by itself


def _settled(command: RecordSettlement, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _captured(payment)
    if (command.settlement_id, command.amount_cents) in payment.settlements:
        return []
    if command.fee_cents < 0:
        raise NotAnAmount("a fee is not negative", fee_cents=command.fee_cents)
    return [
        CardPaymentSettled(
            card_payment_id=asked.card_payment_id,
            settlement_id=command.settlement_id,
            amount_cents=command.amount_cents,
            fee_cents=command.fee_cents,
            settled_on=command.settled_on,
            postings=ledger.moved(command.fee_cents, debit=ledger.CARD_FEES, credit=ledger.CASH),
        )
    ]


def _charged_back(command: RecordChargeback, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _captured(payment)
    if command.chargeback_id in payment.chargebacks:
        return []
    if command.amount_cents <= 0:
        raise NotAnAmount("a chargeback is a positive amount", amount_cents=command.amount_cents)
    before = [each for each in payment.chargebacks.values() if each.chargeback_id in payment.won]
    standing = payment_number(asked.card_payment_id, before[-1].chargeback_id if before else "")
    return [
        CardChargedBack(
            card_payment_id=asked.card_payment_id,
            payment_id=standing,
            patient_id=asked.patient_id,
            chargeback_id=command.chargeback_id,
            amount_cents=command.amount_cents,
            reason=command.reason,
            charged_back_on=command.charged_back_on,
        )
    ]


def _won(command: RecordChargebackWon, payment: CardPayment) -> list[CardPaymentEvent]:
    asked = _captured(payment)
    if command.chargeback_id in payment.won:
        return []
    lost = payment.chargebacks.get(command.chargeback_id)
    if lost is None:
        raise ChargebackUnknown("nothing was charged back under this number", chargeback_id=command.chargeback_id)
    return [
        CardChargebackWon(
            card_payment_id=asked.card_payment_id,
            payment_id=payment_number(asked.card_payment_id, lost.chargeback_id),
            patient_id=asked.patient_id,
            chargeback_id=lost.chargeback_id,
            amount_cents=lost.amount_cents,
            token=asked.token,
            won_on=command.won_on,
        )
    ]


def payment_number(card_payment_id: str, chargeback_id: str = "") -> str:
    """Of the patient's payment that a card payment is; of the one that it is again when a dispute was won."""
    return f"card:{card_payment_id}:{chargeback_id}" if chargeback_id else f"card:{card_payment_id}"


def _requested(payment: CardPayment) -> CardPaymentRequested:
    if payment.requested is None:
        raise CardPaymentUnknown("there is no such card payment")
    return payment.requested


def _captured(payment: CardPayment) -> CardPaymentRequested:
    asked = _requested(payment)
    if payment.status != "captured":
        raise CardNotCaptured("the card payment is not captured, as far as is known", status=payment.status)
    return asked


card_payment: Decider[CardPaymentCommand, CardPaymentEvent, CardPayment] = Decider(
    decide=decide, evolve=evolve, initial=CardPayment()
)
