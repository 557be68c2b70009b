"""What does a list of deposits in CSV say came in?

A header names the columns: `deposited_on` (2026-03-20) and `amount` (dollars with two decimals, no grouping) are needed; `trace_number`,
`payer_identifier` and `reference` may be left out or empty. The same rules as of a statement: one bad row, and the file is not used.
"""

from __future__ import annotations

import re
from collections import Counter

from shared.codecs.bank.statement import (
    AMOUNT_CENTS_MAX,
    CREDITS_MAX,
    RECORDS_MAX,
    Credit,
    LeftOut,
    LeftOutReason,
    Statement,
    StatementRead,
    reference_of,
)
from shared.codecs.lists import Columns, lines_of
from shared.codecs.problems import Problems

COLUMNS = Columns(needed=("deposited_on", "amount"), others=("trace_number", "payer_identifier", "reference"))
_TRACE = re.compile(r"[!-~]{0,50}", re.ASCII)
_PAYER = re.compile(r"[!-~]{0,30}", re.ASCII)
_NUMBER = "a number has no spaces and no other letters than A to Z"


def is_deposit_list(content: bytes) -> bool:
    """Whether the first line names columns of a list, the day among them. Never raises."""
    line = content[:4096].removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    names = {name.strip(b' "\r\t').lower() for name in line.split(b",")}
    return COLUMNS.needed[0].encode() in names


def read_deposit_list(content: bytes) -> StatementRead:
    """The credits of a list, or what is wrong with it. Never raises. The header is record 1."""
    problems = Problems("record")
    credits: list[Credit] = []
    left_out: list[LeftOut] = []
    for line in lines_of(content, COLUMNS, problems, most=RECORDS_MAX):
        day, cents = line.day("deposited_on"), line.cents("amount", most=AMOUNT_CENTS_MAX)
        trace, payer = line.code("trace_number", _TRACE, _NUMBER), line.code("payer_identifier", _PAYER, _NUMBER)
        if day is None or cents is None or trace is None or payer is None:
            continue
        if cents <= 0:
            reason: LeftOutReason = "debit" if cents else "no-money"
            left_out.append(LeftOut(record=line.number, reason=reason, type_code="", amount_cents=cents))
            continue
        if len(credits) == CREDITS_MAX:
            problems.note(line.number, "line", "a file has at most 10 000 credits")
            break
        reference = line.text("reference")
        credits.append(
            Credit(
                record=line.number,
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
