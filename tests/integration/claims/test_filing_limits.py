"""Do months and days end where they should, as the database counts them, and which limit has a claim?"""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from services.claims.projections.claims_worklist import claims_worklist
from services.claims.projections.directories import filing_limits, trading_partners
from services.claims.projections.filing import CLAIMS, ends_on, filing_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDS = [
    (date(2026, 3, 2), 0, 90, date(2026, 5, 31)),
    (date(2026, 3, 2), 12, 0, date(2027, 3, 2)),
    (date(2024, 2, 29), 12, 0, date(2025, 2, 28)),
    (date(2023, 2, 28), 12, 0, date(2024, 2, 28)),
    (date(2026, 8, 31), 6, 0, date(2027, 2, 28)),
    (date(2026, 12, 15), 1, 0, date(2027, 1, 15)),
]


async def test_months_end_on_the_same_day_or_on_the_months_last(database: str) -> None:
    engine = create_async_engine(database.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection:
            for since, months, days, last in ENDS:
                asked = ends_on(sa.literal(since, sa.Date), sa.literal(months), sa.literal(days))
                assert (await connection.execute(sa.select(asked))).scalar() == last
    finally:
        await engine.dispose()


async def test_a_claim_has_the_limit_of_its_kind_from_the_day_that_it_counts_from(database: str) -> None:
    day, end, answer = date(2026, 3, 2), date(2026, 3, 6), date(2026, 5, 1)
    claims = [  # frequency, rank, last day of service, the earlier payer's answer
        ("ORIGINAL", "1", 1, end, None, "original", day),
        ("SECONDARY", "1", 2, None, answer, "secondary", answer),
        ("NO-ANSWER", "1", 3, None, None, "secondary", day),
        ("CORRECTED", "7", 1, end, None, "corrected", end),
        ("ONE-DAY", "7", 2, None, answer, "corrected", day),
        ("VOID", "8", 1, end, None, "corrected", end),
    ]
    limits = [("original", "service-begin"), ("secondary", "primary-answer"), ("corrected", "service-end")]
    engine = create_async_engine(database.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection:
            for table in (claims_worklist, filing_limits, trading_partners):
                await connection.execute(sa.schema.CreateTable(table))
            for kind, counts_from in limits:
                row = {"tenant": "t", "payer_id": "p", "kind": kind, "days": 60, "counts_from": counts_from}
                await connection.execute(sa.insert(filing_limits).values(row))
            for claim_id, frequency, rank, service_to_on, prior_answer_on, *_ in claims:
                row = {"tenant": "t", "claim_id": claim_id, "payer_id": "p", "frequency": frequency, "rank": rank}
                row |= {"service_on": day, "service_to_on": service_to_on, "prior_answer_on": prior_answer_on}
                await connection.execute(sa.insert(claims_worklist).values(row))
            found = (await connection.execute(sa.select(CLAIMS))).mappings().all()
    finally:
        await engine.dispose()
    seen = {row["claim_id"]: filing for row in found if (filing := filing_of(row)) is not None}
    assert {name: (each.kind, each.counts_on) for name, each in seen.items()} == {
        claim_id: (kind, counts_on) for claim_id, *_, kind, counts_on in claims
    }
