"""What does a price list in CSV say?

A header names the columns, in any order. Amounts: `procedure_code` and `amount` (dollars) are needed, `modifiers` (with blanks between)
and `place` (facility, non-facility) may be left out. Relative values: `procedure_code`, `work_rvu`, `non_facility_pe_rvu`,
`facility_pe_rvu` and `mp_rvu` are needed, `modifiers`, `multiple` and `bilateral` may be left out; an empty practice expense: the
procedure is not done there. A list is whole or it is not used: a procedure that is missing would quietly never be compared.
Problems name line, column, value and rule; a value that does not look like a number or a code is never quoted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.events.payments import FeeRate, RelativeValues
from shared.kernel.money import parse_cents

LINES_MAX = 30_000
PROBLEMS_MAX = 100
_AMOUNTS = (("procedure_code", "amount"), ("modifiers", "place"))
_VALUES = (
    ("procedure_code", "work_rvu", "non_facility_pe_rvu", "facility_pe_rvu", "mp_rvu"),
    ("modifiers", "multiple", "bilateral"),
)
_CODE = re.compile(r"[A-Z0-9]{5}", re.ASCII)
_MODIFIERS = re.compile(r"([A-Z0-9]{2}( +[A-Z0-9]{2}){0,3})?", re.ASCII)
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_VALUE = re.compile(r"\d{1,4}(\.\d{1,4})?", re.ASCII)
_INDICATOR = re.compile(r"[0-9]?", re.ASCII)
_QUOTED = re.compile(r"(?=.*\d)[A-Za-z0-9.,$\-]{1,20}", re.ASCII)  # words may be somebody's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken rule. Line 0 is the file as a whole."""

    line: int
    column: str
    value: str
    rule: str

    @property
    def message(self) -> str:
        return f"line {self.line}, {self.column}: {self.rule}; found {self.value or 'nothing'}"


class _Problems(list[Problem]):
    def note(self, line: int, column: str, rule: str, value: str = "") -> None:
        if len(self) < PROBLEMS_MAX:
            shown = value if not value or _QUOTED.fullmatch(value) else f"{len(value)} characters"
            self.append(Problem(line=line, column=column, value=shown, rule=rule))


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
    problems = _Problems()
    prices: list[FeeRate] = []
    seen: dict[tuple[str, tuple[str, ...], str], int] = {}
    for number, row in _rows(content, _AMOUNTS, problems):
        code, modifiers = _code(number, row, problems), _modifiers(number, row, problems)
        place, cents = _place(number, row, problems), _cents(number, row, problems)
        if code is None or modifiers is None or place is None or cents is None:
            continue
        others = ("any", "facility", "non-facility") if place == "any" else ("any", place)
        if (first := next((seen[code, modifiers, each] for each in others if (code, modifiers, each) in seen), 0)) > 0:
            problems.note(number, "procedure_code", _twice(first), code)
        seen[code, modifiers, place] = number
        prices.append(FeeRate(procedure_code=code, modifiers=modifiers, place=place, amount_cents=cents))
    _refuse_empty(prices, problems)
    return AmountsRead(prices=() if problems else tuple(prices), problems=problems)


def read_relative_values(content: bytes) -> RelativeValuesRead:
    """Never raises. The header is line 1."""
    problems = _Problems()
    values: list[RelativeValues] = []
    seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for number, row in _rows(content, _VALUES, problems):
        before = len(problems)
        code, modifiers = _code(number, row, problems), _modifiers(number, row, problems)
        read = RelativeValues(
            procedure_code=code or "",
            modifiers=modifiers or (),
            work=_value(number, row, "work_rvu", problems),
            non_facility_expense=_value(number, row, "non_facility_pe_rvu", problems, may_be_empty=True),
            facility_expense=_value(number, row, "facility_pe_rvu", problems, may_be_empty=True),
            malpractice=_value(number, row, "mp_rvu", problems),
            multiple=_indicator(number, row, "multiple", problems),
            bilateral=_indicator(number, row, "bilateral", problems),
        )
        key = (read.procedure_code, read.modifiers)
        if code and key in seen:
            problems.note(number, "procedure_code", _twice(seen[key]), code)
        if len(problems) == before:
            seen[key] = number
            values.append(read)
    _refuse_empty(values, problems)
    return RelativeValuesRead(values=() if problems else tuple(values), problems=problems)


def _twice(first: int) -> str:
    return f"a procedure has one price for the same modifiers and place, line {first} has it too"


def _refuse_empty(read: Sequence[object], problems: _Problems) -> None:
    if not read and not problems:
        problems.note(0, "file", "a list has at least one price")


def _rows(
    content: bytes, columns: tuple[tuple[str, ...], tuple[str, ...]], problems: _Problems
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows by column name, with their line; what cannot be read ends the reading."""
    header: Sequence[str] | None = None
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            number = reader.line_num
            if number > LINES_MAX + 1:
                problems.note(number, "line", "a list has at most 30 000 lines")
                return
            if header is None:
                header = [name.strip().lower() for name in row]
                if not _is_header(header, columns, problems):
                    return
            elif len(row) == len(header):
                yield number, {name: text.strip() for name, text in zip(header, row, strict=True)}
            elif row:
                problems.note(number, "line", f"a line has the {len(header)} fields of the header", str(len(row)))
    except UnicodeDecodeError:
        problems.note(0, "file", "a list is written in UTF-8")
    except csv.Error:
        problems.note(0, "file", "fields are separated by commas, and quotes are closed")
    if header is None and not problems:
        problems.note(0, "file", "a list begins with the names of its columns")


def _is_header(header: Sequence[str], columns: tuple[tuple[str, ...], tuple[str, ...]], problems: _Problems) -> bool:
    needed, others = columns
    known = (*needed, *others)
    for place, name in enumerate(header, start=1):
        if name not in known or header.count(name) > 1:
            problems.note(1, f"header {place}", f"a column is one of {', '.join(known)}, and named once", name)
    for name in needed:
        if name not in header:
            problems.note(1, "header", f"{name} is needed")
    return not problems


def _code(number: int, row: Mapping[str, str], problems: _Problems) -> str | None:
    text = row["procedure_code"].upper()
    if _CODE.fullmatch(text):
        return text
    problems.note(number, "procedure_code", "a CPT or HCPCS code has five letters and digits", row["procedure_code"])
    return None


def _modifiers(number: int, row: Mapping[str, str], problems: _Problems) -> tuple[str, ...] | None:
    text = row.get("modifiers", "").upper()
    if _MODIFIERS.fullmatch(text):
        return tuple(sorted(set(text.split())))
    rule = "modifiers have two letters or digits, at most four of them with blanks between"
    problems.note(number, "modifiers", rule, text)
    return None


def _place(
    number: int, row: Mapping[str, str], problems: _Problems
) -> Literal["any", "facility", "non-facility"] | None:
    match row.get("place", "").lower():
        case "" | "any":
            return "any"
        case "facility":
            return "facility"
        case "non-facility":
            return "non-facility"
        case other:
            problems.note(number, "place", "a place is facility, non-facility or empty", other)
            return None


def _cents(number: int, row: Mapping[str, str], problems: _Problems) -> int | None:
    text = row["amount"]
    if _AMOUNT.fullmatch(text):
        return parse_cents(text)
    if text.startswith("-") and _AMOUNT.fullmatch(text[1:]):
        problems.note(number, "amount", "a price is never negative", text)
    else:
        problems.note(number, "amount", "a price is dollars with at most two decimals, without grouping", text)
    return None


def _value(number: int, row: Mapping[str, str], column: str, problems: _Problems, *, may_be_empty: bool = False) -> str:
    text = row[column]
    if not (may_be_empty and not text) and not _VALUE.fullmatch(text):
        problems.note(number, column, "a relative value is a number with at most four decimals", text)
    return text


def _indicator(number: int, row: Mapping[str, str], column: str, problems: _Problems) -> str:
    text = row.get(column, "")
    if not _INDICATOR.fullmatch(text):
        problems.note(number, column, "an indicator is one digit or empty", text)
    return text
