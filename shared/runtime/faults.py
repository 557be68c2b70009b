"""Will it help to try again?

A reader meets two kinds of trouble. The world is in the way (a server down, a conflict, a full queue): the same work is tried
again with growing pauses and nothing is ever skipped. Or the event itself cannot be worked on (unreadable, a rule that raises,
a value that the table refuses): trying again changes nothing, so its key is parked and the rest goes on.

Source: PostgreSQL manual, appendix "Error codes": class 22 data exception, 23 integrity constraint violation.
"""

from __future__ import annotations

import asyncio
import random

import asyncpg
from aiokafka.errors import KafkaError

from shared.kernel.errors import Conflict, DomainError
from shared.runtime.availability import Unavailable, is_outage
from shared.runtime.command import TooBusy
from shared.runtime.queries import NotYet

JITTER = random.Random()  # nobody else draws from it, so that a simulation of one seed is one run whatever traces draw
_DATA_CLASSES = ("22", "23")


def is_worth_retrying(error: BaseException) -> bool:
    """False when the same event would fail again in the same way. Of several errors, when any of them would."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_worth_retrying(each) for each in error.exceptions)
    if isinstance(error, DomainError):
        return isinstance(error, Conflict | TooBusy | Unavailable | NotYet)
    if isinstance(error, asyncpg.PostgresError):
        # A missing table or right is a broken installation, not a bad event.
        return not (getattr(error, "sqlstate", None) or "").startswith(_DATA_CLASSES)
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # asyncpg's own DataError: a value of the wrong type
    return isinstance(error, OSError | TimeoutError | KafkaError) or is_outage(error)


class Pause:
    """How long to wait before the next attempt: doubling from 50 ms to 5 s, with jitter so that replicas do not march."""

    def __init__(self, first_seconds: float = 0.05, most_seconds: float = 5.0) -> None:
        self._first, self._most = first_seconds, most_seconds
        self._next = first_seconds

    def next_seconds(self) -> float:
        seconds = self._next
        self._next = min(self._next * 2, self._most)
        return seconds * JITTER.uniform(0.5, 1.0)

    async def rest(self) -> None:
        """Wait before the next attempt, unless there is to be none: see `end_if_cancelled`."""
        end_if_cancelled()
        await asyncio.sleep(self.next_seconds())

    def reset(self) -> None:
        self._next = self._first


def is_trouble(error: BaseException) -> bool:
    """Whether work that must go on goes on after this: any error, and a cancellation that nobody asked this task for.

    The latter is a future of a library that was cancelled under it.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(error, Exception)


def end_if_cancelled() -> None:
    """Raise CancelledError again in a task that was cancelled and did not notice.

    An error may have taken its place on the way, as that of a roll-back does, or a library an answer that came in the same moment. A
    loop that outlives its errors would then go on for ever, and whoever ended it would wait for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
