"""Do several processes of one service share its readers out, and does one take over what another leaves?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.events.envelope import Position
from shared.runtime.feed import Partition
from shared.runtime.held import Keeper
from shared.runtime.progress import Progress
from shared.runtime.transaction import Place
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.small_service import SERVICE, SmallService, small_service

NAMES = [f"payments.reader-{number}" for number in range(7)]
PARTITION = Partition(SERVICE, 0)


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        yield made


def at(position: Position) -> Place:
    return Place(cursor=str(position), position=position, watermark=None)


async def take_what_is_free(keeper: Keeper) -> set[str]:
    return {name for name in NAMES if (await keeper.try_acquire(name, PARTITION)) is not None}


@pytest.mark.asyncio
async def test_a_process_alone_keeps_everything(service: SmallService) -> None:
    only = Keeper(service.pool, "only")
    assert len(await take_what_is_free(only)) == 7
    assert await only.share_out() == 0


@pytest.mark.asyncio
async def test_a_second_process_gets_its_half_and_nothing_moves_after_that(service: SmallService) -> None:
    first, second = Keeper(service.pool, "first"), Keeper(service.pool, "second")
    await take_what_is_free(first)
    await second.share_out()
    assert await first.share_out() == 3
    assert len(await take_what_is_free(second)) == 3
    assert [await first.share_out(), await second.share_out()] == [0, 0]


@pytest.mark.asyncio
async def test_what_a_process_leaves_is_free_at_once_and_it_is_no_longer_counted(service: SmallService) -> None:
    first, second = Keeper(service.pool, "first"), Keeper(service.pool, "second")
    await take_what_is_free(first)
    await second.share_out()
    await first.share_out()
    await take_what_is_free(second)
    await first.close()
    assert len(await take_what_is_free(second)) == 7
    assert await second.share_out() == 0


@pytest.mark.asyncio
async def test_what_is_taken_afresh_while_renewals_are_written_is_renewed_from_then_on(service: SmallService) -> None:
    """A reader that begins anew after an outage does so just when the renewals of what it held before come to be written."""
    keeper = Keeper(service.pool, "only")
    former = await keeper.try_acquire(NAMES[0], PARTITION)
    assert former is not None
    former.skip_to(at(Position(1, 7, 1)))
    renewing = asyncio.create_task(keeper.beat())
    await asyncio.sleep(0)  # it has looked at what is due, and waits for the database
    held = await keeper.try_acquire(NAMES[0], PARTITION)
    assert held is not None
    await renewing
    held.skip_to(at(Position(1, 8, 1)))
    await keeper.beat()
    [progress] = await keeper.leases.progress(NAMES[0])
    assert progress.position == Position(1, 8, 1)


@pytest.mark.asyncio
async def test_the_presence_of_a_process_is_not_listed_as_a_reader(service: SmallService) -> None:
    keeper = Keeper(service.pool, "only")
    await keeper.try_acquire(NAMES[0], PARTITION)
    await keeper.share_out()
    assert [status.name for status in await Progress(service.pool).statuses()] == [NAMES[0]]
