"""What do a relay and its readers make of a real cluster of three brokers of which some are killed, hang, or are restarted in turn?

Accounts are charged all the while. Afterwards what a reader gets from Kafka must be what was acknowledged, each event once and in the order
of its stream, and the read model must be a fold of the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import BrokerResponseError, InvalidProducerIdMapping, OutOfOrderSequenceNumber, UnknownProducerId

from shared.runtime.broker import Broker
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.native import kafka
from shared.runtime.relay import PUBLISH_SECONDS
from shared.testing.infrastructure import PostgresServer, native_kafka
from tests.integration.runtime.small_service import SERVICE, Charged, SmallService, small_service
from tests.integration.runtime.small_shop import PROJECTION, Shop, balances, delete_topic, everything_in, open_shop

ACCOUNTS = tuple(f"A{number}" for number in range(9))
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def three_nodes(kafka_distribution: kafka.Distribution) -> Iterator[kafka.RunningKafka]:
    with native_kafka(kafka_distribution, nodes=3) as cluster:
        yield cluster


@dataclass(slots=True)
class Till:
    """Charges accounts until it is closed, one after the other's answer, and remembers what was acknowledged."""

    service: SmallService
    acknowledged: Counter[str] = field(default_factory=Counter)
    _is_open: bool = True

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for account in ACCOUNTS:
                group.create_task(self._charge(account))

    async def _charge(self, account: str) -> None:
        while self._is_open:
            await self.service.say(account, Charged(cents=1))
            self.acknowledged[account] += 1
            await asyncio.sleep(0.02)

    def close(self) -> None:
        self._is_open = False


@dataclass(slots=True, kw_only=True)
class Branch:
    """A shop on three brokers, with its relay and its projector running."""

    shop: Shop
    feed: KafkaFeed

    @property
    def service(self) -> SmallService:
        return self.shop.service

    @contextlib.asynccontextmanager
    async def running(self, *, publish_seconds: float = PUBLISH_SECONDS) -> AsyncIterator[None]:
        readers = self.shop.readers(self.feed, f"process-{secrets.token_hex(2)}")
        relay = self.shop.relay(readers=readers, publish_seconds=publish_seconds)
        task = asyncio.create_task(readers.run([relay, *await readers.for_projection(PROJECTION)]))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @property
    def producer(self) -> AIOKafkaProducer:
        """The one that the relay publishes with now."""
        return self.shop.relays[-1].sink._producer

    @contextlib.asynccontextmanager
    async def charging(self) -> AsyncIterator[Till]:
        till = Till(self.service)
        task = asyncio.create_task(till.run())
        try:
            yield till
        finally:
            till.close()
            await task

    async def shown(self) -> Counter[str]:
        return Counter({row["account"]: row["charges"] for row in await self.service.rows()})

    async def shows(self, charges: Counter[str], *, seconds: float = 60.0) -> None:
        """Return when the read model has at least these."""
        async with asyncio.timeout(seconds):
            while not charges <= await self.shown():  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.05)

    async def seen(self, acknowledged: Counter[str]) -> Seen:
        """What there is of the charges once the read model has at least these."""
        await self.shows(acknowledged)
        stored = await everything_in(self.service.feed)
        versions: defaultdict[str, list[int]] = defaultdict(list)
        for event in await everything_in(self.shop.feed()):  # as to a reader that begins now
            versions[event.stream.removeprefix("account/")].append(event.version)
        return Seen(
            stored=Counter(event.stream.removeprefix("account/") for event in stored),
            versions=versions,
            balances=balances(await self.service.rows()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Charges by account: how many are in the store, the versions in the order of Kafka, and cents and number in the read model."""

    stored: Counter[str]
    versions: dict[str, list[int]]
    balances: dict[str, tuple[int, int]]


def all_of(acknowledged: Counter[str]) -> Seen:
    """Each charge once, in order, and nothing else."""
    return Seen(
        stored=acknowledged,
        versions={account: list(range(1, count + 1)) for account, count in acknowledged.items()},
        balances={account: (count, count) for account, count in acknowledged.items()},  # a cent a charge
    )


@pytest_asyncio.fixture(loop_scope="session")
async def branch(
    postgres_server: PostgresServer, three_nodes: kafka.RunningKafka, database: str
) -> AsyncIterator[Branch]:
    async with small_service(postgres_server, database) as service:
        await service.install(PROJECTION)
        async with open_shop(service, three_nodes.bootstrap_servers, replicas=3) as shop:
            yield Branch(shop=shop, feed=shop.feed())


def each(charges: int) -> Counter[str]:
    return Counter(dict.fromkeys(ACCOUNTS, charges))


async def test_without_one_of_three_brokers_everything_goes_on(branch: Branch, three_nodes: kafka.RunningKafka) -> None:
    node = three_nodes.nodes[0]  # leads one of the three partitions
    async with branch.running():
        async with branch.charging() as till:
            await branch.shows(each(5))
            await asyncio.to_thread(node.kill)
            await branch.shows(till.acknowledged + each(20))
            await asyncio.to_thread(three_nodes.start_node, node)
            await branch.shows(till.acknowledged + each(5))
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)


async def test_a_broker_that_hangs_and_wakes_up_changes_nothing(
    branch: Branch, three_nodes: kafka.RunningKafka
) -> None:
    node = three_nodes.nodes[1]
    async with branch.running():
        async with branch.charging() as till:
            await branch.shows(each(5))
            node.pause()
            try:
                await asyncio.sleep(5)  # longer than its session with the controller
            finally:
                node.resume()
            await branch.shows(till.acknowledged + each(5))
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)


async def test_without_two_of_three_commands_are_accepted_and_what_they_led_to_comes_in_order_when_one_is_back(
    branch: Branch, three_nodes: kafka.RunningKafka
) -> None:
    async with branch.running(publish_seconds=2.0):
        async with branch.charging() as till:
            await branch.shows(each(5))
            for node in three_nodes.nodes[:2]:
                await asyncio.to_thread(node.kill)
            await asyncio.sleep(1)
            before = await branch.shown()
            accepted = till.acknowledged + each(50)
            async with asyncio.timeout(30):
                while not accepted <= till.acknowledged:  # noqa: ASYNC110  nothing tells
                    await asyncio.sleep(0.05)
            assert await branch.shown() == before  # one broker alone acknowledges nothing
            await asyncio.to_thread(three_nodes.start_node, three_nodes.nodes[0])
            await branch.shows(accepted)
            await asyncio.to_thread(three_nodes.start_node, three_nodes.nodes[1])
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)


async def test_a_rolling_restart_of_all_three_under_load_is_not_noticed(
    branch: Branch, three_nodes: kafka.RunningKafka
) -> None:
    async with branch.running():
        async with branch.charging() as till:
            for node in three_nodes.nodes:
                await asyncio.to_thread(node.stop)
                await asyncio.to_thread(three_nodes.start_node, node)
                await branch.shows(till.acknowledged + each(3))
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)


async def test_a_topic_wiped_under_a_running_relay_is_written_again_and_read_models_are_as_before(
    branch: Branch,
) -> None:
    async with branch.running(publish_seconds=2.0):
        async with branch.charging() as till:
            await branch.shows(each(10))
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)
        before = await branch.service.rows()
        await delete_topic(branch.shop)
        await branch.service.say(ACCOUNTS[0], Charged(cents=1))  # the relay notices when it has something to say
        acknowledged = till.acknowledged + Counter([ACCOUNTS[0]])
        assert await branch.seen(acknowledged) == all_of(acknowledged)
        assert (await branch.service.rows())[1:] == before[1:]


async def test_a_broker_that_misses_a_record_of_the_producer_gets_all_of_it_from_another(
    branch: Branch, caplog: pytest.LogCaptureFixture
) -> None:
    async with branch.running():
        async with branch.charging() as till:
            await branch.shows(each(5))
            producer = branch.producer
            for number in range(3):
                place = TopicPartition(branch.shop.broker.events_topic(SERVICE), number)
                producer._txn_manager.increment_sequence_number(place, 5)
            await branch.shows(till.acknowledged + each(5))
        assert branch.producer is not producer
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)
    assert OutOfOrderSequenceNumber.__name__ in {getattr(record, "error", "") for record in caplog.records}


class Unknown:
    """A producer that the brokers have forgotten: what it sends is refused."""

    def __init__(self, producer: AIOKafkaProducer, error: type[BrokerResponseError]) -> None:
        self._producer = producer
        self._error = error

    async def send(self, *_: object, **__: object) -> asyncio.Future[None]:
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(self._error())
        return refused

    def __getattr__(self, name: str) -> object:
        return getattr(self._producer, name)


@dataclass(frozen=True, kw_only=True)
class ForgetfulBroker(Broker):
    """The first producers are refused by these errors, the last first."""

    refusals: list[type[BrokerResponseError]]

    def relay_producer(self, service: str) -> AIOKafkaProducer:
        producer = super().relay_producer(service)
        return Unknown(producer, self.refusals.pop()) if self.refusals else producer


async def test_a_producer_that_the_brokers_forgot_is_replaced_and_nothing_is_lost(branch: Branch) -> None:
    refusals = [UnknownProducerId, InvalidProducerIdMapping]
    known = branch.shop.broker
    branch.shop.broker = ForgetfulBroker(
        bootstrap=known.bootstrap, partitions=3, replicas=3, prefix=known.prefix, refusals=refusals
    )
    async with branch.running():
        async with branch.charging() as till:
            await branch.shows(each(5))
        assert await branch.seen(till.acknowledged) == all_of(till.acknowledged)
    assert refusals == []
