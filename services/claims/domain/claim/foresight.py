"""What would holding or releasing make of a claim, in one word?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from services.claims.domain.errors import NoTradingPartner
from shared.events.claims import ClaimEvent, ClaimHeld, ClaimReleased

Becomes: TypeAlias = Literal["held", "released", ""]


def becomes(events: Sequence[ClaimEvent]) -> Becomes:
    """Empty when nothing changes. The last event says it: a release begins with the edits.

    Raises NoTradingPartner for a release after which the claim is held all the same.
    """
    match events[-1] if events else None:
        case ClaimReleased():
            return "released"
        case ClaimHeld(reason="no-trading-partner"):
            raise NoTradingPartner("its payer has no trading partner: list one, or print the claim")
        case ClaimHeld():
            return "held"
        case _:
            return ""
