"""Claims that go by mail, over HTTP: what waits to be printed, the printed batch, and that it was mailed. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends

from services.claims.api.bodies import MailedBody, PrintQueueRow, ReprintBody
from services.claims.api.exchange import BatchId, BatchReader, PartnerId
from services.claims.domain.batch.commands import RecordMailing, Reprint
from services.claims.policies.send_batches import SendBatches
from services.claims.projections import directories, sending
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import After, Done, cause_of, done

Send = Annotated[Cause, Depends(cause_of("claims:submit-claims"))]


def router(commands: Commands, reads: ReadDatabase, batch: Aggregate, batcher: SendBatches, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["paper"])

    @routes.get("/print-queue")
    async def print_queue(who: BatchReader, after: After = None) -> list[PrintQueueRow]:
        """What waits to be printed, for each partner of paper."""
        for projection in (sending.projection, directories.projection):
            await reads.wait_for(projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, sending.print_queue(directories.trading_partners))
        return [PrintQueueRow.model_validate(dict(one)) for one in found]

    @routes.post("/partners/{partner_id}/print")
    async def print_batch(partner_id: PartnerId, cause: Send) -> Done:
        """Make one PDF of what waits for a partner of paper: claims of one kind, those that waited longest. It leaves when it was mailed."""
        return done(await batcher.print(cause.tenant, partner_id, cause), "claims")

    @routes.post("/batches/{batch_id}/mailed")
    async def record_mailing(batch_id: BatchId, body: MailedBody, cause: Send) -> Done:
        """A person says that the printed claims went to the post on a day: from then on the payer's answer is awaited."""
        today: date = clock.now().date()
        told = RecordMailing(mailed_on=body.mailed_on, tracking_number=body.tracking_number, by=cause.actor, on=today)
        return done(await commands.handle(batch, batch_id, told, cause), "claims")

    @routes.post("/batches/{batch_id}/reprint")
    async def reprint(batch_id: BatchId, body: ReprintBody, cause: Send) -> Done:
        """The same pages are printed once more. Which copy it is, and why, is on the record."""
        told = Reprint(reason=body.reason, by=cause.actor)
        return done(await commands.handle(batch, batch_id, told, cause), "claims")

    return routes
