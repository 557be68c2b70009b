"""What must a payment by card remember? How far it is, and what the processor is to be asked next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, assert_never

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
)

Status: TypeAlias = Literal["requested", "authorised", "declined", "captured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the processor is to be asked, by the key under which it answers the same however often it is asked."""

    step: CardStep
    idempotency_key: str
    amount_cents: int
    token: str = ""  # to authorise
    reference: str = ""  # to capture and to refund
    refund_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPayment:
    requested: CardPaymentRequested | None = None
    status: Status = "requested"
    reference: str = ""
    payment_id: str = ""
    missed: CardStep | None = None  # nobody knows what became of this step
    refunds: Mapping[str, CardRefundRequested] = field(default_factory=dict)  # whatever became of them
    open_refunds: Mapping[str, CardRefundRequested] = field(default_factory=dict)
    settlements: frozenset[tuple[str, int]] = frozenset()  # id, amount
    chargebacks: Mapping[str, CardChargedBack] = field(default_factory=dict)
    won: frozenset[str] = frozenset()  # chargebacks

    @property
    def question(self) -> Question | None:
        """None: the processor has answered everything."""
        asked = self.requested
        if asked is None or self.status == "declined":
            return None
        if self.status == "requested":
            key = f"{asked.idempotency_key}-authorise"
            return Question(step="authorise", idempotency_key=key, amount_cents=asked.amount_cents, token=asked.token)
        if self.status == "authorised":
            key = f"{asked.idempotency_key}-capture"
            return Question(
                step="capture", idempotency_key=key, amount_cents=asked.amount_cents, reference=self.reference
            )
        refund = next(iter(self.open_refunds.values()), None)
        if refund is None:
            return None
        return Question(
            step="refund",
            idempotency_key=refund.idempotency_key,
            amount_cents=refund.amount_cents,
            reference=self.reference,
            refund_id=refund.refund_id,
        )


def evolve(payment: CardPayment, event: CardPaymentEvent) -> CardPayment:
    match event:
        case CardPaymentRequested():
            return replace(payment, requested=event)
        case CardPaymentAuthorised():
            return replace(payment, status="authorised", reference=event.reference, missed=None)
        case CardPaymentDeclined():
            return replace(payment, status="declined", missed=None)
        case CardAnswerMissed():
            return replace(payment, missed=event.step)
        case CardPaymentCaptured():
            taken = replace(payment, status="captured", payment_id=event.payment_id, missed=None)
            return replace(taken, reference=event.reference)
        case CardPaymentSettled():
            known = payment.settlements | {(event.settlement_id, event.amount_cents)}
            return replace(payment, settlements=known)
        case CardRefundRequested():
            return replace(
                payment,
                refunds={**payment.refunds, event.refund_id: event},
                open_refunds={**payment.open_refunds, event.refund_id: event},
            )
        case CardRefunded() | CardRefundFailed():
            still = {name: each for name, each in payment.open_refunds.items() if name != event.refund_id}
            return replace(payment, open_refunds=still, missed=None)
        case CardChargedBack():
            return replace(payment, chargebacks={**payment.chargebacks, event.chargeback_id: event})
        case CardChargebackWon():
            return replace(payment, won=payment.won | {event.chargeback_id})
        case _:
            assert_never(event)
