"""How does a command become events? Here the domain meets the store.

Load what happened, decide, append under the condition that nothing happened meanwhile; on a conflict load what did and decide
again, three times. Commands of one process for one stream take turns, so they do not race each other.

What a decider remembers is kept for the streams used last. A remembered state may be behind: an append checks version and hash
of the stream, and before a refusal is given out the stream is read up to its end and the command decided again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.trace import Span

from shared.events.base import Event
from shared.events.envelope import Recorded, Stored
from shared.kernel.errors import Conflict, DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Aggregate, BusinessKey, Cause, EventTooLarge, IdempotencyKeyReused, Outcome
from shared.runtime.store.append import EVENT_BYTES_MAX, Answer, Append, Appended, Head, NewEvent, StreamMoved
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.hashing import FIRST
from shared.runtime.store.telemetry import traceparent, tracer
from shared.runtime.vault import Vault

_CONFLICTS_MAX = 3
_STREAM_CHARACTERS_MAX = 120
_NO_EVENTS = Head(version=0, hash=FIRST, recorded_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a decider remembers of a stream, and up to where."""

    head: Head
    state: Any
    is_fresh: bool  # read from the store just now


class CommandHandler:
    """Implements `shared.runtime.command.Commands` for one service."""

    def __init__(
        self,
        store: EventStore,
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
            async with self._turns.of(cause.tenant, stream):
                outcome = await self._handle(aggregate, stream, command, cause)
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

    async def _handle(self, aggregate: Aggregate, stream: str, command: Any, cause: Cause) -> Outcome:
        known = self._remembered.get(cause.tenant, stream)
        for _ in range(1 + _CONFLICTS_MAX):
            if known is None:
                known = await self._catch_up(aggregate, cause.tenant, stream, None)
            try:
                events: Sequence[Event] = aggregate.decider.decide(command, known.state)
            except DomainError:
                if (repeat := await self._repeat(stream, cause)) is not None:
                    return repeat
                if known.is_fresh:
                    raise
                known = await self._catch_up(aggregate, cause.tenant, stream, known)
                continue
            try:
                return await self._append(aggregate, stream, known, events, cause)
            except StreamMoved:
                known = await self._catch_up(aggregate, cause.tenant, stream, known)
        raise Conflict("others changed this at the same time: try again", stream=stream)

    async def _append(
        self, aggregate: Aggregate, stream: str, known: _Known, events: Sequence[Event], cause: Cause
    ) -> Outcome:
        new, at_rest = await self._encoded(events, cause)
        result = await self._store.append(
            Append(
                tenant=cause.tenant,
                stream=stream,
                head=known.head,
                events=new,
                business_keys=_business_keys(aggregate, at_rest),
                command_id=cause.command_id,
                fingerprint=cause.fingerprint,
                occurred_at=cause.occurred_at,
                actor=cause.actor,
                correlation_id=cause.correlation_id,
                causation_id=cause.causation_id,
                traceparent=traceparent(),
            )
        )
        if isinstance(result, Answer):
            return await self._outcome_of(result, cause)
        state = aggregate.decider.state_after(at_rest, since=known.state) if at_rest else known.state
        self._remembered.put(cause.tenant, stream, _Known(head=result.head, state=state, is_fresh=False))
        return _outcome(stream, result, at_rest)

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
    """One lock for each stream that is in use, as a context that commands for that stream enter one after another."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], _Turn] = {}

    def of(self, tenant: str, stream: str) -> _Turn:
        turn = self._streams.get((tenant, stream))
        if turn is None:
            turn = self._streams[tenant, stream] = _Turn(self._streams, (tenant, stream))
        return turn


class _Turn:
    __slots__ = ("_key", "_lock", "_streams", "_users")

    def __init__(self, streams: dict[tuple[str, str], _Turn], key: tuple[str, str]) -> None:
        self._streams = streams
        self._key = key
        self._lock = asyncio.Lock()
        self._users = 0

    async def __aenter__(self) -> None:
        self._users += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            del self._streams[self._key]
