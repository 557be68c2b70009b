"""What becomes of a claim, from the first edit to the last answer?

Sources: X12 005010X222A1 (frequency codes), 005010X214 (277CA categories), 005010X221A1 (CLP02), in our own words:
a claim returned before adjudication is sent again as an original; one that reached the payer is replaced (7) or voided (8) under
the payer's control number; a forwarded claim is not sent again. Nothing is concluded from silence: it only asks a person.
"""

from __future__ import annotations

from typing import Any, Literal, assert_never

from msgspec import structs

from services.claims.domain.claim import paperwork, status_requests
from services.claims.domain.claim.commands import (
    AskStatus,
    AskStatusAgain,
    AskStatusNow,
    ClaimCommand,
    CloseClaim,
    CloseReason,
    CorrectClaim,
    CreateClaim,
    EndCoverage,
    EndReplaced,
    EndVoid,
    HoldClaim,
    LearnPayerControlNumber,
    MarkFollowUp,
    RaiseNextClaim,
    RecordAcceptance,
    RecordAdjudication,
    RecordDenial,
    RecordRejection,
    RecordReversal,
    RecordStatus,
    RecordSubmission,
    ReleaseClaim,
    ReturnFromBatch,
    SendAgain,
    SettleDenial,
    StopWaitingForStatus,
    TakeIntoBatch,
    VoidClaim,
)
from services.claims.domain.claim.numbering import first_claim_of_rank, replacement_of
from services.claims.domain.claim.paperwork_commands import PaperworkCommand
from services.claims.domain.claim.scrubbing import RULES_VERSION, billed_coverage, has_errors, scrub
from services.claims.domain.claim.state import Claim, Stage, evolve
from services.claims.domain.errors import (
    AnswerUnknown,
    ClaimAlreadySent,
    ClaimHasErrors,
    ClaimIsBeingSent,
    ClaimIsVoided,
    ClaimNotAnswered,
    ClaimNotHeld,
    ClaimNotInBatch,
    ClaimNotLost,
    ClaimNotSubmitted,
    ClaimNotWaiting,
    ClaimSuperseded,
    ClaimUnknown,
    DenialStillOpen,
    NextPayerUnknown,
)
from services.claims.domain.rule_book.running import run
from shared.events.claims import (
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
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    PayerControlNumberKnown,
    PriorAdjudication,
    ReplacementClaimDue,
    SecondaryClaimDue,
)
from shared.events.values import CoverageSnapshot
from shared.kernel.decider import Decider

NO_COVERAGE = "no-coverage"  # the hold that eligibility causes, and ends when it finds a coverage again

_NEVER_AT_THE_PAYER = (Stage.HELD, Stage.RELEASED, Stage.REJECTED)
_WITH_THE_PAYER = (Stage.SUBMITTED, Stage.ACCEPTED, Stage.ADJUDICATED, Stage.CLOSED)
_UNANSWERED = (Stage.SUBMITTED, Stage.ACCEPTED)
_STAGES_OF_SILENCE: dict[str, tuple[Stage, ...]] = {
    "999": (Stage.SUBMITTED,),
    "277CA": (Stage.SUBMITTED,),
    "835": (*_UNANSWERED, Stage.ADJUDICATED),  # adjudicated: a forwarded claim waits for the next payer's 835
    "277": _UNANSWERED,
    "a person": (*_NEVER_AT_THE_PAYER, *_UNANSWERED, Stage.ADJUDICATED),
}
_FINAL_BY_OUTCOME: dict[str, CloseReason] = {
    "paid": "paid",
    "written-off": "written-off",
    "patient": "patient",
    "corrected-claim": "replaced",
    "not-workable": "denied-final",
}


def decide(command: ClaimCommand, claim: Claim) -> list[ClaimEvent]:
    if isinstance(command, CreateClaim):
        return _create(command, claim)
    content = claim.content
    if content is None:
        raise ClaimUnknown("there is no such claim")
    if isinstance(command, PaperworkCommand):
        return [*paperwork.decide(command, claim, content)]
    match command:
        case CorrectClaim():
            return _correct(command, claim, content)
        case HoldClaim():
            return _hold(command, claim, content)
        case ReleaseClaim():
            return _release(command, claim, content)
        case TakeIntoBatch():
            return _take_into_batch(command, claim, content)
        case ReturnFromBatch():
            return _return_from_batch(command, claim, content)
        case RecordSubmission():
            return _record_submission(command, claim, content)
        case RecordRejection():
            return _record_rejection(command, claim, content)
        case RecordAcceptance():
            return _record_acceptance(command, claim, content)
        case RecordStatus():
            return _record_status(command, claim, content)
        case AskStatus():
            due = _mark_follow_up(command, claim, content)
            return [*status_requests.ask(command, due, claim, content)]
        case AskStatusNow():
            _refuse_unless_submitted(claim, content)
            return [*status_requests.ask_now(command, claim, content)]
        case AskStatusAgain():
            return [*status_requests.ask_again(command, claim, content)]
        case StopWaitingForStatus():
            return [*status_requests.stop_waiting(command, claim, content)]
        case SendAgain():
            return _send_again(command, claim, content)
        case RecordAdjudication():
            return _record_adjudication(command, claim, content)
        case RecordReversal():
            return _record_reversal(command, claim, content)
        case RecordDenial():
            return _record_denial(command, claim, content)
        case SettleDenial():
            return _settle_denial(command, claim, content)
        case RaiseNextClaim():
            return _raise_next_claim(claim, content)
        case LearnPayerControlNumber():
            return _learn_payer_control_number(command, claim, content)
        case MarkFollowUp():
            return [*_mark_follow_up(command, claim, content)]
        case VoidClaim():
            return _void(command, claim, content)
        case EndCoverage():
            return _end_coverage(command, claim, content)
        case EndReplaced():
            return _end_replaced(command, claim, content)
        case EndVoid():
            return _end_void(claim, content)
        case CloseClaim():
            return _close(command, claim, content)
        case _:
            assert_never(command)


# ---- before anybody else sees it -----------------------------------------------------------------------------------


def _create(command: CreateClaim, claim: Claim) -> list[ClaimEvent]:
    """A claim that exists already is corrected while it is ours, and replaced by another one once it was sent."""
    asked = _asked(command)
    if claim.content is None or claim.told is None:
        return [asked, *_scrubbed(asked, claim, command)]
    if asked == claim.told and claim.stage is not Stage.VOIDED:
        is_covered_again = claim.stage is Stage.HELD and claim.hold_reason == NO_COVERAGE
        return _scrubbed(claim.content, claim, command) if is_covered_again else []
    if claim.stage in (*_NEVER_AT_THE_PAYER, Stage.VOIDED):
        return _amended(asked, claim, claim.told, command)
    if not _changes_what_is_billed(asked, claim.told):
        return _ask_about_coverage(claim, claim.content, command)
    return [_replacement(asked, claim, "7", "the charges changed after the claim was sent")]


def _asked(command: CreateClaim) -> ClaimCreated:
    return ClaimCreated(
        claim_id=command.claim_id,
        account_id=command.account_id,
        patient_id=command.patient_id,
        rank=command.rank,
        frequency=command.frequency,
        replaces_payer_control_number=command.replaces_payer_control_number,
        coverages=command.coverages,
        patient=command.patient,
        services=command.services,
        prior=command.prior,
    )


def _changes_what_is_billed(asked: ClaimCreated, sent: ClaimCreated) -> bool:
    return (asked.services, asked.prior, asked.frequency) != (sent.services, sent.prior, sent.frequency)


def _end_coverage(command: EndCoverage, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage in _NEVER_AT_THE_PAYER:
        return _hold(HoldClaim(reason=NO_COVERAGE, held_by=""), claim, content)
    return _ask_about_coverage(claim, content, command)


def _ask_about_coverage(claim: Claim, content: ClaimCreated, command: CreateClaim | EndCoverage) -> list[ClaimEvent]:
    """Who pays changed after the claim was sent; an answered and closed claim comes back when its payer takes money back."""
    if claim.stage in (Stage.CLOSED, Stage.VOIDED):
        return []
    return [
        FollowUpDue(
            claim_id=content.claim_id,
            waiting_for="a person",
            since_on=command.on,
            next_action="coverage changed after the claim was sent: check the payer",
        )
    ]


def _amended(asked: ClaimCreated, claim: Claim, before: ClaimCreated, command: CreateClaim) -> list[ClaimEvent]:
    corrected = ClaimCorrected(
        claim_id=asked.claim_id,
        services=asked.services if asked.services != before.services else None,
        coverages=asked.coverages if asked.coverages != before.coverages else None,
        patient=asked.patient if asked.patient != before.patient else None,
        prior=asked.prior if asked.prior != before.prior else None,
        frequency=asked.frequency if asked.frequency != before.frequency else None,
        replaces_payer_control_number=asked.replaces_payer_control_number,
        reason="the account's charges, coverage or earlier answers changed",
        corrected_by="",
    )
    return _corrected_and_scrubbed(corrected, claim, command)


def _correct(command: CorrectClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    corrected = ClaimCorrected(
        claim_id=content.claim_id,
        services=command.services,
        coverages=command.coverages,
        replaces_payer_control_number=command.replaces_payer_control_number,
        reason=command.reason,
        corrected_by=command.corrected_by,
    )
    if claim.stage in _NEVER_AT_THE_PAYER:
        return _corrected_and_scrubbed(corrected, claim, command)
    _refuse_unless_sent(claim, content)
    if claim.next_claim_id:
        raise ClaimSuperseded("the claim was replaced: correct the newer one", claim=claim.next_claim_id)
    changed = evolve(claim, corrected).content
    assert changed is not None  # a correction of what exists
    return [_replacement(changed, claim, "7", command.reason)]


def _corrected_and_scrubbed(
    corrected: ClaimCorrected, claim: Claim, command: CreateClaim | CorrectClaim | LearnPayerControlNumber
) -> list[ClaimEvent]:
    after = evolve(claim, corrected)
    assert after.content is not None
    return [corrected, *_scrubbed(after.content, after, command)]


def _scrubbed(
    content: ClaimCreated, claim: Claim, command: CreateClaim | CorrectClaim | LearnPayerControlNumber
) -> list[ClaimEvent]:
    """The edits, and what they lead to: a hold, or the release. What a person holds stays held."""
    content, changes, result = _checked(content, command)
    findings = result.findings
    if claim.held_by:
        held = ClaimHeld(claim_id=content.claim_id, reason=claim.hold_reason, findings=findings, held_by=claim.held_by)
        return [*changes, result, held]
    if not result.is_clean:
        return [*changes, result, ClaimHeld(claim_id=content.claim_id, reason="edits-failed", findings=findings)]
    return [*changes, result, _released(content, claim)]


def _checked(
    content: ClaimCreated, command: CreateClaim | CorrectClaim | LearnPayerControlNumber | ReleaseClaim | SendAgain
) -> tuple[ClaimCreated, list[ClaimEvent], ClaimScrubbed]:
    """The claim after the customer's rules, what these changed, and what they and our own edits find."""
    own = run(command.rules, content, command.on)
    changes: list[ClaimEvent] = []
    if own.repairs:
        changed = _changed_parts(content, own.repaired)
        changes.append(ClaimRepaired(claim_id=content.claim_id, changes=own.repairs, **changed))
    if own.edits:
        changed = _changed_parts(own.repaired, own.edited)
        changes.append(ClaimEditedByRules(claim_id=content.claim_id, changes=own.edits, **changed))
    findings = (*scrub(own.edited, command.on), *own.findings)
    result = ClaimScrubbed(
        claim_id=content.claim_id,
        findings=findings,
        is_clean=not has_errors(findings),
        rules_version=RULES_VERSION,
        scrubbed_on=command.on,
        customer_rules=own.used,
        rule_set=own.rule_set,
        rule_book_version=command.rules.book_version,
        tags=own.tags,
    )
    return own.edited, changes, result


def _changed_parts(before: ClaimCreated, after: ClaimCreated) -> dict[str, Any]:
    return {
        "services": after.services if after.services != before.services else None,
        "coverages": after.coverages if after.coverages != before.coverages else None,
    }


def _released(content: ClaimCreated, claim: Claim) -> ClaimReleased | ClaimHeld:
    coverage = billed_coverage(content)
    if coverage is None or not coverage.partner_id:
        return ClaimHeld(claim_id=content.claim_id, reason="no-trading-partner")
    return ClaimReleased(
        claim_id=content.claim_id,
        partner_id=coverage.partner_id,
        payer_id=coverage.payer_id,
        version=claim.version + 1,
        charged_cents=content.services.charged_cents,
        kind=content.services.kind,
    )


def _hold(command: HoldClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage not in _NEVER_AT_THE_PAYER:
        _refuse_unless_sent(claim, content)
        raise ClaimAlreadySent("the claim was sent", claim=content.claim_id, stage=claim.stage)
    if (claim.stage, claim.held_by, claim.hold_reason) == (Stage.HELD, command.held_by, command.reason):
        return []
    return [ClaimHeld(claim_id=content.claim_id, reason=command.reason, held_by=command.held_by)]


def _release(command: ReleaseClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if command.rejected_in and (claim.stage is not Stage.REJECTED or claim.batch_id != command.rejected_in):
        return []
    if claim.stage not in (Stage.HELD, Stage.REJECTED):
        raise ClaimNotHeld("the claim is neither held nor rejected", claim=content.claim_id, stage=claim.stage)
    return _scrubbed_clean(command, claim, content)


def _scrubbed_clean(command: ReleaseClaim | SendAgain, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    content, changes, result = _checked(content, command)
    if not result.is_clean:
        rules = ", ".join(sorted({finding.rule for finding in result.findings if finding.severity == "error"}))
        raise ClaimHasErrors(f"mend these first: {rules}", claim=content.claim_id, errors=len(result.findings))
    return [*changes, result, _released(content, claim)]


def _refuse_unless_sent(claim: Claim, content: ClaimCreated) -> None:
    """The claim is with a partner or payer, or the refusal says where it is instead."""
    if claim.stage is Stage.BATCHED:
        raise ClaimIsBeingSent("the claim is bound to a batch", claim=content.claim_id, batch=claim.batch_id)
    if claim.stage is Stage.VOIDED:
        raise ClaimIsVoided("the claim was voided", claim=content.claim_id)


# ---- on its way ----------------------------------------------------------------------------------------------------


def _take_into_batch(command: TakeIntoBatch, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage is Stage.BATCHED and claim.batch_id == command.batch_id:
        return []  # A batcher that starts again takes its claims once more.
    if claim.stage is not Stage.RELEASED or claim.version != command.version or claim.partner_id != command.partner_id:
        raise ClaimNotWaiting(
            "the claim does not wait to be sent in this version",
            claim=content.claim_id,
            stage=claim.stage,
            version=claim.version,
        )
    return [
        ClaimBatched(
            claim_id=content.claim_id,
            version=command.version,
            partner_id=command.partner_id,
            batch_id=command.batch_id,
            control_number=command.control_number,
        )
    ]


def _return_from_batch(command: ReturnFromBatch, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage is not Stage.BATCHED or claim.batch_id != command.batch_id:
        raise ClaimNotInBatch("the claim is not bound to this batch", claim=content.claim_id, batch=command.batch_id)
    return [ClaimHeld(claim_id=content.claim_id, reason="cannot-be-written", findings=command.findings)]


def _record_submission(command: RecordSubmission, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.batch_id != command.batch_id:
        raise ClaimNotInBatch("the claim is not bound to this batch", claim=content.claim_id, batch=command.batch_id)
    if claim.stage is not Stage.BATCHED:
        return []  # An answer proved the sending before we noted it.
    return [
        ClaimSubmitted(
            claim_id=content.claim_id,
            version=claim.version,
            partner_id=command.partner_id,
            batch_id=command.batch_id,
            control_number=command.control_number,
            document=command.document,
            answer_days=command.answer_days,
        )
    ]


def _record_rejection(command: RecordRejection, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A late reject can follow an accept; what comes after the payer's answer changes nothing any more."""
    _refuse_unless_submitted(claim, content)
    if _changes_nothing(claim, command.control_number):
        return [_late(content, command)]
    return [
        ClaimRejected(
            claim_id=content.claim_id,
            by=command.by,
            stage=command.stage,
            codes=command.codes,
            message_code=command.message_code,
            source=command.source,
        )
    ]


def _record_acceptance(command: RecordAcceptance, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    _refuse_unless_submitted(claim, content)
    if _changes_nothing(claim, command.control_number):
        return [_late(content, command), *_known(command.payer_control_number, claim, content)]
    accepted = ClaimAccepted(
        claim_id=content.claim_id,
        by=command.by,
        stage=command.stage,
        codes=command.codes,
        payer_control_number=command.payer_control_number,
        accepted_on=command.accepted_on,
        source=command.source,
    )
    return [accepted, *_known(command.payer_control_number, claim, content), *_still_to_do(accepted, claim)]


def _still_to_do(accepted: ClaimAccepted, claim: Claim) -> list[FollowUpDue]:
    """That a claim was taken in answers why no 277CA came; what else a person was asked to do is still to do.

    After a rejection nothing is awaited any more, so that a person finds out which of the two holds.
    """
    if claim.stage is Stage.REJECTED:
        action = "taken in after it was rejected: ask the payer whether it has the claim"
        return [
            FollowUpDue(
                claim_id=accepted.claim_id,
                waiting_for="a person",
                since_on=accepted.accepted_on,
                next_action=action,
            )
        ]
    due = claim.follow_up
    if due is None or (due.waiting_for in ("999", "277CA", "277") and claim.asked.is_day_set):
        return []
    return [due]


def _refuse_unless_submitted(claim: Claim, content: ClaimCreated) -> None:
    _refuse_unless_sent(claim, content)
    if claim.submissions == 0:
        raise ClaimNotSubmitted("the claim was never sent", claim=content.claim_id)


def _changes_nothing(claim: Claim, control_number: int | None) -> bool:
    """It speaks of an earlier interchange, or the claim is back in our hands or answered."""
    is_of_earlier_batch = control_number is not None and control_number != claim.control_number
    return is_of_earlier_batch or claim.stage not in (*_UNANSWERED, Stage.REJECTED)


def _late(content: ClaimCreated, command: RecordRejection | RecordAcceptance) -> ClaimStatusReported:
    return ClaimStatusReported(
        claim_id=content.claim_id,
        category=command.codes[0].partition(":")[0] if command.codes else "",
        codes=command.codes,
        payer_control_number=command.payer_control_number,
        source=command.source,
    )


def _record_status(command: RecordStatus, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    _refuse_unless_submitted(claim, content)
    first, *rest = status_requests.told(command, claim, content)
    return [first, *_known(command.payer_control_number, claim, content), *rest]


def _send_again(command: SendAgain, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A person's decision: the payer said that it has no such claim."""
    _refuse_unless_submitted(claim, content)
    said = claim.asked.last
    if claim.stage not in _UNANSWERED or said is None or said.meaning not in ("not-found", "ask-again"):
        raise ClaimNotLost("no payer says that it has no such claim", claim=content.claim_id, stage=claim.stage)
    return _scrubbed_clean(command, claim, content)


def _known(payer_control_number: str, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A replacement that waits for the payer's control number is told as soon as somebody names it."""
    if not payer_control_number or not claim.next_claim_id or claim.payer_control_number:
        return []
    return [
        PayerControlNumberKnown(
            claim_id=content.claim_id, next_claim_id=claim.next_claim_id, payer_control_number=payer_control_number
        )
    ]


def _mark_follow_up(command: MarkFollowUp | AskStatus, claim: Claim, content: ClaimCreated) -> list[FollowUpDue]:
    if claim.stage not in _STAGES_OF_SILENCE[command.waiting_for]:
        return []
    if command.waiting_for == "835" and claim.stage is Stage.ADJUDICATED and not claim.crossover_rank:
        return []
    if isinstance(command, MarkFollowUp) and command.batch_id not in ("", claim.batch_id):
        return []  # It came back and went again since.
    return [
        FollowUpDue(
            claim_id=content.claim_id,
            waiting_for=command.waiting_for,
            since_on=command.since_on,
            next_action=command.next_action,
        )
    ]


# ---- what the payer says -------------------------------------------------------------------------------------------


def _record_adjudication(command: RecordAdjudication, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A batch that is being sent counts as sent: nobody answers what they have not got."""
    _refuse_unless_it_may_be_answered(claim, content)
    answer = _with_payer(command.answer, content)
    if any((a.remittance_id, a.ordinal) == (command.remittance_id, command.ordinal) for a in claim.answers):
        return []
    adjudicated = ClaimAdjudicated(
        claim_id=content.claim_id,
        rank=answer.rank,
        remittance_id=command.remittance_id,
        ordinal=command.ordinal,
        paid_cents=answer.paid_cents,
        patient_responsibility_cents=command.patient_responsibility_cents,
        denied_cents=command.denied_cents,
        payer_control_number=answer.payer_control_number,
        adjudicated_on=answer.adjudicated_on,
        forwarded_to_next_payer=command.is_forwarded,
        answer=answer,
    )
    known = _known(answer.payer_control_number, claim, content)
    return [adjudicated, *known, *_consequences(command, evolve(claim, adjudicated), content)]


def _with_payer(answer: PriorAdjudication, content: ClaimCreated) -> PriorAdjudication:
    """The ledger may not know the payer of a rank; the claim does."""
    coverage = _coverage_of_rank(content, answer.rank)
    return answer if answer.payer_id or coverage is None else structs.replace(answer, payer_id=coverage.payer_id)


def _refuse_unless_it_may_be_answered(claim: Claim, content: ClaimCreated) -> None:
    if claim.stage is Stage.VOIDED:
        raise ClaimIsVoided("the claim was voided", claim=content.claim_id)
    if claim.submissions == 0 and claim.stage is not Stage.BATCHED:
        raise ClaimNotSubmitted("the claim was never sent", claim=content.claim_id)


def _consequences(command: RecordAdjudication, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """Who is next: the payer it was forwarded to, the next payer, a denial specialist, the patient, or nobody."""
    rank = command.answer.rank
    if claim.next_claim_id:
        return []  # A replacement is on its way: its answer counts.
    if command.is_forwarded:
        return [CrossoverAwaited(claim_id=content.claim_id, next_rank=max(command.next_rank, rank + 1))]
    if command.next_rank > rank:
        return _to_next_payer(command, claim, content)
    return [] if command.denied_cents else [_closed(content, _paid_or_patient(claim))]


def _to_next_payer(command: RecordAdjudication, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if _coverage_of_rank(content, command.next_rank) is None:
        return [
            FollowUpDue(
                claim_id=content.claim_id,
                waiting_for="a person",
                since_on=command.answer.adjudicated_on,
                next_action="the next payer is not known here: check the order of coverages",
            )
        ]
    due = _next_claim(command.next_rank, claim, content)
    return [due] if command.denied_cents else [due, _closed(content, "next-payer")]


def _next_claim(rank: int, claim: Claim, content: ClaimCreated) -> SecondaryClaimDue:
    return SecondaryClaimDue(
        claim_id=content.claim_id,
        next_claim_id=first_claim_of_rank(content.account_id, rank=rank),
        next_rank=rank,
        prior=_answers_before(rank, claim, content),
        account_id=content.account_id,
        patient_id=content.patient_id,
        patient=content.patient,
        services=content.services,
        coverages=content.coverages,
    )


def _answers_before(rank: int, claim: Claim, content: ClaimCreated) -> tuple[PriorAdjudication, ...]:
    """The last standing answer of each earlier payer, verbatim."""
    by_rank = {prior.rank: prior for prior in content.prior}
    by_rank |= {answer.adjudication.rank: answer.adjudication for answer in claim.answers}
    return tuple(by_rank[earlier] for earlier in sorted(by_rank) if earlier < rank)


def _coverage_of_rank(content: ClaimCreated, rank: int) -> CoverageSnapshot | None:
    return next((coverage for coverage in content.coverages if coverage.rank == rank), None)


def _paid_or_patient(claim: Claim) -> CloseReason:
    if any(answer.patient_responsibility_cents for answer in claim.answers):
        return "patient"
    return "paid" if any(answer.adjudication.paid_cents for answer in claim.answers) else "nothing-due"


def _closed(content: ClaimCreated, reason: CloseReason) -> ClaimClosed:
    return ClaimClosed(claim_id=content.claim_id, reason=reason)


def _raise_next_claim(claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    rank = claim.crossover_rank
    if not rank or _coverage_of_rank(content, rank) is None:
        raise NextPayerUnknown("the claim was not forwarded to a payer that we know", claim=content.claim_id, rank=rank)
    return [_next_claim(rank, claim, content), *([] if claim.open_denials else [_closed(content, "next-payer")])]


def _record_reversal(command: RecordReversal, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    reversed_key = (command.reverses_remittance_id, command.reverses_ordinal)
    if reversed_key not in {(answer.remittance_id, answer.ordinal) for answer in claim.answers}:
        raise AnswerUnknown(
            "no such answer stands on the claim", claim=content.claim_id, remittance=command.reverses_remittance_id
        )
    reversal = ClaimAdjudicated(
        claim_id=content.claim_id,
        rank=command.rank,
        remittance_id=command.remittance_id,
        ordinal=command.ordinal,
        paid_cents=command.paid_cents,
        patient_responsibility_cents=0,
        denied_cents=0,
        adjudicated_on=command.reversed_on,
        is_reversal=True,
        reverses_remittance_id=command.reverses_remittance_id,
        reverses_ordinal=command.reverses_ordinal,
        reversed_denial_ids=_denials_of(command.reverses_remittance_id, claim),
    )
    return [reversal, *_after_reversal(claim, content)]


def _after_reversal(claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """What was replaced or voided has come to its end; otherwise the payer owes a new answer."""
    match claim.next_frequency:
        case "7":
            return [_closed(content, "replaced")]
        case "8":
            return [ClaimClosed(claim_id=content.claim_id, reason="voided", next_claim_id=claim.next_claim_id)]
        case _:
            return []


def _denials_of(remittance_id: str, claim: Claim) -> tuple[str, ...]:
    return tuple(denial.denial_id for denial in claim.open_denials if denial.remittance_id == remittance_id)


def _record_denial(command: RecordDenial, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if any(denial.denial_id == command.denial_id for denial in claim.open_denials):
        return []
    if not any(answer.remittance_id == command.remittance_id for answer in claim.answers):
        raise AnswerUnknown(
            "no such answer stands on the claim", claim=content.claim_id, remittance=command.remittance_id
        )
    return [
        ClaimDenied(
            claim_id=content.claim_id,
            denial_id=command.denial_id,
            remittance_id=command.remittance_id,
            denied_cents=command.denied_cents,
            group=command.group,
            reason=command.reason,
        )
    ]


def _settle_denial(command: SettleDenial, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """The claim is finished with its last denial."""
    if not any(denial.denial_id == command.denial_id for denial in claim.open_denials):
        return []  # A reversal has closed it together with the answer.
    settled = ClaimDenialSettled(claim_id=content.claim_id, denial_id=command.denial_id, outcome=command.outcome)
    after = evolve(claim, settled)
    is_finished = not after.open_denials and after.stage is Stage.ADJUDICATED and not after.crossover_rank
    if not is_finished:
        return [settled]
    return [settled, _closed(content, _FINAL_BY_OUTCOME.get(command.outcome) or _paid_or_patient(after))]


# ---- replaced, voided, closed --------------------------------------------------------------------------------------


def _replacement(changed: ClaimCreated, claim: Claim, frequency: Literal["7", "8"], reason: str) -> ReplacementClaimDue:
    return ReplacementClaimDue(
        claim_id=changed.claim_id,
        next_claim_id=claim.next_claim_id or replacement_of(changed.claim_id),
        frequency=frequency,
        payer_control_number=claim.payer_control_number,
        rank=changed.rank,
        reason=reason,
        account_id=changed.account_id,
        patient_id=changed.patient_id,
        patient=changed.patient,
        services=changed.services,
        coverages=changed.coverages,
        prior=changed.prior,
    )


def _learn_payer_control_number(
    command: LearnPayerControlNumber, claim: Claim, content: ClaimCreated
) -> list[ClaimEvent]:
    if claim.stage is not Stage.HELD or content.frequency == "1" or content.replaces_payer_control_number:
        return []
    corrected = ClaimCorrected(
        claim_id=content.claim_id,
        replaces_payer_control_number=command.payer_control_number,
        reason="the payer named its control number",
        corrected_by="",
    )
    return _corrected_and_scrubbed(corrected, claim, command)


def _void(command: VoidClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage is Stage.VOIDED:
        return []
    if claim.stage in _NEVER_AT_THE_PAYER:
        return [ClaimVoided(claim_id=content.claim_id, reason=command.reason), _closed(content, "voided")]
    _refuse_unless_sent(claim, content)
    if claim.next_claim_id:
        raise ClaimSuperseded("the claim was replaced: void the newer one", claim=claim.next_claim_id)
    return [_replacement(content, claim, "8", command.reason)]


def _end_replaced(command: EndReplaced, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """What the payer never answered, or refused altogether, it will not reverse either. Money that it paid it takes back first."""
    if (claim.next_claim_id, claim.next_frequency) != (command.next_claim_id, "7"):
        return []
    is_refused = claim.stage is Stage.ADJUDICATED and not any(each.adjudication.paid_cents for each in claim.answers)
    is_over = claim.stage in (*_UNANSWERED, Stage.REJECTED) or is_refused
    return [_closed(content, "replaced")] if is_over and not claim.open_denials else []


def _end_void(claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if content.frequency != "8" or claim.stage in (Stage.CLOSED, Stage.VOIDED):
        return []
    if claim.stage in _NEVER_AT_THE_PAYER:
        return [ClaimVoided(claim_id=content.claim_id, reason="taken-back-already"), _closed(content, "voided")]
    return [_closed(content, "nothing-due")]


def _close(command: CloseClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage is Stage.CLOSED:
        return []
    if claim.stage is not Stage.ADJUDICATED:
        raise ClaimNotAnswered("only an answered claim is closed", claim=content.claim_id, stage=claim.stage)
    if claim.open_denials:
        raise DenialStillOpen("a denial of this claim is still open", claim=content.claim_id)
    return [_closed(content, command.reason)]


claim: Decider[ClaimCommand, ClaimEvent, Claim] = Decider(decide=decide, evolve=evolve, initial=Claim())
