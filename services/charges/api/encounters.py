"""Visits and their charges over HTTP, and the queues of those who work them. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from services.charges.api.bodies import (
    BillsBody,
    CancelBody,
    ChargeBody,
    CreditBody,
    DiagnosesBody,
    EncounterDetail,
    EncounterRow,
    Id,
    OpenBody,
    OverrideBody,
    PostBody,
    SourceBody,
)
from services.charges.domain.encounter.commands import (
    CancelEncounter,
    Charge,
    ChooseBills,
    CodeDiagnoses,
    Credit,
    OpenEncounter,
    OverrideEdit,
    PostCharges,
)
from services.charges.domain.errors import EncounterOfAnotherPatient
from services.charges.projections import encounters as read_model
from services.charges.projections import merged_patients
from shared.events.charges import ChosenBill
from shared.events.values import DocumentReference
from shared.kernel.errors import NotFound
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

Record = Annotated[Cause, Depends(cause_of("charges:record-encounter"))]
Capture = Annotated[Cause, Depends(cause_of("charges:capture-charge"))]
CodeIt = Annotated[Cause, Depends(cause_of("charges:code-encounter"))]
Bill = Annotated[Cause, Depends(cause_of("charges:choose-bills"))]
Override = Annotated[Cause, Depends(cause_of("charges:override-edit"))]
Reader = Annotated[Caller, Depends(caller("charges:read-encounters"))]
QueueReader = Annotated[Caller, Depends(caller("charges:read-worklists"))]

_ORDER: tuple[Order, ...] = (asc(read_model.encounters.c.changed_at), asc(read_model.encounters.c.encounter_id))


def router(commands: Commands, reads: ReadDatabase, encounter: Aggregate, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["encounters"])

    async def listed(who: Caller, statement: sa.Select[Any], limit: int, cursor: str | None) -> Page[EncounterRow]:
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=_ORDER, limit=limit, cursor=cursor)
            return Page[EncounterRow].of(found, await reads.positions(connection, read_model.projection.name))

    async def told_of(command: OpenEncounter | PostCharges, cause: Cause) -> Done:
        """Of a visit under another registration it is asked whether both are one person, by all that was merged up to now."""
        try:
            return done(await commands.handle(encounter, command.encounter_id, command, cause), "charges")
        except EncounterOfAnotherPatient:
            names = await registrations(cause.tenant, command.patient_id)
            merged = replace(command, also_registered_as=names)
        return done(await commands.handle(encounter, command.encounter_id, merged, cause), "charges")

    async def registrations(tenant: str, patient_id: str) -> frozenset[str]:
        await reads.wait_for_all(merged_patients.projection.name, "eligibility")
        async with reads.read(tenant) as connection:
            found = await rows(connection, merged_patients.names_of(patient_id))
        return frozenset(row["patient_id"] for row in found)

    @routes.post("/encounters", status_code=201)
    async def open_encounter(body: OpenBody, cause: Record) -> Done:
        """Open a visit, or note what a newer message says of it."""
        told = body.model_dump(exclude={"source", "stay", "dental"})
        command = OpenEncounter(
            **told,
            source=_source(body.source),
            stay=body.stay.value() if body.stay else None,
            dental=body.dental.value() if body.dental else None,
        )
        return await told_of(command, cause)

    @routes.post("/encounters/{encounter_id}/charges", status_code=201)
    async def post_charges(encounter_id: Id, body: PostBody, cause: Capture) -> Done:
        """All charges and credits of one message for this visit, together or not at all."""
        command = PostCharges(
            encounter_id=encounter_id,
            patient_id=body.patient_id,
            charges=tuple(_charge(each) for each in body.charges),
            credits=tuple(_credit(each) for each in body.credits),
            diagnoses=body.diagnoses,
            coder=body.coder or cause.actor,
            source=_source(body.source),
        )
        return await told_of(command, cause)

    @routes.post("/encounters/{encounter_id}/diagnoses")
    async def code_diagnoses(encounter_id: Id, body: DiagnosesBody, cause: CodeIt) -> Done:
        """Code the visit, principal diagnosis first."""
        command = CodeDiagnoses(
            encounter_id=encounter_id,
            diagnoses=body.diagnoses,
            coder=body.coder or cause.actor,
            source=_source(body.source),
            hospital=body.hospital.value() if body.hospital else None,
        )
        return done(await commands.handle(encounter, encounter_id, command, cause), "charges")

    @routes.post("/encounters/{encounter_id}/cancel")
    async def cancel_encounter(encounter_id: Id, body: CancelBody, cause: Record) -> Done:
        """The visit did not take place, or was recorded by mistake."""
        command = CancelEncounter(encounter_id=encounter_id, reason=body.reason, source=_source(body.source))
        return done(await commands.handle(encounter, encounter_id, command, cause), "charges")

    @routes.post("/encounters/{encounter_id}/overrides")
    async def override_edit(encounter_id: Id, body: OverrideBody, cause: Override) -> Done:
        """Let the charges pass an edit that failed, with the reason."""
        command = OverrideEdit(encounter_id=encounter_id, rule=body.rule, reason=body.reason)
        return done(await commands.handle(encounter, encounter_id, command, cause), "charges")

    @routes.post("/encounters/{encounter_id}/bills")
    async def choose_bills(encounter_id: Id, body: BillsBody, cause: Bill) -> Done:
        """Which charges are billed apart from the others, and to whom. What is not named stays on the ordinary bill."""
        command = ChooseBills(
            encounter_id=encounter_id,
            bills=tuple(ChosenBill(**bill.model_dump()) for bill in body.bills),
            reason=body.reason,
            chosen_by=cause.actor,
        )
        return done(await commands.handle(encounter, encounter_id, command, cause), "charges")

    @routes.get("/encounters")
    async def list_encounters(
        who: Reader,
        state: Literal["open", "held", "released", "cancelled"] | None = None,
        held_reason: Annotated[str | None, Query(max_length=40)] = None,
        patient_id: Id | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[EncounterRow]:
        """Visits, longest unchanged first."""
        await reads.wait_for(read_model.projection.name, after)
        return await listed(who, read_model.by_state(state, held_reason, patient_id), limit, cursor)

    @routes.get("/encounters/{encounter_id}")
    async def read_encounter(encounter_id: Id, who: Reader, after: After = None) -> EncounterDetail:
        """One visit with its charges."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, read_model.one(encounter_id))
            if not found:
                raise NotFound("there is no such encounter")
            lines = await rows(connection, read_model.lines_of(encounter_id))
            bills = await rows(connection, read_model.bills_of(encounter_id))
            positions = await reads.positions(connection, read_model.projection.name)
        return EncounterDetail.model_validate(
            {
                "encounter": dict(found[0]),
                "lines": [dict(line) for line in lines],
                "bills": [dict(bill) for bill in bills],
                "positions": positions,
            }
        )

    @routes.get("/queues/coding")
    async def coding_queue(who: QueueReader, limit: Limit = 50, cursor: Cursor = None) -> Page[EncounterRow]:
        """Visits that wait for a coder."""
        return await listed(who, read_model.by_state("held", "needs-coding"), limit, cursor)

    @routes.get("/queues/review")
    async def charge_review(who: QueueReader, limit: Limit = 50, cursor: Cursor = None) -> Page[EncounterRow]:
        """Every held visit, with what stands against its release."""
        return await listed(who, read_model.by_state("held"), limit, cursor)

    @routes.get("/queues/missing")
    async def missing_charges(
        who: QueueReader, days: Annotated[int, Query(ge=0, le=365)] = 3, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[EncounterRow]:
        """Visits that have no charge so many days after they were opened."""
        opened_before = clock.now() - timedelta(days=days)
        return await listed(who, read_model.without_charge(opened_before), limit, cursor)

    @routes.get("/queues/late")
    async def late_charges(who: QueueReader, limit: Limit = 50, cursor: Cursor = None) -> Page[EncounterRow]:
        """Visits with charges that came after a release."""
        return await listed(who, read_model.with_late_charges(), limit, cursor)

    return routes


def _source(body: SourceBody | None) -> DocumentReference | None:
    return None if body is None else body.value()


def _charge(body: ChargeBody) -> Charge:
    told = body.model_dump(exclude={"source", "findings", "dental"})
    findings = tuple(finding.as_finding() for finding in body.findings)
    dental = body.dental.value() if body.dental else None
    return Charge(**told, findings=findings, source=_source(body.source), dental=dental)


def _credit(body: CreditBody) -> Credit:
    return Credit(**body.model_dump(exclude={"source"}), source=_source(body.source))
