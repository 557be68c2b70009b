"""Patients and their coverages over HTTP. Pages open personal values through the vault; no rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from services.eligibility.api.bodies import (
    BenefitView,
    CoverageBody,
    CoverageOn,
    CoverageView,
    CoveredOn,
    GapRow,
    Id,
    MergeBody,
    OrderBody,
    PatientHit,
    PatientView,
    PersonView,
    RegisterBody,
    SearchBody,
    TerminateBody,
)
from services.eligibility.api.knowledge import Knowledge
from services.eligibility.api.sealing import (
    coverage_command,
    medical_record_index,
    name_index,
    patient_id_of,
    register_command,
)
from services.eligibility.domain.errors import PatientIsRetired
from services.eligibility.domain.patient.commands import (
    MergePatients,
    RetirePatient,
    SetCoverageOrder,
    TerminateCoverage,
)
from services.eligibility.domain.patient.state import Patient, is_active
from services.eligibility.domain.payer.directory import PayerDirectory
from services.eligibility.policies.known_patient import Registration
from services.eligibility.projections import checks as checks_read_model
from services.eligibility.projections import patients as read_model
from shared.events.eligibility import CoverageAdded
from shared.events.values import Person
from shared.kernel.errors import Malformed, NotFound
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page, rows
from shared.runtime.vault import Opener, Vault
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

Register = Annotated[Cause, Depends(cause_of("eligibility:register-patient"))]
Record = Annotated[Cause, Depends(cause_of("eligibility:record-coverage"))]
Merge = Annotated[Cause, Depends(cause_of("eligibility:merge-patients"))]
Reader = Annotated[Caller, Depends(caller("eligibility:read-patient"))]
CoverageReader = Annotated[Caller, Depends(caller("eligibility:read-coverage"))]
Worker = Annotated[Caller, Depends(caller("eligibility:read-worklists"))]

Purpose = Annotated[
    str, Query(pattern="^[a-z][a-z-]{2,39}$", description="Why it is opened: registration, billing, collections, …")
]

_BY_CHANGE: tuple[Order, ...] = (asc(read_model.patients.c.changed_at), asc(read_model.patients.c.patient_id))


def router(
    commands: Commands, reads: ReadDatabase, vault: Vault, patient: Aggregate, knowledge: Knowledge
) -> APIRouter:
    routes = APIRouter(tags=["patients"])

    @routes.post("/patients", status_code=201)
    async def register_patient(body: RegisterBody, cause: Register) -> Done:
        """Register a person, or note what a newer message says. The answer's `stream` is `patient/{patient_id}`."""
        patient_id = body.patient_id or await patient_id_of(
            vault, cause.tenant, authority=body.authority, number=body.medical_record_number
        )
        command = await register_command(vault, cause.tenant, patient_id, body)
        return done(await commands.handle(patient, patient_id, command, cause), "eligibility")

    @routes.post("/patients/search")
    async def search_patients(body: SearchBody, who: Reader, after: After = None) -> list[PatientHit]:
        """Who has this medical record number, or this name and birth date? The values stay out of URLs."""
        await reads.wait_for(read_model.projection.name, after)
        statement = read_model.by_index(**await _indexes(vault, who.tenant, body))
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, statement)
        return [PatientHit(patient_id=row["patient_id"], merged_into=row["merged_into"]) for row in found]

    @routes.get("/patients/gaps")
    async def registration_gaps(
        who: Worker, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[GapRow]:
        """Registrations that lack something a claim will need, longest unchanged first."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.with_gaps(), order=_BY_CHANGE, limit=limit, cursor=cursor)
            return Page[GapRow].of(found, await reads.positions(connection, read_model.projection.name))

    @routes.get("/patients/{patient_id}")
    async def read_patient(patient_id: Id, who: Reader, purpose: Purpose = "registration") -> PatientView:
        """One patient with their coverages, in the clear and on the record; a merged one is answered by the survivor."""
        found = await knowledge.registrations(who.tenant, patient_id)
        opener = Opener(actor=who.actor, purpose=purpose)
        return await _patient_view(vault, who.tenant, found, await knowledge.payers_now(who.tenant), opener)

    @routes.get("/patients/{patient_id}/coverage")
    async def read_coverage(patient_id: Id, on: date, who: CoverageReader, after: After = None) -> CoverageOn:
        """Which coverages hold on a date, what payers said about that date, and what is unknown."""
        await reads.wait_for(checks_read_model.projection.name, after)
        found = await knowledge.registrations(who.tenant, patient_id)
        coverages = [coverage for _, state in found for coverage in state.coverages.values()]
        async with reads.read(who.tenant) as connection:
            asked = await rows(connection, checks_read_model.for_coverages([c.coverage_id for c in coverages], on))
            told = await rows(connection, checks_read_model.benefits_of([row["check_id"] for row in asked]))
            positions = await reads.positions(connection, checks_read_model.projection.name)
        payers = await knowledge.payers_now(who.tenant)
        return CoverageOn(
            patient_id=found[0][0],
            service_on=on,
            coverages=[_covered_on(coverage, on, payers, asked, told) for coverage in coverages],
            positions=positions,
        )

    @routes.post("/patients/{patient_id}/coverages", status_code=201)
    async def add_coverage(patient_id: Id, body: CoverageBody, cause: Record) -> Done:
        """A coverage as the sender states it now; the same id again replaces it, the same words again are no news."""
        command = await coverage_command(vault, cause.tenant, patient_id, body)
        return done(await commands.handle(patient, patient_id, command, cause), "eligibility")

    @routes.post("/patients/{patient_id}/terminate")
    async def terminate_coverage(patient_id: Id, body: TerminateBody, cause: Record) -> Done:
        """The last day on which a coverage holds."""
        command = TerminateCoverage(**body.model_dump())
        return done(await commands.handle(patient, patient_id, command, cause), "eligibility")

    @routes.post("/patients/{patient_id}/order")
    async def set_order(patient_id: Id, body: OrderBody, cause: Record) -> Done:
        """From a date on the coverages pay in this order."""
        command = SetCoverageOrder(**body.model_dump())
        return done(await commands.handle(patient, patient_id, command, cause), "eligibility")

    @routes.post("/patients/{patient_id}/merge")
    async def merge_patients(patient_id: Id, body: MergeBody, cause: Merge) -> Done:
        """Another registration is the same person: from now on this one is meant by both ids."""
        retired_id, source = body.retired_patient_id, body.source.value() if body.source else None
        await _refuse_if_merged_elsewhere(commands, patient, cause.tenant, retired_id, survivor_id=patient_id)
        merge = MergePatients(patient_id=patient_id, retired_patient_id=retired_id, source=source)
        outcome = await commands.handle(patient, patient_id, merge, cause)
        retire = RetirePatient(patient_id=retired_id, survivor_patient_id=patient_id, source=source)
        second = replace(cause, command_id=derived_id(cause.command_id, "retire"))
        await commands.handle(patient, retired_id, retire, second)
        return done(outcome, "eligibility")

    return routes


async def _refuse_if_merged_elsewhere(
    commands: Commands, patient: Aggregate, tenant: str, retired_id: str, *, survivor_id: str
) -> None:
    """Before the survivor is told: its stream would otherwise claim a registration that belongs to another."""
    retired: Patient = await commands.state(patient, tenant, retired_id)
    if retired.merged_into not in ("", survivor_id):
        raise PatientIsRetired("it was merged into another patient before", merged_into=retired.merged_into)


async def _indexes(vault: Vault, tenant: str, body: SearchBody) -> dict[str, str]:
    if body.medical_record_number:
        index = await medical_record_index(vault, tenant, authority=body.authority, number=body.medical_record_number)
        return {"medical_record_index": index}
    if not (body.last and body.birth_on):
        raise Malformed("search by medical_record_number, or by last, first and birth_on")
    return {"name_index": await name_index(vault, tenant, last=body.last, first=body.first, birth_on=body.birth_on)}


async def _patient_view(
    vault: Vault, tenant: str, found: Sequence[Registration], payers: PayerDirectory, opener: Opener
) -> PatientView:
    patient_id, state = found[0]
    if state.registered is None or state.person is None:
        raise NotFound("there is no such patient")
    sealed: list[Any] = [state.person, state.registered.medical_record_number]
    types: list[Any] = [Person, str]
    if state.guarantor is not None:
        sealed, types = [*sealed, state.guarantor], [*types, Person]
    opened = await vault.open_many(tenant, sealed, types, opener)
    coverages = [coverage for _, each in found for coverage in each.coverages.values()]
    return PatientView(
        patient_id=patient_id,
        also_known_as=[each for each, _ in found[1:]],
        person=PersonView.of(opened[0]),
        medical_record_number=opened[1],
        guarantor=PersonView.of(opened[2]) if state.guarantor is not None else None,
        missing=list(state.missing),
        coverages=[await _coverage_view(vault, tenant, coverage, payers, opener) for coverage in coverages],
    )


async def _coverage_view(
    vault: Vault, tenant: str, coverage: CoverageAdded, payers: PayerDirectory, opener: Opener
) -> CoverageView:
    sealed = (coverage.member_number, coverage.group_number, coverage.subscriber)
    stated = [(each, as_type) for each, as_type in zip(sealed, (str, str, Person), strict=True) if each is not None]
    opened = iter(
        await vault.open_many(tenant, [each for each, _ in stated], [as_type for _, as_type in stated], opener)
    )
    member, group, subscriber = (None if each is None else next(opened) for each in sealed)
    payer = payers.find(coverage.payer_reference, coverage.payer_name)
    return CoverageView(
        coverage_id=coverage.coverage_id,
        patient_id=coverage.patient_id,
        payer_reference=coverage.payer_reference,
        payer_name=coverage.payer_name,
        payer_id=payer.payer_id if payer else None,
        rank=coverage.rank,
        relationship=coverage.relationship,
        member_number=member or "",
        group_number=group,
        subscriber=None if subscriber is None else PersonView.of(subscriber),
        plan=coverage.plan,
        effective_on=coverage.effective_on,
        terminated_on=coverage.terminated_on,
        missing=list(coverage.missing),
    )


def _covered_on(
    coverage: CoverageAdded,
    on: date,
    payers: PayerDirectory,
    asked: Sequence[Mapping[Any, Any]],
    told: Sequence[Mapping[Any, Any]],
) -> CoveredOn:
    payer = payers.find(coverage.payer_reference, coverage.payer_name)
    checks = [row for row in asked if row["coverage_id"] == coverage.coverage_id]  # newest first
    answered = next((row for row in checks if row["status"] is not None), None)
    last = answered or (checks[0] if checks else None)
    return CoveredOn(
        coverage_id=coverage.coverage_id,
        patient_id=coverage.patient_id,
        rank=coverage.rank,
        payer_id=payer.payer_id if payer else None,
        payer_name=payer.name if payer else coverage.payer_name or coverage.payer_reference,
        is_recorded_active=is_active(coverage, on),
        payer_says=_payer_says(last),
        checked_at=last["changed_at"] if last else None,
        benefits=[
            BenefitView.model_validate(dict(row))
            for row in told
            if answered is not None and row["check_id"] == answered["check_id"]
        ],
    )


def _payer_says(check: Mapping[Any, Any] | None) -> Any:
    """A failed repeat does not hide an earlier answer for the same date: an answer is looked for first."""
    if check is None:
        return "not-asked"
    if check["status"] is not None:
        return check["status"]
    return {"open": "no-answer-yet"}.get(check["state"], check["state"])
