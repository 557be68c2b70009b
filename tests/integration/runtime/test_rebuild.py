"""Is a read model that is made again from the log the one that was live, and does nobody notice?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from shared.events.envelope import Position
from shared.runtime.comparison import Difference
from shared.runtime.feed import Feed, Page, Partition
from shared.runtime.fresh_fold import Step
from shared.runtime.leases import Fenced
from shared.runtime.parked import ParkedDesk
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.read_tables import ShapeChanged
from shared.runtime.readers import OtherVersion
from shared.runtime.rebuild import Rebuilder
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    Charged,
    Closed,
    Renamed,
    SmallService,
    accounts_projection,
    apply,
    small_service,
    take_in,
)

PROJECTION = accounts_projection()


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        yield made


def rebuilder(service: SmallService) -> Rebuilder:
    return Rebuilder(feed=service.feed, codec=CODEC, owner_dsn=service.owner_dsn)


async def project(service: SmallService, projection: Projection = PROJECTION) -> None:
    sink = ProjectionSink(projection, CODEC)
    await take_in(service.readers("projector"), projection.name, projection.reads, sink)


async def some_history(service: SmallService) -> None:
    for number in range(12):
        account = f"A{number % 5}"
        await service.say(account, Charged(cents=number, note="x" if number % 3 else ""), Renamed(name=f"{number}"))
    await service.say("A1", Charged(cents=1), tenant="hospital")
    await service.say("gone", Charged(cents=1), Closed())


async def tamper(service: SmallService, statement: str) -> None:
    async with service.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', 'clinic', true)")
        await connection.execute(statement)


@dataclass(frozen=True, slots=True)
class ShortPages:
    """A feed that gives three events at a time."""

    feed: Feed

    async def partitions(self, service: str) -> Sequence[Partition]:
        return await self.feed.partitions(service)

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        return await self.feed.read(partition, cursor, min(limit, 3), wait_seconds)

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        return await self.feed.covering(service, position)

    async def close(self) -> None:
        await self.feed.close()


@pytest.mark.asyncio
async def test_a_rebuild_that_holds_a_row_or_two_at_once_makes_the_same_rows(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await some_history(service)
    await service.say("back", Charged(cents=5), Renamed(name="Ann"), Closed(), Charged(cents=7))
    await project(service)
    before = [await service.rows(tenant=tenant) for tenant in ("clinic", "hospital")]
    steps: list[Step] = []
    feed = ShortPages(service.feed)
    small = Rebuilder(feed=feed, codec=CODEC, owner_dsn=service.owner_dsn, rows_at_once=2)
    rebuilt = await small.rebuild(PROJECTION, steps.append)
    assert rebuilt.comparison is not None
    assert rebuilt.comparison.differences == ()
    assert rebuilt.rows == sum(map(len, before)) > 2
    assert [await service.rows(tenant=tenant) for tenant in ("clinic", "hospital")] == before
    assert len([step for step in steps if step.phase == "fold"]) > 5


@pytest.mark.asyncio
async def test_a_rebuilt_read_model_equals_the_live_one_and_goes_on_from_there(service: SmallService) -> None:
    assert await rebuilder(service).prepare(PROJECTION) is None
    await some_history(service)
    await project(service)
    before = [await service.rows(tenant=tenant) for tenant in ("clinic", "hospital")]
    steps: list[Step] = []
    rebuilt = await rebuilder(service).rebuild(PROJECTION, steps.append)
    assert rebuilt.comparison is not None
    assert (rebuilt.comparison.difference_count, rebuilt.rows, rebuilt.events) == (0, 6, 27)
    assert [await service.rows(tenant=tenant) for tenant in ("clinic", "hospital")] == before
    assert ([step.phase for step in steps][-1], steps[-1].share) == ("swap", 1.0)
    await service.say("A1", Charged(cents=1_000))
    await project(service)
    assert {row["account"]: row["charges"] for row in await service.rows()}["A1"] == 4


@pytest.mark.asyncio
async def test_a_rebuild_names_what_was_wrong_and_puts_it_right(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await some_history(service)
    await project(service)
    right = await service.rows()
    await tamper(service, "UPDATE accounts SET open_cents = 9, name = 'x' WHERE account = 'A1'")
    await tamper(service, "DELETE FROM accounts WHERE account = 'A2'")
    await tamper(service, "INSERT INTO accounts (tenant, account) VALUES ('clinic', 'Z')")
    expected = (
        Difference(table="accounts", tenant="clinic", key=("A1",), columns=("open_cents", "name")),
        Difference(table="accounts", tenant="clinic", key=("A2",), columns=(), is_missing=True),
        Difference(table="accounts", tenant="clinic", key=("Z",), columns=(), is_surplus=True),
    )
    assert (await rebuilder(service).compare(PROJECTION)).differences == expected
    rebuilt = await rebuilder(service).rebuild(PROJECTION)
    assert rebuilt.comparison is not None
    assert rebuilt.comparison.differences == expected
    assert await service.rows() == right
    assert (await rebuilder(service).compare(PROJECTION)).difference_count == 0


@pytest.mark.asyncio
async def test_a_fresh_fold_is_compared_at_the_position_of_a_reader_that_is_behind(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await some_history(service)
    await project(service)
    await service.say("A1", Charged(cents=1_000))
    found = await rebuilder(service).compare(PROJECTION)
    assert (found.difference_count, found.rows) == (0, 6)


@pytest.mark.asyncio
async def test_a_rebuild_under_load_leaves_no_gap_and_no_moment_without_rows(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await some_history(service)
    readers = service.readers("running")
    running = asyncio.create_task(readers.run(await readers.for_projection(PROJECTION)))
    charged = 0
    is_over = False

    async def charge() -> None:
        nonlocal charged
        while not is_over:
            await asyncio.gather(*(service.say(f"L{number}", Charged(cents=1)) for number in range(10)))
            charged += 10

    async def look() -> list[int]:
        counts = []
        while not is_over:
            counts.append(len(await service.rows()))
            await asyncio.sleep(0.005)
        first = next(index for index, count in enumerate(counts) if count)
        return counts[first:]

    loading, looking = asyncio.create_task(charge()), asyncio.create_task(look())
    try:
        await asyncio.sleep(0.3)
        for _ in range(3):
            rebuilt = await rebuilder(service).rebuild(PROJECTION)
            assert rebuilt.comparison is not None
            assert rebuilt.comparison.difference_count == 0
        is_over = True
        await loading
        assert min(await looking) > 0
        heads = await service.feed.covering(SERVICE, None)
        assert await readers.progress.wait_for([PROJECTION.name], heads, timeout_seconds=10)
        rows = {row["account"]: row["charges"] for row in await service.rows()}
        assert sum(count for account, count in rows.items() if account.startswith("L")) == charged
    finally:
        is_over = True
        running.cancel()
        await asyncio.gather(running, loading, looking, return_exceptions=True)


@pytest.mark.asyncio
async def test_a_new_version_is_built_beside_and_takes_over_with_its_position(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await some_history(service)
    await project(service)
    second = accounts_projection(2, sa.Column("colour", sa.Text, server_default="red"))
    old = service.readers("projector")
    (old_reader,) = await old.for_projection(PROJECTION)
    held = await old.keeper.acquire(old_reader.name, old_reader.partition)
    rebuilt = await rebuilder(service).prepare(second)
    assert rebuilt is not None
    assert (rebuilt.version, rebuilt.rows) == (2, 6)
    assert {row["colour"] for row in await service.rows()} == {"red"}
    await service.say("A1", Charged(cents=1_000))
    with pytest.raises(Fenced):
        await old_reader.step(held)
    with pytest.raises(OtherVersion):
        await old_reader.refuse_other_version(await old.keeper.acquire(old_reader.name, old_reader.partition))
    await project(service, second)
    assert {row["account"]: row["charges"] for row in await service.rows()}["A1"] == 4


@pytest.mark.asyncio
async def test_tables_that_changed_without_a_new_version_are_refused(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    with pytest.raises(ShapeChanged, match="needs a version after 1"):
        await rebuilder(service).prepare(accounts_projection(1, sa.Column("colour", sa.Text)))


@pytest.mark.asyncio
async def test_parked_streams_stay_out_of_a_comparison_and_a_cured_projection_takes_them_in(
    service: SmallService,
) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await service.say("A", Charged(cents=1), Charged(cents=2, note="poison"), Charged(cents=4))
    await project(service)
    assert (await rebuilder(service).compare(PROJECTION)).difference_count == 0
    again = await rebuilder(service).rebuild(PROJECTION)
    assert again.comparison is not None
    assert again.comparison.difference_count == 0
    desk = ParkedDesk(service.pool, {})
    assert [key.events for key in await desk.keys("clinic")] == [2]

    def cured(recorded: Any) -> Any:
        return () if getattr(recorded.event, "note", "") == "poison" else apply(recorded)

    better = Projection(name=PROJECTION.name, version=1, tables=PROJECTION.tables, reads=PROJECTION.reads, apply=cured)
    await rebuilder(service).rebuild(better)
    assert await desk.keys("clinic") == []
    await service.say("A", Charged(cents=8))
    await project(service, better)
    assert [row["open_cents"] for row in await service.rows()] == [13]


@pytest.mark.asyncio
async def test_a_value_that_the_database_refuses_keeps_no_read_model_from_being_rebuilt(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await service.say("A", Charged(cents=1), Charged(cents=2, note="refused by the database"), Charged(cents=4))
    await service.say("B", Charged(cents=8))
    await project(service)
    rows = await service.rows()
    rebuilt = await rebuilder(service).rebuild(PROJECTION)
    assert rebuilt.comparison is not None
    assert (rebuilt.comparison.differences, await service.rows()) == ((), rows)
    (parked,) = await ParkedDesk(service.pool, {}).keys("clinic")
    assert (parked.stream, parked.version, parked.events) == ("account/A", 2, 2)


@pytest.mark.asyncio
async def test_events_that_were_dismissed_stay_out_of_a_rebuild(service: SmallService) -> None:
    await rebuilder(service).prepare(PROJECTION)
    await service.say("A", Charged(cents=1), Charged(cents=2, note="poison"))
    await project(service)
    await ParkedDesk(service.pool, {}).dismiss("clinic", PROJECTION.name, SERVICE, "account/A")
    await service.say("A", Charged(cents=4))
    await project(service)
    rebuilt = await rebuilder(service).rebuild(PROJECTION)
    assert rebuilt.comparison is not None
    assert rebuilt.comparison.difference_count == 0
    assert (await rebuilder(service).compare(PROJECTION)).difference_count == 0
    assert [row["open_cents"] for row in await service.rows()] == [5]
