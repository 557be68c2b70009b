"""How is a list in CSV read?

UTF-8, with or without a byte-order mark; fields separated by commas; the first line names the columns, in any order. Lines are counted as
CSV counts records, so that the header is line 1. What cannot be read is noted with its place; blanks around a field are not part of it.
Source: RFC 4180.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shared.codecs.problems import Problems

_AMOUNT = re.compile(r"(-?)(\d{1,13})\.(\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns of a list are called, in small letters."""

    needed: Sequence[str]
    others: Sequence[str] = ()

    @property
    def known(self) -> tuple[str, ...]:
        return (*self.needed, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a list. Its methods note in `problems` what cannot be read."""

    number: int
    fields: Mapping[str, str]
    problems: Problems

    def text(self, name: str) -> str:
        """As it stands; empty where the list has no such column."""
        return self.fields.get(name, "")

    def refuse(self, name: str, rule: str, *, found: str | None = None, expected: str | int = "") -> None:
        self.problems.note(
            self.number, name, rule, found=self.text(name) if found is None else found, expected=expected
        )

    def code(self, name: str, pattern: re.Pattern[str], rule: str) -> str | None:
        """A field that the whole pattern matches."""
        if pattern.fullmatch(self.text(name)):
            return self.text(name)
        self.refuse(name, rule)
        return None

    def day(self, name: str) -> date | None:
        try:
            if _DAY.fullmatch(self.text(name)):
                return date.fromisoformat(self.text(name))
        except ValueError:
            pass  # no day of the calendar
        self.refuse(name, "a date is YYYY-MM-DD")
        return None

    def cents(self, name: str, *, most: int) -> int | None:
        """Dollars with exactly two decimals, a minus before them; beyond `most` cents either way is refused."""
        found = _AMOUNT.fullmatch(self.text(name))
        if found is None:
            self.refuse(name, "an amount is dollars with two decimals, without grouping")
            return None
        cents = int(found[2] + found[3])
        if cents > most:
            self.refuse(name, f"an amount is at most {most // 100:,} dollars".replace(",", " "))
            return None
        return -cents if found[1] else cents


def lines_of(content: bytes, columns: Columns, problems: Problems, *, most: int) -> Iterator[Line]:
    """The lines behind the header, at most so many; what cannot be read as a list ends the reading. Never raises."""
    number = 0
    header: Sequence[str] | None = None
    try:
        for fields in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True):
            number += 1
            if number > most + 1:
                problems.note(number, "line", f"a list has at most {most:,} lines".replace(",", " "))
                return
            if header is None:
                header = [name.strip().lower() for name in fields]
                if not _is_header(header, columns, problems):
                    return
            elif len(fields) == len(header):
                named = {name: text.strip() for name, text in zip(header, fields, strict=True)}
                yield Line(number=number, fields=named, problems=problems)
            elif fields:
                rule = "a line has the fields of the header"
                problems.note(number, "line", rule, found=str(len(fields)), expected=len(header))
    except UnicodeDecodeError:
        problems.note(0, "file", "a list is written in UTF-8")
    except csv.Error:
        problems.note(number + 1, "line", "fields are separated by commas, and quotes are closed")
    if header is None and not problems:
        problems.note(0, "file", "a list begins with the names of its columns")


def _is_header(header: Sequence[str], columns: Columns, problems: Problems) -> bool:
    before = len(problems)
    for name in header:
        if name not in columns.known or header.count(name) > 1:
            rule = "a column is one of these, and named once"
            problems.note(1, "header", rule, found=name, expected=", ".join(columns.known))
    for name in columns.needed:
        if name not in header:
            problems.note(1, "header", "a column is missing", expected=name)
    return len(problems) == before
