"""How is a denial worked until its money is recovered or let go?

An assignment is a lease: until its day is over nobody else works on the denial, so that two people never call one payer about
the same money. Appeals go level by level. What the payer takes back (a reversal) ends the denial without anybody's doing.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import assert_never

from services.claims.domain.denial.categories import category_of
from services.claims.domain.denial.commands import (
    AssignDenial,
    DecideAppeal,
    DenialCommand,
    FileAppeal,
    NoteDenial,
    OpenDenial,
    ResolveDenial,
    ReverseDenial,
)
from services.claims.domain.denial.state import Denial, evolve
from services.claims.domain.errors import (
    AppealOutOfOrder,
    DenialAlreadyResolved,
    DenialAssignedToAnother,
    DenialUnknown,
    NoAppealOpen,
)
from shared.events.claims import (
    AppealDecided,
    AppealFiled,
    DenialAssigned,
    DenialEvent,
    DenialNoted,
    DenialOpened,
    DenialResolved,
)
from shared.kernel.decider import Decider


def decide(command: DenialCommand, denial: Denial) -> list[DenialEvent]:
    if isinstance(command, OpenDenial):
        return _open(command, denial)
    opened = denial.opened
    if opened is None:
        raise DenialUnknown("there is no such denial")
    if isinstance(command, ReverseDenial):
        return _reverse(command, denial, opened)
    if denial.is_resolved:
        raise DenialAlreadyResolved("the denial is resolved", denial=opened.denial_id)
    match command:
        case AssignDenial():
            return _assign(command, denial, opened)
        case NoteDenial():
            return _note(command, denial, opened)
        case FileAppeal():
            return _file_appeal(command, denial, opened)
        case DecideAppeal():
            return _decide_appeal(command, denial, opened)
        case ResolveDenial():
            return _resolve(command, denial, opened)
        case _:
            assert_never(command)


def _open(command: OpenDenial, denial: Denial) -> list[DenialEvent]:
    if denial.opened is not None:
        return []
    category = category_of(command.reason)
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
            appeal_by_on=command.denied_on + timedelta(days=command.appeal_days),
        )
    ]


def _assign(command: AssignDenial, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.assignee, command.on, denial, opened)
    until_on = command.on + timedelta(days=command.days)
    if (denial.assignee, denial.assigned_until_on) == (command.assignee, until_on):
        return []
    return [DenialAssigned(denial_id=opened.denial_id, assignee=command.assignee, until_on=until_on)]


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
        )
    ]


def _file_appeal(command: FileAppeal, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    _refuse_when_anothers(command.by, command.on, denial, opened)
    if denial.is_appeal_open or command.level != denial.appeal_level + 1:
        raise AppealOutOfOrder(
            "appeals go level by level, each after the decision on the last",
            denial=opened.denial_id,
            level=command.level,
            last_level=denial.appeal_level,
        )
    return [AppealFiled(denial_id=opened.denial_id, level=command.level, due_on=command.due_on)]


def _decide_appeal(command: DecideAppeal, denial: Denial, opened: DenialOpened) -> list[DenialEvent]:
    if not denial.is_appeal_open or command.level != denial.appeal_level:
        raise NoAppealOpen("no appeal of this level is open", denial=opened.denial_id, level=command.level)
    return [AppealDecided(denial_id=opened.denial_id, level=command.level, outcome=command.outcome)]


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
