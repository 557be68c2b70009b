"""Is anything lost, doubled or out of order on the way to Kafka, whoever dies when?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.events.envelope import Stored
from shared.runtime.broker import Broker
from shared.runtime.held import Held, Keeper
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.leases import Fenced
from shared.runtime.progress import Progress
from shared.runtime.readers import Readers
from shared.runtime.rebuild import Rebuilder
from shared.runtime.relay import PUBLISH_SECONDS, Relay, RelaySink, republish
from shared.testing.infrastructure import KafkaCluster, PostgresServer
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    Charged,
    Renamed,
    SmallService,
    accounts_projection,
    small_service,
)

PROJECTION = accounts_projection()


@dataclass(slots=True, kw_only=True)
class Shop:
    """A service whose log goes to Kafka and comes back to its read model."""

    service: SmallService
    broker: Broker
    relays: list[Relay] = field(default_factory=list)
    feeds: list[KafkaFeed] = field(default_factory=list)

    def relay(
        self,
        owner: str = "relay",
        *,
        seconds: float = 15.0,
        readers: Readers | None = None,
        publish_seconds: float = PUBLISH_SECONDS,
    ) -> Relay:
        """The relay as another process would have it, or as the one of these readers has it."""
        readers = readers or self.service.readers(owner, seconds=seconds)
        self.relays.append(
            Relay(
                service=SERVICE,
                feed=self.service.feed,
                keeper=readers.keeper,
                progress=readers.progress,
                broker=self.broker,
                publish_seconds=publish_seconds,
            )
        )
        return self.relays[-1]

    def feed(self) -> KafkaFeed:
        self.feeds.append(KafkaFeed(self.broker))
        return self.feeds[-1]

    def readers(self, feed: KafkaFeed, owner: str = "projector") -> Readers:
        pool = self.service.pool
        return Readers(feed=feed, keeper=Keeper(pool, owner), progress=Progress(pool), codec=CODEC)

    async def close(self) -> None:
        for relay in self.relays:
            await relay.sink.close()
        for feed in self.feeds:
            await feed.close()

    async def project(self, feed: KafkaFeed) -> list[dict[str, Any]]:
        """Take in all that Kafka holds; the rows."""
        readers = self.readers(feed)
        for reader in await readers.for_projection(PROJECTION):
            await reader.catch_up(await readers.keeper.acquire(reader.name, reader.partition))
        return await self.service.rows()

    async def read_uncommitted(self) -> int:
        """How many records lie in the topic, whatever became of their transactions."""
        numbers = await self.broker.partition_numbers(SERVICE)
        async with self.broker.consumer() as consumer:
            places = [TopicPartition(self.broker.events_topic(SERVICE), number) for number in numbers]
            consumer.assign(places)
            return sum((await consumer.end_offsets(places)).values())


@pytest_asyncio.fixture(loop_scope="session")
async def shop(postgres_server: PostgresServer, kafka_cluster: KafkaCluster, database: str) -> AsyncIterator[Shop]:
    broker = Broker(bootstrap=kafka_cluster.bootstrap_servers, partitions=3, prefix=f"test-{secrets.token_hex(4)}")
    async with small_service(postgres_server, database) as service:
        await service.install(PROJECTION)
        made = Shop(service=service, broker=broker)
        try:
            yield made
        finally:
            await made.close()


async def publish(relay: Relay) -> None:
    while True:
        try:
            return await relay.catch_up(await _held(relay))
        except Fenced:
            continue  # put back to the start


async def _held(relay: Relay) -> Held:
    held = await relay.keeper.try_acquire(relay.name, relay.partition)
    assert held is not None
    return held


async def charge(shop: Shop, accounts: Sequence[str], times: int = 3) -> None:
    for cents in range(1, times + 1):
        for account in accounts:
            await shop.service.say(account, Charged(cents=cents), Renamed(name=f"{account}{cents}"))


def balances(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    return {row["account"]: (row["open_cents"], row["charges"]) for row in rows}


@pytest.mark.asyncio
async def test_a_relay_killed_after_it_sent_and_before_it_noted_so_sends_again_and_nobody_counts_twice(
    shop: Shop,
) -> None:
    class Killed(BaseException):
        pass

    class DiesBeforeItsCheckpoint(RelaySink):
        async def publish(self, held: Held, events: Sequence[Stored]) -> None:
            await super().publish(held, events)
            raise Killed

    await charge(shop, ["A", "B"])
    first = shop.relay("first")
    dying = DiesBeforeItsCheckpoint(SERVICE, shop.broker)
    held = await _held(first)
    page = await shop.service.feed.read(first.partition, None, 5)
    with pytest.raises(Killed):
        await dying.publish(held, page.events)
    await dying.close()
    feed = shop.feed()
    assert balances(await shop.project(feed)) != {"A": (6, 3), "B": (6, 3)}
    await publish(first)
    assert balances(await shop.project(feed)) == {"A": (6, 3), "B": (6, 3)}


@pytest.mark.asyncio
async def test_a_relay_killed_inside_a_transaction_leaves_nothing_that_readers_see(shop: Shop) -> None:
    await charge(shop, ["A"])
    dead = shop.relay("dead")
    await shop.broker.ensure_topics(SERVICE)
    producer = shop.broker.relay_producer(SERVICE)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(shop.broker.events_topic(SERVICE), value=b"half a page", key=b"clinic/account/A")
    await publish(dead)  # starts its own producer, which ends the other's transaction
    assert balances(await shop.project(shop.feed())) == {"A": (6, 3)}
    with pytest.raises(KafkaError):
        await producer.commit_transaction()
    await producer.stop()


@pytest.mark.asyncio
async def test_an_older_relay_that_wakes_up_is_shut_out_and_nothing_is_passed_over(shop: Shop) -> None:
    """SIGSTOP for longer than the lease, a second relay, SIGCONT."""
    await charge(shop, ["A", "B"], times=1)
    old = shop.relay("old", seconds=0.01)
    sleeping = await _held(old)
    await old.step(sleeping)
    await charge(shop, ["A", "B"], times=2)
    await asyncio.sleep(0.05)
    await publish(shop.relay("new"))
    with pytest.raises((KafkaError, Fenced)):
        await old.step(sleeping)
    await charge(shop, ["C"], times=1)
    await publish(shop.relays[-1])
    assert balances(await shop.project(shop.feed())) == {"A": (4, 3), "B": (4, 3), "C": (1, 1)}


@pytest.mark.asyncio
async def test_who_asks_for_the_partitions_of_a_topic_that_is_being_made_waits_for_them(
    kafka_cluster: KafkaCluster,
) -> None:
    broker = Broker(bootstrap=kafka_cluster.bootstrap_servers, partitions=3, prefix=f"test-{secrets.token_hex(4)}")
    asking = asyncio.create_task(broker.partition_numbers("charges"))
    assert not (await asyncio.wait([asking], timeout=1.0))[0]  # nobody has made it yet
    await broker.ensure_topics("charges")
    assert await asking == [0, 1, 2]


@pytest.mark.asyncio
async def test_a_topic_deleted_and_written_again_gives_the_same_read_model(shop: Shop) -> None:
    await charge(shop, ["A", "B", "C", "D"])
    relay = shop.relay()
    await publish(relay)
    feed = shop.feed()
    before = await shop.project(feed)
    await delete_topic(shop)
    await relay.sink.close()
    await publish(relay)
    assert await shop.project(feed) == before
    await charge(shop, ["A"], times=1)
    await publish(relay)
    after = balances(await shop.project(feed))
    assert after == {"A": (7, 4), "B": (6, 3), "C": (6, 3), "D": (6, 3)}
    await shop.service.pool.execute(
        "UPDATE readers SET cursor = NULL, position_tx = 0 WHERE reader = $1", PROJECTION.name
    )
    await empty_table(shop)
    assert balances(await shop.project(shop.feed())) == after


@pytest.mark.asyncio
async def test_a_log_published_once_more_into_the_same_topic_is_read_once(shop: Shop) -> None:
    await charge(shop, ["A", "B"])
    relay = shop.relay()
    await publish(relay)
    feed = shop.feed()
    before = await shop.project(feed)
    size = await shop.read_uncommitted()
    await republish(shop.service.pool, SERVICE)
    await publish(relay)
    assert await shop.read_uncommitted() > size
    assert await shop.project(feed) == before
    assert balances(await shop.project(shop.feed())) == balances(before)


@pytest.mark.asyncio
async def test_a_rebuild_from_kafka_under_load_equals_the_live_read_model_and_is_gone_on_from(shop: Shop) -> None:
    await charge(shop, ["A", "B", "C", "D"])
    feed = shop.feed()
    readers = shop.readers(feed, "process")
    relay = shop.relay(readers=readers)
    running = asyncio.create_task(readers.run([relay, *await readers.for_projection(PROJECTION)]))
    charging = asyncio.create_task(charge(shop, ["A", "B", "E"], times=60))
    rebuilder = Rebuilder(feed=feed, codec=CODEC, owner_dsn=shop.service.owner_dsn)
    try:
        while not charging.done():
            rebuilt = await rebuilder.rebuild(PROJECTION)
            assert rebuilt.comparison is None or rebuilt.comparison.difference_count == 0
        await charging
        async with asyncio.timeout(20):
            covering = await feed.covering(SERVICE, (await shop.service.feed.covering(SERVICE, None))[relay.partition])
            assert await readers.progress.wait_for([PROJECTION.name], covering, timeout_seconds=10)
        expected = {"A": (1836, 63), "B": (1836, 63), "C": (6, 3), "D": (6, 3), "E": (1830, 60)}
        assert balances(await shop.service.rows()) == expected
        comparison = await rebuilder.compare(PROJECTION)
        assert (comparison.rows, comparison.difference_count) == (5, 0)
    finally:
        running.cancel()
        await asyncio.wait([running, charging])


@pytest.mark.asyncio
async def test_a_record_that_no_relay_wrote_is_passed_over(shop: Shop) -> None:
    await charge(shop, ["A"], times=1)
    await publish(shop.relay())
    following = shop.feed()
    assert balances(await shop.project(following)) == {"A": (1, 1)}
    async with AIOKafkaProducer(bootstrap_servers=shop.broker.bootstrap) as stranger:
        for number in range(3):
            await stranger.send_and_wait(shop.broker.events_topic(SERVICE), value=b"?", partition=number)
    await charge(shop, ["A"], times=1)
    await publish(shop.relays[0])
    assert balances(await shop.project(following)) == {"A": (2, 2)}
    assert balances(await shop.project(shop.feed())) == {"A": (2, 2)}


@pytest.mark.asyncio
async def test_relay_and_reader_that_run_bring_news_within_moments(shop: Shop) -> None:
    await publish(shop.relay())
    feed = shop.feed()
    relay, readers = shop.relay("running"), shop.readers(feed, "running-projector")
    await shop.relays[0].keeper.close()
    tasks = [
        asyncio.create_task(relay.run()),
        asyncio.create_task(readers.run(await readers.for_projection(PROJECTION))),
    ]
    try:
        await charge(shop, ["A"], times=1)
        outcome = await shop.service.say("A", Charged(cents=41))
        async with asyncio.timeout(10):
            covering = await feed.covering(SERVICE, outcome.position)
            assert await readers.progress.wait_for([PROJECTION.name], covering, timeout_seconds=5)
        assert balances(await shop.service.rows()) == {"A": (42, 2)}
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def delete_topic(shop: Shop) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([shop.broker.events_topic(SERVICE)])
        for _ in range(200):
            if shop.broker.events_topic(SERVICE) not in await admin.list_topics():
                return
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def empty_table(shop: Shop) -> None:
    async with shop.service.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', 'clinic', true)")
        await connection.execute("DELETE FROM accounts")
