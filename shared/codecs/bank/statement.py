"""What does a bank's file say came in, and what is wrong with the file?

A file is whole or it is not used: with any problem there is no statement. Problems are collected with their place; free text of the
bank is never quoted in one, because it may name people.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.codecs.problems import Problem

CREDITS_MAX = 10_000  # in one file
RECORDS_MAX = 200_000
AMOUNT_CENTS_MAX = 10**12  # of one credit

Kind: TypeAlias = Literal["ach", "wire", "check", "other"]
LeftOutReason: TypeAlias = Literal["debit", "not-a-credit", "no-money", "currency", "group-deleted", "group-is-a-test"]

_REFERENCE = re.compile(r"(?=.*\d)[A-Za-z0-9._:#/-]{1,50}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Money that came in. What the bank does not say is empty."""

    record: int
    deposited_on: date
    amount_cents: int  # positive
    kind: Kind
    type_code: str = ""  # of BAI2
    account: str = ""  # ours at the bank
    trace_number: str = ""  # TRN02 of the payment's addenda
    payer_identifier: str = ""  # TRN03 of the addenda, or the company id of the transfer
    payer_name: str = ""  # of the company that sent an ACH transfer
    reference: str = ""  # the bank's or the sender's number, where it looks like one
    said: str = ""  # everything that tells this line from others, as it stands; may name people


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A line of the statement that is no deposit."""

    record: int
    reason: LeftOutReason
    type_code: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    credits: tuple[Credit, ...]
    left_out: tuple[LeftOut, ...]
    unknown_records: Counter[str]  # record codes that the standard does not have, and how many of each
    unknown_types: Counter[str]  # type codes that are taken by their range only


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRead:
    """A statement without problems, or the problems."""

    statement: Statement | None
    problems: Sequence[Problem]


def reference_of(text: str) -> str:
    """A number as the bank gives it; empty for words, which may be somebody's name."""
    plain = text.strip()
    return plain if _REFERENCE.fullmatch(plain) else ""
