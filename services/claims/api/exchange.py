"""What goes between us and trading partners, over HTTP: partners, batches, acknowledgements. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Body, Depends, Path, Query

from services.claims.api.bodies import (
    BatchClaimRow,
    BatchDetail,
    BatchRow,
    HeldRow,
    PartnerBody,
    PartnerRow,
    TakenFileAnswer,
)
from services.claims.domain.errors import BatchUnknown
from services.claims.domain.partner.commands import ListPartner
from services.claims.policies.take_acknowledgements import TakeAcknowledgements
from services.claims.projections import directories, held_messages, sending
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, desc, page, row, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

PartnerId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
BatchId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,39}-[0-9]{9}$")]
MessageId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Filter = Annotated[str | None, Query(max_length=80)]
SetUp = Annotated[Cause, Depends(cause_of("claims:set-up-partner"))]
Receive = Annotated[Cause, Depends(cause_of("claims:receive-acknowledgement"))]
PartnerReader = Annotated[Caller, Depends(caller("claims:read-partners"))]
BatchReader = Annotated[Caller, Depends(caller("claims:read-batches"))]


def router(
    commands: Commands, reads: ReadDatabase, partner: Aggregate, acknowledgements: TakeAcknowledgements
) -> APIRouter:
    routes = APIRouter(tags=["exchange"])

    @routes.put("/partners/{partner_id}")
    async def list_partner(partner_id: PartnerId, body: PartnerBody, cause: SetUp) -> Done:
        """List a clearinghouse or payer that we exchange interchanges with, as it shall stand from now on."""
        command = ListPartner(partner_id=partner_id, **body.model_dump())
        return done(await commands.handle(partner, partner_id, command, cause), "claims")

    @routes.get("/partners")
    async def list_partners(who: PartnerReader, after: After = None) -> list[PartnerRow]:
        await reads.wait_for(directories.projection.name, after)
        table = directories.trading_partners
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, sa.select(table).order_by(table.c.partner_id))
        return [PartnerRow.model_validate(dict(one)) for one in found]

    @routes.get("/batches")
    async def list_batches(
        who: BatchReader,
        partner_id: Filter = None,
        status: Filter = None,
        medium: Filter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[BatchRow]:
        """Interchanges, the newest numbers first."""
        await reads.wait_for(sending.projection.name, after)
        table = sending.batches
        wanted = {"partner_id": partner_id, "status": status, "medium": medium}
        found = sa.select(table).where(*(table.c[name] == value for name, value in wanted.items() if value is not None))
        order = (desc(table.c.control_number), asc(table.c.batch_id))
        async with reads.read(who.tenant) as connection:
            part = await page(connection, found, order=order, limit=limit, cursor=cursor)
            return Page[BatchRow].of(part, await reads.positions(connection, sending.projection.name))

    @routes.get("/batches/{batch_id}")
    async def read_batch(batch_id: BatchId, who: BatchReader) -> BatchDetail:
        """One interchange and what became of each of its claims."""
        async with reads.read(who.tenant) as connection:
            found = await row(connection, sa.select(sending.batches).where(sending.batches.c.batch_id == batch_id))
            claims = await rows(connection, sending.members(batch_id))
        if found is None:
            raise BatchUnknown("there is no such batch")
        return BatchDetail(
            batch=BatchRow.model_validate(dict(found)),
            claims=[BatchClaimRow.model_validate(dict(one)) for one in claims],
        )

    @routes.post("/acknowledgements", status_code=201)
    async def take_acknowledgements(
        content: Annotated[bytes, Body(media_type="application/edi-x12")], cause: Receive
    ) -> TakenFileAnswer:
        """Take in a TA1, 999, 277CA or 277. Each part is recorded by itself; the same file has one effect."""
        return TakenFileAnswer.model_validate(await acknowledgements.take(content, cause))

    @routes.get("/acknowledgements/held")
    async def list_held(who: BatchReader, limit: Limit = 50, cursor: Cursor = None) -> Page[HeldRow]:
        """Files of which something could not be used, oldest first."""
        table = held_messages.held_messages
        order = (asc(table.c.held_at), asc(table.c.message_id))
        async with reads.read(who.tenant) as connection:
            found = sa.select(table).where(table.c.is_waiting)
            part = await page(connection, found, order=order, limit=limit, cursor=cursor)
            return Page[HeldRow].of(part, await reads.positions(connection, held_messages.projection.name))

    @routes.post("/acknowledgements/{message_id}/replay")
    async def replay(message_id: MessageId, cause: Receive) -> TakenFileAnswer:
        """Try a held file again."""
        return TakenFileAnswer.model_validate(await acknowledgements.replay(message_id, cause))

    return routes
