"""What proves that the payer had a claim, and when?

The payer's own 277CA acceptance (categories A1 and A2), the first one. The clearinghouse's word proves nothing, and a claim that was
returned since was never received: the filing limit went on. Source: X12 005010X214, in our own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.claims.domain.claim.state import Claim, Stage
from shared.events.claims import ClaimAccepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`accepted_on` None: nothing proves it, and `because` says why."""

    accepted_on: date | None
    because: str
    acceptance: ClaimAccepted | None = None  # the payer's, or else the clearinghouse's
    control_number: int | None = None  # ISA13 of the last interchange
    sent_document_id: str | None = None


def proof_of(claim: Claim) -> Proof:
    sent = claim.submission
    return Proof(
        accepted_on=claim.taken_in.accepted_on if claim.taken_in else None,
        because=_because(claim),
        acceptance=claim.taken_in or claim.taken_on,
        control_number=sent.control_number if sent else None,
        sent_document_id=sent.document.document_id if sent else None,
    )


def _because(claim: Claim) -> str:
    if claim.taken_in is not None:
        return "the payer accepted it in a 277CA"
    if claim.stage is Stage.REJECTED:
        return "it was returned before adjudication, which counts as never received"
    if claim.taken_on is not None:
        return "only a clearinghouse accepted it, which does not prove that the payer had it"
    if claim.submission is not None and claim.submission.mailed_on is not None:
        return f"it was mailed on {claim.submission.mailed_on}, which proves that it left and not that the payer had it"
    if claim.submission is not None:
        return "nobody has acknowledged it yet"
    return "it was never sent"
