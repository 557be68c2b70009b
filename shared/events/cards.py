"""What can happen to a payment by card at its processor. Past tense, in a front desk's words. Amounts are integer cents. Stream:

`card-payment/{card_payment_id}`, of the service payments. The money itself stands in `payments.py`: a captured payment becomes a
`PatientPaymentReceived`, a chargeback a `PaymentTakenBack`. Nothing of a card is kept but the processor's token.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event
from shared.events.values import Posting

CardStep: TypeAlias = Literal["authorise", "capture", "refund"]


class NamedAccount(Struct, frozen=True, kw_only=True):
    """The payer of the money says which account it is for."""

    account_id: str
    amount_cents: int


class CardPaymentRequested(Event, frozen=True, kw_only=True):
    """Somebody wants to take money from a card. The processor has not been asked yet; whenever it is, it is by this key."""

    card_payment_id: str
    patient_id: str
    amount_cents: int
    token: str  # of the processor; never a card number
    idempotency_key: str  # so that the processor takes it once, however often it is asked
    requested_by: str
    named: tuple[NamedAccount, ...] = ()


class CardPaymentAuthorised(Event, frozen=True, kw_only=True):
    """The processor holds the amount on the card. No money has moved."""

    card_payment_id: str
    reference: str  # the processor's


class CardPaymentDeclined(Event, frozen=True, kw_only=True):
    """The processor said no, for good: no money has moved and none will."""

    card_payment_id: str
    step: CardStep
    code: str  # the processor's


class CardAnswerMissed(Event, frozen=True, kw_only=True):
    """The processor was asked and did not answer, which says nothing: it may have taken the money. It is asked again until it answers."""

    card_payment_id: str
    step: CardStep
    problem: str  # of the connection


class CardPaymentCaptured(Event, frozen=True, kw_only=True):
    """The processor took the money. It is the patient's payment from here on."""

    card_payment_id: str
    payment_id: str  # of the PatientPaymentReceived that follows
    patient_id: str
    amount_cents: int
    token: str
    reference: str
    captured_on: date
    named: tuple[NamedAccount, ...] = ()


class CardPaymentSettled(Event, frozen=True, kw_only=True):
    """The processor says in which of its settlements the money comes to the bank, and what it keeps: fees to cash."""

    card_payment_id: str
    settlement_id: str
    amount_cents: int
    fee_cents: int
    settled_on: date
    postings: tuple[Posting, ...]


class CardRefundRequested(Event, frozen=True, kw_only=True):
    """A refund that two persons agreed to is to go to the card. The processor has not been asked yet."""

    card_payment_id: str
    payment_id: str  # of which it waited
    patient_id: str
    refund_id: str
    amount_cents: int
    idempotency_key: str


class CardRefunded(Event, frozen=True, kw_only=True):
    """The processor gives it back to the card."""

    card_payment_id: str
    refund_id: str
    amount_cents: int
    reference: str


class CardRefundFailed(Event, frozen=True, kw_only=True):
    """The processor does not give it back, for good: the refund is reversed, and the money waits again."""

    card_payment_id: str
    payment_id: str
    patient_id: str
    refund_id: str
    amount_cents: int
    code: str  # the processor's


class CardChargedBack(Event, frozen=True, kw_only=True):
    """The holder of the card disputed the payment, and the processor took it back."""

    card_payment_id: str
    payment_id: str  # that is to be taken back
    patient_id: str
    chargeback_id: str
    amount_cents: int
    reason: str  # the processor's code
    charged_back_on: date


class CardChargebackWon(Event, frozen=True, kw_only=True):
    """The dispute was decided for us, and the processor paid again: a payment under a new number."""

    card_payment_id: str
    payment_id: str  # the new one
    patient_id: str
    chargeback_id: str
    amount_cents: int
    token: str
    won_on: date


CardPaymentEvent: TypeAlias = (
    CardPaymentRequested
    | CardPaymentAuthorised
    | CardPaymentDeclined
    | CardAnswerMissed
    | CardPaymentCaptured
    | CardPaymentSettled
    | CardRefundRequested
    | CardRefunded
    | CardRefundFailed
    | CardChargedBack
    | CardChargebackWon
)


class CardNewsRead(Event, frozen=True, kw_only=True):
    """All that the processor told up to this number is dealt with. Stream `card-processor/news`."""

    through: int


class CardNewsRefused(Event, frozen=True, kw_only=True):
    """The processor told something that fits no payment as it is known here: a person deals with it. Stream `card-processor/news`."""

    news_number: int  # the processor's
    kind: Literal["settled", "charged-back", "chargeback-won"]
    card_payment_id: str  # that it names
    amount_cents: int
    told_on: date
    code: str  # why it was refused


class CardNewsDealtWith(Event, frozen=True, kw_only=True):
    """A person did what was to be done about refused news, or found that nothing was."""

    news_number: int
    reason: str
    by: str


CardProcessorEvent: TypeAlias = CardNewsRead | CardNewsRefused | CardNewsDealtWith
