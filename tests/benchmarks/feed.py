"""How fast does the feed give stored events to a relay?

Against COPY out of the same rows, in the same order, by the same role.
"""

from __future__ import annotations

import asyncio
import time

import asyncpg

from shared.runtime.clock import SystemClock
from shared.runtime.feed import Partition
from shared.runtime.postgres_feed import PostgresFeed
from shared.testing.stores import ServiceDatabase
from tests.benchmarks.measurement import Row, bench_database, percentile, run_alone
from tests.benchmarks.sampling import profiled

EVENTS = 200_000
PAGE = 2_000
SERVICE = "collections"

_INSERT = """
insert into events (epoch, tx, pos, tenant, stream, version, event_id, type, occurred_at, recorded_at, actor, command_id,
                    correlation_id, clock, data, previous_hash, hash)
select 0, {tx}, n, 'bench', 'guarantor-account/' || n / 20, 1 + n % 20, gen_random_uuid(),
       'collections.PatientBalanceNoted.v1', {at}, {at}, 'client:bench', gen_random_uuid(), gen_random_uuid()::text, 'real',
       convert_to(repeat('x', 600), 'UTF8'), decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')
  from generate_series($1::bigint, $2::bigint) n"""
_FILL = _INSERT.format(
    tx="(3 + n / 1000)::text::xid8", at="now() + n / 100 * interval '1 ms'"
)  # ids that the server has used
_APPEND = _INSERT.format(tx="pg_current_xact_id()", at="now()")
_COPY = "select * from events order by epoch, tx, pos"


async def run(dsn: str) -> list[Row]:
    async with bench_database(dsn, SERVICE) as database:
        await _fill(database)
        await _copy_rate(database)  # warm up
        rates = [(await _feed_rate(database), await _copy_rate(database)) for _ in range(3)]
        with profiled() as profile:
            await _feed_rate(database)
        lags = await _lags(database)
    feed_rate, copy_rate = sorted(rates, key=lambda pair: pair[0] / pair[1])[1]
    return [
        Row(
            name=f"feed read, store to relay, pages of {PAGE}",
            measured=f"{feed_rate:,.0f} events/s",
            yardstick=f"COPY out: {copy_rate:,.0f} rows/s",
            ratio=feed_rate / copy_rate,
            goal=0.5,
            parts=profile.shares(),
        ),
        Row(
            name="committed to read, idle system",
            measured=f"p50 {percentile(lags, 0.5) * 1000:.0f} ms, p99 {percentile(lags, 0.99) * 1000:.0f} ms",
            yardstick="100 ms at p99",
            ratio=0.1 / percentile(lags, 0.99),
            goal=1.0,
        ),
    ]


async def _fill(database: ServiceDatabase) -> None:
    connection = await asyncpg.connect(database.superuser)
    await connection.execute(_FILL, 0, EVENTS - 1)
    await connection.execute("vacuum analyze events")
    await connection.close()


async def _feed_rate(database: ServiceDatabase) -> float:
    feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
    await feed.read(Partition(SERVICE, 0), None, 1)  # connect
    began, cursor, seen = time.perf_counter(), None, 0
    while True:
        page = await feed.read(Partition(SERVICE, 0), cursor, PAGE)
        cursor, seen = page.cursor, seen + len(page.events)
        if page.is_head:
            break
    rate = seen / (time.perf_counter() - began)
    await feed.close()
    assert seen == EVENTS
    return rate


async def _copy_rate(database: ServiceDatabase) -> float:
    connection = await asyncpg.connect(database.feed)
    began, size = time.perf_counter(), 0

    async def take(data: bytes) -> None:
        nonlocal size
        size += len(data)

    await connection.copy_from_query(_COPY, output=take, format="binary")
    rate = EVENTS / (time.perf_counter() - began)
    await connection.close()
    assert size > EVENTS * 600
    return rate


async def _lags(database: ServiceDatabase) -> list[float]:
    """From the commit of an event to its being read by a reader that waits."""
    connection = await asyncpg.connect(database.superuser)
    feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
    cursor = str((await feed.covering(SERVICE, None))[Partition(SERVICE, 0)])
    lags: list[float] = []
    for number in range(100):
        reading = asyncio.create_task(feed.read(Partition(SERVICE, 0), cursor, PAGE, wait_seconds=10))
        await asyncio.sleep(0.03 + 0.001 * (number % 20))
        await connection.execute(_APPEND, EVENTS + number, EVENTS + number)
        committed = time.perf_counter()
        cursor = (await reading).cursor
        lags.append(time.perf_counter() - committed)
    await feed.close()
    await connection.close()
    return lags


if __name__ == "__main__":
    run_alone(run)
