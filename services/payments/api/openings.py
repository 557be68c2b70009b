"""Balances of another system over HTTP: look at a file, take it in whole, take the whole of it back. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi import Body as Sent
from pydantic import BaseModel, Field

from services.payments.adapters.opening_balances import BalancesRead, read_opening_balances
from services.payments.api.bodies import Body, Code, Id, LateEntry
from services.payments.api.moments import POSTINGS
from services.payments.domain.books.state import LEDGER, Books
from services.payments.domain.days import happened_at
from services.payments.domain.errors import OpeningBalanceKnown
from services.payments.domain.opening_balances.commands import ImportOpeningBalances, TakeBackOpeningBalances
from services.payments.domain.opening_balances.decider import IMPORTS, OpeningBalances, refuse_known_lines
from services.payments.projections import opening_balances as read_model
from shared.codecs.problems import named
from shared.events.payments import OpeningBalanceStated
from shared.events.values import DocumentReference
from shared.kernel.errors import Malformed
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.documents import Documents
from shared.runtime.queries import ReadDatabase, desc, page, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

SERVICE = "payments"
READER = read_model.projection.name
_CATCH_UP_SECONDS = 5.0

Bring = Annotated[Cause, Depends(cause_of("payments:import-balances"))]
Looker = Annotated[Caller, Depends(caller("payments:import-balances"))]
Reader = Annotated[Caller, Depends(caller("payments:read-ledger"))]
Balances = Annotated[bytes, Sent(media_type="text/csv", min_length=1)]
AsOf = Annotated[date, Query(description="Last day of the other system's books.")]
ControlCents = Annotated[int, Query(ge=-(10**15), le=10**15, description="All open amounts, as the other system says.")]
ControlLines = Annotated[int, Query(ge=1, le=10**6, description="How many lines, as the other system says.")]


class OpeningBalancesRefused(Malformed):
    """Something in the file is wrong, and nothing of it was taken in. `facts` has where and what."""

    code = "opening-balances-refused"


class ProblemRow(BaseModel):
    line: int = Field(description="From one, the header included; 0: the file.")
    column: str
    value: str = Field(description="Where it looks like a number or a code; otherwise its length.")
    rule: str


class BalanceRow(BaseModel):
    """What a line of the file becomes."""

    line: str
    account_id: str
    patient_id: str
    party: str
    original_on: date
    amount_cents: int


class Preview(BaseModel):
    """What taking the file in would do."""

    may_be_taken_in: bool
    is_known: bool = Field(description="The same file was taken in, and is in force: taking it in again does nothing.")
    lines: int
    accounts: int
    total_cents: int
    control_cents: int
    control_lines: int
    parties: dict[str, int] = Field(description="Cents by responsible party.")
    problems: list[ProblemRow]
    items: list[BalanceRow]


class ImportTaken(BaseModel):
    import_id: str
    document_id: str
    accounts: int
    lines: int
    total_cents: int
    done: Done


class ImportRow(BaseModel):
    import_id: str
    status: Literal["taken-in", "taken-back"]
    as_of_on: date
    lines: int
    accounts: int
    control_cents: int
    document_id: str
    imported_by: str
    imported_at: datetime
    reason: str = Field(description="Why it was taken back.")
    taken_back_by: str


class TakeBackBody(Body):
    reason: Code


def router(
    commands: Commands, reads: ReadDatabase, documents: Documents, *, opening: Aggregate, books: Aggregate, clock: Clock
) -> APIRouter:
    routes = APIRouter(tags=["opening balances"])

    async def known_to(tenant: str) -> OpeningBalances:
        found: OpeningBalances = await commands.state(opening, tenant, IMPORTS)
        return found

    async def books_of(tenant: str) -> Books:
        found: Books = await commands.state(books, tenant, LEDGER)
        return found

    @routes.post("/opening-balances/preview")
    async def preview(
        balances: Balances, as_of_on: AsOf, control_cents: ControlCents, control_lines: ControlLines, who: Looker
    ) -> Preview:
        """What a file would bring along, with everything that is wrong with it. Nothing is kept."""
        document_id = hashlib.sha256(balances).hexdigest()
        read = await _read(balances, document_id, as_of_on, clock)
        known = await known_to(who.tenant)
        is_known = bool(known.import_of(document_id))
        problems = [
            ProblemRow(line=each.number, column=each.field, value=each.found, rule=each.broken)
            for each in read.problems
        ]
        if not is_known:
            problems += _lines_known(read.stated, known)
        items = _items(read.stated)
        total = sum(each.amount_cents for each in items)
        for column, told, found in (("lines", control_lines, len(items)), ("amount", control_cents, total)):
            if not read.problems and told != found:
                rule = f"the file comes to what the other system says; expected {told}"
                problems.append(ProblemRow(line=0, column=column, value=str(found), rule=rule))
        parties: dict[str, int] = {}
        for each in items:
            parties[each.party] = parties.get(each.party, 0) + each.amount_cents
        return Preview(
            may_be_taken_in=not problems,
            is_known=is_known,
            lines=len(items),
            accounts=len(read.stated),
            total_cents=total,
            control_cents=control_cents,
            control_lines=control_lines,
            parties=parties,
            problems=problems,
            items=items,
        )

    @routes.post("/opening-balances", status_code=201)
    async def bring_along(
        balances: Balances,
        as_of_on: AsOf,
        control_cents: ControlCents,
        control_lines: ControlLines,
        cause: Bring,
        late_entry: LateEntry = False,
    ) -> ImportTaken:
        """Take over what was open in another system: the whole file, to the cent, or nothing. Safe to send again.

        Refused when a line cannot be read (`opening-balances-refused`), when it does not come to the control total
        (`control-total-differs`), when a line was taken in with another file (`opening-balance-known`), and for a closed day unless
        a late entry is meant (`day-is-closed`). The file is kept.
        """
        document_id = await documents.put(cause.tenant, balances, "csv")
        read = await _read(balances, document_id, as_of_on, clock)
        if read.problems:
            raise OpeningBalancesRefused(
                f"nothing of the file was taken in: {read.problems[0].message}",
                document_id=document_id,
                **named(read.problems),
            )
        command = ImportOpeningBalances(
            document=DocumentReference(document_id=document_id),
            as_of_on=as_of_on,
            control_cents=control_cents,
            control_lines=control_lines,
            stated=read.stated,
            imported_by=cause.actor,
            books=None if late_entry else await books_of(cause.tenant),
        )
        own = replace(cause, occurred_at=happened_at(as_of_on, clock.now()))
        outcome = await commands.handle(opening, IMPORTS, command, own)
        return ImportTaken(
            import_id=(await known_to(cause.tenant)).import_of(document_id),
            document_id=document_id,
            accounts=len(read.stated),
            lines=control_lines,
            total_cents=control_cents,
            done=done(outcome, SERVICE),
        )

    @routes.get("/opening-balances")
    async def list_imports(
        who: Reader, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[ImportRow]:
        """What was brought along from other systems, the latest first."""
        await reads.wait_for(READER, after)
        table = read_model.opening_imports.c
        async with reads.read(who.tenant) as connection:
            order = [desc(table.imported_at), desc(table.import_id)]
            found = await page(connection, read_model.every(), order=order, limit=limit, cursor=cursor)
            return Page[ImportRow].of(found, await reads.positions(connection, READER))

    @routes.post("/opening-balances/{import_id}/take-back")
    async def take_back(import_id: Id, body: TakeBackBody, cause: Bring) -> Done:
        """Take a whole import back. Taken back already: nothing happens.

        Refused when something was posted on an account of it (`opening-balances-touched`), and when its day is closed.
        """
        for reader in (READER, POSTINGS):
            await reads.wait_for_all(reader, SERVICE, within_seconds=_CATCH_UP_SECONDS)
        async with reads.read(cause.tenant) as connection:
            touched = [each["account_id"] for each in await rows(connection, read_model.touched(import_id))]
        command = TakeBackOpeningBalances(
            import_id=import_id,
            touched=touched,
            reason=body.reason,
            taken_back_by=cause.actor,
            books=await books_of(cause.tenant),
        )
        known = (await known_to(cause.tenant)).imports.get(import_id)
        own = cause if known is None else replace(cause, occurred_at=happened_at(known.as_of_on, clock.now()))
        return done(await commands.handle(opening, IMPORTS, command, own), SERVICE)

    return routes


async def _read(balances: bytes, document_id: str, as_of_on: date, clock: Clock) -> BalancesRead:
    """Raises Malformed for a day that is still to come."""
    if as_of_on > clock.now().date():
        raise Malformed("the other system's books end on a day that is over", as_of_on=str(as_of_on))
    return await asyncio.to_thread(read_opening_balances, balances, document_id=document_id, as_of_on=as_of_on)


def _lines_known(stated: Sequence[OpeningBalanceStated], known: OpeningBalances) -> list[ProblemRow]:
    try:
        refuse_known_lines(stated, known)
    except OpeningBalanceKnown as refused:
        return [
            ProblemRow(line=int(str(told).split()[1]), column="account", value="", rule=f"taken in before: {told}")
            for name, told in refused.facts.items()
            if name.startswith("line_")
        ]
    return []


def _items(stated: Sequence[OpeningBalanceStated]) -> list[BalanceRow]:
    return [
        BalanceRow(
            line=line.place,
            account_id=each.account_id,
            patient_id=each.patient_id,
            party=line.party,
            original_on=line.original_on,
            amount_cents=line.amount_cents,
        )
        for each in stated
        for line in each.lines
    ]
