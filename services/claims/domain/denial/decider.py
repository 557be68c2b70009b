"""How is a denial worked until its money is recovered or let go?

An assignment is a lease: until its day is over nobody else works on the denial, so that two people never call one payer about
the same money. Appeals go level by level. Money above a limit is let go by two people. The last assignment, note or snooze can be
undone by who did it, by an event that says how it was before. What the payer takes back (a reversal) ends the denial without
anybody's doing.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import assert_never

from msgspec import structs

from services.claims.domain.claim.numbering import rank_of
from services.claims.domain.denial.appeals import NO_APPEAL, clock_of, in_words, is_same_rule, why_no_appeal
from services.claims.domain.denial.categories import category_of
from services.claims.domain.denial.commands import (
    ApproveWriteOff,
    AssignDenial,
    DecideAppeal,
    DenialCommand,
    DeriveAppealDeadline,
    DraftAppeal,
    EscalateDenial,
    FileAppeal,
    KeepLetter,
    NoteDenial,
    OpenDenial,
    RefuseWriteOff,
    ResolveDenial,
    ReverseDenial,
    SetEscalation,
    SnoozeDenial,
    TickStep,
    UndoDenialWork,
    WriteOffDenial,
)
from services.claims.domain.denial.escalation import Touched, rule_for
from services.claims.domain.denial.state import Denial, evolve
from services.claims.domain.errors import (
    AppealNotDrafted,
    AppealOutOfOrder,
    AppealPastItsDay,
    ChecklistStepUnknown,
    DayStillAhead,
    DenialAlreadyResolved,
    DenialAssignedToAnother,
    DenialUnknown,
    NoAppealOpen,
    NoAppealRight,
    NoFurtherAppeal,
    NotToUndo,
    SnoozeNotAhead,
    WriteOffAlreadyRequested,
    WriteOffNeedsAnother,
    WriteOffNotRequested,
)
from services.claims.domain.filing import workdays_later
from shared.events.denials import (
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
from shared.events.values import DocumentReference
from shared.kernel.decider import Decider

BY_RULE = "rule:write-off-alone"


def decide(command: DenialCommand, denial: Denial) -> list[DenialEvent]:
    return [_waiting_again(command, denial, event) for event in _decide(command, denial)]


def _waiting_again(command: DenialCommand, denial: Denial, event: DenialEvent) -> DenialEvent:
    """What somebody did starts the days anew after which it goes up."""
    rule, today = denial.escalation, getattr(command, "on", None)
    if rule is None or today is None or not isinstance(event, Touched):
        return event
    return structs.replace(event, escalates_on=_escalates_on(rule, today, evolve(denial, event)))


def _escalates_on(rule: EscalationRule, today: date, denial: Denial) -> date:
    awaited = (denial.next_step.on, denial.snoozed_until_on)
    return workdays_later(
        max((day for day in awaited if day is not None and day > today), default=today), rule.workdays
    )


def _decide(command: DenialCommand, denial: Denial) -> list[DenialEvent]:
    if isinstance(command, OpenDenial):
        return _open(command, denial)
    opened = denial.opened
    if opened is None:
        raise DenialUnknown("there is no such denial")
    if isinstance(command, ReverseDenial):
        return _reverse(command, denial, opened)
    if denial.is_resolved:
        if isinstance(command, DeriveAppealDeadline | SetEscalation | EscalateDenial):
            return []
        raise DenialAlreadyResolved("the denial is resolved", denial=opened.denial_id)
    match command:
        case AssignDenial():
            return _assign(command, denial, opened)
        case NoteDenial():
            return _note(command, denial, opened)
        case SnoozeDenial():
            return _snooze(command, denial, opened)
        case UndoDenialWork():
            return _undo(command, denial, opened)
        case WriteOffDenial():
            return _write_off(command, denial, opened)
        case ApproveWriteOff():
            return _approve_write_off(command, denial, opened)
        case RefuseWriteOff():
            return _refuse_write_off(command, denial, opened)
        case DraftAppeal():
            return _draft_appeal(command, denial, opened)
        case KeepLetter():
            return _keep_letter(command, denial, opened)
        case FileAppeal():
            return _file_appeal(command, denial, opened)
        case DecideAppeal():
            return _decide_appeal(command, denial, opened)
        case DeriveAppealDeadline():
            return _derive_deadline(command, denial, opened)
        case TickStep():
            return _tick(command, denial, opened)
        case SetEscalation():
            return _set_escalation(command, denial, opened)
        case EscalateDenial():
            return _escalate(command, denial, opened)
        case ResolveDenial():
            return _resolve(command, denial, opened)
        case _:
            assert_never(command)


def _open(command: OpenDenial, denial: Denial) -> list[DenialEvent]:
    if denial.opened is not None:
        return []
    category = category_of(command.reason)
    no_appeal = why_no_appeal(command.terms, reason=command.reason, remarks=command.remarks)
    clock = None if no_appeal else clock_of(command.terms, level=1, decided_on=command.denied_on)
    return [
        DenialOpened(
            denial_id=command.denial_id,
            claim_id=command.claim_id,
            account_id=command.account_id,
            payer_id=command.payer_id,
            remittance_id=command.remittance_id,
            denied_cents=command.denied_cents,
            group=command.group,
            reason=command.reason,
            remarks=command.remarks,
            category=category.name,
            line_ids=command.line_ids,
            win_chance_percent=category.win_chance_percent,
            appeal_by_on=clock.last_on if clock else None,
            appeal_clock=clock,
            no_appeal_because=no_appeal,
        )
    ]


def _assign(command: AssignDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.assignee, command.on, denial, opened)
    until_on = command.on + timedelta(days=command.days)
    if (denial.assignee, denial.assigned_until_on) == (command.assignee, until_on):
        return []
    return [DenialAssigned(denial_id=opened.denial_id, assignee=command.assignee, until_on=until_on, by=command.by)]


def _refuse_when_anothers(person: str, on: date, denial: Denial, opened: DenialOpened) -> None:
    is_running = denial.assigned_until_on is not None and on <= denial.assigned_until_on
    if is_running and denial.assignee != person:
        raise DenialAssignedToAnother(
            "somebody else works on this denial", denial=opened.denial_id, until=str(denial.assigned_until_on)
        )


def _note(command: NoteDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    return [
        DenialNoted(
            denial_id=opened.denial_id,
            outcome_code=command.outcome_code,
            reference_number=command.reference_number,
            next_action_on=command.next_action_on,
            note=command.note,
            by=command.by,
        )
    ]


def _snooze(command: SnoozeDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    if command.until_on <= command.on:
        raise SnoozeNotAhead("a denial is put off to a later day", denial=opened.denial_id, today=str(command.on))
    if (denial.snoozed_until_on, denial.snoozed_because) == (command.until_on, command.because):
        return []
    return [
        DenialSnoozed(denial_id=opened.denial_id, until_on=command.until_on, by=command.by, because=command.because)
    ]


def _undo(command: UndoDenialWork, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    """Put back what the last event changed. What others did since is never undone with it."""
    before, version = denial.before, command.version
    if denial.last_work is None or before is None or denial.version != version or denial.last_work.by != command.by:
        raise NotToUndo("something happened since, or another did it", denial=opened.denial_id, version=version)
    denial_id, by = opened.denial_id, command.by
    match denial.last_work:
        case DenialAssigned():
            return [
                DenialAssignmentUndone(
                    denial_id=denial_id,
                    undone_version=version,
                    assignee=before.assignee,
                    until_on=before.assigned_until_on,
                    by=by,
                )
            ]
        case DenialNoted():
            return [
                DenialNoteUndone(
                    denial_id=denial_id,
                    undone_version=version,
                    outcome_code=before.last_outcome,
                    reference_number=before.reference_number,
                    next_action=before.next_step.action,
                    next_action_on=before.next_step.on,
                    by=by,
                )
            ]
        case DenialSnoozed():
            until_on = before.snoozed_until_on
            return [
                DenialSnoozeUndone(
                    denial_id=denial_id,
                    undone_version=version,
                    until_on=until_on,
                    by=by,
                    because=before.snoozed_because,
                )
            ]
        case _:
            assert_never(denial.last_work)


def _write_off(command: WriteOffDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    if denial.write_off is not None:
        raise WriteOffAlreadyRequested("another person decides on the write-off", denial=opened.denial_id)
    asked = DenialWriteOffRequested(
        denial_id=opened.denial_id,
        amount_cents=opened.denied_cents,
        reason=command.reason,
        requested_by=command.by,
    )
    if opened.denied_cents > command.alone_cents_max:
        return [asked]
    return _written_off(asked, opened, approved_by=BY_RULE)


def _approve_write_off(command: ApproveWriteOff, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    asked = _asked_by_another(command.by, denial, opened)
    return _written_off(asked, opened, approved_by=command.by)


def _refuse_write_off(command: RefuseWriteOff, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _asked_by_another(command.by, denial, opened)
    return [DenialWriteOffRefused(denial_id=opened.denial_id, reason=command.reason, refused_by=command.by)]


def _asked_by_another(person: str, denial: Denial, opened: DenialOpened) -> DenialWriteOffRequested:
    if denial.write_off is None:
        raise WriteOffNotRequested("nobody asked to write this denial off", denial=opened.denial_id)
    if denial.write_off.requested_by == person:
        raise WriteOffNeedsAnother("a write-off of this amount needs a second person", denial=opened.denial_id)
    return denial.write_off


def _written_off(asked: DenialWriteOffRequested, opened: DenialOpened, *, approved_by: str) -> list[DenialEvent]:
    return [
        DenialWriteOffApproved(
            denial_id=opened.denial_id,
            claim_id=opened.claim_id,
            account_id=opened.account_id,
            payer_rank=rank_of(opened.claim_id),
            amount_cents=asked.amount_cents,
            reason=asked.reason,
            requested_by=asked.requested_by,
            approved_by=approved_by,
        ),
        DenialResolved(denial_id=opened.denial_id, outcome="written-off", reason=asked.reason),
    ]


def _draft_appeal(command: DraftAppeal, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    _refuse_without_level(command.level, denial, opened)
    return [
        AppealDrafted(
            denial_id=opened.denial_id,
            level=command.level,
            template_id=command.template_id,
            text=command.text,
            evidence=command.evidence,
            by=command.by,
        )
    ]


def _keep_letter(command: KeepLetter, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    _refuse_without_level(command.level, denial, opened)
    if denial.draft is None or denial.draft.level != command.level:
        raise AppealNotDrafted("no draft of this level is kept", denial=opened.denial_id, level=command.level)
    if denial.letter is not None and denial.letter.letter.document_id == command.document_id:
        return []
    letter = DocumentReference(document_id=command.document_id)
    return [AppealLetterWritten(denial_id=opened.denial_id, level=command.level, letter=letter, by=command.by)]


def _file_appeal(command: FileAppeal, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    _refuse_without_level(command.level, denial, opened)
    _refuse_ahead(command.filed_on, command.on, opened)
    clock = denial.clock
    is_late = clock is not None and command.filed_on > clock.last_on
    if clock is not None and is_late and not command.late_because:
        raise AppealPastItsDay(
            f"the last day was {clock.last_on}. {in_words(clock)}",
            denial=opened.denial_id,
            level=command.level,
            last_on=str(clock.last_on),
        )
    letter = denial.letter if denial.letter is not None and denial.letter.level == command.level else None
    return [
        AppealFiled(
            denial_id=opened.denial_id,
            level=command.level,
            due_on=command.due_on,
            name=clock.name if clock else "",
            filed_on=command.filed_on,
            clock=clock,
            late_because=command.late_because if is_late else "",
            by=command.by,
            sent_by=command.sent_by,
            tracking_number=command.tracking_number,
            letter=letter.letter if letter else None,
        )
    ]


def _refuse_without_level(level: int, denial: Denial, opened: DenialOpened) -> None:
    """A level can be filed when there is a right to appeal and the one before it was decided."""
    if opened.no_appeal_because:
        raise NoAppealRight(
            NO_APPEAL[opened.no_appeal_because], denial=opened.denial_id, because=opened.no_appeal_because
        )
    if denial.is_appeal_open or level != denial.appeal_level + 1:
        raise AppealOutOfOrder(
            "appeals go level by level, each after the decision on the last",
            denial=opened.denial_id,
            level=level,
            last_level=denial.appeal_level,
        )
    if denial.is_last_level_decided:
        raise NoFurtherAppeal("the payer's last level was decided", denial=opened.denial_id, level=denial.appeal_level)


def _refuse_ahead(day: date, today: date, opened: DenialOpened) -> None:
    if day > today:
        raise DayStillAhead("this day is still to come", denial=opened.denial_id, day=str(day), today=str(today))


def _decide_appeal(command: DecideAppeal, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    if not denial.is_appeal_open or command.level != denial.appeal_level:
        raise NoAppealOpen("no appeal of this level is open", denial=opened.denial_id, level=command.level)
    _refuse_ahead(command.decided_on, command.on, opened)
    match command.outcome:
        case "dismissed":
            next_clock = denial.filed.clock if denial.filed else None
        case "upheld" | "partly-overturned":
            next_clock = clock_of(command.terms, level=command.level + 1, decided_on=command.decided_on)
        case "overturned":
            next_clock = None
        case _:
            assert_never(command.outcome)
    goes_on = command.outcome in ("upheld", "partly-overturned")
    return [
        AppealDecided(
            denial_id=opened.denial_id,
            level=command.level,
            outcome=command.outcome,
            decided_on=command.decided_on,
            next_clock=next_clock,
            is_last_level=goes_on and next_clock is None and command.terms.is_complete,
            by=command.by,
            payer_id=opened.payer_id,
            category=opened.category,
            denied_cents=opened.denied_cents,
        )
    ]


def _derive_deadline(command: DeriveAppealDeadline, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    """A day that is over stays what it was; a day that was not known is known now."""
    clock, notice_on = denial.clock, denial.notice_on
    if notice_on is None or denial.is_appeal_open or denial.is_last_level_decided:
        return []
    if clock is not None and clock.last_on < command.on:
        return []
    derived = clock_of(command.terms, level=denial.appeal_level + 1, decided_on=notice_on)
    if derived is None or is_same_rule(clock, derived):
        return []
    return [
        AppealDeadlineMoved(
            denial_id=opened.denial_id,
            payer_id=opened.payer_id,
            previous_on=clock.last_on if clock else None,
            previous_rule_version=clock.rule_version if clock else 0,
            clock=derived,
        )
    ]


def _tick(command: TickStep, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    if command.step_id not in {step.step_id for step in command.checklist.steps}:
        raise ChecklistStepUnknown("no such step in the checklist of this denial", step=command.step_id)
    if (command.step_id in denial.ticked) == command.is_done:
        return []
    denial_id, by = opened.denial_id, command.by
    if not command.is_done:
        return [ChecklistStepUnticked(denial_id=denial_id, step_id=command.step_id, by=by)]
    version = command.checklist.version
    return [ChecklistStepTicked(denial_id=denial_id, step_id=command.step_id, checklist_version=version, by=by)]


def _set_escalation(command: SetEscalation, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    rule, version = rule_for(command.rules.rules, opened), command.rules.version
    if version < denial.escalation_version or rule == denial.escalation:
        return []
    return [
        DenialEscalationSet(
            denial_id=opened.denial_id,
            rules_version=version,
            rule=rule,
            escalates_on=_escalates_on(rule, command.on, denial) if rule else None,
        )
    ]


def _escalate(command: EscalateDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    rule = denial.escalation
    if rule is None or denial.escalates_on is None or command.on < denial.escalates_on:
        return []
    return [
        DenialEscalated(
            denial_id=opened.denial_id,
            supervisor=rule.supervisor,
            rule_id=rule.rule_id,
            rules_version=denial.escalation_version,
            workdays=rule.workdays,
            on=denial.escalates_on,
        )
    ]


def _resolve(command: ResolveDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    return [
        DenialResolved(
            denial_id=opened.denial_id,
            outcome=command.outcome,
            recovered_cents=command.recovered_cents,
            reason=command.reason,
        )
    ]


def _reverse(command: ReverseDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    if denial.is_resolved:
        return []
    reason = f"the payer took its answer back in {command.remittance_id}"
    return [DenialResolved(denial_id=opened.denial_id, outcome="reversed", reason=reason)]


denial: Decider[DenialCommand, DenialEvent, Denial] = Decider(decide=decide, evolve=evolve, initial=Denial())
