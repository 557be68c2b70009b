"""Does what was due happen, once, when business time gets there?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.events.envelope import Recorded
from shared.kernel.errors import Conflict
from shared.runtime.clock import DrivenClock
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.parked import ParkedDesk, ReplayFailed
from shared.runtime.policy import CancelTimer, DueTimer, Reaction, SetTimer, TimerChange, Timers
from shared.runtime.projector import ProjectionSink
from shared.runtime.timer_runner import ATTEMPTS_MAX, PostgresTimerRows, TimerRunner, next_due, plan_of
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.promises import eventually
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

WEEK = timedelta(days=7)


def plan(recorded: Recorded[Any]) -> Iterator[TimerChange]:
    """A week after the last charge an account is reminded; one that is closed is left in peace."""
    match recorded.event:
        case Charged():
            yield SetTimer(key=recorded.stream_key, due_at=recorded.occurred_at + WEEK, note="reminder")
        case Closed():
            yield CancelTimer(key=recorded.stream_key)


def fire(timer: DueTimer) -> Sequence[Reaction]:
    return [Reaction(aggregate=ACCOUNT, key=timer.key, command=[Renamed(name=timer.note)])]


REMIND = Timers(name="payments.remind", reads={SERVICE: (Charged, Closed)}, plan=plan, fire=fire)


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock(NOON)


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, database: str, clock: DrivenClock) -> AsyncIterator[SmallService]:
    async with small_service(postgres_server, database, clock) as made:
        yield made


@dataclass(slots=True)
class Stumbling:
    """Commands of which those for account A fail, for as long as there is an error to raise."""

    service: SmallService
    error: Exception | None
    attempts: int = 0

    async def handle(self, aggregate: Aggregate, key: str, command: Any, cause: Cause) -> Outcome:
        if key == "A" and self.error is not None:
            self.attempts += 1
            raise self.error
        return await self.service.commands.handle(aggregate, key, command, cause)

    async def state(self, aggregate: Aggregate, tenant: str, key: str) -> Any:
        return await self.service.commands.state(aggregate, tenant, key)


async def planned(service: SmallService, commands: Commands | None = None) -> TimerRunner:
    readers = service.readers("timers")
    projection = plan_of(REMIND)
    await take_in(readers, REMIND.name, REMIND.reads, ProjectionSink(projection, CODEC))
    return TimerRunner(
        REMIND,
        service=SERVICE,
        rows=PostgresTimerRows(service.pool),
        keeper=readers.keeper,
        commands=commands or service.commands,
        clock=service.clock,
    )


async def fire_due(timers: TimerRunner) -> int:
    """Fire what is due, under the lease."""
    return await timers.fire_due(await timers.keeper.acquire(timers.name, timers.partition))


async def names_given(service: SmallService, account: str, tenant: str = "clinic") -> list[str]:
    found = await service.commands.recorded_stream(tenant, f"account/{account}")
    return [one.event.name for one in found if isinstance(one.event, Renamed)]


@pytest.mark.asyncio
async def test_nothing_fires_before_its_time_and_once_when_it_comes(service: SmallService, clock: DrivenClock) -> None:
    await service.say("A", Charged(cents=1))
    timers = await planned(service)
    assert (await fire_due(timers), await timers.idle(), await timers.next_due()) == (0, True, NOON + WEEK)
    clock.advance_to(NOON + WEEK)
    assert not await timers.idle()
    assert [await fire_due(timers), await fire_due(timers)] == [1, 0]
    assert await names_given(service, "A") == ["reminder"]
    assert (await timers.idle(), await timers.next_due()) == (True, None)


@pytest.mark.asyncio
async def test_what_a_timer_led_to_happened_when_it_was_due(service: SmallService, clock: DrivenClock) -> None:
    await service.say("A", Charged(cents=1))
    timers = await planned(service)
    clock.advance_to(NOON + 2 * WEEK)
    await fire_due(timers)
    *_, reminded = await service.commands.recorded_stream("clinic", "account/A")
    assert (reminded.occurred_at, reminded.recorded_at) == (NOON + WEEK, NOON + 2 * WEEK)
    assert reminded.stored.actor == "timer:payments.remind"


@pytest.mark.asyncio
async def test_a_timer_that_is_set_again_moves_and_one_that_is_cancelled_never_fires(
    service: SmallService, clock: DrivenClock
) -> None:
    await service.say("A", Charged(cents=1))
    await service.say("B", Charged(cents=1))
    await planned(service)
    clock.advance_to(NOON + timedelta(days=3))
    await service.say("A", Charged(cents=1))
    await service.say("B", Closed())
    timers = await planned(service)
    clock.advance_to(NOON + WEEK)
    assert await fire_due(timers) == 0
    clock.advance_to(NOON + WEEK + timedelta(days=3))
    assert await fire_due(timers) == 1


@pytest.mark.asyncio
async def test_timers_of_every_tenant_fire_and_each_tenant_can_be_asked_about(
    service: SmallService, clock: DrivenClock
) -> None:
    await service.say("A", Charged(cents=1), tenant="clinic")
    clock.advance_to(NOON + timedelta(hours=1))
    await service.say("A", Charged(cents=1), tenant="hospital")
    timers = await planned(service)
    assert await timers.next_due("hospital") == NOON + WEEK + timedelta(hours=1)
    assert await next_due(service.pool) == NOON + WEEK
    clock.advance_to(NOON + 2 * WEEK)
    assert await fire_due(timers) == 2
    assert await names_given(service, "A", tenant="hospital") == ["reminder"]


@pytest.mark.asyncio
async def test_a_timer_fired_again_after_a_crash_has_one_effect(service: SmallService, clock: DrivenClock) -> None:
    await service.say("A", Charged(cents=1))
    timers = await planned(service)
    clock.advance_to(NOON + WEEK)
    await fire_due(timers)
    async with service.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', 'clinic', true)")
        await connection.execute("UPDATE timers SET fired_at = NULL")  # the crash: fired, and not yet marked
    assert await fire_due(timers) == 1
    assert await names_given(service, "A") == ["reminder"]


@pytest.mark.asyncio
async def test_a_timer_that_the_world_keeps_from_firing_stays_due(service: SmallService, clock: DrivenClock) -> None:
    await service.say("A", Charged(cents=1))
    await service.say("B", Charged(cents=1))
    timers = await planned(service, Stumbling(service, Conflict("others were faster")))
    clock.advance_to(NOON + WEEK)
    with pytest.raises(Conflict):
        await fire_due(timers)
    assert (await names_given(service, "A"), await names_given(service, "B")) == ([], ["reminder"])
    assert await timers.next_due() == NOON + WEEK


@pytest.mark.asyncio
async def test_a_timer_that_is_to_blame_itself_is_tried_with_pauses_then_parked_and_fires_from_the_desk_when_cured(
    service: SmallService, clock: DrivenClock
) -> None:
    commands = Stumbling(service, ArithmeticError("a rule that divides by zero"))
    for account in ("A", "B"):
        await service.say(account, Charged(cents=1))
    timers = await planned(service, commands)
    desk = ParkedDesk(service.pool, {timers.name: timers.apply})
    clock.advance_to(NOON + WEEK)
    running, began = asyncio.create_task(timers.run()), time.monotonic()
    try:
        await eventually(timers.idle)
        took = time.monotonic() - began
        assert (commands.attempts, await timers.next_due()) == (ATTEMPTS_MAX, None)
        assert took > 0.5 * sum(0.1 * 2**attempt for attempt in range(ATTEMPTS_MAX - 1))  # pauses are half jitter
        (parked,) = await desk.keys("clinic")
        assert (parked.reader, parked.stream, parked.type) == ("payments.remind.fire", "timer/A", "payments.remind")
        assert parked.error_code == "arithmetic-error"
        assert (await names_given(service, "A"), await names_given(service, "B")) == ([], ["reminder"])
        with pytest.raises(ReplayFailed):
            await desk.replay("clinic", parked.reader, SERVICE, parked.stream)
        commands.error = None
        assert await desk.replay("clinic", parked.reader, SERVICE, parked.stream) == 1
        assert await desk.keys("clinic") == []
        *_, reminded = await service.commands.recorded_stream("clinic", "account/A")
        assert (reminded.event, reminded.occurred_at) == (Renamed(name="reminder"), NOON + WEEK)
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.asyncio
async def test_a_timer_that_is_set_again_after_it_was_parked_has_its_new_time(
    service: SmallService, clock: DrivenClock
) -> None:
    commands = Stumbling(service, ArithmeticError("a rule that divides by zero"))
    await service.say("A", Charged(cents=1))
    timers = await planned(service, commands)
    desk = ParkedDesk(service.pool, {timers.name: timers.apply})
    clock.advance_to(NOON + WEEK)
    async with asyncio.timeout(30):
        while not await desk.keys("clinic"):
            await fire_due(timers)
    assert await desk.dismiss("clinic", timers.name, SERVICE, "timer/A") == 1
    commands.error = None
    await service.say("A", Charged(cents=1))
    timers = await planned(service, commands)
    assert await timers.next_due() == NOON + 2 * WEEK
    clock.advance_to(NOON + 2 * WEEK)
    assert await fire_due(timers) == 1
    assert await names_given(service, "A") == ["reminder"]
