"""Do both feeds keep the promises of `shared.runtime.feed`?

The same tests over the stores themselves and over Kafka, where the relay has to bring the log first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.events.envelope import START, Position, Stored
from shared.runtime.broker import Broker
from shared.runtime.clock import DrivenClock
from shared.runtime.feed import Feed, Page, Partition
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.relay import Relay
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.small_service import NOON, SERVICE, Charged, SmallService, small_service


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """A service, and a feed of its log."""

    service: SmallService
    feed: Feed
    publish: Callable[[], Awaitable[None]]

    async def say(self, account: str, *events: Charged, tenant: str = "clinic") -> Position:
        outcome = await self.service.say(account, *events, tenant=tenant)
        await self.publish()
        assert outcome.position is not None
        return outcome.position


async def nothing_to_do() -> None:
    return None


@pytest_asyncio.fixture(loop_scope="session", params=["postgres", "kafka"])
async def fed(request: pytest.FixtureRequest, postgres_server: PostgresServer, database: str) -> AsyncIterator[Fed]:
    bootstrap = request.getfixturevalue("kafka_cluster").bootstrap_servers if request.param == "kafka" else ""
    async with small_service(postgres_server, database) as service:
        if request.param == "postgres":
            yield Fed(service=service, feed=service.feed, publish=nothing_to_do)
            return
        broker = Broker(bootstrap=bootstrap, partitions=3, prefix=f"test-{secrets.token_hex(4)}")
        readers = service.readers("relay")
        relay = Relay(
            service=SERVICE, feed=service.feed, keeper=readers.keeper, progress=readers.progress, broker=broker
        )

        async def publish() -> None:
            await relay.catch_up(await readers.keeper.acquire(relay.name, relay.partition))

        feed = KafkaFeed(broker, store_head=service_head(service))
        try:
            yield Fed(service=service, feed=feed, publish=publish)
        finally:
            await relay.sink.close()
            await feed.close()


def service_head(service: SmallService) -> Callable[[str], Awaitable[Position | None]]:
    async def head(name: str) -> Position | None:
        return next(iter((await service.feed.covering(name, None)).values()), None)

    return head


async def read_all(feed: Feed, partition: Partition, cursor: str | None = None, limit: int = 5_000) -> list[Stored]:
    found: list[Stored] = []
    while True:
        page = await feed.read(partition, cursor, limit)
        found += page.events
        cursor = page.cursor
        if page.is_head:
            return found


async def everything(feed: Feed, limit: int = 5_000) -> dict[Partition, list[Stored]]:
    return {partition: await read_all(feed, partition, limit=limit) for partition in await feed.partitions(SERVICE)}


async def to_head(feed: Feed, partition: Partition) -> Page:
    cursor = None
    while not (page := await feed.read(partition, cursor, 5_000)).is_head:
        cursor = page.cursor
    return page


def flat(found: dict[Partition, list[Stored]]) -> list[Stored]:
    return sorted((stored for run in found.values() for stored in run), key=lambda stored: stored.position)


@pytest.mark.asyncio
async def test_every_event_is_read_once_byte_for_byte_with_its_whole_envelope(fed: Fed) -> None:
    for account in ("A", "B", "C", "D"):
        await fed.say(account, Charged(cents=1, note="ü"), Charged(cents=2))
    stored = [await fed.service.store.stored_stream("clinic", f"account/{account}") for account in "ABCD"]
    expected = sorted((one for run in stored for one in run), key=lambda one: one.position)
    assert flat(await everything(fed.feed)) == expected


@pytest.mark.asyncio
async def test_order_holds_within_a_stream_and_a_stream_lies_in_one_partition(fed: Fed) -> None:
    for cents in range(1, 8):
        for account in ("A", "B", "C"):
            await fed.say(account, Charged(cents=cents))
    found = await everything(fed.feed)
    for account in ("A", "B", "C"):
        runs = [[one.version for one in run if one.stream == f"account/{account}"] for run in found.values()]
        assert [run for run in runs if run] == [[1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [1, 3, 1_000])
async def test_pages_of_any_size_give_the_same_events(fed: Fed, limit: int) -> None:
    for number in range(5):
        await fed.say(f"A{number}", Charged(cents=1), Charged(cents=2))
    assert flat(await everything(fed.feed, limit)) == flat(await everything(fed.feed))
    assert len(flat(await everything(fed.feed))) == 10


@pytest.mark.asyncio
async def test_a_cursor_goes_on_where_it_was_taken(fed: Fed) -> None:
    await fed.say("A", Charged(cents=1))
    pages = {partition: await to_head(fed.feed, partition) for partition in await fed.feed.partitions(SERVICE)}
    await fed.say("A", Charged(cents=2))
    news = {partition: await read_all(fed.feed, partition, page.cursor) for partition, page in pages.items()}
    assert [one.version for one in flat(news)] == [2]


@pytest.mark.asyncio
async def test_an_empty_log_is_at_its_head(fed: Fed) -> None:
    await fed.publish()
    for partition in await fed.feed.partitions(SERVICE):
        page = await fed.feed.read(partition, None, 100)
        assert (list(page.events), page.is_head, page.position) == ([], True, START)
    assert await fed.feed.covering(SERVICE, None) == {}


@pytest.mark.asyncio
async def test_a_reader_that_waits_is_woken_by_news(fed: Fed) -> None:
    await fed.say("A", Charged(cents=1))
    (mine,) = [partition for partition, run in (await everything(fed.feed)).items() if run]  # where account A lies
    cursor = (await to_head(fed.feed, mine)).cursor
    waiting = asyncio.create_task(fed.feed.read(mine, cursor, 100, wait_seconds=20))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await fed.say("A", Charged(cents=2))
    async with asyncio.timeout(5):
        assert [one.version for one in (await waiting).events] == [2]


@pytest.mark.asyncio
async def test_waiting_ends_when_there_is_no_news(fed: Fed) -> None:
    await fed.say("A", Charged(cents=1))
    for partition in await fed.feed.partitions(SERVICE):
        head = await to_head(fed.feed, partition)
        page = await fed.feed.read(partition, head.cursor, 100, wait_seconds=0.1)
        assert (list(page.events), page.is_head, page.position) == ([], True, head.position)


@pytest.mark.asyncio
async def test_what_covers_a_position_is_reached_by_reading_to_the_head(fed: Fed) -> None:
    first = await fed.say("A", Charged(cents=1))
    last = await fed.say("B", Charged(cents=1))
    covering = await fed.feed.covering(SERVICE, None)
    assert max(covering.values()) == last
    assert max((await fed.feed.covering(SERVICE, first)).values()) >= first
    for partition, position in covering.items():
        assert (await to_head(fed.feed, partition)).position >= position


@pytest.mark.asyncio
async def test_the_watermark_at_the_head_follows_business_time(fed: Fed) -> None:
    clock = fed.service.clock
    assert isinstance(clock, DrivenClock)
    await fed.say("A", Charged(cents=1))
    clock.advance_to(NOON + timedelta(days=1))
    await asyncio.sleep(1.1)  # the relay says how far it is once a second
    await fed.publish()
    partitions = await fed.feed.partitions(SERVICE)
    await asyncio.sleep(0.5)
    for partition in partitions:
        watermark = (await to_head(fed.feed, partition)).watermark
        assert watermark is not None
        assert NOON < watermark < clock.now()
