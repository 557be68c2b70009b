"""How do visits that share a bill hear of one another?

Each visit is a stream that decides for itself (docs/adr/0014). What one has said is passed on to the other it names; both answer the same
thing said twice with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.charges.domain.encounter.commands import (
    BillAlone,
    BillWith,
    EncounterCommand,
    NoteJoiningRefused,
    TakeInCharges,
)
from shared.events.base import EventType
from shared.events.charges import ChargesGivenBack, ChargesHandedOver, JoiningRefused, VisitsJoined

JOININGS: tuple[EventType, ...] = (VisitsJoined, JoiningRefused, ChargesHandedOver, ChargesGivenBack)


def react(event: Any) -> Iterator[tuple[str, EncounterCommand]]:
    """The visit and what it is asked."""
    match event:
        case VisitsJoined():
            for visit in event.encounter_ids:
                yield visit, BillWith(encounter_id=visit, billed_with=event.encounter_id)
        case JoiningRefused():
            refused = NoteJoiningRefused(
                encounter_id=event.billed_with, from_encounter_id=event.encounter_id, rule=event.rule
            )
            yield event.billed_with, refused
        case ChargesHandedOver():
            handed = TakeInCharges(
                encounter_id=event.billed_with, from_encounter_id=event.encounter_id, charges=event.charges
            )
            yield event.billed_with, handed
        case ChargesGivenBack():
            visit = event.to_encounter_id
            yield visit, BillAlone(encounter_id=visit, billed_with=event.encounter_id)
        case _:
            raise TypeError(f"{type(event).__name__} is not passed on")
