"""Is what was acknowledged still there when the database server was killed?"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from shared.events.envelope import Position
from shared.runtime.clock import SystemClock
from shared.runtime.feed import Partition
from shared.runtime.held import Held, Keeper
from shared.runtime.leases import Fenced
from shared.runtime.native import postgres
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.store.append import Answer, Appended, Head
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.hashing import broken_link
from shared.runtime.store.migrate import APP, FEED, create_database, migrate, prepare_roles, role_dsn
from shared.runtime.transaction import Place, PostgresTransaction
from tests.integration.runtime.promises import EMPTY, SERVICE, TENANT, append

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def own_server() -> Iterator[Path]:
    """A folder for a server that this test may kill, and that flushes to disk."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerline-crash-"))
    yield folder
    postgres.destroy(folder)


async def test_every_acknowledged_append_survives_kill_9_of_the_server_and_none_is_there_twice(
    own_server: Path,
) -> None:
    server = await asyncio.to_thread(postgres.start, own_server, durable=True)
    await prepare_roles(server.dsn(), {APP: "test"})
    await create_database(server.dsn(), "ledgerline_collections")
    await migrate(server.dsn("ledgerline_collections"), SERVICE)
    dsn = role_dsn(server.dsn("ledgerline_collections"), APP, "test")
    store = await EventStore.open(dsn, service=SERVICE, clock=SystemClock(), give_up_seconds=60)
    heads: dict[str, Head] = {}
    acknowledged: dict[str, int] = {}
    is_over = False

    async def write(stream: str) -> None:
        while not is_over:
            command = append(stream, heads.get(stream, EMPTY))
            result = await store.append(command)
            if isinstance(result, Answer):  # committed, and the word of it lost
                stored = (await store.stored_stream(TENANT, stream))[-1]
                heads[stream] = Head(version=stored.version, hash=stored.hash, recorded_at=stored.recorded_at)
            else:
                assert isinstance(result, Appended)
                heads[stream] = result.head
            acknowledged[stream] = heads[stream].version

    async def more_than(count: int) -> None:
        while sum(acknowledged.values()) <= count:  # noqa: ASYNC110  written from many places
            await asyncio.sleep(0.01)

    writing = [asyncio.create_task(write(f"guarantor-account/{number}")) for number in range(20)]
    await asyncio.wait_for(more_than(200), 90)
    os.kill(server.pid, signal.SIGKILL)
    before = sum(acknowledged.values())
    await asyncio.to_thread(postgres.start, own_server, port=server.port, durable=True)
    await asyncio.wait_for(more_than(before + 200), 90)
    is_over = True
    await asyncio.wait_for(asyncio.gather(*writing), 90)

    for stream, version in acknowledged.items():
        stored = await store.stored_stream(TENANT, stream)
        assert len(stored) == version
        assert broken_link(stored) is None
        assert len({event.command_id for event in stored}) == version
    await store.close()


async def test_a_feed_sees_what_is_appended_after_the_server_forgot_transaction_ids(own_server: Path) -> None:
    server = await asyncio.to_thread(postgres.start, own_server, durable=True)
    await prepare_roles(server.dsn(), {APP: "test", FEED: "test"})
    await create_database(server.dsn(), "ledgerline_collections")
    await migrate(server.dsn("ledgerline_collections"), SERVICE)
    dsn = server.dsn("ledgerline_collections")
    store = await EventStore.open(role_dsn(dsn, APP, "test"), service=SERVICE, clock=SystemClock(), give_up_seconds=60)
    feed = PostgresFeed({SERVICE: role_dsn(dsn, FEED, "test")}, SystemClock())
    [partition] = await feed.partitions(SERVICE)
    first = await store.append(append("guarantor-account/1", EMPTY))
    assert isinstance(first, Appended)
    await _use_up_ids_that_are_not_written_down(dsn, 300)
    before = await feed.read(partition, None, 10)
    assert len(before.events) == 1

    os.kill(server.pid, signal.SIGKILL)
    await asyncio.to_thread(postgres.start, own_server, port=server.port, durable=True)
    second = await store.append(append("guarantor-account/1", first.head))
    assert isinstance(second, Appended)

    async def read_on() -> int:
        while True:
            try:
                return len((await feed.read(partition, before.cursor, 10, wait_seconds=5.0)).events)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.1)  # the connections of before

    assert await asyncio.wait_for(read_on(), 30) == 1
    await feed.close()
    await store.close()


async def test_a_page_that_a_killed_server_lost_is_read_again(own_server: Path) -> None:
    """Rows and position do not wait for the disk. Who remembers a position that is lost must not go on from it."""
    server = await asyncio.to_thread(postgres.start, own_server, durable=True)
    await prepare_roles(server.dsn(), {APP: "test"})
    await create_database(server.dsn(), "ledgerline_collections")
    await migrate(server.dsn("ledgerline_collections"), SERVICE)
    async with asyncpg.create_pool(server.dsn("ledgerline_collections"), min_size=1) as pool:
        await _write_down_late(pool)
        keeper = Keeper(pool, "this process", seconds=0.3)  # so short that every beat renews
        taking, skipping = await _held_twice(keeper)
        for number in (1, 2):
            for held in (taking, skipping):
                async with held.moving(_place(number)) as transaction:
                    assert isinstance(transaction, PostgresTransaction)
                    await transaction.connection.execute("INSERT INTO seen VALUES ($1, $2)", held.reader, number)
            if number == 1:
                await pool.execute("SELECT pg_switch_wal()")  # the first page is on the disk, the second is not
                await pool.execute("CHECKPOINT")
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(postgres.start, own_server, port=server.port, durable=True)
        await pool.expire_connections()
        assert await pool.fetch("SELECT DISTINCT page FROM seen") == [(1,)]

        with pytest.raises(Fenced):
            async with taking.moving(_place(3)):
                pytest.fail("a page was taken in behind one that is lost")
        skipping.skip_to(_place(3))
        await asyncio.sleep(0.15)  # a third of the lease, and the row is to be renewed
        await keeper.beat()
        assert not skipping.is_held
        taking, skipping = await _held_twice(keeper)
        assert [taking.place.position, skipping.place.position] == [_place(1).position] * 2
        async with taking.moving(_place(2)):
            pass


async def _write_down_late(pool: asyncpg.Pool) -> None:
    await pool.execute("CREATE TABLE seen (reader text, page integer)")
    await pool.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    await pool.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)


async def _held_twice(keeper: Keeper) -> list[Held]:
    found = [await keeper.try_acquire(reader, Partition("charges", 0)) for reader in ("taking", "skipping")]
    return [held for held in found if held is not None]


def _place(number: int) -> Place:
    return Place(cursor=f"0.{number}.0", position=Position(0, number, 0), watermark=None)


async def _use_up_ids_that_are_not_written_down(dsn: str, number: int) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("alter system set wal_writer_delay = '10s'")
    await connection.execute("select pg_reload_conf()")
    await asyncio.sleep(0.5)
    await connection.execute("set synchronous_commit = off")
    for _ in range(number):
        await connection.execute("select pg_current_xact_id()")
    await connection.close()
