"""When a log is restored to an earlier moment, does every reader notice what was given up, and go on without loss or repetition?

The database gives the same transaction ids out again after a restore. That is brought about here by removing what came after a moment
and setting back what remembers it; the same with a real backup is in tests/e2e.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from shared.events.envelope import START, Position
from shared.runtime.feed import AnotherLog, EventsGivenUp, Kept, Partition, kept_of
from shared.runtime.handler import CommandHandler
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.records import epochs_of, generation_of
from shared.runtime.store.migrate import begin_epoch
from shared.testing.infrastructure import KafkaCluster, PostgresServer
from shared.testing.vault import MemoryVault
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    Charged,
    SmallService,
    small_service,
)
from tests.integration.runtime.small_shop import PROJECTION, Shop, balances, open_shop, publish

PARTITION = Partition(SERVICE, 0)

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        await made.install(PROJECTION)
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def shop(service: SmallService, kafka_cluster: KafkaCluster) -> AsyncIterator[Shop]:
    async with open_shop(service, kafka_cluster.bootstrap_servers) as made:
        yield made


class Restored:
    """Puts the store back to the moment at which this was made."""

    def __init__(self, service: SmallService, kept: Position, relay: list[asyncpg.Record]) -> None:
        self._service = service
        self.kept = kept
        self._relay = relay

    @classmethod
    async def to_now(cls, service: SmallService) -> Restored:
        kept = (await service.feed.covering(SERVICE, None)).get(PARTITION, START)
        return cls(service, kept, await service.pool.fetch("select * from readers where reader like '%.relay'"))

    async def do(self, *, at_least: int = 0) -> int:
        admin = await asyncpg.connect(self._service.dsn)
        try:
            await admin.execute("alter table events disable trigger events_are_append_only")
            gone = await admin.fetch(
                "delete from events where (epoch, tx, pos) > ($1, $2, $3) returning tenant, stream, version", *self.kept
            )
            await admin.execute("alter table events enable trigger events_are_append_only")
            for row in gone:
                await admin.execute(
                    "delete from streams where tenant = $1 and stream = $2", row["tenant"], row["stream"]
                )
            await admin.execute(
                "insert into streams (tenant, stream, version, last_hash, last_recorded_at, last_tx, last_epoch)"
                " select distinct on (tenant, stream) tenant, stream, version, hash, recorded_at, tx, epoch from events"
                " order by tenant, stream, version desc on conflict do nothing"
            )
            await admin.execute("delete from commands where pos > $1", self.kept.pos)
            for row in self._relay:  # the row of the relay goes back with the store
                await admin.execute(
                    "update readers set cursor = $2, position_tx = $3, position_pos = $4, state = $5 where reader = $1",
                    *(row[name] for name in ("reader", "cursor", "position_tx", "position_pos", "state")),
                )
        finally:
            await admin.close()
        # Another process: this one remembers what it wrote.
        store, clock = self._service.store, self._service.clock
        self._service.commands = CommandHandler(store, CODEC, MemoryVault(), clock, SERVICE)
        return await begin_epoch(self._service.dsn, at_least=at_least)


async def test_what_is_kept_is_told_for_every_restore_since() -> None:
    epochs = (Kept(1, Position(0, 40, 4)), Kept(3, Position(1, 10, 9)))
    assert kept_of(Position(0, 50, 5), epochs) == Position(0, 40, 4)
    assert kept_of(Position(1, 11, 10), epochs) == Position(1, 10, 9)
    for inside in (START, Position(0, 40, 4), Position(1, 10, 9), Position(3, 1, 1)):
        assert kept_of(inside, epochs) is None


async def test_a_reader_that_is_ahead_is_told_once_and_goes_on_with_what_came_since(service: SmallService) -> None:
    await service.say("A", Charged(cents=1))
    moment = await Restored.to_now(service)
    await service.say("A", Charged(cents=2))
    ahead = await service.feed.read(PARTITION, None, 10)
    assert await moment.do() == 1
    fed = service.feed.__class__({SERVICE: service.feed_dsn}, service.clock)
    try:
        with pytest.raises(EventsGivenUp) as told:
            await fed.read(PARTITION, ahead.cursor, 10)
        assert (told.value.kept, told.value.cursor) == (moment.kept, str(moment.kept))
        nothing_yet = await fed.read(PARTITION, told.value.cursor, 10)
        assert list(nothing_yet.events) == []
        await service.say("B", Charged(cents=3))
        since = await fed.read(PARTITION, nothing_yet.cursor, 10)
        assert [(event.stream, event.position.epoch) for event in since.events] == [("account/B", 1)]
        assert [event.stream for event in (await fed.read(PARTITION, None, 10)).events] == ["account/A", "account/B"]
    finally:
        await fed.close()


async def test_a_reader_inside_what_is_kept_notices_nothing_and_misses_nothing(service: SmallService) -> None:
    await service.say("A", Charged(cents=1))
    inside = await service.feed.read(PARTITION, None, 10)
    await service.say("A", Charged(cents=2))
    moment = await Restored.to_now(service)
    await service.say("A", Charged(cents=4))
    await moment.do()
    await service.say("B", Charged(cents=8))
    fed = service.feed.__class__({SERVICE: service.feed_dsn}, service.clock)
    try:
        rest = await fed.read(PARTITION, inside.cursor, 10)
        assert [(event.stream, event.version) for event in rest.events] == [("account/A", 2), ("account/B", 1)]
    finally:
        await fed.close()


async def test_a_cursor_of_an_epoch_that_never_was_here_is_refused(service: SmallService) -> None:
    await service.say("A", Charged(cents=1))
    with pytest.raises(AnotherLog):
        await service.feed.read(PARTITION, "7.1.1", 10)


async def test_an_epoch_is_never_given_out_twice_when_the_caller_says_from_where(service: SmallService) -> None:
    assert await begin_epoch(service.dsn, at_least=5) == 5
    assert await begin_epoch(service.dsn) == 6
    assert await begin_epoch(service.dsn, at_least=3) == 7


async def test_a_read_model_of_another_database_goes_on_and_says_that_it_must_be_rebuilt(
    service: SmallService, caplog: pytest.LogCaptureFixture
) -> None:
    await service.say("A", Charged(cents=1))
    moment = await Restored.to_now(service)
    await service.say("A", Charged(cents=2))
    readers = service.readers("before")
    (reader,) = await readers.for_projection(PROJECTION)
    await reader.catch_up(await readers.keeper.acquire(reader.name, reader.partition))
    assert balances(await service.rows()) == {"A": (3, 2)}
    await moment.do()
    await service.say("A", Charged(cents=4))
    fed = service.feed.__class__({SERVICE: service.feed_dsn}, service.clock)
    readers = service.readers("after")
    readers.feed = fed
    try:
        (reader,) = await readers.for_projection(PROJECTION)
        with caplog.at_level(logging.ERROR):
            await reader.catch_up(await readers.keeper.acquire(reader.name, reader.partition))
        assert balances(await service.rows()) == {"A": (7, 3)}  # the new event once, what was given up still in it
        assert [record.message for record in caplog.records if record.name == "shared.runtime.readers"] == [
            "the log was restored to an earlier moment: rebuild what was made of events that it gave up"
        ]
    finally:
        await fed.close()


async def test_a_topic_that_holds_what_was_given_up_is_replaced_and_readers_go_on(shop: Shop) -> None:
    service, feed = shop.service, shop.feed()
    for account in "ABCD":
        await service.say(account, Charged(cents=1))
    relay = shop.relay("before")
    await publish(relay)
    inside = {partition: await to_the_end(feed, partition) for partition in await feed.partitions(SERVICE)}
    moment = await Restored.to_now(service)
    for account in "ABCD":
        await service.say(account, Charged(cents=10))
    await publish(relay)
    ahead = {partition: await to_the_end(feed, partition) for partition in inside}
    await relay.sink.close()

    await moment.do()
    for _ in range(3):
        for account in "ABCD":
            await service.say(account, Charged(cents=100))
    await publish(shop.relay("after"))

    assert balances(await shop.project(feed)) == dict.fromkeys("ABCD", (301, 4))
    since = [event for partition, cursor in inside.items() for event in await read_on(feed, partition, cursor)]
    assert sorted((event.stream[-1], event.version) for event in since) == [
        (account, version) for account in "ABCD" for version in (2, 3, 4)
    ]
    told, after = set(), []
    for partition, cursor in ahead.items():
        try:
            after += await read_on(feed, partition, cursor)
        except EventsGivenUp as cut:
            told.add(cut.kept)
            after += await read_on(feed, partition, cut.cursor)
    assert told == {moment.kept}
    assert sorted(after, key=lambda event: event.position) == sorted(since, key=lambda event: event.position)


async def test_records_say_what_is_kept_and_generations_grow_over_restores(shop: Shop) -> None:
    await shop.service.say("A", Charged(cents=1))
    await publish(shop.relay("before"))
    moment = await Restored.to_now(shop.service)
    await shop.service.say("A", Charged(cents=2))
    await publish(shop.relays[0])
    await shop.relays[0].sink.close()
    await moment.do()
    await publish(shop.relay("after"))
    headers = [record.headers for record in await records(shop)]
    assert [generation_of(each) for each in headers] == [1000]
    assert [epochs_of(each) for each in headers] == [(Kept(1, moment.kept),)]


async def to_the_end(feed: KafkaFeed, partition: Partition) -> str:
    cursor = None
    while not (page := await feed.read(partition, cursor, 100)).is_head:
        cursor = page.cursor
    return page.cursor


async def read_on(feed: KafkaFeed, partition: Partition, cursor: str | None) -> list:  # type: ignore[type-arg]
    found = []
    while True:
        page = await feed.read(partition, cursor, 100)
        found += page.events
        cursor = page.cursor
        if page.is_head:
            return found


async def records(shop: Shop) -> list:  # type: ignore[type-arg]
    """Everything that lies in the topic."""
    numbers = await shop.broker.partition_numbers(SERVICE)
    async with shop.broker.consumer() as consumer:
        places = [TopicPartition(shop.broker.events_topic(SERVICE), number) for number in numbers]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found
