"""How does background work run, and when is there none left?

A task's step is run again at once while it finds work, and every so often otherwise. What matters to a driven clock is whether there is
work *now*: `is_idle` asks for a round that begins after the question, instead of trusting the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from shared.runtime.faults import Pause, end_if_cancelled, is_worth_retrying
from shared.runtime.leases import Fenced
from shared.runtime.service import Task

_log = logging.getLogger(__name__)


class Right(Protocol):
    """The right to do the task's work, as long as it is held."""

    @property
    def is_held(self) -> bool: ...


class Always:
    """For work that several processes may do at once."""

    is_held = True


async def always() -> Right:
    return Always()


class TaskRunner:
    """Runs one task for as long as it may."""

    def __init__(self, task: Task, acquire: Callable[[], Awaitable[Right]] = always) -> None:
        self.task = task
        self._acquire = acquire
        self._begun = 0
        self._finished = 0
        self._found_work = True
        self._wake = asyncio.Event()
        self._round = asyncio.Condition()

    async def run(self) -> None:
        """Until cancelled, whatever happens on the way."""
        pause = Pause()
        while True:
            end_if_cancelled()
            try:
                right = await self._acquire()
                while right.is_held:
                    await self._step()
                    end_if_cancelled()
                    pause.reset()
            except Fenced:
                continue
            except Exception as error:  # noqa: BLE001  a task is never dropped: it says why it stands and tries again
                self._found_work = True
                _log.log(
                    logging.WARNING if is_worth_retrying(error) else logging.ERROR,
                    "task will be tried again",
                    extra={"task": self.task.name},
                    exc_info=error,
                )
                await pause.rest()

    async def is_idle(self, within_seconds: float = 2.0) -> bool:
        """Whether a round that begins now finds nothing to do. False when none ends in time."""
        wanted = self._begun + 1
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds), self._round:
                await self._round.wait_for(lambda: self._finished >= wanted)
                return not self._found_work
        return False

    async def _step(self) -> None:
        self._begun += 1
        self._wake.clear()
        self._found_work = await self.task.step()
        async with self._round:
            self._finished = self._begun
            self._round.notify_all()
        if not self._found_work:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.task.every_seconds):
                    await self._wake.wait()
