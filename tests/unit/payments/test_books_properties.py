"""What holds for the books, whatever happens, is recorded late, is closed and is reopened, in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.payments.domain.books.commands import BooksCommand, ClosePeriod, Figures, ReopenPeriod
from services.payments.domain.books.decider import books as decider
from services.payments.domain.books.period import period_named
from services.payments.domain.books.roll_forward import Part, rolled_forward
from services.payments.domain.books.state import ONE_DAY, Books
from services.payments.invariants import ClosedPeriodsStand
from services.payments.projections import books as closings
from services.payments.projections import postings
from shared.events.envelope import Recorded
from shared.events.payments import BooksEvent, PeriodClosed
from tests.unit.payments.stories import post_charges
from tests.unit.payments.test_ledger_properties import commands, told_story
from tests.unit.payments.test_postings_projection import START_AT, recorded, rows_of

START_ON = START_AT.date()
DAYS = range(60)


@dataclass(slots=True)
class Year:
    """A log of money and of closings, the rows of its postings, and what each closing saw when it was made."""

    log: list[Recorded[Any]] = field(default_factory=list)
    books: Books = field(default_factory=Books)
    seen: list[tuple[PeriodClosed, Counter[str]]] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        return list(rows_of(postings.projection, self.log)["postings"].values())

    def decide(self, command: BooksCommand, *, known: int) -> Sequence[BooksEvent]:
        events = decider.decide(command, self.books)
        for event in events:
            self.log.append(recorded(event, len(self.log) + 1, happened=known, known=known))
        self.books = decider.state_after(events, since=self.books)
        return events


def day(number: int) -> date:
    return START_ON + timedelta(days=number)


def is_in_books(books: Books, row: dict[str, Any], through_on: date) -> bool:
    """As the statement of `postings.InBooks` has it."""
    happened_by = row["occurred_at"].date() <= through_on
    return happened_by and not any(
        row["recorded_at"] > shut.after and (shut.until is None or row["recorded_at"] <= shut.until)
        for shut in books.shut(through_on)
    )


def trial_balance(books: Books, rows: Sequence[dict[str, Any]], through_on: date, known_at: datetime) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        if row["recorded_at"] <= known_at and is_in_books(books, row, through_on):
            sums[row["ledger"]] += row["amount_cents"]
    return Counter({name: cents for name, cents in sums.items() if cents})


@st.composite
def years(draw: st.DrawFn) -> Year:
    """Every day something may be recorded, for that day or any before it, and the books may be closed or reopened."""
    events = told_story(draw(commands()))
    year = Year()
    acts = draw(st.lists(st.sampled_from(["money", "money", "close", "reopen"]), min_size=5, max_size=30))
    known = 0
    for act in acts:
        known += draw(st.integers(0, 3))
        if act == "money" and events:
            happened = draw(st.integers(0, known))
            year.log.append(recorded(events.pop(0), len(year.log) + 1, happened=happened, known=known))
        elif act == "close":
            known += 1  # what was recorded before this day is certainly read
            close(year, through=draw(st.integers(0, known)), known=known)
        elif act == "reopen" and year.books.closed_through is not None and year.books.closed_through >= START_ON:
            number = draw(st.integers(0, (year.books.closed_through - START_ON).days))
            command = ReopenPeriod(
                period=period_named(str(day(number))),
                now=START_AT + timedelta(days=known),
                reason="a-reason",
                reopened_by="user:mia",
            )
            year.decide(command, known=known)
            known += 1
    return year


def close(year: Year, *, through: int, known: int) -> None:
    until = START_AT + timedelta(days=known) - timedelta(microseconds=1)
    if year.books.is_closed(day(through)) or (year.books.steps and until <= year.books.steps[-1].known_until):
        return
    found = trial_balance(year.books, year.rows(), day(through), until)
    figures = Figures(
        entries=0,
        receivable_cents=sum(cents for name, cents in found.items() if name.startswith("receivable:")),
        cash_cents=found["cash"],
    )
    command = ClosePeriod(
        period=period_named(str(day(through))),
        seen=len(year.books.steps),
        today=day(known),
        known_until=until,
        figures=figures,
        closed_by="user:mia",
    )
    [event] = year.decide(command, known=known)
    assert isinstance(event, PeriodClosed)
    year.seen.append((event, found))


def still_closed(year: Year) -> Iterator[tuple[date, Counter[str]]]:
    """What each closing saw that was not reopened since."""
    reopened = [
        (place, each.event.from_on)
        for place, each in enumerate(year.log)
        if type(each.event).__name__ == "PeriodReopened"
    ]
    places = {id(each.event): place for place, each in enumerate(year.log)}
    for event, found in year.seen:
        if not any(place > places[id(event)] and from_on <= event.through_on for place, from_on in reopened):
            yield event.through_on, found


@given(years())
@settings(max_examples=150, deadline=None)
def test_a_closed_period_says_for_ever_what_it_said_when_it_was_closed(year: Year) -> None:
    for_ever = START_AT + timedelta(days=10_000)
    for through_on, found in still_closed(year):
        assert trial_balance(year.books, year.rows(), through_on, for_ever) == found


@given(years())
@settings(max_examples=150, deadline=None)
def test_what_was_closed_is_seen_again_as_it_was_known_then_whatever_was_reopened(year: Year) -> None:
    """On both clocks: known at the closing, each closing says what it said, though it was reopened afterwards."""
    told = [each for each in year.log if isinstance(each.event, BooksEvent)]
    for event, found in year.seen:
        known_then = [each for each in told if each.recorded_at <= _recorded_at(year, event)]
        books = decider.state_after(each.event for each in known_then)
        assert trial_balance(books, year.rows(), event.through_on, event.known_until) == found


def _recorded_at(year: Year, event: BooksEvent) -> datetime:
    return next(each.recorded_at for each in year.log if each.event is event)


@given(years())
@settings(max_examples=100, deadline=None)
def test_an_entry_is_in_the_books_up_to_a_day_when_it_is_posted_by_then(year: Year) -> None:
    for row in year.rows():
        posted_on = year.books.posted_on(row["occurred_at"].date(), row["recorded_at"])
        assert posted_on >= row["occurred_at"].date()
        for number in DAYS:
            assert is_in_books(year.books, row, day(number)) == (posted_on <= day(number))


@given(years(), st.integers(0, 59), st.integers(0, 59))
@settings(max_examples=150, deadline=None)
def test_the_roll_forward_adds_up_and_ties_to_the_trial_balance(year: Year, first: int, last: int) -> None:
    from_on, through_on = sorted((day(first), day(last)))
    for_ever = START_AT + timedelta(days=10_000)
    rows = year.rows()
    before = trial_balance(year.books, rows, from_on - ONE_DAY, for_ever)
    after = trial_balance(year.books, rows, through_on, for_ever)
    assert sum(after.values()) == 0
    transfers = 0
    for party in {row["party"] for row in rows} - {""}:
        told = asdict(rolled_forward(parts_of(year.books, rows, party, from_on, through_on)))
        assert told["opening_cents"] == before[f"receivable:{party}"]
        assert told["closing_cents"] == after[f"receivable:{party}"]
        assert told["closing_cents"] == (
            told["opening_cents"]
            + told["charges_cents"]
            - told["payer_payments_cents"]
            - told["patient_payments_cents"]
            - told["contractual_cents"]
            - told["write_offs_cents"]
            + told["refunds_cents"]
            + told["transfers_cents"]
            + told["brought_in_cents"]
            + told["other_cents"]
        )
        assert told["other_cents"] == 0
        transfers += told["transfers_cents"]
    assert transfers == 0


def parts_of(
    books: Books, rows: Sequence[dict[str, Any]], party: str, from_on: date, through_on: date
) -> Iterator[Part]:
    for row in rows:
        if row["party"] == party and is_in_books(books, row, through_on):
            is_before = is_in_books(books, row, from_on - ONE_DAY)
            is_late = not is_before and row["occurred_at"].date() < from_on
            yield Part(row["movement"], is_before, is_late, row["amount_cents"])


@given(years())
@settings(max_examples=100, deadline=None)
def test_the_log_bears_out_what_every_closing_said(year: Year) -> None:
    check = ClosedPeriodsStand()
    for each in year.log:
        check.see(each)
    assert check.result().violations == []


@given(years())
@settings(max_examples=50, deadline=None)
def test_the_rows_lead_to_the_same_books_as_the_events(year: Year) -> None:
    told = [each for each in year.log if isinstance(each.event, BooksEvent)]
    rows = rows_of(closings.projection, told)["closings"]
    assert closings.books_of([rows[key] for key in sorted(rows)]) == year.books  # type: ignore[arg-type, misc]


def test_a_closing_that_says_another_figure_is_found() -> None:
    year = Year()
    close(year, through=1, known=3)
    [closing] = year.log
    lie = recorded(structs.replace(closing.event, receivable_cents=1), 1, happened=3, known=3)
    check = ClosedPeriodsStand()
    check.see(lie)
    [violation] = check.result().violations
    assert (violation.expected, violation.found) == ("receivable 0 cents", "receivable 1 cents")


def test_an_entry_that_slips_into_a_closed_period_is_found() -> None:
    year = Year()
    close(year, through=1, known=3)
    [charges] = told_story([post_charges(100_00)])
    check = ClosedPeriodsStand()
    for each in (*year.log, recorded(charges, 2, happened=0, known=2)):
        check.see(each)
    assert len(check.result().violations) == 1
