"""Which days does the name of a period mean? A day is `2026-06-30`, a month is `2026-06`."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

from shared.kernel.errors import Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    name: str
    from_on: date
    through_on: date


def period_named(name: str) -> Period:
    """Raises Malformed for what is neither a day nor a month."""
    try:
        if len(name) == 10:
            day = date.fromisoformat(name)
            return Period(name=name, from_on=day, through_on=day)
        first = date.fromisoformat(f"{name}-01")
    except ValueError:
        raise Malformed("a period is a day such as 2026-06-30 or a month such as 2026-06") from None
    days = calendar.monthrange(first.year, first.month)[1]
    return Period(name=name, from_on=first, through_on=first.replace(day=days))
