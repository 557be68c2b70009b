"""What falls due, over HTTP: one list with its sums, and what payers' changed rules moved. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import date, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.claims.api.bodies import Answer
from services.claims.projections import claims_worklist, deadlines, denial_queue, directories, follow_up
from shared.runtime.clock import Clock
from shared.runtime.queries import ReadDatabase, asc, desc, page, rows
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller

Reader = Annotated[Caller, Depends(caller("claims:read-worklists"))]
Filter = Annotated[str | None, Query(max_length=90)]
KindFilter = Annotated[deadlines.Kind | None, Query()]
FromOn = Annotated[date | None, Query(description="The first day that is wanted.")]
ToOn = Annotated[date | None, Query(description="The last day that is wanted.")]
_READERS = (claims_worklist.projection.name, denial_queue.projection.name, follow_up.projection.name)


class DeadlineRow(Answer):
    """One thing that falls due on a day."""

    deadline_id: str
    kind: deadlines.Kind
    due_on: date
    is_past: bool
    what: str
    claim_id: str
    denial_id: str = Field(description="Empty where it is about the claim itself.")
    payer_id: str
    owner: str = Field(description="A person, a desk, or `ledgerline` for what it does by itself.")
    at_risk_cents: int = Field(description="Denied, or charged where nothing was denied.")


class DeadlineSum(Answer):
    begins_on: date = Field(description="The day, or the Monday of the week.")
    kind: deadlines.Kind
    deadlines: int
    at_risk_cents: int


class DeadlinesSummary(BaseModel):
    """What the list of the same filters holds, by day or week."""

    items: list[DeadlineSum]
    deadlines: int
    at_risk_cents: int
    positions: dict[str, str]


class MovedFilingRow(Answer):
    """A last day of filing that is another one since the payer's listing changed."""

    claim_id: str
    payer_id: str
    kind: str
    rule_version: int = Field(description="Of the payer's listing that moved it.")
    previous_on: date
    last_on: date
    moved_at: datetime
    owner: str
    at_risk_cents: int


def router(reads: ReadDatabase, clock: Clock) -> APIRouter:
    routes = APIRouter(prefix="/deadlines", tags=["deadlines"])

    def wanted(
        kind: str | None, owner: str | None, payer_id: str | None, from_on: date | None, to_on: date | None
    ) -> sa.Subquery:
        found = deadlines.listed(clock.now().date())
        filters = {"kind": kind, "owner": owner, "payer_id": payer_id}
        return deadlines.wanted(found, filters, from_on, to_on).subquery("wanted")

    @routes.get("/due")
    async def list_due(
        who: Reader,
        kind: KindFilter = None,
        owner: Filter = None,
        payer_id: Filter = None,
        from_on: FromOn = None,
        to_on: ToOn = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[DeadlineRow]:
        """Everything that falls due, the first first: filing, appeals, requests, documents to be sent, silence, escalation."""
        await reads.wait_for(denial_queue.projection.name, after)
        found = wanted(kind, owner, payer_id, from_on, to_on)
        order = (asc(found.c.due_on), asc(found.c.deadline_id))
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[DeadlineRow].of(part, await reads.positions(connection, *_READERS))

    @routes.get("/due/summary")
    async def summarise_due(
        who: Reader,
        kind: KindFilter = None,
        owner: Filter = None,
        payer_id: Filter = None,
        from_on: FromOn = None,
        to_on: ToOn = None,
        by: deadlines.By = "week",
        after: After = None,
    ) -> DeadlinesSummary:
        """The same, counted and summed by day or week and kind."""
        await reads.wait_for(denial_queue.projection.name, after)
        found = wanted(kind, owner, payer_id, from_on, to_on)
        async with reads.read(who.tenant) as connection:
            sums = [
                DeadlineSum.model_validate(dict(each)) for each in await rows(connection, deadlines.summed(found, by))
            ]
            positions = await reads.positions(connection, *_READERS)
        return DeadlinesSummary(
            items=sums,
            deadlines=sum(each.deadlines for each in sums),
            at_risk_cents=sum(each.at_risk_cents for each in sums),
            positions=positions,
        )

    @routes.get("/moved")
    async def list_moved_filing_limits(
        who: Reader,
        payer_id: Filter = None,
        rule_version: Annotated[int | None, Query(ge=1, le=10**6, description="Of the payer's listing.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[MovedFilingRow]:
        """Last days of filing that changed with a payer's listing, the latest first. Appeals: `GET /denials/moved-deadlines`."""
        found = deadlines.filing_moved(clock.now().date())
        filters = {"payer_id": payer_id, "rule_version": rule_version}
        asked = [found.c[name] == value for name, value in filters.items() if value is not None]
        order = (desc(found.c.moved_at), asc(found.c.claim_id), asc(found.c.rule_version))
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found).where(*asked), order=order, limit=limit, cursor=cursor)
            positions = await reads.positions(connection, directories.projection.name, _READERS[0])
            return Page[MovedFilingRow].of(part, positions)

    return routes
