"""Where are the events of a simulated service?

`ServiceLog.append` is what the function `append_batch` of the store's migrations does, step by step: outcomes by command, heads checked by
version and hash, repeats answered, business keys held by one stream, positions in the order of commits. Above it everything is
production code: the group committer sends batches over `SimulatedConnection`, the handler speaks to `SimulatedStore`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from shared.events.envelope import Position, Stored
from shared.runtime.availability import StoreUnavailable
from shared.runtime.clock import Clock
from shared.runtime.store.append import Answer, Append, AppendResult
from shared.runtime.store.batch import Batch, Settled
from shared.runtime.store.committer import GroupCommitter
from tests.simulation.weather import Broken, Weather

_DONE, _MOVED, _REPEAT, _OTHER_FINGERPRINT, _KEY_TAKEN = range(5)
_REFUSED = {
    _MOVED: "moved",
    _REPEAT: "repeat",
    _OTHER_FINGERPRINT: "fingerprint",
    _KEY_TAKEN: "taken",
}
_EPOCH = 0


class CommandRow(NamedTuple):
    fingerprint: bytes
    stream: str
    version: int
    events: int
    position: Position


@dataclass(slots=True)
class ServiceLog:
    """The tables of one service's store."""

    service: str
    events: list[Stored] = field(default_factory=list)
    streams: dict[tuple[str, str], list[Stored]] = field(default_factory=dict)
    commands: dict[tuple[str, UUID], CommandRow] = field(default_factory=dict)
    business_keys: dict[tuple[str, str, str], str] = field(default_factory=dict)
    next_tx: int = 1
    next_pos: int = 1

    def append(self, batch: Batch) -> tuple[Mapping[str, Any], list[Stored]]:
        """One transaction: what is answered, and what was appended."""
        tenant = batch.commands[0].append.tenant
        outcomes = self._outcomes_of_heads(batch, tenant)
        repeats = self._find_repeats(batch, tenant, outcomes)
        holders = self._find_holders(batch, tenant, outcomes)
        self._break_series(batch, outcomes)
        tx, self.next_tx = self.next_tx, self.next_tx + 1
        positions = list(range(self.next_pos, self.next_pos + batch.events))
        self.next_pos += batch.events
        self._refuse_unseen_repeats(batch, tenant, outcomes)
        appended = self._write(batch, tenant, outcomes, tx, positions)
        answer = {
            "at_epoch": _EPOCH,
            "at_tx": tx,
            "outcomes": outcomes,
            "positions": positions,
            "repeats": json.dumps(repeats),
            "holders": json.dumps(holders),
        }
        return answer, appended

    def is_head(self, tenant: str, stream: str, version: int, hash: bytes) -> bool:
        past = self.streams.get((tenant, stream))
        return version == 0 if not past else (past[-1].version, past[-1].hash) == (version, hash)

    def answer_of(self, tenant: str, command_id: UUID) -> CommandRow | None:
        return self.commands.get((tenant, command_id))

    def _outcomes_of_heads(self, batch: Batch, tenant: str) -> list[int]:
        outcomes: list[int] = []
        for command, is_behind in zip(batch.commands, batch.is_behind, strict=True):
            if is_behind:
                outcomes.append(outcomes[-1])
            else:
                head = command.append.head
                is_there = self.is_head(tenant, command.append.stream, head.version, head.hash)
                outcomes.append(_DONE if is_there else _MOVED)
        return outcomes

    def _find_repeats(self, batch: Batch, tenant: str, outcomes: list[int]) -> dict[int, Any]:
        repeats: dict[int, Any] = {}
        for index, command in enumerate(batch.commands):
            append = command.append
            met = self.answer_of(tenant, append.command_id)
            if met is None or not (batch.is_retry or outcomes[index] != _DONE):
                continue
            is_same = (met.fingerprint, met.stream) == (append.fingerprint, append.stream)
            outcomes[index] = _REPEAT if is_same else _OTHER_FINGERPRINT
            repeats[index + 1] = {"version": met.version, "events": met.events} | met.position._asdict()
        return repeats

    def _find_holders(self, batch: Batch, tenant: str, outcomes: list[int]) -> dict[int, Any]:
        holders: dict[int, Any] = {}
        for index, command in enumerate(batch.commands):
            for kind, value in sorted(command.append.business_keys):
                stream = self.business_keys.get((tenant, kind, value))
                if outcomes[index] == _DONE and stream not in (None, command.append.stream):
                    outcomes[index] = _KEY_TAKEN
                    holders[index + 1] = {"kind": kind, "stream": stream}
        return holders

    def _break_series(self, batch: Batch, outcomes: list[int]) -> None:
        is_broken = False
        for index in range(1, len(outcomes)):
            before = outcomes[index - 1] != _DONE and len(batch.commands[index - 1].links) > 0
            is_broken = batch.is_behind[index] and (is_broken or before)
            if is_broken and outcomes[index] == _DONE:
                outcomes[index] = _MOVED

    def _refuse_unseen_repeats(self, batch: Batch, tenant: str, outcomes: Sequence[int]) -> None:
        for command, outcome in zip(batch.commands, outcomes, strict=True):
            if outcome == _DONE and self.answer_of(tenant, command.append.command_id) is not None:
                raise asyncpg.UniqueViolationError("commands_pkey")

    def _write(
        self, batch: Batch, tenant: str, outcomes: Sequence[int], tx: int, positions: Sequence[int]
    ) -> list[Stored]:
        written: list[Stored] = []
        first = 0
        for command, outcome in zip(batch.commands, outcomes, strict=True):
            behind = first + len(command.links)
            if outcome == _DONE:
                append = command.append
                events = command.appended(self.service, batch.clock, _EPOCH, tx, positions[first:behind]).events
                version = command.head.version + len(events)
                position = events[-1].position if events else Position(_EPOCH, tx, 0)
                row = CommandRow(append.fingerprint, append.stream, version, len(events), position)
                self.commands[tenant, append.command_id] = row
                for kind, value in append.business_keys:
                    self.business_keys.setdefault((tenant, kind, value), append.stream)
                if events:
                    self.streams.setdefault((tenant, append.stream), []).extend(events)
                    written += events
            first = behind
        self.events += written
        return written


class Tells:
    """Whoever wants to know what was appended."""

    def appended(self, service: str, events: Sequence[Stored]) -> None: ...


class SimulatedConnection:
    """Implements `shared.runtime.store.committer.Connection`."""

    def __init__(self, log: ServiceLog, feed: Tells, weather: Weather) -> None:
        self._log = log
        self._feed = feed
        self._weather = weather
        self._is_closed = False

    async def append(self, batch: Batch) -> Mapping[str, Any]:
        weather = self._weather
        if self._is_closed:
            raise Broken("closed")
        await weather.before("append")
        if weather.happens(weather.climate.raced):
            weather.note("raced", self._log.service)
            raise asyncpg.SerializationError("somebody was faster")
        answer, events = self._log.append(batch)
        for command, outcome in zip(batch.commands, answer["outcomes"], strict=True):
            if outcome != _DONE:
                weather.note(_REFUSED[outcome], self._log.service, command.append.stream)
        for stored in events:
            weather.note("event", stored.service, stored.key, stored.version, stored.hash.hex())
        self._feed.appended(self._log.service, events)
        await weather.after("append")
        return answer

    def is_closed(self) -> bool:
        return self._is_closed

    def terminate(self) -> None:
        self._is_closed = True

    async def close(self) -> None:
        self._is_closed = True


class SimulatedStore:
    """Implements `shared.runtime.handler.Store` for one process."""

    def __init__(self, log: ServiceLog, feed: Tells, weather: Weather, clock: Clock) -> None:
        self._log = log
        self._weather = weather

        async def connect() -> SimulatedConnection:
            return SimulatedConnection(log, feed, weather)

        self._committer = GroupCommitter(
            connect,
            service=log.service,
            clock=clock,
            queue_max=1_000,
            batch_max=16,
            writers=2,
            give_up_seconds=0.5,
        )

    @property
    def is_idle(self) -> bool:
        return self._committer.is_idle

    async def append(self, append: Append) -> AppendResult:
        return await self._committer.append(append)

    async def append_series(self, series: Sequence[Append]) -> list[Settled]:
        return await self._committer.append_series(series)

    async def stored_stream(self, tenant: str, stream: str, *, after: int = 0) -> list[Stored]:
        await self._read()
        return self._log.streams.get((tenant, stream), [])[after:]

    async def answer(self, tenant: str, command_id: UUID) -> Answer | None:
        await self._read()
        row = self._log.answer_of(tenant, command_id)
        if row is None:
            return None
        return Answer(
            stream=row.stream,
            version=row.version,
            events=row.events,
            position=row.position if row.events else None,
            fingerprint=row.fingerprint,
        )

    async def _read(self) -> None:
        try:
            await self._weather.before("read of the store")
        except Broken as broken:
            raise StoreUnavailable("the store does not answer") from broken
