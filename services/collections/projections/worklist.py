"""Who owes what, since when, why, and what happens next? The collection worklist and the story behind each cent.

Every row is written by events of one guarantor account, so they come in their order; what is carried to a survivor by a merge leaves the
rows of the one account and makes rows of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from shared.events.collections import (
    AccountPlaced,
    AccountRecalled,
    ContactLogged,
    DisputeAnswerOverdue,
    DisputeOpened,
    DisputeResolved,
    GuarantorAccountJoined,
    GuarantorAccountMerged,
    HoldLifted,
    HoldPlaced,
    NextStepPlanned,
    PatientBalanceNoted,
    PaymentHeard,
    PaymentPlanAgreed,
    PaymentPlanEnded,
    StatementIssued,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put, Remove
from shared.runtime.queries import Order, asc, desc

_metadata = sa.MetaData()

collection_accounts = sa.Table(
    "collection_accounts",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text, primary_key=True),  # whose guarantor account it is worked in
    sa.Column("balance_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
    sa.Column("since_on", sa.Date),
    sa.Column("service_on", sa.Date),
    sa.Column("notices", sa.Integer),
    sa.Column("last_statement_on", sa.Date),
    sa.Column("last_payment_on", sa.Date),
    sa.Column("dispute_id", sa.Text),
    sa.Column("is_answer_overdue", sa.Boolean),
    sa.Column("plan_id", sa.Text),
    sa.Column("placement_id", sa.Text),
    sa.Column("agency", sa.Text),
    sa.Column("placed_cents", sa.BigInteger),
    sa.Index("collection_accounts_by_patient", "tenant", "patient_id"),
)

collection_patients = sa.Table(
    "collection_patients",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text, primary_key=True),
    sa.Column("next_step", sa.Text),
    sa.Column("next_on", sa.Date),
    sa.Column("next_number", sa.Integer),
    sa.Column("next_reason", sa.Text),
    sa.Column("gate", sa.Text),
    sa.Column("contact_on", sa.Date),  # when somebody is to get in touch again
    sa.Column("last_contact_on", sa.Date),
    sa.Column("last_outcome", sa.Text),
    sa.Column("last_statement_id", sa.Text),
    sa.Column("last_statement_on", sa.Date),
)

patient_holds = sa.Table(
    "patient_holds",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text, primary_key=True),
    sa.Column("hold", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text),
    sa.Column("placed_on", sa.Date),
)

balance_changes = sa.Table(
    "balance_changes",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("source_event_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("ordinal", sa.Integer),  # version of the stream
    sa.Column("change_cents", sa.BigInteger),
    sa.Column("balance_cents", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.Column("noted_on", sa.Date),
    sa.Index("balance_changes_by_patient", "tenant", "patient_id", "ordinal"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match event := recorded.event:
        case PatientBalanceNoted():
            yield from _balance(recorded, event)
        case PaymentHeard():
            yield _account(event, event.account_id, last_payment_on=event.paid_on)
        case NextStepPlanned():
            yield _patient(
                event.patient_id,
                next_step=event.step,
                next_on=event.due_on,
                next_number=event.number,
                next_reason=event.reason,
                gate=event.gate or None,
            )
        case StatementIssued():
            yield _patient(event.patient_id, last_statement_id=event.statement_id, last_statement_on=event.issued_on)
            for line in event.lines:
                yield _account(event, line.account_id, notices=line.notice, last_statement_on=event.issued_on)
        case ContactLogged():
            yield _patient(
                event.patient_id,
                contact_on=event.next_action_on,
                last_contact_on=event.contacted_on,
                last_outcome=event.outcome_code,
            )
        case HoldPlaced():
            values = {"reason": event.reason, "placed_on": recorded.occurred_at.date()}
            yield Put(table="patient_holds", key=(event.patient_id, event.hold), values=values)
        case HoldLifted():
            yield Remove(table="patient_holds", key=(event.patient_id, event.hold))
        case GuarantorAccountMerged():
            yield from _left(event)
        case GuarantorAccountJoined():
            yield from _joined(recorded, event)
        case _:
            yield from _pauses(event)


def _pauses(event: Any) -> Iterator[Change]:
    match event:
        case DisputeOpened():
            for account_id in event.account_ids:
                yield _account(event, account_id, dispute_id=event.dispute_id, is_answer_overdue=False)
        case DisputeResolved():
            for account_id in event.account_ids:
                yield _account(event, account_id, dispute_id=None, is_answer_overdue=False)
        case DisputeAnswerOverdue():
            for account_id in event.account_ids:
                yield _account(event, account_id, is_answer_overdue=True)
        case PaymentPlanAgreed():
            for account_id in event.account_ids:
                yield _account(event, account_id, plan_id=event.plan_id)
        case PaymentPlanEnded():
            for account_id in event.account_ids:
                yield _account(event, account_id, plan_id=None)
        case AccountPlaced():
            yield _account(
                event,
                event.account_id,
                placement_id=event.placement_id,
                agency=event.agency,
                placed_cents=event.amount_cents,
            )
        case AccountRecalled():
            yield _account(event, event.account_id, placement_id=None, agency=None, placed_cents=None)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


def _balance(recorded: Recorded[Any], event: PatientBalanceNoted) -> Iterator[Change]:
    values: dict[str, Any] = {
        "balance_cents": event.balance_cents,
        "since_on": event.since_on,
    }
    if event.is_new:
        values |= {"reason": event.reason, "notices": 0, "last_statement_on": None, "last_payment_on": None}
    if event.service_on is not None:
        values["service_on"] = event.service_on
    yield _account(event, event.account_id, **values)
    change = {
        "patient_id": event.patient_id,
        "ordinal": recorded.version,
        "change_cents": event.change_cents,
        "balance_cents": event.balance_cents,
        "reason": event.reason,
        "noted_on": event.noted_on,
    }
    yield Put(table="balance_changes", key=(event.account_id, event.source_event_id), values=change)


def _left(event: GuarantorAccountMerged) -> Iterator[Change]:
    for debt in event.carried.debts:
        yield Remove(table="collection_accounts", key=(debt.account_id, event.patient_id))
    for hold in event.carried.holds:
        yield Remove(table="patient_holds", key=(event.patient_id, hold.hold))
    yield _patient(event.patient_id, contact_on=None)


def _joined(recorded: Recorded[Any], event: GuarantorAccountJoined) -> Iterator[Change]:
    carried = event.carried
    for debt in carried.debts:
        yield _account(
            event,
            debt.account_id,
            balance_cents=debt.balance_cents,
            reason=debt.reason,
            since_on=debt.since_on,
            service_on=debt.service_on,
            notices=debt.notices,
            last_statement_on=debt.last_statement_on,
            last_payment_on=debt.paid_on,
        )
    for dispute in carried.disputes:
        for account_id in dispute.account_ids:
            yield _account(event, account_id, dispute_id=dispute.dispute_id, is_answer_overdue=dispute.is_overdue)
    for plan in carried.plans:
        for account_id in plan.account_ids:
            yield _account(event, account_id, plan_id=plan.plan_id)
    for placed in carried.placements:
        yield _account(
            event,
            placed.account_id,
            placement_id=placed.placement_id,
            agency=placed.agency,
            placed_cents=placed.amount_cents,
        )
    for hold in carried.holds:
        values = {"reason": hold.reason, "placed_on": recorded.occurred_at.date()}
        yield Put(table="patient_holds", key=(event.patient_id, hold.hold), values=values)
    yield _patient(event.patient_id, contact_on=carried.contact_on)


def _account(event: Any, account_id: str, **values: Any) -> Put:
    return Put(table="collection_accounts", key=(account_id, event.patient_id), values=values)


def _patient(patient_id: str, **values: Any) -> Put:
    return Put(table="collection_patients", key=(patient_id,), values=values)


projection = Projection(
    name="collections.worklist",
    version=2,
    tables=(collection_accounts, collection_patients, patient_holds, balance_changes),
    reads={
        "collections": (
            PatientBalanceNoted,
            PaymentHeard,
            NextStepPlanned,
            StatementIssued,
            ContactLogged,
            HoldPlaced,
            HoldLifted,
            DisputeOpened,
            DisputeResolved,
            DisputeAnswerOverdue,
            PaymentPlanAgreed,
            PaymentPlanEnded,
            AccountPlaced,
            AccountRecalled,
            GuarantorAccountMerged,
            GuarantorAccountJoined,
        )
    },
    apply=apply,
)

# --- queries ----------------------------------------------------------------------------------------------------------

_FAR = sa.literal(date(9999, 12, 31), sa.Date)
_act_on = sa.func.least(
    sa.case((collection_accounts.c.is_answer_overdue, collection_accounts.c.since_on), else_=_FAR),
    sa.func.coalesce(collection_patients.c.contact_on, _FAR),
    sa.func.coalesce(collection_patients.c.next_on, _FAR),
    type_=sa.Date,
).label("act_on")

# The day on which somebody or something acts; then the larger amount; then the number, so that the order is the same for all.
WORKLIST_ORDER: tuple[Order, ...] = (
    asc(_act_on),
    desc(collection_accounts.c.balance_cents),
    asc(collection_accounts.c.account_id),
)


def worklist(
    *, step: str | None = None, gate: str | None = None, due_by: date | None = None
) -> sa.Select[*tuple[Any, ...]]:
    """Accounts on which a patient owes something, or that an agency has."""
    accounts, patients = collection_accounts, collection_patients
    statement = (
        sa.select(
            accounts.c.account_id,
            accounts.c.patient_id,
            accounts.c.balance_cents,
            accounts.c.reason,
            accounts.c.since_on,
            accounts.c.service_on,
            accounts.c.notices,
            accounts.c.last_statement_on,
            accounts.c.last_payment_on,
            accounts.c.dispute_id,
            accounts.c.is_answer_overdue,
            accounts.c.plan_id,
            accounts.c.agency,
            accounts.c.placed_cents,
            patients.c.next_step,
            patients.c.next_on,
            patients.c.next_number,
            patients.c.next_reason,
            patients.c.gate,
            patients.c.contact_on,
            patients.c.last_outcome,
            _act_on,
        )
        .join_from(
            accounts,
            patients,
            sa.and_(patients.c.tenant == accounts.c.tenant, patients.c.patient_id == accounts.c.patient_id),
        )
        .where(sa.or_(accounts.c.balance_cents > 0, accounts.c.placement_id.is_not(None)))
    )
    if step is not None:
        statement = statement.where(patients.c.next_step == step)
    if gate is not None:
        statement = statement.where(patients.c.gate == gate)
    return statement if due_by is None else statement.where(_act_on <= due_by)


def patient(patient_id: str) -> sa.Select[Any]:
    return sa.select(collection_patients).where(collection_patients.c.patient_id == patient_id)


def accounts_of(names: Sequence[str]) -> sa.Select[Any]:
    """The accounts of one person, by every id; the survivor's comes first in `names` and its row stands for a settled older one."""
    accounts = collection_accounts
    place = sa.case({name: number for number, name in enumerate(names)}, value=accounts.c.patient_id)
    newest = (
        sa.select(accounts)
        .where(accounts.c.patient_id.in_(names))
        .ext(distinct_on(accounts.c.account_id))
        .order_by(accounts.c.account_id, place)
        .subquery()
    )
    return sa.select(newest).order_by(newest.c.since_on, newest.c.account_id)


def holds_of(patient_id: str) -> sa.Select[Any]:
    return sa.select(patient_holds).where(patient_holds.c.patient_id == patient_id).order_by(patient_holds.c.hold)


def changes_of(names: Sequence[str]) -> sa.Select[Any]:
    """Everything that made the patient owe what is owed, first to last; the survivor's own come after what was carried there."""
    changes = balance_changes.c
    place = sa.case({name: number for number, name in enumerate(names)}, value=changes.patient_id)
    return (
        sa.select(balance_changes)
        .where(changes.patient_id.in_(names))
        .order_by(changes.noted_on, place.desc(), changes.ordinal)
    )


def patients_with_balance() -> sa.Select[Any]:
    return (
        sa.select(collection_accounts.c.patient_id)
        .where(collection_accounts.c.balance_cents > 0)
        .distinct()
        .order_by(collection_accounts.c.patient_id)
    )
