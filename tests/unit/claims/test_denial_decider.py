"""A denial is worked by one person at a time, level by level, until its money is recovered or let go."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.claims.domain.denial.categories import CATEGORIES, Category, category_of
from services.claims.domain.denial.commands import (
    AssignDenial,
    DecideAppeal,
    FileAppeal,
    NoteDenial,
    OpenDenial,
    ResolveDenial,
    ReverseDenial,
    claim_of_denial,
    denial_id_of,
)
from services.claims.domain.denial.decider import denial
from shared.events.claims import (
    AppealDecided,
    AppealFiled,
    DenialAssigned,
    DenialNoted,
    DenialOpened,
    DenialResolved,
)
from shared.testing.specification import Specification
from tests.unit.claims.examples import ACCOUNT, PRIMARY_CLAIM, TODAY

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
    appeal_days=90,
)
ANN = AssignDenial(assignee="user:ann", on=TODAY, days=7)
BOB = AssignDenial(assignee="user:bob", on=TODAY, days=7)
APPEAL = FileAppeal(by="user:ann", on=TODAY, level=1)
UPHELD = DecideAppeal(level=1, outcome="upheld")
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
    ],
)
def test_what_is_assigned_to_one_is_not_worked_by_another(command: NoteDenial | FileAppeal | ResolveDenial) -> None:
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


@pytest.mark.parametrize("command", [ANN, APPEAL, RESOLVE, NoteDenial(by="user:ann", on=TODAY, outcome_code="other")])
def test_a_resolved_denial_is_finished(command: AssignDenial | FileAppeal | ResolveDenial | NoteDenial) -> None:
    spec.when(OPEN, RESOLVE, command).then_refused("denial-already-resolved")


def test_a_reversal_resolves_whoever_works_on_it() -> None:
    reversal = ReverseDenial(remittance_id="remit-2")
    resolved = spec.when(OPEN, ANN, reversal, reversal).only(DenialResolved)
    assert resolved.outcome == "reversed"


def test_there_is_nothing_to_assign_before_a_denial_is_opened() -> None:
    spec.when(ANN).then_refused("denial-unknown")
