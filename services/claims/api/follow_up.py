"""What people do about claims that wait for their payer, over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends

from services.claims.api.bodies import ClaimId
from services.claims.domain.claim.commands import AskStatusNow, ClaimCommand, SendAgain
from services.claims.policies.rules_in_force import RulesInForce
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.web import Done, done, versioned_cause_of

FollowUp = Annotated[Cause, Depends(versioned_cause_of("claims:follow-up-claim"))]
Release = Annotated[Cause, Depends(versioned_cause_of("claims:release-claim"))]


def router(
    commands: Commands,
    claim: Aggregate,
    rules: RulesInForce,
    clock: Clock,
    in_real_time: Callable[[str], frozenset[str]],
) -> APIRouter:
    routes = APIRouter(tags=["follow-up"])

    async def handle(claim_id: str, command: ClaimCommand, cause: Cause) -> Done:
        command = await rules.given(cause.tenant, command)
        return done(await commands.handle(claim, claim_id.upper(), command, cause), "claims")

    @routes.post("/claims/{claim_id}/ask-status")
    async def ask_status(claim_id: ClaimId, cause: FollowUp) -> Done:
        """Ask the payer now, in real time, what became of the claim (276). The answer is an event of the claim."""
        command = AskStatusNow(asked_by=cause.actor, partners=in_real_time(cause.tenant), on=clock.now().date())
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/send-again")
    async def send_again(claim_id: ClaimId, cause: Release) -> Done:
        """Send the claim once more, because its payer does not find it. The edits run again."""
        return await handle(claim_id, SendAgain(on=clock.now().date()), cause)

    return routes
