"""Does work that nobody ended go on, whatever ended it, and does work that somebody ended end?"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from shared.runtime import lasting
from shared.runtime.faults import is_trouble

pytestmark = pytest.mark.asyncio


@dataclass(slots=True)
class Work:
    """Work that ends as it is told to, the first time; then it waits until it is ended."""

    how: BaseException | None
    begun: int = 0
    is_on: asyncio.Event = field(default_factory=asyncio.Event)
    was_cancelled: bool = False

    async def run(self) -> None:
        self.begun += 1
        if self.begun == 1:
            await self._end()
            return
        self.is_on.set()
        await self.wait()

    async def wait(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    async def _end(self) -> None:
        if isinstance(self.how, asyncio.CancelledError):
            somewhere = asyncio.get_running_loop().create_future()
            somewhere.cancel()  # as a library does with what it gave out
            await somewhere
        if self.how is not None:
            raise self.how


@pytest.mark.parametrize("how", [asyncio.CancelledError(), None])
async def test_work_that_ends_by_itself_is_begun_again_and_told(
    how: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    work, other = Work(how), Work(how)
    other.begun = 1
    running = asyncio.create_task(lasting.lasting({"claims.relay": work.run, "claims.worklist": other.run}))
    with caplog.at_level(logging.ERROR):
        await asyncio.wait_for(work.is_on.wait(), 5)
    assert [getattr(record, "task", None) for record in caplog.records] == ["claims.relay"]
    assert (work.begun, other.begun, other.was_cancelled) == (2, 2, False)
    running.cancel()
    await asyncio.wait([running])
    assert (running.cancelled(), work.was_cancelled, other.was_cancelled) == (True, True, True)


async def test_an_error_of_one_ends_all_and_rises() -> None:
    work, other = Work(ZeroDivisionError()), Work(None, begun=1)
    with pytest.raises(ZeroDivisionError):
        await lasting.lasting({"claims.relay": work.run, "claims.worklist": other.run})
    assert other.was_cancelled


async def test_a_cancellation_is_trouble_only_for_a_task_that_nobody_cancelled() -> None:
    told: list[bool] = []

    async def run(until: asyncio.Future[None]) -> None:
        try:
            await until
        except asyncio.CancelledError as error:
            told.append(is_trouble(error))

    stray: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stray.cancel()
    await run(stray)
    meant = asyncio.create_task(run(asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    meant.cancel()
    await asyncio.wait([meant])
    assert told == [True, False]
