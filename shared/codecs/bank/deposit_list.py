"""What does a list of deposits in CSV say came in?

A header names the columns: `deposited_on` (2026-03-20) and `amount` (dollars with two decimals, no grouping) are needed; `trace_number`,
`payer_identifier` and `reference` may be left out or empty. The same rules as of a statement: one bad row, and the file is not used.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from shared.codecs.bank.statement import (
    AMOUNT_CENTS_MAX,
    CREDITS_MAX,
    RECORDS_MAX,
    Credit,
    LeftOut,
    Problems,
    Statement,
    StatementRead,
    reference_of,
)

NEEDED = ("deposited_on", "amount")
COLUMNS = (*NEEDED, "trace_number", "payer_identifier", "reference")
_AMOUNT = re.compile(r"(-?)(\d{1,13})\.(\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TRACE = re.compile(r"[!-~]{0,50}", re.ASCII)
_PAYER = re.compile(r"[!-~]{0,30}", re.ASCII)


def is_deposit_list(content: bytes) -> bool:
    """Whether the first line names columns of a list, the day among them. Never raises."""
    line = content[:4096].removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    names = {name.strip(b' "\r\t').lower() for name in line.split(b",")}
    return NEEDED[0].encode() in names


def read_deposit_list(content: bytes) -> StatementRead:
    """The credits of a list, or what is wrong with it. Never raises. The header is record 1."""
    problems = Problems()
    credits: list[Credit] = []
    left_out: list[LeftOut] = []
    for number, row in _rows(content, problems):
        day, cents = _day(number, row, problems), _cents(number, row, problems)
        trace = _code(number, row, "trace_number", _TRACE, problems)
        payer = _code(number, row, "payer_identifier", _PAYER, problems)
        if day is None or cents is None:
            continue
        if cents <= 0:
            reason = LeftOut(record=number, reason="debit" if cents else "no-money", type_code="", amount_cents=cents)
            left_out.append(reason)
            continue
        if len(credits) == CREDITS_MAX:
            problems.note(number, "row", "a file has at most 10 000 credits")
            break
        reference = row.get("reference", "").strip()
        credits.append(
            Credit(
                record=number,
                deposited_on=day,
                amount_cents=cents,
                kind="other",
                trace_number=trace,
                payer_identifier=payer,
                reference=reference_of(reference),
                said="\x1f".join((trace, payer, reference)),
            )
        )
    if problems:
        return StatementRead(statement=None, problems=problems)
    statement = Statement(
        credits=tuple(credits), left_out=tuple(left_out), unknown_records=Counter(), unknown_types=Counter()
    )
    return StatementRead(statement=statement, problems=())


def _rows(content: bytes, problems: Problems) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows by column name, with their number; what cannot be read ends the reading."""
    number = 0
    header: Sequence[str] | None = None
    try:
        for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True):
            number += 1
            if number > RECORDS_MAX:
                problems.note(number, "row", "a file has at most 200 000 rows")
                return
            if header is None:
                header = [name.strip().lower() for name in row]
                if not _is_header(header, problems):
                    return
            elif len(row) == len(header):
                yield number, dict(zip(header, row, strict=True))
            elif row:
                problems.note(
                    number, "row", "a row has the fields of the header", found=str(len(row)), expected=len(header)
                )
    except UnicodeDecodeError:
        problems.note(0, "file", "a list is written in UTF-8")
    except csv.Error:
        problems.note(number + 1, "row", "fields are separated by commas, and quotes are closed")
    if header is None and not problems:
        problems.note(0, "file", "a list begins with the names of its columns")


def _is_header(header: Sequence[str], problems: Problems) -> bool:
    before = len(problems)
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            problems.note(
                1, "header", "a column is one of these, and named once", found=name, expected=", ".join(COLUMNS)
            )
    for name in NEEDED:
        if name not in header:
            problems.note(1, "header", "deposited_on and amount are needed", expected=name)
    return len(problems) == before


def _day(number: int, row: Mapping[str, str], problems: Problems) -> date | None:
    text = row["deposited_on"].strip()
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        problems.note(number, "deposited_on", "a date is YYYY-MM-DD", found=text)
        return None


def _cents(number: int, row: Mapping[str, str], problems: Problems) -> int | None:
    text = row["amount"].strip()
    found = _AMOUNT.fullmatch(text)
    if found is None:
        problems.note(number, "amount", "an amount is dollars with two decimals, without grouping", found=text)
        return None
    cents = int(found[2] + found[3])
    if cents > AMOUNT_CENTS_MAX:
        problems.note(number, "amount", "a credit is at most 10 000 000 000.00", found=text)
        return None
    return -cents if found[1] else cents


def _code(number: int, row: Mapping[str, str], name: str, pattern: re.Pattern[str], problems: Problems) -> str:
    text = row.get(name, "").strip()
    if pattern.fullmatch(text):
        return text
    problems.note(number, name, "a number has no spaces and no other letters than A to Z", found=text)
    return ""
