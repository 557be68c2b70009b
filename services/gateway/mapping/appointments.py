"""When will a patient come, in the words of the eligibility service?

Source: HL7 v2.8 chapter 10 (SIU S12 to S17, S26).
"""

from __future__ import annotations

from collections.abc import Iterator

from services.gateway.mapping.naming import Naming
from services.gateway.mapping.registration import ELIGIBILITY, coverages, patient_id_of, registration
from services.gateway.mapping.visits import provider_reference
from services.gateway.parts import Part
from shared.codecs.hl7v2.scheduling import Appointment, AppointmentAction

GIVEN_UP = {
    AppointmentAction.CANCELLED: "cancelled",
    AppointmentAction.DISCONTINUED: "discontinued",
    AppointmentAction.DELETED: "deleted",
    AppointmentAction.NO_SHOW: "no-show",
}


def appointment_parts(told: Appointment, naming: Naming) -> Iterator[Part]:
    """Register the person, then book, move or give up the appointment."""
    appointment_id = naming.appointment(told.appointment_id.authority.key, told.appointment_id.number)
    patient_id = patient_id_of(told.person, naming)
    yield registration(told.person, (), told.occurred_at, naming)
    yield from coverages(told.coverages, patient_id, told.occurred_at, naming)
    if told.action in GIVEN_UP:
        body = {"reason": GIVEN_UP[told.action]}
        path = f"/appointments/{appointment_id}/cancel"
        yield Part.command(ELIGIBILITY, path, body, place="SCH", what="give up the appointment")
    elif told.starts_at is not None:
        yield _booking(told, appointment_id, patient_id, naming)


def _booking(told: Appointment, appointment_id: str, patient_id: str, naming: Naming) -> Part:
    provider = provider_reference(told.providers) or (told.visit and provider_reference(told.visit.attending))
    body = {
        "appointment_id": appointment_id,
        "patient_id": patient_id,
        "starts_at": naming.at(told.starts_at),
        "service_on": told.starts_at.on if told.starts_at else None,
        "provider_id": provider or None,
        "source": naming.source("SCH"),
    }
    return Part.command(ELIGIBILITY, "/appointments", body, place="SCH", what="book the appointment")
