"""How long does it take to make a read model of balances again from a million events?

The whole rebuild: fold in memory, COPY beside, index, catch up, swap. Against COPY of the same events into a table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise

import asyncpg

from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.rebuild import Rebuilder
from shared.testing.stores import ServiceDatabase
from tests.benchmarks.balances import PROJECTION, SERVICE, copy_seconds, fill
from tests.benchmarks.measurement import Row, bench_database, median_rows, run_alone
from tests.benchmarks.sampling import profiled

EVENTS = 1_000_000
ROUNDS = 3


async def run(dsn: str, *, events: int = EVENTS, rounds: int = ROUNDS) -> list[Row]:
    async with bench_database(dsn, SERVICE) as database:
        await fill(database, events)
        copies, rebuilds = [await copy_seconds(database, events)], []
        for _ in range(rounds):
            rebuilds.append(await _rebuilt_seconds(database, events))
            copies.append(await copy_seconds(database, events))
        with profiled() as profile:
            await _rebuilt_seconds(database, events)
    around = [(before + after) / 2 for before, after in pairwise(copies)]
    return median_rows(
        [_rows(events, rebuilt, copied, profile.shares()) for rebuilt, copied in zip(rebuilds, around, strict=True)]
    )


def _rows(events: int, rebuilt: float, copied: float, parts: Mapping[str, str]) -> list[Row]:
    return [
        Row(
            name=f"rebuild of balances from {events:,} events",
            measured=f"{rebuilt:.1f} s ({events / rebuilt:,.0f} events/s)",
            yardstick=f"COPY in: {copied:.1f} s",
            ratio=copied / rebuilt,
            goal=1.0,
            parts=parts,
        )
    ]


async def _rebuilt_seconds(database: ServiceDatabase, events: int) -> float:
    """The whole rebuild, and that every event is in it."""
    connection = await asyncpg.connect(database.superuser)
    await connection.execute("drop table if exists bench_balances; delete from projections; delete from readers")
    feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
    rebuilder = Rebuilder(feed=feed, codec=EventCodec(), owner_dsn=database.owner)
    await rebuilder.prepare(PROJECTION)
    began = time.perf_counter()
    rebuilt = await rebuilder.rebuild(PROJECTION)
    seconds = time.perf_counter() - began
    await feed.close()
    changes = await connection.fetchval("select sum(changes) from bench_balances")
    accounts = await connection.fetchval("select count(distinct stream) from events")
    await connection.close()
    assert (rebuilt.events, rebuilt.rows, changes) == (events, accounts, events)
    return seconds


if __name__ == "__main__":
    run_alone(run)
