"""What can be asked of a trading partner's stream?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.events.batches import BatchedClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartner:
    """Exchange interchanges with this clearinghouse or payer, or mail paper, from now on or under new terms."""

    partner_id: str
    name: str
    transport: Literal["sftp", "folder", "http", "paper"]
    sender_qualifier: str = "ZZ"
    sender_id: str = ""
    receiver_qualifier: str = "ZZ"
    receiver_id: str = ""
    usage: Literal["P", "T"] = "P"
    claims_per_batch_max: int = 500
    claims_per_set_max: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleBatch:
    """Put claims that wait into the next interchange, as many as the partner takes at once."""

    claims: tuple[BatchedClaim, ...]


PartnerCommand: TypeAlias = ListPartner | AssembleBatch
