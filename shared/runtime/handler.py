"""How does a command become events? Here the domain meets the store.

Load what happened, decide, append under the condition that nothing happened meanwhile; on a conflict load what did and decide
again, three times. Commands of one process for one stream take turns, so they do not race each other; those that waited for the
same turn are decided one on the other and share a commit (ten thousand claims report to one remittance).

What a decider remembers is kept for the streams used last. A remembered state may be behind: an append checks version and hash
of the stream, and before a refusal is given out the stream is read up to its end and the command decided again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from opentelemetry.trace import Span

from shared.events.base import Event
from shared.events.envelope import Recorded, Stored
from shared.kernel.errors import Conflict, DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.availability import StoreUnavailable
from shared.runtime.clock import Clock
from shared.runtime.codec import EventCodec
from shared.runtime.command import (
    Aggregate,
    BusinessKey,
    Cause,
    ChangedMeanwhile,
    EventTooLarge,
    IdempotencyKeyReused,
    Outcome,
    TooBusy,
)
from shared.runtime.store.append import (
    EVENT_BYTES_MAX,
    Answer,
    Append,
    Appended,
    AppendResult,
    Head,
    NewEvent,
    StreamMoved,
)
from shared.runtime.store.batch import Settled
from shared.runtime.store.hashing import FIRST
from shared.runtime.store.telemetry import traceparent, tracer
from shared.runtime.vault import Vault

_CONFLICTS_MAX = 3
_STREAM_CHARACTERS_MAX = 120
_TOGETHER_MAX = 64  # commands for one stream that share a commit
_TOGETHER_BYTES_MAX = 1 << 20  # of events, or a little more
_NO_EVENTS = Head(version=0, hash=FIRST, recorded_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a decider remembers of a stream, and up to where."""

    head: Head
    state: Any
    is_fresh: bool  # read from the store just now


@dataclass(slots=True, eq=False, kw_only=True)
class _Asked:
    """A command whose caller waits, and what became of it."""

    aggregate: Aggregate
    command: Any
    cause: Cause
    traceparent: str | None
    settled: Outcome | Exception | None = None
    goes_alone: bool = False  # what it came to together with others does not hold

    def outcome(self) -> Outcome:
        if isinstance(self.settled, Exception):
            raise self.settled
        assert self.settled is not None
        return self.settled


class Store(Protocol):
    """What a handler needs of a store: `store/event_store.py`."""

    async def append(self, append: Append) -> AppendResult: ...

    async def append_series(self, series: Sequence[Append]) -> list[Settled]: ...

    async def stored_stream(self, tenant: str, stream: str, *, after: int = 0) -> list[Stored]: ...

    async def answer(self, tenant: str, command_id: UUID) -> Answer | None: ...


class CommandHandler:
    """Implements `shared.runtime.command.Commands` for one service."""

    def __init__(
        self,
        store: Store,
        codec: EventCodec,
        vault: Vault,
        clock: Clock,
        service: str,
        *,
        remembered_max: int = 20_000,
    ) -> None:
        self._store = store
        self._codec = codec
        self._vault = vault
        self._clock = clock
        self._service = service
        self._remembered = _Remembered(remembered_max)
        self._turns = _Turns()

    async def handle(self, aggregate: Aggregate, key: str, command: Any, cause: Cause) -> Outcome:
        """Load, decide, append. The outcome is durable when it returns; a repeated command has that of the first time.

        Raises DomainError (a refusal), Conflict, IdempotencyKeyReused, BusinessKeyTaken, TooBusy, EventTooLarge.
        """
        stream = aggregate.stream(key)
        if not 0 < len(stream) <= _STREAM_CHARACTERS_MAX:
            raise ValueError(f"a stream name has at most {_STREAM_CHARACTERS_MAX} characters")
        with tracer.start_as_current_span(f"command {type(command).__name__}") as span:
            asked = _Asked(aggregate=aggregate, command=command, cause=cause, traceparent=traceparent())
            async with self._turns.of(cause.tenant, stream, asked) as together:
                if len(together) > 1:
                    await self._handle_together(stream, together)
                if asked.settled is None:
                    asked.settled = await self._handle(stream, asked)
            outcome = asked.outcome()
            _describe(span, cause, outcome)
            return outcome

    async def state(self, aggregate: Aggregate, tenant: str, key: str) -> Any:
        """What the decider would remember now (the initial state when the stream is empty)."""
        stream = aggregate.stream(key)
        return (await self._catch_up(aggregate, tenant, stream, self._remembered.get(tenant, stream))).state

    async def stored_stream(self, tenant: str, stream: str) -> list[Stored]:
        """Every event of a stream as it lies in the store, in order."""
        return await self._store.stored_stream(tenant, stream)

    async def recorded_stream(self, tenant: str, stream: str) -> list[Recorded[Any]]:
        """Every event of a stream and what it says, in order. Raises UnknownEventType."""
        return [self._codec.decode(stored) for stored in await self._store.stored_stream(tenant, stream)]

    async def _handle(self, stream: str, asked: _Asked) -> Outcome:
        aggregate, command, cause = asked.aggregate, asked.command, asked.cause
        known = self._remembered.get(cause.tenant, stream)
        for _ in range(1 + _CONFLICTS_MAX):
            if known is None:
                known = await self._catch_up(aggregate, cause.tenant, stream, None)
            try:
                _refuse_when_changed(cause, known.head.version)
                events: Sequence[Event] = aggregate.decider.decide(command, known.state)
            except DomainError:
                if (repeat := await self._repeat(stream, cause)) is not None:
                    return repeat
                if known.is_fresh:
                    raise
                known = await self._catch_up(aggregate, cause.tenant, stream, known)
                continue
            try:
                return await self._append(stream, known, events, asked)
            except StreamMoved:
                known = await self._catch_up(aggregate, cause.tenant, stream, known)
        raise Conflict("others changed this at the same time: try again", stream=stream)

    async def _append(self, stream: str, known: _Known, events: Sequence[Event], asked: _Asked) -> Outcome:
        new, at_rest = await self._encoded(events, asked.cause)
        result = await self._store.append(_append_of(stream, known.head, asked, new, at_rest))
        if isinstance(result, Answer):
            return await self._outcome_of(result, asked.cause)
        decider = asked.aggregate.decider
        state = decider.state_after(at_rest, since=known.state) if at_rest else known.state
        self._remembered.put(asked.cause.tenant, stream, _Known(head=result.head, state=state, is_fresh=False))
        return _outcome(stream, result, at_rest)

    async def _handle_together(self, stream: str, together: Sequence[_Asked]) -> None:
        """Decide each on what those before it decided, and append them as one series.

        Whatever does not go smoothly (a refusal, a repeat, a conflict, an error) is left to be handled alone, where it is looked at
        with care. Nothing is answered before it is committed.
        """
        aggregate, tenant = together[0].aggregate, together[0].cause.tenant
        known = self._remembered.get(tenant, stream) or await self._catch_up(aggregate, tenant, stream, None)
        series: list[Append] = []
        decided: list[tuple[_Asked, list[Event], Any]] = []  # with the state behind it
        state, size = known.state, 0
        for asked in together:
            asked.goes_alone = True
            if asked.cause.expected_version is not None:
                continue
            if asked.aggregate is not aggregate or any(asked.cause.command_id == one.command_id for one in series):
                continue
            try:
                new, at_rest = await self._encoded(aggregate.decider.decide(asked.command, state), asked.cause)
                after = aggregate.decider.state_after(at_rest, since=state)
            except Exception:  # noqa: BLE001  raised to its caller when it is handled alone
                continue
            size += sum(len(event.data) for event in new)
            if series and size > _TOGETHER_BYTES_MAX:
                break
            series.append(_append_of(stream, known.head, asked, new, at_rest))
            decided.append((asked, at_rest, after))
            state = after
        if series:
            await self._append_series(stream, series, decided)

    async def _append_series(
        self, stream: str, series: Sequence[Append], decided: Sequence[tuple[_Asked, list[Event], Any]]
    ) -> None:
        results: Sequence[Settled]
        try:
            results = await self._store.append_series(series)
        except (TooBusy, StoreUnavailable) as error:
            results = [error] * len(series)
        for (asked, at_rest, state), result in zip(decided, results, strict=True):
            if isinstance(result, Appended):
                asked.settled = _outcome(stream, result, at_rest)
                known = _Known(head=result.head, state=state, is_fresh=False)
                self._remembered.put(asked.cause.tenant, stream, known)
            elif isinstance(result, Exception) and not isinstance(result, StreamMoved):
                asked.settled = result

    async def _encoded(self, events: Sequence[Event], cause: Cause) -> tuple[tuple[NewEvent, ...], list[Event]]:
        """The events as they will be stored, and as whoever loads the stream later will see them."""
        new: list[NewEvent] = []
        at_rest: list[Event] = []
        for ordinal, event in enumerate(events, start=1):
            name = self._codec.name_of(self._service, event)
            data, was_sealed = await self._codec.encode(self._vault, cause.tenant, event)
            if len(data) > EVENT_BYTES_MAX:
                raise EventTooLarge(
                    "an event is too large for the log", type=name, bytes=len(data), max=EVENT_BYTES_MAX
                )
            new.append(NewEvent(event_id=derived_id(cause.command_id, ordinal), type=name, data=data))
            at_rest.append(self._codec.event_of(name, data) if was_sealed else event)
        return tuple(new), at_rest

    async def _catch_up(self, aggregate: Aggregate, tenant: str, stream: str, known: _Known | None) -> _Known:
        """The stream up to its end: from where it is known, or from the start."""
        head = known.head if known else _NO_EVENTS
        news = await self._store.stored_stream(tenant, stream, after=head.version)
        if news and news[0].previous_hash != head.hash:  # what was remembered is not what happened
            return await self._catch_up(aggregate, tenant, stream, None)
        state = aggregate.decider.state_after(
            (self._codec.decode(stored).event for stored in news),
            since=known.state if known else aggregate.decider.initial,
        )
        if news:
            head = Head(version=news[-1].version, hash=news[-1].hash, recorded_at=news[-1].recorded_at)
        known = _Known(head=head, state=state, is_fresh=True)
        self._remembered.put(tenant, stream, replace(known, is_fresh=False))
        return known

    async def _repeat(self, stream: str, cause: Cause) -> Outcome | None:
        """The outcome of the first time, should this command have been handled before."""
        answer = await self._store.answer(cause.tenant, cause.command_id)
        if answer is None:
            return None
        if (answer.stream, answer.fingerprint) != (stream, cause.fingerprint):
            raise IdempotencyKeyReused("this idempotency key came before with another request")
        return await self._outcome_of(answer, cause)

    async def _outcome_of(self, answer: Answer, cause: Cause) -> Outcome:
        first = answer.version - answer.events
        stored = await self._store.stored_stream(cause.tenant, answer.stream, after=first) if answer.events else []
        events = tuple(self._codec.decode(one) for one in stored[: answer.events])
        return Outcome(
            stream=answer.stream,
            version=answer.version,
            position=answer.position,
            events=events,
            is_repeat=True,
            event_ids=tuple(event.event_id for event in events),
        )


def _refuse_when_changed(cause: Cause, version: int) -> None:
    if cause.expected_version not in (None, version):
        facts = {"expected_version": cause.expected_version, "version": version}
        raise ChangedMeanwhile("something happened here since: look again", **facts)


def _append_of(stream: str, head: Head, asked: _Asked, new: tuple[NewEvent, ...], at_rest: Sequence[Event]) -> Append:
    cause = asked.cause
    return Append(
        tenant=cause.tenant,
        stream=stream,
        head=head,
        events=new,
        business_keys=_business_keys(asked.aggregate, at_rest),
        command_id=cause.command_id,
        fingerprint=cause.fingerprint,
        occurred_at=cause.occurred_at,
        actor=cause.actor,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        traceparent=asked.traceparent,
    )


def _business_keys(aggregate: Aggregate, events: Sequence[Event]) -> frozenset[BusinessKey]:
    return frozenset(key for event in events for key in aggregate.business_keys(event))


def _outcome(stream: str, result: Appended, events: Sequence[Event]) -> Outcome:
    recorded = tuple(Recorded(stored=stored, event=event) for stored, event in zip(result.events, events, strict=True))
    return Outcome(
        stream=stream,
        version=result.head.version,
        position=recorded[-1].position if recorded else None,
        events=recorded,
        event_ids=tuple(one.event_id for one in recorded),
    )


def _describe(span: Span, cause: Cause, outcome: Outcome) -> None:
    if span.is_recording():
        span.set_attributes(
            {
                "ledgerline.tenant": cause.tenant,
                "ledgerline.stream": outcome.stream,
                "ledgerline.command_id": str(cause.command_id),
                "ledgerline.version": outcome.version,
                "ledgerline.is_repeat": outcome.is_repeat,
            }
        )


class _Remembered:
    """States of the streams used last, by tenant and stream."""

    def __init__(self, max_: int) -> None:
        self._max = max_
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def get(self, tenant: str, stream: str) -> _Known | None:
        known = self._known.get((tenant, stream))
        if known is not None:
            self._known.move_to_end((tenant, stream))
        return known

    def put(self, tenant: str, stream: str, known: _Known) -> None:
        self._known[tenant, stream] = known
        self._known.move_to_end((tenant, stream))
        if len(self._known) > self._max:
            self._known.popitem(last=False)


class _Turns:
    """A line for each stream that is in use: its commands are handled in the order in which they came."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], _Line] = {}

    def of(self, tenant: str, stream: str, asked: _Asked) -> _Turn:
        """A context that is entered when it is the command's turn."""
        line = self._lines.get((tenant, stream))
        if line is None:
            line = self._lines[tenant, stream] = _Line()
        return _Turn(self._lines, (tenant, stream), line, asked)


class _Line:
    __slots__ = ("lock", "users", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
        self.waiting: dict[_Asked, None] = {}  # in the order in which they came

    def next_with(self, asked: _Asked) -> list[_Asked]:
        """What is handled in this turn: the command, and those that wait behind it."""
        self.waiting.pop(asked, None)
        if asked.settled is not None or asked.goes_alone:
            return [asked]
        together = [asked, *islice(self.waiting, _TOGETHER_MAX - 1)]
        for one in together[1:]:
            del self.waiting[one]
        return together


class _Turn:
    __slots__ = ("_asked", "_key", "_line", "_lines")

    def __init__(self, lines: dict[tuple[str, str], _Line], key: tuple[str, str], line: _Line, asked: _Asked) -> None:
        self._lines = lines
        self._key = key
        self._line = line
        self._asked = asked

    async def __aenter__(self) -> list[_Asked]:
        self._line.users += 1
        self._line.waiting[self._asked] = None
        try:
            await self._line.lock.acquire()
        except BaseException:
            self._leave()
            raise
        return self._line.next_with(self._asked)

    async def __aexit__(self, *_: object) -> None:
        self._line.lock.release()
        self._leave()

    def _leave(self) -> None:
        self._line.waiting.pop(self._asked, None)
        self._line.users -= 1
        if self._line.users == 0:
            del self._lines[self._key]
