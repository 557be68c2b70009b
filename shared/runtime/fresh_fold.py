"""What rows does a projection make of the log, from its start up to given positions?

The same fold as ever, in memory: one change a row, whatever the number of events. What a rebuild writes and what a verification
compares with comes from here. A rebuild writes and forgets what was folded whenever it is many rows; a verification holds them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa

from shared.events.envelope import START, Position, Stored
from shared.runtime.codec import EventCodec
from shared.runtime.feed import Feed, Page, Partition
from shared.runtime.folding import Rows
from shared.runtime.parked import BehindParked
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.readers import Selection

PAGE_EVENTS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a rebuild is. `share` is of the log, from 0 to 1, by positions."""

    phase: str  # "fold", "copy", "catch up", "swap"
    events: int
    share: float


Tell: TypeAlias = Callable[[Step], None]


class StillParked(Exception):
    """The database refused what this event says, and does so still. `code` is that of its parking."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Run:
    """One partition being folded: what is read and not yet folded, and up to where it was folded."""

    cursor: str | None = None
    position: Position = START
    waiting: list[Stored] = field(default_factory=list)
    is_head: bool = False


async def _keep_all() -> None:
    """All rows stay in memory."""


class FreshFold:
    """The rows that a projection makes of the log, in memory, from its start up to positions that are asked for."""

    def __init__(
        self,
        projection: Projection,
        codec: EventCodec,
        feed: Feed,
        *,
        without: frozenset[UUID] = frozenset(),  # left out, and the stream goes on
        poison: Mapping[UUID, str] = MappingProxyType(
            {}
        ),  # cannot be taken in, by error code: their streams stop there
        after_page: Callable[[], Awaitable[None]] = _keep_all,
    ) -> None:
        self.projection = projection
        self.failed: list[tuple[Stored, Exception]] = []
        self.events = 0
        self._sink = ProjectionSink(projection, codec)
        self.fold = self._sink.new_fold()
        self._feed = feed
        self._without = without
        self._poison = poison
        self._after_page = after_page
        self._runs: dict[Partition, _Run] = {}
        self._selections = {service: Selection(codec, types) for service, types in projection.reads.items()}

    @property
    def positions(self) -> Mapping[Partition, Position]:
        return {partition: run.position for partition, run in self._runs.items()}

    def cursor(self, partition: Partition) -> str | None:
        """Where to go on behind all that was read. Call `finish_pages` first."""
        return self._runs[partition].cursor

    @property
    def row_count(self) -> int:
        """How many rows are in memory."""
        return sum(len(rows) for tables in self.fold.tenants.values() for rows in tables.values())

    async def partitions(self) -> list[Partition]:
        return [partition for service in self.projection.reads for partition in await self._feed.partitions(service)]

    async def heads(self) -> Mapping[Partition, Position]:
        """Up to where the log reaches now."""
        found: dict[Partition, Position] = {}
        for service in self.projection.reads:
            found |= await self._feed.covering(service, None)
        return found

    async def read_up_to(self, targets: Mapping[Partition, Position], tell: Tell = lambda step: None) -> int:
        """Fold every event at or before these positions; how many were read."""
        before = self.events
        for partition in await self.partitions():
            run = self._runs.setdefault(partition, _Run())
            target = targets.get(partition, START)
            self._take_waiting(run, target)
            if run.position < target and not run.waiting:
                await self._read(partition, run, target, tell, targets)
        return self.events - before

    def finish_pages(self) -> None:
        """Fold what was read beyond the positions asked for, so that cursors and positions agree."""
        for run in self._runs.values():
            if run.waiting:
                self._take_waiting(run, run.waiting[-1].position)

    def forget(self) -> None:
        """Begin an empty fold where the last one ended: what was folded so far is written."""
        self.fold = self._sink.new_fold()

    def rows(self, table: sa.Table) -> Iterator[tuple[str, Rows]]:
        """By tenant, the rows of a table."""
        for tenant, tables in sorted(self.fold.tenants.items()):
            yield tenant, {key: row for key, row in tables.get(table.name, {}).items() if row.is_put}

    async def _read(
        self, partition: Partition, run: _Run, target: Position, tell: Tell, targets: Mapping[Partition, Position]
    ) -> None:
        reading = self._next_page(partition, run.cursor)
        try:
            while run.position < target:
                page = await reading
                run.cursor, run.waiting = page.cursor, list(page.events)
                reading = self._next_page(partition, run.cursor)  # while this one is folded
                self._take_waiting(run, target)
                tell(Step(phase="fold", events=self.events, share=_share(self.positions, targets)))
                await self._after_page()
                if run.waiting:
                    return
                if page.is_head and run.position < target:
                    run.position = target  # the target itself is not ours to want: nothing is left before it
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _next_page(self, partition: Partition, cursor: str | None) -> asyncio.Task[Page]:
        return asyncio.create_task(self._feed.read(partition, cursor, PAGE_EVENTS))

    def _take_waiting(self, run: _Run, target: Position) -> None:
        """Fold what waits, up to the target."""
        if not run.waiting or run.waiting[0].position > target:
            return
        if run.waiting[-1].position <= target:
            events, run.waiting = run.waiting, []
        else:
            events = [stored for stored in run.waiting if stored.position <= target]
            run.waiting = run.waiting[len(events) :]
        run.position = events[-1].position
        self.events += len(events)
        wanted = self._selections[events[0].service].wanted(events)
        if self._without:
            wanted = [stored for stored in wanted if stored.event_id not in self._without]
        stopped = {stored.key for stored, _ in self.failed}
        if self._poison:
            wanted, stopped = self._before_poison(wanted, stopped), set()
        self.failed += self._sink.fold_into(self.fold, wanted, stopped)

    def _before_poison(self, events: Sequence[Stored], stopped: set[str]) -> list[Stored]:
        """Events that are not poison and not behind one of this page."""
        free: list[Stored] = []
        for stored in events:
            if stored.event_id in self._poison:
                self.failed.append((stored, StillParked(self._poison[stored.event_id])))
                stopped.add(stored.key)
            elif stored.key in stopped:
                self.failed.append((stored, BehindParked()))
            else:
                free.append(stored)
        return free


def _share(positions: Mapping[Partition, Position], targets: Mapping[Partition, Position]) -> float:
    """Positions count events of all streams, so their sum says how much of the log is behind."""
    whole = sum(target.pos for target in targets.values())
    done = sum(min(positions.get(partition, START).pos, target.pos) for partition, target in targets.items())
    return 1.0 if whole == 0 else done / whole
