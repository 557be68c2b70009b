"""How fast does a read model follow the log?

In steady state: pages of 5,000 events, each decoded, folded and written with its position in one transaction. Against COPY of the
same events into a table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import asyncpg

from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.held import Keeper
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.progress import Progress
from shared.runtime.readers import Readers
from shared.runtime.rebuild import Rebuilder
from shared.testing.stores import ServiceDatabase
from tests.benchmarks.balances import PROJECTION, SERVICE, copy_seconds, fill
from tests.benchmarks.measurement import Row, bench_database, median_rows, run_alone
from tests.benchmarks.sampling import profiled

EVENTS = 200_000
PAGE = 5_000
ROUNDS = 3


async def run(dsn: str, *, rounds: int = ROUNDS) -> list[Row]:
    async with bench_database(dsn, SERVICE) as database:
        await fill(database, EVENTS)
        await copy_seconds(database, EVENTS)  # warm up
        pairs = [(await _projected_seconds(database), await copy_seconds(database, EVENTS)) for _ in range(rounds)]
        with profiled() as profile:
            await _projected_seconds(database)
    return median_rows([_rows(projected, copied, profile.shares()) for projected, copied in pairs])


def _rows(projected: float, copied: float, parts: Mapping[str, str]) -> list[Row]:
    return [
        Row(
            name=f"projection, pages of {PAGE:,}",
            measured=f"{EVENTS / projected:,.0f} events/s",
            yardstick=f"COPY in: {EVENTS / copied:,.0f} rows/s",
            ratio=copied / projected,
            goal=0.6,
            parts=parts,
        )
    ]


async def _projected_seconds(database: ServiceDatabase) -> float:
    connection = await asyncpg.connect(database.superuser)
    await connection.execute("drop table if exists bench_balances; delete from projections; delete from readers")
    await connection.close()
    feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
    await Rebuilder(feed=feed, codec=EventCodec(), owner_dsn=database.owner).prepare(PROJECTION)
    pool = await asyncpg.create_pool(database.app, min_size=1, max_size=2)
    keeper = Keeper(pool, "bench")
    readers = Readers(feed=feed, keeper=keeper, progress=Progress(pool), codec=EventCodec())
    (reader,) = await readers.for_projection(PROJECTION)
    held = await keeper.acquire(reader.name, reader.partition)
    began = time.perf_counter()
    await reader.catch_up(held)
    seconds = time.perf_counter() - began
    assert await _changes(database) == EVENTS
    await pool.close()
    await feed.close()
    return seconds


async def _changes(database: ServiceDatabase) -> int:
    connection = await asyncpg.connect(database.owner)
    try:
        return int(await connection.fetchval("select sum(changes) from bench_balances"))
    finally:
        await connection.close()


if __name__ == "__main__":
    run_alone(run)
