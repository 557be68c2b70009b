"""What may one ask of a payment by card, and what does its processor say of it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.cards import CardStep, NamedAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCardPayment:
    card_payment_id: str
    patient_id: str
    amount_cents: int
    token: str
    idempotency_key: str
    requested_by: str
    named: tuple[NamedAccount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCardRefund:
    payment_id: str
    refund_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTaken:
    """The processor did what this step asked of it."""

    step: CardStep
    refund_id: str = ""
    reference: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeclined:
    """The processor did not, and will not."""

    step: CardStep
    refund_id: str = ""
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNoAnswer:
    step: CardStep
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettlement:
    settlement_id: str
    amount_cents: int
    fee_cents: int
    settled_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChargeback:
    chargeback_id: str
    amount_cents: int
    reason: str
    charged_back_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChargebackWon:
    chargeback_id: str
    won_on: date


CardPaymentCommand: TypeAlias = (
    RequestCardPayment
    | RequestCardRefund
    | RecordTaken
    | RecordDeclined
    | RecordNoAnswer
    | RecordSettlement
    | RecordChargeback
    | RecordChargebackWon
)


NewsKind: TypeAlias = Literal["settled", "charged-back", "chargeback-won"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedNews:
    """What fits no payment as it is known here, and why."""

    number: int
    kind: NewsKind
    card_payment_id: str
    amount_cents: int
    on: date
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteNewsRead:
    through: int
    refused: tuple[RefusedNews, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DealWithNews:
    number: int
    reason: str
    by: str


CardProcessorCommand: TypeAlias = NoteNewsRead | DealWithNews
