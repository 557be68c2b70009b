"""What may one ask of the books?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeAlias

from services.payments.domain.books.period import Period


class Obstacle(NamedTuple):
    """One thing that makes a day wrong, as far as whoever asks can see."""

    rule: str
    where: str  # ids only
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the books say at the end of a period."""

    entries: int
    receivable_cents: int
    cash_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePeriod:
    """Nothing that is recorded up to `known_until` is still unread: the figures are complete."""

    period: Period
    seen: int  # how often the books had been closed and reopened when whoever asks looked
    today: date
    known_until: datetime
    figures: Figures
    obstacles: tuple[Obstacle, ...] = ()
    accepted: tuple[str, ...] = ()  # deposits whose difference is let stand
    closed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenPeriod:
    period: Period
    now: datetime
    reason: str
    reopened_by: str


BooksCommand: TypeAlias = ClosePeriod | ReopenPeriod
