"""The ledger over HTTP: the trial balance, how receivables came from one end of a period to the other, and every posting behind.

Two bases. `happened`: what happened up to a moment. `posted`: what stands in the books up to a day, where a late entry stands on
the day on which it was posted; of a closed period this never changes. No rule lives here.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from services.payments.api.bodies import (
    Basis,
    LedgerPostingRow,
    RollForward,
    RollForwardRow,
    TrialBalance,
    TrialBalanceRow,
)
from services.payments.api.moments import BOOKS, POSTINGS, Moment, Moments
from services.payments.domain.books.period import period_named
from services.payments.domain.books.roll_forward import Part, rolled_forward
from services.payments.domain.books.state import Books
from services.payments.domain.days import ONE_DAY
from services.payments.domain.ledger import Movement
from services.payments.projections import postings
from services.payments.projections.postings import Clocks, InBooks
from shared.kernel.errors import Malformed
from shared.runtime.queries import ReadDatabase, Slice, asc, page, rows
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller

Reader = Annotated[Caller, Depends(caller("payments:read-ledger"))]
PeriodName = Annotated[
    str | None, Query(max_length=10, description="A day (2026-06-30) or a month (2026-06); absent: this month.")
]
Of = Annotated[str | None, Query(max_length=200)]


def router(reads: ReadDatabase, moments: Moments) -> APIRouter:
    routes = APIRouter(tags=["ledger"])

    async def up_to(
        who: Caller, basis: Basis, pair: Clocks, known_at: str | None, after: str | None
    ) -> Clocks | InBooks:
        return pair if basis == "happened" else await moments.in_books(who, pair.as_of.date(), known_at, after)

    @routes.get("/trial-balance")
    async def read_trial_balance(
        who: Reader, as_of: Moment = None, known_at: Moment = None, basis: Basis = "happened", after: After = None
    ) -> TrialBalance:
        """Every account of the ledger; they sum to zero. What a figure is the sum of: `/postings` with the same moments."""
        pair = await moments.clocks(who, as_of, known_at, after)
        through = await up_to(who, basis, pair, known_at, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, postings.trial_balance(through))
            positions = await reads.positions(connection, *_readers(basis))
        items = [TrialBalanceRow.model_validate(dict(each)) for each in found]
        return TrialBalance(
            as_of=pair.as_of,
            known_at=through.known_at,
            basis=basis,
            closed_through=through.books.closed_through if isinstance(through, InBooks) else None,
            items=items,
            accounts={each.ledger: each.balance_cents for each in items if each.balance_cents},
            debit_cents=sum(each.debit_cents for each in items),
            credit_cents=sum(each.credit_cents for each in items),
            total_cents=sum(each.balance_cents for each in items),
            positions=positions,
        )

    @routes.get("/roll-forward")
    async def read_roll_forward(
        who: Reader, period: PeriodName = None, known_at: Moment = None, after: After = None
    ) -> RollForward:
        """The receivables of each party from the beginning of a period to its end, by what moved them, as the books have it.

        What a figure is the sum of: `/postings` with the period, the party and the movement.
        """
        days = period_named(period or moments.clock.now().strftime("%Y-%m"))
        closing = await moments.in_books(who, days.through_on, known_at, after)
        opening = InBooks(through_on=days.from_on - ONE_DAY, known_at=closing.known_at, books=closing.books)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, postings.roll_forward(opening, closing))
            positions = await reads.positions(connection, POSTINGS, BOOKS)
        return RollForward(
            period=days.name,
            from_on=days.from_on,
            through_on=days.through_on,
            known_at=closing.known_at,
            is_closed=closing.books.is_closed(days.through_on),
            items=[
                _rolled(party, [each for each in found if each["party"] == party])
                for party in dict.fromkeys(each["party"] for each in found)
            ],
            total=_rolled("", found),
            positions=positions,
        )

    @routes.get("/postings")
    async def list_postings(
        who: Reader,
        period: Annotated[str | None, Query(max_length=10, description="Only what the books have in it.")] = None,
        is_late: Annotated[
            bool, Query(description="With a period: only late entries of days before it, posted in it.")
        ] = False,
        ledger: Of = None,
        party: Of = None,
        movement: Movement | None = None,
        account_id: Of = None,
        as_of: Moment = None,
        known_at: Moment = None,
        basis: Basis = "happened",
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[LedgerPostingRow]:
        """Postings, oldest first: what a figure of the trial balance or of the roll-forward is the sum of."""
        pair = await moments.clocks(who, as_of, known_at, after)
        behind: InBooks | None = None
        late_before: date | None = None
        if period is None:
            if is_late:
                raise Malformed("is_late is asked of a period")
            through = await up_to(who, basis, pair, known_at, after)
            known = await moments.in_books(who, pair.as_of.date(), known_at, after)
        else:
            days = period_named(period)
            through = known = await moments.in_books(who, days.through_on, known_at, after)
            behind = InBooks(through_on=days.from_on - ONE_DAY, known_at=known.known_at, books=known.books)
            late_before = days.from_on if is_late else None
        statement = postings.every(
            through,
            behind,
            late_before=late_before,
            ledger=ledger,
            party=party,
            movement=movement,
            account_id=account_id,
        )
        table = postings.postings.c
        order = [asc(table.occurred_at), asc(table.event_id), asc(table.ordinal)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=order, limit=limit, cursor=cursor)
            positions = await reads.positions(connection, POSTINGS, BOOKS)
        return Page[LedgerPostingRow](items=_dated(found, known.books), next=found.next, positions=positions)

    return routes


def _readers(basis: Basis) -> tuple[str, ...]:
    return (POSTINGS,) if basis == "happened" else (POSTINGS, BOOKS)


def _dated(found: Slice, books: Books) -> list[LedgerPostingRow]:
    """With the day on which each stands in the books."""
    items = []
    for each in found.rows:
        happened_on = each["occurred_at"].date()
        posted_on = books.posted_on(happened_on, each["recorded_at"])
        own = {"happened_on": happened_on, "posted_on": posted_on, "is_late": posted_on != happened_on}
        items.append(LedgerPostingRow.model_validate({**each, **own}))
    return items


def _rolled(party: str, found: Iterable[sa.RowMapping]) -> RollForwardRow:
    parts = (Part(each["movement"], each["is_before"], each["is_late"], each["cents"]) for each in found)
    return RollForwardRow(party=party, **asdict(rolled_forward(parts)))
