"""Stories about closing a day and a month, and about what comes too late for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from services.payments.domain.books.commands import ClosePeriod, Figures, Obstacle, ReopenPeriod
from services.payments.domain.books.decider import books
from services.payments.domain.books.period import period_named
from services.payments.domain.books.state import Books, Shut, Step
from services.payments.domain.deposit.commands import RecordDeposit
from services.payments.domain.deposit.decider import deposit
from services.payments.domain.ledger import counterparts, moved, movement_of
from services.payments.domain.patient_account.commands import ReceivePatientPayment
from services.payments.domain.patient_account.decider import patient_account
from shared.events.patient_money import PatientPaymentReceived
from shared.events.payments import PeriodClosed, PeriodReopened
from shared.events.values import Posting
from shared.kernel.errors import Malformed
from shared.testing.specification import Specification

spec = Specification(books)
TODAY = date(2026, 7, 3)


def at(day: int, hour: int = 12, month: int = 7) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


NOON, LATER = at(3), at(3, 13)


def close(
    period: str,
    *,
    seen: int = 0,
    known_until: datetime = NOON,
    obstacles: tuple[Obstacle, ...] = (),
    today: date = TODAY,
) -> ClosePeriod:
    return ClosePeriod(
        period=period_named(period),
        seen=seen,
        today=today,
        known_until=known_until,
        figures=Figures(entries=12, receivable_cents=100_00, cash_cents=80_00),
        obstacles=obstacles,
        closed_by="user:mia",
    )


def reopen(period: str, *, now: datetime = LATER) -> ReopenPeriod:
    return ReopenPeriod(period=period_named(period), now=now, reason="wrong-deposit", reopened_by="user:mia")


def closed(period: str, *, from_on: date | None = None, known_until: datetime = NOON) -> PeriodClosed:
    return PeriodClosed(
        period=period,
        from_on=from_on,
        through_on=period_named(period).through_on,
        known_until=known_until,
        entries=12,
        receivable_cents=100_00,
        cash_cents=80_00,
        closed_by="user:mia",
    )


def test_a_month_is_closed_with_every_open_day_before_its_end() -> None:
    spec.when(close("2026-06")).then(closed("2026-06"))
    spec.given(closed("2026-05")).when(close("2026-06", seen=1, known_until=at(3, 13))).then(
        closed("2026-06", from_on=date(2026, 6, 1), known_until=at(3, 13))
    )


def test_a_day_of_february_and_its_month() -> None:
    assert period_named("2028-02").through_on == date(2028, 2, 29)
    assert period_named("2028-02-29").from_on == date(2028, 2, 29)
    for wrong in ("2027-02-29", "2026-13", "2026", "June 2026"):
        with pytest.raises(Malformed):
            period_named(wrong)


def test_what_is_closed_already_is_no_news() -> None:
    spec.given(closed("2026-06")).when(close("2026-06")).then_nothing()
    spec.given(closed("2026-06")).when(close("2026-06-12")).then_nothing()
    spec.given(closed("2026-06")).when(
        close("2026-06", obstacles=(Obstacle("ledger-not-zero", "books", 1),))
    ).then_nothing()


def test_a_day_may_be_closed_on_its_evening_and_not_before_it_begins() -> None:
    spec.when(close("2026-07-03")).then_kinds(PeriodClosed)
    assert spec.when(close("2026-07-04")).then_refused("period-not-over").facts == {"period": "2026-07-04"}
    spec.when(close("2026-07")).then_refused("period-not-over")


def test_closing_is_refused_with_what_stands_in_the_way() -> None:
    wrong = Obstacle("remittance-not-answered", "remittance-1", 96_00)
    refusal = spec.when(close("2026-06", obstacles=(wrong, Obstacle("ledger-not-zero", "books", 1)))).then_refused(
        "period-does-not-add-up"
    )
    assert refusal.facts == {
        "period": "2026-06",
        "obstacles": 2,
        "obstacle_1": "remittance-not-answered: remittance-1 (9600 cents)",
        "obstacle_2": "ledger-not-zero: books (1 cents)",
    }


def test_reopening_a_day_reopens_what_follows_it_and_names_its_reason() -> None:
    june_and_july = spec.given(closed("2026-06"), closed("2026-07-01", known_until=at(3, 13)))
    told = june_and_july.when(reopen("2026-06-30", now=at(3, 14)))
    told.then(
        PeriodReopened(
            period="2026-06-30",
            from_on=date(2026, 6, 30),
            known_until=at(3, 14),
            reason="wrong-deposit",
            reopened_by="user:mia",
        )
    )
    assert told.state.closed_through == date(2026, 6, 29)
    assert told.state.period_of(date(2026, 6, 12)) == ""


def test_what_is_open_is_not_reopened() -> None:
    spec.when(reopen("2026-06")).then_refused("period-not-closed")
    spec.given(closed("2026-06")).when(reopen("2026-07")).then_refused("period-not-closed")


def test_a_closing_that_looked_before_the_last_one_is_refused() -> None:
    after = spec.given(closed("2026-06", known_until=at(3, 13)))
    after.when(close("2026-07-01", seen=1, known_until=at(3, 13))).then_refused("books-just-changed")
    after.when(close("2026-07-01", known_until=at(3, 14))).then_refused("books-just-changed")
    after.when(close("2026-07-01", seen=1, known_until=at(3, 14))).then_kinds(PeriodClosed)
    after.when(reopen("2026-06", now=at(3, 14)), close("2026-06", seen=2, known_until=at(3, 14))).then_refused(
        "books-just-changed"
    )


def test_a_late_entry_stands_on_the_first_open_day_and_keeps_none_before() -> None:
    ledger = spec.given(closed("2026-06"), closed("2026-07-02", known_until=at(4))).when().state
    june = date(2026, 6, 30)
    assert ledger.posted_on(june, at(3)) == june  # recorded up to the very moment: in it
    assert ledger.posted_on(june, at(3, 13)) == date(2026, 7, 1)
    assert ledger.posted_on(june, at(5)) == date(2026, 7, 3)
    assert ledger.posted_on(date(2026, 7, 9), at(9)) == date(2026, 7, 9)


def test_after_a_reopening_entries_stand_on_their_own_day_again_and_late_ones_stay() -> None:
    ledger = Books(
        steps=(Step(at(3), date(2026, 6, 30)), Step(at(5), date(2026, 5, 31)), Step(at(8), date(2026, 6, 30)))
    )
    june = date(2026, 6, 12)
    assert [ledger.posted_on(june, at(day)) for day in (2, 4, 6, 9)] == [june, date(2026, 7, 1), june, date(2026, 7, 1)]
    assert list(ledger.shut(june)) == [Shut(at(3), at(5)), Shut(at(8), None)]
    assert list(ledger.shut(date(2026, 5, 31))) == [Shut(at(3), None)]
    assert list(ledger.shut(date(2026, 7, 1))) == []


PAYMENT = ReceivePatientPayment(
    payment_id="payment-1",
    patient_id="patient-1",
    amount_cents=20_00,
    method="check",
    received_on=date(2026, 6, 29),
)


def test_a_person_who_posts_a_payment_to_a_closed_day_is_told_day_period_and_what_to_do() -> None:
    ledger = spec.given(closed("2026-06")).when().state
    payments = Specification(patient_account)
    refusal = payments.when(replace(PAYMENT, books=ledger)).then_refused("day-is-closed")
    assert refusal.facts == {"day": "2026-06-29", "period": "2026-06", "first_open_on": "2026-07-01"}
    assert "late_entry" in refusal.message
    assert "2026-07-01" in refusal.message
    payments.when(PAYMENT).then_kinds(PatientPaymentReceived)
    payments.when(replace(PAYMENT, received_on=date(2026, 7, 1), books=ledger)).then_kinds(PatientPaymentReceived)


def test_a_payment_that_was_taken_before_its_day_was_closed_is_no_news_and_no_refusal() -> None:
    ledger = spec.given(closed("2026-06")).when().state
    Specification(patient_account).when(PAYMENT, replace(PAYMENT, books=ledger)).then_kinds(PatientPaymentReceived)


def test_a_deposit_of_a_closed_day_is_refused_to_a_person_in_the_same_words() -> None:
    ledger = spec.given(closed("2026-06")).when().state
    command = RecordDeposit(
        deposit_id="deposit-1",
        trace_number="TRACE1",
        payer_identifier="1999999999",
        amount_cents=100_00,
        deposited_on=date(2026, 6, 29),
        books=ledger,
    )
    assert Specification(deposit).when(command).then_refused("day-is-closed").facts["period"] == "2026-06"
    Specification(deposit).when(replace(command, books=None)).only(object)


def test_why_a_receivable_moved_is_told_by_the_account_of_the_other_leg() -> None:
    expected = {
        "charges": "charges",
        "suspense": "payer-payments",
        "unapplied": "payer-payments",
        "allocated": "patient-payments",
        "contractual": "contractual",
        "bad-debt": "write-offs",
        "charity": "write-offs",
        "write-off:small-balance": "write-offs",
        "refunds": "refunds",
        "receivable:payer:2": "transfers",
        "interest": "other",
        "": "other",
    }
    assert {against: movement_of(against) for against in expected} == expected


def test_each_leg_knows_the_account_of_the_other() -> None:
    legs = (
        *moved(5_00, debit="suspense", credit="receivable:payer:1", line_id="L1"),
        *moved(-2_00, debit="contractual", credit="receivable:payer:1", line_id="L2"),
    )
    assert counterparts(legs) == ("receivable:payer:1", "suspense", "receivable:payer:1", "contractual")
    three = tuple(Posting(account=name, amount_cents=cents) for name, cents in (("a", 1), ("b", 1), ("c", -2)))
    assert counterparts(three) == ("", "", "")
