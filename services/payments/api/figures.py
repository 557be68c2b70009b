"""Balances and aging over HTTP, for any past pair of clocks. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Sequence
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from services.payments.api.bodies import AgedAccountRow, Aging, Balances, CreditRow, UnappliedRow
from services.payments.api.moments import POSTINGS, Moment, Moments
from services.payments.projections import claim_accounts, patient_payments, postings
from services.payments.projections.postings import AgingBasis
from shared.runtime.queries import ReadDatabase, asc, desc, page, rows
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller

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
    async def list_credits(who: LedgerReader, limit: Limit = 50, cursor: Cursor = None) -> Page[CreditRow]:
        """Parties that paid too much, and are owed it."""
        table = claim_accounts.claim_account_parties
        order = [asc(table.c.account_id), asc(table.c.party)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, claim_accounts.credits(), order=order, limit=limit, cursor=cursor)
            positions = await reads.positions(connection, claim_accounts.projection.name)
            return Page[CreditRow].of(found, positions)

    return routes


def _named(found: Sequence[sa.RowMapping]) -> dict[str, int]:
    return {each["name"]: each["cents"] for each in found}
