"""What is to be done about a denial after each thing that happened to it, and when? The queue shows it in these words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.claims.domain.denial.categories import category_named
from shared.events.claims import (
    AppealDecided,
    AppealFiled,
    DenialEvent,
    DenialNoted,
    DenialNoteUndone,
    DenialOpened,
    DenialResolved,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    action: str = ""
    on: date | None = None


def next_step(event: DenialEvent) -> NextStep | None:
    """None where the event leaves it as it was."""
    match event:
        case DenialOpened():
            return NextStep(action=category_named(event.category).next_action)
        case DenialNoted():
            return NextStep(action="follow up on the last contact", on=event.next_action_on)
        case DenialNoteUndone():
            return NextStep(action=event.next_action, on=event.next_action_on)
        case AppealFiled():
            return NextStep(action="wait for the decision on the appeal", on=event.due_on)
        case AppealDecided() if event.outcome == "upheld":
            return NextStep(action="appeal at the next level or resolve")
        case AppealDecided():
            return NextStep(action="await payment, then resolve")
        case DenialWriteOffRequested():
            return NextStep(action="a second person decides on the write-off")
        case DenialWriteOffRefused():
            return NextStep(action="not to be written off: appeal, correct or resolve")
        case DenialResolved():
            return NextStep()
        case _:
            return None
