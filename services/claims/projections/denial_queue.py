"""Which denial is worth the next hour?

Expected recovery = denied amount x chance of winning; the rank is expected recovery x urgency, where urgency follows from the days
left to appeal. The parts are shown, so that the order explains itself; amounts and percentages are integers, so that it is the same
on every machine. Urgency depends on the day and is computed when the queue is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.claims.domain.denial.categories import category_named
from services.claims.domain.denial.escalation import Touched
from services.claims.domain.denial.next_steps import next_step
from services.claims.projections import denial_work
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
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Projection, Put

denial_queue = sa.Table(
    "denial_queue",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("denial_id", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, nullable=False, default=""),
    sa.Column("account_id", sa.Text, nullable=False, default=""),
    sa.Column("payer_id", sa.Text, nullable=False, default=""),
    sa.Column("remittance_id", sa.Text, nullable=False, default=""),
    sa.Column("category", sa.Text, nullable=False, default=""),
    sa.Column("origin", sa.Text, nullable=False, default=""),
    sa.Column("reason_group", sa.Text, nullable=False, default=""),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("remarks", ARRAY(sa.Text)),
    sa.Column("denied_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("win_chance_percent", sa.Integer, nullable=False, default=0),
    sa.Column("win_chance_because", sa.Text, nullable=False, default=""),
    sa.Column("expected_recovery_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("appeal_by_on", sa.Date),
    sa.Column("appeal_clock", JSONB),
    sa.Column("no_appeal_because", sa.Text, nullable=False, default=""),
    sa.Column("opened_at", sa.DateTime(timezone=True)),
    sa.Column("assignee", sa.Text, nullable=False, default=""),
    sa.Column("assigned_until_on", sa.Date),
    sa.Column("snoozed_until_on", sa.Date),
    sa.Column("snoozed_because", sa.Text, nullable=False, default=""),
    sa.Column("write_off_requested_by", sa.Text, nullable=False, default=""),  # empty: nobody waits for a decision
    sa.Column("write_off_reason", sa.Text, nullable=False, default=""),
    sa.Column("status", sa.Text, nullable=False, default="open"),
    sa.Column("is_open", sa.Boolean, nullable=False, default=True),
    sa.Column("appeal_level", sa.Integer, nullable=False, default=0),
    sa.Column("last_outcome", sa.Text, nullable=False, default=""),
    sa.Column("reference_number", sa.Text, nullable=False, default=""),
    sa.Column("next_action", sa.Text, nullable=False, default=""),
    sa.Column("next_action_on", sa.Date),
    sa.Column("recovered_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("escalates_on", sa.Date),  # unless somebody works on it
    sa.Column("escalated_to", sa.Text, nullable=False, default=""),  # and nobody worked on it since
    sa.Column("escalated_on", sa.Date),
    sa.Column("moved_at", sa.DateTime(timezone=True)),
    sa.Column("version", sa.Integer, nullable=False, default=0),  # of the denial's stream
    sa.Index("denial_queue_open", "tenant", "is_open", "expected_recovery_cents"),
    sa.Index("denial_queue_by_claim", "tenant", "claim_id"),
    sa.Index("denial_queue_by_payer", "tenant", "payer_id", "is_open"),
)

# Days left to appeal, and how much more than usual the denial matters; past its last day it is mostly lost.
URGENCY_PERCENT = ((0, 25), (7, 200), (30, 150), (60, 120))
USUAL_PERCENT = 100


def apply(recorded: Recorded[DenialEvent]) -> Iterator[Put]:
    """What an event changes in its denial's row."""
    values = _values(recorded) | {"moved_at": recorded.recorded_at, "version": recorded.version}
    if step := next_step(recorded.event):
        values |= {"next_action": step.action, "next_action_on": step.on}
    if isinstance(recorded.event, Touched):
        values |= {"escalates_on": recorded.event.escalates_on, "escalated_to": "", "escalated_on": None}
    yield Put(table=denial_queue.name, key=(recorded.event.denial_id,), values=values)


def _values(recorded: Recorded[DenialEvent]) -> dict[str, Any]:
    match recorded.event:
        case DenialOpened() as event:
            return _opened(event) | {"opened_at": recorded.occurred_at}
        case DenialAssigned() | DenialAssignmentUndone() as event:
            return {"assignee": event.assignee, "assigned_until_on": event.until_on}
        case DenialNoted() | DenialNoteUndone() as event:
            return {"last_outcome": event.outcome_code, "reference_number": event.reference_number}
        case DenialSnoozed() | DenialSnoozeUndone() as event:
            return {"snoozed_until_on": event.until_on, "snoozed_because": event.because}
        case DenialWriteOffRequested() as event:
            return {"write_off_requested_by": event.requested_by, "write_off_reason": event.reason}
        case DenialWriteOffApproved() | DenialWriteOffRefused():
            return {"write_off_requested_by": "", "write_off_reason": ""}
        case AppealDrafted() | AppealLetterWritten() | ChecklistStepTicked() | ChecklistStepUnticked():
            return {}
        case DenialEscalationSet() as event:
            return {"escalates_on": event.escalates_on}
        case DenialEscalated() as event:
            return {"escalates_on": None, "escalated_to": event.supervisor, "escalated_on": event.on}
        case AppealFiled() as event:
            return {"status": "appealed", "appeal_level": event.level} | _clock(None)
        case AppealDecided() as event:
            level = event.level - (event.outcome == "dismissed")
            return {"status": event.outcome, "appeal_level": level} | _clock(event.next_clock)
        case AppealDeadlineMoved() as event:
            return _clock(event.clock)
        case DenialResolved() as event:
            return {
                "status": event.outcome,
                "is_open": False,
                "escalates_on": None,
                "escalated_to": "",
                "escalated_on": None,
                "recovered_cents": event.recovered_cents,
                "write_off_requested_by": "",
                "write_off_reason": "",
            }


def _opened(event: DenialOpened) -> dict[str, Any]:
    category = category_named(event.category)
    return {
        "claim_id": event.claim_id,
        "account_id": event.account_id,
        "payer_id": event.payer_id,
        "remittance_id": event.remittance_id,
        "category": event.category,
        "origin": category.origin,
        "reason_group": event.group,
        "reason": event.reason,
        "remarks": event.remarks,
        "denied_cents": event.denied_cents,
        "win_chance_percent": event.win_chance_percent,
        "win_chance_because": category.because,
        "expected_recovery_cents": event.denied_cents * event.win_chance_percent // 100,
        "appeal_by_on": event.appeal_by_on,
        "appeal_clock": msgspec.to_builtins(event.appeal_clock),
        "no_appeal_because": event.no_appeal_because,
    }


def _clock(clock: AppealClock | None) -> dict[str, Any]:
    return {"appeal_by_on": clock.last_on if clock else None, "appeal_clock": msgspec.to_builtins(clock)}


def urgency_percent(days_left: int | None) -> int:
    """The urgency of a denial with so many days left to appeal; without a last day it is usual."""
    if days_left is None:
        return USUAL_PERCENT
    if days_left < 0:
        return URGENCY_PERCENT[0][1]
    return next((percent for days, percent in URGENCY_PERCENT[1:] if days_left <= days), USUAL_PERCENT)


def summed(found: sa.Subquery, on: date) -> sa.Select[*tuple[Any, ...]]:
    """One row: counts and sums over denials of `ranked`, as the list of the same filters holds them."""
    days_left: sa.ColumnElement[int] = found.c.appeal_by_on - sa.literal(on, sa.Date)

    def cents(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)

    return sa.select(
        sa.func.count().label("denials"),
        cents(found.c.denied_cents).label("denied_cents"),
        cents(found.c.expected_recovery_cents).label("expected_recovery_cents"),
        sa.func.count().filter(days_left.between(0, 7)).label("due_in_7_days"),
        sa.func.count().filter(days_left < 0).label("past_appeal_limit"),
        sa.func.count().filter(found.c.assignee == "").label("unassigned"),
    )


_HUNDRED = sa.literal_column("100", sa.Integer)


def _whole(part: sa.ColumnElement[int], by: sa.ColumnElement[int], kind: sa.Integer) -> sa.ColumnElement[int]:
    """Integers divided as integers: by way of `div` each would become a numeric, for every row of the queue."""
    return part.op("/", precedence=8, return_type=kind)(by)


def in_views(on: date, mine: str) -> sa.Select[*tuple[Any, ...]]:
    """One row: how many open denials each of the usual views holds on that day, in one pass over them."""
    table = denial_queue
    is_snoozed = sa.func.coalesce(table.c.snoozed_until_on > sa.literal(on, sa.Date), sa.false())

    def counted(*holds: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count().filter(sa.and_(*holds))

    return sa.select(
        counted(~is_snoozed).label("worth_most"),
        counted(~is_snoozed, table.c.assignee == mine).label("mine"),
        counted(~is_snoozed, table.c.assignee == "").label("nobodys"),
        counted(is_snoozed).label("put_off"),
        counted(~is_snoozed, table.c.write_off_requested_by != "").label("to_approve"),
        counted(~is_snoozed, table.c.escalated_to != "").label("escalated"),
    ).where(table.c.is_open)


def ranked(on: date, *, cases_min: int) -> sa.Subquery:
    """Every denial with its chance, urgency and rank of that day: `score_cents` = expected recovery x urgency.

    The chance is the payer's measured one for the category once `cases_min` appeals were decided, and before that the table's;
    both are in the row. `is_snoozed`: it was put off to a later day than this.
    """
    table, measured = denial_queue, denial_work.measured()
    days_left: sa.ColumnElement[int] = table.c.appeal_by_on - sa.literal(on, sa.Date)
    urgency = sa.case(
        (table.c.appeal_by_on.is_(None), USUAL_PERCENT),
        (days_left < 0, URGENCY_PERCENT[0][1]),
        *((days_left <= days, percent) for days, percent in URGENCY_PERCENT[1:]),
        else_=USUAL_PERCENT,
    )
    cases = sa.func.coalesce(measured.c.cases, 0)
    won_percent = _whole(measured.c.won * 100, sa.func.nullif(measured.c.cases, 0), sa.Integer())
    is_measured = cases >= cases_min
    chance = sa.case((is_measured, won_percent), else_=table.c.win_chance_percent)
    expected = _whole(table.c.denied_cents * chance, _HUNDRED, sa.BigInteger())
    score = _whole(expected * urgency, _HUNDRED, sa.BigInteger())
    is_snoozed = sa.func.coalesce(table.c.snoozed_until_on > sa.literal(on, sa.Date), sa.false())
    as_stored = [column for column in table.c if column.name not in ("win_chance_percent", "expected_recovery_cents")]
    same_kind = sa.and_(measured.c.payer_id == table.c.payer_id, measured.c.category == table.c.category)
    return (
        sa.select(
            *as_stored,
            chance.label("win_chance_percent"),
            table.c.win_chance_percent.label("usual_win_percent"),
            won_percent.label("measured_win_percent"),
            cases.label("measured_cases"),
            is_measured.label("is_chance_measured"),
            expected.label("expected_recovery_cents"),
            urgency.label("urgency_percent"),
            score.label("score_cents"),
            is_snoozed.label("is_snoozed"),
        )
        .join_from(table, measured, same_kind, isouter=True)
        .subquery("denials")
    )


projection = Projection(
    name="claims.denials",
    version=6,
    tables=(denial_queue,),
    reads={"claims": get_args(DenialEvent)},
    apply=apply,
)
