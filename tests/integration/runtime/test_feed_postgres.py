"""Does a reader of the stores see every event, once, in order, and know how far it may speak for?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import groupby

import asyncpg
import pytest
import pytest_asyncio

from shared.events.envelope import START, Position, Stored
from shared.runtime.clock import DrivenClock
from shared.runtime.feed import Partition
from shared.runtime.postgres_feed import CONNECTION_SETTINGS, PAGE, PostgresFeed
from shared.runtime.store.append import Appended
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import EMPTY, NOON, SERVICE, Promises, append, eventually, promises_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARTITION = Partition(SERVICE, 0)

_INSERT = (
    "insert into events (epoch, tenant, stream, version, event_id, type, occurred_at, recorded_at, actor, command_id,"
    " correlation_id, clock, data, previous_hash, hash)"
    " values (0, 'clinic', $1, 1, gen_random_uuid(), 'collections.PromiseMade.v1', now(), now(), 'user:x',"
    " gen_random_uuid(), 'c', 'real', '{}', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))"
)


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def driven(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database, driven=True) as service:
        yield service


async def _everything(feed: PostgresFeed, cursor: str | None = None, limit: int = 100) -> list[Stored]:
    events: list[Stored] = []
    while True:
        page = await feed.read(PARTITION, cursor, limit)
        events += page.events
        cursor = page.cursor
        if page.is_head:
            return events


class SlowWriter:
    """Appends as append_batch does, in a transaction that stays open as long as a test wants."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._transaction = connection.transaction()

    async def register(self) -> None:
        await self._transaction.start()
        await self._connection.execute("select pg_advisory_xact_lock_shared(77, 1)")

    async def insert(self, stream: str, *, recorded: str = "now()") -> None:
        if not self._connection.is_in_transaction():
            await self.register()
        await self._connection.execute(_INSERT.replace("now(), now()", f"now(), {recorded}"), stream)

    async def commit(self) -> None:
        await self._transaction.commit()

    async def roll_back(self) -> None:
        await self._transaction.rollback()


async def test_an_event_that_commits_late_is_not_passed_by(service: Promises) -> None:
    store, feed = await service.store(), service.feed()
    slow = SlowWriter(await service.connect())
    await slow.insert("guarantor-account/slow")
    await store.append(append("guarantor-account/quick"))
    admin = await service.connect()
    naive = await admin.fetch("select pos from events order by pos")  # a reader by position sees 2 and forgets 1
    assert [row["pos"] for row in naive] == [2]

    assert await _everything(feed) == []
    await slow.commit()
    assert [event.stream for event in await _everything(feed)] == ["guarantor-account/slow", "guarantor-account/quick"]


async def test_readers_lose_nothing_while_many_write_and_pause(service: Promises) -> None:
    stores = [await service.store(batch_max=3) for _ in range(3)]
    feed, naive = service.feed(), await service.connect()
    slow = [await service.connect() for _ in range(4)]
    chance = random.Random(11)
    written: list[Position] = []
    is_over = asyncio.Event()

    async def write(number: int) -> None:
        store, head = stores[number % 3], EMPTY
        for _ in range(15):
            result = await store.append(append(f"guarantor-account/{number}", head, events=chance.randint(1, 3)))
            assert isinstance(result, Appended)
            written.extend(event.position for event in result.events)
            head = result.head

    async def pause(connection: asyncpg.Connection, number: int) -> None:
        for turn in range(10):
            writer = SlowWriter(connection)
            await writer.insert(f"guarantor-account/slow-{number}-{turn}")
            await asyncio.sleep(chance.random() * 0.03)
            await (writer.roll_back() if turn % 3 == 0 else writer.commit())

    async def read() -> list[Stored]:
        seen: list[Stored] = []
        cursor = None
        while True:
            was_over = is_over.is_set()
            page = await feed.read(PARTITION, cursor, 7)
            seen += page.events
            cursor = page.cursor
            if page.is_head and was_over:
                return seen
            await asyncio.sleep(0.001)

    async def read_by_position() -> int:
        last, seen = 0, 0
        while not is_over.is_set():
            rows = await naive.fetch("select pos from events where pos > $1 order by pos", last)
            last, seen = (rows[-1]["pos"], seen + len(rows)) if rows else (last, seen)
            await asyncio.sleep(0.001)
        return seen

    reading, naively = asyncio.create_task(read()), asyncio.create_task(read_by_position())
    await asyncio.gather(*(write(n) for n in range(12)), *(pause(c, n) for n, c in enumerate(slow)))
    is_over.set()
    seen = await reading
    total = await naive.fetchval("select count(*) from events")
    assert await naively < total  # what the horizon is for
    assert len(seen) == total
    assert len({event.event_id for event in seen}) == total
    assert {event.position for event in seen} >= set(written)
    positions = [event.position for event in seen]
    assert positions == sorted(positions)
    for _, events in groupby(sorted(seen, key=lambda event: event.stream), key=lambda event: event.stream):
        versions = [event.version for event in events]
        assert versions == list(range(1, len(versions) + 1))


async def test_a_foreign_writing_transaction_does_not_hold_up_the_feed(
    service: Promises, fresh_database: FreshDatabase
) -> None:
    store, feed = await service.store(), service.feed()
    elsewhere = await service.connect(await fresh_database())
    here = await service.connect()
    await here.execute("create table read_model (n integer)")
    for connection in (elsewhere, here):
        await connection.execute("begin; select pg_current_xact_id(); create temp table t (n integer)")
    await here.execute("insert into read_model values (1)")
    await store.append(append("guarantor-account/1"))
    page = await asyncio.wait_for(feed.read(PARTITION, None, 10, wait_seconds=5), 1)
    assert [event.stream for event in page.events] == ["guarantor-account/1"]


async def test_holes_left_by_rollbacks_and_losers_are_not_waited_for(service: Promises) -> None:
    store, feed = await service.store(), service.feed()
    writer = SlowWriter(await service.connect())
    await writer.insert("guarantor-account/never")
    await writer.roll_back()
    await asyncio.gather(*(store.append(append("guarantor-account/1")) for _ in range(20)), return_exceptions=True)
    await store.append(append("guarantor-account/2"))
    events = await _everything(feed)
    assert [event.stream for event in events] == ["guarantor-account/1", "guarantor-account/2"]
    assert events[-1].position.pos > 2


async def test_a_reader_that_waits_gets_an_event_soon_after_its_commit(service: Promises) -> None:
    store, feed = await service.store(), service.feed()
    waiting = asyncio.create_task(feed.read(PARTITION, None, 10, wait_seconds=30))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await store.append(append("guarantor-account/1"))
    page = await asyncio.wait_for(waiting, 2)
    assert len(page.events) == 1
    assert page.is_head


async def test_a_reader_that_waits_in_vain_is_told_that_it_is_at_the_head(service: Promises) -> None:
    feed = service.feed()
    page = await feed.read(PARTITION, None, 10, wait_seconds=0.1)
    assert (page.events, page.is_head, page.position, page.cursor) == ([], True, START, str(START))


async def test_a_cursor_goes_on_where_the_page_ended(service: Promises) -> None:
    store, feed = await service.store(), service.feed()
    await store.append(append("guarantor-account/1", events=7))
    first = await feed.read(PARTITION, None, 3)
    assert not first.is_head
    assert first.watermark is None
    second = await service.feed().read(PARTITION, first.cursor, 3)
    third = await feed.read(PARTITION, second.cursor, 3)
    assert [event.version for page in (first, second, third) for event in page.events] == list(range(1, 8))
    assert third.position == third.events[-1].position


async def test_order_is_by_number_where_transaction_ids_gain_a_digit(service: Promises) -> None:
    admin = await service.connect()
    for tx in (100, 99, 10, 9):
        await admin.execute(
            _INSERT.replace("(epoch,", "(tx, epoch,").replace("(0,", f"('{tx}', 0,"), f"guarantor-account/{tx}"
        )
    assert [event.position.tx for event in await _everything(service.feed(), limit=2)] == [9, 10, 99, 100]


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_page_is_a_walk_along_the_index_without_a_sort(service: Promises, mode: str) -> None:
    store = await service.store()
    await asyncio.gather(*(store.append(append(f"guarantor-account/{n}", events=10)) for n in range(300)))
    connection = await service.connect(service.database.feed)
    for setting, value in CONNECTION_SETTINGS.items():
        await connection.execute(f"set {setting} = '{value}'")
    await connection.execute(f"set plan_cache_mode = {mode}")
    await connection.execute(f"prepare page as {PAGE}")
    plan = "\n".join(
        row[0]
        for row in await connection.fetch("explain execute page (0::smallint, '5', 0, 0::smallint, '9999999', 500)")
    )
    assert "Index Scan using events_feed" in plan
    assert "Sort" not in plan


async def test_reading_one_stream_goes_by_the_primary_key(service: Promises) -> None:
    store = await service.store()
    await asyncio.gather(*(store.append(append(f"guarantor-account/{n}", events=10)) for n in range(300)))
    admin = await service.connect()
    await admin.execute("analyze events")
    await admin.execute("load 'auto_explain'; set auto_explain.log_min_duration = 0")
    await admin.execute("set auto_explain.log_nested_statements = on; set client_min_messages = log")
    told: list[str] = []
    admin.add_log_listener(lambda _, message: told.append(message.message))
    assert len(await admin.fetch("select * from stream_events('clinic', '{guarantor-account/7}', '{4}')")) == 6
    assert await eventually(lambda: _one_that_says(told, "Index Scan using events_pkey"))


async def _one_that_says(told: list[str], words: str) -> bool:
    return any(words in one for one in told)


async def test_covering_names_the_head_that_is_committed_now(service: Promises) -> None:
    store, feed = await service.store(), service.feed()
    assert await feed.covering(SERVICE, None) == {}
    result = await store.append(append("guarantor-account/1", events=2))
    assert isinstance(result, Appended)
    head = result.events[-1].position
    assert await feed.covering(SERVICE, None) == {PARTITION: head}
    assert await feed.covering(SERVICE, head) == {PARTITION: head}
    assert await feed.covering(SERVICE, START) == {}


async def test_a_reader_at_the_head_speaks_for_all_but_the_last_seconds(service: Promises) -> None:
    store, feed = await service.store(), service.feed()
    await store.append(append("guarantor-account/1"))
    page = await feed.read(PARTITION, None, 10)
    assert page.watermark is not None
    behind = service.clock.now() - page.watermark
    assert timedelta(seconds=5) <= behind < timedelta(seconds=7)


async def test_the_watermark_stays_behind_an_append_in_flight(service: Promises) -> None:
    feed = service.feed()
    quiet = await feed.read(PARTITION, None, 10)
    slow = SlowWriter(await service.connect())
    await slow.insert("guarantor-account/slow")
    while_writing = [await feed.read(PARTITION, None, 10)]
    await asyncio.sleep(0.2)
    while_writing.append(await feed.read(PARTITION, None, 10))
    assert quiet.watermark is not None
    assert {page.watermark for page in while_writing} == {quiet.watermark}
    await slow.commit()
    page = await feed.read(PARTITION, None, 10)
    assert page.watermark is not None
    assert page.watermark > quiet.watermark


async def test_the_watermark_stays_behind_what_is_committed_but_above_the_horizon(service: Promises) -> None:
    """A writer that registered first, got its id second and committed first: its event waits for the other one's."""
    feed = service.feed()
    await feed.read(PARTITION, None, 10)
    early, late = SlowWriter(await service.connect()), SlowWriter(await service.connect())
    await early.register()
    await asyncio.sleep(0.3)
    await feed.read(PARTITION, None, 10)
    await late.insert("guarantor-account/late")
    await early.insert("guarantor-account/early", recorded="now() - interval '4.9 seconds'")
    await early.commit()
    page = await feed.read(PARTITION, None, 10)
    assert page.events == []
    await late.commit()
    recorded_at = min(event.recorded_at for event in await _everything(feed))
    assert page.watermark is not None
    assert page.watermark < recorded_at


async def test_a_feed_that_begins_beside_an_append_in_flight_has_no_watermark_yet(service: Promises) -> None:
    slow = SlowWriter(await service.connect())
    await slow.insert("guarantor-account/slow")
    feed = service.feed()
    assert (await feed.read(PARTITION, None, 10)).watermark is None
    await slow.roll_back()
    assert (await feed.read(PARTITION, None, 10)).watermark is not None


async def test_a_batch_that_was_stamped_too_long_ago_is_stamped_anew(service: Promises) -> None:
    """Or it would be recorded before a time up to which a reader has already spoken."""

    class Late:
        kind = "real"
        readings = 0

        def now(self):  # type: ignore[no-untyped-def]
            self.readings += 1
            return service.clock.now() - timedelta(seconds=60 if self.readings == 1 else 0)

    truth, service.clock = service.clock, Late()  # type: ignore[assignment]
    store = await service.store()
    service.clock = truth
    result = await store.append(append("guarantor-account/1"))
    assert isinstance(result, Appended)
    assert truth.now() - result.events[0].recorded_at < timedelta(seconds=5)


async def test_by_a_driven_clock_the_watermark_is_just_before_the_present(driven: Promises) -> None:
    assert isinstance(driven.clock, DrivenClock)
    store, feed = await driven.store(), driven.feed()
    result = await store.append(append("guarantor-account/1"))
    assert isinstance(result, Appended)
    assert (result.events[0].recorded_at, result.events[0].clock) == (NOON, "driven")
    page = await feed.read(PARTITION, None, 10)
    assert page.watermark == NOON - timedelta(microseconds=1)
    driven.clock.advance_to(NOON + timedelta(days=1))
    assert (await feed.read(PARTITION, page.cursor, 10)).watermark == NOON + timedelta(days=1, microseconds=-1)
    slow = SlowWriter(await driven.connect())
    await slow.insert("guarantor-account/slow")
    assert (await feed.read(PARTITION, page.cursor, 10)).watermark is None


async def test_the_horizon_is_refused_where_it_would_be_wrong(service: Promises) -> None:
    connection = await service.connect(service.database.feed)
    with pytest.raises(asyncpg.PostgresError) as error:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetch("select * from feed_head()")
    assert error.value.sqlstate == "LL003"


async def test_many_readers_at_the_head_share_one_poll(service: Promises) -> None:
    feed = service.feed()
    await feed.read(PARTITION, None, 10)
    admin = await service.connect()
    waiting = [asyncio.create_task(feed.read(PARTITION, None, 10, wait_seconds=1.0)) for _ in range(50)]
    await asyncio.gather(*waiting)
    assert {page.is_head for page in (task.result() for task in waiting)} == {True}
    connections = await admin.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'ledgerline-feed'"
    )
    assert connections <= 4
