"""How does what a caller says about a person become a command that names them only in sealed values?"""

from __future__ import annotations

from services.eligibility.api.bodies import CoverageBody, PersonBody, RegisterBody
from services.eligibility.domain.patient.commands import AddCoverage, RegisterPatient
from services.eligibility.domain.patient.completeness import missing_of_coverage, missing_of_person
from shared.events.base import Sealed
from shared.events.values import Person
from shared.kernel.identifiers import computed_id
from shared.runtime.vault import Vault, member_index


async def patient_id_of(vault: Vault, tenant: str, *, authority: str, number: str) -> str:
    """The id under which everybody with the tenant's key knows a medical record number."""
    return computed_id(await vault.tenant_key(tenant), "patient", authority, number)


async def medical_record_index(vault: Vault, tenant: str, *, authority: str, number: str) -> str:
    return await vault.blind_index(tenant, "medical-record-number", f"{_plain(authority)}|{_plain(number)}")


async def name_index(vault: Vault, tenant: str, *, last: str, first: str, birth_on: object) -> str:
    return await vault.blind_index(tenant, "name", f"{_plain(last)}|{_plain(first)}|{birth_on or ''}")


async def register_command(vault: Vault, tenant: str, patient_id: str, body: RegisterBody) -> RegisterPatient:
    person = body.person.value()
    guarantor = body.guarantor.value() if body.guarantor else None
    return RegisterPatient(
        patient_id=patient_id,
        medical_record_number=Sealed.fresh(patient_id, "medical-record-number", body.medical_record_number.strip()),
        medical_record_index=await medical_record_index(
            vault, tenant, authority=body.authority, number=body.medical_record_number
        ),
        person=Sealed.fresh(patient_id, "person", person),
        name_index=await name_index(
            vault, tenant, last=person.name.last, first=person.name.first, birth_on=person.birth_on
        ),
        mark=await _mark(vault, tenant, "person", body.person),
        guarantor=None if guarantor is None else Sealed.fresh(patient_id, "guarantor", guarantor),
        guarantor_mark="" if body.guarantor is None else await _mark(vault, tenant, "guarantor", body.guarantor),
        missing=missing_of_person(person),
        source_at=body.source_at,
        source=body.source.value() if body.source else None,
    )


async def coverage_command(vault: Vault, tenant: str, patient_id: str, body: CoverageBody) -> AddCoverage:
    subscriber = body.subscriber.value() if body.subscriber else None
    number = "".join(body.member_number.split())
    stated = body.model_copy(update={"source": None, "source_at": None})
    return AddCoverage(
        patient_id=patient_id,
        coverage_id=body.coverage_id,
        payer_reference=body.payer_reference,
        payer_name=body.payer_name,
        rank=body.rank,
        relationship=body.relationship,
        member_number=Sealed.fresh(patient_id, f"member-number-{body.coverage_id}", number),
        member_index=await member_index(vault, tenant, number),
        group_number=_sealed_text(patient_id, f"group-number-{body.coverage_id}", body.group_number),
        subscriber=_sealed_person(patient_id, f"subscriber-{body.coverage_id}", subscriber),
        mark=await _mark(vault, tenant, "coverage", stated),
        plan=body.plan,
        effective_on=body.effective_on,
        terminated_on=body.terminated_on,
        missing=missing_of_coverage(number, body.relationship, subscriber),
        source_at=body.source_at,
        source=body.source.value() if body.source else None,
    )


async def _mark(vault: Vault, tenant: str, field: str, stated: PersonBody | CoverageBody) -> str:
    """The same words give the same mark, and a mark gives no words back."""
    return await vault.blind_index(tenant, f"mark-{field}", stated.model_dump_json())


def _sealed_text(patient_id: str, field: str, text: str) -> Sealed[str] | None:
    return Sealed.fresh(patient_id, field, text.strip()) if text.strip() else None


def _sealed_person(patient_id: str, field: str, person: Person | None) -> Sealed[Person] | None:
    return None if person is None else Sealed.fresh(patient_id, field, person)


def _plain(text: str) -> str:
    return " ".join(text.split()).upper()
