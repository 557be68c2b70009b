"""Which claim comes to its end because of another one?

A claim that was replaced ends when its successor is answered, and so does whatever that one replaced in its turn; a void claim
ends with the claim that it took back. Source: 005010X222A1, CLM05-3: a replacement stands for the whole claim before it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from services.claims.domain.claim.commands import EndReplaced, EndVoid
from services.claims.domain.claim.numbering import replaced_by
from shared.events.claims import ClaimAdjudicated, ClaimClosed
from shared.events.envelope import Recorded

CLAIMS = (ClaimAdjudicated, ClaimClosed)

Told: TypeAlias = tuple[str, EndReplaced | EndVoid]


def react(recorded: Recorded[Any]) -> list[Told]:
    """The claim and what is told to it."""
    match recorded.event:
        case ClaimAdjudicated() as event if not event.is_reversal:
            return _replaced(event.claim_id)
        case ClaimClosed() as event if event.reason == "replaced":
            return _replaced(event.claim_id)
        case ClaimClosed() as event if event.next_claim_id:
            return [(event.next_claim_id, EndVoid())]
        case _:
            return []


def _replaced(claim_id: str) -> list[Told]:
    before = replaced_by(claim_id)
    return [] if before is None else [(before, EndReplaced(next_claim_id=claim_id))]
