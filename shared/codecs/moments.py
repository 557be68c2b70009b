"""When did a sender say that it happened, and how exactly?

HL7 v2 (DTM) and FHIR (date, dateTime, instant) say a day, sometimes a time, sometimes an offset from UTC. What was not
said stays unsaid: a bare date has no midnight of its own.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date, with a time and an offset from UTC only where the sender gave them."""

    on: date
    clock: time | None = None
    offset_minutes: int | None = None

    def instant(self, local: tzinfo = UTC) -> datetime:
        """In UTC. `local` is the sender's zone, for moments without an offset; a bare date is its midnight."""
        zone = local if self.offset_minutes is None else timezone(timedelta(minutes=self.offset_minutes))
        aware = datetime.combine(self.on, self.clock or time(), zone)
        try:
            return aware.astimezone(UTC)
        except OverflowError:  # the first and the last day of the calendar
            return aware.replace(tzinfo=UTC)
