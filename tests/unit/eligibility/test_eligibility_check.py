"""Are an answer, a rejection and silence three things, and is the same question asked again without end?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.eligibility.domain.appointment.decider import (
    BookAppointment,
    CallForCheck,
    CancelAppointment,
    appointment,
)
from services.eligibility.domain.authorization.decider import RecordAuthorization, UseUnits, authorization
from services.eligibility.domain.eligibility_check.decider import (
    ATTEMPTS_MAX,
    AskAgain,
    RecordAnswer,
    RecordRejection,
    RequestCheck,
    StopWaiting,
    check_of_trace,
    eligibility_check,
    trace_number,
)
from services.eligibility.policies.check_eligibility import (
    Booking,
    checks_for,
    end_of_patience,
    is_worth_asking,
    plan_patience,
    recheck,
)
from shared.events.eligibility import (
    AppointmentBooked,
    AppointmentCancelled,
    AuthorizationRecorded,
    AuthorizationUnitsUsed,
    EligibilityAnswered,
    EligibilityCheckDue,
    EligibilityRejected,
    EligibilityRequested,
    EligibilityUnanswered,
    Rejection271,
)
from shared.events.values import DocumentReference
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer
from shared.testing.specification import Specification
from tests.unit.eligibility.stories import ANN, DIRECTORY, MONDAY, NOON, covered, known

CHECK = "11111111-2222-4333-8444-555555555555"
DOCUMENT = DocumentReference(document_id="d" * 64, place="segment 8")

spec = Specification(eligibility_check)
ask = RequestCheck(
    check_id=CHECK,
    patient_id=ANN,
    coverage_id="c1",
    payer_id="aetna",
    partner_id="house",
    service_on=MONDAY,
    why="appointment",
)
asked = spec.when(ask).only(EligibilityRequested)
answer = RecordAnswer(status="active", benefits=(), payer_trace="P1", source=DOCUMENT)


def rejection(*reasons: tuple[str, str]) -> RecordRejection:
    rejections = tuple(Rejection271(loop="2100C", reason=reason, follow_up=what) for reason, what in reasons)
    return RecordRejection(rejections=rejections, source=DOCUMENT)


def test_a_question_is_asked_once_for_the_date_of_service() -> None:
    decided = spec.when(ask, ask).then_kinds(EligibilityRequested)
    assert decided.events[0].service_on == MONDAY


def test_an_answer_is_recorded_once() -> None:
    spec.given(asked).when(answer, answer).then_kinds(EligibilityAnswered)


def test_an_answer_nobody_asked_for_is_refused() -> None:
    spec.when(answer).then_refused("check-unknown")


def test_a_rejection_says_nothing_about_coverage() -> None:
    rejected = spec.given(asked).when(rejection(("75", "C"))).only(EligibilityRejected)
    assert not rejected.may_retry
    assert not hasattr(rejected, "status")


@pytest.mark.parametrize(
    ("reasons", "may_retry"),
    [
        ([("42", "R")], True),
        ([("42", "")], True),
        ([("42", "N")], False),
        ([("42", "Y")], False),
        ([("80", "P")], True),
        ([("72", "C")], False),
        ([("42", "R"), ("72", "C")], False),
    ],
)
def test_only_what_nobody_has_to_correct_is_asked_again(reasons: list[tuple[str, str]], may_retry: bool) -> None:
    assert spec.given(asked).when(rejection(*reasons)).only(EligibilityRejected).may_retry is may_retry


def test_silence_is_recorded_for_the_attempt_that_was_waited_for() -> None:
    silence = StopWaiting(attempt=1, waited_seconds=600)
    spec.given(asked).when(silence, silence).then_kinds(EligibilityUnanswered)
    spec.given(asked).when(StopWaiting(attempt=2, waited_seconds=600)).then_nothing()
    spec.given(asked).when(answer, silence).then_kinds(EligibilityAnswered)


def test_an_answer_that_comes_late_still_counts() -> None:
    silence = StopWaiting(attempt=1, waited_seconds=600)
    spec.given(asked).when(silence, answer).then_kinds(EligibilityUnanswered, EligibilityAnswered)


def test_a_question_is_asked_again_once_after_each_attempt() -> None:
    silence = StopWaiting(attempt=1, waited_seconds=600)
    again = AskAgain(after_attempt=1)
    decided = spec.given(asked).when(again, silence, again, again)
    decided.then_kinds(EligibilityUnanswered, EligibilityRequested)
    assert decided.events[-1].attempt == 2
    assert decided.events[-1].trace_number != asked.trace_number


def test_a_trace_number_names_its_check() -> None:
    trace = trace_number(CHECK, 2)
    assert len(trace) == 34
    assert check_of_trace(trace.lower()) == CHECK
    assert check_of_trace("SOMEBODY ELSE'S") is None
    assert check_of_trace("X" * 34) is None


# --- timers -----------------------------------------------------------------------------------------------------------

PATIENCE = timedelta(minutes=10)


def unanswered(attempt: int) -> EligibilityUnanswered:
    return EligibilityUnanswered(
        check_id=CHECK, patient_id=ANN, coverage_id="c1", service_on=MONDAY, waited_seconds=600, attempt=attempt
    )


def test_patience_begins_with_the_question_and_ends_with_the_answer() -> None:
    started = list(plan_patience(asked, NOON, PATIENCE))
    assert started == [
        SetTimer(key=f"wait/{CHECK}", due_at=NOON + PATIENCE, note="1"),
        CancelTimer(key=f"retry/{CHECK}"),
    ]
    answered = spec.given(asked).when(answer).only(EligibilityAnswered)
    assert list(plan_patience(answered, NOON, PATIENCE)) == [
        CancelTimer(key=f"wait/{CHECK}"),
        CancelTimer(key=f"retry/{CHECK}"),
    ]


def test_each_repeat_waits_twice_as_long_and_there_is_a_last_one() -> None:
    waits = []
    for attempt in range(1, ATTEMPTS_MAX + 1):
        planned = list(plan_patience(unanswered(attempt), NOON, PATIENCE))
        waits += [change.due_at - NOON for change in planned if isinstance(change, SetTimer)]
    assert waits == [timedelta(minutes=15), timedelta(minutes=30)]


def test_timers_ask_for_what_their_keys_say() -> None:
    due = DueTimer(tenant="clinic", key=f"wait/{CHECK}", due_at=NOON, note="2")
    assert end_of_patience(due, PATIENCE) == [(CHECK, StopWaiting(attempt=2, waited_seconds=600))]
    due = DueTimer(tenant="clinic", key=f"retry/{CHECK}", due_at=NOON, note="2")
    assert end_of_patience(due, PATIENCE) == [(CHECK, AskAgain(after_attempt=2))]
    due = DueTimer(tenant="clinic", key="appointment-1", due_at=NOON, note="2026-06-01")
    assert recheck(due) == [("appointment-1", CallForCheck(service_on=MONDAY))]


# --- appointments -----------------------------------------------------------------------------------------------------

booking = Specification(appointment)


def book(hour: int = 9, **changes: Any) -> BookAppointment:
    told: dict[str, Any] = {
        "appointment_id": "appointment-1",
        "patient_id": ANN,
        "starts_at": datetime(2026, 6, 1, hour, tzinfo=UTC),
        "service_on": MONDAY,
    }
    return BookAppointment(**(told | changes))


def test_an_appointment_is_booked_moved_and_changed_by_name() -> None:
    decided = booking.when(book(), book(), book(hour=10), book(hour=10, provider_id="dr-a"))
    assert [event.reason for event in decided.events] == ["booked", "rescheduled", "modified"]


def test_a_cancelled_appointment_can_be_booked_again() -> None:
    cancel = CancelAppointment(appointment_id="appointment-1", reason="no-show")
    decided = booking.when(book(), cancel, cancel, book())
    decided.then_kinds(AppointmentBooked, AppointmentCancelled, AppointmentBooked)
    booking.when(cancel).then_refused("appointment-unknown")


def test_an_appointment_of_one_patient_is_not_given_to_another() -> None:
    booking.when(book(), book(patient_id="patient-bob")).then_refused("appointment-of-another-patient")


def test_an_appointment_of_a_registration_that_was_merged_is_moved_under_the_survivor() -> None:
    other = book(hour=11, patient_id="patient-bob")
    merged = replace(other, also_registered_as=frozenset({book().patient_id}))
    moved = booking.when(book(), merged)
    moved.then_kinds(AppointmentBooked, AppointmentBooked)
    assert moved.events[-1].patient_id == "patient-bob"


def test_the_night_before_calls_only_for_appointments_that_still_stand() -> None:
    call = CallForCheck(service_on=MONDAY)
    booking.when(book(), call).then_kinds(AppointmentBooked, EligibilityCheckDue)
    moved = book(service_on=MONDAY + timedelta(days=1))
    booking.when(book(), moved, call).then_kinds(AppointmentBooked, AppointmentBooked)
    booking.when(call).then_nothing()


def test_every_coverage_that_holds_and_can_be_asked_about_is_asked_about_once() -> None:
    patient = known(
        covered("c1"),
        covered("c2", payer_reference="00882"),  # no partner
        covered("c3", payer_reference="ACME"),  # not listed
        covered("c4", terminated_on=date(2026, 5, 31)),
    )
    first = list(checks_for(Booking(appointment_id="a1", service_on=MONDAY), patient, DIRECTORY))
    assert [(each.coverage_id, each.payer_id, each.service_on) for each in first] == [("c1", "aetna", MONDAY)]
    assert list(checks_for(Booking(appointment_id="a1", service_on=MONDAY), patient, DIRECTORY)) == first
    night = Booking(appointment_id="a1", service_on=MONDAY, why="the night before")
    (again,) = checks_for(night, patient, DIRECTORY)
    assert UUID(again.check_id) != UUID(first[0].check_id)


def test_visits_that_are_over_are_not_asked_about() -> None:
    assert is_worth_asking(MONDAY, MONDAY)
    assert not is_worth_asking(MONDAY - timedelta(days=2), MONDAY)


# --- authorisations ---------------------------------------------------------------------------------------------------

granting = Specification(authorization)
granted = AuthorizationRecorded(
    authorization_id="auth-1",
    patient_id=ANN,
    payer_id="aetna",
    number="A77",
    procedure_codes=(),
    units=3,
    valid_from_on=MONDAY,
    valid_to_on=MONDAY + timedelta(days=30),
)


def use(account: str, units: int) -> UseUnits:
    return UseUnits(authorization_id="auth-1", account_id=account, units=units)


def test_units_are_counted_by_account_and_never_over_what_was_authorised() -> None:
    decided = granting.given(granted).when(use("a", 2), use("a", 2), use("b", 1))
    assert [(event.units, event.units_left) for event in decided.events] == [(2, 1), (1, 0)]
    granting.given(granted).when(use("a", 2), use("b", 2)).then_refused("authorization-used-up")


def test_units_that_were_not_needed_are_given_back() -> None:
    decided = granting.given(granted).when(use("a", 3), use("a", 1)).then_kinds(*[AuthorizationUnitsUsed] * 2)
    assert decided.events[-1] == AuthorizationUnitsUsed(
        authorization_id="auth-1", account_id="a", units=-2, units_left=2
    )


def test_the_same_authorisation_again_is_no_news_and_an_unknown_one_is_refused() -> None:
    granting.when(RecordAuthorization(recorded=granted), RecordAuthorization(recorded=granted)).then(granted)
    granting.when(use("a", 1)).then_refused("authorization-unknown")
