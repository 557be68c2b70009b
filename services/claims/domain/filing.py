"""Which kinds of claims have limits of their own, and on which workday does a limit end?

Sources: 42 CFR 424.44 (Medicare: a last day that is no workday moves), 5 U.S.C. 6103(a) (federal holidays), in our own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

ClaimKind: TypeAlias = Literal["original", "corrected", "secondary"]  # corrected: frequency 7 or 8, to any payer

_SATURDAY = 5
_MONDAY, _THURSDAY = 0, 3


def on_workday(day: date) -> date:
    """The day, or the first workday behind it when it is on a weekend or a federal holiday."""
    while not is_workday(day):
        day += timedelta(days=1)
    return day


def last_workday(day: date) -> date:
    """The day, or the workday before it: the last one of which `on_workday` is not after the day."""
    while not is_workday(day):
        day -= timedelta(days=1)
    return day


def is_workday(day: date) -> bool:
    """Neither on a weekend nor a federal holiday."""
    return day.weekday() < _SATURDAY and day not in _federal_holidays(day.year)


def workdays_later(day: date, workdays: int) -> date:
    """So many workdays after a day: neither weekends nor federal holidays count."""
    while workdays > 0:
        day += timedelta(days=1)
        workdays -= is_workday(day)
    return day


@lru_cache(maxsize=64)
def _federal_holidays(year: int) -> frozenset[date]:
    """The days on which federal offices are closed in a year. Inauguration Day is the capital's alone."""
    new_years = [date(year, 1, 1), date(year + 1, 1, 1)]  # the next one, too, may be observed in this year
    fixed = [*new_years, date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    moving = [
        _nth(year, 1, _MONDAY, 3),  # Martin Luther King, Jr.
        _nth(year, 2, _MONDAY, 3),  # Washington
        _last_monday_of_may(year),  # Memorial Day
        _nth(year, 9, _MONDAY, 1),  # Labor Day
        _nth(year, 10, _MONDAY, 2),  # Columbus Day
        _nth(year, 11, _THURSDAY, 4),  # Thanksgiving
    ]
    return frozenset((*moving, *_observed(fixed)))


def _observed(days: list[date]) -> Iterator[date]:
    """A holiday on a Saturday closes offices on the Friday before, one on a Sunday on the Monday behind."""
    for day in days:
        yield day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())
