"""Does an event lead to its commands, with one effect each, whatever is read twice?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from shared.events.envelope import Recorded
from shared.events.platform import ReactionRefused
from shared.kernel.errors import Conflict
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.feed import Page, Partition
from shared.runtime.parked import ParkedDesk, ReplayFailed
from shared.runtime.policy import Policy, Reaction
from shared.runtime.policy_runner import PolicySink, command_id_of
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.small_service import (
    ACCOUNT,
    CODEC,
    NOON,
    SERVICE,
    Charged,
    Closed,
    Renamed,
    SmallService,
    small_service,
    take_in,
)

NAME = "payments.mirror"


async def mirror(recorded: Recorded[Any]) -> Sequence[Reaction]:
    """Whatever is charged to an account is charged to its mirror, and noted there."""
    if recorded.stream_key.startswith("mirror"):
        return []
    if recorded.event.note == "poison":
        raise ArithmeticError("nobody can work on this")
    to = f"mirror-{recorded.stream_key}"
    return [
        Reaction(aggregate=ACCOUNT, key=to, command=[Charged(cents=recorded.event.cents)]),
        Reaction(aggregate=ACCOUNT, key=to, command=[Renamed(name="seen")], occurred_at=NOON.replace(year=2020)),
    ]


POLICY = Policy(name=NAME, reads={SERVICE: (Charged,)}, react=mirror)


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database) as made:
        yield made


async def react(service: SmallService, commands: Commands | None = None) -> None:
    sink = PolicySink(POLICY, CODEC, commands or service.commands)
    await take_in(service.readers("policies"), NAME, POLICY.reads, sink)


async def events_of(service: SmallService, account: str) -> list[Recorded[Any]]:
    return await service.commands.recorded_stream("clinic", f"account/{account}")


@pytest.mark.asyncio
async def test_a_command_names_its_cause_and_says_when_it_happened(service: SmallService) -> None:
    outcome = await service.say("A", Charged(cents=5))
    await react(service)
    charged, renamed = await events_of(service, "mirror-A")
    assert (charged.event, renamed.event) == (Charged(cents=5), Renamed(name="seen"))
    assert charged.stored.causation_id == str(outcome.event_ids[0])
    assert charged.stored.correlation_id == "test"
    assert charged.stored.actor == f"policy:{NAME}"
    assert charged.stored.command_id == command_id_of(NAME, outcome.event_ids[0], "account/mirror-A", 0)
    assert (charged.occurred_at, renamed.occurred_at) == (NOON, NOON.replace(year=2020))


@pytest.mark.asyncio
async def test_reading_everything_again_changes_nothing(service: SmallService) -> None:
    for cents in range(1, 6):
        await service.say("A", Charged(cents=cents))
    await react(service)
    before = await events_of(service, "mirror-A")
    await service.pool.execute("UPDATE readers SET cursor = NULL, position_tx = 0, position_pos = 0")
    await react(service)
    assert await events_of(service, "mirror-A") == before
    assert [one.event.cents for one in before if isinstance(one.event, Charged)] == [1, 2, 3, 4, 5]


@pytest.mark.asyncio
async def test_a_refusal_becomes_a_fact_and_the_rest_goes_on(service: SmallService) -> None:
    await service.say("mirror-A", Closed())
    outcome = await service.say("A", Charged(cents=5))
    await service.say("B", Charged(cents=6))
    await react(service)
    refused_id = command_id_of(NAME, outcome.event_ids[0], "account/mirror-A", 0)
    (refused,) = await service.commands.recorded_stream("clinic", f"reaction-refused/{refused_id}")
    assert refused.event == ReactionRefused(
        policy=NAME,
        cause_event_id=str(outcome.event_ids[0]),
        cause_type="payments.Charged.v1",
        cause_stream="account/A",
        aggregate="account",
        key="mirror-A",
        code="account-closed",
        message="the account is closed",
    )
    assert len(await events_of(service, "mirror-B")) == 2


@pytest.mark.asyncio
async def test_a_conflict_is_tried_again_until_it_succeeds(service: SmallService) -> None:
    class ConflictsTwice:
        def __init__(self) -> None:
            self.left = 2

        async def handle(self, aggregate: Aggregate, key: str, command: Any, cause: Cause) -> Outcome:
            if self.left:
                self.left -= 1
                raise Conflict("others were faster")
            return await service.commands.handle(aggregate, key, command, cause)

        async def state(self, aggregate: Aggregate, tenant: str, key: str) -> Any:
            return await service.commands.state(aggregate, tenant, key)

    await service.say("A", Charged(cents=5))
    await react(service, ConflictsTwice())
    assert len(await events_of(service, "mirror-A")) == 2


@pytest.mark.asyncio
async def test_an_event_that_no_policy_can_work_on_parks_its_stream_only(service: SmallService) -> None:
    await service.say("A", Charged(cents=1), Charged(cents=2, note="poison"), Charged(cents=3))
    await service.say("B", Charged(cents=4))
    await react(service)
    await service.say("A", Charged(cents=5))
    await react(service)
    assert [one.event.cents for one in await events_of(service, "mirror-A") if isinstance(one.event, Charged)] == [1]
    assert len(await events_of(service, "mirror-B")) == 2
    desk = ParkedDesk(service.pool, {NAME: PolicySink(POLICY, CODEC, service.commands).apply})
    (parked,) = await desk.keys("clinic")
    assert (parked.reader, parked.stream, parked.version, parked.events) == (NAME, "account/A", 2, 3)
    assert parked.error_code == "arithmetic-error"
    with pytest.raises(ReplayFailed):
        await desk.replay("clinic", NAME, SERVICE, "account/A")
    assert (await desk.keys("clinic"))[0].attempts == 2


@pytest.mark.asyncio
async def test_a_parked_stream_is_replayed_in_order_once_the_policy_is_put_right(service: SmallService) -> None:
    async def cured(recorded: Recorded[Any]) -> Sequence[Reaction]:
        if recorded.stream_key.startswith("mirror"):
            return []
        command = [Charged(cents=recorded.event.cents)]
        return [Reaction(aggregate=ACCOUNT, key=f"mirror-{recorded.stream_key}", command=command)]

    await service.say("A", Charged(cents=2, note="poison"), Charged(cents=3))
    await react(service)
    put_right = PolicySink(Policy(name=NAME, reads=POLICY.reads, react=cured), CODEC, service.commands)
    desk = ParkedDesk(service.pool, {NAME: put_right.apply})
    assert await desk.replay("clinic", NAME, SERVICE, "account/A") == 2
    assert [one.event.cents for one in await events_of(service, "mirror-A")] == [2, 3]
    assert await desk.keys("clinic") == []


@pytest.mark.asyncio
async def test_a_reader_that_is_ended_while_it_reads_ahead_ends_what_it_takes_in(service: SmallService) -> None:
    """Whatever the policy waits for may have ended before it, so it would wait for ever."""
    for cents in (1, 2):
        await service.say("A", Charged(cents=cents))
    readers, reads_ahead = service.readers(), asyncio.Event()
    read = readers.feed.read

    async def read_first_page(partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        if cursor is not None:
            reads_ahead.set()
            await asyncio.Event().wait()
        return await read(partition, cursor, limit, wait_seconds)

    async def wait_for_ever(recorded: Recorded[Any]) -> Sequence[Reaction]:
        raise TimeoutError("what this waits for has ended")

    readers.feed.read = read_first_page  # type: ignore[method-assign]
    sink = PolicySink(Policy(name=NAME, reads=POLICY.reads, react=wait_for_ever), CODEC, service.commands)
    [reader] = await readers.of(NAME, POLICY.reads, lambda partition: sink, page_events=1)
    running = asyncio.create_task(reader.run())
    await asyncio.wait_for(reads_ahead.wait(), 10)
    running.cancel()
    ended, _ = await asyncio.wait([running], timeout=10)
    assert ended == {running}
