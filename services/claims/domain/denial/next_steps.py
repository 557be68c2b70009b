"""What is to be done about a denial after each thing that happened to it, and when? The queue shows it in these words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.claims.domain.denial.categories import category_named
from shared.events.denials import (
    AppealDecided,
    AppealFiled,
    AppealLetterWritten,
    DenialEvent,
    DenialNoted,
    DenialNoteUndone,
    DenialOpened,
    DenialResolved,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
)

_WITHOUT_APPEAL = {
    "medicare-timely-filing": "No appeal: ask for an exception with the proof of filing, or write off.",
    "unprocessable": "No appeal: correct and send a new claim.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    action: str = ""
    on: date | None = None


def next_step(event: DenialEvent) -> NextStep | None:
    """None where the event leaves it as it was."""
    match event:
        case DenialOpened() if event.no_appeal_because:
            return NextStep(action=_WITHOUT_APPEAL.get(event.no_appeal_because, "It cannot be appealed."))
        case DenialOpened():
            return NextStep(action=category_named(event.category).next_action)
        case DenialNoted():
            return NextStep(action="follow up on the last contact", on=event.next_action_on)
        case DenialNoteUndone():
            return NextStep(action=event.next_action, on=event.next_action_on)
        case AppealLetterWritten():
            return NextStep(action=f"send the letter of level {event.level} and say how it went")
        case AppealFiled():
            return NextStep(action="wait for the decision on the appeal", on=event.due_on)
        case AppealDecided() if event.is_last_level:
            return NextStep(action="no further level: await what was granted, or resolve")
        case AppealDecided() if event.outcome == "upheld":
            return NextStep(action="appeal at the next level or resolve")
        case AppealDecided() if event.outcome == "dismissed":
            return NextStep(action="mend what it was dismissed for and file again, or resolve")
        case AppealDecided() if event.outcome == "partly-overturned":
            return NextStep(action="await payment, then appeal the rest or resolve")
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
