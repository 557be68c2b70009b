"""Stories about lists in CSV: every line that can be read is read, and what cannot be is named where it stands."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.codecs.lists import Columns, Line, lines_of
from shared.codecs.problems import NAMED_MAX, PROBLEMS_MAX, Problems, named

COLUMNS = Columns(needed=("code", "amount"), others=("day",))
CODE = re.compile(r"[A-Z0-9]{5}")


def read(text: str | bytes, *, most: int = 10) -> tuple[list[Line], list[str]]:
    problems = Problems("line")
    lines = list(lines_of(text.encode() if isinstance(text, str) else text, COLUMNS, problems, most=most))
    return lines, [problem.message for problem in problems]


def test_columns_stand_in_any_order_and_blanks_around_a_field_are_not_part_of_it() -> None:
    [line], problems = read("\ufeff Day ,AMOUNT,code\r\n2026-01-02, 12.30 , 99213 \r\n\r\n")
    assert not problems
    assert (line.number, line.text("code"), line.text("amount"), line.text("day")) == (
        2,
        "99213",
        "12.30",
        "2026-01-02",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 0, file: a list begins with the names of its columns; found nothing"),
        ("code\n", "line 1, header: a column is missing; expected amount; found nothing"),
        (
            "code,amount,code\n",
            "a column is one of these, and named once; expected code, amount, day; found 4 characters",
        ),
        ("code,amount\n1,2,3\n", "line 2, line: a line has the fields of the header; expected 2; found 3"),
        ('code,amount\n"1,2\n', "line 2, line: fields are separated by commas, and quotes are closed; found nothing"),
        (b"code,amount\n\xff,1\n", "line 0, file: a list is written in UTF-8; found nothing"),
        ("code,amount\n" + "1,2\n" * 11, "line 12, line: a list has at most 10 lines; found nothing"),
    ],
)
def test_what_is_no_list_is_named(text: str | bytes, told: str) -> None:
    assert [problem for problem in read(text)[1] if told in problem]


def test_lines_beside_one_with_other_fields_are_read() -> None:
    lines, problems = read("code,amount\n1,2\n1\n3,4\n")
    assert [line.number for line in lines] == [2, 4]
    assert len(problems) == 1


def test_a_field_that_is_read_is_given_and_one_that_is_not_is_named() -> None:
    problems = Problems("line")
    [good, bad] = lines_of(
        b"code,amount,day\n99213,-1.05,2026-02-28\nDOE,1000000.00,2026-02-30\n", COLUMNS, problems, most=9
    )
    read_of = [
        (line.code("code", CODE, "five letters"), line.cents("amount", most=99_00), line.day("day"))
        for line in (good, bad)
    ]
    assert [str(each) for each in read_of[0]] == ["99213", "-105", "2026-02-28"]
    assert read_of[1] == (None, None, None)
    assert [problem.message for problem in problems] == [
        "line 3, code: five letters; found 3 characters",
        "line 3, amount: an amount is at most 99 dollars; found 1000000.00",
        "line 3, day: a date is YYYY-MM-DD; found 2026-02-30",
    ]


def test_a_refusal_counts_all_that_were_kept_and_names_the_first() -> None:
    problems = Problems("line")
    for number in range(PROBLEMS_MAX + 5):
        problems.note(number, "code", "no code", found="x")
    told = named(problems)
    assert told["problems"] == PROBLEMS_MAX
    assert [name for name in told if name != "problems"] == [f"problem_{n}" for n in range(1, NAMED_MAX + 1)]
    assert told["problem_1"] == "line 0, code: no code; found 1 characters"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"code,amount\n{text}".encode()))
def test_whatever_is_sent_is_read_or_named(content: bytes) -> None:
    problems = Problems("line")
    lines = list(lines_of(content, COLUMNS, problems, most=5))
    assert len(lines) <= 5
    assert all(line.fields.keys() >= set(COLUMNS.needed) for line in lines)
    assert lines or problems or content.decode("utf-8-sig").split("\n", 1)[0].strip()
    for line in lines:
        noted = len(problems)
        assert (line.cents("amount", most=100) is None) == (len(problems) > noted)
