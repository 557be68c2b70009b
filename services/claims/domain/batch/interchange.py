"""What is asked of whoever writes an interchange, and what comes back? The port between sending and the 837P."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.events.batches import BatchedClaim, ClaimSet, PartnerListed
from shared.events.claims import AttachmentAdded, ClaimCreated
from shared.events.values import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenInterchange:
    """The bytes, which claims lie in which set, and which could not be written and why."""

    content: bytes  # empty when nothing could be written
    file_name: str
    sets: tuple[ClaimSet, ...]
    refused: Mapping[str, tuple[Finding, ...]]  # by claim id


class InterchangeWriter(Protocol):
    async def write(
        self,
        tenant: str,
        partner: PartnerListed,
        *,
        batch_id: str,
        control_number: int,
        claims: Sequence[tuple[BatchedClaim, ClaimCreated]],
        written_at: datetime,
        attachments: Mapping[str, tuple[AttachmentAdded, ...]],
    ) -> WrittenInterchange:
        """Write what can be written; one claim that cannot never keeps the others back."""
        ...
