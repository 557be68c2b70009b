"""A denial is worked by one person at a time, level by level, until its money is recovered or let go."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.claims.domain.denial.categories import CATEGORIES, Category, category_of
from services.claims.domain.denial.commands import (
    ApproveWriteOff,
    AssignDenial,
    DecideAppeal,
    DenialCommand,
    FileAppeal,
    NoteDenial,
    OpenDenial,
    RefuseWriteOff,
    ResolveDenial,
    ReverseDenial,
    SnoozeDenial,
    UndoDenialWork,
    WriteOffDenial,
    claim_of_denial,
    denial_id_of,
)
from services.claims.domain.denial.decider import denial
from shared.events.denials import (
    AppealDecided,
    AppealFiled,
    DenialAssigned,
    DenialAssignmentUndone,
    DenialNoted,
    DenialNoteUndone,
    DenialOpened,
    DenialResolved,
    DenialSnoozed,
    DenialSnoozeUndone,
    DenialWriteOffApproved,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
)
from shared.testing.specification import Specification
from tests.unit.claims.examples import ACCOUNT, FIRST_APPEAL, PRIMARY_CLAIM, TODAY

spec = Specification(denial)

DENIAL_ID = denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-1", group="CO", reason="197")
OPEN = OpenDenial(
    denial_id=DENIAL_ID,
    claim_id=PRIMARY_CLAIM,
    account_id=ACCOUNT,
    payer_id="payer-1",
    remittance_id="remit-1",
    denied_cents=100_00,
    group="CO",
    reason="197",
    denied_on=date(2026, 4, 1),
    terms=FIRST_APPEAL,
)
ANN = AssignDenial(by="user:ann", assignee="user:ann", on=TODAY, days=7)
BOB = AssignDenial(by="user:bob", assignee="user:bob", on=TODAY, days=7)
CALLED = NoteDenial(by="user:ann", on=TODAY, outcome_code="no-answer", reference_number="R1", next_action_on=TODAY)
NEXT_WEEK = TODAY + timedelta(days=7)
SNOOZE = SnoozeDenial(by="user:ann", on=TODAY, until_on=NEXT_WEEK)
WRITE_OFF = WriteOffDenial(by="user:ann", on=TODAY, reason="past-the-limit", alone_cents_max=25_00)
APPEAL = FileAppeal(by="user:ann", on=TODAY, level=1, filed_on=TODAY)
UPHELD = DecideAppeal(by="user:ann", on=TODAY, level=1, outcome="upheld", decided_on=TODAY, terms=FIRST_APPEAL)
RESOLVE = ResolveDenial(by="user:ann", on=TODAY, outcome="paid", recovered_cents=80_00)


def test_a_denial_opens_with_its_category_chance_and_last_day_to_appeal() -> None:
    opened = spec.when(OPEN, OPEN).only(DenialOpened)
    assert (opened.category, opened.win_chance_percent, opened.appeal_by_on) == ("authorization", 45, date(2026, 6, 30))


def test_the_same_refusal_has_the_same_id_and_names_its_claim() -> None:
    again = denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-1", group="CO", reason="197")
    other = denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-2", group="CO", reason="197")
    assert again == DENIAL_ID
    assert other != DENIAL_ID
    assert claim_of_denial(DENIAL_ID) == PRIMARY_CLAIM


def test_an_unknown_reason_is_kept_as_other() -> None:
    assert category_of("ZZ9").name == "other"


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_explains_its_chance(category: Category) -> None:
    assert 0 < category.win_chance_percent < 100
    assert category.because and category.next_action and category.origin


def test_two_people_never_work_on_one_denial() -> None:
    spec.when(OPEN, ANN, BOB).then_refused("denial-assigned-to-another")


def test_the_same_person_may_extend_the_assignment() -> None:
    spec.when(OPEN, ANN, ANN, replace(ANN, days=14)).then_kinds(DenialOpened, DenialAssigned, DenialAssigned)


def test_an_assignment_that_ran_out_may_be_taken_over() -> None:
    later = replace(BOB, on=date(2026, 3, 28))
    spec.when(OPEN, ANN, later).then_kinds(DenialOpened, DenialAssigned, DenialAssigned)


@pytest.mark.parametrize(
    "command",
    [
        NoteDenial(by="user:bob", on=TODAY, outcome_code="no-answer"),
        replace(APPEAL, by="user:bob"),
        replace(RESOLVE, by="user:bob"),
        replace(SNOOZE, by="user:bob"),
        replace(WRITE_OFF, by="user:bob"),
    ],
)
def test_what_is_assigned_to_one_is_not_worked_by_another(command: DenialCommand) -> None:
    spec.when(OPEN, ANN, command).then_refused("denial-assigned-to-another")


def test_a_call_is_noted_with_its_outcome_and_next_date() -> None:
    note = NoteDenial(
        by="user:ann", on=TODAY, outcome_code="payer-reprocesses", reference_number="R77", next_action_on=TODAY
    )
    noted = spec.when(OPEN, note).only(DenialNoted)
    assert (noted.outcome_code, noted.reference_number, noted.next_action_on) == ("payer-reprocesses", "R77", TODAY)


def test_appeals_go_level_by_level() -> None:
    decided = spec.when(OPEN, APPEAL, UPHELD, replace(APPEAL, level=2))
    decided.then_kinds(DenialOpened, AppealFiled, AppealDecided, AppealFiled)


def test_the_second_level_waits_for_the_decision_on_the_first() -> None:
    spec.when(OPEN, APPEAL, replace(APPEAL, level=2)).then_refused("appeal-out-of-order")


def test_a_level_is_not_skipped() -> None:
    spec.when(OPEN, replace(APPEAL, level=2)).then_refused("appeal-out-of-order")


def test_an_appeal_that_was_not_filed_is_not_decided() -> None:
    spec.when(OPEN, UPHELD).then_refused("no-appeal-open")


@pytest.mark.parametrize("command", [ANN, APPEAL, RESOLVE, CALLED, SNOOZE, WRITE_OFF, ApproveWriteOff(by="user:bob")])
def test_a_resolved_denial_is_finished(command: DenialCommand) -> None:
    spec.when(OPEN, RESOLVE, command).then_refused("denial-already-resolved")


def test_a_reversal_resolves_whoever_works_on_it() -> None:
    reversal = ReverseDenial(remittance_id="remit-2")
    resolved = spec.when(OPEN, ANN, reversal, reversal).only(DenialResolved)
    assert resolved.outcome == "reversed"


def test_there_is_nothing_to_assign_before_a_denial_is_opened() -> None:
    spec.when(ANN).then_refused("denial-unknown")


def test_a_denial_is_put_off_to_a_day_that_is_still_to_come() -> None:
    assert spec.when(OPEN, SNOOZE, SNOOZE).only(DenialSnoozed).until_on == NEXT_WEEK
    spec.when(OPEN, replace(SNOOZE, until_on=TODAY)).then_refused("snooze-not-ahead")


def test_an_undone_assignment_goes_back_to_whose_it_was() -> None:
    over = replace(BOB, on=date(2026, 3, 28))  # Ann's days are over
    undone = spec.when(OPEN, ANN, over, UndoDenialWork(by="user:bob", on=TODAY, version=3)).only(DenialAssignmentUndone)
    assert (undone.undone_version, undone.assignee, undone.until_on) == (3, "user:ann", TODAY + timedelta(days=7))
    first = spec.when(OPEN, ANN, UndoDenialWork(by="user:ann", on=TODAY, version=2)).only(DenialAssignmentUndone)
    assert (first.assignee, first.until_on) == ("", None)


def test_an_undone_note_leaves_what_stood_there_before() -> None:
    second = replace(CALLED, outcome_code="payer-reprocesses", reference_number="R2", next_action_on=NEXT_WEEK)
    undone = spec.when(OPEN, CALLED, second, UndoDenialWork(by="user:ann", on=TODAY, version=3)).only(DenialNoteUndone)
    assert (undone.outcome_code, undone.reference_number) == ("no-answer", "R1")
    assert (undone.next_action, undone.next_action_on) == ("follow up on the last contact", TODAY)
    only = spec.when(OPEN, CALLED, UndoDenialWork(by="user:ann", on=TODAY, version=2)).only(DenialNoteUndone)
    assert (only.outcome_code, only.next_action) == ("", "Ask for authorisation.")


def test_an_undone_snooze_leaves_the_day_that_was_said_before() -> None:
    longer = replace(SNOOZE, until_on=date(2026, 6, 1))
    undone = spec.when(OPEN, SNOOZE, longer, UndoDenialWork(by="user:ann", on=TODAY, version=3)).only(
        DenialSnoozeUndone
    )
    assert undone.until_on == NEXT_WEEK


@pytest.mark.parametrize(
    "undo",
    [
        UndoDenialWork(by="user:bob", on=TODAY, version=2),  # another did it
        UndoDenialWork(by="user:ann", on=TODAY, version=1),  # not the last
        UndoDenialWork(by="user:ann", on=TODAY, version=3),  # never happened
    ],
)
def test_only_the_last_thing_is_undone_and_by_who_did_it(undo: UndoDenialWork) -> None:
    spec.when(OPEN, CALLED, undo).then_refused("not-to-undo")


def test_an_appeal_is_not_undone_and_nothing_is_undone_twice() -> None:
    spec.when(OPEN, APPEAL, UndoDenialWork(by="user:ann", on=TODAY, version=2)).then_refused("not-to-undo")
    undo = UndoDenialWork(by="user:ann", on=TODAY, version=2)
    spec.when(OPEN, SNOOZE, undo, undo).then_refused("not-to-undo")
    spec.when(OPEN, SNOOZE, undo, replace(undo, version=3)).then_refused("not-to-undo")


def test_a_small_denial_is_written_off_by_one_person() -> None:
    written = spec.when(replace(OPEN, denied_cents=25_00), WRITE_OFF)
    written.then_kinds(DenialOpened, DenialWriteOffApproved, DenialResolved)
    approved = written.only(DenialWriteOffApproved)
    assert (approved.requested_by, approved.approved_by) == ("user:ann", "rule:write-off-alone")
    assert (approved.account_id, approved.payer_rank, approved.amount_cents) == (ACCOUNT, 1, 25_00)


def test_a_cent_above_the_limit_waits_for_a_second_person() -> None:
    asked = spec.when(replace(OPEN, denied_cents=25_01), WRITE_OFF)
    asked.then_kinds(DenialOpened, DenialWriteOffRequested)
    assert asked.only(DenialWriteOffRequested).amount_cents == 25_01
    spec.when(OPEN, WRITE_OFF, WRITE_OFF).then_refused("write-off-already-requested")


def test_who_asked_for_a_write_off_decides_nothing_about_it() -> None:
    spec.when(OPEN, WRITE_OFF, ApproveWriteOff(by="user:ann")).then_refused("write-off-needs-another")
    spec.when(OPEN, WRITE_OFF, RefuseWriteOff(by="user:ann", on=TODAY, reason="no")).then_refused(
        "write-off-needs-another"
    )


def test_a_second_person_approves_and_the_denial_is_written_off() -> None:
    written = spec.when(OPEN, ANN, WRITE_OFF, ApproveWriteOff(by="user:bob"))
    assert written.only(DenialWriteOffApproved).approved_by == "user:bob"
    assert written.only(DenialResolved).outcome == "written-off"


def test_a_refused_write_off_is_worked_on_and_may_be_asked_for_again() -> None:
    refused = RefuseWriteOff(by="user:bob", on=TODAY, reason="appeal-first")
    again = spec.when(OPEN, WRITE_OFF, refused, replace(WRITE_OFF, reason="appeal-lost"))
    again.then_kinds(DenialOpened, DenialWriteOffRequested, DenialWriteOffRefused, DenialWriteOffRequested)
    spec.when(OPEN, WRITE_OFF, refused, ApproveWriteOff(by="user:bob")).then_refused("write-off-not-requested")
    spec.when(OPEN, ApproveWriteOff(by="user:bob")).then_refused("write-off-not-requested")


def test_a_denial_that_cannot_be_worked_says_why_and_until_when_and_the_reason_may_change() -> None:
    because = replace(SNOOZE, because="payer-system-down")
    spec.when(OPEN, SNOOZE, because, because).then_kinds(DenialOpened, DenialSnoozed, DenialSnoozed)
    undone = spec.when(
        OPEN, because, replace(because, because="other"), UndoDenialWork(by="user:ann", on=TODAY, version=3)
    )
    assert undone.only(DenialSnoozeUndone).because == "payer-system-down"
