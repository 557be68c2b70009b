"""Who is the patient and who may pay, in the words of the eligibility service?

Sources: HL7 v2.8 PID, GT1, IN1, IN2; table 0063 (relationship) against X12 element 1069.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from services.gateway.mapping.naming import Naming, text_or_none
from services.gateway.parts import Part
from shared.codecs.hl7v2.coverage import Coverage
from shared.codecs.hl7v2.guarantor import Guarantor
from shared.codecs.hl7v2.person import Person
from shared.codecs.hl7v2.values import ABSENT, Address, Identifier, PersonName, Said, Unsaid, said_or_none
from shared.codecs.moments import Moment

ELIGIBILITY = "eligibility"
PERSON_FIELDS = frozenset({"last", "birth_on", "sex", "address", "phone", "email"})
SELF, SPOUSE, CHILD, OTHER = "18", "01", "19", "G8"
RELATIONSHIPS = {  # table 0063 as used, spelled out, and X12's own codes
    **dict.fromkeys(("SEL", "SELF", "S", "18", "ONESELF"), SELF),
    **dict.fromkeys(("SPO", "SPOUSE", "01", "WIFE", "HUSBAND"), SPOUSE),
    **dict.fromkeys(("CHD", "CHILD", "19", "NCH", "SON", "DAU"), CHILD),
}


def patient_id_of(person: Person, naming: Naming) -> str:
    return identifier_id(person.record_number, naming)


def identifier_id(number: Identifier, naming: Naming) -> str:
    return naming.patient(number.authority.key, number.number)


def registration(
    person: Person, guarantors: Sequence[Guarantor], said_at: Moment | None, naming: Naming, *, place: str = "PID"
) -> Part:
    """Register the person, or note what a newer message says of them. What it leaves out stays as it is known."""
    patient_id = patient_id_of(person, naming)
    guarantor = next((body for each in guarantors if (body := _guarantor(each)).get("last")), None)
    body = {
        "patient_id": patient_id,
        "medical_record_number": person.record_number.number,
        "authority": text_or_none(person.record_number.authority.key),
        "person": person_body(person.name, person.birth_on, person.sex, person.address, person.phone, person.email),
        "guarantor": guarantor,
        "source_at": naming.at(said_at),
        "source": naming.source(place),
    }
    return register_part(patient_id, body, place=place)


def register_part(patient_id: str, body: dict[str, Any], *, place: str) -> Part:
    """A registration whose unsaid personal fields are completed from what is known."""
    part = Part.command(ELIGIBILITY, "/patients", body, place=place, what="register the patient")
    is_whole = body["person"].keys() >= PERSON_FIELDS
    return part if is_whole else replace(part, completed_from=f"/patients/{patient_id}")


def coverages(told: Sequence[Coverage], patient_id: str, said_at: Moment | None, naming: Naming) -> Iterator[Part]:
    """One command for each IN1 of the message, in the order in which they pay."""
    seen: Counter[tuple[str, Any]] = Counter()
    for coverage in told:
        reference = _payer_reference(coverage)
        effective = said_or_none(coverage.effective_on)
        begins_on = effective.on if effective else None
        seen[reference, begins_on] += 1
        coverage_id = naming.coverage(patient_id, reference, begins_on, seen[reference, begins_on])
        yield _coverage(coverage, patient_id, coverage_id, said_at, naming)


def person_body(
    name: Said[PersonName],
    birth_on: Said[Moment],
    sex: Said[str],
    address: Said[Address],
    phone: Said[str] = ABSENT,
    email: Said[str] = ABSENT,
) -> dict[str, Any]:
    """What was said: a field that is not there was left out, an empty one was deleted."""
    told: dict[str, Any] = {}
    if not isinstance(name, Unsaid):
        told |= {"last": name.family or name.given, "middle": name.middle, "suffix": name.suffix}
        told["first"] = name.given if name.family else ""
    if birth_on is not ABSENT:
        told["birth_on"] = None if isinstance(birth_on, Unsaid) else birth_on.on
    if sex is not ABSENT:
        told["sex"] = sex if sex in ("F", "M") else "U"
    if address is not ABSENT:
        told["address"] = {} if isinstance(address, Unsaid) else _address(address)
    for field, said in (("phone", phone), ("email", email)):
        if said is not ABSENT:
            told[field] = "" if isinstance(said, Unsaid) else said
    return told


def _address(address: Address) -> dict[str, str]:
    told = {
        "line_1": address.line_1,
        "line_2": address.line_2,
        "city": address.city,
        "state": address.state,
        "postal_code": "".join(filter(str.isdigit, address.postal_code)),
        "country": address.country,
    }
    return {key: value for key, value in told.items() if value}


def _guarantor(guarantor: Guarantor) -> dict[str, Any]:
    return person_body(guarantor.name, guarantor.birth_on, guarantor.sex, guarantor.address, guarantor.phone)


def _payer_reference(coverage: Coverage) -> str:
    return coverage.payer_id or coverage.payer_name or coverage.plan_id or coverage.plan_name


def _coverage(coverage: Coverage, patient_id: str, coverage_id: str, said_at: Moment | None, naming: Naming) -> Part:
    effective, expires = said_or_none(coverage.effective_on), said_or_none(coverage.expires_on)
    relationship = relationship_of(said_or_none(coverage.relationship))
    body = {
        "coverage_id": coverage_id,
        "payer_reference": _payer_reference(coverage),
        "payer_name": text_or_none(coverage.payer_name),
        "rank": coverage.rank,
        "relationship": relationship,
        "member_number": said_or_none(coverage.member_number) or "",
        "group_number": text_or_none(said_or_none(coverage.group_number)),
        "subscriber": None if relationship == SELF else _subscriber(coverage),
        "plan": text_or_none(coverage.plan_id or coverage.plan_name),
        "effective_on": effective.on if effective else None,
        "terminated_on": expires.on if expires else None,
        "source_at": naming.at(said_at),
        "source": naming.source(coverage.place),
    }
    path = f"/patients/{patient_id}/coverages"
    return Part.command(ELIGIBILITY, path, body, place=coverage.place, what="add the coverage")


def relationship_of(said: str | None) -> str:
    """Patient to subscriber, as X12 says it. Unsaid is self: most senders leave it out only then."""
    return SELF if not said else RELATIONSHIPS.get(said.strip().upper(), OTHER)


def _subscriber(coverage: Coverage) -> dict[str, Any] | None:
    told = person_body(coverage.insured_name, coverage.insured_birth_on, coverage.insured_sex, coverage.insured_address)
    return told if told.get("last") else None
