"""What must be remembered of a denial until it is resolved?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from shared.events.claims import (
    AppealDecided,
    AppealFiled,
    DenialAssigned,
    DenialEvent,
    DenialNoted,
    DenialOpened,
    DenialResolved,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    opened: DenialOpened | None = None
    assignee: str = ""
    assigned_until_on: date | None = None
    appeal_level: int = 0  # of the last appeal
    is_appeal_open: bool = False
    is_resolved: bool = False


def evolve(denial: Denial, event: DenialEvent) -> Denial:
    match event:
        case DenialOpened():
            return replace(denial, opened=event)
        case DenialAssigned():
            return replace(denial, assignee=event.assignee, assigned_until_on=event.until_on)
        case DenialNoted():
            return denial
        case AppealFiled():
            return replace(denial, appeal_level=event.level, is_appeal_open=True)
        case AppealDecided():
            return replace(denial, is_appeal_open=False)
        case DenialResolved():
            return replace(denial, is_resolved=True, is_appeal_open=False)
        case _:
            assert_never(event)
