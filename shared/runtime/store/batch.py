"""What goes to the database in one transaction, and what does each caller hear of it?

The appends of a batch are stamped, hashed and laid out as the arrays of `append_batch` (in the migrations), whose outcomes are then
told to whoever waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import msgspec

from shared.events.envelope import Position, Stored
from shared.runtime.arrays import integer_array, text_array, time_array
from shared.runtime.command import BusinessKeyTaken, IdempotencyKeyReused
from shared.runtime.store.append import Answer, Append, Appended, AppendResult, Head, StreamMoved
from shared.runtime.store.hashing import event_hash

# append_batch takes them in this order; `text::` goes as the text of an array (see arrays.py)
_SENT_AS = (
    "text, timestamptz, text, boolean,"
    " uuid[], bytea[], text::text[], text::int[], text::int[], bytea[], text::timestamptz[], text::timestamptz[],"
    " text::text[], text::text[], text::text[], text::text[], boolean[],"
    " text::int[], text::text[], text::text[],"
    " text::int[], uuid[], text::text[], bytea[], bytea[]"
)
APPEND = f"select * from append_batch({', '.join(f'${n}::{name}' for n, name in enumerate(_SENT_AS.split(', '), 1))})"

_DONE, _MOVED, _REPEAT, _OTHER_FINGERPRINT, _KEY_TAKEN, _AGAIN = range(6)

Settled: TypeAlias = AppendResult | Exception


@dataclass(slots=True, eq=False)
class Waiting:
    """A command, or a series for one stream, and who waits for what becomes of each."""

    series: Sequence[Append]
    done: asyncio.Future[list[Settled]]

    @property
    def stream(self) -> str:
        return self.series[0].stream


class _LaidOut:
    """A command of a batch: its stamps, the links of its events, and the heads before and behind it."""

    __slots__ = ("append", "behind", "head", "links", "occurred_at", "recorded_at")

    def __init__(self, append: Append, head: Head, *, stamp: datetime, clock: str) -> None:
        last = head.recorded_at
        self.append = append
        self.head = head
        self.recorded_at = stamp if last is None or last <= stamp else last  # never below the stream's last
        self.occurred_at = append.occurred_at or self.recorded_at
        self.links: list[bytes] = []
        previous, version = head.hash, head.version
        for event in append.events:
            version += 1
            previous = event_hash(
                previous_hash=previous,
                tenant=append.tenant,
                stream=append.stream,
                version=version,
                type=event.type,
                event_id=event.event_id,
                occurred_at=self.occurred_at,
                recorded_at=self.recorded_at,
                actor=append.actor,
                command_id=append.command_id,
                correlation_id=append.correlation_id,
                causation_id=append.causation_id,
                clock=clock,
                data=event.data,
            )
            self.links.append(previous)
        self.behind = Head(version=version, hash=previous, recorded_at=self.recorded_at) if append.events else head

    def appended(self, service: str, clock: str, epoch: int, tx: int, positions: Sequence[int]) -> Appended:
        append, previous, version = self.append, self.head.hash, self.head.version
        stored: list[Stored] = []
        for event, link, pos in zip(append.events, self.links, positions, strict=True):
            version += 1
            stored.append(
                Stored(
                    service=service,
                    tenant=append.tenant,
                    stream=append.stream,
                    version=version,
                    event_id=event.event_id,
                    type=event.type,
                    occurred_at=self.occurred_at,
                    recorded_at=self.recorded_at,
                    actor=append.actor,
                    command_id=append.command_id,
                    correlation_id=append.correlation_id,
                    causation_id=append.causation_id,
                    traceparent=append.traceparent,
                    clock=clock,
                    data=event.data,
                    previous_hash=previous,
                    hash=link,
                    position=Position(epoch, tx, pos),
                )
            )
            previous = link
        return Appended(events=tuple(stored), head=self.behind)


class Batch:
    """The appends of one transaction: stamped, hashed, and laid out as the arrays that `append_batch` takes."""

    def __init__(
        self, service: str, waiting: Sequence[Waiting], *, stamp: datetime, clock: str, is_retry: bool
    ) -> None:
        self._service = service
        self.is_retry = is_retry
        self._waiting = waiting
        self.stamp = stamp
        self.clock = clock
        self.commands: list[_LaidOut] = []
        self.is_behind: list[bool] = []
        for one in waiting:
            head = one.series[0].head
            for append in one.series:
                command = _LaidOut(append, head, stamp=stamp, clock=clock)
                self.commands.append(command)
                head = command.behind
            self.is_behind += [False, *[True] * (len(one.series) - 1)]
        self.arguments = self._arguments()

    @property
    def events(self) -> int:
        return sum(len(command.links) for command in self.commands)

    def _arguments(self) -> tuple[Any, ...]:
        commands, stamp = self.commands, self.stamp
        appends = [command.append for command in commands]
        events = [event for append in appends for event in append.events]
        keys = [(index, *key) for index, append in enumerate(appends, start=1) for key in append.business_keys]
        return (
            appends[0].tenant,
            stamp,
            self.clock,
            self.is_retry,
            [append.command_id for append in appends],
            [append.fingerprint for append in appends],
            text_array([append.stream for append in appends]),
            integer_array([command.head.version for command in commands]),
            integer_array([len(append.events) for append in appends]),
            [command.head.hash for command in commands],
            _if_any(
                [None if command.recorded_at is stamp else command.recorded_at for command in commands], time_array
            ),
            _if_any([append.occurred_at for append in appends], time_array),
            text_array([append.actor for append in appends]),
            text_array([append.correlation_id for append in appends]),
            _if_any([append.causation_id for append in appends], text_array),
            _if_any([append.traceparent for append in appends], text_array),
            self.is_behind if True in self.is_behind else None,
            integer_array([index for index, _, _ in keys]),
            text_array([kind for _, kind, _ in keys]),
            text_array([value for _, _, value in keys]),
            integer_array([index for index, append in enumerate(appends, start=1) for _ in append.events]),
            [event.event_id for event in events],
            text_array([event.type for event in events]),
            [event.data for event in events],
            [link for command in commands for link in command.links],
        )

    def settle(self, answer: Any) -> list[Waiting]:
        """Tell each caller what became of its commands; returns those that need another transaction."""
        settled = self._settled(answer)
        again: list[Waiting] = []
        first = 0
        for one in self._waiting:
            of_one = settled[first : first + len(one.series)]
            first += len(one.series)
            if None in of_one:  # then nothing of the series was appended
                again.append(one)
            else:
                settle(one, [each for each in of_one if each is not None])
        return again

    def _settled(self, answer: Any) -> list[Settled | None]:
        """Of each command; None when it needs another transaction."""
        repeats = msgspec.json.decode(answer["repeats"] or "{}")
        holders = msgspec.json.decode(answer["holders"] or "{}")
        epoch, tx, positions = answer["at_epoch"], answer["at_tx"], answer["positions"] or ()
        settled: list[Settled | None] = []
        first = 0
        for index, (command, outcome) in enumerate(zip(self.commands, answer["outcomes"], strict=True), start=1):
            behind = first + len(command.links)
            if outcome == _DONE:
                settled.append(command.appended(self._service, self.clock, epoch, tx, positions[first:behind]))
            elif outcome == _AGAIN:
                settled.append(None)
            else:
                settled.append(_refusal(outcome, command.append, repeats.get(str(index)), holders.get(str(index))))
            first = behind
        return settled


V = TypeVar("V")


def _if_any(values: list[V | None], array: Callable[[list[V | None]], str]) -> str | None:
    """Nothing at all stands for an array of nothing."""
    return array(values) if any(value is not None for value in values) else None


def _refusal(outcome: int, append: Append, repeat: Any, holder: Any) -> Settled:
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


def settle(waiting: Waiting, settled: list[Settled]) -> None:
    """Tell a caller, unless it has given up; what is committed stays so."""
    if not waiting.done.done():
        waiting.done.set_result(settled)


def settle_all(waiting: Waiting, failure: Exception) -> None:
    """The same for every command of a series."""
    settle(waiting, [failure] * len(waiting.series))
