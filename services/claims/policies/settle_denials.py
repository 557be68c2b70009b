"""How do a claim and its denials end together?

A reversal ends the denials of the answer that it takes back; the last denial that is resolved closes its claim.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from services.claims.domain.claim.commands import SettleDenial
from services.claims.domain.denial.commands import ReverseDenial
from shared.events.claims import ClaimAdjudicated
from shared.events.denials import DenialResolved
from shared.events.envelope import Recorded

CLAIMS = (ClaimAdjudicated, DenialResolved)

Told: TypeAlias = tuple[str, SettleDenial | ReverseDenial]


def react(recorded: Recorded[Any]) -> list[Told]:
    """The claim or denial and what is told to it."""
    match recorded.event:
        case ClaimAdjudicated() as event:
            reverse = ReverseDenial(remittance_id=event.remittance_id)
            return [(denial_id, reverse) for denial_id in event.reversed_denial_ids]
        case DenialResolved() as event if event.outcome != "reversed":
            claim_id = event.denial_id.partition("-")[0]
            return [(claim_id, SettleDenial(denial_id=event.denial_id, outcome=event.outcome))]
        case _:
            return []
