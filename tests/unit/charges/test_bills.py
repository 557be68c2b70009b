"""A visit that fits on no single claim is several bills, each charge on exactly one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.charges.domain.encounter.commands import CancelEncounter, ChooseBills, Credit
from services.charges.invariants import ReleasesMatchCharges
from shared.events.charges import BillsChosen, ChargesReleased, ChosenBill, EncounterCancelled
from shared.kernel.identifiers import account_id_of
from tests.unit.charges.stories import MONDAY, VISIT, charge, post, review, spec
from tests.unit.claims.examples import recorded


def bills(*commands: Any) -> dict[int, ChargesReleased]:
    """The last release of each bill."""
    return {each.bill: each for each in spec.when(*commands).events if isinstance(each, ChargesReleased)}


def many(count: int, *, start: int = 1, **changes: Any) -> list[Any]:
    return [charge(number, modifiers=("76",), **changes) for number in range(start, start + count)]


def choose(*chosen: ChosenBill) -> ChooseBills:
    return ChooseBills(encounter_id=VISIT, bills=chosen, reason="another payer", chosen_by="user:biller")


def apart(*numbers: int, to: tuple[str, ...] = ()) -> ChosenBill:
    return ChosenBill(charge_ids=tuple(f"charge-{number}" for number in numbers), coverage_ids=to)


def numbers_of(bill: ChargesReleased) -> list[int]:
    return [int(line.charge_id.removeprefix("charge-")) for line in bill.lines]


def test_fifty_lines_are_one_bill_and_fifty_one_are_two() -> None:
    assert list(bills(post(*many(50)), review())) == [1]
    first, second = bills(post(*many(51)), review()).values()
    assert (len(first.lines), len(second.lines)) == (50, 1)
    assert (first.charged_cents, second.charged_cents) == (50 * 150_00, 150_00)
    assert first.account_id == account_id_of(VISIT) != second.account_id
    assert {line.line_id.partition("-")[0] for line in second.lines} == {second.account_id}


def test_each_bill_names_the_diagnoses_that_its_lines_point_at() -> None:
    monday = many(30, diagnoses=("I10", "J069"))
    tuesday = many(30, start=31, service_on=MONDAY + timedelta(days=1), diagnoses=("E119",))
    first, second = bills(post(*monday, *tuesday, diagnoses=("J069", "I10", "E119", "Z0000")), review()).values()
    assert (first.diagnoses, second.diagnoses) == (("J069", "I10"), ("E119",))
    assert {line.diagnosis_pointers for line in first.lines} == {(2, 1)}
    assert {line.diagnosis_pointers for line in second.lines} == {(1,)}


def test_more_than_twelve_diagnoses_that_support_lines_are_several_bills() -> None:
    codes = [f"E1{number:02}" for number in range(16)]
    lines = [
        charge(number, modifiers=("76",), service_on=MONDAY + timedelta(days=number), diagnoses=tuple(codes[:4]))
        for number in (1, 2)
    ]
    lines += [
        charge(
            number, modifiers=("76",), service_on=MONDAY + timedelta(days=number), diagnoses=tuple(codes[at : at + 4])
        )
        for number, at in ((3, 4), (4, 8), (5, 12))
    ]
    first, second = bills(post(*lines), review(today=date(2026, 7, 1))).values()
    assert (numbers_of(first), numbers_of(second)) == ([1, 2, 3, 4], [5])
    assert (len(first.diagnoses), len(second.diagnoses)) == (12, 4)


def test_thirteen_diagnoses_of_which_few_support_a_line_still_wait_for_a_person() -> None:
    codes = tuple(f"E1{number:02}" for number in range(13))
    decided = spec.when(post(charge(diagnoses=codes[:4]), diagnoses=codes), review())
    assert decided.state.held is not None
    assert [finding.rule for finding in decided.state.held.findings] == ["CHG-204"]


def test_charges_of_one_day_and_provider_stay_together() -> None:
    """So does an add-on code with its primary procedure, even where the sender told it last."""
    primary = charge(1, code="11042")
    others = many(40, start=2, service_on=MONDAY + timedelta(days=1))
    session = many(20, start=50, service_on=MONDAY + timedelta(days=2))
    add_on = charge(99, code="11045")
    first, second = bills(post(primary, *others, *session, add_on), review()).values()
    assert {1, 99} <= set(numbers_of(first))
    assert numbers_of(second) == list(range(50, 70))


def test_a_late_charge_leaves_the_bills_that_were_sent_as_they_are() -> None:
    decided = spec.when(post(*many(60)), review(), post(*many(1, start=61)), review())
    released = [each for each in decided.events if isinstance(each, ChargesReleased)]
    assert [(each.bill, each.release, len(each.lines)) for each in released] == [(1, 1, 50), (2, 2, 10), (2, 3, 11)]


def test_a_bill_that_a_biller_chose_keeps_its_number_when_the_others_need_one_more() -> None:
    sent = (post(*many(60)), review(), choose(apart(1, to=("workers-compensation",))), review())
    before = bills(*sent)
    [number] = [each.bill for each in before.values() if numbers_of(each) == [1]]
    after = bills(*sent, post(*many(45, start=61)), review())
    assert numbers_of(after[number]) == [1]
    assert after[number] == before[number]
    assert sorted(each for bill in after.values() for each in numbers_of(bill)) == list(range(1, 106))


def test_a_credit_moves_no_charge_to_another_bill() -> None:
    credit = Credit(source_key="EHR|C1", charge_id="charge-1")
    last = bills(post(*many(60)), review(), post(credits=(credit,)), review())
    assert {number: len(bill.lines) for number, bill in last.items()} == {1: 49, 2: 10}


def test_everything_credited_restates_every_bill_as_nothing() -> None:
    credits = tuple(Credit(source_key=f"EHR|C{number}", charge_id=f"charge-{number}") for number in range(1, 61))
    last = bills(post(*many(60)), review(), post(credits=credits), review())
    assert {number: (bill.lines, bill.charged_cents) for number, bill in last.items()} == {1: ((), 0), 2: ((), 0)}


def test_a_biller_bills_charges_apart_to_a_coverage_of_their_own() -> None:
    last = bills(post(*many(3)), review(), choose(apart(2, to=("comp",))), review())
    assert {number: numbers_of(bill) for number, bill in last.items()} == {1: [1, 3], 2: [2]}
    assert (last[1].coverage_ids, last[2].coverage_ids) == ((), ("comp",))


def test_a_choice_that_is_taken_back_empties_its_bill() -> None:
    last = bills(post(*many(3)), review(), choose(apart(2)), review(), choose(), review())
    assert {number: numbers_of(bill) for number, bill in last.items()} == {1: [1, 2, 3], 2: []}


def test_the_same_choice_again_is_no_news() -> None:
    decided = spec.when(post(*many(3)), choose(apart(2)), choose(apart(2)))
    assert len([each for each in decided.events if isinstance(each, BillsChosen)]) == 1


def test_a_charge_is_chosen_for_one_bill_and_must_be_of_the_visit() -> None:
    spec.when(post(*many(3)), choose(apart(1), apart(1))).then_refused("charge-on-two-bills")
    spec.when(post(*many(3)), choose(apart(9))).then_refused("charge-unknown")
    spec.when(choose(apart(1))).then_refused("encounter-unknown")


def test_a_cancelled_visit_names_the_accounts_of_all_its_bills() -> None:
    cancel = CancelEncounter(encounter_id=VISIT, reason="by mistake")
    decided = spec.when(post(*many(60)), review(), cancel)
    second = next(each for each in decided.events if isinstance(each, ChargesReleased) and each.bill == 2)
    assert decided.only(EncounterCancelled).account_ids == (second.account_id,)


@given(
    lines=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 14)), min_size=1, max_size=140),
    chosen=st.lists(st.integers(1, 140), unique=True, max_size=60),
)
@settings(max_examples=30, deadline=None)
def test_however_a_visit_is_divided_each_charge_is_on_one_bill_that_fits(
    lines: list[tuple[int, int]], chosen: list[int]
) -> None:
    charges = [
        charge(number, modifiers=("76",), service_on=MONDAY + timedelta(days=day), diagnoses=(f"E1{code:02}",))
        for number, (day, code) in enumerate(lines, start=1)
    ]
    named = [number for number in chosen if number <= len(charges)]
    choices = [choose(apart(*named))] if named else []
    found = bills(post(*charges), *choices, review())
    billed = Counter(number for bill in found.values() for number in numbers_of(bill))
    assert billed == Counter(range(1, len(charges) + 1))
    assert sum(bill.charged_cents for bill in found.values()) == 150_00 * len(charges)
    for bill in found.values():
        assert len(bill.lines) <= 50 and len(bill.diagnoses) <= 12
        assert all(1 <= pointer <= len(bill.diagnoses) for line in bill.lines for pointer in line.diagnosis_pointers)
        assert not set(numbers_of(bill)) & set(named) or set(numbers_of(bill)) <= set(named)


def violations(events: Sequence[Any]) -> int:
    invariant = ReleasesMatchCharges()
    for version, event in enumerate(events, start=1):
        invariant.see(recorded(event, stream=f"encounter/{VISIT}", version=version))
    result = invariant.result()
    assert result.checked
    return len(result.violations)


def test_a_charge_on_two_bills_and_a_lost_bill_are_violations() -> None:
    told = spec.when(post(*many(60)), review(), post(*many(1, start=61)), review()).events
    assert violations(told) == 0
    told = spec.when(post(*many(60)), review()).events
    first, second = (each for each in told if isinstance(each, ChargesReleased))
    doubled = structs.replace(second, lines=(*second.lines[1:], first.lines[0]))
    assert violations([doubled if each is second else each for each in told]) == 1
    assert violations([each for each in told if each is not second]) == 1
