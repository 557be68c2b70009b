"""What did patients pay, where did it go, what did not last, and whose money waits? Merged patients are read as one.

Of each payment: amount - allocated + returned - refunded - taken back + overdrawn - spent on what was overdrawn = unapplied.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from shared.events.eligibility import PatientRetired
from shared.events.envelope import Recorded
from shared.events.patient_money import (
    AllocationReturned,
    AllocationTakenBack,
    OverdraftCovered,
    OverdraftReopened,
    PatientPaymentReceived,
    PaymentAllocated,
    PaymentTakenBack,
    UnappliedRefunded,
    UnappliedRefundReversed,
)
from shared.events.payments import AppliedPaymentMoved, PatientPaymentReversed, PaymentApplied
from shared.runtime.merged_patients import merged, merged_patients_table, registrations_of
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()


def _cents(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0")


payments_of_patients = sa.Table(
    "payments_of_patients",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payment_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("method", sa.Text),
    sa.Column("received_on", sa.Date),
    _cents("amount_cents"),
    _cents("allocated_cents"),
    _cents("returned_cents"),
    _cents("refunded_cents"),
    sa.Column("taken_back_on", sa.Date),
    sa.Column("taken_back_reason", sa.Text, server_default=""),
    _cents("taken_back_cents"),  # that left cash
    _cents("overdrawn_cents"),  # part of it that had been refunded before
    _cents("covered_cents"),  # of what was overdrawn, by other payments
    _cents("covering_cents"),  # spent on what was overdrawn of others
    sa.Index("payments_of_patients_by_patient", "tenant", "patient_id", "received_on"),
)

patient_allocations = sa.Table(
    "patient_allocations",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payment_id", sa.Text, primary_key=True),
    sa.Column("allocation", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.Text),
    _cents("amount_cents"),
    _cents("applied_cents"),
    _cents("returned_cents"),
    sa.Column("move_id", sa.Text, server_default=""),  # of a person's decision; empty: it was shared out
    sa.Column("moved_by", sa.Text, server_default=""),
    sa.Column("from_account_id", sa.Text, server_default=""),  # whose credit it was
    sa.Index("patient_allocations_by_account", "tenant", "account_id"),
)

merged_patients = merged_patients_table(metadata)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match recorded.event:
        case PatientPaymentReceived() as event:
            values = {
                "patient_id": event.patient_id,
                "method": event.method,
                "received_on": event.received_on,
                "amount_cents": event.amount_cents,
            }
            yield Put(table="payments_of_patients", key=(event.payment_id,), values=values)
        case PaymentAllocated() as event:
            given = {"allocated_cents": event.amount_cents}
            yield Put(table="payments_of_patients", key=(event.payment_id,), add=given)
            own = {
                "account_id": event.account_id,
                "amount_cents": event.amount_cents,
                "move_id": event.move_id,
                "moved_by": event.moved_by,
                "from_account_id": event.from_account_id,
            }
            yield Put(table="patient_allocations", key=(event.payment_id, event.allocation), values=own)
        case AllocationReturned() | AllocationTakenBack() as event:
            back = {"returned_cents": event.amount_cents}
            yield Put(table="payments_of_patients", key=(event.payment_id,), add=back)
            yield Put(table="patient_allocations", key=(event.payment_id, event.allocation), add=back)
        case UnappliedRefunded() as event:
            gone = {"refunded_cents": event.amount_cents}
            yield Put(table="payments_of_patients", key=(event.payment_id,), add=gone)
        case UnappliedRefundReversed() as event:
            back = {"refunded_cents": -event.amount_cents}
            yield Put(table="payments_of_patients", key=(event.payment_id,), add=back)
        case PaymentApplied() as event:
            taken = {"applied_cents": event.amount_cents}
            yield Put(table="patient_allocations", key=(event.payment_id, event.allocation), add=taken)
        case PatientPaymentReversed() | AppliedPaymentMoved() as event:
            taken = {"applied_cents": -event.amount_cents}
            yield Put(table="patient_allocations", key=(event.payment_id, event.allocation), add=taken)
        case PaymentTakenBack() as event:
            told = {"taken_back_on": event.taken_back_on, "taken_back_reason": event.reason}
            gone = {"taken_back_cents": event.amount_cents, "overdrawn_cents": event.overdrawn_cents}
            yield Put(table="payments_of_patients", key=(event.payment_id,), values=told, add=gone)
        case OverdraftCovered() | OverdraftReopened() as event:
            cents = event.amount_cents if isinstance(event, OverdraftCovered) else -event.amount_cents
            spent, covered = {"covering_cents": cents}, {"covered_cents": cents}
            yield Put(table="payments_of_patients", key=(event.payment_id,), add=spent)
            yield Put(table="payments_of_patients", key=(event.covers_payment_id,), add=covered)
        case PatientRetired() as event:
            yield merged(event)


projection = Projection(
    name="payments.patient-payments",
    version=4,
    tables=(payments_of_patients, patient_allocations, merged_patients),
    reads={
        "payments": (
            PatientPaymentReceived,
            PaymentAllocated,
            AllocationReturned,
            PaymentApplied,
            UnappliedRefunded,
            UnappliedRefundReversed,
            AllocationTakenBack,
            PatientPaymentReversed,
            AppliedPaymentMoved,
            PaymentTakenBack,
            OverdraftCovered,
            OverdraftReopened,
        ),
        "eligibility": (PatientRetired,),
    },
    apply=apply,
)


# What is asked of the rows

_unapplied = (
    payments_of_patients.c.amount_cents
    - payments_of_patients.c.allocated_cents
    + payments_of_patients.c.returned_cents
    - payments_of_patients.c.refunded_cents
    - payments_of_patients.c.taken_back_cents
    + payments_of_patients.c.overdrawn_cents
    - payments_of_patients.c.covering_cents
)
_still_overdrawn = payments_of_patients.c.overdrawn_cents - payments_of_patients.c.covered_cents


def payments(patient_ids: list[str]) -> sa.Select[Any]:
    """The payments of one patient, oldest first, with what of each waits and what of each the patient had twice."""
    return (
        sa.select(
            payments_of_patients,
            _unapplied.label("unapplied_cents"),
            _still_overdrawn.label("still_overdrawn_cents"),
        )
        .where(payments_of_patients.c.patient_id.in_(patient_ids))
        .order_by(payments_of_patients.c.received_on, payments_of_patients.c.payment_id)
    )


def moves(patient_ids: list[str]) -> sa.Select[Any]:
    """What people moved of these payments and still stands on the account to which it went."""
    each, payment = patient_allocations, payments_of_patients
    same = sa.and_(payment.c.tenant == each.c.tenant, payment.c.payment_id == each.c.payment_id)
    return (
        sa.select(each)
        .join_from(each, payment, same)
        .where(payment.c.patient_id.in_(patient_ids), each.c.move_id != "", each.c.applied_cents > 0)
        .order_by(each.c.payment_id, each.c.allocation)
    )


def unapplied() -> sa.Select[*tuple[Any, ...]]:
    """Patients' money that waits, with its owner and its day; the caller orders and pages."""
    return sa.select(
        payments_of_patients.c.payment_id,
        payments_of_patients.c.patient_id,
        payments_of_patients.c.received_on,
        _unapplied.label("unapplied_cents"),
    ).where(_unapplied != 0)


def on_their_way(*, through_on: date) -> sa.Select[*tuple[Any, ...]]:
    """`payment_id`, `account_id`, `cents` of what was set aside for an account that has neither taken it nor given it back."""
    each = patient_allocations
    cents = each.c.amount_cents - each.c.applied_cents - each.c.returned_cents
    payment = payments_of_patients
    same = sa.and_(payment.c.tenant == each.c.tenant, payment.c.payment_id == each.c.payment_id)
    return (
        sa.select(each.c.payment_id, each.c.account_id, cents.label("cents"))
        .select_from(each.join(payment, same))
        .where(cents != 0, payment.c.received_on <= through_on)
        .order_by(each.c.payment_id, each.c.allocation)
    )


def names_of(patient_id: str) -> sa.Select[Any]:
    """`patient_id`: every id under which this person was registered."""
    return registrations_of(merged_patients, patient_id)
