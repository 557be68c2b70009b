"""Stories about members who are paid for by the month: whose service brings no money, who is on the list, and for which month money came."""

from __future__ import annotations

from datetime import date
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.payments.adapters.capitation_rosters import MemberRead, read_roster
from services.payments.domain.capitation_payment.commands import AssignCapitation, UndoAssignment
from services.payments.domain.capitation_payment.decider import CapitationPayment, capitation_payment
from services.payments.domain.capitation_roster.commands import TakeRoster
from services.payments.domain.capitation_roster.decider import capitation_roster
from services.payments.domain.capitation_roster.identity import roster_id_of
from services.payments.domain.capitation_roster.state import CapitationRoster
from services.payments.domain.contract_comparison.comparing import Compared, compared, rosters_asked
from services.payments.domain.errors import MoreThanThePayment
from services.payments.invariants import CapitationIsBacked
from shared.events.base import Event
from shared.events.capitation import CapitationAssigned, RosterMember, RosterMembersListed
from shared.events.contracts import ContractTerm, MemberRate
from shared.events.payments import ProviderAdjustmentPosted
from shared.events.values import Adjustment, DocumentReference, Posting
from shared.runtime.invariants import CheckResult
from shared.testing.specification import Specification
from tests.unit.payments.contracts import (
    BY_SCHEDULE,
    agree,
    agreed,
    charged,
    contracts_spec,
    posted,
    rate,
    schedule,
    terms,
)
from tests.unit.payments.stories import cas, said_of
from tests.unit.payments.test_postings_projection import recorded

MARCH = date(2026, 3, 1)
RATES = (
    MemberRate(category="CHILD", amount_cents=12_50, age_to=17),
    MemberRate(category="WOMAN", amount_cents=30_00, sex="F", age_from=18),
    MemberRate(category="MAN", amount_cents=25_00, sex="M", age_from=18),
    MemberRate(category="SPECIAL", amount_cents=90_00),
)
BY_MEMBER = ContractTerm(rule="capitated", schedule_id="aetna-2026", rates=RATES)
CARVED_OUT = ContractTerm(rule="schedule", schedule_id="aetna-2026", procedure_codes=("99214",))
CONTRACT = agreed(CARVED_OUT, BY_MEMBER)
SCHEDULES = {"aetna-2026": schedule(rate("99213", 90_00), rate("99214", 120_00))}
ROSTER = roster_id_of(payer_id="aetna", contract_id="c1", day=date(2026, 3, 31))
MEMBERS = {ROSTER: CapitationRoster(lists=1, members={("m1", ""): "CHILD"}, indexes=frozenset({"m1"}))}

rosters = Specification(capitation_roster)
payments = Specification(capitation_payment)


def one(
    *adjustments: Adjustment,
    code: str = "99213",
    member: str = "m1",
    of_claim: tuple[Adjustment, ...] = (),
    contract: Any = CONTRACT,
    rank: int = 1,
) -> Compared:
    paid = 200_00 - sum(each.amount_cents for each in (*adjustments, *of_claim))
    line = replace(said_of("L1", 200_00, paid, *adjustments), procedure_code=code)
    ours = charged()
    ours = type(ours)(
        lines={"L1": replace(ours.lines["L1"], procedure_code=code)},
        service_on=ours.service_on,
        billing_npi="",
        filing_indicator="CI",
        member_index=member,
    )
    [found] = compared(posted(line, of_claim=of_claim, rank=rank), ours, contract, SCHEDULES, MEMBERS)
    return found


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_members_service_is_capitated_and_opens_nothing() -> None:
    found = one(cas("CO", "24", 200_00))
    assert (found.outcome, found.expected_cents, found.variance_cents) == ("capitated", None, 0)
    assert found.capitation is not None
    assert (found.capitation.answer, found.capitation.equivalent_cents, found.capitation.paid_cents) == (
        "capitated",
        90_00,
        0,
    )


@pytest.mark.parametrize(
    ("adjustments", "of_claim", "answer"),
    [
        pytest.param((cas("CO", "24", 180_00), cas("PR", "3", 20_00)), (), "capitated", id="with a copay"),
        pytest.param((), (cas("CO", "24", 200_00),), "capitated", id="on the claim"),
        pytest.param((cas("CO", "45", 110_00),), (), "paid", id="paid as a service"),
        pytest.param((cas("CO", "97", 200_00),), (), "denied", id="denied"),
        pytest.param((cas("CO", "24", 100_00), cas("CO", "97", 100_00)), (), "denied", id="denied in part"),
        pytest.param((cas("PR", "96", 200_00),), (), "denied", id="left to the patient"),
        pytest.param((cas("CO", "45", 200_00),), (), "other", id="cut to nothing"),
    ],
)
def test_whatever_else_a_payer_says_of_it_is_told(
    adjustments: tuple[Adjustment, ...], of_claim: tuple[Adjustment, ...], answer: str
) -> None:
    found = one(*adjustments, of_claim=of_claim)
    assert found.outcome == "capitated"
    assert found.capitation is not None and found.capitation.answer == answer


def test_a_carve_out_is_held_against_its_fee() -> None:
    found = one(cas("CO", "45", 110_00), code="99214")
    assert (found.outcome, found.expected_cents, found.allowed_cents) == ("underpaid", 120_00, 90_00)
    assert found.capitation is None


def test_co_24_on_a_carve_out_is_the_whole_fee_short() -> None:
    found = one(cas("CO", "24", 200_00), code="99214")
    assert (found.outcome, found.expected_cents, found.allowed_cents) == ("underpaid", 120_00, 0)


def test_who_is_no_member_is_paid_for_by_the_next_term() -> None:
    contract = agreed(BY_MEMBER, BY_SCHEDULE)
    found = one(cas("CO", "45", 120_00), member="m2", contract=contract)
    assert (found.outcome, found.expected_cents, found.allowed_cents) == ("underpaid", 90_00, 80_00)
    assert found.capitation is not None and found.capitation.answer == "paid"
    assert one(cas("CO", "45", 120_00), member="", contract=contract).outcome == "underpaid"


def test_co_24_of_who_is_no_member_is_no_underpayment_because_the_list_may_be_late() -> None:
    found = one(cas("CO", "24", 200_00), member="m2", contract=agreed(BY_MEMBER, BY_SCHEDULE))
    assert (found.outcome, found.reason) == ("not-priced", "capitated")
    assert found.capitation is not None and found.capitation.answer == "capitated"


def test_without_a_capitated_term_co_24_is_as_it_was() -> None:
    found = one(cas("CO", "24", 200_00), contract=agreed())
    assert (found.outcome, found.reason, found.capitation) == ("not-priced", "capitated", None)


def test_a_later_payer_is_not_held_against_it() -> None:
    assert one(cas("CO", "24", 200_00), rank=2).capitation is None


def test_the_lists_of_the_months_of_service_are_asked_for() -> None:
    answer = posted(said_of("L1", 200_00, 0, cas("CO", "24", 200_00)))
    assert rosters_asked(answer, charged(), CONTRACT) == {ROSTER}
    assert rosters_asked(answer, charged(), agreed()) == frozenset()


# --- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param((replace(BY_MEMBER, rates=()),), id="without rates"),
        pytest.param((replace(BY_MEMBER, schedule_id=""),), id="without a schedule"),
        pytest.param((replace(BY_MEMBER, rates=(RATES[0], RATES[0])),), id="a category twice"),
        pytest.param((replace(BY_SCHEDULE, rates=RATES),), id="rates of another rule"),
        pytest.param((BY_MEMBER, BY_MEMBER), id="two of them"),
        pytest.param((replace(BY_MEMBER, rates=(replace(RATES[0], age_from=18),)),), id="ages turned round"),
        pytest.param((replace(BY_MEMBER, rates=(replace(RATES[0], amount_cents=-1),)),), id="negative"),
    ],
)
def test_a_capitated_term_that_is_not_clear_is_refused(wrong: tuple[ContractTerm, ...]) -> None:
    contracts_spec.when(agree(terms=terms(*wrong))).then_refused("term-not-clear")


# --- lists ------------------------------------------------------------------------------------------------------------


def member(name: str, category: str = "CHILD", person: str = "") -> RosterMember:
    return RosterMember(member_index=name, person=person, category=category)


def take(*added: RosterMember, removed: tuple[RosterMember, ...] = (), changes: bool = False) -> TakeRoster:
    return TakeRoster(
        payer_id="aetna",
        contract_id="c1",
        month_on=MARCH,
        kind="changes" if changes else "whole",
        added=added,
        removed=removed,
        source=DocumentReference(document_id="file"),
        taken_by="user:mia",
    )


def test_a_later_whole_list_says_who_came_and_who_went() -> None:
    first = take(member("a"), member("b"))
    second = take(member("b", "WOMAN"), member("c"))
    found = rosters.when(first, second)
    taken, listed = found.events[-2:]
    assert (taken.list_number, taken.members, taken.added, taken.removed) == (2, 2, 2, 1)
    assert isinstance(listed, RosterMembersListed)
    assert [each.member_index for each in listed.removed] == ["a"]
    assert found.state.members == {("b", ""): "WOMAN", ("c", ""): "CHILD"}
    assert found.state.indexes == {"b", "c"}


def test_the_same_list_again_is_no_news_and_an_empty_one_is_news_once() -> None:
    assert len(rosters.when(take(member("a")), take(member("a"))).events) == 2
    assert [type(each).__name__ for each in rosters.when(take(), take()).events] == ["CapitationRosterTaken"]


def test_changes_leave_everybody_else_and_forget_who_was_never_there() -> None:
    gone = (RosterMember(member_index="a"), RosterMember(member_index="x"))
    found = rosters.when(take(member("a"), member("b")), take(member("c"), removed=gone, changes=True))
    assert set(found.state.members) == {("b", ""), ("c", "")}
    assert (found.events[-2].members, found.events[-2].removed) == (2, 1)


def test_who_share_a_number_are_told_apart() -> None:
    found = rosters.when(take(member("a", person="01"), member("a", person="02")))
    assert found.events[0].members == 2
    left = take(removed=(RosterMember(member_index="a", person="01"),), changes=True)
    assert rosters.when(take(member("a", person="01"), member("a", person="02")), left).state.indexes == {"a"}


@given(st.lists(st.sets(st.integers(0, 2_500), max_size=2_500), min_size=1, max_size=3))
def test_members_are_those_of_the_last_whole_list_in_parts_that_the_log_takes(months: list[set[int]]) -> None:
    found = rosters.when(*(take(*(member(str(each)) for each in sorted(month))) for month in months))
    assert {int(index) for index, _ in found.state.members} == months[-1]
    parts = [each for each in found.events if isinstance(each, RosterMembersListed)]
    assert all(max(len(each.added), len(each.removed)) <= 1_000 for each in parts)


def test_a_list_names_categories_or_ages_and_sexes_that_find_one() -> None:
    content = b"Member_Number,person,category,age,sex\nAB 1,01,SPECIAL,,\nAB 1,02,,17,M\nAB 2,,,40,F\nAB 3,,,40,m\n"
    read = read_roster(content, RATES, kind="whole")
    assert list(read.problems) == []
    assert read.members == (
        MemberRead(number="AB 1", person="01", category="SPECIAL"),
        MemberRead(number="AB 1", person="02", category="CHILD"),
        MemberRead(number="AB 2", person="", category="WOMAN"),
        MemberRead(number="AB 3", person="", category="MAN"),
    )


def test_every_wrong_line_is_named_and_none_is_quoted() -> None:
    content = (
        b"member_number,category,age,sex,action\nSECRET1,NONE,,,\nSECRET2,,40,,\nSECRET3,,SECRET4,F,\n"
        b"SECRET5,CHILD,,,\nsecret 5,CHILD,,,\n*SECRET6*,CHILD,,,\nSECRET7,CHILD,,,remove\n"
    )
    read = read_roster(content, RATES, kind="whole")
    assert read.members == ()
    assert [(each.number, each.field) for each in read.problems] == [
        (2, "category"),
        (3, "category"),
        (4, "category"),
        (6, "member_number"),
        (7, "member_number"),
        (8, "action"),
    ]
    assert not any("secret" in each.message.lower() for each in read.problems)


def test_a_change_says_what_it_is() -> None:
    content = b"member_number,category,action\nA1,CHILD,add\nA2,,remove\nA3,CHILD,\n"
    read = read_roster(content, RATES, kind="changes")
    assert [each.field for each in read.problems] == ["action"]
    read = read_roster(content.replace(b"A3,CHILD,\n", b""), RATES, kind="changes")
    assert [each.category for each in read.members] == ["CHILD", ""]


# --- payments ---------------------------------------------------------------------------------------------------------


def assign(cents: int, *, paid: int = 100_00, month: date = MARCH) -> AssignCapitation:
    return AssignCapitation(
        remittance_id="r1",
        ordinal=1,
        payment_cents=paid,
        payer_id="aetna",
        contract_id="c1",
        month_on=month,
        amount_cents=cents,
        assigned_by="user:mia",
    )


UNDO = UndoAssignment(part=1, reason="wrong-month", undone_by="user:mia")


def test_a_payment_for_two_months_is_two_parts_and_never_more_than_it() -> None:
    payments.when(assign(60_00), assign(40_00, month=date(2026, 2, 1)), assign(1)).then_refused("more-than-the-payment")
    found = payments.when(assign(60_00), assign(40_00, month=date(2026, 2, 1)))
    assert found.state.assigned_cents == 100_00


@pytest.mark.parametrize(("cents", "paid"), [(0, 100_00), (-1, 100_00), (1, -100_00), (-101_00, -100_00), (1, 0)])
def test_a_part_has_the_sign_of_its_payment(cents: int, paid: int) -> None:
    payments.when(assign(cents, paid=paid)).then_refused("more-than-the-payment")


def test_what_is_taken_back_later_is_assigned_too() -> None:
    assert payments.when(assign(-20_00, paid=-20_00)).state.assigned_cents == -20_00


def test_what_was_assigned_wrongly_is_open_again_once() -> None:
    found = payments.when(assign(100_00), UNDO, UNDO)
    assert (found.state.assigned_cents, len(found.events)) == (0, 2)
    assert payments.when(assign(100_00), UNDO, assign(100_00)).events[-1].part == 2
    payments.when(UNDO).then_refused("not-found")


@given(st.integers(-500, 500), st.lists(st.integers(-500, 500), max_size=8))
def test_the_parts_are_never_more_than_the_payment(paid: int, parts: list[int]) -> None:
    state = CapitationPayment()
    for cents in parts:
        try:
            events = capitation_payment.decide(assign(cents, paid=paid), state)
        except MoreThanThePayment:
            continue
        state = reduce(capitation_payment.evolve, events, state)
        assert abs(state.assigned_cents) <= abs(paid)


# --- what verify says -------------------------------------------------------------------------------------------------

PLB = ProviderAdjustmentPosted(
    remittance_id="r1",
    ordinal=1,
    reason="CT",
    reference="2026-03",
    amount_cents=-100_00,
    postings=(
        Posting(account="suspense", amount_cents=100_00),
        Posting(account="capitation", amount_cents=-100_00),
    ),
)
[WHOLE] = payments.when(assign(100_00)).events
assert isinstance(WHOLE, CapitationAssigned)
TAKEN, LISTED = rosters.when(take(member("a"))).events


def checked(*events: Event) -> CheckResult:
    check = CapitationIsBacked()
    for number, event in enumerate(events, start=1):
        check.see(recorded(event, number, happened=0, known=number))
    return check.result()


def test_what_was_assigned_stands_on_a_payment() -> None:
    assert checked(PLB, WHOLE, TAKEN, LISTED).violations == []
    assert len(checked(WHOLE).violations) == 1
    assert len(checked(PLB, WHOLE, replace(WHOLE, part=2, amount_cents=1)).violations) == 1
    assert len(checked(replace(PLB, reason="L6"), WHOLE).violations) == 1


def test_a_list_that_counts_wrongly_is_found() -> None:
    assert len(checked(TAKEN).violations) == 1
    assert len(checked(replace(TAKEN, members=2), LISTED).violations) == 1
