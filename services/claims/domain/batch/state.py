"""What must be remembered of one interchange until it is answered?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from shared.events.batches import (
    BatchAbandoned,
    BatchedClaim,
    BatchEvent,
    BatchMailed,
    BatchReprinted,
    InterchangeAcknowledged,
    InterchangeSent,
    InterchangeStored,
    InterchangeUnanswered,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    stored: InterchangeStored | None = None
    is_abandoned: bool = False
    is_sent: bool = False
    is_acknowledged: bool = False
    mailed: BatchMailed | None = None
    copies: int = 1  # printed, of a batch on paper
    rejected_claim_ids: frozenset[str] = frozenset()

    @property
    def claims(self) -> tuple[BatchedClaim, ...]:
        return tuple(claim for one in self.stored.sets for claim in one.claims) if self.stored else ()


def evolve(batch: Batch, event: BatchEvent) -> Batch:
    match event:
        case InterchangeStored():
            return replace(batch, stored=event)
        case BatchAbandoned():
            return replace(batch, is_abandoned=True)
        case InterchangeSent():
            return replace(batch, is_sent=True)
        case BatchMailed():
            return replace(batch, mailed=event)
        case BatchReprinted():
            return replace(batch, copies=event.copy_number)
        case InterchangeAcknowledged():
            rejected = batch.rejected_claim_ids.union(event.rejected_claim_ids)
            return replace(batch, is_acknowledged=True, rejected_claim_ids=rejected)
        case InterchangeUnanswered():
            return batch
        case _:
            assert_never(event)
