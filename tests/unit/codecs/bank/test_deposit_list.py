"""A list of deposits in CSV."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.codecs.bank.deposit_list import read_deposit_list

HEADER = "deposited_on,amount,trace_number,payer_identifier,reference\n"
LIST = f"{HEADER}2026-03-21,96.00,TRACE1,1512345678,A-1\n2026-03-21,0.07,,,\n"


def problems(text: str) -> list[tuple[int, str, str]]:
    found = read_deposit_list(text.encode())
    assert found.statement is None
    return [(problem.number, problem.field, problem.found) for problem in found.problems]


def test_rows_are_deposits_to_the_cent() -> None:
    statement = read_deposit_list(b"\xef\xbb\xbf" + LIST.encode()).statement
    assert statement is not None
    first, second = statement.credits
    assert (first.record, first.deposited_on, first.amount_cents) == (2, date(2026, 3, 21), 96_00)
    assert (first.trace_number, first.payer_identifier, first.reference) == ("TRACE1", "1512345678", "A-1")
    assert (second.amount_cents, second.trace_number, second.payer_identifier) == (7, "", "")


def test_columns_may_stand_in_any_order_and_some_be_left_out() -> None:
    statement = read_deposit_list(b"amount,deposited_on\r\n1.00,2026-03-21\r\n\r\n").statement
    assert statement is not None
    assert [credit.amount_cents for credit in statement.credits] == [1_00]


def test_debits_and_nothing_are_left_out() -> None:
    statement = read_deposit_list(b"amount,deposited_on\n-1.00,2026-03-21\n0.00,2026-03-21\n").statement
    assert statement is not None
    assert [(each.record, each.reason, each.amount_cents) for each in statement.left_out] == [
        (2, "debit", -1_00),
        (3, "no-money", 0),
    ]


@pytest.mark.parametrize("amount", ["1", "1.0", "1.005", '"1,000.00"', "1e2", "$1.00", "", " ", "NaN", "1.00-"])
def test_an_amount_that_is_not_exactly_cents_refuses_the_list(amount: str) -> None:
    [(record, field, _)] = problems(f"amount,deposited_on\n2.00,2026-03-21\n{amount},2026-03-21\n")
    assert (record, field) == (3, "amount")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (0, "file", "")),
        ("amount\n1.00\n", (1, "header", "")),
        ("amount,deposited_on,patient\n", (1, "header", "7 characters")),
        ("amount,deposited_on,amount\n", (1, "header", "6 characters")),
        ("amount,deposited_on\n1.00\n", (2, "line", "1")),
        ("amount,deposited_on\n1.00,03/21/2026\n", (2, "deposited_on", "10 characters")),
        ("amount,deposited_on\n1.00,2026-02-30\n", (2, "deposited_on", "2026-02-30")),
        ('amount,deposited_on\n1.00,"2026-03-21\n', (2, "line", "")),
        ("amount,deposited_on,trace_number\n1.00,2026-03-21,JANE DOE\n", (2, "trace_number", "8 characters")),
        ("amount,deposited_on\n99999999999.00,2026-03-21\n", (2, "amount", "99999999999.00")),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, place: tuple[int, str, str]) -> None:
    assert place in problems(text)


def test_a_list_in_another_encoding_is_refused() -> None:
    [problem] = read_deposit_list(b"amount,deposited_on\n\xff").problems
    assert problem.rule == "a list is written in UTF-8"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (LIST + text).encode(errors="replace")))
def test_anything_at_all_is_read_or_named_with_its_place(content: bytes) -> None:
    found = read_deposit_list(content)
    assert (found.statement is None) == bool(found.problems)
    assert all(problem.field and problem.rule and problem.number >= 0 for problem in found.problems)
