"""Claims on paper, over HTTP: what a person prints on the preprinted form. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from services.claims.api.bodies import ClaimId
from services.claims.domain.claim.scrubbing import billed_coverage
from services.claims.domain.claim.state import Claim
from services.claims.domain.errors import ClaimNotOnThisForm, ClaimUnknown
from shared.events.claims import ClaimCreated
from shared.runtime.command import Aggregate, Commands
from shared.runtime.vault import Opener
from shared.runtime.web import Caller, caller

_PDF = "application/pdf"
Printed = Callable[[str, ClaimCreated, Opener], Awaitable[bytes]]
Reader = Annotated[Caller, Depends(caller("claims:read-printed-claim"))]
Purpose = Annotated[str, Query(pattern="^[a-z][a-z-]{2,39}$", description="Why: billing, appeal, audit, …")]


def router(commands: Commands, claim: Aggregate, printed: Printed) -> APIRouter:
    routes = APIRouter(tags=["claims"])

    @routes.get("/claims/{claim_id}/cms-1500", response_class=Response, responses={200: {"content": {_PDF: {}}}})
    async def print_claim(claim_id: ClaimId, who: Reader, purpose: Purpose = "billing") -> Response:
        """What is filled in on a CMS-1500 (02/12), as a PDF for the preprinted form. That it was opened, by whom and why, is recorded."""
        state: Claim = await commands.state(claim, who.tenant, claim_id.upper())
        if state.content is None:
            raise ClaimUnknown("there is no such claim")
        if state.content.services.kind != "professional":
            raise ClaimNotOnThisForm("a CMS-1500 is for professional claims", kind=state.content.services.kind)
        if billed_coverage(state.content) is None:
            raise ClaimNotOnThisForm("the claim has no payer", rank=state.content.rank)
        content = await printed(who.tenant, state.content, Opener(actor=who.actor, purpose=purpose))
        return Response(
            content,
            media_type=_PDF,
            headers={"Content-Disposition": f'attachment; filename="{claim_id.upper()}.pdf"'},
        )

    return routes
