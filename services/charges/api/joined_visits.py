"""Visits that share a bill, over HTTP: what the bill would be, and the choice. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from services.charges.api.bodies import Id, JoinBody, JointBillView
from services.charges.domain.encounter.commands import JoinVisits, VisitFacts
from services.charges.domain.encounter.joining import preview
from services.charges.domain.encounter.state import Encounter
from services.charges.projections import coverages, merged_patients
from shared.kernel.errors import NotFound
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import Caller, Done, caller, done, versioned_cause_of

Bill = Annotated[Cause, Depends(versioned_cause_of("charges:choose-bills"))]
_DAYS: Mapping[str, Literal[1, 3]] = {"1": 1, "3": 3}  # as an address has them
Reader = Annotated[Caller, Depends(caller("charges:read-encounters"))]


def router(commands: Commands, reads: ReadDatabase, encounter: Aggregate) -> APIRouter:
    routes = APIRouter(tags=["encounters"])

    async def informed(tenant: str, command: JoinVisits) -> tuple[JoinVisits, Encounter]:
        """The command with all that is known now of the visits it names, and the visit whose bill it is."""
        ids = (command.encounter_id, *command.encounter_ids)
        states: dict[str, Encounter] = {each: await commands.state(encounter, tenant, each) for each in ids}
        carrier = states[command.encounter_id]
        if carrier.opened is None:
            raise NotFound("there is no such encounter")
        answering = await _answering(tenant, [each.opened.account_id for each in states.values() if each.opened])
        facts = {
            each: VisitFacts(
                encounter=states[each],
                coverage_ids=answering.get(opened.account_id) if (opened := states[each].opened) else None,
            )
            for each in command.encounter_ids
        }
        known = replace(
            command,
            coverage_ids=answering.get(carrier.opened.account_id),
            visits=facts,
            registrations=await _registrations(tenant, carrier.opened.patient_id),
        )
        return known, carrier

    async def _answering(tenant: str, account_ids: Sequence[str]) -> dict[str, tuple[str, ...] | None]:
        await reads.wait_for_all(coverages.projection.name, "eligibility")
        async with reads.read(tenant) as connection:
            found = await rows(connection, coverages.of_accounts(account_ids))
        return {row["account_id"]: coverages.answering(row) for row in found}

    async def _registrations(tenant: str, patient_id: str) -> frozenset[str]:
        await reads.wait_for_all(merged_patients.projection.name, "eligibility")
        async with reads.read(tenant) as connection:
            found = await rows(connection, merged_patients.names_of(patient_id))
        return frozenset(row["patient_id"] for row in found)

    @routes.post("/encounters/{encounter_id}/joined-visits")
    async def join_visits(encounter_id: Id, body: JoinBody, cause: Bill) -> Done:
        """Which other visits of the patient go on this visit's bill. The list replaces what was chosen before."""
        command = JoinVisits(
            encounter_id=encounter_id,
            encounter_ids=tuple(dict.fromkeys(body.encounter_ids)),
            reason=body.reason,
            chosen_by=cause.actor,
            days_before_admission=body.days_before_admission,
        )
        known, _ = await informed(cause.tenant, command)
        return done(await commands.handle(encounter, encounter_id, known, cause), "charges")

    @routes.get("/encounters/{encounter_id}/joined-visits/preview")
    async def preview_joined_visits(
        encounter_id: Id,
        who: Reader,
        visit: Annotated[tuple[Id, ...], Query(max_length=49, description="The visits that would go on it.")] = (),
        days_before_admission: Literal["1", "3"] = "3",
    ) -> JointBillView:
        """The bill as it would be with these visits, and every rule that stands against it. Nothing changes."""
        command = JoinVisits(
            encounter_id=encounter_id,
            encounter_ids=tuple(dict.fromkeys(visit)),
            reason="",
            chosen_by=who.actor,
            days_before_admission=_DAYS[days_before_admission],
        )
        version = len(await commands.recorded_stream(who.tenant, encounter.stream(encounter_id)))
        known, carrier = await informed(who.tenant, command)
        return JointBillView.of(command, preview(known, carrier), version=version)

    return routes
