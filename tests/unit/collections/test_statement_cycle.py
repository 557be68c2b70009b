from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.collections.domain.guarantor_account.commands import IssueStatement, NotePrinted, OpenDispute, PlaceHold
from services.collections.domain.guarantor_account.decider import guarantor_account
from services.collections.domain.guarantor_account.next_step import next_step
from shared.events.collections import (
    NextStepPlanned,
    NoticeSent,
    PatientBalanceNoted,
    PaymentHeard,
    StatementIssued,
    StatementPrinted,
)
from shared.events.values import DocumentReference
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

# --- balances ---------------------------------------------------------------------------------------------------------


def test_what_the_ledger_says_is_noted_and_the_first_statement_planned() -> None:
    decided = spec.when(owes(80_00))
    decided.then_kinds(PatientBalanceNoted, NextStepPlanned)
    planned = decided.only(NextStepPlanned)
    assert (planned.step, planned.due_on, planned.number, planned.account_ids) == ("statement", FIRST, 1, (A,))


def test_the_same_event_of_the_ledger_is_heard_once() -> None:
    told = owes(80_00)
    spec.when(told, told).then_kinds(PatientBalanceNoted, NextStepPlanned)


def test_a_change_keeps_the_day_since_which_the_patient_owes() -> None:
    state = spec.when(owes(80_00), owes(20_00, on=later(5, DAY))).state
    assert (state.debts[A].balance_cents, state.debts[A].since_on) == (100_00, DAY)


def test_what_comes_up_again_after_it_was_paid_is_a_new_debt_with_notices_from_the_first() -> None:
    again = later(60)
    state = spec.when(owes(80_00), *notices(2), pays(80_00, on=later(40)), owes(30_00, on=again)).state
    assert (state.debts[A].notices, state.debts[A].since_on) == (0, again)


def test_an_overpaid_account_is_a_credit_and_on_no_statement() -> None:
    decided = spec.when(owes(-20_00, A), owes(80_00, B), cycle())
    issued = decided.only(StatementIssued)
    assert ([line.account_id for line in issued.lines], issued.due_cents) == ([B], 80_00)


# --- the cycle --------------------------------------------------------------------------------------------------------


def test_a_statement_lists_every_account_and_its_lines_sum_to_what_is_due() -> None:
    issued = spec.when(owes(80_00), owes(20_50, B), cycle()).only(StatementIssued)
    assert [(line.account_id, line.balance_cents) for line in issued.lines] == [(A, 80_00), (B, 20_50)]
    assert (issued.due_cents, issued.number, issued.pay_by_on) == (100_50, 1, later(25))


def test_the_notice_names_the_version_of_the_strategy() -> None:
    sent = spec.when(owes(80_00), cycle()).only(NoticeSent)
    assert (sent.step, sent.strategy_version, sent.channel) == ("first-statement", 1, "mail")


def test_before_its_day_no_statement_goes_out() -> None:
    spec.when(owes(80_00), cycle(DAY)).then_kinds(PatientBalanceNoted, NextStepPlanned)


def test_the_same_statement_has_the_same_id_whoever_issues_it() -> None:
    told = owes(80_00)
    by_cycle = spec.when(told, cycle()).only(StatementIssued)
    by_person = spec.when(told, IssueStatement(patient_id=PATIENT, on=FIRST)).only(StatementIssued)
    assert by_cycle == by_person


def test_a_cycle_that_runs_twice_on_a_day_sends_once() -> None:
    decided = spec.when(owes(80_00), cycle(), cycle())
    assert len([event for event in decided.events if isinstance(event, StatementIssued)]) == 1


def test_four_notices_go_out_thirty_days_apart_and_the_last_is_final() -> None:
    decided = spec.when(owes(80_00), *notices(4))
    issued = [event for event in decided.events if isinstance(event, StatementIssued)]
    assert [(each.number, each.issued_on, each.is_final_notice) for each in issued] == [
        (1, FIRST, False),
        (2, later(30), False),
        (3, later(60), False),
        (4, later(90), True),
    ]


def test_after_the_final_notice_the_account_is_ready_for_placement_and_not_billed_again() -> None:
    decided = spec.when(owes(80_00), *notices(4), cycle(later(120)), cycle(later(400)))
    assert len([event for event in decided.events if isinstance(event, StatementIssued)]) == 4
    planned = decided.state.planned
    assert planned is not None
    assert (planned.step, planned.due_on) == ("ready-for-placement", later(30, LAST_NOTICE))


def test_less_than_the_minimum_is_not_asked_for() -> None:
    decided = spec.when(owes(4_99), cycle(later(90)))
    assert not [event for event in decided.events if isinstance(event, StatementIssued)]
    spec.when(owes(4_99), IssueStatement(patient_id=PATIENT, on=FIRST)).then_refused("nothing-to-bill")


def test_the_minimum_itself_is_asked_for() -> None:
    assert spec.when(owes(5_00), cycle()).only(StatementIssued).due_cents == 5_00


def test_an_account_that_joins_a_running_cycle_gets_its_own_first_notice() -> None:
    decided = spec.when(owes(80_00), cycle(), owes(40_00, B, on=later(10)), cycle(later(30)))
    second = [event for event in decided.events if isinstance(event, StatementIssued)][-1]
    assert [(line.account_id, line.notice) for line in second.lines] == [(A, 2), (B, 1)]


def test_an_account_that_joins_late_waits_for_the_next_letter() -> None:
    decided = spec.when(owes(80_00), cycle(), owes(40_00, B, on=later(10)), cycle(later(12)))
    assert len([event for event in decided.events if isinstance(event, StatementIssued)]) == 1


def test_a_person_cannot_send_two_statements_within_28_days() -> None:
    refusal = spec.when(owes(80_00), cycle(), IssueStatement(patient_id=PATIENT, on=later(27))).then_refused(
        "gate-open"
    )
    assert refusal.facts["gate"] == "statement-interval"


def test_a_person_can_send_the_next_statement_two_days_before_its_day() -> None:
    decided = spec.when(owes(80_00), cycle(), IssueStatement(patient_id=PATIENT, on=later(28)))
    assert [event.number for event in decided.events if isinstance(event, StatementIssued)] == [1, 2]


def test_a_payment_in_full_ends_the_cycle() -> None:
    decided = spec.when(owes(80_00), cycle(), pays(80_00, on=later(5)), cycle(later(30)))
    assert len([event for event in decided.events if isinstance(event, StatementIssued)]) == 1
    assert decided.only(PaymentHeard).amount_cents == 80_00
    assert decided.state.planned is not None and decided.state.planned.step == "none"


def test_a_payment_holds_the_step_the_next_letter_is_no_harder() -> None:
    decided = spec.when(owes(80_00), *notices(2), pays(30_00, on=later(40)), cycle(later(60)))
    third = [event for event in decided.events if isinstance(event, StatementIssued)][-1]
    assert (third.number, third.due_cents) == (2, 50_00)


def test_every_cent_of_a_line_is_explained() -> None:
    told = (
        owes(80_00),
        owes(20_00, reason="coinsurance"),
        pays(30_00, on=DAY),
        owes(-5_00, reason="adjustment-prompt-pay"),
    )
    (line,) = spec.when(*told, cycle()).only(StatementIssued).lines
    assert [(part.reason, part.amount_cents) for part in line.parts] == [
        ("deductible", 80_00),
        ("coinsurance", 20_00),
        ("payment", -30_00),
        ("adjustment-prompt-pay", -5_00),
    ]
    assert (line.balance_cents, line.reason) == (65_00, "deductible")


# --- gates ------------------------------------------------------------------------------------------------------------


def test_while_a_hold_stands_nothing_is_sent_and_the_refusal_names_the_gate_and_its_source() -> None:
    held = PlaceHold(patient_id=PATIENT, hold="bankruptcy", reason="chapter 7 filed", on=DAY)
    assert not [event for event in spec.when(owes(80_00), held, cycle()).events if isinstance(event, StatementIssued)]
    refusal = spec.when(owes(80_00), held, IssueStatement(patient_id=PATIENT, on=FIRST)).then_refused("gate-open")
    assert (refusal.facts["gate"], "362" in str(refusal.facts["source"])) == ("bankruptcy", True)


def test_a_dispute_pauses_its_account_only() -> None:
    disputed = OpenDispute(patient_id=PATIENT, dispute_id="d1", account_ids=(A,), reason_code="not-mine", on=DAY)
    issued = spec.when(owes(80_00), owes(20_00, B), disputed, cycle()).only(StatementIssued)
    assert ([line.account_id for line in issued.lines], issued.due_cents, issued.disputed_cents) == ([B], 20_00, 80_00)


def test_a_statement_is_printed_once() -> None:
    printed = NotePrinted(
        patient_id=PATIENT, statement_id="s1", document=DocumentReference(document_id="f" * 64), on=DAY
    )
    spec.when(printed, printed).then_kinds(StatementPrinted)


# --- properties -------------------------------------------------------------------------------------------------------

amounts = st.integers(-30_000, 60_000).filter(bool)
days = st.lists(st.tuples(st.sampled_from([A, B, "ACCOUNT-C"]), amounts, st.integers(1, 40)), min_size=1, max_size=25)


@given(days)
@settings(max_examples=150)
def test_whatever_the_ledger_says_lines_sum_to_due_and_letters_keep_their_distance(
    story: list[tuple[str, int, int]],
) -> None:
    on, commands = DAY, []
    for account, cents, wait in story:
        commands += [owes(cents, account, on=on) if cents > 0 else pays(-cents, account, on=on)]
        on = later(wait, on)
        commands += [cycle(on)]
    decided = spec.when(*commands)
    issued = [event for event in decided.events if isinstance(event, StatementIssued)]
    assert all(each.due_cents == sum(line.balance_cents for line in each.lines) >= 5_00 for each in issued)
    assert all(line.balance_cents > 0 for each in issued for line in each.lines)
    assert all(
        sum(part.amount_cents for part in line.parts) == line.balance_cents for each in issued for line in each.lines
    )
    assert all((after.issued_on - before.issued_on).days >= 28 for before, after in pairwise(issued))
    assert len({each.statement_id for each in issued}) == len(issued)


@given(days)
@settings(max_examples=100)
def test_a_balance_is_the_sum_of_what_was_heard_however_often_it_is_said(story: list[tuple[str, int, int]]) -> None:
    commands = [owes(cents, account) for account, cents, _ in story]
    state = spec.when(*commands, *reversed(commands)).state
    for account in {account for account, _, _ in story}:
        assert state.debts[account].balance_cents == sum(cents for each, cents, _ in story if each == account)


@given(days)
@settings(max_examples=50)
def test_the_step_that_was_said_is_the_step_that_the_function_gives(story: list[tuple[str, int, int]]) -> None:
    decided = spec.when(*(owes(cents, account) for account, cents, _ in story), cycle())
    again = guarantor_account.state_after(decided.events)
    step = next_step(again, STRATEGY)
    planned = again.planned
    found = ("none", None) if planned is None else (planned.step, planned.due_on)
    assert found == (step.step, step.due_on)


def test_a_later_strategy_does_not_change_what_was_sent() -> None:
    state = spec.when(owes(80_00), cycle()).state
    slower = replace(STRATEGY, version=2, since_on=date(2026, 1, 1), interval_days=45)
    assert (next_step(state, STRATEGY).due_on, next_step(state, slower).due_on) == (later(30), later(45))
