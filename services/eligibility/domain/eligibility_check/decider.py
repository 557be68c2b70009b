"""What did the payer say about a coverage on a date of service: covered or not, cannot say, or nothing at all?

A check is one question about one coverage on one date. "Inactive" is the payer's word in an answer. A rejection (AAA) and silence say
nothing about coverage, may be asked again, and never stand for "not covered". Source: ASC X12N 005010X279A1, AAA03 and AAA04.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias, assert_never
from uuid import UUID

from services.eligibility.domain.errors import CheckUnknown
from shared.events.eligibility import (
    Benefit,
    EligibilityAnswered,
    EligibilityRejected,
    EligibilityRequested,
    EligibilityUnanswered,
    Rejection271,
)
from shared.events.values import DocumentReference
from shared.kernel.decider import Decider

CheckEvent: TypeAlias = EligibilityRequested | EligibilityAnswered | EligibilityRejected | EligibilityUnanswered

ATTEMPTS_MAX = 3  # asked by itself; a person may ask further

_CANNOT_ANSWER_NOW = frozenset(("42", "80"))
_MAY_RESEND = frozenset("RP")
_MUST_NOT_RESEND = frozenset("NSY")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCheck:
    """Ask about a coverage on a date. `check_id` is a uuid."""

    check_id: str
    patient_id: str
    coverage_id: str
    payer_id: str
    partner_id: str
    service_on: date
    service_types: tuple[str, ...] = ("30",)
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """Ask once more, unless the question is open or was asked again already after that attempt."""

    after_attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    status: Literal["active", "inactive", "unknown"]
    benefits: tuple[Benefit, ...]
    payer_trace: str
    source: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRejection:
    rejections: tuple[Rejection271, ...]
    source: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWaiting:
    attempt: int
    waited_seconds: int


CheckCommand: TypeAlias = RequestCheck | AskAgain | RecordAnswer | RecordRejection | StopWaiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    requested: EligibilityRequested | None = None
    state: Literal["open", "answered", "rejected", "unanswered"] = "open"
    documents: frozenset[str] = frozenset()  # answers that were recorded

    @property
    def is_open(self) -> bool:
        return self.requested is not None and self.state == "open"


def decide(command: CheckCommand, check: Check) -> Sequence[CheckEvent]:
    match command:
        case RequestCheck():
            return _request(command, check)
        case AskAgain():
            return _ask_again(command, check)
        case RecordAnswer():
            return _answer(command, check)
        case RecordRejection():
            return _reject(command, check)
        case StopWaiting():
            return _stop_waiting(command, check)
        case _:
            assert_never(command)


def evolve(state: Check, event: CheckEvent) -> Check:
    match event:
        case EligibilityRequested():
            return replace(state, requested=event, state="open")
        case EligibilityAnswered():
            return replace(state, state="answered", documents=state.documents | {event.source.document_id})
        case EligibilityRejected():
            return replace(state, state="rejected", documents=state.documents | {event.source.document_id})
        case EligibilityUnanswered():
            return replace(state, state="unanswered")
        case _:
            assert_never(event)


eligibility_check: Decider[CheckCommand, CheckEvent, Check] = Decider(decide=decide, evolve=evolve, initial=Check())


def trace_number(check_id: str, attempt: int) -> str:
    """TRN02 of a question: 34 characters that name the check and the attempt."""
    return f"{UUID(check_id).hex}{attempt:02d}".upper()


def check_of_trace(trace: str) -> str | None:
    """The check that a trace number of ours names; None for a number that is not ours."""
    try:
        return str(UUID(trace.strip()[:32])) if len(trace.strip()) == 34 else None
    except ValueError:
        return None


def may_retry(rejections: Sequence[Rejection271]) -> bool:
    """Whether the same question may be asked again without anybody correcting anything."""
    return all(
        each.follow_up in _MAY_RESEND or (each.reason in _CANNOT_ANSWER_NOW and each.follow_up not in _MUST_NOT_RESEND)
        for each in rejections
    )


def _request(command: RequestCheck, check: Check) -> Sequence[CheckEvent]:
    if check.requested is not None:
        return []
    return [
        EligibilityRequested(
            check_id=command.check_id,
            patient_id=command.patient_id,
            coverage_id=command.coverage_id,
            payer_id=command.payer_id,
            partner_id=command.partner_id,
            service_on=command.service_on,
            service_types=command.service_types,
            trace_number=trace_number(command.check_id, 1),
            why=command.why,
        )
    ]


def _ask_again(command: AskAgain, check: Check) -> Sequence[CheckEvent]:
    asked = _requested(check)
    if check.is_open or asked.attempt != command.after_attempt:
        return []
    next_attempt = asked.attempt + 1
    return [
        EligibilityRequested(
            check_id=asked.check_id,
            patient_id=asked.patient_id,
            coverage_id=asked.coverage_id,
            payer_id=asked.payer_id,
            partner_id=asked.partner_id,
            service_on=asked.service_on,
            service_types=asked.service_types,
            trace_number=trace_number(asked.check_id, next_attempt),
            attempt=next_attempt,
            why=asked.why,
        )
    ]


def _answer(command: RecordAnswer, check: Check) -> Sequence[CheckEvent]:
    asked = _requested(check)
    if command.source.document_id in check.documents:
        return []
    return [
        EligibilityAnswered(
            check_id=asked.check_id,
            patient_id=asked.patient_id,
            coverage_id=asked.coverage_id,
            service_on=asked.service_on,
            status=command.status,
            benefits=command.benefits,
            payer_trace=command.payer_trace,
            source=command.source,
        )
    ]


def _reject(command: RecordRejection, check: Check) -> Sequence[CheckEvent]:
    asked = _requested(check)
    if command.source.document_id in check.documents:
        return []
    return [
        EligibilityRejected(
            check_id=asked.check_id,
            patient_id=asked.patient_id,
            coverage_id=asked.coverage_id,
            service_on=asked.service_on,
            rejections=command.rejections,
            may_retry=may_retry(command.rejections),
            attempt=asked.attempt,
            source=command.source,
        )
    ]


def _stop_waiting(command: StopWaiting, check: Check) -> Sequence[CheckEvent]:
    asked = _requested(check)
    if not check.is_open or asked.attempt != command.attempt:
        return []
    return [
        EligibilityUnanswered(
            check_id=asked.check_id,
            patient_id=asked.patient_id,
            coverage_id=asked.coverage_id,
            service_on=asked.service_on,
            waited_seconds=command.waited_seconds,
            attempt=asked.attempt,
        )
    ]


def _requested(check: Check) -> EligibilityRequested:
    if check.requested is None:
        raise CheckUnknown("nobody asked this")
    return check.requested
