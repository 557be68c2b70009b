"""When is a payer asked whether a booked patient is covered?

When the appointment is booked or moved, when a coverage is added to somebody who is booked, and once more the night before: always for
the date of service. What was not answered is asked again by itself a few times, later each time.
Source: capabilities B1, B2, B16; CAQH CORE (a real-time answer within 20 seconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from services.eligibility.domain.appointment.decider import CallForCheck
from services.eligibility.domain.coverage_selection.commands import KnownPatient
from services.eligibility.domain.eligibility_check.decider import ATTEMPTS_MAX, AskAgain, RequestCheck, StopWaiting
from services.eligibility.domain.patient.state import is_active
from services.eligibility.domain.payer.directory import SELF_PAY, PayerDirectory
from shared.events.base import EventType
from shared.events.eligibility import (
    AppointmentBooked,
    AppointmentCancelled,
    CoverageAdded,
    EligibilityAnswered,
    EligibilityCheckDue,
    EligibilityRejected,
    EligibilityRequested,
    EligibilityUnanswered,
)
from shared.events.envelope import Recorded
from shared.kernel.identifiers import derived_id
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer, TimerChange

BOOKINGS: tuple[EventType, ...] = (AppointmentBooked, EligibilityCheckDue)
NEW_COVERAGES: tuple[EventType, ...] = (CoverageAdded,)
SCHEDULE: tuple[EventType, ...] = (AppointmentBooked, AppointmentCancelled)
REQUESTS: tuple[EventType, ...] = (EligibilityRequested,)
QUESTIONS: tuple[EventType, ...] = (
    EligibilityRequested,
    EligibilityAnswered,
    EligibilityRejected,
    EligibilityUnanswered,
)

_NIGHT_BEFORE = time(2, 0, tzinfo=UTC)  # evening in the United States
_FIRST_RETRY = timedelta(minutes=15)  # doubled with each attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """For which day a patient is booked, and why coverage is looked at now."""

    appointment_id: str
    service_on: date
    why: Literal["appointment", "the night before"] = "appointment"


def booking_of(event: AppointmentBooked | EligibilityCheckDue) -> Booking:
    why: Literal["appointment", "the night before"] = (
        "the night before" if isinstance(event, EligibilityCheckDue) else "appointment"
    )
    return Booking(appointment_id=event.appointment_id, service_on=event.service_on, why=why)


def checks_for(booking: Booking, patient: KnownPatient, payers: PayerDirectory) -> Iterator[RequestCheck]:
    """One question for each coverage that holds on the date of service and whose payer can be asked.

    The same coverage with the same content for the same booking is the same check, however often its story is told.
    """
    for coverage in sorted(patient.coverages, key=lambda each: each.coverage_id):
        payer = payers.find(coverage.payer_reference, coverage.payer_name)
        if payer is None or not payer.partner_id or payer.filing_indicator == SELF_PAY:
            continue
        if not is_active(coverage, booking.service_on):
            continue
        asked = (booking.appointment_id, coverage.coverage_id, coverage.mark, booking.service_on.isoformat())
        yield RequestCheck(
            check_id=str(derived_id("eligibility-check", *asked, booking.why)),
            patient_id=coverage.patient_id,
            coverage_id=coverage.coverage_id,
            payer_id=payer.payer_id,
            partner_id=payer.partner_id,
            service_on=booking.service_on,
            why=booking.why,
        )


def is_worth_asking(service_on: date, today: date) -> bool:
    """Visits that are over are not asked about by themselves; a day is left for time zones."""
    return service_on >= today - timedelta(days=1)


# --- the night before -------------------------------------------------------------------------------------------------


def plan_recheck(recorded: Recorded[AppointmentBooked | AppointmentCancelled]) -> Iterator[TimerChange]:
    event = recorded.event
    if isinstance(event, AppointmentCancelled):
        yield CancelTimer(key=event.appointment_id)
        return
    due_at = datetime.combine(event.service_on, _NIGHT_BEFORE)
    if due_at > recorded.recorded_at:
        yield SetTimer(key=event.appointment_id, due_at=due_at, note=event.service_on.isoformat())
    else:
        yield CancelTimer(key=event.appointment_id)  # booked for today: it is asked at once, and that is enough


def recheck(timer: DueTimer) -> Sequence[tuple[str, CallForCheck]]:
    """The appointment and what is asked of it."""
    return [(timer.key, CallForCheck(service_on=datetime.fromisoformat(timer.note).date()))]


# --- silence and rejections -------------------------------------------------------------------------------------------

_WAIT, _RETRY = "wait", "retry"


def plan_patience(
    event: EligibilityRequested | EligibilityAnswered | EligibilityRejected | EligibilityUnanswered,
    at: datetime,
    patience: timedelta,
) -> Iterable[TimerChange]:
    """How long an answer is waited for, and when an unanswered question is asked again."""
    wait, retry = f"{_WAIT}/{event.check_id}", f"{_RETRY}/{event.check_id}"
    match event:
        case EligibilityRequested():
            yield SetTimer(key=wait, due_at=at + patience, note=str(event.attempt))
            yield CancelTimer(key=retry)
        case EligibilityAnswered():
            yield CancelTimer(key=wait)
            yield CancelTimer(key=retry)
        case EligibilityRejected() | EligibilityUnanswered():
            yield CancelTimer(key=wait)
            if _is_asked_again(event):
                due_at = at + _FIRST_RETRY * 2 ** (event.attempt - 1)
                yield SetTimer(key=retry, due_at=due_at, note=str(event.attempt))


def end_of_patience(timer: DueTimer, patience: timedelta) -> Sequence[tuple[str, StopWaiting | AskAgain]]:
    """The check and what is asked of it."""
    kind, _, check_id = timer.key.partition("/")
    attempt = int(timer.note)
    if kind == _WAIT:
        return [(check_id, StopWaiting(attempt=attempt, waited_seconds=int(patience.total_seconds())))]
    return [(check_id, AskAgain(after_attempt=attempt))]


def _is_asked_again(event: EligibilityRejected | EligibilityUnanswered) -> bool:
    may_retry = event.may_retry if isinstance(event, EligibilityRejected) else True
    return may_retry and event.attempt < ATTEMPTS_MAX
