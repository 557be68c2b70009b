"""Who is to be worked next, and where every case stands. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from services.collections.api.bodies import CaseRow, GateRow, WorkRow
from services.collections.domain.gates import GATES
from services.collections.projections import casework
from services.collections.projections import worklist as read_model
from shared.runtime.clock import Clock
from shared.runtime.queries import ReadDatabase, page
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller

Worker = Annotated[Caller, Depends(caller("collections:read-worklists"))]
StrategyReader = Annotated[Caller, Depends(caller("collections:read-strategy"))]
Step = Literal["none", "statement", "final-notice", "ready-for-placement", "paused"]


def router(reads: ReadDatabase, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["worklist"])

    @routes.get("/worklist")
    async def read_worklist(
        who: Worker,
        step: Step | None = None,
        gate: Annotated[str | None, Query(max_length=40)] = None,
        due_by: date | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[WorkRow]:
        """Patient accounts with a balance: what is to be done first comes first."""
        await reads.wait_for(read_model.projection.name, after)
        statement = read_model.worklist(step=step, gate=gate, due_by=due_by)
        today = clock.now().date()
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=read_model.WORKLIST_ORDER, limit=limit, cursor=cursor)
            positions = await reads.positions(connection, read_model.projection.name)
        items = [dict(row) | {"age_days": _age(row, today)} for row in found.rows]
        return Page[WorkRow].model_validate({"items": items, "next": found.next, "positions": positions})

    async def cases(who: Caller, table: sa.Table, state: str | None, limit: int, cursor: str | None) -> Page[CaseRow]:
        async with reads.read(who.tenant) as connection:
            found = await page(
                connection, casework.listed(table, state), order=casework.order(table), limit=limit, cursor=cursor
            )
            positions = await reads.positions(connection, casework.projection.name)
        items = [case(row) for row in found.rows]
        return Page[CaseRow].model_validate({"items": items, "next": found.next, "positions": positions})

    @routes.get("/plans")
    async def list_plans(
        who: Worker,
        state: Literal["running", "completed", "defaulted", "cancelled"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[CaseRow]:
        """Payment plans, newest first."""
        return await cases(who, casework.payment_plans, state, limit, cursor)

    @routes.get("/promises")
    async def list_promises(
        who: Worker,
        state: Literal["open", "kept", "broken"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[CaseRow]:
        """Promises to pay, newest first."""
        return await cases(who, casework.promises, state, limit, cursor)

    @routes.get("/disputes")
    async def list_disputes(
        who: Worker,
        state: Literal["open", "overdue", "upheld", "rejected", "withdrawn"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[CaseRow]:
        """Disputes, newest first."""
        return await cases(who, casework.disputes, state, limit, cursor)

    @routes.get("/placements")
    async def list_placements(
        who: Worker, state: Literal["placed", "recalled"] | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[CaseRow]:
        """What is, or was, with an agency, newest first."""
        return await cases(who, casework.placements, state, limit, cursor)

    @routes.get("/gates")
    async def list_gates(who: StrategyReader) -> list[GateRow]:
        """The compliance gate catalogue: which rules pause or refuse a step, and their sources."""
        return [GateRow.model_validate(asdict(gate)) for gate in GATES.values()]

    return routes


def case(row: sa.RowMapping) -> dict[str, Any]:
    """The row of a case as it is shown: without the tenant, and without what is sealed."""
    return {name: value for name, value in row.items() if name not in ("tenant", "note_token", "case_on")}


def _age(row: sa.RowMapping, today: date) -> int | None:
    return None if row["since_on"] is None else (today - row["since_on"]).days
