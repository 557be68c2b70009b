"""The payer directory over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path

from services.eligibility.api.bodies import PayerBody, PayerView
from services.eligibility.domain.payer.decider import ListPayer
from services.eligibility.projections import payers as read_model
from shared.events.eligibility import PayerListed
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import After, Caller, Done, Page, caller, cause_of, done

PayerId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]


def router(commands: Commands, reads: ReadDatabase, payer: Aggregate) -> APIRouter:
    routes = APIRouter(tags=["payers"])

    @routes.put("/payers/{payer_id}")
    async def list_payer(
        payer_id: PayerId, body: PayerBody, cause: Annotated[Cause, Depends(cause_of("eligibility:list-payer"))]
    ) -> Done:
        """List a payer as it shall stand from now on; choices that waited for it are made."""
        listing = msgspec.convert({**body.model_dump(), "payer_id": payer_id}, PayerListed)
        return done(await commands.handle(payer, payer_id, ListPayer(listing=listing), cause), "eligibility")

    @routes.get("/payers")
    async def list_payers(
        who: Annotated[Caller, Depends(caller("eligibility:read-payers"))], after: After = None
    ) -> Page[PayerView]:
        """Every payer of the practice."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, read_model.all_payers())
            positions = await reads.positions(connection, read_model.projection.name)
        return Page[PayerView].model_validate(
            {"items": [_view(row["listing"]) for row in found], "positions": positions}
        )

    return routes


def _view(listing: dict[str, object]) -> PayerView:
    """A listing is stored without what has its default."""
    defaults = PayerBody(name="-", electronic_id="XX").model_dump()
    return PayerView.model_validate({**defaults, **listing})
