"""Claims on paper, over HTTP: what a person prints on the preprinted form. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated, assert_never

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from services.claims.adapters.paper_claims import PaperClaims
from services.claims.adapters.ub_04 import without_room
from services.claims.api.bodies import ClaimId
from services.claims.domain.claim.scrubbing import billed_coverage
from services.claims.domain.claim.state import Claim
from services.claims.domain.errors import ClaimNotOnThisForm, ClaimUnknown
from shared.events.claims import ClaimCreated
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Commands
from shared.runtime.vault import Opener
from shared.runtime.web import Caller, caller

_PDF = "application/pdf"
Reader = Annotated[Caller, Depends(caller("claims:read-printed-claim"))]
Purpose = Annotated[str, Query(pattern="^[a-z][a-z-]{2,39}$", description="Why: billing, appeal, audit, …")]


def router(commands: Commands, claim: Aggregate, paper: PaperClaims, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["claims"])

    async def claim_of(claim_id: str, who: Caller) -> ClaimCreated:
        state: Claim = await commands.state(claim, who.tenant, claim_id.upper())
        if state.content is None:
            raise ClaimUnknown("there is no such claim")
        if billed_coverage(state.content) is None:
            raise ClaimNotOnThisForm("the claim has no payer", rank=state.content.rank)
        return state.content

    @routes.get("/claims/{claim_id}/printed", response_class=Response, responses={200: {"content": {_PDF: {}}}})
    async def print_on_its_form(claim_id: ClaimId, who: Reader, purpose: Purpose = "billing") -> Response:
        """What is filled in on the form of the claim's kind, a CMS-1500 (02/12) or a UB-04 (CMS-1450), as a PDF for the preprinted form. That
        it was opened, by whom and why, is recorded."""
        content, opener = await claim_of(claim_id, who), Opener(actor=who.actor, purpose=purpose)
        match content.services.kind:
            case "professional":
                return _file(await paper.cms_1500(who.tenant, content, opener), content)
            case "institutional":
                if missing := without_room(content):
                    raise ClaimNotOnThisForm(f"the form has no room for {', '.join(missing)}", claim=content.claim_id)
                return _file(await paper.ub_04(who.tenant, content, opener, clock.now().date()), content)
            case "dental":
                raise ClaimNotOnThisForm("there is no paper form for dental claims here", kind=content.services.kind)
            case _:
                assert_never(content.services.kind)

    return routes


def _file(pdf: bytes, content: ClaimCreated) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{content.claim_id}.pdf"'}
    return Response(pdf, media_type=_PDF, headers=headers)
