"""Does an event cost more when the store holds many?

Appends, loads of a stream and reads at the end of the feed, in a small store and in a large one on the same server, in turns. By
default a first check up to 200,000 events; `--events` names the size of the large one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from shared.events.envelope import Position
from shared.runtime.clock import SystemClock
from shared.runtime.feed import Partition
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.store.event_store import EventStore
from shared.testing.stores import ServiceDatabase
from tests.benchmarks.append import CALLERS, append_decided, rate
from tests.benchmarks.measurement import Row, bench_database, median_rows, run_alone

SERVICE = "collections"
SMALL, LARGE = 10_000, 200_000
SECONDS = 4.0
ROUNDS = 3
STREAM_LENGTH = 20
LOADS = 1_000
TAIL_EVENTS = 8_000
_GOAL = 1 / 1.2
_FILL_AT_ONCE = 200_000

# Transaction ids that the server has used, a few events each; every stream, command and event as an append leaves them.
_FILL_EVENTS = """
insert into events (epoch, tx, pos, tenant, stream, version, event_id, type, occurred_at, recorded_at, actor, command_id,
                    correlation_id, clock, data, previous_hash, hash)
select 0, (3 + n / 100000)::text::xid8, n, 'bench', 'guarantor-account/' || lpad((n / 20)::text, 12, '0'), 1 + n % 20,
       gen_random_uuid(), 'collections.PatientBalanceNoted.v1', now(), now(), 'client:bench', gen_random_uuid(),
       gen_random_uuid()::text, 'real', convert_to(repeat('x', 600), 'UTF8'), decode(repeat('00', 32), 'hex'),
       decode(repeat('00', 32), 'hex')
  from generate_series($1::bigint, $2::bigint) n"""
_FILL_COMMANDS = """
insert into commands (tx, pos, recorded_at, command_id, version, events, epoch, tenant, stream, fingerprint)
select tx, pos, recorded_at, command_id, version, 1, epoch, tenant, stream, ''::bytea
  from events where pos between $1 and $2"""
_FILL_STREAMS = """
insert into streams (last_recorded_at, last_tx, version, last_epoch, tenant, stream, last_hash)
select recorded_at, tx, version, epoch, tenant, stream, hash from events where pos between $1 and $2 and version = 20"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Microseconds an event."""

    append: float
    load: float
    feed: float


async def run(
    dsn: str,
    *,
    small: int = SMALL,
    large: int = LARGE,
    seconds: float = SECONDS,
    rounds: int = ROUNDS,
    tell: Callable[[float], None] = lambda share: None,
) -> list[Row]:
    async with bench_database(dsn, SERVICE, "small") as few, bench_database(dsn, SERVICE, "large") as many:
        await _fill(few, small, lambda share: None)
        await _fill(many, large, tell)
        await _costs(few, small, 1.0)
        await _costs(many, large, 1.0)  # both warm
        taken = [
            _rows(await _costs(few, small, seconds), await _costs(many, large, seconds), small, large)
            for _ in range(rounds)
        ]
    return median_rows(taken)


def _rows(few: Costs, many: Costs, small: int, large: int) -> list[Row]:
    def row(what: str, at_few: float, at_many: float) -> Row:
        return Row(
            name=f"{what}, {large:,} stored against {small:,}",
            measured=f"{at_many:.1f} µs an event",
            yardstick=f"at {small:,}: {at_few:.1f} µs",
            ratio=at_few / at_many,
            goal=_GOAL,
        )

    return [
        row("append", few.append, many.append),
        row("load a stream of 20", few.load, many.load),
        row("read the end of the feed", few.feed, many.feed),
    ]


async def _fill(database: ServiceDatabase, events: int, tell: Callable[[float], None]) -> None:
    connection = await asyncpg.connect(database.superuser)
    for first in range(0, events, _FILL_AT_ONCE):
        last = min(first + _FILL_AT_ONCE, events) - 1
        for statement in (_FILL_EVENTS, _FILL_COMMANDS, _FILL_STREAMS):
            await connection.execute(statement, first, last)
        tell(last / events)
    await connection.execute("select setval('event_pos', $1)", events)
    for statement in ("vacuum analyze events", "vacuum analyze streams", "vacuum analyze commands", "checkpoint"):
        await connection.execute(statement)
    await connection.close()


async def _costs(database: ServiceDatabase, events: int, seconds: float) -> Costs:
    appends, _ = await rate(database, append_decided, CALLERS, seconds)
    return Costs(
        append=1e6 / appends, load=1e6 * await _load_seconds(database, events), feed=1e6 * await _feed_seconds(database)
    )


async def _load_seconds(database: ServiceDatabase, events: int) -> float:
    """An event, of streams that lie anywhere in the store."""
    store = await EventStore.open(database.app, service=SERVICE, clock=SystemClock())
    chosen = random.Random(835).sample(range(events // STREAM_LENGTH), min(LOADS, events // STREAM_LENGTH))
    await store.stored_stream("bench", "guarantor-account/none")
    began = time.perf_counter()
    for number in chosen:
        found = await store.stored_stream("bench", f"guarantor-account/{number:012d}")
        assert len(found) == STREAM_LENGTH
    took = time.perf_counter() - began
    await store.close()
    return took / len(chosen) / STREAM_LENGTH


async def _feed_seconds(database: ServiceDatabase) -> float:
    """An event, of the last ones."""
    connection = await asyncpg.connect(database.superuser)
    row = await connection.fetchrow(
        "select epoch, tx::text::bigint as tx_number, pos from events e order by e.epoch desc, e.tx desc, e.pos desc"
        f" offset {TAIL_EVENTS} limit 1"
    )
    await connection.close()
    feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
    await feed.read(Partition(SERVICE, 0), None, 1)  # connect
    cursor, seen = str(Position(row["epoch"], row["tx_number"], row["pos"])), 0
    began = time.perf_counter()
    while seen < TAIL_EVENTS:
        page = await feed.read(Partition(SERVICE, 0), cursor, 2_000)
        cursor, seen = page.cursor or cursor, seen + len(page.events)
        if page.is_head:
            break
    took = time.perf_counter() - began
    await feed.close()
    assert seen >= TAIL_EVENTS
    return took / seen


if __name__ == "__main__":
    run_alone(run)
