"""Does a loop that outlives its errors end when it is told to, also when its work does not pass the cancellation on?

A roll-back that fails while a task is being cancelled does not: what rises is the error of the roll-back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from shared.runtime.clock import DrivenClock
from shared.runtime.codec import EventCodec
from shared.runtime.feed import Partition
from shared.runtime.held import Keeper
from shared.runtime.leases import Fenced
from shared.runtime.policy import Timers
from shared.runtime.readers import Reader, Selection
from shared.runtime.tasks import Task, TaskRunner
from shared.runtime.timer_runner import TimerRunner

pytestmark = pytest.mark.asyncio
SOMEWHERE = Partition("claims", 0)


class Failing(Keeper):
    """Whose work waits for ever, and fails when it is cancelled, or passes over that."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__(pool=None, owner="test")
        self._error = error
        self.is_waiting = asyncio.Event()

    async def acquire(self, reader: str, partition: Partition) -> Any:
        await self.beat()

    async def share_out(self) -> int:
        return 0

    async def beat(self) -> None:
        self.is_waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None


def reader(keeper: Failing) -> Awaitable[None]:
    made: Any = None
    return Reader(
        name="claims.worklist",
        partition=SOMEWHERE,
        feed=made,
        keeper=keeper,
        progress=made,
        selection=Selection(EventCodec(), None),
        sink=made,
    ).run()


def timers(keeper: Failing) -> Awaitable[None]:
    made: Any = None
    named = Timers(name="claims.remind", reads={}, plan=lambda _: (), fire=lambda _: ())
    clock = DrivenClock(datetime(2026, 3, 2, tzinfo=UTC))
    return TimerRunner(named, service="claims", rows=made, keeper=keeper, commands=made, clock=clock).run()


def task(keeper: Failing) -> Awaitable[None]:
    async def step() -> bool:
        raise AssertionError("it holds nothing")

    async def acquire() -> Any:
        await keeper.beat()

    return TaskRunner(Task(name="claims.heads", step=step, every_seconds=1.0), acquire).run()


def leases(keeper: Failing) -> Awaitable[None]:
    return keeper.run()


@pytest.mark.parametrize("error", [OSError("the roll-back failed"), Fenced()])
@pytest.mark.parametrize("loop", [reader, timers, task])
async def test_a_loop_ends_whatever_its_work_makes_of_that(
    loop: Callable[[Failing], Awaitable[None]], error: Exception
) -> None:
    assert await is_over(loop, error)


@pytest.mark.parametrize("error", [OSError("the roll-back failed"), None])
async def test_the_renewal_of_leases_ends_whatever_its_work_makes_of_that(error: Exception | None) -> None:
    assert await is_over(leases, error)


async def test_a_task_whose_step_passes_over_its_cancellation_takes_no_other() -> None:
    keeper, steps = Failing(None), 0

    async def acquire() -> Any:
        return SimpleNamespace(is_held=True)

    async def step() -> bool:
        nonlocal steps
        steps += 1
        await keeper.beat()
        return True

    running = asyncio.ensure_future(TaskRunner(Task(name="claims.heads", step=step, every_seconds=1.0), acquire).run())
    await keeper.is_waiting.wait()
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert (running.cancelled(), steps) == (True, 1)


async def is_over(loop: Callable[[Failing], Awaitable[None]], error: Exception | None) -> bool:
    keeper = Failing(error)
    running = asyncio.ensure_future(loop(keeper))
    await keeper.is_waiting.wait()
    running.cancel()
    await asyncio.wait([running], timeout=5)
    return running.cancelled()
