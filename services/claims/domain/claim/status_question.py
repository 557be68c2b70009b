"""What does a question about a claim's status say, and about whom?

The personal values come in already opened, and live only while the question is written. The patient is the dependent when somebody
else is the subscriber.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.claims.domain.claim.scrubbing import billed_coverage
from services.claims.domain.claim.state import Claim
from shared.events.base import Sealed
from shared.events.batches import PartnerListed
from shared.events.claims import ClaimCreated, ClaimStatusRequested
from shared.events.values import CoverageSnapshot, Person, ProviderIdentity

_SELF = "18"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuestion:
    """All that a 276 about one claim says."""

    claim_id: str
    trace_number: str
    partner: PartnerListed
    payer_name: str
    payer_electronic_id: str
    provider: ProviderIdentity
    patient: Person
    subscriber: Person | None  # absent: the patient
    member_number: str
    payer_control_number: str
    charged_cents: int
    service_on: date
    service_to_on: date | None
    written_at: datetime

    def __repr__(self) -> str:
        return f"StatusQuestion({self.trace_number})"  # never the values


def sealed_values(content: ClaimCreated) -> list[tuple[Sealed[Any], Any]]:
    """The personal values that a question needs, in an order that `opened_question` knows."""
    coverage = _asked_coverage(content)
    pairs: list[tuple[Sealed[Any], Any]] = [(content.patient, Person), (coverage.member_number, str)]
    return [*pairs, (coverage.subscriber, Person)] if coverage.subscriber is not None else pairs


def opened_question(
    asked: ClaimStatusRequested, claim: Claim, partner: PartnerListed, values: Sequence[Any], written_at: datetime
) -> StatusQuestion:
    """Raises LookupError for a claim without content."""
    if claim.content is None:
        raise LookupError("a claim without content has no question")
    content = claim.content
    coverage = _asked_coverage(content)
    patient, member_number, *others = values
    return StatusQuestion(
        claim_id=content.claim_id,
        trace_number=asked.trace_number,
        partner=partner,
        payer_name=coverage.payer_name,
        payer_electronic_id=coverage.payer_electronic_id,
        provider=content.services.organization,
        patient=patient,
        subscriber=others[0] if others and coverage.relationship != _SELF else None,
        member_number=member_number,
        payer_control_number=claim.payer_control_number,
        charged_cents=content.services.charged_cents,
        service_on=content.services.service_on,
        service_to_on=content.services.service_to_on,
        written_at=written_at,
    )


def _asked_coverage(content: ClaimCreated) -> CoverageSnapshot:
    coverage = billed_coverage(content)
    if coverage is None:
        raise LookupError("a claim that was sent has a payer")
    return coverage
