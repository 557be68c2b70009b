"""Which transaction set does a claim of each kind travel in, and how is it written, read and compared?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.claims.adapters.opened_claims import OpenedClaim
from services.claims.adapters.x12_claims import professional_claim, professional_facts
from services.claims.adapters.x12_dental import dental_claim, dental_facts
from services.claims.adapters.x12_institutional import institutional_claim, institutional_facts
from shared.codecs.x12.claim_837d import DentalBatch, read_837d, write_837d
from shared.codecs.x12.claim_837i import InstitutionalBatch, read_837i, write_837i
from shared.codecs.x12.claim_837p import ClaimBatch, read_837p, write_837p
from shared.codecs.x12.claim_parts import Batch, Claim
from shared.codecs.x12.writer import SegmentWriter
from shared.events.claim_kinds import ClaimKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDocument:
    """The 837 of one kind of claim. `facts` is what a claim must still say after it was written and read back."""

    claim_of: Callable[[OpenedClaim], Claim]
    batch: Callable[..., Batch[Any]]
    write: Callable[[Sequence[Any]], bytes]
    read: Callable[[bytes], Iterable[Batch[Any]]]
    facts: Callable[[Any, SegmentWriter], tuple[object, ...]]


DOCUMENTS: Mapping[ClaimKind, ClaimDocument] = {
    "professional": ClaimDocument(
        claim_of=professional_claim, batch=ClaimBatch, write=write_837p, read=read_837p, facts=professional_facts
    ),
    "institutional": ClaimDocument(
        claim_of=institutional_claim,
        batch=InstitutionalBatch,
        write=write_837i,
        read=read_837i,
        facts=institutional_facts,
    ),
    "dental": ClaimDocument(
        claim_of=dental_claim, batch=DentalBatch, write=write_837d, read=read_837d, facts=dental_facts
    ),
}
