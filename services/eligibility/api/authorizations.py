"""What payers authorised, over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.eligibility.api.bodies import AuthorizationBody, AuthorizationRow, Id, UseBody
from services.eligibility.api.knowledge import Knowledge
from services.eligibility.domain.authorization.decider import RecordAuthorization, UseUnits
from services.eligibility.domain.errors import AuthorizationOfAnotherPatient
from services.eligibility.projections import authorizations as read_model
from shared.events.eligibility import AuthorizationRecorded
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

Record = Annotated[Cause, Depends(cause_of("eligibility:record-authorization"))]
Reader = Annotated[Caller, Depends(caller("eligibility:read-authorizations"))]

_ORDER: tuple[Order, ...] = (
    asc(read_model.authorizations.c.valid_to_on),
    asc(read_model.authorizations.c.authorization_id),
)


def router(
    commands: Commands, reads: ReadDatabase, authorization: Aggregate, knowledge: Knowledge, clock: Clock
) -> APIRouter:
    routes = APIRouter(tags=["authorizations"])

    @routes.post("/authorizations", status_code=201)
    async def record_authorization(body: AuthorizationBody, cause: Record) -> Done:
        """An authorisation as the payer states it now."""
        command = RecordAuthorization(recorded=AuthorizationRecorded(**body.model_dump()))
        try:
            return done(await commands.handle(authorization, body.authorization_id, command, cause), "eligibility")
        except AuthorizationOfAnotherPatient:  # unless both registrations were merged
            names = frozenset(await knowledge.registration_ids(cause.tenant, body.patient_id))
        command = replace(command, also_registered_as=names)
        return done(await commands.handle(authorization, body.authorization_id, command, cause), "eligibility")

    @routes.post("/authorizations/{authorization_id}/use")
    async def use_units(authorization_id: Id, body: UseBody, cause: Record) -> Done:
        """What an account has used of it altogether; more than is left is refused."""
        command = UseUnits(authorization_id=authorization_id, account_id=body.account_id, units=body.units)
        return done(await commands.handle(authorization, authorization_id, command, cause), "eligibility")

    @routes.get("/authorizations/running-out")
    async def running_out(
        who: Reader,
        days: Annotated[int, Query(ge=0, le=365)] = 30,
        units: Annotated[int, Query(ge=0, le=1000)] = 1,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[AuthorizationRow]:
        """Authorisations that end within so many days or have so few units left, the next to end first."""
        await reads.wait_for(read_model.projection.name, after)
        until_on = clock.now().date() + timedelta(days=days)
        async with reads.read(who.tenant) as connection:
            statement = read_model.running_out(until_on, units)
            found = await page(connection, statement, order=_ORDER, limit=limit, cursor=cursor)
            return Page[AuthorizationRow].of(found, await reads.positions(connection, read_model.projection.name))

    return routes
