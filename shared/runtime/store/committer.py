"""How do hundreds of commands share one commit?

Callers queue their appends; a writer takes what waits, up to `batch_max` commands of one tenant with at most one for each
stream, and sends it as one statement. There is no timer: while one commit is flushed the next batch gathers. Each command is
accepted or refused on its own, and a batch that fails as a whole is tried again command by command.

There are two writers, each with a connection of its own: while the database works for one, this process stamps, hashes and
encodes for the other. The second one waits until a batch is worth it, as few commands are done sooner in one commit than in two.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from shared.events.envelope import Position, Stored
from shared.runtime.availability import StoreUnavailable, is_outage
from shared.runtime.clock import Clock
from shared.runtime.command import BusinessKey, BusinessKeyTaken, IdempotencyKeyReused, TooBusy
from shared.runtime.store.append import (
    Answer,
    Append,
    Appended,
    AppendFailed,
    AppendResult,
    Head,
    StreamMoved,
)
from shared.runtime.store.hashing import event_hash
from shared.runtime.store.telemetry import CommitterMetrics

_BATCH_BYTES_MAX = 8 << 20
_WORTH_A_SECOND_WRITER = 32  # commands waiting while a commit is under way
_ATTEMPTS = 3
_STATEMENT_SECONDS = 20.0
_RECONNECT_PAUSE_SECONDS = 0.1

# append_batch takes them in this order
_ARRAYS = (
    "text, timestamptz, text, boolean,"
    " uuid[], bytea[], text[], int[], int[], bytea[], timestamptz[], timestamptz[], text[], text[], text[], text[],"
    " int[], text[], text[],"
    " int[], uuid[], text[], bytea[], bytea[]"
)
_APPEND = f"select * from append_batch({', '.join(f'${n}::{name}' for n, name in enumerate(_ARRAYS.split(', '), 1))})"

_LaidOut: TypeAlias = tuple[int, UUID, str, bytes, bytes]  # command from 1, id, type, data, hash

_DONE, _MOVED, _REPEAT, _OTHER_FINGERPRINT, _KEY_TAKEN, _AGAIN = range(6)

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

Connect = Callable[[], Awaitable[asyncpg.Connection]]


@dataclass(slots=True, eq=False)
class _Waiting:
    append: Append
    done: asyncio.Future[AppendResult]


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
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()  # by tenant; the first is served next
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
        if self._is_closing:
            raise StoreUnavailable("the store is being closed")
        if self._waiting >= self._queue_max:
            raise TooBusy("the store's queue is full: try again in a moment", waiting=self._waiting)
        waiting = _Waiting(append, asyncio.get_running_loop().create_future())
        self._queues.setdefault(append.tenant, deque()).append(waiting)
        self._waiting += 1
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
        self._in_flight += len(batch)
        try:
            if batch:
                await writer.commit(batch)
        except Exception:  # a bug: its callers are told, and the store goes on for the others
            log.exception("a batch could not be written", extra={"service": self._service, "commands": len(batch)})
            writer.drop_connection()
        finally:
            self._in_flight -= len(batch)
            _leave_none_behind(batch)
            if self._waiting or self._is_closing:
                self._something_waits.set()
        await asyncio.sleep(0)  # who was answered may come back, and be in the next batch

    def _next_batch(self) -> list[_Waiting]:
        """What waits of the next tenant, in order. A command that cannot share a commit with one before it stays."""
        tenant, queue = self._queues.popitem(last=False)
        batch: list[_Waiting] = []
        left: list[_Waiting] = []
        streams: set[str] = set()
        taken: set[BusinessKey | UUID] = set()
        size = 0
        while queue and len(batch) < self._batch_max and size < _BATCH_BYTES_MAX:
            waiting = queue.popleft()
            append = waiting.append
            if waiting.done.done():  # its caller has given up
                self._waiting -= 1
            elif append.stream in streams or append.command_id in taken or not taken.isdisjoint(append.business_keys):
                left.append(waiting)
            else:
                streams.add(append.stream)
                taken.add(append.command_id)
                taken.update(append.business_keys)
                size += sum(len(event.data) for event in append.events)
                batch.append(waiting)
        batch.sort(key=lambda waiting: waiting.append.stream)  # heads are locked in one order everywhere
        queue.extendleft(reversed(left))
        if queue:
            self._queues[tenant] = queue
        self._waiting -= len(batch)
        return batch


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
        self._connection: asyncpg.Connection | None = None
        self._statement: Any = None

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def commit(self, batch: Sequence[_Waiting]) -> None:
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

    async def _commit_alone(self, waiting: _Waiting) -> None:
        try:
            left = await self._send([waiting], is_retry=True)
        except asyncpg.PostgresError as error:
            failure: Exception = AppendFailed(error.sqlstate or "no sqlstate")
            _settle(waiting, StreamMoved() if error.sqlstate in _TRY_AGAIN else failure)
        except (ValueError, TypeError, asyncpg.InterfaceError) as error:
            _settle(waiting, AppendFailed(type(error).__name__))
        else:
            if left:
                _settle(waiting, StreamMoved())

    async def _send(self, batch: Sequence[_Waiting], *, is_retry: bool) -> Sequence[_Waiting]:
        """One transaction; settles what it decided, and returns those that need another one.

        A connection that breaks in the middle leaves the outcome open. The same commands are then sent again over a new one:
        the commands table knows which were done, and a transaction that is still running there is waited for by its locks.
        """
        formed = self._formed(batch, is_retry=is_retry)
        give_up_at = asyncio.get_running_loop().time() + self._give_up_seconds
        while True:
            try:
                statement = self._statement or await self._prepare()
                with self._metrics.commit(len(batch), len(formed.events)):
                    answer = await statement.fetchrow(*formed.arguments, timeout=_STATEMENT_SECONDS)
                return formed.settle(answer)
            except _DRIVER_ERRORS as error:
                if not self._is_broken(error):
                    raise
                self.drop_connection()
                log.warning("store connection lost", extra={"service": self._service, "error": type(error).__name__})
                if asyncio.get_running_loop().time() > give_up_at:
                    for waiting in batch:
                        _settle(waiting, StoreUnavailable("the store cannot be reached: send the command again"))
                    return ()
                await asyncio.sleep(_RECONNECT_PAUSE_SECONDS)
                formed = self._formed(batch, is_retry=True)

    def _formed(self, batch: Sequence[_Waiting], *, is_retry: bool) -> _Batch:
        stamp = self._clock.now().astimezone(UTC)
        return _Batch(self._service, batch, stamp=stamp, clock=self._clock.kind, is_retry=is_retry)

    def _is_broken(self, error: Exception) -> bool:
        if is_outage(error) or isinstance(error, asyncpg.InternalClientError):
            return True
        if getattr(error, "severity_en", None) in ("FATAL", "PANIC"):  # the server hangs up behind these
            return True
        return self._connection is None or bool(self._connection.is_closed())

    def drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = self._statement = None

    async def _prepare(self) -> Any:
        connection = self._connection = await self._connect()
        self._statement = await connection.prepare(_APPEND)
        return self._statement


class _Batch:
    """The appends of one transaction: stamped, hashed, and laid out as the arrays that `append_batch` takes."""

    def __init__(
        self, service: str, waiting: Sequence[_Waiting], *, stamp: datetime, clock: str, is_retry: bool
    ) -> None:
        self._service = service
        self._is_retry = is_retry
        self._waiting = waiting
        self._stamp = stamp
        self._clock = clock
        self.events: list[_LaidOut] = []
        for index, one in enumerate(waiting, start=1):
            self.events += self._laid_out(index, one.append)
        self.arguments = self._arguments([one.append for one in waiting])

    def _recorded_at(self, append: Append) -> datetime:
        """The stamp, but never below the stream's last."""
        last = append.head.recorded_at
        return self._stamp if last is None or last <= self._stamp else last

    def _laid_out(self, index: int, append: Append) -> Iterator[_LaidOut]:
        recorded_at = self._recorded_at(append)
        occurred_at = append.occurred_at or recorded_at
        previous = append.head.hash
        for version, event in enumerate(append.events, start=append.head.version + 1):
            link = event_hash(
                previous_hash=previous,
                tenant=append.tenant,
                stream=append.stream,
                version=version,
                type=event.type,
                event_id=event.event_id,
                occurred_at=occurred_at,
                recorded_at=recorded_at,
                actor=append.actor,
                command_id=append.command_id,
                correlation_id=append.correlation_id,
                causation_id=append.causation_id,
                clock=self._clock,
                data=event.data,
            )
            yield (index, event.event_id, event.type, event.data, link)
            previous = link

    def _arguments(self, appends: Sequence[Append]) -> tuple[Any, ...]:
        keys = [(index, *key) for index, append in enumerate(appends, start=1) for key in append.business_keys]
        stamp = self._stamp
        return (
            appends[0].tenant,
            stamp,
            self._clock,
            self._is_retry,
            [append.command_id for append in appends],
            [append.fingerprint for append in appends],
            [append.stream for append in appends],
            [append.head.version for append in appends],
            [len(append.events) for append in appends],
            [append.head.hash for append in appends],
            [None if (at := self._recorded_at(append)) is stamp else at for append in appends],
            [append.occurred_at for append in appends],
            [append.actor for append in appends],
            [append.correlation_id for append in appends],
            [append.causation_id for append in appends],
            [append.traceparent for append in appends],
            *_columns(keys, 3),
            *_columns(self.events, 5),
        )

    def settle(self, answer: Any) -> list[_Waiting]:
        """Tell each caller what became of its command; returns those that need another transaction."""
        repeats = msgspec.json.decode(answer["repeats"] or "{}")
        holders = msgspec.json.decode(answer["holders"] or "{}")
        epoch, tx, positions = answer["at_epoch"], answer["at_tx"], answer["positions"] or ()
        again: list[_Waiting] = []
        first = 0
        for index, (one, outcome) in enumerate(zip(self._waiting, answer["outcomes"], strict=True), start=1):
            behind = first + len(one.append.events)
            if outcome == _DONE:
                places = [Position(epoch, tx, pos) for pos in positions[first:behind]]
                _settle(one, self._appended(one.append, self.events[first:behind], places))
            elif outcome == _AGAIN:
                again.append(one)
            else:
                _settle(one, _refusal(outcome, one.append, repeats.get(str(index)), holders.get(str(index))))
            first = behind
        return again

    def _appended(self, append: Append, laid_out: Sequence[_LaidOut], places: Sequence[Position]) -> Appended:
        if not laid_out:
            return Appended(events=(), head=append.head)
        recorded_at = self._recorded_at(append)
        occurred_at = append.occurred_at or recorded_at
        previous, version = append.head.hash, append.head.version
        stored: list[Stored] = []
        for (_, event_id, type_, data, link), position in zip(laid_out, places, strict=True):
            version += 1
            stored.append(
                Stored(
                    service=self._service,
                    tenant=append.tenant,
                    stream=append.stream,
                    version=version,
                    event_id=event_id,
                    type=type_,
                    occurred_at=occurred_at,
                    recorded_at=recorded_at,
                    actor=append.actor,
                    command_id=append.command_id,
                    correlation_id=append.correlation_id,
                    causation_id=append.causation_id,
                    traceparent=append.traceparent,
                    clock=self._clock,
                    data=data,
                    previous_hash=previous,
                    hash=link,
                    position=position,
                )
            )
            previous = link
        return Appended(events=tuple(stored), head=Head(version=version, hash=previous, recorded_at=recorded_at))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _refusal(outcome: int, append: Append, repeat: Any, holder: Any) -> AppendResult | Exception:
    if outcome == _REPEAT:
        return Answer(
            stream=append.stream,
            version=repeat["version"],
            events=repeat["events"],
            position=Position(repeat["epoch"], repeat["tx"], repeat["pos"]) if repeat["events"] else None,
            fingerprint=append.fingerprint,
        )
    if outcome == _OTHER_FINGERPRINT:
        return IdempotencyKeyReused("this idempotency key came before with another request")
    if outcome == _KEY_TAKEN:
        return BusinessKeyTaken("another stream has this already", kind=holder["kind"], stream=holder["stream"])
    return StreamMoved()


def _settle(waiting: _Waiting, result: AppendResult | Exception) -> None:
    if waiting.done.done():  # its caller has given up; what is committed stays so
        return
    if isinstance(result, Exception):
        waiting.done.set_exception(result)
    else:
        waiting.done.set_result(result)


def _leave_none_behind(batch: Iterable[_Waiting]) -> None:
    for waiting in batch:
        _settle(waiting, StoreUnavailable("the outcome is not known: send the command again"))
