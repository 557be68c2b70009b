"""How long is a library waited for?

No longer than a deadline, whatever it does. asyncio ends what takes too long by cancelling it, which some code passes over or answers
with more waiting; whoever waits for that end stands still without a word in any log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_FAREWELL_SECONDS = 1.0  # how long anything cancelled is waited for

_log = logging.getLogger(__name__)

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T], *, what: str) -> T:
    """What this work comes to. It is cancelled after so many seconds, or with the caller; what does not end then is left behind, and told.

    Raises TimeoutError, with `what` for its text, and whatever the work raises.
    """
    task = asyncio.create_task(work, name=what)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            await _end(task, what)
    if task.cancelled() or not task.done():
        raise TimeoutError(what)
    return task.result()


async def _end(task: asyncio.Task[Any], what: str) -> None:
    task.add_done_callback(_look_at)
    task.cancel()
    await asyncio.wait([task], timeout=_FAREWELL_SECONDS)
    if not task.done():
        _log.error("what does not end is left behind", extra={"task": what})


def _look_at(task: asyncio.Task[Any]) -> None:
    """Its error, if any, is nobody's any more."""
    if not task.cancelled():
        task.exception()
