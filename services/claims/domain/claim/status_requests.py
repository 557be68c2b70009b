"""When is a payer asked what became of a claim, and what follows from what it says?

Before a person calls, the payer is asked by a 276. Silence says nothing: the question is asked again, later each time, and then a
person calls. Of a 277 the category of the first status decides, in our own words: pending means wait until another day, finalized
without an 835 means find the 835, a front-end rejection is one whoever tells it, and what the payer's system cannot say now is asked
again on another day. Source: ASC X12N 005010X212 (STC01-1), code list 507.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, TypeAlias

from services.claims.domain.claim.commands import (
    AskStatus,
    AskStatusAgain,
    AskStatusNow,
    RecordStatus,
    StopWaitingForStatus,
)
from services.claims.domain.claim.paperwork import next_request_id
from services.claims.domain.claim.state import UNANSWERED, Claim, Stage
from services.claims.domain.errors import ClaimNotWaiting, PartnerNotInRealTime, StatusAlreadyAsked
from shared.events.claims import (
    ClaimCreated,
    ClaimRejected,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    FollowUpDue,
    InformationRequested,
)

Meaning: TypeAlias = Literal["waiting", "ask-again", "finalized", "information", "returned", "not-found", "cannot-tell"]
StatusEvent: TypeAlias = (
    ClaimStatusRequested
    | ClaimStatusUnanswered
    | ClaimStatusReported
    | ClaimRejected
    | InformationRequested
    | FollowUpDue
)

ATTEMPTS_MAX = 3  # of one question, before a person calls
WAITS_MAX = 3  # times that "pending" gets another day

_RETURNED = frozenset(("A3", "A6", "A7", "A8"))
_NOT_NOW = frozenset(("D0", "E1", "E2"))  # the search found nothing yet, or a system is down
_ASKS_PROVIDER = frozenset(("P3",))  # pending: the payer waits for what it asked the provider for


def meaning_of(category: str) -> Meaning:
    """What a claim status category (STC01-1) means for us."""
    if category in _RETURNED:
        return "returned"
    if category in _ASKS_PROVIDER or category.startswith("R"):
        return "information"
    if category == "A4":
        return "not-found"
    if category in _NOT_NOW:
        return "ask-again"
    if category[:1] in ("A", "P"):
        return "waiting"
    return "finalized" if category.startswith("F") else "cannot-tell"


# ---- asking --------------------------------------------------------------------------------------------------------


def ask(command: AskStatus, due: Sequence[FollowUpDue], claim: Claim, content: ClaimCreated) -> list[StatusEvent]:
    """`due` is what a person would be asked to do: nothing when the claim does not wait for this any more."""
    if not due or (claim.asked.is_open and command.waiting_for == "277CA"):
        return []
    if claim.asked.is_open:
        return [*due]  # The day for the 835 is over, and it comes but once; the answer still decides what follows.
    if claim.stage not in UNANSWERED or claim.partner_id not in command.partners:
        return [*due]
    before = claim.asked.question
    is_same = before is not None and claim.asked.last is not None and claim.asked.last.meaning == "ask-again"
    since_on = command.since_on if before is None else min(before.since_on, command.since_on)
    attempt = before.attempt + 1 if before is not None and is_same else 1
    return [
        ClaimStatusRequested(
            claim_id=content.claim_id,
            partner_id=claim.partner_id,
            payer_id=_payer_id(content),
            trace_number=_next_trace_number(claim, content),
            attempt=attempt,
            waiting_for=command.waiting_for,
            since_on=since_on,
            next_action=command.next_action,
        )
    ]


def ask_now(command: AskStatusNow, claim: Claim, content: ClaimCreated) -> list[StatusEvent]:
    if claim.stage not in UNANSWERED:
        raise ClaimNotWaiting("the claim does not wait for its payer", claim=content.claim_id, stage=claim.stage)
    if claim.asked.is_open:
        raise StatusAlreadyAsked("the payer was asked and has not answered yet", claim=content.claim_id)
    if claim.partner_id not in command.partners:
        raise PartnerNotInRealTime("the partner answers no questions in real time", partner=claim.partner_id)
    return [
        ClaimStatusRequested(
            claim_id=content.claim_id,
            partner_id=claim.partner_id,
            payer_id=_payer_id(content),
            trace_number=_next_trace_number(claim, content),
            waiting_for="277",
            since_on=command.on,
            next_action="call the payer: it does not answer our question",
            asked_by=command.asked_by,
        )
    ]


def ask_again(command: AskStatusAgain, claim: Claim, content: ClaimCreated) -> list[StatusEvent]:
    before = claim.asked.question
    if before is None or claim.asked.is_open or before.trace_number != command.after_trace_number:
        return []
    if not _still_waits(before, claim) or (before.waiting_for == "835" and claim.asked.is_day_set):
        return []  # It came meanwhile, or the payer named another day by itself.
    return [
        ClaimStatusRequested(
            claim_id=content.claim_id,
            partner_id=before.partner_id,
            payer_id=before.payer_id,
            trace_number=_next_trace_number(claim, content),
            attempt=before.attempt + 1,
            waiting_for=before.waiting_for,
            since_on=before.since_on,
            next_action=before.next_action,
            asked_by=before.asked_by,
        )
    ]


def stop_waiting(command: StopWaitingForStatus, claim: Claim, content: ClaimCreated) -> list[StatusEvent]:
    """Nobody answered: once more later, or a person calls. A claim that does not wait any more is left alone."""
    question = claim.asked.question
    if question is None or not claim.asked.is_open or question.trace_number != command.trace_number:
        return []
    still_waits = _still_waits(question, claim)
    asks_again = still_waits and question.attempt < ATTEMPTS_MAX
    unanswered = ClaimStatusUnanswered(
        claim_id=content.claim_id,
        trace_number=question.trace_number,
        attempt=question.attempt,
        asks_again=asks_again,
    )
    if asks_again or not still_waits:
        return [unanswered]
    return [unanswered, _person(content, question.waiting_for, question.since_on, question.next_action)]


def _still_waits(question: ClaimStatusRequested, claim: Claim) -> bool:
    """A question why no 277CA came is over when one came."""
    return claim.stage is Stage.SUBMITTED or (question.waiting_for != "277CA" and claim.stage in UNANSWERED)


def _next_trace_number(claim: Claim, content: ClaimCreated) -> str:
    return f"{content.claim_id}S{claim.asked.questions + 1:03d}"


def _payer_id(content: ClaimCreated) -> str:
    return next((each.payer_id for each in content.coverages if each.rank == content.rank), "")


# ---- what the payer says -------------------------------------------------------------------------------------------


def told(command: RecordStatus, claim: Claim, content: ClaimCreated) -> list[StatusEvent]:
    """The status as reported, and what follows while the claim waits for its payer."""
    question = claim.asked.question
    is_answer = question is not None and claim.asked.is_open and command.trace_number == question.trace_number
    waits = claim.stage in UNANSWERED
    meaning = meaning_of(command.category) if waits else ""
    wait_until_on = _wait_until(command, claim, meaning, is_answer=is_answer)
    reported = ClaimStatusReported(
        claim_id=content.claim_id,
        category=command.category,
        codes=command.codes,
        payer_control_number=command.payer_control_number,
        paid_cents=command.paid_cents,
        source=command.source,
        trace_number=command.trace_number if is_answer else "",
        meaning=meaning,
        wait_until_on=wait_until_on,
        finalized_on=command.finalized_on,
        payment_number=command.payment_number,
    )
    return [reported, *_what_follows(reported, command, claim, content)]


def _wait_until(command: RecordStatus, claim: Claim, meaning: str, *, is_answer: bool) -> date | None:
    """None: the day that was set before stands, or a person is asked."""
    if command.on is None:
        return None
    question = claim.asked.question if is_answer else None
    if meaning == "ask-again" and question is not None and question.attempt < ATTEMPTS_MAX:
        return command.on + timedelta(days=2 ** (question.attempt - 1))
    if meaning == "waiting" and not claim.asked.is_day_set and claim.asked.waits < WAITS_MAX:
        return command.on + timedelta(days=command.wait_days)
    return None


def _what_follows(
    reported: ClaimStatusReported, command: RecordStatus, claim: Claim, content: ClaimCreated
) -> list[StatusEvent]:
    match reported.meaning:
        case "":
            return []
        case "returned":
            return [_rejected(command, content)]
        case "information":
            return _request(command, claim, content)
        case "waiting" if reported.wait_until_on or claim.asked.is_day_set:
            return []
        case "ask-again" if reported.wait_until_on:
            return []
        case meaning:
            since_on = command.on or content.services.service_on
            return [_person(content, "a person", since_on, _todo(meaning, reported))]


def _request(command: RecordStatus, claim: Claim, content: ClaimCreated) -> list[StatusEvent]:
    """What the payer wants, once: it says the same in every answer until it has it."""
    if any(each.codes == command.codes for each in claim.requests):
        return []
    on = command.on or content.services.service_on
    return [
        InformationRequested(
            claim_id=content.claim_id,
            request_id=next_request_id(claim, content),
            asked_by="277",
            codes=command.codes,
            due_on=command.due_on or on + timedelta(days=command.information_days),
            is_due_stated=command.due_on is not None,
            source=command.source,
        )
    ]


def _rejected(command: RecordStatus, content: ClaimCreated) -> ClaimRejected:
    payer = next((each.payer_name for each in content.coverages if each.rank == content.rank), "the payer")
    return ClaimRejected(
        claim_id=content.claim_id,
        by=payer,
        stage="payer",
        codes=command.codes,
        message_code=command.codes[0].split(":")[1] if command.codes and ":" in command.codes[0] else "",
        source=command.source,
    )


def _person(
    content: ClaimCreated,
    waiting_for: Literal["277CA", "835", "277", "a person"],
    since_on: date,
    next_action: str,
) -> FollowUpDue:
    return FollowUpDue(claim_id=content.claim_id, waiting_for=waiting_for, since_on=since_on, next_action=next_action)


_FINALIZED = {
    "F1": "the payer says it paid: find the remittance",
    "F2": "the payer says it denied the claim: find the remittance",
    "F3": "the payer revised the claim: find the remittance",
    "F4": "the payer is done and pays nothing: find the remittance",
}


def _todo(meaning: str, reported: ClaimStatusReported) -> str:
    match meaning:
        case "finalized":
            words = _FINALIZED.get(reported.category[:2], "the payer is done: find the remittance")
            return f"{words} of payment {reported.payment_number}" if reported.payment_number else words
        case "not-found":
            return "the payer has no such claim: check payer and member number, then send it again"
        case "ask-again":
            return "the payer does not find the claim or cannot say: call, or send it again"
        case "waiting":
            return "the payer says pending again and again: call"
        case _:
            return "the payer's answer decides nothing: read it, and call"
