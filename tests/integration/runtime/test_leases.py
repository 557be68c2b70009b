"""Can two processes ever move the same reader?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from shared.events.envelope import START, Position
from shared.runtime.feed import Partition
from shared.runtime.leases import Fenced, Lease, Leases, advance, hold
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import NOON, Promises, promises_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

READER = "claims.record-payments"
PARTITION = Partition("payments", 3)


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def pool(service: Promises) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(service.database.app, min_size=1, max_size=5) as pool:
        yield pool


async def _taken(leases: Leases) -> Lease:
    lease = await leases.acquire(READER, PARTITION)
    assert lease is not None
    return lease


async def test_one_owner_at_a_time(pool: asyncpg.Pool) -> None:
    first, second = Leases(pool, "first", seconds=30), Leases(pool, "second", seconds=30)
    lease = await _taken(first)
    assert (lease.epoch, lease.progress.position, lease.progress.cursor) == (1, START, None)
    assert await second.acquire(READER, PARTITION) is None
    assert await second.acquire(READER, Partition("payments", 4)) is not None
    await first.release(lease)
    assert (await _taken(second)).epoch == 2


async def test_of_many_that_want_a_free_lease_one_gets_it(pool: asyncpg.Pool) -> None:
    taken = await asyncio.gather(*(Leases(pool, f"p{n}", seconds=30).acquire(READER, PARTITION) for n in range(20)))
    assert sum(lease is not None for lease in taken) == 1


async def test_position_and_state_are_there_for_the_next_owner(pool: asyncpg.Pool) -> None:
    first, second = Leases(pool, "first", seconds=30), Leases(pool, "second", seconds=30)
    lease = await _taken(first)
    async with pool.acquire() as connection, connection.transaction():
        await hold(connection, lease)
        await advance(
            connection, lease, cursor="0.5.7", position=Position(0, 5, 7), watermark=NOON, state={"note": "kept"}
        )
    async with pool.acquire() as connection, connection.transaction():
        await advance(
            connection, lease, cursor="0.5.9", position=Position(0, 5, 9), watermark=NOON - timedelta(hours=1)
        )
    await first.release(lease)
    progress = (await _taken(second)).progress
    assert (progress.cursor, progress.position) == ("0.5.9", Position(0, 5, 9))
    assert progress.watermark == NOON  # never back
    assert progress.state == {"note": "kept"}
    assert await second.progress(READER) == await second.progress()


async def test_who_slept_through_the_time_limit_changes_nothing(pool: asyncpg.Pool) -> None:
    sleeper, other = Leases(pool, "sleeper", seconds=0.05), Leases(pool, "other", seconds=30)
    lease = await _taken(sleeper)
    await asyncio.sleep(0.1)
    newer = await _taken(other)
    assert newer.epoch == lease.epoch + 1
    with pytest.raises(Fenced):
        async with pool.acquire() as connection, connection.transaction():
            await advance(connection, lease, cursor="zombie", position=Position(0, 9, 9))
    with pytest.raises(Fenced):
        async with pool.acquire() as connection, connection.transaction():
            await hold(connection, lease)
    with pytest.raises(Fenced):
        await sleeper.renew(lease)
    await sleeper.release(lease)  # harmless
    (progress,) = await other.progress(READER)
    assert (progress.cursor, progress.owner) == (None, "other")


async def test_who_is_late_but_was_not_replaced_goes_on(pool: asyncpg.Pool) -> None:
    leases = Leases(pool, "late", seconds=0.05)
    lease = await _taken(leases)
    await asyncio.sleep(0.1)
    async with pool.acquire() as connection, connection.transaction():
        await advance(connection, lease, cursor="0.1.1", position=Position(0, 1, 1))
    await leases.renew(lease)
    (progress,) = await leases.progress(READER)
    assert (progress.cursor, progress.owner) == ("0.1.1", "late")


async def test_nobody_takes_over_in_the_middle_of_a_transaction_that_holds_the_lease(pool: asyncpg.Pool) -> None:
    owner, other = Leases(pool, "owner", seconds=0.05), Leases(pool, "other", seconds=30)
    lease = await _taken(owner)
    async with pool.acquire() as connection, connection.transaction():
        await hold(connection, lease)
        await asyncio.sleep(0.1)
        taking = asyncio.create_task(other.acquire(READER, PARTITION))
        await asyncio.sleep(0.1)
        assert not taking.done()
        await advance(connection, lease, cursor="0.2.2", position=Position(0, 2, 2))
    newer = await taking
    assert newer is not None
    assert newer.progress.cursor == "0.2.2"


async def test_taking_the_own_lease_again_fences_the_older_hold(pool: asyncpg.Pool) -> None:
    leases = Leases(pool, "process", seconds=30)
    before, after = await _taken(leases), await _taken(leases)
    with pytest.raises(Fenced):
        await leases.renew(before)
    await leases.renew(after)
