"""Balances and aging over HTTP, for any past pair of clocks. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Sequence
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from services.payments.api.bodies import (
    AgedAccountRow,
    Aging,
    Balances,
    CreditRow,
    CreditSumRow,
    CreditSums,
    UnappliedRow,
)
from services.payments.api.moments import POSTINGS, Moment, Moments
from services.payments.projections import claim_accounts, credits, patient_payments, postings, refunds
from services.payments.projections.credits import Whose
from services.payments.projections.postings import AgingBasis
from shared.runtime.queries import ReadDatabase, asc, desc, page, rows
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller

ACCOUNTS = claim_accounts.projection.name
REFUNDS = refunds.projection.name

Reader = Annotated[Caller, Depends(caller("payments:read-balances"))]
LedgerReader = Annotated[Caller, Depends(caller("payments:read-ledger"))]


def router(reads: ReadDatabase, moments: Moments) -> APIRouter:
    routes = APIRouter(tags=["figures"])

    clocks = moments.clocks

    @routes.get("/balances")
    async def read_balances(
        who: Reader,
        as_of: Moment = None,
        known_at: Moment = None,
        by: Literal["party", "payer"] = "party",
        after: After = None,
    ) -> Balances:
        """What each responsible party owes: accounts receivable. `by=payer` names payers by their id."""
        pair = await clocks(who, as_of, known_at, after)
        async with reads.read(who.tenant) as connection:
            statement = postings.balances(pair) if by == "party" else postings.balances_by_payer(pair)
            found = _named(await rows(connection, statement))
            positions = await reads.positions(connection, POSTINGS)
        return Balances(
            as_of=pair.as_of,
            known_at=pair.known_at,
            parties=found,
            total_cents=sum(found.values()),
            positions=positions,
        )

    @routes.get("/aging")
    async def read_aging(
        who: Reader,
        basis: AgingBasis = "responsibility",
        as_of: Moment = None,
        known_at: Moment = None,
        after: After = None,
    ) -> Aging:
        """Open amounts by age: since the party became responsible, since the service, or since the first bill."""
        pair = await clocks(who, as_of, known_at, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, postings.aging(pair, basis=basis, on=pair.as_of.date()))
            positions = await reads.positions(connection, POSTINGS)
        parties: dict[str, dict[str, int]] = {}
        for each in found:
            parties.setdefault(each["party"], {})[each["bucket"]] = each["cents"]
        buckets = {name: sum(each.get(name, 0) for each in parties.values()) for name in postings.BUCKETS}
        return Aging(
            as_of=pair.as_of,
            known_at=pair.known_at,
            basis=basis,
            parties=parties,
            buckets=buckets,
            total_cents=sum(buckets.values()),
            positions=positions,
        )

    @routes.get("/aging/accounts")
    async def list_aged_accounts(
        who: LedgerReader,
        basis: AgingBasis = "responsibility",
        party: Annotated[str | None, Query(max_length=40)] = None,
        bucket: Literal["0-30", "31-60", "61-90", "91-120", "120+"] | None = None,
        as_of: Moment = None,
        known_at: Moment = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[AgedAccountRow]:
        """The accounts that a figure of the aging is the sum of, the largest first."""
        pair = await clocks(who, as_of, known_at, after)
        aged = postings.aged_accounts(pair, basis=basis, on=pair.as_of.date(), party=party, bucket=bucket)
        order = [desc(aged.c.cents), asc(aged.c.account_id), asc(aged.c.party), asc(aged.c.bucket)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, sa.select(aged), order=order, limit=limit, cursor=cursor)
            return Page[AgedAccountRow].of(found, await reads.positions(connection, POSTINGS))

    @routes.get("/unapplied")
    async def list_unapplied(who: LedgerReader, limit: Limit = 50, cursor: Cursor = None) -> Page[UnappliedRow]:
        """Patients' money that waits for something to be owed, oldest first. Payers' is in the queue of unmatched claims."""
        table = patient_payments.payments_of_patients
        order = [asc(table.c.received_on), asc(table.c.payment_id)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, patient_payments.unapplied(), order=order, limit=limit, cursor=cursor)
            positions = await reads.positions(connection, patient_payments.projection.name)
            return Page[UnappliedRow].of(found, positions)

    @routes.get("/credits")
    async def list_credits(
        who: LedgerReader,
        whose: Whose | None = None,
        is_federal: bool | None = None,
        is_overdue: bool | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[CreditRow]:
        """Parties that paid too much and are owed it, known longest first. Federal payers must have it back by `due_on`."""
        for reader in (POSTINGS, ACCOUNTS, REFUNDS):
            await reads.wait_for(reader, after)
        wanted = credits.Wanted(whose=whose, is_federal=is_federal, is_overdue=is_overdue)
        found = credits.credits(wanted, on=moments.clock.now().date())
        order = [asc(found.c.since_on), asc(found.c.account_id), asc(found.c.party)]
        async with reads.read(who.tenant) as connection:
            listed = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[CreditRow].of(listed, await reads.positions(connection, POSTINGS, ACCOUNTS, REFUNDS))

    @routes.get("/credits/summary")
    async def sum_credits(
        who: LedgerReader,
        whose: Whose | None = None,
        is_federal: bool | None = None,
        is_overdue: bool | None = None,
        after: After = None,
    ) -> CreditSums:
        """The list of credits, counted and summed by whose they are, whether the payer is federal, and whether they are overdue."""
        for reader in (POSTINGS, ACCOUNTS, REFUNDS):
            await reads.wait_for(reader, after)
        wanted = credits.Wanted(whose=whose, is_federal=is_federal, is_overdue=is_overdue)
        on = moments.clock.now().date()
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, credits.sums(wanted, on=on))
            positions = await reads.positions(connection, POSTINGS, ACCOUNTS, REFUNDS)
        items = [CreditSumRow.model_validate(dict(each)) for each in found]
        return CreditSums(
            on=on,
            items=items,
            credits=sum(each.credits for each in items),
            credit_cents=sum(each.credit_cents for each in items),
            overdue_cents=sum(each.credit_cents for each in items if each.is_overdue),
            positions=positions,
        )

    return routes


def _named(found: Sequence[sa.RowMapping]) -> dict[str, int]:
    return {each["name"]: each["cents"] for each in found}
