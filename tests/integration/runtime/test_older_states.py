"""Does a state that an older version wrote open in this one, whole?"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from shared.kernel.errors import DomainError
from shared.runtime.clock import DrivenClock
from shared.runtime.codec import EventCodec
from shared.runtime.handler import CommandHandler
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.migrate import APP, FEED, OWNER, migrate, prepare_roles, role_dsn
from shared.runtime.verify import check_store
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from shared.testing.stores import PASSWORD
from shared.testing.vault import MemoryVault
from tests.integration.runtime.promises import ACCOUNT, NOON, SERVICE, KeepPromise, Promise, cause

STATES = sorted(Path("tests/fixtures").glob("store_at_*.sql"))

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session", params=STATES, ids=lambda path: path.stem)
async def older(request: pytest.FixtureRequest, postgres_server: PostgresServer, fresh_database: FreshDatabase) -> str:
    """A database as an older version left it."""
    await prepare_roles(postgres_server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))
    dsn = await fresh_database()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(request.param.read_text())
    finally:
        await connection.close()
    return dsn


async def test_an_older_state_is_brought_up_and_everything_in_it_reads_and_adds_up(older: str) -> None:
    await migrate(older, SERVICE)
    await migrate(older, SERVICE)  # a second start changes nothing
    clock = DrivenClock(NOON)
    feed = PostgresFeed({SERVICE: role_dsn(older, FEED, PASSWORD)}, clock)
    store = await EventStore.open(role_dsn(older, APP, PASSWORD), service=SERVICE, clock=clock)
    try:
        results = await check_store(feed, SERVICE, EventCodec(), ())
        assert {result.name: (result.checked, result.violations) for result in results} == {
            name: (16, [])
            for name in (
                "stream versions are gapless",
                "hash chains recompute",
                "event ids are unique",
                "events are readable",
            )
        }
        (partition,) = await feed.partitions(SERVICE)
        before = await feed.read(partition, None, 100)

        commands = CommandHandler(store, EventCodec(), MemoryVault(), clock, SERVICE)
        repeated = await commands.handle(ACCOUNT, "g1", Promise(promise="promise-0"), cause(UUID(int=101)))
        assert repeated.version == 1  # answered from what was kept
        with pytest.raises(DomainError):
            await commands.handle(ACCOUNT, "g1", KeepPromise(promise="promise-1"), cause())  # it was kept then
        await commands.handle(ACCOUNT, "g1", KeepPromise(promise="promise-2"), cause())
        after = await feed.read(partition, before.cursor, 100)
        assert [(event.stream, event.version) for event in after.events] == [("guarantor-account/g1", 6)]
        assert all(not result.violations for result in await check_store(feed, SERVICE, EventCodec(), ()))
    finally:
        await store.close()
        await feed.close()


async def test_a_restored_dump_of_an_older_state_begins_an_epoch_of_its_own(older: str) -> None:
    """Transaction ids start again in another cluster; the dump came from one."""
    await migrate(older, SERVICE)
    connection = await asyncpg.connect(older)
    try:
        last = await connection.fetchrow("select epoch, tx::text::bigint, pos from events order by pos desc limit 1")
        begun = await connection.fetchrow("select kept_epoch, kept_tx, kept_pos from epochs where epoch = 1")
        assert await connection.fetchval("select epoch from store") == 1
        assert begun == last
    finally:
        await connection.close()
