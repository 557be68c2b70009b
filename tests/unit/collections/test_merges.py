"""Two registrations, one person: is what both owe worked as one account, whatever was heard first?"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.collections.domain.errors import AccountIsMerged
from services.collections.domain.guarantor_account.commands import (
    AgreePlan,
    CancelPlan,
    CheckInstalment,
    CheckPromise,
    GuarantorCommand,
    IssueStatement,
    LogContact,
    MakePromise,
    OpenDispute,
    PlaceAccount,
    PlaceHold,
    RecallAccount,
    ResolveDispute,
)
from services.collections.domain.guarantor_account.decider import guarantor_account
from services.collections.domain.guarantor_account.next_step import next_step
from services.collections.domain.guarantor_account.state import GuarantorAccount
from services.collections.invariants import BalancesAreTheLedgers
from services.collections.policies import deadlines, follow_merges
from services.collections.projections import casework, worklist
from shared.events.collections import GuarantorAccountJoined, GuarantorAccountMerged, StatementIssued
from shared.events.eligibility import PatientRetired
from shared.runtime.folding import Fold
from shared.runtime.policy import CancelTimer, SetTimer
from shared.runtime.projection import Projection
from tests.unit.collections.stories import DAY, FIRST, LAST_NOTICE, STRATEGY, cycle, later, notices, owes, pays
from tests.unit.collections.test_policies import recorded

OLD, NEW, NEWEST = "patient-old", "patient-new", "patient-newest"
OF_OLD, OF_NEW = "ACCOUNT-OLD", "ACCOUNT-NEW"


class Office:
    """Guarantor accounts with the policy between them. What one asks of another waits until somebody looks."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []  # whose stream, event
        self._states: defaultdict[str, GuarantorAccount] = defaultdict(GuarantorAccount)
        self._waiting: list[GuarantorCommand] = []

    def __getitem__(self, patient_id: str) -> GuarantorAccount:
        return self._states[patient_id]

    def hear(self, *commands: GuarantorCommand) -> Office:
        for command in commands:
            events = guarantor_account.decide(command, self[command.patient_id])
            for event in events:
                self._states[command.patient_id] = guarantor_account.evolve(self[command.patient_id], event)
                self.said.append((command.patient_id, event))
                if isinstance(event, follow_merges.CARRIED):
                    self._waiting += follow_merges.react(event, event_id=f"said-{len(self.said)}", on=command.on)
        return self

    def merge(self, retired: str = OLD, survivor: str = NEW, *, on: date = DAY) -> Office:
        told = PatientRetired(patient_id=retired, survivor_patient_id=survivor)
        return self.hear(*follow_merges.react(told, event_id="merge", on=on))

    def settle(self) -> Office:
        while self._waiting:
            self.hear(self._waiting.pop(0))
        return self

    def events(self, kind: type[Any], patient_id: str = NEW) -> list[Any]:
        return [event for whose, event in self.said if whose == patient_id and isinstance(event, kind)]


def to(patient_id: str, *commands: Any) -> list[Any]:
    return [replace(command, patient_id=patient_id) for command in commands]


def both_owe() -> Office:
    return Office().hear(*to(OLD, owes(80_00, OF_OLD)), *to(NEW, owes(20_00, OF_NEW)))


def test_one_letter_asks_for_what_both_registrations_owe() -> None:
    office = both_owe().merge().settle().hear(*to(NEW, cycle()), *to(OLD, cycle()))
    [issued] = office.events(StatementIssued)
    assert {line.account_id: line.balance_cents for line in issued.lines} == {OF_OLD: 80_00, OF_NEW: 20_00}
    assert not office.events(StatementIssued, OLD)
    assert (office[OLD].owed_cents, next_step(office[OLD], STRATEGY).step) == (0, "none")


def test_notices_go_on_where_they_were_and_the_person_is_not_written_to_twice_in_a_month() -> None:
    office = both_owe().hear(*to(OLD, cycle())).merge(on=later(1)).settle()
    planned = office[NEW].planned
    assert planned is not None and planned.due_on == later(STRATEGY.interval_days)
    office.hear(*to(NEW, cycle(later(1)), cycle(later(STRATEGY.interval_days))))
    [issued] = office.events(StatementIssued)
    assert {line.account_id: line.notice for line in issued.lines} == {OF_OLD: 2, OF_NEW: 1}


told = st.tuples(st.sampled_from([OLD, NEW]), st.integers(-20_000, 50_000).filter(bool))


@given(st.lists(told, min_size=1, max_size=12), st.integers(0, 12), st.booleans())
@settings(max_examples=150)
def test_charges_or_merge_first_the_survivor_owes_the_same(
    changes: list[tuple[str, int]], merged_after: int, is_settled_at_once: bool
) -> None:
    accounts = {OLD: OF_OLD, NEW: OF_NEW}
    commands = []
    for day, (patient_id, cents) in enumerate(changes):
        on = DAY + timedelta(days=day)
        change = owes(cents, accounts[patient_id], on=on) if cents > 0 else pays(-cents, accounts[patient_id], on=on)
        commands += to(patient_id, change)
    first, between = Office().merge().settle(), Office()
    for number, command in enumerate(commands):
        if number == merged_after:
            between.merge()
        between.hear(command, command)  # the ledger's events may come twice
        first.hear(command)
        if is_settled_at_once:
            between.settle()
    if merged_after >= len(commands):
        between.merge()
    assert owed(between.settle()[NEW]) == owed(first.settle()[NEW])
    assert owed(between[OLD]) == {}
    assert found_by(BalancesAreTheLedgers(), between) == found_by(BalancesAreTheLedgers(), first) == 0


def owed(account: GuarantorAccount) -> dict[str, tuple[Any, ...]]:
    return {
        debt.account_id: (debt.balance_cents, debt.reason, debt.since_on, {k: v for k, v in debt.parts.items() if v})
        for debt in account.debts.values()
        if debt.balance_cents > 0
    }


def found_by(invariant: Any, office: Office) -> int:
    for version, (_, event) in enumerate(office.said, start=1):
        invariant.see(recorded(event, version))
    return len(invariant.result().violations)


def test_what_is_carried_short_of_a_cent_is_found() -> None:
    office = both_owe().merge().settle()
    [joined] = office.events(GuarantorAccountJoined)
    short = structs.replace(joined.carried.debts[0], balance_cents=79_99)
    wrong = structs.replace(joined, carried=structs.replace(joined.carried, debts=(short,)))
    office.said = [(whose, wrong if event is joined else event) for whose, event in office.said]
    assert found_by(BalancesAreTheLedgers(), office) == 1


# --- what was agreed, disputed, held, placed ----------------------------------------------------------------------------


def agreed(patient_id: str, plan_id: str) -> AgreePlan:
    return AgreePlan(patient_id=patient_id, plan_id=plan_id, instalments=2, first_due_on=later(10), on=DAY)


def test_two_plans_run_on_side_by_side_each_for_its_own_accounts() -> None:
    office = both_owe().hear(*to(NEW, owes(30_00, OF_NEW)), agreed(OLD, "plan-old"), agreed(NEW, "plan-new"))
    office.merge().settle()
    assert set(office[NEW].running) == {"plan-old", "plan-new"}
    office.hear(*to(OLD, pays(80_00, OF_OLD, on=later(3)))).settle()
    assert set(office[NEW].running) == {"plan-new"}
    late = later(10 + STRATEGY.instalment_grace_days + 1)
    office.hear(CheckInstalment(patient_id=NEW, plan_id="plan-new", number=1, on=late))
    assert office[NEW].running["plan-new"].missed == {1}
    office.hear(CancelPlan(patient_id=NEW, plan_id="plan-new", reason="asked to", on=late))
    assert not office[NEW].running


def test_a_promise_a_dispute_a_hold_and_a_call_bind_the_survivor() -> None:
    on = later(1)
    office = both_owe().hear(
        MakePromise(patient_id=OLD, promise_id="p", amount_cents=80_00, by_on=later(20), on=on),
        OpenDispute(patient_id=OLD, dispute_id="d", account_ids=(OF_OLD,), reason_code="not-mine", on=on),
        PlaceHold(patient_id=OLD, hold="minor", reason="born 2012", on=on),
        LogContact(patient_id=OLD, outcome_code="no-answer", next_action_on=later(4), on=on),
    )
    office.merge(on=on).settle()
    survivor = office[NEW]
    assert (set(survivor.promises), survivor.disputed_accounts, set(survivor.holds)) == ({"p"}, {OF_OLD}, {"minor"})
    assert survivor.contact_on == later(4)
    office.hear(ResolveDispute(patient_id=NEW, dispute_id="d", outcome="rejected", reason="it is theirs", on=on))
    office.hear(CheckPromise(patient_id=NEW, promise_id="p", on=later(60)))
    assert (office[NEW].disputed_accounts, office[NEW].promises) == (frozenset(), {})


def test_what_an_agency_has_can_be_recalled_from_the_survivor() -> None:
    on = LAST_NOTICE + timedelta(days=120)
    placed = PlaceAccount(patient_id=OLD, account_id=OF_OLD, placement_id="x", agency="agency-1", on=on)
    office = Office().hear(*to(OLD, owes(80_00, OF_OLD), *notices(STRATEGY.last)), placed).merge(on=on).settle()
    moved = {"reason": "moved-to-agency", "on": on}
    office.hear(*to(OLD, owes(-80_00, OF_OLD, **moved))).settle()
    office.hear(RecallAccount(patient_id=NEW, account_id=OF_OLD, reason="a plan was asked for", on=on))
    office.hear(*to(OLD, owes(80_00, OF_OLD, reason="returned-from-agency", on=on))).settle()
    assert (office[NEW].placements, office[NEW].owed_cents) == ({}, 80_00)
    assert office[NEW].debts[OF_OLD].notices == STRATEGY.last


def test_nobody_works_the_retired_account_any_more() -> None:
    office = both_owe().merge().settle()
    with pytest.raises(AccountIsMerged) as refused:
        office.hear(IssueStatement(patient_id=OLD, on=FIRST))
    assert refused.value.facts == {"survivor_patient_id": NEW}


def test_a_second_merge_carries_everything_on_also_what_is_still_on_its_way() -> None:
    office = both_owe().merge().merge(NEW, NEWEST)  # what the first one carries has not arrived
    office.hear(*to(OLD, owes(5_00, OF_OLD)))
    office.settle()
    assert {debt.account_id: debt.balance_cents for debt in office[NEWEST].debts.values()} == {
        OF_OLD: 85_00,
        OF_NEW: 20_00,
    }
    assert (office[OLD].owed_cents, office[NEW].owed_cents) == (0, 0)


def test_the_same_merge_again_is_no_news() -> None:
    office = both_owe().merge().settle()
    before = list(office.said)
    assert office.merge().settle().said == before


# --- days and rows ------------------------------------------------------------------------------------------------------


def test_the_days_of_what_is_carried_move_to_the_survivor() -> None:
    office = both_owe().hear(agreed(OLD, "plan-old"))
    office.hear(OpenDispute(patient_id=NEW, dispute_id="d", account_ids=(OF_NEW,), reason_code="x", on=DAY))
    office.merge().settle()
    timers: dict[str, Any] = {}
    for _, event in office.said:
        if isinstance(event, deadlines.PLANS):
            for change in deadlines.plan(recorded(event)):
                match change:
                    case SetTimer():
                        timers[change.key] = change.due_at
                    case CancelTimer():
                        timers.pop(change.key, None)
    assert sorted(timers) == [
        f"dispute|{NEW}|d",
        f"instalment|{NEW}|plan-old|1",
        f"instalment|{NEW}|plan-old|2",
    ]


def rows_of(projection: Projection, said: Sequence[tuple[str, Any]]) -> dict[Any, dict[str, Any]]:
    wanted = tuple(kind for kinds in projection.reads.values() for kind in kinds)
    fold = Fold()
    versions: defaultdict[str, int] = defaultdict(int)
    for whose, event in said:
        versions[whose] += 1
        if isinstance(event, wanted):
            fold.take("clinic", projection.apply(recorded(event, versions[whose])))
    return {
        (table, key): {name: value for name, value in (row.values | row.add).items() if value}
        for tables in fold.tenants.values()
        for table, rows in tables.items()
        for key, row in rows.items()
        if row.is_put
    }


@pytest.mark.parametrize("projection", [worklist.projection, casework.projection], ids=lambda each: each.name)
def test_the_rows_are_the_same_in_whatever_order_the_two_streams_are_read(projection: Projection) -> None:
    on = later(1)
    office = both_owe().hear(
        *to(OLD, owes(40_00, "ACCOUNT-3")),
        OpenDispute(patient_id=OLD, dispute_id="d", account_ids=(OF_OLD,), reason_code="not-mine", on=on),
        PlaceHold(patient_id=OLD, hold="minor", reason="born 2012", on=on),
        MakePromise(patient_id=OLD, promise_id="p", amount_cents=80_00, by_on=later(20), on=on),
    )
    office.merge(on=on).settle()
    office.hear(ResolveDispute(patient_id=NEW, dispute_id="d", outcome="rejected", reason="theirs", on=on))
    office.hear(*to(OLD, pays(120_00, OF_OLD, on=on))).settle()
    expected = rows_of(projection, office.said)
    for seed in range(30):
        assert rows_of(projection, interleaved(office.said, random.Random(seed))) == expected
    if projection is worklist.projection:
        assert expected["collection_accounts", (OF_OLD, NEW)]["balance_cents"] == -40_00
        assert ("collection_accounts", (OF_OLD, OLD)) not in expected
        assert list(office.events(GuarantorAccountMerged, OLD)[0].carried.holds)


def interleaved(said: Sequence[tuple[str, Any]], dice: random.Random) -> list[tuple[str, Any]]:
    """Any order that keeps each stream's own."""
    streams: defaultdict[str, list[Any]] = defaultdict(list)
    for whose, event in said:
        streams[whose].append(event)
    turns = [whose for whose, _ in said]
    dice.shuffle(turns)
    next_of = {whose: iter(events) for whose, events in streams.items()}
    return [(whose, next(next_of[whose])) for whose in turns]
