"""A small service whose log goes to Kafka and comes back to its read model."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.events.envelope import Stored
from shared.runtime.broker import Broker
from shared.runtime.feed import Feed
from shared.runtime.held import Held, Keeper
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.leases import Fenced
from shared.runtime.progress import Progress
from shared.runtime.readers import Readers
from shared.runtime.relay import PUBLISH_SECONDS, Relay
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    Charged,
    Renamed,
    SmallService,
    accounts_projection,
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


@asynccontextmanager
async def open_shop(service: SmallService, bootstrap: str, *, replicas: int = 1) -> AsyncIterator[Shop]:
    """The service, whose read model is installed, with topics of its own."""
    prefix = f"test-{secrets.token_hex(4)}"
    broker = Broker(bootstrap=bootstrap, partitions=3, replicas=replicas, prefix=prefix)
    shop = Shop(service=service, broker=broker)
    try:
        yield shop
    finally:
        await shop.close()


async def publish(relay: Relay) -> None:
    while True:
        try:
            return await relay.catch_up(await held_by(relay))
        except Fenced:
            continue  # put back to the start


async def held_by(relay: Relay) -> Held:
    """The lease of this relay, which must be free."""
    held = await relay.keeper.try_acquire(relay.name, relay.partition)
    assert held is not None
    return held


async def charge(shop: Shop, accounts: Sequence[str], times: int = 3) -> None:
    for cents in range(1, times + 1):
        for account in accounts:
            await shop.service.say(account, Charged(cents=cents), Renamed(name=f"{account}{cents}"))


def balances(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    return {row["account"]: (row["open_cents"], row["charges"]) for row in rows}


async def everything_in(feed: Feed) -> list[Stored]:
    """What the feed gives, partition by partition."""
    found: list[Stored] = []
    for partition in await feed.partitions(SERVICE):
        cursor, is_head = None, False
        while not is_head:
            page = await feed.read(partition, cursor, 1_000)
            found += page.events
            cursor, is_head = page.cursor, page.is_head
    return found


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
