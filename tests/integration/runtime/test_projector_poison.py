"""What becomes of an event that a read model cannot take in, and of everything around it?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from shared.events.envelope import Stored
from shared.kernel.errors import NotFound
from shared.runtime.codec import EventCodec
from shared.runtime.held import Held
from shared.runtime.parked import ParkedDesk, ReplayFailed
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.transaction import Place
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.small_service import (
    CODEC,
    SERVICE,
    TYPES,
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
NAME = PROJECTION.name


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        await made.install(PROJECTION)
        yield made


async def project(service: SmallService, codec: EventCodec = CODEC) -> None:
    await take_in(service.readers("projector"), NAME, PROJECTION.reads, ProjectionSink(PROJECTION, codec))


def desk(service: SmallService, projection: Projection = PROJECTION) -> ParkedDesk:
    return ParkedDesk(service.pool, {NAME: ProjectionSink(projection, CODEC).apply})


async def charges(service: SmallService) -> dict[str, int]:
    return {row["account"]: row["charges"] for row in await service.rows()}


@pytest.mark.asyncio
@pytest.mark.parametrize("note", ["poison", "refused by the database"])
async def test_only_the_stream_of_a_bad_event_stops_in_a_page_of_thousands(service: SmallService, note: str) -> None:
    others = [f"A{number:03}" for number in range(120)]
    for account in others[:60]:
        await service.say(account, *(Charged(cents=1) for _ in range(40)))
    await service.say("B", Charged(cents=1), Charged(cents=1, note=note), Charged(cents=1))
    for account in others[60:]:
        await service.say(account, *(Charged(cents=1) for _ in range(40)))
    await project(service)
    await service.say("B", Charged(cents=1))
    await project(service)
    assert await charges(service) == {**dict.fromkeys(others, 40), "B": 1}
    (parked,) = await desk(service).keys("clinic")
    assert (parked.stream, parked.version, parked.events) == ("account/B", 2, 3)


@pytest.mark.asyncio
async def test_a_replay_of_a_stream_put_right_leaves_the_rows_of_a_projection_that_was_never_wrong(
    service: SmallService,
) -> None:
    await service.say("A", Charged(cents=1), Charged(cents=2, note="poison"), Renamed(name="Ann"))
    await project(service)
    with pytest.raises(ReplayFailed):
        await desk(service).replay("clinic", NAME, SERVICE, "account/A")
    cured = Projection(
        name=NAME,
        version=1,
        tables=PROJECTION.tables,
        reads=PROJECTION.reads,
        apply=lambda recorded: () if getattr(recorded.event, "note", "") == "poison" else apply(recorded),
    )
    assert await desk(service, cured).replay("clinic", NAME, SERVICE, "account/A") == 2
    await service.say("A", Charged(cents=4))
    await project(service)
    (row,) = await service.rows()
    assert (row["open_cents"], row["charges"], row["name"]) == (5, 2, "Ann")
    assert await desk(service).keys("clinic") == []


@pytest.mark.asyncio
async def test_an_event_of_a_type_from_a_later_release_waits_until_the_release_is_here(service: SmallService) -> None:
    older = EventCodec(types={name: cls for name, cls in TYPES.items() if cls is not Renamed}, upcasters={})
    await service.say("A", Charged(cents=1), Renamed(name="Ann"), Charged(cents=2))
    await service.say("B", Charged(cents=1))
    await project(service, older)
    assert await charges(service) == {"A": 1, "B": 1}
    (parked,) = await desk(service).keys("clinic")
    assert (parked.type, parked.error_code) == ("payments.Renamed.v1", "unknown-event-type")
    assert [await desk(service).replay_known(older), await desk(service).replay_known(CODEC)] == [0, 1]
    assert await charges(service) == {"A": 2, "B": 1}


@pytest.mark.asyncio
async def test_a_stream_that_is_dismissed_goes_on_without_what_was_parked(service: SmallService) -> None:
    await service.say("A", Charged(cents=1), Charged(cents=2, note="poison"))
    await project(service)
    assert await desk(service).dismiss("clinic", NAME, SERVICE, "account/A") == 1
    await service.say("A", Charged(cents=4))
    await project(service)
    assert [row["open_cents"] for row in await service.rows()] == [5]
    with pytest.raises(NotFound):
        await desk(service).replay("clinic", NAME, SERVICE, "account/A")


@pytest.mark.asyncio
async def test_another_tenant_cannot_see_or_replay_what_is_parked(service: SmallService) -> None:
    await service.say("A", Charged(cents=2, note="poison"))
    await project(service)
    assert await desk(service).keys("hospital") == []
    with pytest.raises(NotFound):
        await desk(service).replay("hospital", NAME, SERVICE, "account/A")


@pytest.mark.asyncio
async def test_an_event_on_which_the_process_dies_is_found_and_parked(service: SmallService) -> None:
    """No exception to catch: the process is gone, its lease runs out, the next one meets the same page."""

    class Gone(BaseException):
        pass

    class DiesOnClosing(ProjectionSink):
        async def take(
            self, held: Held, place: Place, events: Sequence[Stored], *, suspect: Stored | None = None
        ) -> None:
            if suspect is None and any(stored.type.endswith(".Closed.v1") for stored in events):
                raise Gone
            await super().take(held, place, events, suspect=suspect)

    await service.say("A", Charged(cents=1))
    await service.say("B", Charged(cents=2), Closed())
    await service.say("C", Charged(cents=3))
    deaths = 0
    while True:
        try:
            sink = DiesOnClosing(PROJECTION, CODEC)
            await take_in(service.readers(f"process-{deaths}"), NAME, PROJECTION.reads, sink)
            break
        except Gone:
            deaths += 1
            assert deaths < 10
            await service.pool.execute("UPDATE readers SET lease_until = '-infinity'")
    assert await charges(service) == {"A": 1, "B": 1, "C": 1}
    (parked,) = await desk(service).keys("clinic")
    assert (parked.stream, parked.version, parked.error_code) == ("account/B", 2, "worker-crashed")
