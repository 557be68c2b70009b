"""Stories about what a practice brings along from another system: read with every problem, tied to the cent, posted as any money."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.adapters.opening_balances import read_opening_balances
from services.payments.domain.books.state import Books, Step
from services.payments.domain.claim_account.decider import claim_account
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.opening_balances.commands import ImportOpeningBalances, TakeBackOpeningBalances
from services.payments.domain.opening_balances.decider import opening_balances
from services.payments.policies.bring_balances import post, take_back
from shared.events.payments import (
    OpeningBalancePosted,
    OpeningBalanceReversed,
    OpeningBalancesImported,
    OpeningBalancesTakenBack,
    OpeningBalanceStated,
    OpeningBalanceWithdrawn,
    PayersKnown,
    ResponsibilityTransferred,
)
from shared.events.values import DocumentReference
from shared.testing.specification import Specification

spec = Specification(opening_balances)
AS_OF = date(2025, 12, 31)
HEADER = "account,patient_id,responsible,original_on,amount,claim_number,payer_id,payer_name"
PAYER = "A-1,patient-1,payer:1,2025-11-20,150.00,OLD-1,aetna,Aetna"
SHARE = "A-1,patient-1,patient,2025-12-02,20.00,OLD-1,,"
CREDIT = "A-2,patient-2,patient,2025-12-03,-5.00,,,"


def stated(*lines: str) -> tuple[OpeningBalanceStated, ...]:
    read = read_opening_balances("\n".join([HEADER, *lines]).encode(), document_id="file", as_of_on=AS_OF)
    assert list(read.problems) == []
    return tuple(read.stated)


def problems(*lines: str, header: str = HEADER) -> list[tuple[int, str, str]]:
    read = read_opening_balances("\n".join([header, *lines]).encode(), document_id="file", as_of_on=AS_OF)
    assert read.stated == ()
    return [(each.number, each.field, each.found) for each in read.problems]


def bring(
    *lines: str, cents: int, count: int = 0, document: str = "file", books: Books | None = None
) -> ImportOpeningBalances:
    return ImportOpeningBalances(
        document=DocumentReference(document_id=document),
        as_of_on=AS_OF,
        control_cents=cents,
        control_lines=count or len(lines),
        stated=stated(*lines),
        imported_by="user:manager",
        books=books,
    )


def back(import_id: str = "opening-1", *, touched: tuple[str, ...] = ()) -> TakeBackOpeningBalances:
    return TakeBackOpeningBalances(
        import_id=import_id, touched=touched, reason="wrong-file", taken_back_by="user:manager"
    )


BROUGHT = bring(PAYER, SHARE, CREDIT, cents=165_00)


def test_the_largest_file_is_taken_in_and_back_account_by_account() -> None:
    """20 000 accounts: what each costs does not depend on how many there are."""
    lines = [f"A-{number},patient-{number},patient,2025-12-03,1.00,,," for number in range(20_000)]
    brought = bring(*lines, cents=20_000_00)
    story = spec.when(brought, back())
    withdrawn = [event.account_id for event in story.events if isinstance(event, OpeningBalanceWithdrawn)]
    assert withdrawn == [each.account_id for each in brought.stated]
    assert len(spec.given(*story.events).when(brought).events) == 20_001


def test_a_file_that_comes_to_its_control_total_is_one_import_with_one_fact_an_account() -> None:
    story = spec.when(BROUGHT, BROUGHT)
    story.then_kinds(OpeningBalancesImported, OpeningBalanceStated, OpeningBalanceStated)
    imported, first, second = story.events
    assert (imported.import_id, imported.accounts, imported.lines) == ("opening-1", 2, 3)
    assert (first.amount_cents, second.amount_cents) == (170_00, -5_00)
    assert {first.import_id, second.import_id} == {"opening-1"}


def test_a_cent_or_a_line_too_few_and_nothing_is_taken_in() -> None:
    spec.when(bring(PAYER, cents=149_99)).then_refused("control-total-differs")
    spec.when(bring(PAYER, cents=150_00, count=2)).then_refused("control-total-differs")


def test_a_line_that_another_file_brought_is_refused_until_that_one_is_taken_back() -> None:
    other = bring(CREDIT, cents=-5_00, document="another")
    spec.when(BROUGHT, other).then_refused("opening-balance-known")
    story = spec.when(BROUGHT, back(), other, back())
    assert [type(event) for event in story.events].count(OpeningBalancesImported) == 2


def test_taking_back_names_each_account_and_is_done_once() -> None:
    story = spec.given(*spec.when(BROUGHT).events).when(back(), back())
    story.then_kinds(OpeningBalancesTakenBack, OpeningBalanceWithdrawn, OpeningBalanceWithdrawn)
    spec.when(BROUGHT, back(touched=("A",))).then_refused("opening-balances-touched")
    spec.when(back()).then_refused("not-found")


def test_a_closed_day_is_refused_with_what_to_do() -> None:
    closed = Books().closed_with("2025-12", Step(datetime(2026, 1, 5, tzinfo=UTC), AS_OF))
    spec.when(bring(PAYER, cents=150_00, books=closed)).then_refused("day-is-closed")


def test_an_account_begins_with_what_each_party_owes_since_its_own_day() -> None:
    [both] = stated(PAYER, SHARE)
    [command] = post(both)
    story = Specification(claim_account).when(command, command)
    story.then_kinds(PayersKnown, OpeningBalancePosted, ResponsibilityTransferred, ResponsibilityTransferred)
    moved = [event for event in story.events if isinstance(event, ResponsibilityTransferred)]
    assert [(each.to_party, each.amount_cents, each.since_on) for each in moved] == [
        ("payer:1", 150_00, date(2025, 11, 20)),
        ("patient", 20_00, date(2025, 12, 2)),
    ]


def test_a_file_that_cannot_be_read_is_refused_with_every_problem_by_line_and_column() -> None:
    assert problems(
        "A-1,patient-1,nobody,2025-11-20,150.00,,,",
        "A-2,patient-2,patient,2025-13-20,150,,,",
        "A 3,Jane Doe,patient,2026-01-01,0.00,,,",
        "A-4,patient-4,payer:1,2025-11-20,1.00,,,",
        "A-5,patient-5",
    ) == [
        (2, "responsible", "6 characters"),
        (3, "original_on", "2025-13-20"),
        (3, "amount", "150"),
        (4, "account", "3 characters"),
        (4, "patient_id", "8 characters"),
        (4, "original_on", "2026-01-01"),
        (4, "amount", "0.00"),
        (5, "payer_id", ""),
        (5, "payer_name", ""),
        (6, "line", "2"),
    ]


def test_lines_that_cannot_stand_together_are_named() -> None:
    assert problems(SHARE, SHARE) == [(3, "account", "6 characters")]
    assert problems(SHARE, PAYER.replace("patient-1", "patient-9")) == [(3, "patient_id", "patient-9")]
    other = PAYER.replace("2025-11-20", "2025-11-21").replace("aetna,Aetna", "cigna1,Cigna")
    assert problems(PAYER, other) == [(3, "payer_id", "cigna1")]
    assert problems(SHARE.replace("OLD-1", "0123456789ABCDEF1")) == [(2, "claim_number", "0123456789ABCDEF1")]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'"', b"account\n", HEADER.encode(), b"a,b\n1,2\n"])
def test_what_is_no_such_file_is_told_so(content: bytes) -> None:
    read = read_opening_balances(content, document_id="file", as_of_on=AS_OF)
    assert read.problems
    assert read.stated == ()


AMOUNTS = st.integers(min_value=-(10**9), max_value=10**9).filter(bool)
LINES = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(("patient", "payer:1", "payer:2")), st.integers(1, 28), AMOUNTS),
    min_size=1,
    max_size=12,
    unique_by=lambda line: line[:3],
)


@given(LINES)
def test_cents_in_are_cents_on_the_parties_and_taking_back_leaves_nothing(
    lines: list[tuple[int, str, int, int]],
) -> None:
    rows = []
    for account, party, day, cents in lines:
        sign, whole = "-" if cents < 0 else "", abs(cents)
        payer = "aetna,Aetna" if party != "patient" else ","
        amount = f"{sign}{whole // 100}.{whole % 100:02d}"
        rows.append(f"A-{account},patient-{account},{party},2025-11-{day:02d},{amount},,{payer}")
    total = sum(cents for *_, cents in lines)
    story = spec.when(bring(*rows, cents=total), back())
    owed: Counter[str] = Counter()
    accounts: dict[str, ClaimAccount] = {}

    def play(account_id: str, command: object) -> None:
        state = accounts.get(account_id, ClaimAccount())
        for event in claim_account.decide(command, state):  # type: ignore[arg-type]
            assert sum(leg.amount_cents for leg in getattr(event, "postings", ())) == 0
            state = claim_account.evolve(state, event)
        accounts[account_id] = state

    for event in story.events:
        if isinstance(event, OpeningBalanceStated):
            [command] = post(event)
            play(event.account_id, command)
    for state in accounts.values():
        for party in state.parties:
            owed[party] += state.owed_by(party)
    expected: Counter[str] = Counter()
    for _, party, _, cents in lines:
        expected[party] += cents
    assert {name: cents for name, cents in owed.items() if cents} == {n: c for n, c in expected.items() if c}
    for event in story.events:
        if isinstance(event, OpeningBalanceWithdrawn):
            [undone] = take_back(event)
            play(event.account_id, undone)
    assert all(not state.owed and not state.has_charges for state in accounts.values())


def test_what_was_taken_back_is_its_mirror() -> None:
    [both] = stated(PAYER, SHARE)
    [command] = post(both)
    begun = Specification(claim_account).when(command).events
    [undone] = take_back(OpeningBalanceWithdrawn(import_id=both.import_id, account_id=both.account_id, as_of_on=AS_OF))
    story = Specification(claim_account).given(*begun).when(undone, undone)
    story.then_kinds(ResponsibilityTransferred, ResponsibilityTransferred, OpeningBalanceReversed)
