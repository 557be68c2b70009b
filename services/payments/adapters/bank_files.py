"""How does the bank's file come in, and what becomes of each of its lines?

The file is stored raw first, and read as a whole: with anything wrong in it nothing of it is recorded. Each credit is then a command of
its own, so a file that was stopped in the middle is sent again. A line is known by what it says and not by its file: a payer and a
trace number make it the deposit of that payment; without them it is a deposit that waits for a person, never one that was guessed.
A file comes by machine, and is never refused for a closed day.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias

from services.payments.domain.days import happened_at
from services.payments.domain.deposit.commands import RecordDeposit
from services.payments.domain.deposit.decider import Deposit
from services.payments.domain.errors import DepositAlreadyRecorded
from services.payments.domain.remittance.identity import deposit_id_of, unidentified_id_of
from services.payments.domain.unidentified_deposit.commands import RecordUnidentifiedDeposit
from services.payments.domain.unidentified_deposit.decider import UnidentifiedDeposit
from shared.codecs.bank.bai2 import is_bai2, read_bai2
from shared.codecs.bank.deposit_list import read_deposit_list
from shared.codecs.bank.statement import Credit, LeftOut, Statement
from shared.codecs.problems import Problem, named
from shared.events.values import DocumentReference
from shared.kernel.errors import Malformed
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.documents import Documents

Format: TypeAlias = Literal["bai2", "csv"]
Fate: TypeAlias = Literal["matched", "differs", "waits", "unidentified", "identified", "set-aside"]

_TOGETHER_MAX = 32


class BankFileRefused(Malformed):
    """The file was kept and nothing of it was recorded. `facts` has what is wrong, and where."""

    code = "bank-file-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTaken:
    """What became of one credit."""

    credit: Credit
    deposit_id: str
    fate: Fate
    reason: str  # why it is unidentified; empty otherwise
    done: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTaken:
    document_id: str
    format: Format
    lines: Sequence[LineTaken]
    left_out: Sequence[LeftOut]
    unknown_records: Mapping[str, int]
    unknown_types: Mapping[str, int]


class BankFiles:
    """Takes a bank's files in."""

    def __init__(
        self,
        *,
        commands: Commands,
        documents: Documents,
        clock: Clock,
        deposit: Aggregate,
        unidentified_deposit: Aggregate,
    ) -> None:
        self._commands = commands
        self._documents = documents
        self._clock = clock
        self._deposit = deposit
        self._unidentified = unidentified_deposit

    async def receive(self, content: bytes, cause: Cause) -> FileTaken:
        """Store the file, then record each of its credits. Safe to repeat. Raises BankFileRefused, and what the store raises."""
        kind: Format = "bai2" if is_bai2(content) else "csv"
        document_id = await self._documents.put(cause.tenant, content, kind)
        read = await asyncio.to_thread(read_bai2 if kind == "bai2" else read_deposit_list, content)
        if read.statement is None:
            raise _refused(read.problems, document_id)
        lines = await self._record_all(read.statement, document_id, cause)
        return FileTaken(
            document_id=document_id,
            format=kind,
            lines=lines,
            left_out=read.statement.left_out,
            unknown_records=read.statement.unknown_records,
            unknown_types=read.statement.unknown_types,
        )

    async def _record_all(self, statement: Statement, document_id: str, cause: Cause) -> list[LineTaken]:
        """Lines of one trace number in the order of the file, others at the same time."""
        alike: Counter[tuple[date, int, str]] = Counter()
        by_trace: dict[str, list[tuple[Credit, int]]] = {}
        for credit in statement.credits:
            same = (credit.deposited_on, credit.amount_cents, credit.said)
            alike[same] += 1
            trace = _deposit_id(credit) or f"record {credit.record}"
            by_trace.setdefault(trace, []).append((credit, alike[same]))
        places = asyncio.Semaphore(_TOGETHER_MAX)

        async def in_order(credits: Sequence[tuple[Credit, int]]) -> list[LineTaken]:
            async with places:
                return [await self._record(credit, number, document_id, cause) for credit, number in credits]

        taken = await asyncio.gather(*map(in_order, by_trace.values()))
        return sorted((line for lines in taken for line in lines), key=lambda line: line.credit.record)

    async def _record(self, credit: Credit, alike: int, document_id: str, cause: Cause) -> LineTaken:
        source = DocumentReference(document_id=document_id, place=f"record {credit.record}")
        own = replace(
            cause,
            command_id=derived_id(cause.command_id, "deposit", credit.record),
            occurred_at=happened_at(credit.deposited_on, self._clock.now()),
        )
        if deposit_id := _deposit_id(credit):
            command = RecordDeposit(
                deposit_id=deposit_id,
                trace_number=credit.trace_number,
                payer_identifier=credit.payer_identifier,
                amount_cents=credit.amount_cents,
                deposited_on=credit.deposited_on,
                source=source,
            )
            try:
                outcome = await self._commands.handle(self._deposit, deposit_id, command, own)
            except DepositAlreadyRecorded:
                own = replace(own, command_id=derived_id(own.command_id, "unidentified"))
                return await self._record_unidentified(credit, alike, source, "trace-number-used", own)
            fate = await self._fate(cause.tenant, deposit_id)
            return LineTaken(credit=credit, deposit_id=deposit_id, fate=fate, reason="", done=outcome)
        reason = "payer-missing" if credit.trace_number else "trace-number-missing"
        return await self._record_unidentified(credit, alike, source, reason, own)

    async def _record_unidentified(
        self, credit: Credit, alike: int, source: DocumentReference, reason: str, cause: Cause
    ) -> LineTaken:
        deposit_id = unidentified_id_of(
            deposited_on=credit.deposited_on, amount_cents=credit.amount_cents, said=credit.said, alike=alike
        )
        command = RecordUnidentifiedDeposit(
            deposit_id=deposit_id,
            amount_cents=credit.amount_cents,
            deposited_on=credit.deposited_on,
            reason=reason,
            kind=credit.kind,
            trace_number=credit.trace_number,
            payer_identifier=credit.payer_identifier,
            payer_name=credit.payer_name,
            reference=credit.reference,
            account_ending=credit.account[-4:],
            source=source,
        )
        outcome = await self._commands.handle(self._unidentified, deposit_id, command, cause)
        state: UnidentifiedDeposit = await self._commands.state(self._unidentified, cause.tenant, deposit_id)
        fate: Fate = "identified" if state.identified_as else "set-aside" if state.is_set_aside else "unidentified"
        return LineTaken(credit=credit, deposit_id=deposit_id, fate=fate, reason=reason, done=outcome)

    async def _fate(self, tenant: str, deposit_id: str) -> Fate:
        state: Deposit = await self._commands.state(self._deposit, tenant, deposit_id)
        if state.is_reconciled:
            return "matched"
        return "waits" if state.expected is None else "differs"


def _deposit_id(credit: Credit) -> str:
    """The deposit of the payment that the line names; empty when it names none."""
    if not credit.trace_number or not credit.payer_identifier:
        return ""
    return deposit_id_of(payer_identifier=credit.payer_identifier, trace_number=credit.trace_number)


def _refused(problems: Sequence[Problem], document_id: str) -> BankFileRefused:
    return BankFileRefused(
        f"nothing of the file was recorded: {problems[0].message}", document_id=document_id, **named(problems)
    )
