"""What does a list of balances of another system say, and what is wrong with it?

CSV in UTF-8 with a header. Needed: `account`, `patient_id`, `responsible` (`patient`, `payer:1`, …), `original_on` (2026-03-20), `amount`
(dollars with two decimals; a minus for a credit). May be left out or empty: `service_on`, `claim_number`, `payer_id`, `payer_name`,
`payer_electronic_id`; a payer's lines name the payer. All problems are collected with line, column, value and rule; what does not look
like a number or a code is not quoted, because it may be somebody's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.payments.adapters.x12_remittance import account_named_by, is_ours
from shared.codecs.lists import Columns, Line, lines_of
from shared.codecs.problems import Problem, Problems
from shared.events.payments import AccountPayer, OpeningBalanceStated, OpeningLine
from shared.events.values import DocumentReference
from shared.kernel.identifiers import account_id_of, account_of_claim

LINES_MAX = 20_000
AMOUNT_CENTS_MAX = 10**12  # of one line
COLUMNS = Columns(
    needed=("account", "patient_id", "responsible", "original_on", "amount"),
    others=("service_on", "claim_number", "payer_id", "payer_name", "payer_electronic_id"),
)
_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}", re.ASCII)
_NUMBER = re.compile(r"[!-~]{1,50}", re.ASCII)
_PARTY = re.compile(r"patient|payer:(?:[1-9]|1[01])", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
_OURS = "a claim number is one of the other system"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancesRead:
    """One `stated` for each account, in the order of the file and without an import's name; empty with any problem."""

    stated: Sequence[OpeningBalanceStated]
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int
    account_id: str
    patient_id: str
    party: str
    payer: AccountPayer | None
    original_on: date
    service_on: date
    amount_cents: int


def read_opening_balances(content: bytes, *, document_id: str, as_of_on: date) -> BalancesRead:
    """The balances of a file, or what is wrong with it. Never raises. The header is line 1."""
    problems = Problems("line")
    read = (_row(line, as_of_on) for line in lines_of(content, COLUMNS, problems, most=LINES_MAX))
    rows = [row for row in read if row is not None]
    _check_together(rows, problems)
    if not rows and not problems:
        problems.note(0, "file", "a file has lines")
    if problems:
        return BalancesRead(stated=(), problems=problems)
    by_account: dict[str, list[_Row]] = {}
    for row in rows:
        by_account.setdefault(row.account_id, []).append(row)
    return BalancesRead(stated=tuple(_stated(each, document_id) for each in by_account.values()), problems=())


def _stated(rows: Sequence[_Row], document_id: str) -> OpeningBalanceStated:
    payers = {row.payer.rank: row.payer for row in rows if row.payer is not None}
    return OpeningBalanceStated(
        import_id="",
        account_id=rows[0].account_id,
        patient_id=rows[0].patient_id,
        service_on=min(row.service_on for row in rows),
        payers=tuple(payers[rank] for rank in sorted(payers)),
        lines=tuple(
            OpeningLine(
                line_id=f"opening:{row.party}:{row.original_on}",
                party=row.party,
                original_on=row.original_on,
                amount_cents=row.amount_cents,
                place=f"line {row.number}",
            )
            for row in rows
        ),
        amount_cents=sum(row.amount_cents for row in rows),
        source=DocumentReference(document_id=document_id, place=f"line {rows[0].number}"),
    )


def _check_together(rows: Sequence[_Row], problems: Problems) -> None:
    """What one line may not say beside another of the same account."""
    first: dict[str, _Row] = {}
    keys: dict[tuple[str, str, date], int] = {}
    payers: dict[tuple[str, str], AccountPayer] = {}
    for row in rows:
        key = (row.account_id, row.party, row.original_on)
        if (other := keys.setdefault(key, row.number)) != row.number:
            rule = "an account has one line for a party and an original date"
            problems.note(row.number, "account", rule, found=f"line {other}", expected="another date, or one sum")
        if first.setdefault(row.account_id, row).patient_id != row.patient_id:
            problems.note(row.number, "patient_id", "an account is of one patient", found=row.patient_id)
        if row.payer is not None and payers.setdefault((row.account_id, row.party), row.payer) != row.payer:
            problems.note(row.number, "payer_id", "a rank of an account is one payer", found=row.payer.payer_id)


def _row(line: Line, as_of_on: date) -> _Row | None:
    before = len(line.problems)
    account = line.code("account", _NUMBER, "an account's number has no spaces")
    patient = line.code("patient_id", _ID, "a patient's id is one of ours")
    party = line.code("responsible", _PARTY, "responsible is patient, payer:1, payer:2, …")
    original = _day(line, "original_on", as_of_on)
    service = _day(line, "service_on", as_of_on) if line.text("service_on") else original
    cents = line.cents("amount", most=AMOUNT_CENTS_MAX)
    if cents == 0:
        line.refuse("amount", "a line is not zero")
    claim: str | None = line.text("claim_number")
    if claim:
        claim = line.code("claim_number", _NUMBER, "a claim's number has no spaces")
        if claim and is_ours(account_of_claim(claim)):
            line.refuse("claim_number", _OURS)
    payer = _payer(line, party) if party is not None and party != "patient" else None
    if not (account and patient and party and original and service and cents) or len(line.problems) > before:
        return None
    return _Row(
        number=line.number,
        account_id=account_named_by(claim) if claim else account_id_of(f"opening\x1f{account}"),
        patient_id=patient,
        party=party,
        payer=payer,
        original_on=original,
        service_on=service,
        amount_cents=cents,
    )


def _payer(line: Line, party: str) -> AccountPayer:
    has_number = bool(line.text("payer_electronic_id"))
    electronic = line.code("payer_electronic_id", _NUMBER, "a payer's number has no spaces") if has_number else ""
    return AccountPayer(
        rank=int(party.removeprefix("payer:")),
        payer_id=line.code("payer_id", _ID, "a payer's line names the payer by our id") or "",
        payer_name=line.code("payer_name", _NAME, "a payer's line has the payer's name") or "",
        electronic_id=electronic or "",
    )


def _day(line: Line, name: str, as_of_on: date) -> date | None:
    day = line.day(name)
    if day is not None and day > as_of_on:
        line.refuse(name, "nothing of the old books is after their last day", expected=str(as_of_on))
        return None
    return day
