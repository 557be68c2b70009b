"""Many claims at once over HTTP: held, or released to the next batch; looked at first, and each by itself. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

from fastapi import APIRouter, Depends

from services.claims.api.bulk_bodies import HoldClaims, ManyClaimsAnswer, ManyClaimsItem, ReleaseClaims
from services.claims.api.many import Asked, Became, Kind, Many, counted
from services.claims.domain.claim.commands import ClaimCommand, HoldClaim, ReleaseClaim
from services.claims.domain.claim.foresight import becomes
from services.claims.domain.claim.state import Claim
from services.claims.policies.rules_in_force import RulesInForce
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.web import cause_of

Hold = Annotated[Cause, Depends(cause_of("claims:hold-claim"))]
Release = Annotated[Cause, Depends(cause_of("claims:release-claim"))]


def router(commands: Commands, claim: Aggregate, rules: RulesInForce, clock: Clock) -> APIRouter:
    routes = APIRouter(prefix="/claims/bulk", tags=["claims"])
    kind: Kind[Claim] = Kind(aggregate=claim, becomes=becomes, version_of=lambda state: state.stream_version)

    async def all_of(body: ReleaseClaims, cause: Cause, asked: Asked) -> ManyClaimsAnswer:
        many = Many(commands=commands, kind=kind, cause=cause, is_preview=body.is_preview)
        seen = {each.claim_id.upper(): each.version for each in body.claims}  # one that is named twice is meant once
        became = await many.each(seen, asked)
        items = [_item(each) for each in became]
        done_cents = sum(item.charged_cents for item in items if item.result == "done")
        return ManyClaimsAnswer(is_preview=body.is_preview, done_cents=done_cents, items=items, **counted(became))

    @routes.post("/hold")
    async def hold_claims(body: HoldClaims, cause: Hold) -> ManyClaimsAnswer:
        """Keep claims from being sent until somebody releases them; with `is_preview` only tell what would happen to each."""

        async def asked(claim_id: str) -> ClaimCommand:
            return HoldClaim(reason=body.reason, held_by=cause.actor)

        return await all_of(body, cause, asked)

    @routes.post("/release")
    async def release_claims(body: ReleaseClaims, cause: Release) -> ManyClaimsAnswer:
        """Let claims go with the next batch. The edits run again on each: one with errors stays, and says which."""
        today = clock.now().date()

        async def asked(claim_id: str) -> ClaimCommand:
            return await rules.given(cause.tenant, ReleaseClaim(on=today))

        return await all_of(body, cause, asked)

    return routes


def _item(became: Became[Claim]) -> ManyClaimsItem:
    content = became.state.content
    return ManyClaimsItem.model_validate(
        {
            "claim_id": became.key,
            "result": became.result,
            "becomes": became.becomes,
            "charged_cents": content.services.charged_cents if content else 0,
            "version": became.version,
            "code": became.code,
            "detail": became.detail,
        }
    )
