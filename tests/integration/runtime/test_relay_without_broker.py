"""What happens while Kafka is down? Commands are accepted, the backlog waits, and afterwards nothing is missing or doubled."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.runtime.broker import Broker
from shared.runtime.held import Keeper
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.native import kafka
from shared.runtime.progress import Progress
from shared.runtime.readers import Readers
from shared.runtime.relay import Relay
from shared.testing.infrastructure import PostgresServer, native_kafka
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    Charged,
    SmallService,
    accounts_projection,
    small_service,
)

PROJECTION = accounts_projection()
ACCOUNTS = ("A", "B", "C", "D")


@pytest.fixture
def one_node(kafka_distribution: kafka.Distribution) -> Iterator[kafka.RunningKafka]:
    with native_kafka(kafka_distribution, nodes=1) as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        await made.install(PROJECTION)
        yield made


async def charge_all(service: SmallService, times: int) -> None:
    for _ in range(times):
        await asyncio.gather(*(service.say(account, Charged(cents=1)) for account in ACCOUNTS))


@pytest.mark.asyncio
async def test_commands_go_on_while_the_broker_is_dead_and_the_read_model_is_right_when_it_is_back(
    service: SmallService, one_node: kafka.RunningKafka
) -> None:
    broker = Broker(bootstrap=one_node.bootstrap_servers, partitions=3)
    feed = KafkaFeed(broker)
    keeper, progress = Keeper(service.pool, "process"), Progress(service.pool)
    readers = Readers(feed=feed, keeper=keeper, progress=progress, codec=CODEC)
    relay = Relay(service=SERVICE, feed=service.feed, keeper=keeper, progress=progress, broker=broker)
    projecting = await readers.for_projection(PROJECTION)
    running = asyncio.create_task(readers.run([relay, *projecting]))
    try:
        await charge_all(service, 10)
        assert await is_shown(service, readers, 10)

        (node,) = one_node.nodes
        assert node.pid is not None
        os.kill(node.pid, signal.SIGKILL)
        await charge_all(service, 20)
        await asyncio.sleep(2)
        assert {row["charges"] for row in await service.rows()} == {10}

        await asyncio.to_thread(one_node.start_node, node)
        await charge_all(service, 5)
        assert await is_shown(service, readers, 35)
        assert {row["account"]: row["charges"] for row in await service.rows()} == dict.fromkeys(ACCOUNTS, 35)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await feed.close()


async def is_shown(service: SmallService, readers: Readers, charges: int) -> bool:
    """Whether every account has that many charges within a minute."""
    for _ in range(600):
        rows = await service.rows()
        if [row["charges"] for row in rows] == [charges] * len(ACCOUNTS):
            return True
        await asyncio.sleep(0.1)
    return False
