"""Which claim comes to its end because of another one?

A claim that was replaced ends when its successor is answered, and so does whatever that one replaced in its turn; a void claim
ends with the claim that it took back. One that is given up before the payer had it leaves the claim before it as it was.
Source: 005010X222A1, CLM05-3: a replacement stands for the whole claim before it.
"""

from __future__ import annotations

from datetime import date
from typing import Any, TypeAlias

from services.claims.domain.claim.commands import EndReplaced, EndVoid, WithdrawReplacement
from services.claims.domain.claim.numbering import replaced_by
from services.claims.domain.claim.state import Claim, Stage
from shared.events.claims import ClaimAdjudicated, ClaimClosed, ClaimVoided
from shared.events.envelope import Recorded
from shared.runtime.command import Aggregate, Commands

CLAIMS = (ClaimAdjudicated, ClaimClosed, ClaimVoided)

Told: TypeAlias = tuple[str, EndReplaced | EndVoid | WithdrawReplacement]


class EndClaims:
    def __init__(self, commands: Commands, claim: Aggregate) -> None:
        self._commands = commands
        self._claim = claim

    async def react(self, recorded: Recorded[Any]) -> list[Told]:
        """A claim that was voided and is billed again meanwhile is not withdrawn."""
        told = react(recorded)
        if told and isinstance(recorded.event, ClaimVoided):
            claim: Claim = await self._commands.state(self._claim, recorded.tenant, recorded.event.claim_id)
            return told if claim.stage is Stage.VOIDED else []
        return told


def react(recorded: Recorded[Any]) -> list[Told]:
    """The claim and what is told to it."""
    match recorded.event:
        case ClaimAdjudicated() as event if not event.is_reversal:
            return _replaced(event.claim_id)
        case ClaimClosed() as event if event.reason == "replaced":
            return _replaced(event.claim_id)
        case ClaimClosed() as event if event.next_claim_id:
            return [(event.next_claim_id, EndVoid())]
        case ClaimVoided() as event:
            return _withdrawn(event, recorded.recorded_at.date())
        case _:
            return []


def _withdrawn(event: ClaimVoided, on: date) -> list[Told]:
    before = replaced_by(event.claim_id)
    withdraw = WithdrawReplacement(next_claim_id=event.claim_id, reason=event.reason, on=on)
    return [] if before is None else [(before, withdraw)]


def _replaced(claim_id: str) -> list[Told]:
    before = replaced_by(claim_id)
    return [] if before is None else [(before, EndReplaced(next_claim_id=claim_id))]
