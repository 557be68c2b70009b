"""A payer is asked before a person calls, one question at a time, and nothing that waits is forgotten."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.claims.domain.claim.commands import (
    AskStatus,
    AskStatusAgain,
    AskStatusNow,
    ClaimCommand,
    MarkFollowUp,
    RecordAcceptance,
    RecordRejection,
    RecordReversal,
    RecordStatus,
    ReleaseClaim,
    SendAgain,
    StopWaitingForStatus,
)
from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.paperwork_commands import AnswerInformation, RecordCall
from services.claims.domain.claim.state import Stage
from services.claims.domain.claim.status_requests import ATTEMPTS_MAX, WAITS_MAX, meaning_of
from services.claims.domain.errors import (
    ClaimNotLost,
    ClaimNotSubmitted,
    ClaimNotWaiting,
    PartnerNotInRealTime,
    StatusAlreadyAsked,
)
from services.claims.policies import ask_payers, watch_silence
from services.claims.projections import claims_worklist
from shared.events.base import Event
from shared.events.claims import (
    ClaimAccepted,
    ClaimRejected,
    ClaimReleased,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    FollowUpDue,
)
from shared.kernel.errors import DomainError
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    CREATED,
    MONDAY,
    PARTNER,
    PRIMARY_CLAIM,
    SENT,
    SOURCE,
    TODAY,
    accepted,
    adjudicate,
    answer,
    batched,
    recorded,
    submitted,
)

spec = Specification(claim)

ASKABLE = frozenset({PARTNER})
NO_835 = AskStatus(waiting_for="835", since_on=TODAY, next_action="call", partners=ASKABLE)
NO_277CA = AskStatus(waiting_for="277CA", since_on=TODAY, next_action="call", partners=ASKABLE)
NOW = AskStatusNow(asked_by="user:ann", partners=ASKABLE, on=TODAY)
TRACE = f"{PRIMARY_CLAIM}S001"
SECOND_TRACE = f"{PRIMARY_CLAIM}S002"


def asked(**changes: Any) -> ClaimStatusRequested:
    standard: dict[str, Any] = {
        "claim_id": PRIMARY_CLAIM,
        "partner_id": PARTNER,
        "payer_id": "payer-1",
        "trace_number": TRACE,
        "waiting_for": "835",
        "since_on": TODAY,
        "next_action": "call",
    }
    return ClaimStatusRequested(**(standard | changes))


def status(category: str, trace: str = TRACE, **changes: Any) -> RecordStatus:
    told: dict[str, Any] = {"on": TODAY, "wait_days": 14}
    return RecordStatus(
        category=category, codes=(f"{category}:20",), source=SOURCE, trace_number=trace, **(told | changes)
    )


def test_no_835_is_asked_about_before_a_person_calls() -> None:
    spec.given(*SENT, accepted()).when(NO_835).then(asked())


def test_without_a_real_time_partner_a_person_calls() -> None:
    due = FollowUpDue(claim_id=PRIMARY_CLAIM, waiting_for="835", since_on=TODAY, next_action="call")
    elsewhere = AskStatus(waiting_for="835", since_on=TODAY, next_action="call", partners=frozenset({"other"}))
    spec.given(*SENT).when(elsewhere).then(due)


def test_one_question_at_a_time() -> None:
    spec.given(*SENT, asked(waiting_for="277")).when(NO_277CA).then_nothing()
    spec.given(*SENT, asked(waiting_for="277")).when(NO_835).then_kinds(FollowUpDue)
    spec.given(*SENT, asked()).when(NOW).then_refused(StatusAlreadyAsked.code)


def test_a_277ca_that_came_is_not_asked_about() -> None:
    spec.given(*SENT, accepted()).when(NO_277CA).then_nothing()


def test_a_person_asks_at_any_time_while_the_payer_has_the_claim() -> None:
    spec.given(*SENT).when(NOW).then(
        asked(
            waiting_for="277",
            asked_by="user:ann",
            next_action="call the payer: it does not answer our question",
        )
    )
    spec.given(*CREATED).when(NOW).then_refused(ClaimNotSubmitted.code)
    spec.given(*SENT, ClaimRejected(claim_id=PRIMARY_CLAIM, by="N", stage="payer", codes=(), source=SOURCE)).when(
        NOW
    ).then_refused(ClaimNotWaiting.code)
    spec.given(*SENT).when(AskStatusNow(asked_by="user:ann", partners=frozenset(), on=TODAY)).then_refused(
        PartnerNotInRealTime.code
    )


@pytest.mark.parametrize(
    ("category", "meaning"),
    [
        ("A0", "waiting"),
        ("A1", "waiting"),
        ("A2", "waiting"),
        ("A3", "returned"),
        ("A4", "not-found"),
        ("A7", "returned"),
        ("P1", "waiting"),
        ("P3", "information"),
        ("P4", "waiting"),
        ("F0", "finalized"),
        ("F1", "finalized"),
        ("F3F", "finalized"),
        ("R3", "information"),
        ("D0", "ask-again"),
        ("E0", "cannot-tell"),
        ("E1", "ask-again"),
        ("E2", "ask-again"),
        ("E3", "cannot-tell"),
        ("", "cannot-tell"),
        ("XX", "cannot-tell"),
    ],
)
def test_what_a_category_means(category: str, meaning: str) -> None:
    assert meaning_of(category) == meaning


def test_a_pending_claim_is_asked_about_again_on_another_day() -> None:
    told = spec.given(*SENT, asked()).when(status("P1")).only(ClaimStatusReported)
    assert (told.meaning, told.trace_number, told.wait_until_on) == ("waiting", TRACE, TODAY + timedelta(days=14))


def test_pending_for_ever_is_a_persons() -> None:
    events: list[Event] = [*SENT]
    for number in range(1, WAITS_MAX + 1):
        trace = f"{PRIMARY_CLAIM}S{number:03d}"
        events += [
            asked(trace_number=trace),
            *claim.decide(status("P1", trace), claim.state_after([*events, asked(trace_number=trace)])),
        ]
    last = f"{PRIMARY_CLAIM}S{WAITS_MAX + 1:03d}"
    decided = spec.given(*events, asked(trace_number=last)).when(status("P1", last))
    decided.then_kinds(ClaimStatusReported, FollowUpDue)


def test_that_the_claim_arrived_leaves_the_day_of_the_835_as_it_was() -> None:
    told = spec.given(*SENT, asked(waiting_for="277CA")).when(status("A2")).only(ClaimStatusReported)
    assert (told.meaning, told.wait_until_on) == ("waiting", None)


@pytest.mark.parametrize(
    ("category", "words"),
    [("F1", "paid"), ("F2", "denied"), ("A4", "no such claim"), ("E3", "decides nothing")],
)
def test_what_only_a_person_can_go_on_with(category: str, words: str) -> None:
    told, due = spec.given(*SENT, asked()).when(status(category)).events
    assert isinstance(told, ClaimStatusReported)
    assert isinstance(due, FollowUpDue)
    assert (due.waiting_for, due.since_on) == ("a person", TODAY)
    assert words in due.next_action


def test_who_looks_for_a_remittance_is_told_the_payment() -> None:
    decided = spec.given(*SENT, asked()).when(status("F1", payment_number="EFT77", finalized_on=TODAY))
    told, due = decided.events
    assert isinstance(told, ClaimStatusReported)
    assert isinstance(due, FollowUpDue)
    assert (told.payment_number, told.finalized_on) == ("EFT77", TODAY)
    assert due.next_action.endswith("find the remittance of payment EFT77")


def test_a_rejection_told_by_277_is_a_rejection() -> None:
    spec.given(*SENT, asked()).when(status("A7")).then_kinds(ClaimStatusReported, ClaimRejected)


def test_a_system_that_is_down_is_asked_on_the_next_day_and_then_a_person_calls() -> None:
    told = spec.given(*SENT, asked()).when(status("E1")).only(ClaimStatusReported)
    assert told.wait_until_on == TODAY + timedelta(days=1)
    again = spec.given(*SENT, asked(), told).when(NO_835).only(ClaimStatusRequested)
    assert (again.attempt, again.trace_number) == (2, SECOND_TRACE)
    spec.given(*SENT, asked(attempt=ATTEMPTS_MAX)).when(status("D0")).then_kinds(ClaimStatusReported, FollowUpDue)


def test_what_comes_after_the_payers_answer_changes_nobodys_turn() -> None:
    paid = claim.decide(adjudicate(answer(60_00)), claim.state_after(SENT))
    told = spec.given(*SENT, *paid).when(status("F1")).only(ClaimStatusReported)
    assert told.meaning == ""


def test_silence_is_asked_again_and_then_a_persons() -> None:
    stop = StopWaitingForStatus(trace_number=TRACE)
    unanswered = spec.given(*SENT, asked()).when(stop).only(ClaimStatusUnanswered)
    assert (unanswered.attempt, unanswered.asks_again) == (1, True)
    again = AskStatusAgain(after_trace_number=TRACE)
    spec.given(*SENT, asked(), unanswered).when(again).then(asked(trace_number=SECOND_TRACE, attempt=2))
    spec.given(*SENT, asked(), unanswered, asked(trace_number=SECOND_TRACE, attempt=2)).when(again).then_nothing()
    third = asked(attempt=ATTEMPTS_MAX)
    spec.given(*SENT, third).when(stop).then_kinds(ClaimStatusUnanswered, FollowUpDue)
    spec.given(*SENT, asked()).when(StopWaitingForStatus(trace_number="another")).then_nothing()


def test_an_answer_of_the_payer_meanwhile_ends_the_questions() -> None:
    paid = claim.decide(adjudicate(answer(60_00)), claim.state_after(SENT))
    stop = StopWaitingForStatus(trace_number=TRACE)
    unanswered = spec.given(*SENT, asked(), *paid).when(stop).only(ClaimStatusUnanswered)
    assert not unanswered.asks_again
    spec.given(*SENT, asked(), *paid, unanswered).when(AskStatusAgain(after_trace_number=TRACE)).then_nothing()


def test_a_claim_that_its_payer_does_not_find_is_sent_again() -> None:
    lost = claim.decide(status("A4"), claim.state_after([*SENT, asked()]))
    decided = spec.given(*SENT, asked(), *lost).when(SendAgain(on=TODAY))
    decided.then_kinds(ClaimScrubbed, ClaimReleased)
    assert decided.events[-1].version == 2  # type: ignore[union-attr]
    spec.given(*SENT).when(SendAgain(on=TODAY)).then_refused(ClaimNotLost.code)
    spec.given(*CREATED).when(SendAgain(on=TODAY)).then_refused(ClaimNotSubmitted.code)


def test_a_277_for_a_claim_that_was_never_sent_is_refused() -> None:
    spec.given(*CREATED).when(status("P1")).then_refused(ClaimNotSubmitted.code)


def test_a_payer_that_names_another_day_by_itself_is_not_asked_again() -> None:
    silence = ClaimStatusUnanswered(claim_id=PRIMARY_CLAIM, trace_number=TRACE, attempt=1, asks_again=True)
    again = AskStatusAgain(after_trace_number=TRACE)
    late = spec.given(*SENT, asked(), silence).when(status("P1"))
    assert late.only(ClaimStatusReported).wait_until_on == TODAY + timedelta(days=14)
    spec.given(*SENT, asked(), silence, *late.events).when(again).then_nothing()
    no_277ca = asked(waiting_for="277CA")  # the day for the 835 stands from the sending
    spec.given(*SENT, no_277ca, silence, *late.events).when(again).then_kinds(ClaimStatusRequested)


def test_an_acceptance_does_not_end_what_a_person_was_asked_to_do_about_the_835() -> None:
    due = FollowUpDue(claim_id=PRIMARY_CLAIM, waiting_for="835", since_on=TODAY, next_action="call")
    taken = RecordAcceptance(by="PAYER", stage="payer", codes=("A2:20",), accepted_on=TODAY, source=SOURCE)
    spec.given(*SENT, due).when(taken).then_kinds(ClaimAccepted, FollowUpDue)
    no_277ca = FollowUpDue(claim_id=PRIMARY_CLAIM, waiting_for="277CA", since_on=TODAY, next_action="call")
    spec.given(*SENT, no_277ca).when(taken).then_kinds(ClaimAccepted)


def test_the_patience_and_the_pauses_of_a_question() -> None:
    patience = timedelta(minutes=10)
    at = recorded(asked()).recorded_at
    assert list(ask_payers.plan(recorded(asked()), patience)) == [
        SetTimer(key=f"wait/{PRIMARY_CLAIM}", due_at=at + patience, note=TRACE),
        CancelTimer(key=f"retry/{PRIMARY_CLAIM}"),
    ]
    silent = ClaimStatusUnanswered(claim_id=PRIMARY_CLAIM, trace_number=TRACE, attempt=2, asks_again=True)
    assert list(ask_payers.plan(recorded(silent), patience))[-1] == SetTimer(
        key=f"retry/{PRIMARY_CLAIM}", due_at=at + timedelta(minutes=30), note=TRACE
    )
    stranger = ClaimStatusReported(claim_id=PRIMARY_CLAIM, category="P1", codes=(), source=SOURCE)
    assert list(ask_payers.plan(recorded(stranger), patience)) == []
    due = DueTimer(tenant="clinic", key=f"wait/{PRIMARY_CLAIM}", due_at=MONDAY, note=TRACE)
    assert ask_payers.fire(due) == [(PRIMARY_CLAIM, StopWaitingForStatus(trace_number=TRACE))]


CALL = RecordCall(
    called_on=TODAY,
    outcome="pending",
    reference_number="C-77",
    spoke_with=None,
    note=None,
    next_action_on=TODAY + timedelta(days=10),
    on=TODAY,
    by="user:ann",
)

# ---- nothing is forgotten, whatever comes in whatever order

ANSWERS: tuple[ClaimCommand, ...] = (
    *(status(category) for category in ("A2", "A4", "A7", "P1", "P3", "F1", "D0", "E1", "E0")),
    *(status(category, SECOND_TRACE) for category in ("P1", "D0", "F2")),
    status("P1", ""),
    RecordRejection(by="NORTHERN", stage="clearinghouse", codes=("A7:562:85",), source=SOURCE),
    RecordAcceptance(by="PAYER", stage="payer", codes=("A2:20",), accepted_on=TODAY, source=SOURCE),
    RecordReversal(
        remittance_id="remit-2",
        ordinal=1,
        reverses_remittance_id="remit-1",
        reverses_ordinal=1,
        rank=1,
        paid_cents=-60_00,
        reversed_on=TODAY,
    ),
    adjudicate(answer(60_00)),
    MarkFollowUp(waiting_for="999", since_on=TODAY, next_action="ask the partner"),
    NOW,
    SendAgain(on=TODAY),
    ReleaseClaim(on=TODAY),
    CALL,
    AnswerInformation(request_id=f"{PRIMARY_CLAIM}-R1", how="phone", on=TODAY, wait_days=14, by="user:ann"),
)
FIRE = st.sampled_from(["277CA", "835", "wait", "retry", "call"])


class Waiting:
    """A claim with its timers, as the runtime keeps them."""

    def __init__(self, partners: frozenset[str]) -> None:
        self.partners = partners
        self.timers: dict[str, SetTimer] = {}
        self.events: list[Event] = []
        self.row: dict[str, Any] = {}
        self.take([*SENT])

    @property
    def state(self) -> Any:
        return claim.state_after(self.events)

    def take(self, events: list[Event]) -> None:
        for event in events:
            self.events.append(event)
            known = recorded(event, version=len(self.events))
            if type(event) in watch_silence.CLAIMS:
                self.plan(watch_silence.plan(known, watch_silence.Patience()))
            if type(event) in ask_payers.ANSWERS:
                self.plan(ask_payers.plan(known, timedelta(minutes=10)))
            for change in claims_worklist.apply(known):
                self.row |= change.values  # type: ignore[union-attr]

    def plan(self, changes: Any) -> None:
        for change in changes:
            self.timers.pop(change.key, None)
            if isinstance(change, SetTimer):
                self.timers[change.key] = change

    def tell(self, command: ClaimCommand) -> None:
        try:
            decided = claim.decide(command, self.state)
        except DomainError:
            return
        self.take(list(decided))
        if self.state.stage is Stage.RELEASED:  # the batcher does its part
            version = self.state.version
            self.take([batched(version, version), submitted(version, version)])

    def fire(self, kind: str) -> None:
        timer = self.timers.pop(f"{kind}/{PRIMARY_CLAIM}", None)
        if timer is None:
            return
        due = DueTimer(tenant="clinic", key=timer.key, due_at=timer.due_at, note=timer.note)
        told = ask_payers.fire(due) if kind in ("wait", "retry") else watch_silence.fire(due, self.partners)
        for _, command in told:
            self.tell(command)  # type: ignore[arg-type]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([ASKABLE, frozenset[str]()]), st.lists(st.one_of(FIRE, st.sampled_from(ANSWERS)), max_size=14))
def test_a_claim_that_waits_for_its_payer_has_a_timer_or_a_person(partners: frozenset[str], steps: list[Any]) -> None:
    waiting = Waiting(partners)
    for step in steps:
        waiting.fire(step) if isinstance(step, str) else waiting.tell(step)
        state, row = waiting.state, waiting.row
        if state.stage not in (Stage.SUBMITTED, Stage.ACCEPTED):
            continue
        if state.requests:
            continue
        is_ours = row["owner"] == "ledgerline"
        assert row["next_action"]
        assert is_ours == (state.follow_up is None)
        assert waiting.timers or not is_ours, [type(event).__name__ for event in waiting.events]
        if state.asked.is_open:
            assert f"wait/{PRIMARY_CLAIM}" in waiting.timers
        assert state.asked.is_day_set == (f"835/{PRIMARY_CLAIM}" in waiting.timers)


def test_the_day_of_the_next_question_is_a_timer() -> None:
    told = ClaimStatusReported(
        claim_id=PRIMARY_CLAIM,
        category="P1",
        codes=("P1:20",),
        source=SOURCE,
        meaning="waiting",
        wait_until_on=date(2026, 4, 6),
    )
    [timer] = watch_silence.plan(recorded(told), watch_silence.Patience())
    assert isinstance(timer, SetTimer)
    assert (timer.key, timer.due_at.date()) == (f"835/{PRIMARY_CLAIM}", date(2026, 4, 6))
