"""Is anything lost, doubled or out of order on the way to Kafka, whoever dies when?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError, OffsetOutOfRangeError

from shared.events.envelope import Stored
from shared.runtime import kafka_log
from shared.runtime.broker import Broker
from shared.runtime.held import Held
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.leases import Fenced
from shared.runtime.rebuild import Rebuilder
from shared.runtime.relay import RelaySink, republish
from shared.testing.infrastructure import KafkaCluster, PostgresServer
from tests.integration.runtime.promises import eventually
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    Charged,
    small_service,
)
from tests.integration.runtime.small_shop import (
    PROJECTION,
    Shop,
    balances,
    charge,
    delete_topic,
    held_by,
    open_shop,
    publish,
)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(postgres_server: PostgresServer, kafka_cluster: KafkaCluster, database: str) -> AsyncIterator[Shop]:
    async with small_service(postgres_server, database) as service:
        await service.install(PROJECTION)
        async with open_shop(service, kafka_cluster.bootstrap_servers) as made:
            yield made


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
    held = await held_by(first)
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
    sleeping = await held_by(old)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingBroker(Broker):
    """Calls of its consumers fail once for each failure that lies here by their name. Consumers that are `silent` bring nothing."""

    failures: dict[str, Exception] = field(default_factory=dict)
    silent: list[AIOKafkaConsumer] = field(default_factory=list)
    consumers: list[AIOKafkaConsumer] = field(default_factory=list)  # that were made
    makes: list[str] = field(default_factory=list)  # services whose topics were asked for, each taking its time

    async def ensure_topics(self, service: str) -> bool:
        self.makes.append(service)
        await asyncio.sleep(0.5)
        return await Broker.ensure_topics(self, service)

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        consumer = Broker.consumer(self, **options)
        getmany = consumer.getmany

        async def getmany_or_silence(*places: Any, **told: Any) -> Any:
            if consumer in self.silent:
                await asyncio.sleep(0.1)
                return {}
            return await getmany(*places, **told)

        consumer.getmany = getmany_or_silence
        for name in ("getmany", "position", "end_offsets"):
            setattr(consumer, name, self._failing(name, getattr(consumer, name)))
        self.consumers.append(consumer)
        return consumer

    def _failing(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*places: Any, **options: Any) -> Any:
            answer = await call(*places, **options)
            if name == "getmany" and any(answer.values()) and "fetched" in self.failures:
                self.failures["position"] = self.failures.pop("fetched")  # which is asked for what was fetched
            if name in self.failures:
                raise self.failures.pop(name)
            return answer

        return called

    async def are_all_met(self) -> bool:
        return not self.failures


async def following(shop: Shop) -> tuple[FailingBroker, KafkaFeed]:
    """A feed that has read all there is and follows the end of the topics."""
    await charge(shop, ["A"])
    await publish(shop.relay())
    broker = FailingBroker(**asdict(shop.broker))
    feed = KafkaFeed(broker)
    shop.feeds.append(feed)
    assert balances(await shop.project(feed)) == {"A": (6, 3)}
    return broker, feed


@pytest.mark.asyncio
@pytest.mark.parametrize("failure", [KafkaTimeoutError(), ZeroDivisionError()])
async def test_what_was_fetched_and_not_kept_is_fetched_again(shop: Shop, failure: Exception) -> None:
    broker, feed = await following(shop)
    broker.failures["fetched"] = failure
    await charge(shop, ["B", "C"])
    await publish(shop.relays[0])
    await eventually(broker.are_all_met)
    assert balances(await shop.project(feed)) == {"A": (6, 3), "B": (6, 3), "C": (6, 3)}


@pytest.mark.asyncio
async def test_brokers_that_go_away_while_an_offset_is_looked_for_are_waited_for(shop: Shop) -> None:
    broker, feed = await following(shop)
    broker.failures["getmany"] = OffsetOutOfRangeError({TopicPartition(broker.events_topic(SERVICE), 0): 0})
    broker.failures["end_offsets"] = KafkaTimeoutError()
    await eventually(broker.are_all_met)
    await charge(shop, ["B", "C"])
    await publish(shop.relays[0])
    assert balances(await shop.project(feed)) == {"A": (6, 3), "B": (6, 3), "C": (6, 3)}


@pytest.mark.asyncio
async def test_a_consumer_that_brings_nothing_where_there_is_something_is_replaced(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_log, "STANDS_SECONDS", 1.0)
    broker, feed = await following(shop)
    broker.silent.extend(broker.consumers)
    await charge(shop, ["B", "C"])
    await publish(shop.relays[0])
    assert balances(await shop.project(feed)) == {"A": (6, 3), "B": (6, 3), "C": (6, 3)}


@pytest.mark.asyncio
async def test_who_gives_up_waiting_for_partitions_leaves_the_search_to_the_next_one(shop: Shop) -> None:
    await publish(shop.relay())
    broker = FailingBroker(**asdict(shop.broker))
    feed = KafkaFeed(broker)
    shop.feeds.append(feed)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.partitions(SERVICE), 0.1)
    assert len(await feed.partitions(SERVICE)) == shop.broker.partitions
    assert broker.makes == [SERVICE]


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


async def empty_table(shop: Shop) -> None:
    async with shop.service.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', 'clinic', true)")
        await connection.execute("DELETE FROM accounts")
