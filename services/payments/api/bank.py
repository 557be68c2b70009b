"""The bank's files over HTTP, and whether bank, remittance and ledger agree. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import date
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from fastapi import Body as Sent
from pydantic import BaseModel, Field

from services.payments.adapters.bank_files import BankFiles, Fate, FileTaken, Format, LineTaken
from services.payments.api.bodies import Body, Code, Id
from services.payments.domain.books.state import LEDGER, Books
from services.payments.domain.deposit.decider import Deposit
from services.payments.domain.remittance.identity import deposit_id_of
from services.payments.domain.unidentified_deposit.commands import (
    IdentifyDeposit,
    SetDepositAside,
    UndoIdentification,
)
from services.payments.projections import deposits, matches, remittances
from services.payments.projections.matches import Side
from shared.codecs.bank.statement import Kind, LeftOutReason
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, page, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done, versioned_cause_of

SERVICE = "payments"
DEPOSITS = deposits.projection.name
REMITTANCES = remittances.projection.name
_FILES = {
    "requestBody": {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/plain", "text/csv")}
    }
}

RecordIt = Annotated[Cause, Depends(cause_of("payments:record-deposit"))]
DecideIt = Annotated[Cause, Depends(versioned_cause_of("payments:record-deposit"))]
UndoIt = Annotated[Cause, Depends(versioned_cause_of("payments:undo-identification"))]
Reader = Annotated[Caller, Depends(caller("payments:read-deposits"))]

UnidentifiedReason = Literal["trace-number-missing", "payer-missing", "trace-number-used"]


class BankLineRow(BaseModel):
    """What became of one credit of the file."""

    record: int = Field(description="Running number in the file, from one.")
    deposit_id: str
    outcome: Fate = Field(
        description="matched: it is what the remittance announced. differs: the remittance names another amount. waits: no"
        " remittance yet. unidentified: which payment it is was not said. identified, set-aside: a person did so before."
    )
    reason: UnidentifiedReason | Literal[""] = Field(description="Why it is unidentified.")
    amount_cents: int
    deposited_on: date
    trace_number: str
    payer_identifier: str
    done: Done

    @classmethod
    def of(cls, line: LineTaken) -> "BankLineRow":
        return cls.model_validate(
            {
                "record": line.credit.record,
                "deposit_id": line.deposit_id,
                "outcome": line.fate,
                "reason": line.reason,
                "amount_cents": line.credit.amount_cents,
                "deposited_on": line.credit.deposited_on,
                "trace_number": line.credit.trace_number,
                "payer_identifier": line.credit.payer_identifier,
                "done": done(line.done, SERVICE),
            }
        )


class LeftOutRow(BaseModel):
    record: int
    reason: LeftOutReason
    type_code: str = Field(description="Of BAI2.")
    amount_cents: int


class BankFileTaken(BaseModel):
    """What became of each line of the bank's file."""

    document_id: str
    format: Format
    lines: list[BankLineRow]
    lines_cents: int
    lines_new: int = Field(description="Lines that were not known before.")
    left_out: list[LeftOutRow] = Field(description="Lines that are no deposits.")
    unknown_records: dict[str, int] = Field(description="Records that BAI2 does not have, by code.")
    unknown_types: dict[str, int] = Field(description="Type codes that were taken by their range only.")
    after: str | None = Field(description="Give it as ?after= to a read that must include this.")

    @classmethod
    def of(cls, taken: FileTaken) -> "BankFileTaken":
        lines = [BankLineRow.of(each) for each in taken.lines]
        last = max(
            (each.done for each in taken.lines if each.done.position is not None),
            key=lambda outcome: outcome.position or (),
            default=None,
        )
        return cls(
            document_id=taken.document_id,
            format=taken.format,
            lines=lines,
            lines_cents=sum(each.amount_cents for each in lines),
            lines_new=sum(bool(each.done.event_ids) for each in lines),
            left_out=[
                LeftOutRow(
                    record=each.record, reason=each.reason, type_code=each.type_code, amount_cents=each.amount_cents
                )
                for each in taken.left_out
            ],
            unknown_records=dict(taken.unknown_records),
            unknown_types=dict(taken.unknown_types),
            after=done(last, SERVICE).after if last else None,
        )


class IdentifyBody(Body):
    """The payment that a deposit is: as its remittance names it."""

    trace_number: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[\x21-\x7e]+$", description="TRN02")]
    payer_identifier: Annotated[str, Field(min_length=1, max_length=30, pattern=r"^[\x21-\x7e]+$", description="TRN03")]


class SetAsideBody(Body):
    reason: Code


class UndoBody(Body):
    """An identification that was wrong."""

    identified_as: Annotated[Id, Field(description="As the list of what was identified names it.")]
    reason: Code


class UnidentifiedRow(BaseModel):
    deposit_id: str
    status: Literal["open", "identified", "set-aside"]
    amount_cents: int
    deposited_on: date
    reason: UnidentifiedReason
    kind: Kind
    trace_number: str
    payer_identifier: str
    payer_name: str = Field(description="Of the company that sent an ACH transfer.")
    reference: str
    account_ending: str = Field(description="Last four characters of our account at the bank.")
    identified_as: str = Field(description="Deposit of the payment that it was said to be.")
    set_aside_reason: str
    document_id: str
    place: str = Field(description="Record of the file; there are all words of the bank.")
    version: int = Field(description="Of its stream: give it as Ledgerline-Expected-Version.")


class MatchRow(BaseModel):
    """A deposit and its remittance, or what has only one side."""

    side: Side
    match_id: str
    deposit_id: str | None
    remittance_id: str | None
    remittance_status: Literal["held", "received", "posted"] | None
    trace_number: str
    payer_identifier: str
    payer_name: str
    reference: str
    is_identified: bool = Field(description="False: the bank did not say which payment it is.")
    deposited_on: date | None
    payment_on: date | None = Field(description="BPR16")
    deposited_cents: int | None = Field(description="What the bank shows.")
    announced_cents: int | None = Field(description="What the remittance says: BPR02.")
    posted_cents: int | None = Field(description="What the remittance posted to cash; 0 while it is held.")
    difference_cents: int = Field(description="What the bank shows less what stands against it.")
    since_on: date
    age_days: int


class SideTotals(BaseModel):
    items: int
    deposited_cents: int
    announced_cents: int
    posted_cents: int
    difference_cents: int


class Matches(Page[MatchRow]):
    """A page of the list, and the sums of all of it."""

    on: date
    totals: dict[Side, SideTotals]


def router(
    commands: Commands,
    reads: ReadDatabase,
    files: BankFiles,
    *,
    deposit: Aggregate,
    unidentified_deposit: Aggregate,
    books: Aggregate,
    clock: Clock,
) -> APIRouter:
    routes = APIRouter(tags=["bank"])

    @routes.post("/deposits/files", status_code=201, openapi_extra=_FILES)
    async def receive_file(
        statement: Annotated[bytes, Sent(media_type="text/plain", min_length=1)], cause: RecordIt
    ) -> BankFileTaken:
        """Take in a bank's file: BAI2, or CSV with a header. Each credit is a deposit; safe to send again.

        A file in which anything is wrong is kept, and nothing of it is recorded (`bank-file-refused`). Never refused for a closed day.
        """
        return BankFileTaken.of(await files.receive(statement, cause))

    @routes.get("/deposits/unidentified")
    async def list_unidentified(
        who: Reader,
        status: Literal["open", "identified", "set-aside"] = "open",
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[UnidentifiedRow]:
        """Deposits of which the bank did not say which payment they are, oldest first."""
        await reads.wait_for(DEPOSITS, after)
        table = deposits.unidentified_deposits.c
        order = [asc(table.deposited_on), asc(table.deposit_id)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, deposits.unidentified(status), order=order, limit=limit, cursor=cursor)
            return Page[UnidentifiedRow].of(found, await reads.positions(connection, DEPOSITS))

    @routes.post("/deposits/{deposit_id}/identify")
    async def identify_deposit(deposit_id: Id, body: IdentifyBody, cause: DecideIt) -> Done:
        """Say which payment an unidentified deposit is; it is recorded under its trace number, and meets its remittance.

        Refused when the bank showed another deposit under it (`deposit-already-recorded`).
        """
        identified_as = deposit_id_of(payer_identifier=body.payer_identifier, trace_number=body.trace_number)
        there: Deposit = await commands.state(deposit, cause.tenant, identified_as)
        command = IdentifyDeposit(
            deposit_id=deposit_id,
            identified_as=identified_as,
            trace_number=body.trace_number,
            payer_identifier=body.payer_identifier,
            identified_by=cause.actor,
            shown=there.recorded,
        )
        return done(await commands.handle(unidentified_deposit, deposit_id, command, cause), SERVICE)

    @routes.post("/deposits/{deposit_id}/undo-identification")
    async def undo_identification(deposit_id: Id, body: UndoBody, cause: UndoIt) -> Done:
        """Take back what was said of an unidentified deposit: it waits again, and its match is undone. Undone already: nothing happens.

        Refused when its day is closed (`day-is-closed`, with what to do), and when it never was this payment (`deposit-not-identified`).
        """
        ledger: Books = await commands.state(books, cause.tenant, LEDGER)
        command = UndoIdentification(
            identified_as=body.identified_as, reason=body.reason, undone_by=cause.actor, books=ledger
        )
        return done(await commands.handle(unidentified_deposit, deposit_id, command, cause), SERVICE)

    @routes.post("/deposits/{deposit_id}/set-aside")
    async def set_deposit_aside(deposit_id: Id, body: SetAsideBody, cause: DecideIt) -> Done:
        """No remittance will come for an unidentified deposit: a patient's check, interest, a line that was recorded otherwise."""
        command = SetDepositAside(reason=body.reason, set_aside_by=cause.actor)
        return done(await commands.handle(unidentified_deposit, deposit_id, command, cause), SERVICE)

    @routes.get("/deposits/matches")
    async def list_matches(
        who: Reader,
        side: Side | None = None,
        payer_identifier: Annotated[str | None, Query(max_length=30)] = None,
        amount_cents: Annotated[
            int | None, Query(gt=0, le=10**12, description="That the bank shows or the remittance says.")
        ] = None,
        age_days_min: Annotated[int | None, Query(ge=0, le=36_500)] = None,
        on: Annotated[date | None, Query(description="The day on which ages are counted; today.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Matches:
        """Where bank, remittance and ledger do not agree, oldest first, and the sums of the whole list by side.

        `side=matched` lists where they do. A remittance that is information only (BPR04 NON) is in none.
        """
        for reader in (DEPOSITS, REMITTANCES):
            await reads.wait_for(reader, after)
        counted_on = on or clock.now().date()
        found = matches.matches(
            on=counted_on,
            side=side,
            payer_identifier=payer_identifier,
            amount_cents=amount_cents,
            age_days_min=age_days_min,
        )
        order = [asc(found.c.since_on), asc(found.c.match_id)]
        async with reads.read(who.tenant) as connection:
            listed = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            sums = await rows(connection, matches.totals(found))
            positions = await reads.positions(connection, DEPOSITS, REMITTANCES)
        return Matches(
            items=[MatchRow.model_validate(dict(each)) for each in listed.rows],
            next=listed.next,
            positions=positions,
            on=counted_on,
            totals={each["side"]: _totals(each) for each in sums},
        )

    return routes


def _totals(found: sa.RowMapping) -> SideTotals:
    return SideTotals.model_validate({name: found[name] for name in SideTotals.model_fields})
