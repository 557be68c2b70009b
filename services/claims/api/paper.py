"""Claims on paper, over HTTP: what a person prints on the preprinted form. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from services.claims.adapters.paper_claims import PaperClaims
from services.claims.adapters.ub_04 import without_room
from services.claims.api.bodies import ClaimId
from services.claims.domain.claim.scrubbing import billed_coverage
from services.claims.domain.claim.state import Claim
from services.claims.domain.errors import ClaimNotOnThisForm, ClaimUnknown
from shared.events.claim_kinds import ClaimKind
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

    async def claim_of(kind: ClaimKind, form: str, claim_id: str, who: Caller) -> ClaimCreated:
        state: Claim = await commands.state(claim, who.tenant, claim_id.upper())
        content = state.content
        if content is None:
            raise ClaimUnknown("there is no such claim")
        if content.services.kind != kind:
            raise ClaimNotOnThisForm(f"a {form} is for {kind} claims", kind=content.services.kind)
        if billed_coverage(content) is None:
            raise ClaimNotOnThisForm("the claim has no payer", rank=content.rank)
        return content

    @routes.get("/claims/{claim_id}/cms-1500", response_class=Response, responses={200: {"content": {_PDF: {}}}})
    async def print_claim(claim_id: ClaimId, who: Reader, purpose: Purpose = "billing") -> Response:
        """What is filled in on a CMS-1500 (02/12), as a PDF for the preprinted form. That it was opened, by whom and why, is recorded."""
        content = await claim_of("professional", "CMS-1500", claim_id, who)
        return _file(await paper.cms_1500(who.tenant, content, Opener(actor=who.actor, purpose=purpose)), content)

    @routes.get("/claims/{claim_id}/ub-04", response_class=Response, responses={200: {"content": {_PDF: {}}}})
    async def print_hospital_claim(claim_id: ClaimId, who: Reader, purpose: Purpose = "billing") -> Response:
        """What is filled in on a UB-04 (CMS-1450), as a PDF for the preprinted form. That it was opened, by whom and why, is recorded."""
        content = await claim_of("institutional", "UB-04", claim_id, who)
        if missing := without_room(content):
            raise ClaimNotOnThisForm(f"the form has no room for {', '.join(missing)}", claim=content.claim_id)
        opener = Opener(actor=who.actor, purpose=purpose)
        return _file(await paper.ub_04(who.tenant, content, opener, clock.now().date()), content)

    return routes


def _file(pdf: bytes, content: ClaimCreated) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{content.claim_id}.pdf"'}
    return Response(pdf, media_type=_PDF, headers=headers)
