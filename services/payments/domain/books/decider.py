"""May the books be closed up to this day, and may they be opened again?

Days are closed from the oldest on: closing one closes every open day before it, and reopening one reopens all that follow it,
because the end of a day is the beginning of the next. Pure: what stands in the way was looked up by whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import assert_never

from services.payments.domain.books.commands import BooksCommand, ClosePeriod, Obstacle, ReopenPeriod
from services.payments.domain.books.state import Books, evolve
from services.payments.domain.errors import (
    BooksJustChanged,
    DayIsClosed,
    PeriodDoesNotAddUp,
    PeriodNotClosed,
    PeriodNotOver,
)
from shared.events.payments import BooksEvent, PeriodClosed, PeriodReopened
from shared.kernel.decider import Decider

_NAMED_MAX = 20


def decide(command: BooksCommand, books: Books) -> Sequence[BooksEvent]:
    match command:
        case ClosePeriod():
            return _close(command, books)
        case ReopenPeriod():
            return _reopen(command, books)
        case _:
            assert_never(command)


def _close(command: ClosePeriod, books: Books) -> list[BooksEvent]:
    period = command.period
    if books.is_closed(period.through_on):
        return []
    if period.through_on > command.today:
        raise PeriodNotOver(f"{period.name} is not over", period=period.name)
    if command.obstacles:
        raise PeriodDoesNotAddUp(
            f"{period.name} cannot be closed while something of it is wrong",
            period=period.name,
            obstacles=len(command.obstacles),
            **_told(command.obstacles),
        )
    if command.seen != len(books.steps) or (books.steps and command.known_until <= books.steps[-1].known_until):
        raise BooksJustChanged("the books were closed or reopened this moment: try again in a few seconds")
    return [
        PeriodClosed(
            period=period.name,
            from_on=books.first_open_on,
            through_on=period.through_on,
            known_until=command.known_until,
            entries=command.figures.entries,
            receivable_cents=command.figures.receivable_cents,
            cash_cents=command.figures.cash_cents,
            accepted=command.accepted,
            closed_by=command.closed_by,
        )
    ]


def _told(obstacles: Sequence[Obstacle]) -> dict[str, str]:
    return {
        f"obstacle_{number}": f"{each.rule}: {each.where} ({each.cents} cents)"
        for number, each in enumerate(obstacles[:_NAMED_MAX], start=1)
    }


def _reopen(command: ReopenPeriod, books: Books) -> list[BooksEvent]:
    if not books.is_closed(command.period.from_on):
        raise PeriodNotClosed(f"{command.period.name} is not closed", period=command.period.name)
    return [
        PeriodReopened(
            period=command.period.name,
            from_on=command.period.from_on,
            known_until=max(command.now, books.steps[-1].known_until),
            reason=command.reason,
            reopened_by=command.reopened_by,
        )
    ]


def refuse_closed_day(books: Books, day: date) -> None:
    """Raises DayIsClosed, which says what to do."""
    if not books.is_closed(day):
        return
    period, open_on = books.period_of(day) or str(books.closed_through), str(books.first_open_on)
    raise DayIsClosed(
        f"{day} is closed with the period {period}: send this again with late_entry true, and it keeps its day and is posted"
        f" on {open_on}, the first open one; or give the right day; or let a manager reopen {period}",
        day=str(day),
        period=period,
        first_open_on=open_on,
    )


def refuse_undoing_in_closed_day(books: Books, day: date) -> None:
    """For what cannot be posted late, because it changes what a closing was agreed on. Raises DayIsClosed, which says what to do."""
    if not books.is_closed(day):
        return
    period, open_on = books.period_of(day) or str(books.closed_through), str(books.first_open_on)
    raise DayIsClosed(
        f"{day} is closed with the period {period}, and what was matched there was agreed on: let a manager reopen {period}, undo"
        " this, and close it again",
        day=str(day),
        period=period,
        first_open_on=open_on,
    )


books: Decider[BooksCommand, BooksEvent, Books] = Decider(decide=decide, evolve=evolve, initial=Books())
