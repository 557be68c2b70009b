"""What does a list of balances of another system say, and what is wrong with it?

CSV in UTF-8 with a header. Needed: `account`, `patient_id`, `responsible` (`patient`, `payer:1`, …), `original_on` (2026-03-20), `amount`
(dollars with two decimals; a minus for a credit). May be left out or empty: `service_on`, `claim_number`, `payer_id`, `payer_name`,
`payer_electronic_id`; a payer's lines name the payer. All problems are collected with line, column, value and rule; what does not look
like a number or a code is not quoted, because it may be somebody's name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.payments.adapters.x12_remittance import account_named_by, is_ours
from shared.codecs.bank.statement import Problem, Problems
from shared.events.payments import AccountPayer, OpeningBalanceStated, OpeningLine
from shared.events.values import DocumentReference
from shared.kernel.identifiers import account_id_of, account_of_claim

LINES_MAX = 20_000
AMOUNT_CENTS_MAX = 10**12  # of one line
NEEDED = ("account", "patient_id", "responsible", "original_on", "amount")
COLUMNS = (*NEEDED, "service_on", "claim_number", "payer_id", "payer_name", "payer_electronic_id")
_AMOUNT = re.compile(r"(-?)(\d{1,13})\.(\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}", re.ASCII)
_NUMBER = re.compile(r"[!-~]{1,50}", re.ASCII)
_PARTY = re.compile(r"patient|payer:(?:[1-9]|1[01])", re.ASCII)
_PAYER = re.compile(r"payer:(?:[1-9]|1[01])", re.ASCII)
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
    problems = Problems()
    rows: list[_Row] = []
    for number, fields in _rows(content, problems):
        if (row := _row(number, fields, as_of_on, problems)) is not None:
            rows.append(row)
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


def _rows(content: bytes, problems: Problems) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Lines by column name, with the number of the record; what cannot be read ends the reading."""
    number = 0
    header: Sequence[str] | None = None
    try:
        for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True):
            number += 1
            if number > LINES_MAX + 1:
                problems.note(number, "line", "a file has at most 20 000 lines")
                return
            if header is None:
                header = [name.strip().lower() for name in row]
                if not _is_header(header, problems):
                    return
            elif len(row) == len(header):
                yield number, {name: text.strip() for name, text in zip(header, row, strict=True)}
            elif row:
                rule = "a line has the fields of the header"
                problems.note(number, "line", rule, found=str(len(row)), expected=len(header))
    except UnicodeDecodeError:
        problems.note(0, "file", "a file is written in UTF-8")
    except csv.Error:
        problems.note(number + 1, "line", "fields are separated by commas, and quotes are closed")
    if header is None and not problems:
        problems.note(0, "file", "a file begins with the names of its columns")


def _is_header(header: Sequence[str], problems: Problems) -> bool:
    before = len(problems)
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            rule = "a column is one of these, and named once"
            problems.note(1, "header", rule, found=name, expected=", ".join(COLUMNS))
    for name in NEEDED:
        if name not in header:
            problems.note(1, "header", "a column is missing", expected=name)
    return len(problems) == before


def _row(number: int, fields: Mapping[str, str], as_of_on: date, problems: Problems) -> _Row | None:
    before = len(problems)
    account = _code(number, fields, "account", _NUMBER, "an account's number has no spaces", problems)
    patient = _code(number, fields, "patient_id", _ID, "a patient's id is one of ours", problems)
    party = _code(number, fields, "responsible", _PARTY, "responsible is patient, payer:1, payer:2, …", problems)
    original = _day(number, fields, "original_on", as_of_on, problems)
    service = _day(number, fields, "service_on", as_of_on, problems) if fields.get("service_on") else original
    cents = _cents(number, fields, problems)
    claim = fields.get("claim_number", "")
    if claim:
        claim = _code(number, fields, "claim_number", _NUMBER, "a claim's number has no spaces", problems)
        if is_ours(account_of_claim(claim)):
            problems.note(number, "claim_number", _OURS, found=claim)
    payer = _payer(number, fields, party, problems) if _PAYER.fullmatch(party) else None
    if original is None or service is None or len(problems) > before:
        return None
    return _Row(
        number=number,
        account_id=account_named_by(claim) if claim else account_id_of(f"opening\x1f{account}"),
        patient_id=patient,
        party=party,
        payer=payer,
        original_on=original,
        service_on=service,
        amount_cents=cents,
    )


def _payer(number: int, fields: Mapping[str, str], party: str, problems: Problems) -> AccountPayer:
    electronic = ""
    if fields.get("payer_electronic_id"):
        electronic = _code(number, fields, "payer_electronic_id", _NUMBER, "a payer's number has no spaces", problems)
    return AccountPayer(
        rank=int(party.removeprefix("payer:")),
        payer_id=_code(number, fields, "payer_id", _ID, "a payer's line names the payer by our id", problems),
        payer_name=_code(number, fields, "payer_name", _NAME, "a payer's line has the payer's name", problems),
        electronic_id=electronic,
    )


def _code(
    number: int, fields: Mapping[str, str], name: str, pattern: re.Pattern[str], rule: str, problems: Problems
) -> str:
    text = fields.get(name, "")
    if not pattern.fullmatch(text):
        problems.note(number, name, rule, found=text)
    return text


def _day(number: int, fields: Mapping[str, str], name: str, as_of_on: date, problems: Problems) -> date | None:
    text = fields[name]
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        problems.note(number, name, "a date is YYYY-MM-DD", found=text)
        return None
    if day > as_of_on:
        problems.note(
            number, name, "nothing of the old books is after their last day", found=text, expected=str(as_of_on)
        )
        return None
    return day


def _cents(number: int, fields: Mapping[str, str], problems: Problems) -> int:
    text = fields["amount"]
    found = _AMOUNT.fullmatch(text)
    if found is None:
        problems.note(number, "amount", "an amount is dollars with two decimals, without grouping", found=text)
        return 0
    cents = int(found[2] + found[3])
    if not 0 < cents <= AMOUNT_CENTS_MAX:
        problems.note(number, "amount", "a line is not zero, and at most 10 000 000 000.00", found=text)
    return -cents if found[1] else cents
