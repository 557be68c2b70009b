"""What must be remembered of a denial until it is resolved?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeAlias, assert_never

from services.claims.domain.denial.escalation import escalates_on
from services.claims.domain.denial.next_steps import NextStep, next_step
from shared.events.denials import (
    AppealClock,
    AppealDeadlineMoved,
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
    DenialWriteOffApproved,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
    EscalationRule,
)

Undoable: TypeAlias = DenialAssigned | DenialNoted | DenialSnoozed


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    opened: DenialOpened | None = None
    assignee: str = ""
    assigned_until_on: date | None = None
    snoozed_until_on: date | None = None
    snoozed_because: str = ""
    last_outcome: str = ""  # of the last contact, with its reference
    reference_number: str = ""
    next_step: NextStep = field(default_factory=NextStep)
    appeal_level: int = 0  # of the last appeal
    is_appeal_open: bool = False
    is_last_level_decided: bool = False
    clock: AppealClock | None = None  # of the appeal that can be filed next
    draft: AppealDrafted | None = None  # the last one
    letter: AppealLetterWritten | None = None  # written from it
    filed: AppealFiled | None = None  # the last one
    notice_on: date | None = None  # of the decision that can be appealed next; None: of none
    write_off: DenialWriteOffRequested | None = None  # asked for and not decided
    ticked: frozenset[str] = frozenset()  # steps of the checklist that are done
    escalation: EscalationRule | None = None
    escalation_version: int = 0  # of the practice's rules, as they were last told
    escalates_on: date | None = None
    is_resolved: bool = False
    version: int = 0
    last_work: Undoable | None = None  # the last event, where it can be undone
    before: Denial | None = None  # how it was before that


def evolve(denial: Denial, event: DenialEvent) -> Denial:
    work = event if isinstance(event, DenialAssigned | DenialNoted | DenialSnoozed) else None
    return replace(
        _changed(denial, event),
        next_step=next_step(event) or denial.next_step,
        escalates_on=escalates_on(event, denial.escalates_on),
        version=denial.version + 1,
        last_work=work,
        before=replace(denial, last_work=None, before=None) if work else None,
    )


def _changed(denial: Denial, event: DenialEvent) -> Denial:
    match event:
        case DenialOpened():
            clock = event.appeal_clock
            return replace(denial, opened=event, clock=clock, notice_on=clock.from_on if clock else None)
        case DenialAssigned() | DenialAssignmentUndone():
            return replace(denial, assignee=event.assignee, assigned_until_on=event.until_on)
        case DenialNoted() | DenialNoteUndone():
            return replace(denial, last_outcome=event.outcome_code, reference_number=event.reference_number)
        case DenialSnoozed() | DenialSnoozeUndone():
            return replace(denial, snoozed_until_on=event.until_on, snoozed_because=event.because)
        case DenialWriteOffRequested():
            return replace(denial, write_off=event)
        case DenialWriteOffApproved() | DenialWriteOffRefused():
            return replace(denial, write_off=None)
        case AppealFiled():
            return replace(denial, appeal_level=event.level, is_appeal_open=True, clock=None, filed=event)
        case AppealDrafted():
            return replace(denial, draft=event, letter=None)
        case AppealLetterWritten():
            return replace(denial, letter=event)
        case AppealDecided():
            return _decided(denial, event)
        case AppealDeadlineMoved():
            return replace(denial, clock=event.clock)
        case ChecklistStepTicked():
            return replace(denial, ticked=denial.ticked | {event.step_id})
        case ChecklistStepUnticked():
            return replace(denial, ticked=denial.ticked - {event.step_id})
        case DenialEscalationSet():
            return replace(denial, escalation=event.rule, escalation_version=event.rules_version)
        case DenialEscalated():
            return denial
        case DenialResolved():
            return replace(denial, is_resolved=True, is_appeal_open=False, write_off=None, clock=None)
        case _:
            assert_never(event)


def _decided(denial: Denial, event: AppealDecided) -> Denial:
    """A dismissed appeal is one that can be filed again; an overturned denial has nothing more to appeal."""
    clock = event.next_clock
    notice_on = {
        "overturned": None,
        "dismissed": clock.from_on if clock else denial.notice_on,
    }.get(event.outcome, event.decided_on)
    return replace(
        denial,
        appeal_level=event.level - (event.outcome == "dismissed"),
        is_appeal_open=False,
        is_last_level_decided=event.is_last_level,
        clock=clock,
        notice_on=notice_on,
    )
