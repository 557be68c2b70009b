"""What can a partner tell us about what we sent? The words between whoever reads a file and whoever acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from services.claims.domain.batch.commands import RecordAcknowledgement
from services.claims.domain.claim.commands import RecordAcceptance, RecordRejection, RecordStatus
from shared.events.values import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Between whom an acknowledgement goes: the other way round than our interchange went."""

    sender_id: str  # ISA06
    receiver_id: str  # ISA08


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTold:
    """A TA1 or 999 about one interchange."""

    parties: Parties
    control_number: int
    command: RecordAcknowledgement


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRefused:
    """A 277CA that refuses a whole batch; claims that it names follow by themselves."""

    parties: Parties
    control_number: int
    command: RecordRejection
    named_claim_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTold:
    """A 277CA or 277 about one claim."""

    claim_id: str
    command: RecordAcceptance | RecordRejection | RecordStatus


Told: TypeAlias = BatchTold | BatchRefused | ClaimTold


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file tells, in its order, and what of it could not be read."""

    told: tuple[Told, ...]
    findings: tuple[Finding, ...] = ()
