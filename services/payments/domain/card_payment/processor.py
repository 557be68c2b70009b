"""What does a processor of cards answer, and what does it tell by itself?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeAlias

from services.payments.domain.card_payment.state import Question


class NotAnswered(Exception):
    """Nobody knows what the processor did. The text names why and nothing of a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    reference: str
    on: date | None  # None: it does not say; today


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    number: int
    card_payment_id: str
    amount_cents: int
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(_Told):
    settlement_id: str
    fee_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedBack(_Told):
    chargeback_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackWon(_Told):
    chargeback_id: str


News: TypeAlias = Settled | ChargedBack | ChargebackWon


class Processor(Protocol):
    async def ask(self, merchant_reference: str, question: Question) -> Taken | Declined:
        """Its answer, the same to the same key however often it is asked. Raises NotAnswered."""
        ...

    async def news(self, after: int) -> Sequence[News]:
        """What it told behind this number, in order; a part of it when there is much. Raises NotAnswered."""
        ...
