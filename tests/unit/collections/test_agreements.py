from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collections.api import bodies
from services.collections.domain.gates import GATES, HOLDS
from services.collections.domain.guarantor_account.commands import (
    AgreePlan,
    CancelPlan,
    CheckDispute,
    CheckInstalment,
    CheckPromise,
    DecideAssistance,
    IssueStatement,
    LiftHold,
    LogContact,
    MakePromise,
    NoteBalance,
    OpenDispute,
    PlaceAccount,
    PlaceHold,
    RecallAccount,
    ResolveDispute,
)
from services.collections.domain.guarantor_account.forecast import forecast
from services.collections.domain.guarantor_account.plans import instalments_of
from services.collections.domain.strategy import OUTCOMES
from shared.events.collections import (
    AccountPlaced,
    AccountRecalled,
    AssistanceDecided,
    ContactLogged,
    DisputeAnswerOverdue,
    DisputeResolved,
    HoldLifted,
    HoldPlaced,
    InstalmentMissed,
    NextStepPlanned,
    PaymentPlanAgreed,
    PaymentPlanEnded,
    PaymentWithdrawn,
    PromiseBroken,
    PromiseKept,
    StatementIssued,
)
from tests.unit.collections.stories import (
    DAY,
    FIRST,
    LAST_NOTICE,
    PATIENT,
    STRATEGY,
    A,
    B,
    cycle,
    later,
    notices,
    owes,
    pays,
    spec,
)


def plan(**changes: Any) -> AgreePlan:
    told = {"patient_id": PATIENT, "plan_id": "plan-1", "instalments": 3, "first_due_on": date(2026, 4, 1), "on": DAY}
    return AgreePlan(**(told | changes))


def instalment(number: int, on: date) -> CheckInstalment:
    return CheckInstalment(patient_id=PATIENT, plan_id="plan-1", number=number, on=on)


IN_TEN_DAYS = later(10, DAY)


def promise(cents: int = 50_00, by_on: date = IN_TEN_DAYS) -> MakePromise:
    return MakePromise(patient_id=PATIENT, promise_id="promise-1", amount_cents=cents, by_on=by_on, on=DAY)


def dispute(*accounts: str, dispute_id: str = "dispute-1") -> OpenDispute:
    return OpenDispute(
        patient_id=PATIENT, dispute_id=dispute_id, account_ids=accounts or (A,), reason_code="not-mine", on=DAY
    )


def resolve(dispute_id: str = "dispute-1") -> ResolveDispute:
    return ResolveDispute(
        patient_id=PATIENT, dispute_id=dispute_id, outcome="rejected", reason="documented", on=later(5)
    )


def hold(name: str = "litigation") -> PlaceHold:
    return PlaceHold(patient_id=PATIENT, hold=name, reason="told by the attorney", on=DAY)


def place(on: date, account: str = A) -> PlaceAccount:
    return PlaceAccount(patient_id=PATIENT, account_id=account, placement_id="placement-1", agency="agency-1", on=on)


PLACEABLE = later(30, LAST_NOTICE)

# --- plans ------------------------------------------------------------------------------------------------------------


def test_instalments_sum_to_the_plan_and_the_last_takes_the_rounding() -> None:
    agreed = spec.when(owes(100_00), plan()).only(PaymentPlanAgreed)
    assert [(each.amount_cents, each.due_on) for each in agreed.instalments] == [
        (33_33, date(2026, 4, 1)),
        (33_33, date(2026, 5, 1)),
        (33_34, date(2026, 6, 1)),
    ]


@given(st.integers(1, 10_000_000), st.integers(1, 60), st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_instalments_always_sum_to_the_plan_in_the_order_of_their_days(cents: int, count: int, first: date) -> None:
    found = instalments_of(cents, count, first)
    assert sum(each.amount_cents for each in found) == cents
    assert [each.due_on for each in found] == sorted({each.due_on for each in found})


def test_a_plan_that_begins_on_the_last_of_a_month_keeps_to_the_last_of_shorter_ones() -> None:
    found = instalments_of(300_00, 3, date(2027, 1, 31))
    assert [each.due_on for each in found] == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31)]


def test_while_a_plan_is_kept_no_statement_goes_out() -> None:
    decided = spec.when(owes(100_00), plan(), cycle())
    assert not [event for event in decided.events if isinstance(event, StatementIssued)]
    refusal = spec.when(owes(100_00), plan(), IssueStatement(patient_id=PATIENT, on=FIRST)).then_refused("gate-open")
    assert refusal.facts["gate"] == "payment-plan"


def test_a_plan_for_one_account_leaves_the_others_in_the_cycle() -> None:
    issued = spec.when(owes(100_00), owes(40_00, B), plan(account_ids=(A,)), cycle()).only(StatementIssued)
    assert [line.account_id for line in issued.lines] == [B]


def test_an_instalment_is_missed_once_and_only_after_its_grace() -> None:
    before, after = date(2026, 4, 6), date(2026, 4, 7)
    given_plan = spec.when(owes(100_00), plan(), instalment(1, before))
    assert not [event for event in given_plan.events if isinstance(event, InstalmentMissed)]
    missed = spec.when(owes(100_00), plan(), instalment(1, after), instalment(1, after)).only(InstalmentMissed)
    assert (missed.number, missed.amount_cents) == (1, 33_33)


def test_an_instalment_that_was_paid_in_part_is_missed_by_the_rest() -> None:
    decided = spec.when(owes(100_00), plan(), pays(20_00, on=later(3)), instalment(1, date(2026, 4, 7)))
    assert decided.only(InstalmentMissed).amount_cents == 13_33


def test_payments_meet_the_instalments_in_order() -> None:
    decided = spec.when(
        owes(100_00),
        plan(),
        pays(70_00, on=later(3)),
        instalment(1, date(2026, 4, 7)),
        instalment(2, date(2026, 5, 7)),
    )
    assert not [event for event in decided.events if isinstance(event, InstalmentMissed)]


def test_the_second_missed_instalment_ends_the_plan_and_the_cycle_goes_on() -> None:
    decided = spec.when(owes(100_00), plan(), instalment(1, date(2026, 4, 7)), instalment(2, date(2026, 5, 7)))
    assert decided.only(PaymentPlanEnded).outcome == "defaulted"
    assert decided.state.planned is not None and decided.state.planned.step == "statement"


def test_a_plan_that_is_paid_is_completed() -> None:
    decided = spec.when(owes(100_00), plan(), pays(40_00, on=later(3)), pays(60_00, on=later(30)))
    assert decided.only(PaymentPlanEnded).outcome == "completed"


def bounced(cents: int, payment: str, *, on: date) -> NoteBalance:
    return owes(cents, on=on, reason="payment-returned-by-bank", payment_id=payment)


def test_an_instalment_that_bounced_is_missed() -> None:
    paid = replace(pays(50_00, on=later(3)), payment_id="check-1")
    met = spec.when(owes(100_00), plan(), paid, instalment(1, date(2026, 4, 7)))
    assert not [event for event in met.events if isinstance(event, InstalmentMissed)]
    back = bounced(50_00, "check-1", on=later(9))
    decided = spec.when(owes(100_00), plan(), paid, back, instalment(1, date(2026, 4, 7)))
    assert decided.only(PaymentWithdrawn).amount_cents == 50_00
    assert decided.only(InstalmentMissed).number == 1


def test_what_bounced_and_was_paid_before_the_plan_takes_nothing_from_the_plan() -> None:
    before = replace(pays(10_00, on=later(1)), payment_id="check-1")
    decided = spec.when(
        owes(110_00),
        before,
        plan(),
        pays(50_00, on=later(3)),
        bounced(10_00, "check-1", on=later(9)),
        instalment(1, date(2026, 4, 7)),
    )
    assert not [event for event in decided.events if isinstance(event, InstalmentMissed)]


def test_what_bounced_keeps_no_promise() -> None:
    paid = replace(pays(20_00, on=later(1)), payment_id="check-1")
    told = (owes(100_00), promise(), paid, bounced(20_00, "check-1", on=later(2)), pays(30_00, on=later(3)))
    assert not [event for event in spec.when(*told).events if isinstance(event, PromiseKept)]


def test_a_cancelled_plan_lets_the_cycle_go_on() -> None:
    cancelled = CancelPlan(patient_id=PATIENT, plan_id="plan-1", reason="asked for", on=later(1))
    decided = spec.when(owes(100_00), plan(), cancelled, cycle(later(2)))
    assert decided.only(StatementIssued).due_cents == 100_00


@pytest.mark.parametrize(
    "changes",
    [{"instalments": 61}, {"instalments": 20}, {"first_due_on": date(2026, 3, 1)}, {"account_ids": ("ACCOUNT-X",)}],
)
def test_a_plan_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    spec.when(owes(100_00), plan(**changes)).then_refused("plan-does-not-fit")


def test_two_plans_at_once_are_refused_and_the_same_one_twice_is_no_news() -> None:
    spec.when(owes(100_00), plan(), plan()).only(PaymentPlanAgreed)
    spec.when(owes(100_00), plan(), plan(plan_id="plan-2")).then_refused("plan-exists")


# --- promises ---------------------------------------------------------------------------------------------------------


def test_while_a_promise_is_open_the_next_letter_waits() -> None:
    decided = spec.when(owes(100_00), promise(), cycle())
    assert not [event for event in decided.events if isinstance(event, StatementIssued)]
    planned = decided.state.planned
    assert planned is not None and (planned.gate, planned.due_on) == ("promise", later(14, DAY))


def test_a_promise_is_kept_when_as_much_was_paid() -> None:
    decided = spec.when(owes(100_00), promise(), pays(20_00, on=later(1)), pays(30_00, on=later(2)))
    assert decided.only(PromiseKept).promise_id == "promise-1"


def test_a_promise_is_broken_once_its_grace_is_over_by_what_is_missing() -> None:
    check = CheckPromise(patient_id=PATIENT, promise_id="promise-1", on=later(14, DAY))
    decided = spec.when(
        owes(100_00), promise(), pays(20_00, on=later(1)), replace(check, on=later(13, DAY)), check, check
    )
    assert decided.only(PromiseBroken).amount_cents == 30_00


@pytest.mark.parametrize(("cents", "by_on"), [(100_01, later(1, DAY)), (50_00, later(-1, DAY))])
def test_a_promise_of_more_than_is_owed_or_of_the_past_is_refused(cents: int, by_on: date) -> None:
    spec.when(owes(100_00), promise(cents, by_on)).then_refused("promise-does-not-fit")


# --- disputes ---------------------------------------------------------------------------------------------------------


def test_a_dispute_that_is_answered_lets_the_cycle_go_on() -> None:
    decided = spec.when(owes(100_00), dispute(), cycle(), resolve(), resolve(), cycle(later(6)))
    assert decided.only(DisputeResolved).account_ids == (A,)
    assert decided.only(StatementIssued).due_cents == 100_00


def test_a_dispute_about_an_account_that_nobody_owes_on_is_refused() -> None:
    spec.when(owes(100_00), dispute("ACCOUNT-X")).then_refused("account-unknown")


def test_one_account_is_not_disputed_twice_at_once() -> None:
    spec.when(owes(100_00), dispute(), dispute(dispute_id="dispute-2")).then_refused("dispute-does-not-fit")


def test_a_dispute_that_was_never_opened_cannot_be_answered() -> None:
    spec.when(owes(100_00), resolve()).then_refused("dispute-unknown")


def test_a_dispute_that_nobody_answers_in_time_is_said_once() -> None:
    check = CheckDispute(patient_id=PATIENT, dispute_id="dispute-1", on=later(31, DAY))
    overdue = spec.when(owes(100_00), dispute(), replace(check, on=later(30, DAY)), check, check).only(
        DisputeAnswerOverdue
    )
    assert overdue.answer_by_on == later(30, DAY)


# --- holds and assistance ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOLDS)
def test_every_hold_stops_every_letter_and_names_itself(name: str) -> None:
    decided = spec.when(owes(100_00), hold(name), cycle())
    assert not [event for event in decided.events if isinstance(event, StatementIssued)]
    assert decided.state.planned is not None
    assert (decided.state.planned.step, decided.state.planned.gate) == ("paused", name)


def test_a_hold_that_is_lifted_lets_the_letter_go_out() -> None:
    lifted = LiftHold(patient_id=PATIENT, hold="litigation", reason="settled", on=later(3))
    assert spec.when(owes(100_00), hold(), lifted, cycle(later(4))).only(StatementIssued).due_cents == 100_00


def test_a_hold_that_is_not_in_the_catalogue_is_refused_and_so_is_lifting_none() -> None:
    spec.when(owes(100_00), hold("because")).then_refused("hold-unknown")
    lifted = LiftHold(patient_id=PATIENT, hold="minor", reason="grown up", on=DAY)
    spec.when(owes(100_00), lifted).then_refused("hold-unknown")


def test_approved_assistance_pauses_until_the_ledger_wrote_the_discount_off() -> None:
    approved = DecideAssistance(
        patient_id=PATIENT, decision="approved", discount_percent=60, reason="sliding scale", on=DAY
    )
    decided = spec.when(owes(100_00), approved, cycle())
    assert decided.only(AssistanceDecided).discount_percent == 60
    assert decided.only(HoldPlaced).hold == "charity-pending"
    written_off = owes(-60_00, on=later(5), reason="adjustment-charity")
    decided = spec.when(owes(100_00), approved, cycle(), written_off, cycle(later(6)))
    assert decided.only(HoldLifted).hold == "charity-pending"
    assert decided.only(StatementIssued).due_cents == 40_00


def test_denied_assistance_lifts_the_hold_of_the_application() -> None:
    denied = DecideAssistance(patient_id=PATIENT, decision="denied", reason="above the scale", on=later(1))
    lifted = spec.when(owes(100_00), hold("charity-pending"), denied).only(HoldLifted)
    assert lifted.hold == "charity-pending"


# --- placement --------------------------------------------------------------------------------------------------------


def test_an_account_is_placed_thirty_days_after_its_final_notice_and_not_before() -> None:
    refusal = spec.when(owes(100_00), *notices(4), place(later(29, LAST_NOTICE))).then_refused("gate-open")
    assert (refusal.facts["gate"], refusal.facts["until_on"]) == ("final-notice", PLACEABLE.isoformat())
    placed = spec.when(owes(100_00), *notices(4), place(PLACEABLE)).only(AccountPlaced)
    assert (placed.amount_cents, placed.agency) == (100_00, "agency-1")


def test_an_account_without_a_final_notice_is_not_placed_however_old_it_is() -> None:
    refusal = spec.when(owes(100_00), *notices(3), place(later(900))).then_refused("gate-open")
    assert refusal.facts["gate"] == "final-notice"


def test_an_account_on_which_something_was_paid_lately_is_not_placed() -> None:
    paid_on = later(20, LAST_NOTICE)
    decided = spec.when(owes(100_00), *notices(4), pays(10_00, on=paid_on), place(PLACEABLE))
    assert decided.then_refused("gate-open").facts["gate"] == "recent-payment"


@pytest.mark.parametrize(("pause", "gate"), [(dispute(), "dispute"), (hold(), "litigation"), (plan(), "payment-plan")])
def test_what_is_disputed_held_or_in_a_plan_is_not_placed(pause: Any, gate: str) -> None:
    later_pause = replace(pause, **({"first_due_on": PLACEABLE} if gate == "payment-plan" else {}))
    refusal = spec.when(owes(100_00), *notices(4), later_pause, place(PLACEABLE)).then_refused("gate-open")
    assert refusal.facts["gate"] == gate


def test_an_account_that_is_paid_cannot_be_placed() -> None:
    spec.when(owes(100_00), *notices(4), pays(100_00, on=PLACEABLE), place(PLACEABLE)).then_refused("nothing-to-place")


def test_while_placed_nothing_is_billed_and_a_recall_takes_it_back_with_its_age() -> None:
    to_agency = owes(-100_00, on=PLACEABLE, reason="moved-to-agency")
    back = owes(100_00, on=later(60, PLACEABLE), reason="returned-from-agency")
    recall = RecallAccount(patient_id=PATIENT, account_id=A, reason="paid plan offered", on=later(59, PLACEABLE))
    decided = spec.when(owes(100_00), *notices(4), place(PLACEABLE), to_agency, cycle(later(40, PLACEABLE)))
    assert len([event for event in decided.events if isinstance(event, StatementIssued)]) == 4
    assert decided.state.planned is not None and decided.state.planned.gate == "placed"
    decided = spec.when(owes(100_00), *notices(4), place(PLACEABLE), to_agency, recall, back)
    decided.only(AccountRecalled)
    debt = decided.state.debts[A]
    assert (debt.balance_cents, debt.since_on, debt.reason, debt.notices) == (100_00, DAY, "deductible", 4)


def test_what_no_agency_has_cannot_be_recalled() -> None:
    recall = RecallAccount(patient_id=PATIENT, account_id=A, reason="by mistake", on=DAY)
    spec.when(owes(100_00), recall).then_refused("not-placed")


# --- contacts, catalogue, forecast ------------------------------------------------------------------------------------


def test_the_outcome_of_a_contact_sets_the_day_of_the_next_action() -> None:
    logged = LogContact(patient_id=PATIENT, outcome_code="left-message", on=DAY)
    assert spec.when(owes(100_00), logged).only(ContactLogged).next_action_on == later(7, DAY)
    asked = replace(logged, next_action_on=later(2, DAY))
    assert spec.when(owes(100_00), asked).only(ContactLogged).next_action_on == later(2, DAY)


def test_what_callers_may_name_is_what_the_catalogue_and_the_strategy_have() -> None:
    assert (get_args(bodies.Hold), get_args(bodies.Outcome)) == (HOLDS, tuple(OUTCOMES))


def test_every_gate_names_its_rule_source_and_owner() -> None:
    for gate in GATES.values():
        assert all(getattr(gate, each.name) for each in fields(gate)), gate.gate_id


def test_the_forecast_sends_what_the_cycle_sends() -> None:
    account = spec.when(owes(100_00), owes(45_00, B)).state
    found = forecast(account, STRATEGY, from_on=DAY, days=200)
    assert [(letter.on, letter.step) for letter in found.letters] == [
        (later(30 * index), notice.step) for index, notice in enumerate(STRATEGY.notices)
    ]
    assert (found.letters[0].billed_cents, found.letters[0].expected_cents) == (145_00, 50_75)
    assert found.ends_as == "ready-for-placement"


def test_the_forecast_of_a_held_patient_sends_nothing() -> None:
    account = spec.when(owes(100_00), hold()).state
    assert forecast(account, STRATEGY, from_on=DAY, days=200).letters == ()


def test_a_step_is_said_again_only_when_it_changes() -> None:
    decided = spec.when(owes(100_00), hold(), hold("minor"), owes(5_00))
    steps = [(event.step, event.gate) for event in decided.events if isinstance(event, NextStepPlanned)]
    assert steps == [("statement", ""), ("paused", "litigation"), ("paused", "minor")]


def test_the_page_for_collectors_names_every_gate_and_every_notice() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/ask-patients-to-pay.md").read_text()
    named = {*GATES, *(notice.step for notice in STRATEGY.notices)}
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []
