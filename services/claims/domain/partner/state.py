"""What must be remembered of a partner: how to address it, and which numbers and claims are used up?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from shared.events.batches import BatchAssembled, PartnerEvent, PartnerListed

# The list of waiting claims may lag behind by a few batches; a claim itself refuses to be batched twice in any case.
BATCHES_REMEMBERED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    listing: PartnerListed | None = None
    last_control_number: int = 0
    recent: tuple[frozenset[tuple[str, int]], ...] = ()  # claim and version of the last batches


def evolve(partner: Partner, event: PartnerEvent) -> Partner:
    match event:
        case PartnerListed():
            return replace(partner, listing=event)
        case BatchAssembled():
            batched = frozenset((claim.claim_id, claim.version) for claim in event.claims)
            recent = (*partner.recent, batched)[-BATCHES_REMEMBERED:]
            return replace(partner, last_control_number=event.control_number, recent=recent)
        case _:
            assert_never(event)
