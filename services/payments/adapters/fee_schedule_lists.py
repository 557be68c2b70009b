"""What does a price list in CSV say?

A header names the columns, in any order. Amounts: `procedure_code` and `amount` (dollars) are needed, `modifiers` (with blanks between)
and `place` (facility, non-facility) may be left out. Relative values: `procedure_code`, `work_rvu`, `non_facility_pe_rvu`,
`facility_pe_rvu` and `mp_rvu` are needed, `modifiers`, `multiple` and `bilateral` may be left out; an empty practice expense: the
procedure is not done there. A list is whole or it is not used: a procedure that is missing would quietly never be compared.
Problems name line, column, value and rule; a value that does not look like a number or a code is never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.payments.adapters.medicare_relative_values import lines_of_medicare
from shared.codecs.lists import Columns, Line, lines_of
from shared.codecs.problems import Problem, Problems
from shared.events.contracts import FeeRate, RelativeValues
from shared.kernel.money import parse_cents

LINES_MAX = 30_000
_AMOUNTS = Columns(needed=("procedure_code", "amount"), others=("modifiers", "place"))
_VALUES = Columns(
    needed=("procedure_code", "work_rvu", "non_facility_pe_rvu", "facility_pe_rvu", "mp_rvu"),
    others=("modifiers", "multiple", "bilateral"),
)
_CODE = re.compile(r"[A-Z0-9]{5}", re.ASCII)
_MODIFIERS = re.compile(r"([A-Z0-9]{2}( +[A-Z0-9]{2}){0,3})?", re.ASCII)
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_VALUE = re.compile(r"\d{1,4}(\.\d{1,4})?", re.ASCII)
_INDICATOR = re.compile(r"[0-9]?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountsRead:
    """Prices, or what is wrong with the list."""

    prices: tuple[FeeRate, ...]
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeValuesRead:
    values: tuple[RelativeValues, ...]
    problems: Sequence[Problem]


def read_amounts(content: bytes) -> AmountsRead:
    """Never raises. The header is line 1."""
    problems = Problems("line")
    prices: list[FeeRate] = []
    seen: dict[tuple[str, tuple[str, ...], str], int] = {}
    for line in lines_of(content, _AMOUNTS, problems, most=LINES_MAX):
        code, modifiers, place, cents = _code(line), _modifiers(line), _place(line), _cents(line)
        if code is None or modifiers is None or place is None or cents is None:
            continue
        others = ("any", "facility", "non-facility") if place == "any" else ("any", place)
        if (first := next((seen[code, modifiers, each] for each in others if (code, modifiers, each) in seen), 0)) > 0:
            line.refuse("procedure_code", _twice(first), found=code)
        seen[code, modifiers, place] = line.number
        prices.append(FeeRate(procedure_code=code, modifiers=modifiers, place=place, amount_cents=cents))
    _refuse_empty(prices, problems)
    return AmountsRead(prices=() if problems else tuple(prices), problems=problems)


def read_relative_values(content: bytes) -> RelativeValuesRead:
    """Never raises. The header is line 1."""
    problems = Problems("line")
    return _relative_values(lines_of(content, _VALUES, problems, most=LINES_MAX), problems)


def read_medicare_file(content: bytes) -> RelativeValuesRead:
    """Medicare's own file. Never raises; lines are counted from the top of the file."""
    problems = Problems("line")
    lines = lines_of_medicare(content, problems, most=LINES_MAX)
    told = (Line(number=number, fields=fields, problems=problems) for number, fields in lines)
    return _relative_values(told, problems)


def _relative_values(lines: Iterable[Line], problems: Problems) -> RelativeValuesRead:
    values: list[RelativeValues] = []
    seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for line in lines:
        before = len(problems)
        code, modifiers = _code(line), _modifiers(line)
        read = RelativeValues(
            procedure_code=code or "",
            modifiers=modifiers or (),
            work=_value(line, "work_rvu"),
            non_facility_expense=_value(line, "non_facility_pe_rvu", may_be_empty=True),
            facility_expense=_value(line, "facility_pe_rvu", may_be_empty=True),
            malpractice=_value(line, "mp_rvu"),
            multiple=_indicator(line, "multiple"),
            bilateral=_indicator(line, "bilateral"),
        )
        key = (read.procedure_code, read.modifiers)
        if code and key in seen:
            line.refuse("procedure_code", _twice(seen[key]), found=code)
        if len(problems) == before:
            seen[key] = line.number
            values.append(read)
    _refuse_empty(values, problems)
    return RelativeValuesRead(values=() if problems else tuple(values), problems=problems)


def _twice(first: int) -> str:
    return f"a procedure has one price for the same modifiers and place, line {first} has it too"


def _refuse_empty(read: Sequence[object], problems: Problems) -> None:
    if not read and not problems:
        problems.note(0, "file", "a list has at least one price")


def _code(line: Line) -> str | None:
    text = line.text("procedure_code").upper()
    if _CODE.fullmatch(text):
        return text
    line.refuse("procedure_code", "a CPT or HCPCS code has five letters and digits")
    return None


def _modifiers(line: Line) -> tuple[str, ...] | None:
    text = line.text("modifiers").upper()
    if _MODIFIERS.fullmatch(text):
        return tuple(sorted(set(text.split())))
    line.refuse("modifiers", "modifiers have two letters or digits, at most four of them with blanks between")
    return None


def _place(line: Line) -> Literal["any", "facility", "non-facility"] | None:
    match line.text("place").lower():
        case "" | "any":
            return "any"
        case "facility":
            return "facility"
        case "non-facility":
            return "non-facility"
        case _:
            line.refuse("place", "a place is facility, non-facility or empty")
            return None


def _cents(line: Line) -> int | None:
    text = line.text("amount")
    if _AMOUNT.fullmatch(text):
        return parse_cents(text)
    if _AMOUNT.fullmatch(text.removeprefix("-")):
        line.refuse("amount", "a price is never negative")
    else:
        line.refuse("amount", "a price is dollars with at most two decimals, without grouping")
    return None


def _value(line: Line, column: str, *, may_be_empty: bool = False) -> str:
    text = line.text(column)
    if not (may_be_empty and not text) and not _VALUE.fullmatch(text):
        line.refuse(column, "a relative value is a number with at most four decimals")
    return text


def _indicator(line: Line, column: str) -> str:
    return line.code(column, _INDICATOR, "an indicator is one digit or empty") or ""
