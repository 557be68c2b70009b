"""Who pays for which account, over HTTP, and the queue of choices that wait. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from services.eligibility.api.bodies import Id, SelectAgainBody, SelectionRow
from services.eligibility.api.knowledge import Knowledge
from services.eligibility.policies.select_coverage import select, visit_of
from services.eligibility.projections import selections as read_model
from shared.kernel.errors import NotFound
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

Reader = Annotated[Caller, Depends(caller("eligibility:read-coverage"))]
Record = Annotated[Cause, Depends(cause_of("eligibility:record-coverage"))]

_ORDER: tuple[Order, ...] = (
    asc(read_model.coverage_selections.c.changed_at),
    asc(read_model.coverage_selections.c.account_id),
)


def router(commands: Commands, reads: ReadDatabase, selection: Aggregate, knowledge: Knowledge) -> APIRouter:
    routes = APIRouter(tags=["coverage selections"])

    @routes.get("/coverage-selections")
    async def list_selections(
        who: Reader,
        state: Literal["selected", "none", "held"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[SelectionRow]:
        """Choices of coverages by account, longest unchanged first."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.by_state(state), order=_ORDER, limit=limit, cursor=cursor)
            return Page[SelectionRow].of(found, await reads.positions(connection, read_model.projection.name))

    @routes.post("/coverage-selections/{account_id}/again")
    async def select_again(account_id: Id, body: SelectAgainBody, cause: Record) -> Done:
        """Choose again by what is known now, with the patient's demographics as they are registered now."""
        latest = await commands.state(selection, cause.tenant, account_id)
        if latest is None:
            raise NotFound("nothing was chosen for this account yet")
        visit = visit_of(latest)
        facts = await knowledge.facts(cause.tenant, visit.patient_id)
        payers = await knowledge.payers_now(cause.tenant)
        (command,) = select([visit], facts, payers, takes_demographics=True, accepts_inactive=body.accepts_inactive)
        return done(await commands.handle(selection, account_id, command, cause), "eligibility")

    return routes
