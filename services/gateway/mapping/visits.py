"""Which visit is this, and what do we know of it, in the words of the charges service?

Source: HL7 v2.8 PV1, PID-18, DG1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from services.gateway.mapping.naming import Naming, text_or_none
from services.gateway.parts import Part
from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.hl7v2.diagnosis import Diagnosis
from shared.codecs.hl7v2.person import Person
from shared.codecs.hl7v2.values import Identifier, PatientLocation, Provider, Said, said_or_none
from shared.codecs.hl7v2.visit import PATIENT_CLASSES, Visit

CHARGES = "charges"
REFERENCE_CHARACTERS = 80
DIAGNOSES_MAX = 30
ADMITTING, FINAL = "A", "F"


def encounter_id_of(person: Person, visit: Visit | None, naming: Naming) -> str | None:
    """By visit number, else by account number; None when the message names neither."""
    if number := _visit_number(visit):
        return naming.visit(number.authority.key, number.number)
    if account := said_or_none(person.account_number):
        return naming.account(account.authority.key, account.number)
    return None


def names_a_visit(person: Person, visit: Visit | None) -> bool:
    return _visit_number(visit) is not None or said_or_none(person.account_number) is not None


def _visit_number(visit: Visit | None) -> Identifier | None:
    return said_or_none(visit.visit_number) if visit else None


def opening(
    encounter_id: str,
    patient_id: str,
    visit: Visit | None,
    naming: Naming,
    *,
    place: str = "PV1",
    service_on: date | None = None,
    discharged_at: datetime | None = None,
) -> Part:
    """Open the visit, or note what a newer message says of it."""
    body: dict[str, Any] = {
        "encounter_id": encounter_id,
        "patient_id": patient_id,
        "service_on": service_on,
        "discharged_at": discharged_at,
        "source": naming.source(place),
    }
    if visit is not None:
        body |= _told_by(visit, naming, service_on, discharged_at)
    return Part.command(CHARGES, "/encounters", body, place=place, what="open the visit")


def _told_by(visit: Visit, naming: Naming, service_on: date | None, discharged_at: datetime | None) -> dict[str, Any]:
    admitted, discharged = said_or_none(visit.admitted_at), said_or_none(visit.discharged_at)
    return {
        "visit_class": visit.patient_class if visit.patient_class in PATIENT_CLASSES else None,
        "started_at": naming.at(admitted),
        "service_on": admitted.on if admitted else service_on,
        "discharged_at": naming.at(discharged) or discharged_at,
        "facility_reference": location_reference(visit.location),
        "attending_reference": provider_reference(visit.attending),
        "referring_reference": provider_reference(visit.referring),
    }


def cancellation(encounter_id: str, reason: str, naming: Naming) -> Part:
    body = {"reason": reason, "source": naming.source("PV1")}
    path = f"/encounters/{encounter_id}/cancel"
    return Part.command(CHARGES, path, body, place="PV1", what="cancel the visit")


def coding(encounter_id: str, codes: Sequence[str], naming: Naming) -> Part:
    body = {"diagnoses": list(codes), "source": naming.source("DG1")}
    path = f"/encounters/{encounter_id}/diagnoses"
    return Part.command(CHARGES, path, body, place="DG1", what="code the visit")


def provider_reference(providers: Sequence[Provider]) -> str | None:
    """The first one's NPI, else the number that the sender knows them by."""
    first = next((each for each in providers if each.npi or each.id), None)
    return None if first is None else (first.npi or first.id)[:REFERENCE_CHARACTERS]


def location_reference(location: Said[PatientLocation] | None) -> str | None:
    """The facility, else the point of care: many practices fill only that."""
    place = None if location is None else said_or_none(location)
    return None if place is None else text_or_none((place.facility or place.point_of_care)[:REFERENCE_CHARACTERS])


def coded(diagnoses: Sequence[Diagnosis]) -> list[str]:
    """The visit's diagnoses, principal first. Final ones where some are so called; an admitting one only if it is all."""
    standing = [each for each in diagnoses if not each.is_deleted]
    final = [each for each in standing if each.type == FINAL]
    chosen = final or [each for each in standing if each.type != ADMITTING] or standing
    by_priority = sorted(chosen, key=lambda each: each.priority or len(chosen))
    return billable([each.code for each in by_priority])


def billable(codes: Sequence[Code]) -> list[str]:
    """What a claim can carry; and where nothing is, what was said, under its system's name, for a coder to see.

    A visit coded twice, in ICD-10-CM and in SNOMED, keeps the former.
    """
    for_claims = [code.bare for code in codes if code.system is CodeSystem.ICD_10_CM]
    told = for_claims or [f"{code.system} {code.code}"[:30] for code in codes]
    return list(dict.fromkeys(told))[:DIAGNOSES_MAX]
