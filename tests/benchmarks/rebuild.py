"""How long does it take to make a read model of balances again from a million events?

The whole rebuild: fold in memory, COPY beside, index, catch up, swap. Against COPY of the same events into a table.
"""

from __future__ import annotations

import time

import asyncpg

from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.rebuild import Rebuilder
from tests.benchmarks.balances import ACCOUNTS, PROJECTION, SERVICE, copy_seconds, fill
from tests.benchmarks.measurement import Row, bench_database, run_alone

EVENTS = 1_000_000


async def run(dsn: str) -> list[Row]:
    async with bench_database(dsn, SERVICE) as database:
        await fill(database, EVENTS)
        before = await copy_seconds(database, EVENTS)
        feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
        rebuilder = Rebuilder(feed=feed, codec=EventCodec(), owner_dsn=database.owner)
        await rebuilder.prepare(PROJECTION)
        began = time.perf_counter()
        rebuilt = await rebuilder.rebuild(PROJECTION)
        seconds = time.perf_counter() - began
        await feed.close()
        after = await copy_seconds(database, EVENTS)
        connection = await asyncpg.connect(database.owner)
        changes = await connection.fetchval("select sum(changes) from bench_balances")
        await connection.close()
    assert (rebuilt.events, rebuilt.rows, changes) == (EVENTS, ACCOUNTS, EVENTS)
    copied = (before + after) / 2
    return [
        Row(
            name=f"rebuild of balances from {EVENTS:,} events",
            measured=f"{seconds:.1f} s ({EVENTS / seconds:,.0f} events/s)",
            yardstick=f"COPY in: {copied:.1f} s",
            ratio=copied / seconds,
            goal=1.0,
        )
    ]


if __name__ == "__main__":
    run_alone(run)
