"""Until when must a payer have a claim, and what proves that it did?

Limits belong to payer and kind of claim: an original, a corrected one (frequency 7 or 8), a secondary one. They count from a day of the
claim. Months end on the same day, or on the month's last (29 February and a year: 28 February). Only the payer's own acceptance in a
277CA proves receipt; the clearinghouse's does not, and a claim that was returned before adjudication was never received.

Sources: 42 CFR 424.44 (Medicare: one calendar year; a last day that is no workday moves), 5 U.S.C. 6103(a) (federal holidays),
X12 005010X214 (277CA), in our own words.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

ClaimKind: TypeAlias = Literal["original", "corrected", "secondary"]
CountsFrom: TypeAlias = Literal["service-begin", "service-end", "primary-answer"]

_SATURDAY = 5
_MONDAY, _THURSDAY = 0, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many days and months behind a day of the claim."""

    days: int = 0
    months: int = 0
    counts_from: CountsFrom = "service-begin"
    moves_to_workday: bool = False


def kind_of(*, frequency: str, rank: int) -> ClaimKind:
    """`frequency` is CLM05-3, `rank` that of the payer billed; a corrected secondary claim is a corrected one."""
    if frequency != "1":
        return "corrected"
    return "original" if rank <= 1 else "secondary"


def last_day(counts_on: date, limit: Limit) -> date:
    """The last day on which the payer takes the claim, when its limit counts from `counts_on`."""
    day = _months_later(counts_on, limit.months) + timedelta(days=limit.days)
    return on_workday(day) if limit.moves_to_workday else day


def on_workday(day: date) -> date:
    """The day, or the first workday behind it when it is on a weekend or a federal holiday."""
    while day.weekday() >= _SATURDAY or day in _federal_holidays(day.year):
        day += timedelta(days=1)
    return day


def _months_later(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


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
