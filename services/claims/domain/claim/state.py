"""What must a claim remember to answer the next command?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

from msgspec import structs

from shared.events.claims import (
    AttachmentAdded,
    AttachmentRemoved,
    AttachmentSent,
    CallRecorded,
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimBatched,
    ClaimClosed,
    ClaimCorrected,
    ClaimCreated,
    ClaimDenialSettled,
    ClaimDenied,
    ClaimEditedByRules,
    ClaimEvent,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimRepaired,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    InformationAnswered,
    InformationOverdue,
    InformationRequested,
    PayerControlNumberKnown,
    PriorAdjudication,
    ReplacementClaimDue,
    ReplacementWithdrawn,
    SecondaryClaimDue,
    ServicesBilled,
)

CHARGES_CHANGED = "the charges changed after the claim was sent"
NOTHING_LEFT = "no charge of the account is left"


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


NEVER_AT_THE_PAYER = (Stage.HELD, Stage.RELEASED, Stage.REJECTED)
UNANSWERED = (Stage.SUBMITTED, Stage.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A payer's answer that stands (a reversed one is gone)."""

    remittance_id: str
    ordinal: int
    adjudication: PriorAdjudication
    patient_responsibility_cents: int
    denied_cents: int = 0
    next_rank: int | None = None  # 0: nothing goes to another payer; None: it was not noted
    is_forwarded: bool = False
    is_set_aside: bool = False  # it came while a replacement was under way, whose answer counts instead


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDenial:
    denial_id: str
    remittance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the payer was asked about the claim's status, and what it said."""

    questions: int = 0  # ever: each has a trace number of its own
    question: ClaimStatusRequested | None = None  # the last one since the claim was sent
    is_open: bool = False
    last: ClaimStatusReported | None = None  # the last word that mattered since the claim was sent
    waits: int = 0  # how often the payer said "pending" and got another day
    is_day_set: bool = False  # a day is still to come on which the payer's silence is noticed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    stage: Stage = Stage.NOT_CREATED
    content: ClaimCreated | None = None  # as it now stands, with every correction
    told: ClaimCreated | None = None  # the same without what the customer's rules changed
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
    next_services: ServicesBilled | None = None  # that the account asked of it; None: a person did
    close_reason: str = ""  # of the last time that it was closed
    returned_at: str = ""  # how far what was sent last came before it was rejected
    crossover_rank: int = 0  # the payer that the claim was forwarded to
    follow_up: FollowUpDue | None = None  # what a person was asked to do, until something came
    asked: Asked = Asked()
    requests: tuple[InformationRequested, ...] = ()  # that are open
    requests_made: int = 0
    attachments: tuple[AttachmentAdded, ...] = ()
    attachments_made: int = 0
    attachments_sent: Mapping[str, AttachmentSent] = field(default_factory=dict)
    stream_version: int = 0


def evolve(claim: Claim, event: ClaimEvent) -> Claim:
    return replace(_changed(claim, event), stream_version=claim.stream_version + 1)


def _changed(claim: Claim, event: ClaimEvent) -> Claim:
    match event:
        case ClaimCreated():
            return replace(claim, content=event, told=event, stage=Stage.HELD)
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
                follow_up=None,
            )
        case ClaimBatched():
            return replace(claim, stage=Stage.BATCHED, batch_id=event.batch_id, control_number=event.control_number)
        case ClaimSubmitted():
            return replace(
                claim,
                stage=Stage.SUBMITTED,
                submissions=claim.submissions + 1,
                submission=event,
                returned_at="",
                follow_up=None,
                asked=Asked(questions=claim.asked.questions, is_day_set=True),
            )
        case ClaimRejected():
            return replace(
                claim,
                stage=Stage.REJECTED,
                returned_at=event.stage,
                taken_in=None,
                taken_on=None,
                follow_up=None,
                asked=_quiet(claim),
            )
        case ClaimAccepted():
            return _accepted(_with_number(claim, event.payer_control_number), event)
        case ClaimStatusRequested():
            return replace(claim, asked=_asked(claim.asked, event), follow_up=None)
        case ClaimStatusUnanswered():
            follow_up = None if event.asks_again else claim.follow_up
            return replace(claim, asked=replace(claim.asked, is_open=False), follow_up=follow_up)
        case ClaimStatusReported():
            return _told(_with_number(claim, event.payer_control_number), event)
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
        case ClaimRepaired() | ClaimEditedByRules():
            return replace(claim, content=_with(claim.content, services=event.services, coverages=event.coverages))
        case ReplacementClaimDue():
            return _with_next(claim, event)
        case ReplacementWithdrawn():
            return _counts_again(claim, event)
        case CrossoverAwaited():
            return replace(claim, crossover_rank=event.next_rank)
        case SecondaryClaimDue():
            return replace(claim, crossover_rank=0)
        case ClaimVoided():
            return _voided(claim)
        case ClaimClosed():
            is_voided = claim.stage is Stage.VOIDED or event.reason == "voided"
            return _voided(claim) if is_voided else replace(claim, stage=Stage.CLOSED, close_reason=event.reason)
        case InformationRequested():
            return replace(claim, requests=(*claim.requests, event), requests_made=claim.requests_made + 1)
        case InformationAnswered():
            return _answered(claim, event)
        case AttachmentAdded():
            added, made = (*claim.attachments, event), claim.attachments_made
            return replace(claim, attachments=added, attachments_made=made if event.carried_from else made + 1)
        case AttachmentRemoved():
            kept = tuple(each for each in claim.attachments if each.attachment_id != event.attachment_id)
            return replace(claim, attachments=kept)
        case AttachmentSent():
            return replace(claim, attachments_sent={**claim.attachments_sent, event.attachment_id: event})
        case CallRecorded():
            return replace(claim, follow_up=None if event.waits else claim.follow_up)
        case FollowUpDue():
            is_day_set = claim.asked.is_day_set and event.waiting_for != "835"
            return replace(claim, follow_up=event, asked=replace(claim.asked, is_day_set=is_day_set))
        case PayerControlNumberKnown() | InformationOverdue():
            return claim
        case _:
            assert_never(event)


def _accepted(claim: Claim, event: ClaimAccepted) -> Claim:
    """The first acceptance of each side is the one that proves when it had the claim."""
    claim = replace(claim, follow_up=None)
    if event.stage == "payer":
        return replace(claim, stage=Stage.ACCEPTED, taken_in=claim.taken_in or event)
    return replace(claim, stage=Stage.ACCEPTED, taken_on=claim.taken_on or event)


def _voided(claim: Claim) -> Claim:
    return replace(
        claim, stage=Stage.VOIDED, held_by="", hold_reason="", next_claim_id="", next_frequency="", next_services=None
    )


def _with_next(claim: Claim, event: ReplacementClaimDue) -> Claim:
    is_the_accounts = event.reason in (CHARGES_CHANGED, NOTHING_LEFT)
    return replace(
        claim,
        next_claim_id=event.next_claim_id,
        next_frequency=event.frequency,
        next_services=event.services if is_the_accounts else None,
    )


def _counts_again(claim: Claim, event: ReplacementWithdrawn) -> Claim:
    """With its own answers; what was closed as replaced is open again, and waits for the payer if no answer stands."""
    claim = replace(claim, next_claim_id="", next_frequency="", next_services=None)
    if not event.reopens_as:
        return claim
    asked = Asked(questions=claim.asked.questions, is_day_set=event.reopens_as == "submitted")
    return replace(claim, stage=Stage(event.reopens_as), follow_up=None, asked=asked)


def _answered(claim: Claim, event: InformationAnswered) -> Claim:
    left = tuple(each for each in claim.requests if each.request_id != event.request_id)
    if event.wait_until_on is None:
        return replace(claim, requests=left)
    return replace(claim, requests=left, follow_up=None, asked=replace(claim.asked, is_day_set=True))


def _quiet(claim: Claim) -> Asked:
    """Nothing is awaited from the payer any more."""
    return replace(claim.asked, is_open=False, is_day_set=False)


def _asked(asked: Asked, event: ClaimStatusRequested) -> Asked:
    is_day_set = asked.is_day_set and event.waiting_for != "835"
    return replace(asked, question=event, questions=asked.questions + 1, is_open=True, is_day_set=is_day_set)


def _told(claim: Claim, event: ClaimStatusReported) -> Claim:
    asked = claim.asked
    if event.trace_number:
        asked = replace(asked, is_open=False)
    if event.meaning:
        waits = asked.waits + 1 if event.meaning == "waiting" and event.wait_until_on else asked.waits
        is_day_set = asked.is_day_set or event.wait_until_on is not None
        asked = replace(asked, last=event, waits=waits, is_day_set=is_day_set)
    return replace(claim, asked=asked, follow_up=claim.follow_up if not event.meaning else None)


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
        denied_cents=event.denied_cents,
        next_rank=event.next_rank,
        is_forwarded=event.forwarded_to_next_payer,
        is_set_aside=bool(claim.next_claim_id),
    )
    has_arrived = 0 < claim.crossover_rank <= event.rank
    return replace(
        claim,
        stage=Stage.ADJUDICATED,
        answers=(*claim.answers, answer),
        follow_up=None,
        crossover_rank=0 if has_arrived else claim.crossover_rank,
    )


def _reversed(claim: Claim, event: ClaimAdjudicated) -> Claim:
    """The answer of the rank that was taken back no longer stands; nor do its denials."""
    gone = (event.reverses_remittance_id, event.reverses_ordinal)
    return replace(
        claim,
        stage=Stage.SUBMITTED,
        follow_up=None,
        asked=Asked(questions=claim.asked.questions, is_day_set=True),
        answers=tuple(a for a in claim.answers if (a.remittance_id, a.ordinal) != gone),
        open_denials=tuple(d for d in claim.open_denials if d.denial_id not in event.reversed_denial_ids),
    )


def _corrected(claim: Claim, event: ClaimCorrected) -> Claim:
    changes = {
        "services": event.services,
        "coverages": event.coverages,
        "patient": event.patient,
        "prior": event.prior,
        "frequency": event.frequency,
        "replaces_payer_control_number": event.replaces_payer_control_number or None,
    }
    if claim.content is None:
        return claim
    return replace(claim, content=_with(claim.content, **changes), told=_with(claim.told, **changes), stage=Stage.HELD)


def _with(content: ClaimCreated | None, **changes: Any) -> ClaimCreated | None:
    """What is absent stays as it was."""
    if content is None:
        return None
    return structs.replace(content, **{name: value for name, value in changes.items() if value is not None})
