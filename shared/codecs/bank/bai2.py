"""What does a BAI2 file say came in?

Records are lines of comma-separated fields that end with a slash: 01 file, 02 group (one day), 03 account, 16 line, 88 continuation, 49, 98
and 99 the trailers of account, group and file. Amounts are cents without a point. A file may hold several files, one behind the other.
Each trailer repeats the sum of the amounts and the number of records below it, so a file that lost or gained something is noticed
and refused whole. A record of another code is counted and passed over.
Source: BAI Cash Management Balance Reporting Specifications, version 2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from shared.codecs.bank.bai2_types import KINDS, direction_of
from shared.codecs.bank.reassociation import company_id_in, company_name_in, traces_in
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
from shared.codecs.problems import Problems

_RECORD = re.compile(r"(\d\d)(?:,(.*)|/?)", re.ASCII | re.DOTALL)
_AMOUNT = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_DAY = re.compile(r"\d{6}", re.ASCII)
_TYPE_CODE = re.compile(r"[0-9A-Z]{3}", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9 ./*-]{1,40}", re.ASCII)
_OUTER_SPACES = " \t\r\x1a"
_DISTRIBUTION_MAX = 100  # days over which one amount becomes available

_CONTINUATION = "88"
_DELETION, _TEST = "2", "4"  # status of a group


@dataclass(frozen=True, slots=True)
class _Record:
    """A record with its continuations; their codes and the slashes at their ends are taken off."""

    number: int
    code: str
    texts: list[str]

    @property
    def size(self) -> int:
        return len(self.texts)


@dataclass(slots=True)
class _Fields:
    """Field by field through a record and its continuations."""

    texts: Sequence[str]
    _at: int = 0
    _left: str | None = None

    def __post_init__(self) -> None:
        self._left = self.texts[0]

    @property
    def is_over(self) -> bool:
        return self._left is None and self._at + 1 >= len(self.texts)

    def take(self) -> str:
        """The next field, of a continuation where the record is over; empty behind the last."""
        if self._left is None and not self.is_over:
            self._at += 1
            self._left = self.texts[self._at]
        return self.take_here()

    def take_here(self) -> str:
        """The next field of this record; what follows in a continuation is left there."""
        if self._left is None:
            return ""
        value, comma, rest = self._left.partition(",")
        self._left = rest if comma else None
        return value.strip()

    def rest(self) -> list[str]:
        """The text: what is left of this record, and its continuations."""
        here = [] if self._left is None else [self._left]
        return [*here, *self.texts[self._at + 1 :]]


@dataclass(slots=True)
class _Level:
    """What a trailer must say about a file, a group or an account."""

    begun: int  # number of its first record
    total: int = 0
    parts: int = 0  # groups of a file, accounts of a group
    records: int = 0
    day: date | None = None
    status: str = ""
    currency: str = ""
    account: str = ""


@dataclass(slots=True)
class _Reader:
    problems: Problems = field(default_factory=partial(Problems, "record"))
    credits: list[Credit] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    unknown_records: Counter[str] = field(default_factory=Counter)
    unknown_types: Counter[str] = field(default_factory=Counter)
    file: _Level | None = None
    group: _Level | None = None
    account: _Level | None = None

    def take(self, record: _Record) -> None:
        match record.code:
            case "01":
                self._begin_file(record)
            case "02":
                self._begin_group(record)
            case "03":
                self._begin_account(record)
            case "16":
                self._line(record)
            case "49":
                self._end_account(record)
            case "98":
                self._end_group(record)
            case "99":
                self._end_file(record)
            case _:
                self.unknown_records[record.code] += 1
                self._count(record)

    def finish(self, last: int) -> None:
        for level, name in ((self.account, "49"), (self.group, "98"), (self.file, "99")):
            if level is not None:
                self.problems.note(last, name, "what was begun has a trailer", expected=f"{name} before the end")

    # Headers --------------------------------------------------------------------------------------------------------

    def _begin_file(self, record: _Record) -> None:
        if self.file is not None:
            self.problems.note(record.number, "01", "a file begins behind the trailer of the one before")
        self.file, self.group, self.account = _Level(record.number), None, None
        self._count(record)
        fields = _Fields(record.texts)
        *_, version = (fields.take() for _ in range(8))
        if version != "2":
            self.problems.note(record.number, "version", "the version is 2", found=version, expected=2)

    def _begin_group(self, record: _Record) -> None:
        if self.file is None or self.group is not None:
            self.problems.note(
                record.number, "02", "a group stands in a file, and behind the trailer of the one before"
            )
        self.group, self.account = _Level(record.number), None
        if self.file is not None:
            self.file.parts += 1
        self._count(record)
        fields = _Fields(record.texts)
        _, _, status, day, _, currency = (fields.take() for _ in range(6))
        self.group.status, self.group.currency = status, currency or "USD"
        if status not in ("1", "2", "3", "4"):
            self.problems.note(record.number, "group status", "the status is 1, 2, 3 or 4", found=status)
        self.group.day = self._day(record, day)

    def _begin_account(self, record: _Record) -> None:
        if self.group is None or self.account is not None:
            self.problems.note(
                record.number, "03", "an account stands in a group, and behind the trailer of the one before"
            )
        self.account = _Level(record.number)
        if self.group is not None:
            self.group.parts += 1
        self._count(record)
        fields = _Fields(record.texts)
        self.account.account = fields.take()
        if not _ACCOUNT.fullmatch(self.account.account):
            rule = "an account has a number of digits and letters"
            self.problems.note(record.number, "account", rule, found=self.account.account, is_withheld=True)
        self.account.currency = fields.take() or (self.group.currency if self.group else "")
        while not fields.is_over:
            if type_code := fields.take():
                self._type_code(record, type_code)
                self.account.total += self._amount(record, fields.take())
                fields.take()  # number of items
                self._availability(record, fields)

    # Lines ----------------------------------------------------------------------------------------------------------

    def _line(self, record: _Record) -> None:
        if self.account is None:
            self.problems.note(record.number, "16", "a line stands in an account")
        self._count(record)
        fields = _Fields(record.texts)
        type_code = self._type_code(record, fields.take())
        cents = self._amount(record, fields.take())
        self._availability(record, fields)
        bank_reference, customer_reference = fields.take_here(), fields.take_here()
        if self.account is None or self.group is None:
            return
        self.account.total += cents
        direction = direction_of(type_code)
        if type_code not in KINDS and direction != "debit":
            self.unknown_types[type_code] += 1
        if reason := self._why_left_out(type_code, cents):
            self.left_out.append(LeftOut(record=record.number, reason=reason, type_code=type_code, amount_cents=cents))
        elif cents > AMOUNT_CENTS_MAX:
            self.problems.note(record.number, "amount", "a credit is at most 10 000 000 000.00", found=str(cents))
        elif self.group.day is not None:  # otherwise it was noted
            references = (bank_reference, customer_reference)
            self._credit(record, type_code, cents, references, fields.rest(), self.group.day, self.account.account)

    def _why_left_out(self, type_code: str, cents: int) -> LeftOutReason | None:
        assert self.group is not None
        assert self.account is not None
        direction = direction_of(type_code)
        if direction == "neither":
            return "not-a-credit"
        if cents == 0:
            return "no-money"
        if direction == "debit" or cents < 0:
            return "debit"
        if self.group.status in (_DELETION, _TEST):
            return "group-deleted" if self.group.status == _DELETION else "group-is-a-test"
        return None if self.account.currency == "USD" else "currency"

    def _credit(
        self,
        record: _Record,
        type_code: str,
        cents: int,
        references: tuple[str, str],
        texts: Sequence[str],
        day: date,
        account: str,
    ) -> None:
        if len(self.credits) == CREDITS_MAX:
            rule = "a file has at most 10 000 credits"
            if not any(problem.rule == rule for problem in self.problems):
                self.problems.note(record.number, "16", rule)
            return
        kind = KINDS.get(type_code, "other")
        named = traces_in(texts) or traces_in(references[1:]) or traces_in(references[:1])
        trace = next(iter(named)) if len(named) == 1 else None
        text = " ".join(texts)
        self.credits.append(
            Credit(
                record=record.number,
                deposited_on=day,
                amount_cents=cents,
                kind=kind,
                type_code=type_code,
                account=account,
                trace_number=trace.trace_number if trace else "",
                payer_identifier=trace.payer_identifier if trace else company_id_in(text) if not named else "",
                payer_name=company_name_in(text) if kind == "ach" else "",
                reference=reference_of(references[1]) or reference_of(references[0]),
                said="\x1f".join((account, type_code, *references, *texts)),
            )
        )

    # Trailers -------------------------------------------------------------------------------------------------------

    def _end_account(self, record: _Record) -> None:
        self._count(record)
        if self.account is None:
            self.problems.note(record.number, "49", "a trailer ends what was begun")
            return
        fields = _Fields(record.texts)
        self._same(record, "account control total", self._amount(record, fields.take()), self.account.total)
        self._same(record, "number of records", self._number(record, fields.take()), self.account.records)
        if self.group is not None:
            self.group.total += self.account.total
        self.account = None

    def _end_group(self, record: _Record) -> None:
        self._count(record)
        if self.group is None or self.account is not None:
            self.problems.note(record.number, "98", "a trailer ends what was begun, behind the trailers of its parts")
        if self.group is None:
            return
        fields = _Fields(record.texts)
        self._same(record, "group control total", self._amount(record, fields.take()), self.group.total)
        self._same(record, "number of accounts", self._number(record, fields.take()), self.group.parts)
        self._same(record, "number of records", self._number(record, fields.take()), self.group.records)
        if self.file is not None:
            self.file.total += self.group.total
        self.group = self.account = None

    def _end_file(self, record: _Record) -> None:
        self._count(record)
        if self.file is None or self.group is not None:
            self.problems.note(record.number, "99", "a trailer ends what was begun, behind the trailers of its parts")
        if self.file is None:
            return
        fields = _Fields(record.texts)
        self._same(record, "file control total", self._amount(record, fields.take()), self.file.total)
        self._same(record, "number of groups", self._number(record, fields.take()), self.file.parts)
        self._same(record, "number of records", self._number(record, fields.take()), self.file.records)
        self.file = self.group = self.account = None

    def _same(self, record: _Record, name: str, said: int, counted: int) -> None:
        if said != counted:
            self.problems.note(
                record.number, name, "a trailer says what is above it", found=str(said), expected=counted
            )

    # Fields ---------------------------------------------------------------------------------------------------------

    def _count(self, record: _Record) -> None:
        if self.file is None:
            self.problems.note(record.number, "record", "every record stands in a file, between 01 and 99")
        for level in (self.file, self.group, self.account):
            if level is not None:
                level.records += record.size

    def _amount(self, record: _Record, text: str) -> int:
        if not text:
            return 0
        if not _AMOUNT.fullmatch(text):
            self.problems.note(record.number, "amount", "an amount is cents, in digits", found=text)
            return 0
        return int(text)

    def _number(self, record: _Record, text: str) -> int:
        if not _COUNT.fullmatch(text):
            self.problems.note(record.number, "count", "a count is one to nine digits", found=text)
            return -1
        return int(text)

    def _day(self, record: _Record, text: str) -> date | None:
        try:
            if not _DAY.fullmatch(text):
                raise ValueError
            return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
        except ValueError:
            self.problems.note(record.number, "as-of date", "a date is YYMMDD", found=text)
            return None

    def _type_code(self, record: _Record, text: str) -> str:
        if not _TYPE_CODE.fullmatch(text):
            self.problems.note(record.number, "type code", "a type code is three digits or letters", found=text)
        return text

    def _availability(self, record: _Record, fields: _Fields) -> None:
        """When the bank lets the money be used; it is the bank's business, but stands in the way of what follows."""
        match kind := fields.take():
            case "" | "Z" | "0" | "1" | "2":
                extra = 0
            case "V":
                extra = 2  # day and time
            case "S":
                extra = 3  # now, in one day, in two and more
            case "D":
                extra = 2 * self._days(record, fields.take())  # days and amount of each
            case _:
                self.problems.note(record.number, "funds type", "the funds type is Z, 0, 1, 2, S, V or D", found=kind)
                extra = 0
        for _ in range(extra):
            fields.take()

    def _days(self, record: _Record, text: str) -> int:
        number = int(text) if _COUNT.fullmatch(text) else -1
        if not 0 <= number <= _DISTRIBUTION_MAX:
            self.problems.note(record.number, "distribution", "an amount is spread over at most 100 days", found=text)
            return 0
        return number


def is_bai2(content: bytes) -> bool:
    """Whether a file begins like one of these."""
    return content[:64].lstrip().startswith(b"01,")


def read_bai2(content: bytes) -> StatementRead:
    """The credits of a file, or what is wrong with it. Never raises."""
    reader = _Reader()
    last = 0
    for record in _records(content, reader.problems):
        reader.take(record)
        last = record.number + record.size - 1
    if last == 0 and not reader.problems:
        reader.problems.note(0, "file", "a file has records")
    reader.finish(last)
    if reader.problems:
        return StatementRead(statement=None, problems=reader.problems)
    statement = Statement(
        credits=tuple(reader.credits),
        left_out=tuple(reader.left_out),
        unknown_records=reader.unknown_records,
        unknown_types=reader.unknown_types,
    )
    return StatementRead(statement=statement, problems=())


def _records(content: bytes, problems: Problems) -> Iterator[_Record]:
    """Records with their continuations. Lines that are blank fill up a block and are no records."""
    waiting: _Record | None = None
    number = 0
    for line in content.decode("latin-1").split("\n"):
        text = line.strip(_OUTER_SPACES)
        if not text:
            continue
        number += 1
        if number > RECORDS_MAX:
            problems.note(number, "record", "a file has at most 200 000 records")
            break
        found = _RECORD.fullmatch(text)
        if found is None:
            problems.note(number, "record code", "a record begins with two digits and a comma", found=text[:3])
            continue
        code, body = found[1], (found[2] or "").removesuffix("/")
        if code != _CONTINUATION:
            if waiting is not None:
                yield waiting
            waiting = _Record(number, code, [body])
        elif waiting is None:
            problems.note(number, "88", "a continuation follows the record that it continues")
        else:
            waiting.texts.append(body)
    if waiting is not None:
        yield waiting
