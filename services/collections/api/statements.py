"""Statements over HTTP: which went out, over what, and the letter itself. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Response

from services.collections.adapters.letters import Letters
from services.collections.api.bodies import Id, StatementRow
from services.collections.api.persons import names_of
from services.collections.projections import statements as read_model
from shared.kernel.errors import NotFound
from shared.runtime.queries import ReadDatabase, page, row
from shared.runtime.vault import Opener
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller

Reader = Annotated[Caller, Depends(caller("collections:read-statements"))]
_PDF = "application/pdf"


def router(reads: ReadDatabase, letters: Letters) -> APIRouter:
    routes = APIRouter(tags=["statements"])

    async def found(who: Caller, statement_id: str) -> sa.RowMapping:
        async with reads.read(who.tenant) as connection:
            statement = await row(connection, read_model.one(statement_id))
        if statement is None:
            raise NotFound("there is no such statement")
        return statement

    @routes.get("/statements")
    async def list_statements(
        who: Reader, patient_id: Id | None = None, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[StatementRow]:
        """Statements, newest first; those of a patient under every id of theirs."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            names = None if patient_id is None else await names_of(connection, patient_id)
            listed = await page(
                connection, read_model.listed(names), order=read_model.ORDER, limit=limit, cursor=cursor
            )
            return Page[StatementRow].of(listed, await reads.positions(connection, read_model.projection.name))

    @routes.get("/statements/{statement_id}")
    async def read_statement(statement_id: Id, who: Reader, after: After = None) -> StatementRow:
        """One statement with its lines: the same for ever."""
        await reads.wait_for(read_model.projection.name, after)
        return StatementRow.model_validate(dict(await found(who, statement_id)))

    @routes.get("/statements/{statement_id}/pdf", response_class=Response, responses={200: {"content": {_PDF: {}}}})
    async def read_letter(
        statement_id: Id,
        who: Reader,
        is_large_type: Annotated[bool, Query(alias="large_type", description="Printed anew in large type.")] = False,
    ) -> Response:
        """The letter as it was sent, or the same statement in large type."""
        statement = await found(who, statement_id)
        opener = Opener(actor=who.actor, purpose="statement")
        if statement["document_id"] and not is_large_type:
            content = await letters.read(who.tenant, statement["document_id"], opener)
        else:
            issued = read_model.issued_of(statement)
            content = await letters.write(who.tenant, issued, opener, is_large_type=is_large_type)
        name = f'inline; filename="statement-{statement_id}.pdf"'
        return Response(content, media_type=_PDF, headers={"Content-Disposition": name, "Cache-Control": "no-store"})

    return routes
