"""What the lists show is what the streams decided, whatever the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.claims.domain.claim.commands import (
    ClaimCommand,
    CloseClaim,
    CorrectClaim,
    EndReplaced,
    HoldClaim,
    MarkFollowUp,
    RaiseNextClaim,
    RecordAcceptance,
    RecordDenial,
    RecordRejection,
    RecordReversal,
    RecordStatus,
    RecordSubmission,
    ReleaseClaim,
    ReturnFromBatch,
    SettleDenial,
    TakeIntoBatch,
    VoidClaim,
    WithdrawReplacement,
)
from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.numbering import replacement_of
from services.claims.domain.claim.state import Claim, Stage
from services.claims.domain.denial.commands import (
    AssignDenial,
    DenialCommand,
    NoteDenial,
    OpenDenial,
    RefuseWriteOff,
    ResolveDenial,
    SnoozeDenial,
    UndoDenialWork,
    WriteOffDenial,
    denial_id_of,
)
from services.claims.domain.denial.decider import denial
from services.claims.projections import claim_timeline, claims_worklist, denial_queue, sending
from shared.events.batches import (
    BatchAssembled,
    BatchedClaim,
    ClaimSet,
    InterchangeAcknowledged,
    InterchangeSent,
    InterchangeStored,
)
from shared.events.claims import ClaimClosed, ClaimEvent, ClaimReleased
from shared.events.denials import DenialEvent
from shared.kernel.errors import DomainError
from shared.runtime.folding import Fold
from shared.runtime.projection import Change
from tests.unit.claims.examples import (
    ACCOUNT,
    FIRST_APPEAL,
    PARTNER,
    PRIMARY_CLAIM,
    SENT,
    SERVICES,
    SOURCE,
    TODAY,
    adjudicate,
    adjustment,
    answer,
    create,
    recorded,
)

DENIAL_ID = denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-1", group="CO", reason="197")
PAID = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))


def rows(changes: Iterable[Change], table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of one table after these changes, without defaults."""
    fold = Fold()
    fold.take("clinic", changes)
    found = fold.tenants["clinic"].get(table, {})
    return {key: change.values for key, change in found.items() if change.is_put}


def history(commands: Sequence[ClaimCommand]) -> tuple[list[ClaimEvent], Claim]:
    """What comes of the commands, refusals left out."""
    events: list[ClaimEvent] = []
    state = Claim()
    for command in commands:
        try:
            decided = claim.decide(command, state)
        except DomainError:
            continue
        events += decided
        state = claim.state_after(decided, since=state)
    return events, state


def take(version: int) -> TakeIntoBatch:
    return TakeIntoBatch(
        version=version, partner_id=PARTNER, batch_id=f"{PARTNER}-{version:09d}", control_number=version
    )


def submit(version: int) -> RecordSubmission:
    return RecordSubmission(
        partner_id=PARTNER,
        batch_id=f"{PARTNER}-{version:09d}",
        control_number=version,
        document=SOURCE,
        answer_days=30,
    )


PALETTE: tuple[ClaimCommand, ...] = (
    create(services=structs.replace(SERVICES, diagnoses=())),
    create(services=structs.replace(SERVICES, diagnoses=("J0190", "E119"))),
    CorrectClaim(
        services=structs.replace(SERVICES, diagnoses=("E119",)), reason="coded", corrected_by="user:ann", on=TODAY
    ),
    HoldClaim(reason="waiting for the chart", held_by="user:ann"),
    ReleaseClaim(on=TODAY),
    take(1),
    take(2),
    take(3),
    ReturnFromBatch(batch_id=f"{PARTNER}-000000001", findings=()),
    submit(1),
    submit(2),
    submit(3),
    RecordRejection(by="NORTHERN", stage="clearinghouse", codes=("A7:562:85",), source=SOURCE),
    RecordAcceptance(by="PAYER", stage="payer", codes=("A2:20",), accepted_on=TODAY, source=SOURCE),
    RecordStatus(category="P1", codes=("P1:20",), source=SOURCE),
    adjudicate(PAID, next_rank=2),
    adjudicate(PAID, is_forwarded=True, next_rank=2),
    adjudicate(answer(0, adjustment("CO", "197", 100_00)), denied_cents=100_00),
    RecordReversal(
        remittance_id="remit-2",
        ordinal=1,
        reverses_remittance_id="remit-1",
        reverses_ordinal=1,
        rank=1,
        paid_cents=-48_00,
        reversed_on=TODAY,
    ),
    RecordDenial(denial_id=DENIAL_ID, remittance_id="remit-1", denied_cents=100_00, group="CO", reason="197"),
    SettleDenial(denial_id=DENIAL_ID, outcome="written-off"),
    SettleDenial(denial_id=DENIAL_ID, outcome="corrected-claim"),
    EndReplaced(next_claim_id=replacement_of(PRIMARY_CLAIM)),
    WithdrawReplacement(next_claim_id=replacement_of(PRIMARY_CLAIM), reason="was right", on=TODAY),
    RaiseNextClaim(),
    MarkFollowUp(waiting_for="835", since_on=TODAY, next_action="call"),
    VoidClaim(reason="entered in error"),
    CloseClaim(reason="paid"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PALETTE), max_size=25))
def test_the_worklist_shows_the_stage_that_the_stream_decided(commands: list[ClaimCommand]) -> None:
    events, state = history([create(), *commands])
    changes = [
        change for n, event in enumerate(events, 1) for change in claims_worklist.apply(recorded(event, version=n))
    ]
    row = rows(changes, "claims_worklist")[PRIMARY_CLAIM,]
    assert row["status"] == str(state.stage)
    assert row.get("is_open", True) == (state.stage not in (Stage.CLOSED, Stage.VOIDED))
    assert row.get("version", 0) == state.version


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PALETTE), max_size=25))
def test_no_open_claim_is_without_a_next_action_and_an_owner(commands: list[ClaimCommand]) -> None:
    events, _ = history([create(), *commands])
    changes = [
        change for n, event in enumerate(events, 1) for change in claims_worklist.apply(recorded(event, version=n))
    ]
    row = rows(changes, "claims_worklist")[PRIMARY_CLAIM,]
    assert not row.get("is_open", True) or (row["next_action"] and row["owner"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PALETTE), max_size=25))
def test_exactly_the_released_claims_wait_to_be_sent(commands: list[ClaimCommand]) -> None:
    events, state = history([create(), *commands])
    read = {kind for kinds in sending.projection.reads.values() for kind in kinds}
    changes = [
        change
        for n, event in enumerate(events, 1)
        if type(event) in read
        for change in sending.apply(recorded(event, version=n))
    ]
    waiting = rows(changes, "claims_to_send") if changes else {}
    assert bool(waiting) == (state.stage is Stage.RELEASED)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PALETTE), max_size=25))
def test_every_event_of_a_claim_is_one_line_of_its_timeline(commands: list[ClaimCommand]) -> None:
    events, _ = history([create(), *commands])
    changes = [
        change for n, event in enumerate(events, 1) for change in claim_timeline.apply(recorded(event, version=n))
    ]
    found = rows(changes, "claim_timeline")
    assert [found[key]["event"] for key in sorted(found)] == [type(event).__name__ for event in events]
    assert all(values["summary"] for values in found.values())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PALETTE), max_size=30))
def test_a_version_of_a_claim_is_sent_at_most_once(commands: list[ClaimCommand]) -> None:
    events, _ = history([create(), *commands])
    versions = [event.version for event in events if type(event).__name__ == "ClaimSubmitted"]
    assert len(versions) == len(set(versions))


def test_the_timeline_of_a_denial_stands_with_its_claim() -> None:
    opened = denial.decide(_open(), denial.initial)[0]
    resolve = ResolveDenial(by="user:ann", on=TODAY, outcome="not-workable")
    state = denial.state_after([opened])
    resolved = denial.decide(resolve, state)[0]
    for event in (opened, resolved):
        [put] = claim_timeline.apply(recorded(event, stream=f"denial/{DENIAL_ID}"))
        assert put.key[0] == PRIMARY_CLAIM


def test_the_read_models_read_every_event_of_their_streams() -> None:
    timeline = set(claim_timeline.projection.reads["claims"])
    assert timeline == {*get_args(ClaimEvent), *get_args(DenialEvent)}
    assert set(claims_worklist.projection.reads["claims"]) == set(get_args(ClaimEvent))
    assert set(denial_queue.projection.reads["claims"]) == set(get_args(DenialEvent))


def _open(reason: str = "197", denied_cents: int = 100_00) -> OpenDenial:
    return OpenDenial(
        denial_id=denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-1", group="CO", reason=reason),
        claim_id=PRIMARY_CLAIM,
        account_id=ACCOUNT,
        payer_id="payer-1",
        remittance_id="remit-1",
        denied_cents=denied_cents,
        group="CO",
        reason=reason,
        denied_on=date(2026, 4, 1),
        terms=FIRST_APPEAL,
    )


def test_a_denial_is_queued_with_the_parts_of_its_rank() -> None:
    opened = denial.decide(_open(denied_cents=123_45), denial.initial)[0]
    [row] = rows(denial_queue.apply(recorded(opened)), "denial_queue").values()
    assert (row["expected_recovery_cents"], row["win_chance_percent"]) == (55_55, 45)
    assert row["win_chance_because"] and row["next_action"]


WORK: tuple[DenialCommand, ...] = (
    AssignDenial(by="user:ann", assignee="user:ann", on=TODAY, days=7),
    NoteDenial(by="user:ann", on=TODAY, outcome_code="no-answer", reference_number="R1", next_action_on=TODAY),
    NoteDenial(by="user:ann", on=TODAY, outcome_code="other"),
    SnoozeDenial(by="user:ann", on=TODAY, until_on=TODAY + timedelta(days=7)),
    SnoozeDenial(by="user:ann", on=TODAY, until_on=TODAY + timedelta(days=14)),
    SnoozeDenial(by="user:ann", on=TODAY, until_on=TODAY + timedelta(days=14), because="payer-system-down"),
)


def _queued(commands: Iterable[DenialCommand]) -> tuple[dict[str, Any], int]:
    """What the row of the queue says after these commands, those that are refused left out, and the version of the stream."""
    state, changes, version = denial.initial, list[Change](), 0
    for command in commands:
        try:
            events = denial.decide(command, state)
        except DomainError:
            continue
        for event in events:
            version += 1
            changes += denial_queue.apply(recorded(event, stream=f"denial/{DENIAL_ID}", version=version))
        state = denial.state_after(events, since=state)
    [row] = rows(changes, "denial_queue").values()
    said = {
        name: value for name, value in row.items() if name not in ("version", "moved_at") and value not in ("", None)
    }
    return said, version


@given(st.lists(st.sampled_from(WORK), max_size=5), st.sampled_from(WORK))
def test_what_is_undone_leaves_the_row_as_it_was(before: list[DenialCommand], work: DenialCommand) -> None:
    row, version = _queued([_open(), *before])
    _, worked = _queued([_open(), *before, work])
    assume(worked > version)
    undone, last = _queued([_open(), *before, work, UndoDenialWork(by="user:ann", on=TODAY, version=worked)])
    assert (undone, last) == (row, worked + 1)


def test_a_write_off_that_waits_is_seen_in_the_queue_until_it_is_decided() -> None:
    asked = WriteOffDenial(by="user:ann", on=TODAY, reason="past-the-limit", alone_cents_max=0)
    row, _ = _queued([_open(), asked])
    assert (row["write_off_requested_by"], row["write_off_reason"]) == ("user:ann", "past-the-limit")
    refused, _ = _queued([_open(), asked, RefuseWriteOff(by="user:bob", on=TODAY, reason="appeal-first")])
    assert "write_off_requested_by" not in refused and "write_off_reason" not in refused


@pytest.mark.parametrize(
    ("days_left", "percent"), [(None, 100), (90, 100), (60, 120), (30, 150), (7, 200), (0, 200), (-1, 25)]
)
def test_urgency_rises_until_the_last_day_and_falls_after_it(days_left: int | None, percent: int) -> None:
    assert denial_queue.urgency_percent(days_left) == percent


def test_a_batch_shows_the_same_whichever_stream_is_read_first() -> None:
    batched = BatchedClaim(claim_id=PRIMARY_CLAIM, version=1, charged_cents=100_00, answer_days=21)
    names = {"partner_id": PARTNER, "batch_id": f"{PARTNER}-000000001", "control_number": 1}
    assembled = recorded(BatchAssembled(**names, claims=(batched,)), stream=f"partner/{PARTNER}")
    own = [
        InterchangeStored(
            **names,
            file_name="a.837",
            document=SOURCE,
            claim_ids=(PRIMARY_CLAIM,),
            sets=(ClaimSet(set_control_number="0001", claims=(batched,)),),
        ),
        InterchangeSent(**names, claims=(batched,), document=SOURCE),
        InterchangeAcknowledged(
            **names, kind="999", status="partially-accepted", rejected_claim_ids=(PRIMARY_CLAIM,), source=SOURCE
        ),
    ]
    batch_stream = [recorded(event, stream=f"batch/{names['batch_id']}", version=n) for n, event in enumerate(own, 1)]
    seen = []
    for at in range(len(batch_stream) + 1):
        order = [*batch_stream[:at], assembled, *batch_stream[at:]]
        fold = Fold()
        for one in order:
            fold.take("clinic", sending.apply(one))
        seen.append(
            {
                (table, key): (dict(sorted(change.values.items())), change.add)
                for table, found in fold.tenants["clinic"].items()
                for key, change in found.items()
            }
        )
    assert all(rows_ == seen[0] for rows_ in seen)


def test_a_claim_that_was_closed_has_nothing_left_to_do() -> None:
    closed = ClaimClosed(claim_id=PRIMARY_CLAIM, reason="paid")
    changes = [change for event in (*SENT, closed) for change in claims_worklist.apply(recorded(event))]
    row = rows(changes, "claims_worklist")[PRIMARY_CLAIM,]
    assert (row["status"], row["close_reason"], row["next_action"]) == ("closed", "paid", "")


def test_a_claim_released_again_waits_under_its_new_version() -> None:
    again = ClaimReleased(claim_id=PRIMARY_CLAIM, partner_id=PARTNER, payer_id="payer-1", version=2)
    read = {kind for kinds in sending.projection.reads.values() for kind in kinds}
    changes = [change for event in (*SENT, again) if type(event) in read for change in sending.apply(recorded(event))]
    assert rows(changes, "claims_to_send")[PRIMARY_CLAIM,]["version"] == 2
