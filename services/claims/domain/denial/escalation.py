"""When does a denial go up to a supervisor? After so many workdays on which nobody did anything about it, counted from what was done
last, or from the day on which it was to be looked at again, where that is later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

from shared.events.denials import (
    AppealDecided,
    AppealDrafted,
    AppealFiled,
    AppealLetterWritten,
    ChecklistStepTicked,
    ChecklistStepUnticked,
    DenialAssigned,
    DenialAssignmentUndone,
    DenialEscalated,
    DenialEscalationSet,
    DenialEvent,
    DenialNoted,
    DenialNoteUndone,
    DenialOpened,
    DenialResolved,
    DenialSnoozed,
    DenialSnoozeUndone,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
    EscalationRule,
)

Touched: TypeAlias = (
    DenialAssigned
    | DenialAssignmentUndone
    | DenialNoted
    | DenialNoteUndone
    | DenialSnoozed
    | DenialSnoozeUndone
    | DenialWriteOffRequested
    | DenialWriteOffRefused
    | AppealDrafted
    | AppealLetterWritten
    | AppealFiled
    | AppealDecided
    | ChecklistStepTicked
    | ChecklistStepUnticked
)


def rule_for(rules: Sequence[EscalationRule], opened: DenialOpened) -> EscalationRule | None:
    """The first rule that fits."""
    return next((rule for rule in rules if _fits(rule, opened)), None)


def _fits(rule: EscalationRule, opened: DenialOpened) -> bool:
    return (
        rule.payer_id in ("", opened.payer_id)
        and rule.category in ("", opened.category)
        and opened.denied_cents >= rule.denied_cents_min
    )


def escalates_on(event: DenialEvent, before: date | None) -> date | None:
    """The day that stands after an event, when `before` stood before it."""
    match event:
        case DenialEscalationSet():
            return event.escalates_on
        case DenialEscalated() | DenialResolved():
            return None
        case _:
            return event.escalates_on if isinstance(event, Touched) else before
