"""Who comes when? The list from which coverage is checked before the visit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from services.eligibility.projections.checks import eligibility_checks
from services.eligibility.projections.patients import patients
from shared.events.eligibility import AppointmentBooked, AppointmentCancelled
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

appointments = sa.Table(
    "appointments",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("appointment_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("starts_at", sa.DateTime(timezone=True)),
    sa.Column("service_on", sa.Date),
    sa.Column("provider_id", sa.Text),
    sa.Column("state", sa.Text),  # booked, cancelled
    sa.Column("changed_at", sa.DateTime(timezone=True)),
    sa.Index("appointments_by_day", "tenant", "service_on", "appointment_id"),
    sa.Index("appointments_by_patient", "tenant", "patient_id"),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    match event := recorded.event:
        case AppointmentBooked():
            values = {
                "patient_id": event.patient_id,
                "starts_at": event.starts_at,
                "service_on": event.service_on,
                "provider_id": event.provider_id,
                "state": "booked",
            }
        case AppointmentCancelled():
            values = {"state": "cancelled"}
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")
    changed = {**values, "changed_at": recorded.recorded_at}
    yield Put(table="appointments", key=(event.appointment_id,), values=changed)


projection = Projection(
    name="eligibility.appointments",
    version=1,
    tables=(appointments,),
    reads={"eligibility": (AppointmentBooked, AppointmentCancelled)},
    apply=apply,
)


def between(from_on: date | None, to_on: date | None) -> sa.Select[Any]:
    statement = sa.select(appointments).where(appointments.c.service_on.is_not(None))
    if from_on is not None:
        statement = statement.where(appointments.c.service_on >= from_on)
    if to_on is not None:
        statement = statement.where(appointments.c.service_on <= to_on)
    return statement


def booked_for(patient_id: str, from_on: date) -> sa.Select[Any]:
    """What a patient is booked for, from a day on."""
    return (
        sa.select(appointments)
        .where(
            appointments.c.patient_id == patient_id,
            appointments.c.state == "booked",
            appointments.c.service_on >= from_on,
        )
        .order_by(appointments.c.appointment_id)
    )


def unanswered(from_on: date, to_on: date) -> sa.Select[Any]:
    """What is booked for these days while no payer has answered for that day, with the last question about it."""
    checks = eligibility_checks
    registrations = (
        sa.select(patients.c.patient_id)
        .where(
            sa.or_(
                patients.c.patient_id == appointments.c.patient_id, patients.c.merged_into == appointments.c.patient_id
            )
        )
        .correlate(appointments)
    )
    asked = sa.and_(
        checks.c.service_on == appointments.c.service_on,
        sa.or_(checks.c.patient_id == appointments.c.patient_id, checks.c.patient_id.in_(registrations)),
    )
    last = (
        sa.select(checks.c.check_id, checks.c.state.label("check_state"), checks.c.rejections)
        .where(asked)
        .order_by(checks.c.changed_at.desc(), checks.c.check_id)
        .limit(1)
        .correlate(appointments)
        .lateral("last")
    )
    answered = sa.exists().where(asked, checks.c.state == "answered").correlate(appointments)
    return (
        sa.select(appointments, last.c.check_id, last.c.check_state, last.c.rejections)
        .outerjoin(last, sa.true())
        .where(appointments.c.state == "booked", appointments.c.service_on.between(from_on, to_on), ~answered)
    )
