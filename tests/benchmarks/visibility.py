"""How long until a read model shows what was just decided, when nothing else is going on?

From the acknowledged append to the committed row, over the postgres feed and over Kafka (store, relay, broker, reader). One event at
a time; the table is looked at every millisecond.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from shared.events.envelope import Position
from shared.runtime.broker import Broker
from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Cause
from shared.runtime.feed import Feed, Partition
from shared.runtime.handler import CommandHandler
from shared.runtime.held import Keeper
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.progress import Progress
from shared.runtime.readers import Readers
from shared.runtime.rebuild import Rebuilder
from shared.runtime.relay import Relay
from shared.runtime.store.event_store import EventStore
from shared.testing.stores import ServiceDatabase
from shared.testing.vault import MemoryVault
from tests.benchmarks.account import BALANCE
from tests.benchmarks.balances import PROJECTION, SERVICE
from tests.benchmarks.measurement import Row, bench_database, percentile, run_alone

EVENTS = 400
_SEEN = "select changes from bench_balances"
_GIVE_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lags:
    """Seconds, of each event: until the append was acknowledged, and from there until the row was seen."""

    appended: list[float]
    visible: list[float]


async def on_postgres(dsn: str, *, events: int = EVENTS) -> list[Row]:
    async with bench_database(dsn, SERVICE, "visible") as database:
        feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
        async with _followed(database, feed) as commands:
            lags = await _lags(database, commands, events)
        await feed.close()
    return [_row("postgres", lags, milliseconds_max=100)]


async def on_kafka(dsn: str, bootstrap: str, *, events: int = EVENTS) -> list[Row]:
    broker = Broker(bootstrap=bootstrap, prefix=f"bench-{uuid4().hex[:8]}")
    async with bench_database(dsn, SERVICE, "visible") as database:
        store_feed = PostgresFeed({SERVICE: database.feed}, SystemClock())

        async def head(service: str) -> Position | None:
            return (await store_feed.covering(service, None)).get(Partition(service, 0))

        await broker.ensure_topics(SERVICE)
        feed = KafkaFeed(broker, store_head=head)
        async with _relayed(database, store_feed, broker), _followed(database, feed) as commands:
            lags = await _lags(database, commands, events)
        await feed.close()
        await store_feed.close()
    return [_row("kafka", lags, milliseconds_max=250)]


def _row(feed: str, lags: Lags, *, milliseconds_max: float) -> Row:
    p99 = percentile(lags.visible, 0.99) * 1000
    return Row(
        name=f"event appended to visible in a read model, {feed} feed, idle",
        measured=f"p50 {percentile(lags.visible, 0.5) * 1000:.0f} ms, p99 {p99:.0f} ms of {len(lags.visible)}",
        yardstick=f"{milliseconds_max:g} ms at p99",
        ratio=milliseconds_max / p99,
        goal=1.0,
        parts={
            "command until acknowledged": f"p50 {percentile(lags.appended, 0.5) * 1000:.1f} ms, "
            f"p99 {percentile(lags.appended, 0.99) * 1000:.1f} ms (not in the figure)"
        },
    )


@contextlib.asynccontextmanager
async def _followed(database: ServiceDatabase, feed: Feed) -> AsyncIterator[CommandHandler]:
    """A read model that follows the log, and what writes to it."""
    await Rebuilder(feed=feed, codec=EventCodec(), owner_dsn=database.owner).prepare(PROJECTION)
    async with _readers(database, feed) as readers:
        following = asyncio.create_task(readers.run(await readers.for_projection(PROJECTION)))
        clock = SystemClock()
        store = await EventStore.open(database.app, service=SERVICE, clock=clock)
        try:
            yield CommandHandler(store, EventCodec(), MemoryVault(), clock, SERVICE)
        finally:
            await _stopped(following)
            await store.close()


@contextlib.asynccontextmanager
async def _relayed(database: ServiceDatabase, feed: PostgresFeed, broker: Broker) -> AsyncIterator[None]:
    """The relay at work beside."""
    async with _readers(database, feed) as readers:
        relay = Relay(service=SERVICE, feed=feed, keeper=readers.keeper, progress=readers.progress, broker=broker)
        relaying = asyncio.create_task(readers.run([relay]))
        try:
            yield
        finally:
            await _stopped(relaying)


@contextlib.asynccontextmanager
async def _readers(database: ServiceDatabase, feed: Feed) -> AsyncIterator[Readers]:
    pool = await asyncpg.create_pool(database.app, min_size=1, max_size=4)
    try:
        yield Readers(
            feed=feed, keeper=Keeper(pool, f"bench-{uuid4().hex[:8]}"), progress=Progress(pool), codec=EventCodec()
        )
    finally:
        await pool.close()


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _lags(database: ServiceDatabase, commands: CommandHandler, events: int) -> Lags:
    looking = await asyncpg.connect(database.superuser)
    seen = await looking.prepare(_SEEN)
    await _seen_after_one(commands, seen, 1)  # everything has started
    lags = Lags(appended=[], visible=[])
    for number in range(events):
        await asyncio.sleep(0.03 + 0.001 * (number % 20))  # at any moment of the reader's own rhythm
        appended, visible = await _seen_after_one(commands, seen, number + 2)
        lags.appended.append(appended)
        lags.visible.append(visible)
    await looking.close()
    return lags


async def _seen_after_one(commands: CommandHandler, seen: asyncpg.PreparedStatement, total: int) -> tuple[float, float]:
    command_id = uuid4()
    began = time.perf_counter()
    await commands.handle(
        BALANCE,
        "visible",
        1,
        Cause(tenant="bench", actor="client:bench", command_id=command_id, correlation_id="bench"),
    )
    appended = time.perf_counter()
    while await seen.fetchval() != total:
        if time.perf_counter() > appended + _GIVE_UP_SECONDS:
            raise TimeoutError(f"event {total} was not seen in the read model")
        await asyncio.sleep(0.001)
    return appended - began, time.perf_counter() - appended


if __name__ == "__main__":
    run_alone(on_postgres)
