"""How does work go on that is never meant to end?

asyncio knows one way to end a task in silence: CancelledError. Whoever waits takes it for somebody's wish, and a group of tasks says
nothing. But it also rises where a future of a library was cancelled under a task that nobody cancelled, and a reader that ends so
would leave its read model standing for ever, without a line in any log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from prometheus_client import Counter

PAUSE_SECONDS = 0.1  # before work that ended is begun again
BEGUN_AGAIN = Counter("ledgerline_work_begun_again", "Times that work ended which nobody had ended", ["work"])
_log = logging.getLogger(__name__)

Begin: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


async def lasting(works: Mapping[str, Begin]) -> None:
    """Run all of these, by name, until cancelled. One that ends is begun again; an error of one ends all of them, and rises."""
    running = {_begun(name, begin): name for name, begin in works.items()}
    try:
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = running.pop(task)
                _tell_end(name, task)
                running[_begun(name, works[name], after_seconds=PAUSE_SECONDS)] = name
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _begun(name: str, begin: Begin, *, after_seconds: float = 0.0) -> asyncio.Task[None]:
    async def run() -> None:
        await asyncio.sleep(after_seconds)
        await begin()

    return asyncio.create_task(run(), name=name)


def _tell_end(name: str, task: asyncio.Task[None]) -> None:
    """Raises the error that ended it."""
    try:
        task.result()
    except asyncio.CancelledError as stray:
        _log.error("work was cancelled by nobody and is begun again", extra={"task": name}, exc_info=stray)
    else:
        _log.error("work ended by itself and is begun again", extra={"task": name})
    BEGUN_AGAIN.labels(name).inc()
