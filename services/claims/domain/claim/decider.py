"""What becomes of a claim, from the first edit to the last answer?

Sources: X12 005010X222A1 (frequency codes), 005010X214 (277CA categories), 005010X221A1 (CLP02), in our own words:
a claim returned before adjudication is sent again as an original; one that reached the payer is replaced (7) or voided (8) under
the payer's control number; a forwarded claim is not sent again. Nothing is concluded from silence: it only asks a person.
"""

from __future__ import annotations

from typing import Any, assert_never

from services.claims.domain.claim import paperwork, status_requests
from services.claims.domain.claim.answers import (
    known_number,
    raise_next_claim,
    record_adjudication,
    record_denial,
    record_reversal,
    settle_denial,
)
from services.claims.domain.claim.commands import (
    AskStatus,
    AskStatusAgain,
    AskStatusNow,
    ClaimCommand,
    CloseClaim,
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
    WithdrawReplacement,
)
from services.claims.domain.claim.endings import close, end_replaced, end_void, refuse_unless_sent, replacement, void
from services.claims.domain.claim.paperwork_commands import PaperworkCommand
from services.claims.domain.claim.scrubbing import RULES_VERSION, billed_coverage, has_errors, scrub
from services.claims.domain.claim.state import (
    CHARGES_CHANGED,
    NEVER_AT_THE_PAYER,
    UNANSWERED,
    Claim,
    Stage,
    evolve,
)
from services.claims.domain.claim.withdrawal import withdraw_replacement
from services.claims.domain.errors import (
    ClaimAlreadySent,
    ClaimHasErrors,
    ClaimNotHeld,
    ClaimNotInBatch,
    ClaimNotLost,
    ClaimNotSubmitted,
    ClaimNotWaiting,
    ClaimSuperseded,
    ClaimUnknown,
)
from services.claims.domain.rule_book.running import run
from shared.events.claims import (
    ClaimAccepted,
    ClaimBatched,
    ClaimCorrected,
    ClaimCreated,
    ClaimEditedByRules,
    ClaimEvent,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimRepaired,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimSubmitted,
    FollowUpDue,
)
from shared.kernel.decider import Decider

NO_COVERAGE = "no-coverage"  # the hold that eligibility causes, and ends when it finds a coverage again

_WITH_THE_PAYER = (Stage.SUBMITTED, Stage.ACCEPTED, Stage.ADJUDICATED, Stage.CLOSED)
_ON_THE_WAY = ("interchange", "functional-group", "clearinghouse", "payer")
_STAGES_OF_SILENCE: dict[str, tuple[Stage, ...]] = {
    "999": (Stage.SUBMITTED,),
    "277CA": (Stage.SUBMITTED,),
    "835": (*UNANSWERED, Stage.ADJUDICATED),  # adjudicated: a forwarded claim waits for the next payer's 835
    "277": UNANSWERED,
    "a person": (*NEVER_AT_THE_PAYER, *UNANSWERED, Stage.ADJUDICATED),
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
            return record_adjudication(command, claim, content)
        case RecordReversal():
            return record_reversal(command, claim, content)
        case RecordDenial():
            return record_denial(command, claim, content)
        case SettleDenial():
            return settle_denial(command, claim, content)
        case RaiseNextClaim():
            return raise_next_claim(claim, content)
        case LearnPayerControlNumber():
            return _learn_payer_control_number(command, claim, content)
        case MarkFollowUp():
            return [*_mark_follow_up(command, claim, content)]
        case VoidClaim():
            return void(command, claim, content)
        case EndCoverage():
            return _end_coverage(command, claim, content)
        case EndReplaced():
            return end_replaced(command, claim, content)
        case WithdrawReplacement():
            return withdraw_replacement(command, claim, content)
        case EndVoid():
            return end_void(claim, content)
        case CloseClaim():
            return close(command, claim, content)
        case _:
            assert_never(command)


# ---- before anybody else sees it -----------------------------------------------------------------------------------


def _create(command: CreateClaim, claim: Claim) -> list[ClaimEvent]:
    """A claim that exists already is corrected while it is ours, and replaced by another one once it was sent."""
    asked = _asked(command)
    if claim.content is None or claim.told is None:
        return [asked, *paperwork.carry(command.attachments, claim, asked), *_scrubbed(asked, claim, command)]
    if _is_back_as_it_was_sent(asked, claim, claim.told):
        return [replacement(asked, claim, "7", CHARGES_CHANGED)]
    if asked == claim.told and claim.stage is not Stage.VOIDED:
        is_covered_again = claim.stage is Stage.HELD and claim.hold_reason == NO_COVERAGE
        return _scrubbed(claim.content, claim, command) if is_covered_again else []
    if claim.stage is Stage.VOIDED:
        carried = paperwork.carry(command.attachments, claim, asked)
        return [*_amended(asked, claim, claim.told, command), *carried]
    if claim.stage in NEVER_AT_THE_PAYER:
        return _amended(asked, claim, claim.told, command)
    if not _changes_what_is_billed(asked, claim.told):
        return _ask_about_coverage(claim, claim.content, command)
    return [replacement(asked, claim, "7", CHARGES_CHANGED)]


def _is_back_as_it_was_sent(asked: ClaimCreated, claim: Claim, told: ClaimCreated) -> bool:
    """The account's charges changed, or went, and came back: the claim that was to replace this one still says otherwise."""
    if not claim.next_claim_id or claim.next_services is None or _changes_what_is_billed(asked, told):
        return False
    return claim.next_frequency == "8" or claim.next_services != asked.services


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
    if claim.stage in NEVER_AT_THE_PAYER:
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
    if claim.stage in NEVER_AT_THE_PAYER:
        return _corrected_and_scrubbed(corrected, claim, command)
    refuse_unless_sent(claim, content)
    if claim.next_claim_id:
        raise ClaimSuperseded("the claim was replaced: correct the newer one", claim=claim.next_claim_id)
    changed = evolve(claim, corrected).content
    assert changed is not None  # a correction of what exists
    return [replacement(changed, claim, "7", command.reason)]


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
    if claim.stage not in NEVER_AT_THE_PAYER:
        refuse_unless_sent(claim, content)
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
            medium="paper" if command.mailed_on else "electronic",
            mailed_on=command.mailed_on,
        )
    ]


def _record_rejection(command: RecordRejection, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A late reject can follow an accept; what comes after the payer's answer changes nothing any more."""
    _refuse_unless_submitted(claim, content)
    if _changes_nothing(claim, command.control_number):
        return [_late(content, command)]
    taken = claim.taken_in or claim.taken_on
    if taken is not None and _is_before(command.stage, taken.stage):
        return [_late(content, command), _who_has_it(taken)]
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
        return [_late(content, command), *known_number(command.payer_control_number, claim, content)]
    if claim.stage is Stage.REJECTED and _is_before(command.stage, claim.returned_at):
        return [_late(content, command)]  # It was taken in on the way to whom it came back from.
    accepted = ClaimAccepted(
        claim_id=content.claim_id,
        by=command.by,
        stage=command.stage,
        codes=command.codes,
        payer_control_number=command.payer_control_number,
        accepted_on=command.accepted_on,
        source=command.source,
    )
    return [accepted, *known_number(command.payer_control_number, claim, content), *_still_to_do(accepted, claim)]


def _still_to_do(accepted: ClaimAccepted, claim: Claim) -> list[FollowUpDue]:
    """That a claim was taken in answers why no 277CA came; what else a person was asked to do is still to do.

    After a rejection nothing is awaited any more, so that a person finds out which of the two holds.
    """
    if claim.stage is Stage.REJECTED:
        return [_who_has_it(accepted)]
    due = claim.follow_up
    if due is None or (due.waiting_for in ("999", "277CA", "277") and claim.asked.is_day_set):
        return []
    return [due]


def _who_has_it(accepted: ClaimAccepted) -> FollowUpDue:
    return FollowUpDue(
        claim_id=accepted.claim_id,
        waiting_for="a person",
        since_on=accepted.accepted_on,
        next_action="taken in after it was rejected: ask the payer whether it has the claim",
    )


def _is_before(stage: str, other: str) -> bool:
    """Messages come in any order: whoever is further along the way of a claim has the last word, whenever it is heard."""
    return _ON_THE_WAY.index(stage) < _ON_THE_WAY.index(other)


def _refuse_unless_submitted(claim: Claim, content: ClaimCreated) -> None:
    refuse_unless_sent(claim, content)
    if claim.submissions == 0:
        raise ClaimNotSubmitted("the claim was never sent", claim=content.claim_id)


def _changes_nothing(claim: Claim, control_number: int | None) -> bool:
    """It speaks of an earlier interchange, or the claim is back in our hands or answered."""
    is_of_earlier_batch = control_number is not None and control_number != claim.control_number
    return is_of_earlier_batch or claim.stage not in (*UNANSWERED, Stage.REJECTED)


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
    return [first, *known_number(command.payer_control_number, claim, content), *rest]


def _send_again(command: SendAgain, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A person's decision: the payer said that it has no such claim."""
    _refuse_unless_submitted(claim, content)
    said = claim.asked.last
    if claim.stage not in UNANSWERED or said is None or said.meaning not in ("not-found", "ask-again"):
        raise ClaimNotLost("no payer says that it has no such claim", claim=content.claim_id, stage=claim.stage)
    return _scrubbed_clean(command, claim, content)


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


claim: Decider[ClaimCommand, ClaimEvent, Claim] = Decider(decide=decide, evolve=evolve, initial=Claim())
