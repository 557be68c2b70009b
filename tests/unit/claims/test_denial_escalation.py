"""A denial that nobody works on goes up to a supervisor; a checklist is ticked by who did it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.claims.domain.denial.commands import (
    AssignDenial,
    EscalateDenial,
    NoteDenial,
    SetEscalation,
    SnoozeDenial,
    TickStep,
    UndoDenialWork,
)
from services.claims.domain.denial.decider import denial
from services.claims.domain.denial_checklist.decider import KeepChecklist, denial_checklist, ours
from services.claims.domain.escalation_rules.decider import KeepEscalationRules, escalation_rules
from services.claims.policies import escalate_denials
from shared.events.denials import (
    ChecklistStep,
    ChecklistStepTicked,
    ChecklistStepUnticked,
    DenialAssigned,
    DenialAssignmentUndone,
    DenialChecklistKept,
    DenialEscalated,
    DenialEscalationSet,
    DenialNoted,
    DenialResolved,
    DenialSnoozed,
    EscalationRule,
    EscalationRulesKept,
)
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer
from shared.testing.specification import Specification
from tests.unit.claims.examples import recorded
from tests.unit.claims.test_denial_decider import DENIAL_ID, OPEN, RESOLVE

spec = Specification(denial)

MONDAY = date(2026, 6, 1)
LARGE = EscalationRule(rule_id="large", denied_cents_min=200_00, workdays=1, supervisor="user:max")
ALL = EscalationRule(rule_id="all", category="authorization", workdays=5, supervisor="user:sue")
RULES = EscalationRulesKept(version=1, rules=(LARGE, ALL), by="user:boss")
SET = SetEscalation(on=MONDAY, rules=RULES)
ANN = AssignDenial(by="user:ann", assignee="user:ann", on=date(2026, 6, 3), days=7)


def test_the_first_rule_that_fits_counts_and_its_day_is_so_many_workdays_ahead() -> None:
    told = spec.when(OPEN, SET).only(DenialEscalationSet)
    assert (told.rule, told.escalates_on) == (ALL, date(2026, 6, 8))  # a weekend lies between
    large = spec.when(replace(OPEN, denied_cents=200_00), SET).only(DenialEscalationSet)
    assert (large.rule, large.escalates_on) == (LARGE, date(2026, 6, 2))
    spec.when(replace(OPEN, reason="29"), SET).then_kinds(type(spec.when(OPEN).events[0]))


def test_who_works_on_it_starts_the_days_anew_from_the_day_on_which_it_is_looked_at_again() -> None:
    assert spec.when(OPEN, SET, ANN).only(DenialAssigned).escalates_on == date(2026, 6, 10)
    later = NoteDenial(by="user:ann", on=MONDAY, outcome_code="no-answer", next_action_on=date(2026, 6, 15))
    assert spec.when(OPEN, SET, later).only(DenialNoted).escalates_on == date(2026, 6, 23)  # 19 June is a holiday
    put_off = SnoozeDenial(by="user:ann", on=MONDAY, until_on=date(2026, 6, 8))
    assert spec.when(OPEN, SET, put_off).only(DenialSnoozed).escalates_on == date(2026, 6, 15)
    undo = UndoDenialWork(by="user:ann", on=date(2026, 6, 3), version=3)
    assert spec.when(OPEN, SET, ANN, undo).only(DenialAssignmentUndone).escalates_on == date(2026, 6, 10)


def test_it_goes_up_once_on_its_day_and_not_when_somebody_was_faster() -> None:
    day = EscalateDenial(on=date(2026, 6, 8))
    up = spec.when(OPEN, SET, day, day).only(DenialEscalated)
    assert (up.supervisor, up.rule_id, up.workdays, up.on) == ("user:sue", "all", 5, date(2026, 6, 8))
    early = EscalateDenial(on=date(2026, 6, 5))
    for before in ((early,), (ANN, day), (RESOLVE, day)):
        assert DenialEscalated not in {type(event) for event in spec.when(OPEN, SET, *before).events}
    assert DenialEscalated not in {type(event) for event in spec.when(OPEN, day).events}
    twice = spec.when(OPEN, SET, day, replace(ANN, on=date(2026, 6, 9)), EscalateDenial(on=date(2026, 6, 16)))
    assert len([event for event in twice.events if isinstance(event, DenialEscalated)]) == 2


def test_rules_that_change_are_heard_and_older_ones_are_not() -> None:
    none = SetEscalation(on=MONDAY, rules=EscalationRulesKept(version=2, rules=(), by="user:boss"))
    given = spec.when(OPEN, SET, none, SET)
    assert [type(event) for event in given.events][1:] == [DenialEscalationSet, DenialEscalationSet]
    assert given.events[-1].rule is None  # type: ignore[union-attr]
    spec.when(OPEN, SET, RESOLVE, none).then_kinds(type(given.events[0]), DenialEscalationSet, DenialResolved)


def test_a_step_is_ticked_by_who_did_it_and_only_one_that_is_in_the_checklist() -> None:
    tick = TickStep(
        by="user:ann", on=MONDAY, step_id="find-the-authorization", is_done=True, checklist=ours("authorization")
    )
    ticked = spec.when(OPEN, SET, tick, tick).only(ChecklistStepTicked)
    assert (ticked.by, ticked.checklist_version, ticked.escalates_on) == ("user:ann", 0, date(2026, 6, 8))
    assert spec.when(OPEN, tick, replace(tick, is_done=False)).only(ChecklistStepUnticked).step_id == tick.step_id
    spec.when(OPEN, replace(tick, step_id="dance")).then_refused("checklist-step-unknown")
    spec.when(OPEN, ANN, replace(tick, by="user:bob", on=ANN.on)).then_refused("denial-assigned-to-another")


def test_a_checklist_of_ones_own_has_versions_and_keeping_it_as_it_is_is_no_news() -> None:
    keep = KeepChecklist(category="coding", steps=(ChecklistStep(step_id="ask", text="Ask"),), by="user:boss")
    kept = Specification(denial_checklist).when(keep, keep, replace(keep, steps=())).events
    assert [(type(event), event.version) for event in kept] == [(DenialChecklistKept, 1), (DenialChecklistKept, 2)]
    Specification(denial_checklist).when(replace(keep, category="weather")).then_refused("checklist-malformed")
    Specification(denial_checklist).when(replace(keep, steps=keep.steps * 2)).then_refused("checklist-malformed")


@pytest.mark.parametrize(
    "wrong", [(ALL, ALL), (EscalationRule(rule_id="x", category="weather", workdays=1, supervisor="user:a"),)]
)
def test_rules_of_one_name_or_about_no_category_are_refused(wrong: tuple[EscalationRule, ...]) -> None:
    keep = KeepEscalationRules(rules=wrong, by="user:boss")
    Specification(escalation_rules).when(keep).then_refused("escalation-rules-malformed")


def test_the_timer_follows_from_the_events_alone() -> None:
    def changes(event: Any) -> list[Any]:
        return list(escalate_denials.plan(recorded(event, stream=f"denial/{DENIAL_ID}", version=1)))

    key = f"escalation/{DENIAL_ID}"
    assigned = spec.when(OPEN, SET, ANN).only(DenialAssigned)
    assert changes(assigned) == [SetTimer(key=key, due_at=datetime(2026, 6, 10, tzinfo=UTC))]
    assert changes(DenialResolved(denial_id=DENIAL_ID, outcome="paid")) == [CancelTimer(key=key)]
    due = DueTimer(tenant="t", key=key, due_at=datetime(2026, 6, 10, tzinfo=UTC), note="")
    assert escalate_denials.fire(due) == [(DENIAL_ID, EscalateDenial(on=date(2026, 6, 10)))]
