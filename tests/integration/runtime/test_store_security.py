"""Who can see and do what in a service's database, and on which server does the store refuse to start?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime.store.append import Appended, AppendFailed, Head
from shared.runtime.store.event_store import UnsafeServer
from shared.runtime.store.migrate import NewerState, WrongStore, migrate
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import SERVICE, TENANT, Promises, append, promises_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLES = ("events", "streams", "commands", "business_keys", "parked", "timers")


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    """With an event of each of two tenants."""
    async with promises_service(postgres_server, fresh_database) as service:
        store = await service.store()
        await store.append(append("guarantor-account/1"))
        await store.append(append("guarantor-account/1", tenant="other"))
        yield service


async def _seen(connection: asyncpg.Connection, table: str, tenant: str | None) -> set[str]:
    async with connection.transaction():
        if tenant is not None:
            await connection.execute("select set_config('app.tenant', $1, true)", tenant)
        return {row["tenant"] for row in await connection.fetch(f"select tenant from {table}")}


@pytest.mark.parametrize("table", ["events", "streams", "commands"])
async def test_the_application_sees_one_tenant_at_a_time(service: Promises, table: str) -> None:
    connection = await service.connect(service.database.app)
    assert await _seen(connection, table, TENANT) == {TENANT}
    assert await _seen(connection, table, "other") == {"other"}
    assert await _seen(connection, table, "foreign") == set()


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_tenant_there_are_no_rows_and_no_error(service: Promises, table: str) -> None:
    connection = await service.connect(service.database.app)
    assert await _seen(connection, table, None) == set()
    assert await _seen(connection, table, "") == set()


async def test_the_tenant_of_a_read_does_not_outlive_it(service: Promises) -> None:
    connection = await service.connect(service.database.app)
    assert len(await connection.fetch("select * from stream_events($1, '{guarantor-account/1}', '{0}')", TENANT)) == 1
    assert await _seen(connection, "events", None) == set()


async def test_a_parked_event_or_timer_cannot_be_written_for_another_tenant(service: Promises) -> None:
    connection = await service.connect(service.database.app)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with connection.transaction():
            await connection.execute("select set_config('app.tenant', $1, true)", TENANT)
            await connection.execute(
                "insert into timers (name, tenant, key, due_at, set_by) values ('t', 'other', 'k', now(), gen_random_uuid())"
            )


@pytest.mark.parametrize("statement", ["update events set data = ''", "delete from events", "truncate events"])
@pytest.mark.parametrize("role", ["app", "feed", "owner", "superuser"])
async def test_nobody_changes_or_removes_an_event(service: Promises, role: str, statement: str) -> None:
    connection = await service.connect(getattr(service.database, role))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    admin = await service.connect()
    assert await admin.fetchval("select count(*) from events") == 2


@pytest.mark.parametrize("table", ["events", "streams", "commands", "business_keys"])
async def test_the_application_writes_history_through_append_batch_only(service: Promises, table: str) -> None:
    connection = await service.connect(service.database.app)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(f"insert into {table} default values")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("select nextval('event_pos')")


async def test_the_feed_role_reads_the_events_of_every_tenant_and_nothing_else(service: Promises) -> None:
    connection = await service.connect(service.database.feed)
    assert await _seen(connection, "events", None) == {TENANT, "other"}
    for table in (*TABLES[1:], "readers"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"select * from {table}")
    for call in (
        "command_answer('clinic', gen_random_uuid())",
        "stream_events('clinic', '{guarantor-account/1}', '{0}')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"select * from {call}")


async def test_the_store_does_not_open_as_a_role_that_sees_every_tenant(service: Promises) -> None:
    with pytest.raises(UnsafeServer, match="row-level security"):
        await service.store(service.database.superuser)


@pytest.mark.parametrize("setting", ["cache 32", "increment 2"])
async def test_the_store_does_not_open_where_positions_could_be_handed_out_of_order(
    service: Promises, setting: str
) -> None:
    admin = await service.connect()
    await admin.execute(f"alter sequence event_pos {setting}")
    with pytest.raises(UnsafeServer, match="event_pos"):
        await service.store()


async def test_a_database_is_the_store_of_one_service(service: Promises) -> None:
    with pytest.raises(WrongStore, match="collections, not of payments"):
        await migrate(service.database.owner, "payments")


async def test_migrating_again_changes_nothing_and_may_be_done_by_the_owner(service: Promises) -> None:
    admin = await service.connect()
    before = await admin.fetch("select * from store")
    await migrate(service.database.owner, SERVICE)
    await migrate(service.database.superuser, SERVICE)
    assert await admin.fetch("select * from store") == before
    owners = await admin.fetch("select distinct tableowner from pg_tables where schemaname = 'public'")
    assert [row["tableowner"] for row in owners] == ["ledgerline_owner"]


async def test_a_state_of_a_later_version_is_refused_by_name(service: Promises) -> None:
    admin = await service.connect()
    await admin.execute("update alembic_version set version_num = '2031_01_01_from_the_future'")
    with pytest.raises(NewerState, match="2031_01_01_from_the_future"):
        await migrate(service.database.owner, SERVICE)


async def test_a_store_restored_into_another_cluster_goes_on_in_a_new_epoch(service: Promises) -> None:
    """Transaction ids start again there, so old ones may be higher than those to come."""
    admin = await service.connect()
    now = await admin.fetchval("select pg_current_xact_id()")
    await admin.execute("update streams set last_tx = $1", now + 1_000_000)
    await admin.execute("update store set system_identifier = system_identifier + 1")
    feed, store = service.feed(), await service.store()
    (partition,) = await feed.partitions(SERVICE)
    before = await feed.read(partition, None, 10)

    await migrate(service.database.owner, SERVICE)

    stored = await store.stored_stream(TENANT, "guarantor-account/1")
    head = Head(version=1, hash=stored[0].hash, recorded_at=stored[0].recorded_at)
    appended = await store.append(append("guarantor-account/1", head))
    assert isinstance(appended, Appended)
    assert appended.events[0].position.epoch == 1
    after = await feed.read(partition, before.cursor, 10)
    assert list(after.events) == list(appended.events)
    first = await feed.read(partition, None, 10)  # a page may be one that was fetched before
    rest = await feed.read(partition, first.cursor, 10)
    assert [*first.events, *rest.events] == [*before.events, *appended.events]


async def test_personal_data_of_a_refused_row_is_not_in_the_error(service: Promises) -> None:
    store = await service.store()
    with pytest.raises(AppendFailed) as error:
        await store.append(append("guarantor-account/2", data=b"secret" * 50_000))
    assert str(error.value) == "the append was refused with 23514"
    assert error.value.__cause__ is None


async def test_replicas_that_start_together_migrate_once(
    postgres_server: PostgresServer, fresh_database: FreshDatabase
) -> None:
    databases = {name: await fresh_database() for name in ("claims", "payments", "charges")}
    await asyncio.gather(*(migrate(dsn, name) for name, dsn in databases.items() for _ in range(3)))
    for name, dsn in databases.items():
        connection = await asyncpg.connect(dsn)
        assert [row["service"] for row in await connection.fetch("select service from store")] == [name]
        await connection.close()
