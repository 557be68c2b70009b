"""What does Medicare's relative value file (PPRRVU, as CSV) say?

Some lines of preamble stand above a header that is spread over several lines, with names that repeat. So a column is known by its place
together with all that stands above it, and a file in which one of them is elsewhere is refused: a work value that is read as another one
would quietly price everything wrongly. Descriptions are licensed and are taken out.
Source: CMS, physician fee schedule relative value files, record layout (columns of code, modifier, values, indicators).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.codecs.problems import Problems

PREAMBLE_MAX = 20
_DESCRIPTION = 2
_NOT_DONE_THERE = "NA"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    place: int  # from zero
    above: Sequence[str]  # words of the header lines over it


_COLUMNS: Mapping[str, _Column] = {
    "procedure_code": _Column(place=0, above=("HCPCS",)),
    "modifiers": _Column(place=1, above=("MOD",)),
    "work_rvu": _Column(place=5, above=("WORK", "RVU")),
    "non_facility_pe_rvu": _Column(place=6, above=("NON-FAC", "PE")),
    "non_facility_na": _Column(place=7, above=("NA", "INDICATOR")),
    "facility_pe_rvu": _Column(place=8, above=("FACILITY", "PE")),
    "facility_na": _Column(place=9, above=("NA", "INDICATOR")),
    "mp_rvu": _Column(place=10, above=("MP", "RVU")),
    "multiple": _Column(place=18, above=("MULT",)),
    "bilateral": _Column(place=19, above=("BILAT",)),
}
_EXPENSES = (("non_facility_pe_rvu", "non_facility_na"), ("facility_pe_rvu", "facility_na"))


def without_descriptions(content: bytes) -> bytes:
    """The same lines, the licensed column empty. What is no CSV stays as it is, and is refused by its reader."""
    told = io.StringIO()
    try:
        rows = [[*row[:_DESCRIPTION], "", *row[_DESCRIPTION + 1 :]] for row in _rows(content)]
    except csv.Error:
        return content
    csv.writer(told, lineterminator="\n").writerows(rows)
    return told.getvalue().encode()


def lines_of_medicare(content: bytes, problems: Problems, *, most: int) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Number and fields of each line of prices, by the names that our own lists have. Never raises."""
    stacked: list[list[str]] = []
    is_open, number = False, 0
    try:
        for number, row in enumerate(_rows(content), start=1):
            if number > most + PREAMBLE_MAX:
                problems.note(number, "line", f"a list has at most {most:,} lines".replace(",", " "))
                return
            if is_open:
                if any(row):
                    yield number, _fields(row)
                continue
            stacked.append(row)
            if row and row[0].strip().upper() == "HCPCS":
                if not _are_in_place(stacked, number, problems):
                    return
                is_open = True
            elif number >= PREAMBLE_MAX:
                break
    except csv.Error:
        problems.note(number + 1, "line", "fields are separated by commas, and quotes are closed")
    if not is_open and not problems:
        problems.note(0, "file", "Medicare's relative value file has a header line that begins with HCPCS")


def _rows(content: bytes) -> Iterator[list[str]]:
    """Only numbers and codes are read, so what a description is written in does not matter."""
    return csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""), strict=True)


def _are_in_place(stacked: Sequence[Sequence[str]], number: int, problems: Problems) -> bool:
    before = len(problems)
    for name, column in _COLUMNS.items():
        above = " ".join(row[column.place] for row in stacked if len(row) > column.place).upper().split()
        for word in column.above:
            if word not in above:
                rule = "a column of Medicare's file is where it was, with its name above it"
                problems.note(number, name, rule, expected=f"{word} above column {column.place + 1}")
    return len(problems) == before


def _fields(row: Sequence[str]) -> Mapping[str, str]:
    fields = {name: row[column.place].strip() if len(row) > column.place else "" for name, column in _COLUMNS.items()}
    for value, mark in _EXPENSES:
        if fields[mark].upper() == _NOT_DONE_THERE:
            fields[value] = ""
    return fields
