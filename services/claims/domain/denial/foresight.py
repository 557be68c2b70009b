"""What would a command make of a denial, in one word?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from shared.events.denials import (
    DenialAssigned,
    DenialAssignmentUndone,
    DenialEvent,
    DenialNoted,
    DenialNoteUndone,
    DenialResolved,
    DenialSnoozed,
    DenialSnoozeUndone,
    DenialWriteOffApproved,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
)

Becomes: TypeAlias = Literal[
    "assigned",
    "noted",
    "put-off",
    "taken-back",
    "write-off-requested",
    "written-off",
    "write-off-refused",
    "resolved",
    "other",
    "",
]
_WORDS: tuple[tuple[type[DenialEvent] | tuple[type[DenialEvent], ...], Becomes], ...] = (
    (DenialAssigned, "assigned"),
    (DenialNoted, "noted"),
    (DenialSnoozed, "put-off"),
    ((DenialAssignmentUndone, DenialNoteUndone, DenialSnoozeUndone), "taken-back"),
    (DenialWriteOffRequested, "write-off-requested"),
    (DenialWriteOffApproved, "written-off"),
    (DenialWriteOffRefused, "write-off-refused"),
    (DenialResolved, "resolved"),
)


def becomes(events: Sequence[DenialEvent]) -> Becomes:
    """Empty when nothing changes. The first event says it: a write-off is resolved by its second."""
    if not events:
        return ""
    for kinds, word in _WORDS:
        if isinstance(events[0], kinds):
            return word
    return "other"
