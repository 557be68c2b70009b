"""Closing a day or a month over HTTP, and opening it again. No rule lives here.

A period is closed as of a moment up to which everything that was recorded is certainly in the rows, so its figures are complete
and stay what they are: see docs/adr/0010.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path
from sqlalchemy.ext.asyncio import AsyncConnection

from services.payments.api.bodies import CloseBody, ClosingRow, ObstacleRow, Readiness, ReopenBody
from services.payments.api.moments import BOOKS, NEVER, POSTINGS, NotKnownYet, sure_until
from services.payments.domain.books.commands import ClosePeriod, Figures, Obstacle, ReopenPeriod
from services.payments.domain.books.period import Period, period_named
from services.payments.domain.books.state import LEDGER, Books
from services.payments.projections import books as read_model
from services.payments.projections import deposits, patient_payments, postings, remittances
from services.payments.projections.postings import InBooks
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, desc, page, row, rows, value
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

SERVICE = "payments"
_NAMED_MAX = 100  # obstacles of one rule
_LOOKED_AT = (
    POSTINGS,
    remittances.projection.name,
    patient_payments.projection.name,
    deposits.projection.name,
)
_CATCH_UP_SECONDS = 5.0
_SURE_WITHIN_SECONDS = 8.0  # with a real clock the certain lies five seconds back
_LOOK_AGAIN_SECONDS = 0.1

Close = Annotated[Cause, Depends(cause_of("payments:close-period"))]
Reopen = Annotated[Cause, Depends(cause_of("payments:reopen-period"))]
Reader = Annotated[Caller, Depends(caller("payments:read-ledger"))]
PeriodName = Annotated[
    str, Path(max_length=10, pattern=r"^\d{4}-\d{2}(-\d{2})?$", description="A day (2026-06-30) or a month (2026-06).")
]


class _Found(NamedTuple):
    """What the rows say about a period that is to be closed."""

    known_until: datetime
    figures: Figures
    obstacles: tuple[Obstacle, ...]
    accepted: tuple[str, ...]  # deposits that differ and may


def router(commands: Commands, reads: ReadDatabase, clock: Clock, books: Aggregate) -> APIRouter:
    routes = APIRouter(tags=["books"])

    async def ledger_of(tenant: str) -> Books:
        found: Books = await commands.state(books, tenant, LEDGER)
        return found

    @routes.get("/periods")
    async def list_closings(
        who: Reader, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[ClosingRow]:
        """What was closed and reopened, when, by whom and with which figures; the latest first."""
        await reads.wait_for(BOOKS, after)
        order = [desc(read_model.closings.c.number)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.every(), order=order, limit=limit, cursor=cursor)
            return Page[ClosingRow].of(found, await reads.positions(connection, BOOKS))

    @routes.get("/periods/{period}")
    async def read_readiness(period: PeriodName, who: Reader) -> Readiness:
        """Whether a period is closed or can be, what stands in the way, and what its closing would say."""
        days, ledger = period_named(period), await ledger_of(who.tenant)
        found = await _looked_at(reads, who.tenant, days, ledger)
        return Readiness(
            period=days.name,
            from_on=ledger.first_open_on,
            through_on=days.through_on,
            is_closed=ledger.is_closed(days.through_on),
            obstacles=[ObstacleRow.model_validate(each._asdict()) for each in found.obstacles],
            entries=found.figures.entries,
            receivable_cents=found.figures.receivable_cents,
            cash_cents=found.figures.cash_cents,
            known_until=found.known_until,
        )

    @routes.post("/periods/{period}/close")
    async def close_period(period: PeriodName, body: CloseBody, cause: Close) -> Done:
        """Close a day or a month, with every open day before its end. Closed already: nothing happens.

        Refused with what stands in the way (`period-does-not-add-up`), as `GET /periods/{period}` lists it.
        """
        days, ledger = period_named(period), await ledger_of(cause.tenant)
        if ledger.is_closed(days.through_on):  # its figures stand: there is nothing to look at
            found = _Found(clock.now(), Figures(entries=0, receivable_cents=0, cash_cents=0), (), ())
        else:
            found = await _looked_at(reads, cause.tenant, days, ledger, body.accept_deposits)
        command = ClosePeriod(
            period=days,
            seen=len(ledger.steps),
            today=clock.now().date(),
            known_until=found.known_until,
            figures=found.figures,
            obstacles=found.obstacles,
            accepted=found.accepted,
            closed_by=cause.actor,
        )
        return done(await commands.handle(books, LEDGER, command, cause), SERVICE)

    @routes.post("/periods/{period}/reopen")
    async def reopen_period(period: PeriodName, body: ReopenBody, cause: Reopen) -> Done:
        """Open a closed day or month again, with all that follow it, for a reason."""
        command = ReopenPeriod(
            period=period_named(period), now=clock.now(), reason=body.reason, reopened_by=cause.actor
        )
        return done(await commands.handle(books, LEDGER, command, cause), SERVICE)

    return routes


async def _looked_at(
    reads: ReadDatabase, tenant: str, period: Period, ledger: Books, accepted: Sequence[str] = ()
) -> _Found:
    """What the rows say when they are certainly complete. Raises NotYet, NotKnownYet."""
    for reader in _LOOKED_AT:
        await reads.wait_for_all(reader, SERVICE, within_seconds=_CATCH_UP_SECONDS)
    give_up_at = asyncio.get_running_loop().time() + _SURE_WITHIN_SECONDS
    while True:
        sure = await sure_until(reads, tenant, POSTINGS)
        async with reads.read(tenant) as connection:
            newest = await value(connection, postings.last_recorded(period.through_on))
            last = ledger.steps[-1].known_until if ledger.steps else None
            if sure > NEVER and (newest is None or newest <= sure) and (last is None or last < sure):
                return await _found(reads, connection, period, ledger, sure, accepted)
        if asyncio.get_running_loop().time() > give_up_at:
            raise NotKnownYet(
                "something was recorded this moment: try again in a few seconds", known_until=sure.isoformat()
            )
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _found(
    reads: ReadDatabase,
    connection: AsyncConnection,
    period: Period,
    ledger: Books,
    known_until: datetime,
    accepted: Sequence[str],
) -> _Found:
    through_on, after = period.through_on, ledger.closed_through
    figures = await row(
        connection, postings.figures(InBooks(through_on=through_on, known_at=known_until, books=ledger))
    )
    assert figures is not None
    obstacles = [Obstacle("ledger-not-zero", "books", figures["total_cents"])] if figures["total_cents"] else []

    async def look(rule: str, statement: sa.Select[*tuple[Any, ...]], cents: str, *where: str) -> None:
        for each in await rows(connection, statement.limit(_NAMED_MAX)):
            obstacles.append(Obstacle(rule, "/".join(str(each[name]) for name in where), each[cents]))

    unbalanced = postings.unbalanced(after=after, through_on=through_on)
    await look("ledger-not-zero", unbalanced, "cents", "stream", "event_id")
    unanswered = remittances.unanswered(after=after, through_on=through_on)
    await look("remittance-not-answered", unanswered, "payment_cents", "remittance_id")
    on_their_way = patient_payments.on_their_way(through_on=through_on)
    await look("payment-on-its-way", on_their_way, "cents", "payment_id", "account_id")
    differing = deposits.differing(after=after, through_on=through_on)
    deposit_id = deposits.deposits.c.deposit_id
    await look("deposit-differs", differing.where(deposit_id.not_in(accepted)), "cents", "deposit_id")
    let_stand = await rows(connection, differing.where(deposit_id.in_(accepted)))
    obstacles += [Obstacle("posting-parked", stream, 0) for stream in await reads.parked(connection, POSTINGS)]
    return _Found(
        known_until=known_until,
        figures=Figures(
            entries=figures["entries"], receivable_cents=figures["receivable_cents"], cash_cents=figures["cash_cents"]
        ),
        obstacles=tuple(obstacles),
        accepted=tuple(each["deposit_id"] for each in let_stand),
    )
