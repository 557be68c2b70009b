"""Which events had happened by the end of a day, as they were known at a position of the log?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from shared.events.base import Event
from shared.events.envelope import Position, Recorded

E = TypeVar("E", bound=Event)


def up_to(stream: Sequence[Recorded[E]], through_on: date, *, until: Position) -> list[E]:
    """A beginning of a stream: what was known at the position, up to the last event that happened by the end of the day.

    Always a beginning, because events stand on those before them: one that happened later and was recorded between two that happened
    by then is among them.
    """
    known = [recorded for recorded in stream if recorded.position <= until]
    happened = [place for place, recorded in enumerate(known, start=1) if recorded.occurred_at.date() <= through_on]
    return [recorded.event for recorded in known[: max(happened, default=0)]]
