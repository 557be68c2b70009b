"""Do read models say what the events say, exactly once, whoever dies on the way?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from shared.events.envelope import Stored
from shared.runtime.held import Held
from shared.runtime.leases import Fenced
from shared.runtime.projector import ProjectionSink
from shared.runtime.transaction import Place
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.small_service import (
    CODEC,
    NOON,
    SERVICE,
    Charged,
    Closed,
    Renamed,
    SmallService,
    accounts_projection,
    small_service,
    take_in,
)

PROJECTION = accounts_projection()


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        await made.install(PROJECTION)
        yield made


async def project(service: SmallService, owner: str = "projector") -> None:
    await take_in(service.readers(owner), PROJECTION.name, PROJECTION.reads, ProjectionSink(PROJECTION, CODEC))


@pytest.mark.asyncio
async def test_rows_hold_what_happened_in_every_kind_of_column(service: SmallService) -> None:
    await service.say("A", Charged(cents=100_00), Renamed(name="Ann"), Charged(cents=1_000_01, note="x"))
    await project(service)
    assert await service.rows() == [
        {
            "tenant": "clinic",
            "account": "A",
            "open_cents": 1_100_01,
            "charges": 2,
            "name": "Ann",
            "is_large": True,
            "notes": ["x", 'a "quoted" \\ one'],
            "last": '{"type": "payments.Charged.v1", "cents": 100001}',
            "last_on": NOON.date(),
            "last_at": NOON,
            "digest": bytes([1_000_01 % 256]),
        }
    ]


@pytest.mark.asyncio
async def test_pages_taken_one_after_the_other_add_up(service: SmallService) -> None:
    for cents in (1, 2, 3):
        await service.say("A", Charged(cents=cents))
        await project(service)
    assert [(row["open_cents"], row["charges"]) for row in await service.rows()] == [(6, 3)]


@pytest.mark.asyncio
async def test_a_removed_row_is_gone_and_tenants_do_not_see_each_other(service: SmallService) -> None:
    await service.say("A", Charged(cents=1))
    await service.say("A", Charged(cents=2), tenant="hospital")
    await project(service)
    await service.say("A", Closed())
    await project(service)
    assert (await service.rows(), [row["open_cents"] for row in await service.rows(tenant="hospital")]) == ([], [2])


@pytest.mark.asyncio
async def test_an_owner_that_was_replaced_writes_nothing(service: SmallService) -> None:
    """The zombie: stopped in the middle of a page for longer than its lease, while another took over."""
    await service.say("A", Charged(cents=5))
    first, second = service.readers("first", seconds=0.01), service.readers("second")
    sink = ProjectionSink(PROJECTION, CODEC)
    (reader,) = await first.of(PROJECTION.name, PROJECTION.reads, lambda partition: sink)
    zombie = await first.keeper.acquire(reader.name, reader.partition)
    await asyncio.sleep(0.05)
    await take_in(second, PROJECTION.name, PROJECTION.reads, sink)
    with pytest.raises(Fenced):
        await reader.step(zombie)
    assert [row["open_cents"] for row in await service.rows()] == [5]


@pytest.mark.asyncio
async def test_a_crash_between_rows_and_commit_leaves_neither(service: SmallService) -> None:
    class Killed(BaseException):
        pass

    class DiesBeforeCommit(ProjectionSink):
        async def take(
            self, held: Held, place: Place, events: Sequence[Stored], *, suspect: Stored | None = None
        ) -> None:
            async with held.moving(place) as transaction:
                await self.apply(transaction, events)
                raise Killed

    await service.say("A", Charged(cents=7))
    dying = DiesBeforeCommit(PROJECTION, CODEC)
    with pytest.raises(Killed):
        await take_in(service.readers("dies"), PROJECTION.name, PROJECTION.reads, dying)
    assert await service.rows() == []
    await service.pool.execute("UPDATE readers SET lease_until = '-infinity'")
    await project(service, "heir")
    assert [row["open_cents"] for row in await service.rows()] == [7]


@pytest.mark.asyncio
async def test_positions_past_events_that_nobody_wants_are_written_by_the_keeper(service: SmallService) -> None:
    outcome = await service.say("A", Charged(cents=1))
    readers = service.readers()
    await take_in(readers, "payments.indifferent", {SERVICE: (Closed,)}, ProjectionSink(PROJECTION, CODEC))
    await readers.keeper.beat()
    row = await service.pool.fetchrow(
        "SELECT position_pos, watermark FROM readers WHERE reader = 'payments.indifferent'"
    )
    assert outcome.position is not None
    assert row["position_pos"] == outcome.position.pos
    assert row["watermark"] is not None


@pytest.mark.asyncio
async def test_a_running_reader_makes_news_visible_and_says_so(service: SmallService) -> None:
    readers = service.readers()
    made = await readers.of(PROJECTION.name, PROJECTION.reads, lambda partition: ProjectionSink(PROJECTION, CODEC))
    running = asyncio.create_task(readers.run(made))
    try:
        outcome = await service.say("A", Charged(cents=9))
        covering = await service.feed.covering(SERVICE, outcome.position)
        assert await readers.progress.wait_for([PROJECTION.name], covering, timeout_seconds=5)
        assert [row["open_cents"] for row in await service.rows()] == [9]
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert await service.pool.fetchval("SELECT owner FROM readers WHERE reader = $1", PROJECTION.name) is None


@pytest.mark.asyncio
async def test_another_process_learns_from_the_rows_how_far_readers_are(service: SmallService) -> None:
    outcome = await service.say("A", Charged(cents=9))
    covering = await service.feed.covering(SERVICE, outcome.position)
    elsewhere = service.readers().progress
    assert not await elsewhere.wait_for([PROJECTION.name], covering, timeout_seconds=0.05)
    waiting = asyncio.create_task(elsewhere.wait_for([PROJECTION.name], covering, timeout_seconds=5))
    await project(service)
    assert await waiting
    assert await service.readers().progress.wait_for([PROJECTION.name], covering, timeout_seconds=0)


@pytest.mark.asyncio
async def test_a_late_note_of_an_earlier_place_never_moves_a_reader_back(service: SmallService) -> None:
    readers = service.readers("projector")
    (reader,) = await readers.for_projection(PROJECTION)
    held = await readers.keeper.acquire(reader.name, reader.partition)
    await service.say("A", Charged(cents=1))
    earlier = held.place
    await reader.step(held)
    written = await service.pool.fetchrow("SELECT cursor, position_pos FROM readers WHERE reader = $1", reader.name)
    held.skip_to(earlier)
    await readers.keeper.beat()
    assert written == await service.pool.fetchrow(
        "SELECT cursor, position_pos FROM readers WHERE reader = $1", reader.name
    )
