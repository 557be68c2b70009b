"""What must a claim remember to answer the next command?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from msgspec import structs

from shared.events.claims import (
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimBatched,
    ClaimClosed,
    ClaimCorrected,
    ClaimCreated,
    ClaimDenialSettled,
    ClaimDenied,
    ClaimEvent,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    PayerControlNumberKnown,
    PriorAdjudication,
    ReplacementClaimDue,
    SecondaryClaimDue,
)


class Stage(StrEnum):
    """Where a claim is on its way. The values are the statuses that people see."""

    NOT_CREATED = "not-created"
    HELD = "held"  # ours, waiting for somebody
    RELEASED = "released"  # ours, waiting for a batch
    BATCHED = "batched"  # bound to an interchange that is being written
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"  # by a clearinghouse or the payer
    REJECTED = "rejected"  # returned before adjudication
    ADJUDICATED = "adjudicated"  # the payer answered, something is left to do
    CLOSED = "closed"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A payer's answer that stands (a reversed one is gone)."""

    remittance_id: str
    ordinal: int
    adjudication: PriorAdjudication
    patient_responsibility_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDenial:
    denial_id: str
    remittance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    stage: Stage = Stage.NOT_CREATED
    content: ClaimCreated | None = None  # as it now stands, with every correction
    held_by: str = ""  # a person's hold outlives a correction
    hold_reason: str = ""
    version: int = 0  # of the last release
    partner_id: str = ""
    batch_id: str = ""  # of the last batch
    control_number: int = 0  # of the last batch
    submissions: int = 0
    payer_control_number: str = ""
    answers: tuple[Answer, ...] = ()
    open_denials: tuple[OpenDenial, ...] = ()
    settled_outcomes: tuple[str, ...] = ()
    submission: ClaimSubmitted | None = None  # the last one
    taken_in: ClaimAccepted | None = None  # the payer's first acceptance, unless it returned the claim since
    taken_on: ClaimAccepted | None = None  # the same by a clearinghouse
    next_claim_id: str = ""  # the claim that replaces or voids this one
    next_frequency: str = ""
    crossover_rank: int = 0  # the payer that the claim was forwarded to


def evolve(claim: Claim, event: ClaimEvent) -> Claim:
    match event:
        case ClaimCreated():
            return replace(claim, content=event, stage=Stage.HELD)
        case ClaimScrubbed():
            return claim
        case ClaimHeld():
            return replace(claim, stage=Stage.HELD, held_by=event.held_by, hold_reason=event.reason)
        case ClaimReleased():
            return replace(
                claim,
                stage=Stage.RELEASED,
                version=event.version,
                partner_id=event.partner_id,
                held_by="",
                hold_reason="",
            )
        case ClaimBatched():
            return replace(claim, stage=Stage.BATCHED, batch_id=event.batch_id, control_number=event.control_number)
        case ClaimSubmitted():
            return replace(claim, stage=Stage.SUBMITTED, submissions=claim.submissions + 1, submission=event)
        case ClaimRejected():
            return replace(claim, stage=Stage.REJECTED, taken_in=None, taken_on=None)
        case ClaimAccepted():
            return _accepted(_with_number(claim, event.payer_control_number), event)
        case ClaimStatusReported():
            return _with_number(claim, event.payer_control_number)
        case ClaimAdjudicated():
            return _adjudicated(_with_number(claim, event.payer_control_number), event)
        case ClaimDenied():
            denial = OpenDenial(denial_id=event.denial_id, remittance_id=event.remittance_id)
            return replace(claim, open_denials=(*claim.open_denials, denial), stage=Stage.ADJUDICATED)
        case ClaimDenialSettled():
            left = tuple(denial for denial in claim.open_denials if denial.denial_id != event.denial_id)
            return replace(claim, open_denials=left, settled_outcomes=(*claim.settled_outcomes, event.outcome))
        case ClaimCorrected():
            return _corrected(claim, event)
        case ReplacementClaimDue():
            return replace(claim, next_claim_id=event.next_claim_id, next_frequency=event.frequency)
        case CrossoverAwaited():
            return replace(claim, crossover_rank=event.next_rank)
        case SecondaryClaimDue():
            return replace(claim, crossover_rank=0)
        case ClaimVoided():
            return replace(claim, stage=Stage.VOIDED)
        case ClaimClosed():
            is_voided = claim.stage is Stage.VOIDED or event.reason == "voided"
            return replace(claim, stage=Stage.VOIDED if is_voided else Stage.CLOSED)
        case FollowUpDue() | PayerControlNumberKnown():
            return claim
        case _:
            assert_never(event)


def _accepted(claim: Claim, event: ClaimAccepted) -> Claim:
    """The first acceptance of each side is the one that proves when it had the claim."""
    if event.stage == "payer":
        return replace(claim, stage=Stage.ACCEPTED, taken_in=claim.taken_in or event)
    return replace(claim, stage=Stage.ACCEPTED, taken_on=claim.taken_on or event)


def _with_number(claim: Claim, payer_control_number: str) -> Claim:
    return replace(claim, payer_control_number=payer_control_number or claim.payer_control_number)


def _adjudicated(claim: Claim, event: ClaimAdjudicated) -> Claim:
    if event.answer is None:
        return _reversed(claim, event)
    answer = Answer(
        remittance_id=event.remittance_id,
        ordinal=event.ordinal,
        adjudication=event.answer,
        patient_responsibility_cents=event.patient_responsibility_cents,
    )
    has_arrived = 0 < claim.crossover_rank <= event.rank
    return replace(
        claim,
        stage=Stage.ADJUDICATED,
        answers=(*claim.answers, answer),
        crossover_rank=0 if has_arrived else claim.crossover_rank,
    )


def _reversed(claim: Claim, event: ClaimAdjudicated) -> Claim:
    """The answer of the rank that was taken back no longer stands; nor do its denials."""
    gone = (event.reverses_remittance_id, event.reverses_ordinal)
    return replace(
        claim,
        stage=Stage.SUBMITTED,
        answers=tuple(a for a in claim.answers if (a.remittance_id, a.ordinal) != gone),
        open_denials=tuple(d for d in claim.open_denials if d.denial_id not in event.reversed_denial_ids),
    )


def _corrected(claim: Claim, event: ClaimCorrected) -> Claim:
    if claim.content is None:
        return claim
    changes = {
        "services": event.services,
        "coverages": event.coverages,
        "patient": event.patient,
        "prior": event.prior,
        "frequency": event.frequency,
        "replaces_payer_control_number": event.replaces_payer_control_number or None,
    }
    content = structs.replace(claim.content, **{name: value for name, value in changes.items() if value is not None})
    return replace(claim, content=content, stage=Stage.HELD)
