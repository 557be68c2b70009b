"""When does a patient come, and when is it time to look at their coverage again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, TypeAlias, assert_never

from services.eligibility.domain.errors import AppointmentOfAnotherPatient, AppointmentUnknown
from shared.events.eligibility import AppointmentBooked, AppointmentCancelled, EligibilityCheckDue
from shared.events.values import DocumentReference
from shared.kernel.decider import Decider

AppointmentEvent: TypeAlias = AppointmentBooked | AppointmentCancelled | EligibilityCheckDue


@dataclass(frozen=True, slots=True, kw_only=True)
class BookAppointment:
    """The appointment as the schedule states it now."""

    appointment_id: str
    patient_id: str
    also_registered_as: frozenset[str] = frozenset()  # other ids of the same person, after a merge
    starts_at: datetime
    service_on: date
    provider_id: str = ""
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAppointment:
    appointment_id: str
    reason: Literal["cancelled", "discontinued", "deleted", "no-show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForCheck:
    """The night before that day has come."""

    service_on: date


AppointmentCommand: TypeAlias = BookAppointment | CancelAppointment | CallForCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    booked: AppointmentBooked | None = None
    is_cancelled: bool = False


def decide(command: AppointmentCommand, appointment: Appointment) -> Sequence[AppointmentEvent]:
    match command:
        case BookAppointment():
            return _book(command, appointment)
        case CancelAppointment():
            return _cancel(command, appointment)
        case CallForCheck():
            return _call_for_check(command, appointment)
        case _:
            assert_never(command)


def evolve(state: Appointment, event: AppointmentEvent) -> Appointment:
    match event:
        case AppointmentBooked():
            return replace(state, booked=event, is_cancelled=False)
        case AppointmentCancelled():
            return replace(state, is_cancelled=True)
        case EligibilityCheckDue():
            return state
        case _:
            assert_never(event)


appointment: Decider[AppointmentCommand, AppointmentEvent, Appointment] = Decider(
    decide=decide, evolve=evolve, initial=Appointment()
)


def _book(command: BookAppointment, appointment: Appointment) -> Sequence[AppointmentEvent]:
    known = appointment.booked
    if known is not None and known.patient_id not in command.also_registered_as | {command.patient_id}:
        raise AppointmentOfAnotherPatient(
            "the appointment was booked for another patient", appointment_id=command.appointment_id
        )
    reason: Literal["booked", "rescheduled", "modified"] = "booked"
    if known is not None and not appointment.is_cancelled:
        is_moved = (known.starts_at, known.service_on) != (command.starts_at, command.service_on)
        if not is_moved and known.provider_id == command.provider_id:
            return []
        reason = "rescheduled" if is_moved else "modified"
    return [
        AppointmentBooked(
            appointment_id=command.appointment_id,
            patient_id=command.patient_id,
            starts_at=command.starts_at,
            service_on=command.service_on,
            reason=reason,
            provider_id=command.provider_id,
            source=command.source,
        )
    ]


def _cancel(command: CancelAppointment, appointment: Appointment) -> Sequence[AppointmentEvent]:
    if appointment.booked is None:
        raise AppointmentUnknown("the appointment was never booked", appointment_id=command.appointment_id)
    if appointment.is_cancelled:
        return []
    return [
        AppointmentCancelled(
            appointment_id=command.appointment_id, patient_id=appointment.booked.patient_id, reason=command.reason
        )
    ]


def _call_for_check(command: CallForCheck, appointment: Appointment) -> Sequence[AppointmentEvent]:
    booked = appointment.booked
    if booked is None or appointment.is_cancelled or booked.service_on != command.service_on:
        return []  # it was moved or cancelled meanwhile
    return [
        EligibilityCheckDue(
            appointment_id=booked.appointment_id, patient_id=booked.patient_id, service_on=booked.service_on
        )
    ]
