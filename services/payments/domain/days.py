"""When does a day of the ledger begin, and when did something happen of which only the day is known? Days are those of UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

ONE_DAY = timedelta(days=1)


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def happened_at(day: date, now: datetime) -> datetime:
    """As its day began; what is told before its day happens now."""
    return min(now, start_of(day))
