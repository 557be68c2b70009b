from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.collections.domain.guarantor_account.commands import OpenDispute, PlaceHold
from services.collections.invariants import BalancesAreTheLedgers, PlansAddUp, StatementsAddUp
from services.collections.projections import statements, worklist
from shared.events.collections import (
    Instalment,
    PatientBalanceNoted,
    PaymentPlanAgreed,
    StatementIssued,
    StatementLine,
    StatementLinePart,
)
from shared.runtime.projection import Projection, Put
from tests.unit.collections.stories import DAY, PATIENT, A, B, cycle, later, owes, pays, spec
from tests.unit.collections.test_policies import recorded


def rows_of(projection: Projection, events: Sequence[Any]) -> dict[str, dict[Any, dict[str, Any]]]:
    """The tables after these events of one stream."""
    wanted = tuple(kind for kinds in projection.reads.values() for kind in kinds)
    tables: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    for version, event in enumerate(events, start=1):
        if not isinstance(event, wanted):
            continue
        for change in projection.apply(recorded(event, version)):
            if isinstance(change, Put):
                row = tables[change.table].setdefault(change.key, {})
                row.update(change.values)
                for column, amount in change.add.items():
                    row[column] = (row.get(column) or 0) + amount
            else:
                tables[change.table].pop(change.key, None)
    return tables


story = st.lists(
    st.tuples(st.sampled_from([A, B, "ACCOUNT-C"]), st.integers(-20_000, 50_000).filter(bool), st.integers(1, 40)),
    min_size=1,
    max_size=15,
)


@given(story)
@settings(max_examples=60)
def test_the_worklist_shows_what_the_account_decides_by(changes: list[tuple[str, int, int]]) -> None:
    on, commands = DAY, []
    for account, cents, wait in changes:
        commands += [owes(cents, account, on=on) if cents > 0 else pays(-cents, account, on=on)]
        on = later(wait, on)
        commands += [cycle(on)]
    decided = spec.when(*commands)
    tables = rows_of(worklist.projection, decided.events)
    for account, debt in decided.state.debts.items():
        row = tables["collection_accounts"][account, PATIENT]
        assert (row["balance_cents"], row["since_on"]) == (debt.balance_cents, debt.since_on)
        assert (row["notices"] if debt.notices else 0, row.get("last_payment_on")) == (debt.notices, debt.paid_on)
    if planned := decided.state.planned:
        row = tables["collection_patients"][PATIENT,]
        assert (row["next_step"], row["next_on"]) == (planned.step, planned.due_on)


def test_a_statement_of_the_read_model_is_the_event_again() -> None:
    decided = spec.when(owes(80_00, service_on=date(2026, 2, 2)), owes(20_00, B), cycle())
    issued = decided.only(StatementIssued)
    row = rows_of(statements.projection, decided.events)["statements"][issued.statement_id,]
    assert statements.issued_of({"statement_id": issued.statement_id, **row}) == issued
    assert row["step"] == "first-statement"


def test_a_dispute_is_on_its_account_only_and_a_hold_on_the_patient() -> None:
    disputed = OpenDispute(patient_id=PATIENT, dispute_id="d1", account_ids=(A,), reason_code="not-mine", on=DAY)
    held = PlaceHold(patient_id=PATIENT, hold="minor", reason="born 2012", on=DAY)
    tables = rows_of(worklist.projection, spec.when(owes(80_00), owes(20_00, B), disputed, held).events)
    assert [tables["collection_accounts"][each, PATIENT].get("dispute_id") for each in (A, B)] == ["d1", None]
    assert list(tables["patient_holds"]) == [(PATIENT, "minor")]


# --- invariants -------------------------------------------------------------------------------------------------------


def found_by(invariant: Any, *events: Any) -> tuple[int, int]:
    for version, event in enumerate(events, start=1):
        invariant.see(recorded(event, version))
    return invariant.result().checked, len(invariant.result().violations)


def test_the_invariants_pass_what_the_decider_decides() -> None:
    events = spec.when(owes(80_00), owes(20_00, B), cycle(), pays(30_00, on=later(3)), cycle(later(30))).events
    assert found_by(BalancesAreTheLedgers(), *events) == (3, 0)
    assert found_by(StatementsAddUp(), *events) == (2, 0)


def test_the_invariants_name_a_statement_a_plan_and_a_balance_that_do_not_add_up() -> None:
    copay = StatementLinePart(reason="copay", amount_cents=80_00)
    line = StatementLine(account_id=A, balance_cents=80_00, reason="copay", since_on=DAY, parts=(copay,))
    wrong_statement = StatementIssued(
        statement_id="s1",
        patient_id=PATIENT,
        number=1,
        lines=(line,),
        due_cents=80_01,
        issued_on=DAY,
        pay_by_on=later(25),
    )
    wrong_plan = PaymentPlanAgreed(
        patient_id=PATIENT,
        plan_id="p1",
        total_cents=80_00,
        instalments=(Instalment(number=1, due_on=DAY, amount_cents=79_99),),
    )
    wrong_balance = PatientBalanceNoted(
        patient_id=PATIENT,
        account_id=A,
        change_cents=80_00,
        balance_cents=81_00,
        reason="copay",
        since_on=DAY,
        source_event_id="e1",
    )
    assert found_by(StatementsAddUp(), wrong_statement) == (1, 1)
    assert found_by(PlansAddUp(), wrong_plan) == (1, 1)
    assert found_by(BalancesAreTheLedgers(), wrong_balance) == (1, 1)
    assert found_by(BalancesAreTheLedgers(), wrong_balance, wrong_balance) == (2, 3)
