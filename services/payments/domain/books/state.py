"""On which day does an entry stand in the books?

On the day on which it happened, unless that day was closed when the entry was recorded: then on the first day that was open. So
the day is computed from two moments that every event has and from the moments that closing and reopening name, and is the same
whenever and in whatever order the log is read. Days are those of UTC, as everywhere in the ledger.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple, assert_never

from services.payments.domain.days import ONE_DAY
from shared.events.payments import BooksEvent, PeriodClosed, PeriodReopened

LEDGER = "ledger"  # key of the one stream of books that a tenant has


class Step(NamedTuple):
    """What is recorded after `known_until` finds the books closed through `through_on`, until the next step."""

    known_until: datetime
    through_on: date


class Shut(NamedTuple):
    """What was recorded after `after`, up to `until` if that has an end, came too late."""

    after: datetime
    until: datetime | None


class Closed(NamedTuple):
    """A period that is closed now."""

    period: str
    through_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    steps: tuple[Step, ...] = ()  # oldest first; their moments only grow
    closed: tuple[Closed, ...] = ()  # oldest first; their days only grow

    @property
    def closed_through(self) -> date | None:
        return self.steps[-1].through_on if self.steps else None

    @property
    def first_open_on(self) -> date | None:
        """None: no day was ever closed."""
        return self.closed_through + ONE_DAY if self.closed_through else None

    def is_closed(self, day: date) -> bool:
        return self.closed_through is not None and day <= self.closed_through

    def period_of(self, day: date) -> str:
        """The period with which a closed day was closed; empty when the books were reopened behind it."""
        return next((each.period for each in self.closed if day <= each.through_on), "")

    def closed_with(self, period: str, step: Step) -> Books:
        closed = Closed(period, step.through_on)
        return replace(self, steps=(*self.steps, step), closed=(*self.closed, closed))

    def reopened(self, step: Step) -> Books:
        closed = tuple(each for each in self.closed if each.through_on <= step.through_on)
        return replace(self, steps=(*self.steps, step), closed=closed)

    def posted_on(self, happened_on: date, recorded_at: datetime) -> date:
        """The day of the books on which an entry stands."""
        place = bisect_left(self.steps, recorded_at, key=lambda step: step.known_until)
        return max(happened_on, self.steps[place - 1].through_on + ONE_DAY) if place else happened_on

    def shut(self, day: date) -> Iterator[Shut]:
        """When what was recorded could not be posted on this day or before it. So an entry is in the books up to a day if it
        happened by then and was not recorded in one of these spans."""
        after: datetime | None = None
        for step in self.steps:
            if step.through_on >= day and after is None:
                after = step.known_until
            elif step.through_on < day and after is not None:
                yield Shut(after, step.known_until)
                after = None
        if after is not None:
            yield Shut(after, None)


def evolve(books: Books, event: BooksEvent) -> Books:
    match event:
        case PeriodClosed():
            return books.closed_with(event.period, Step(event.known_until, event.through_on))
        case PeriodReopened():
            return books.reopened(Step(event.known_until, event.from_on - ONE_DAY))
        case _:
            assert_never(event)
