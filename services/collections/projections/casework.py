"""What was agreed, promised, disputed, talked about and placed? One table each, one row a case.

A case may begin under one registration and end under the survivor's, whose events come in no order: the beginning writes what it is about
and whose it is, the end how it ended, and neither touches the other's columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.collections import (
    AccountPlaced,
    AccountRecalled,
    AssistanceDecided,
    ContactLogged,
    DisputeAnswerOverdue,
    DisputeOpened,
    DisputeResolved,
    InstalmentMissed,
    PaymentPlanAgreed,
    PaymentPlanEnded,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put
from shared.runtime.queries import Order, desc

_metadata = sa.MetaData()


def _table(name: str, key: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        _metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column(key, sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text),
        *columns,
        sa.Index(f"{name}_by_patient", "tenant", "patient_id"),
    )


payment_plans = _table(
    "payment_plans",
    "plan_id",
    sa.Column("state", sa.Text, server_default="running"),  # completed, defaulted, cancelled
    sa.Column("total_cents", sa.BigInteger),
    sa.Column("instalments", JSONB),
    sa.Column("account_ids", JSONB),
    sa.Column("agreed_on", sa.Date),
    sa.Column("missed_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
)
promises = _table(
    "promises",
    "promise_id",
    sa.Column("state", sa.Text, server_default="open"),  # kept, broken
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("by_on", sa.Date),
    sa.Column("made_on", sa.Date),
    sa.Column("missing_cents", sa.BigInteger),
)
disputes = _table(
    "disputes",
    "dispute_id",
    sa.Column("state", sa.Text, server_default="open"),  # upheld, rejected, withdrawn
    sa.Column("is_overdue", sa.Boolean),
    sa.Column("account_ids", JSONB),
    sa.Column("reason_code", sa.Text),
    sa.Column("opened_on", sa.Date),
    sa.Column("answer_by_on", sa.Date),
    sa.Column("note_token", sa.Text),  # sealed
    sa.Column("resolution", sa.Text),
)
contacts = _table(
    "contacts",
    "contact_id",
    sa.Column("outcome_code", sa.Text),
    sa.Column("contacted_on", sa.Date),
    sa.Column("reference_number", sa.Text),
    sa.Column("next_action_on", sa.Date),
    sa.Column("note_token", sa.Text),  # sealed
    sa.Column("logged_by", sa.Text),
)
placements = _table(
    "placements",
    "placement_id",
    sa.Column("state", sa.Text, server_default="placed"),  # recalled
    sa.Column("account_id", sa.Text),
    sa.Column("agency", sa.Text),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("placed_on", sa.Date),
    sa.Column("reason", sa.Text),
)
assistance = _table(
    "assistance",
    "decision_id",
    sa.Column("decision", sa.Text),
    sa.Column("discount_percent", sa.Integer),
    sa.Column("reason", sa.Text),
    sa.Column("decided_on", sa.Date),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match event := recorded.event:
        case PaymentPlanAgreed():
            values = {
                "total_cents": event.total_cents,
                "instalments": msgspec.to_builtins(event.instalments),
                "account_ids": list(event.account_ids),
                "agreed_on": event.agreed_on,
            }
            yield _put(payment_plans, event.plan_id, event, values)
        case InstalmentMissed():
            yield Put(table="payment_plans", key=(event.plan_id,), add={"missed_count": 1})
        case PaymentPlanEnded():
            yield _end(payment_plans, event.plan_id, state=event.outcome, reason=event.reason)
        case PromiseMade():
            values = {
                "amount_cents": event.amount_cents,
                "by_on": event.by_on,
                "made_on": event.made_on,
            }
            yield _put(promises, event.promise_id, event, values)
        case PromiseKept():
            yield _end(promises, event.promise_id, state="kept")
        case PromiseBroken():
            yield _end(promises, event.promise_id, state="broken", missing_cents=event.amount_cents)
        case _:
            yield from _conversations(recorded)


def _conversations(recorded: Recorded[Any]) -> Iterator[Change]:
    on = recorded.occurred_at.date()
    match event := recorded.event:
        case DisputeOpened():
            values = {
                "account_ids": list(event.account_ids),
                "reason_code": event.reason_code,
                "opened_on": on,
                "answer_by_on": event.answer_by_on,
                "note_token": event.note.token if event.note else None,
            }
            yield _put(disputes, event.dispute_id, event, values)
        case DisputeAnswerOverdue():
            yield _end(disputes, event.dispute_id, is_overdue=True)
        case DisputeResolved():
            yield _end(disputes, event.dispute_id, state=event.outcome, resolution=event.reason)
        case ContactLogged():
            values = {
                "outcome_code": event.outcome_code,
                "contacted_on": event.contacted_on or on,
                "reference_number": event.reference_number,
                "next_action_on": event.next_action_on,
                "note_token": event.note.token if event.note else None,
                "logged_by": recorded.stored.actor,
            }
            yield _put(contacts, str(recorded.event_id), event, values)
        case AccountPlaced():
            values = {
                "account_id": event.account_id,
                "agency": event.agency,
                "amount_cents": event.amount_cents,
                "placed_on": event.placed_on or on,
            }
            yield _put(placements, event.placement_id, event, values)
        case AccountRecalled():
            yield _end(placements, event.placement_id, state="recalled", reason=event.reason)
        case AssistanceDecided():
            values = {
                "decision": event.decision,
                "discount_percent": event.discount_percent,
                "reason": event.reason,
                "decided_on": on,
            }
            yield _put(assistance, str(recorded.event_id), event, values)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


def _put(table: sa.Table, key: str, event: Any, values: dict[str, Any]) -> Put:
    return Put(table=table.name, key=(key,), values={"patient_id": event.patient_id, **values})


def _end(table: sa.Table, key: str, **values: Any) -> Put:
    return Put(table=table.name, key=(key,), values=values)


projection = Projection(
    name="collections.casework",
    version=2,
    tables=(payment_plans, promises, disputes, contacts, placements, assistance),
    reads={
        "collections": (
            PaymentPlanAgreed,
            InstalmentMissed,
            PaymentPlanEnded,
            PromiseMade,
            PromiseKept,
            PromiseBroken,
            DisputeOpened,
            DisputeAnswerOverdue,
            DisputeResolved,
            ContactLogged,
            AccountPlaced,
            AccountRecalled,
            AssistanceDecided,
        )
    },
    apply=apply,
)


def of_patient(table: sa.Table, names: Sequence[str]) -> sa.Select[Any]:
    """The cases of one person, by every id under which they were registered."""
    return listed(table).where(table.c.patient_id.in_(names)).order_by(*(one.column.desc() for one in order(table)))


def listed(table: sa.Table, state: str | None = None) -> sa.Select[Any]:
    """All cases of a kind, or those in one state; with the key as `case_id` and a day to order by."""
    shown = [_state if each is disputes.c.state else each for each in table.c]
    statement = sa.select(*shown, *(one.column for one in order(table))).where(table.c.patient_id.is_not(None))
    if state is None:
        return statement
    return statement.where((_state if table is disputes else table.c.state) == state)


def order(table: sa.Table) -> tuple[Order, ...]:
    """Newest first."""
    key = next(column for column in table.primary_key.columns if column.name != "tenant")
    day = next(column for column in table.c if column.name in _DAYS)
    return desc(sa.func.coalesce(day, _NO_DAY, type_=sa.Date).label("case_on")), desc(key.label("case_id"))


_state = sa.case((sa.and_(disputes.c.state == "open", disputes.c.is_overdue), "overdue"), else_=disputes.c.state).label(
    "state"
)
_DAYS = ("agreed_on", "made_on", "opened_on", "contacted_on", "placed_on", "decided_on")
_NO_DAY = sa.text("date '0001-01-01'")


def notes_of(names: Sequence[str]) -> sa.Select[Any]:
    """What was written down about talks and disputes, sealed: the case, its day, and under which id and field it was sealed."""
    parts = (
        sa.select(
            table.c[key].label("case_id"),
            table.c[day].label("case_on"),
            table.c.patient_id,
            table.c.note_token,
            sa.literal(field).label("field"),
        ).where(table.c.patient_id.in_(names), table.c.note_token.is_not(None))
        for table, key, day, field in (
            (contacts, "contact_id", "contacted_on", CONTACT_NOTE),
            (disputes, "dispute_id", "opened_on", DISPUTE_NOTE),
        )
    )
    notes = sa.union_all(*parts).subquery()
    return sa.select(notes).order_by(notes.c.case_on.desc(), notes.c.case_id).limit(NOTES_MAX)


CONTACT_NOTE = "contact-note"
DISPUTE_NOTE = "dispute-note"
NOTES_MAX = 200
