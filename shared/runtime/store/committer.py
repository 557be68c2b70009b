"""How do hundreds of commands share one commit?

Callers queue their appends; a writer takes what waits, up to `batch_max` commands of one tenant with at most one for each
stream, and sends it as one statement. There is no timer: while one commit is flushed the next batch gathers. Each command is
accepted or refused on its own, and a batch that fails as a whole is tried again command by command.

What is decided for one stream command after command, each on what the one before it decided, may come as a series: it shares a
commit too, and is appended from its beginning as far as it goes.

There are two writers, each with a connection of its own: while the database works for one, this process stamps, hashes and
encodes for the other. The second one waits until a batch is worth it, as few commands are done sooner in one commit than in two.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from shared.runtime.availability import StoreUnavailable, is_outage
from shared.runtime.clock import Clock
from shared.runtime.command import BusinessKey, TooBusy
from shared.runtime.faults import is_trouble
from shared.runtime.store.append import Append, AppendFailed, AppendResult, StreamMoved
from shared.runtime.store.batch import APPEND, Batch, Settled, Waiting, settle_all
from shared.runtime.store.telemetry import CommitterMetrics

_BATCH_BYTES_MAX = 8 << 20
_WORTH_A_SECOND_WRITER = 32  # commands waiting while a commit is under way
_ATTEMPTS = 3
_STATEMENT_SECONDS = 20.0
_RECONNECT_PAUSE_SECONDS = 0.1

# Another transaction was in the way, or the stamp became too old: the same append can succeed in a new transaction.
_TRY_AGAIN = frozenset({"40001", "40P01", "23505", "LL001"})

_DRIVER_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

log = logging.getLogger(__name__)


class Connection(Protocol):
    """One connection of a store, over which batches are appended."""

    async def append(self, batch: Batch) -> Mapping[str, Any]:
        """What `append_batch` answers, once it is committed."""
        ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...

    async def close(self) -> None: ...


Connect = Callable[[], Awaitable[Connection]]


class PostgresConnection:
    """Implements `Connection`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._statement: Any = None

    async def append(self, batch: Batch) -> Mapping[str, Any]:
        if self._statement is None:
            self._statement = await self._connection.prepare(APPEND)
        answer: Mapping[str, Any] = await self._statement.fetchrow(*batch.arguments, timeout=_STATEMENT_SECONDS)
        return answer

    def is_closed(self) -> bool:
        return bool(self._connection.is_closed())

    def terminate(self) -> None:
        self._connection.terminate()

    async def close(self) -> None:
        await self._connection.close()


class GroupCommitter:
    """The writers of a store in this process. `append` may be called by any number of tasks of the same event loop."""

    def __init__(
        self,
        connect: Connect,
        *,
        service: str,
        clock: Clock,
        queue_max: int,
        batch_max: int,
        writers: int,
        give_up_seconds: float,
    ) -> None:
        self._service = service
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._queues: OrderedDict[str, deque[Waiting]] = OrderedDict()  # by tenant; the first is served next
        self._waiting = 0
        self._in_flight = 0
        self._something_waits = asyncio.Event()
        self._is_closing = False
        self._metrics = CommitterMetrics(service, lambda: self._waiting)
        self._writers = [
            asyncio.create_task(
                self._write(_Writer(connect, service, clock, self._metrics, give_up_seconds)),
                name=f"{service}.committer.{number}",
            )
            for number in range(writers)
        ]

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is being written. A driven clock may only be moved then."""
        return self._waiting == 0 and self._in_flight == 0

    async def append(self, append: Append) -> AppendResult:
        """Durable when it returns. Raises StreamMoved, IdempotencyKeyReused, BusinessKeyTaken, TooBusy, StoreUnavailable."""
        (settled,) = await self.append_series((append,))
        if isinstance(settled, Exception):
            raise settled
        return settled

    async def append_series(self, series: Sequence[Append]) -> list[Settled]:
        """What became of each command of one stream, decided one after another; durable when it returns.

        All have the head on which the first was decided. Raises TooBusy, StoreUnavailable for all of them.
        """
        if self._is_closing:
            raise StoreUnavailable("the store is being closed")
        if self._waiting >= self._queue_max:
            raise TooBusy("the store's queue is full: try again in a moment", waiting=self._waiting)
        waiting = Waiting(series, asyncio.get_running_loop().create_future())
        self._queues.setdefault(series[0].tenant, deque()).append(waiting)
        self._waiting += len(series)
        if self._is_worth_writing():
            self._something_waits.set()
        return await waiting.done

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._is_closing = True
        self._something_waits.set()
        await asyncio.gather(*self._writers)

    async def _write(self, writer: _Writer) -> None:
        try:
            while self._waiting or not self._is_closing:
                if self._is_worth_writing():
                    await self._write_batch(writer)
                else:
                    self._something_waits.clear()
                    await self._something_waits.wait()
        finally:  # however it ends, no caller waits for ever
            self._is_closing = True
            self._something_waits.set()
            if not any(task for task in self._writers if not task.done() and task is not asyncio.current_task()):
                for queue in self._queues.values():
                    _leave_none_behind(queue)
            await writer.close()

    def _is_worth_writing(self) -> bool:
        return self._waiting > 0 and (self._in_flight == 0 or self._waiting >= _WORTH_A_SECOND_WRITER)

    async def _write_batch(self, writer: _Writer) -> None:
        batch = self._next_batch()
        commands = _commands_of(batch)
        self._in_flight += commands
        try:
            if batch:
                await writer.commit(batch)
        except BaseException as error:  # a bug: its callers are told, and the store goes on for the others
            if not is_trouble(error):
                raise
            log.exception("a batch could not be written", extra={"service": self._service, "commands": commands})
            writer.drop_connection()
        finally:
            self._in_flight -= commands
            _leave_none_behind(batch)
            if self._waiting or self._is_closing:
                self._something_waits.set()
        await asyncio.sleep(0)  # who was answered may come back, and be in the next batch

    def _next_batch(self) -> list[Waiting]:
        """What waits of the next tenant, in order. A command that cannot share a commit with one before it stays."""
        tenant, queue = self._queues.popitem(last=False)
        batch: list[Waiting] = []
        left: list[Waiting] = []
        streams: set[str] = set()
        taken: set[BusinessKey | UUID] = set()
        commands = size = 0
        while queue and commands < self._batch_max and size < _BATCH_BYTES_MAX:
            waiting = queue.popleft()
            if waiting.done.done():  # its caller has given up
                self._waiting -= len(waiting.series)
                continue
            claims = _claims_of(waiting.series)
            if waiting.stream in streams or not taken.isdisjoint(claims):
                left.append(waiting)
                continue
            streams.add(waiting.stream)
            taken.update(claims)
            commands += len(waiting.series)
            size += sum(len(event.data) for append in waiting.series for event in append.events)
            batch.append(waiting)
        batch.sort(key=lambda waiting: waiting.stream)  # heads are locked in one order everywhere
        queue.extendleft(reversed(left))
        if queue:
            self._queues[tenant] = queue
        self._waiting -= commands
        return batch


def _commands_of(batch: Iterable[Waiting]) -> int:
    return sum(len(waiting.series) for waiting in batch)


def _claims_of(series: Sequence[Append]) -> set[BusinessKey | UUID]:
    """What only one command of a batch may have, or one series."""
    claims: set[BusinessKey | UUID] = {append.command_id for append in series}
    for append in series:
        claims.update(append.business_keys)
    return claims


class _Writer:
    """One connection that commits batches, and survives the loss of it."""

    def __init__(
        self, connect: Connect, service: str, clock: Clock, metrics: CommitterMetrics, give_up_seconds: float
    ) -> None:
        self._connect = connect
        self._service = service
        self._clock = clock
        self._metrics = metrics
        self._give_up_seconds = give_up_seconds
        self._connection: Connection | None = None

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def commit(self, batch: Sequence[Waiting]) -> None:
        again = batch
        for attempt in range(_ATTEMPTS):
            try:
                again = await self._send(again, is_retry=attempt > 0)
            except asyncpg.PostgresError as error:
                if error.sqlstate not in _TRY_AGAIN:
                    break
                self._metrics.raced.add(1)
            except (ValueError, TypeError, asyncpg.InterfaceError):  # a value that the driver cannot send
                break
            if not again:
                return
        if len(again) == 1:
            await self._commit_alone(again[0])
        else:
            for waiting in again:  # so that one bad command never fails the others
                await self.commit([waiting])

    async def _commit_alone(self, waiting: Waiting) -> None:
        """The last attempt. Of a series it is not known which command is to blame: its caller sends them one by one."""
        try:
            left = await self._send([waiting], is_retry=True)
        except asyncpg.PostgresError as error:
            failure: Exception = AppendFailed(error.sqlstate or "no sqlstate")
            is_moved = error.sqlstate in _TRY_AGAIN or len(waiting.series) > 1
            settle_all(waiting, StreamMoved() if is_moved else failure)
        except (ValueError, TypeError, asyncpg.InterfaceError) as error:
            settle_all(waiting, AppendFailed(type(error).__name__) if len(waiting.series) == 1 else StreamMoved())
        else:
            if left:
                settle_all(waiting, StreamMoved())

    async def _send(self, batch: Sequence[Waiting], *, is_retry: bool) -> Sequence[Waiting]:
        """One transaction; settles what it decided, and returns those that need another one.

        A connection that breaks in the middle leaves the outcome open. The same commands are then sent again over a new one:
        the commands table knows which were done, and a transaction that is still running there is waited for by its locks.
        """
        formed = self._formed(batch, is_retry=is_retry)
        give_up_at = asyncio.get_running_loop().time() + self._give_up_seconds
        while True:
            try:
                if self._connection is None:
                    self._connection = await self._connect()
                with self._metrics.commit(len(formed.commands), formed.events):
                    answer = await self._connection.append(formed)
                return formed.settle(answer)
            except _DRIVER_ERRORS as error:
                if not self._is_broken(error):
                    raise
                self.drop_connection()
                log.warning("store connection lost", extra={"service": self._service, "error": type(error).__name__})
                if asyncio.get_running_loop().time() > give_up_at:
                    for waiting in batch:
                        settle_all(waiting, StoreUnavailable("the store cannot be reached: send the command again"))
                    return ()
                await asyncio.sleep(_RECONNECT_PAUSE_SECONDS)
                formed = self._formed(batch, is_retry=True)

    def _formed(self, batch: Sequence[Waiting], *, is_retry: bool) -> Batch:
        stamp = self._clock.now().astimezone(UTC)
        return Batch(self._service, batch, stamp=stamp, clock=self._clock.kind, is_retry=is_retry)

    def _is_broken(self, error: Exception) -> bool:
        if is_outage(error):
            return True
        if getattr(error, "severity_en", None) in ("FATAL", "PANIC"):  # the server hangs up behind these
            return True
        return self._connection is None or self._connection.is_closed()

    def drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


def _leave_none_behind(batch: Iterable[Waiting]) -> None:
    for waiting in batch:
        settle_all(waiting, StoreUnavailable("the outcome is not known: send the command again"))
