"""How far is each reader, and when has it got to where I need it?

Readers of this process report here as they move; where others hold the lease, the rows of `readers` tell, and they are only
looked at while somebody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from shared.events.envelope import START, Position
from shared.runtime.faults import is_worth_retrying
from shared.runtime.feed import Partition

_LOOK_SECONDS = 0.02
_READERS = """
SELECT reader, service, partition, position_epoch, position_tx, position_pos, watermark, owner, lease_until >= now() AS is_held
  FROM readers WHERE reader <> '(process)'
"""

_LEASES = """
SELECT reader, service, partition, position_epoch, position_tx, position_pos, watermark, owner, lease_until >= now() AS is_held,
       epoch, CASE WHEN lease_until >= now() THEN lease_until END AS until
  FROM readers WHERE reader <> '(process)' ORDER BY reader, service, partition
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseStatus:
    """A row of `readers` as it is in the database. `epoch` grows with each owner; `until` is None when nobody holds it."""

    name: str
    partition: Partition
    position: Position
    watermark: datetime | None
    owner: str | None
    epoch: int
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderStatus:
    """Where a reader of one partition stands. `watermark`: everything recorded up to then has been taken in."""

    name: str
    partition: Partition
    position: Position
    watermark: datetime | None
    owner: str | None = None


class Progress:
    """What this process knows about the readers of one service's database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._known: dict[tuple[str, Partition], ReaderStatus] = {}
        self._changed = asyncio.Event()
        self._waiting = 0
        self._look: asyncio.Task[None] | None = None

    def note(self, status: ReaderStatus) -> None:
        """A reader of this process has moved."""
        self._known[status.name, status.partition] = status
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()

    async def statuses(self) -> list[ReaderStatus]:
        """Every reader of this database, from its rows and from what this process knows better."""
        await self._read_rows()
        return sorted(self._known.values(), key=lambda status: (status.name, status.partition))

    async def leases(self) -> list[LeaseStatus]:
        """Who works on what until when: relay, projections, policies, timers and tasks."""
        return [
            LeaseStatus(
                name=row["reader"],
                partition=Partition(row["service"], row["partition"]),
                position=Position(row["position_epoch"], row["position_tx"], row["position_pos"]),
                watermark=row["watermark"],
                owner=row["owner"] if row["is_held"] else None,
                epoch=row["epoch"],
                until=row["until"],
            )
            for row in await self._pool.fetch(_LEASES)
        ]

    def furthest(self, reader: str) -> Position:
        """The last position that this reader is known to have taken in, in whichever partition."""
        return max((status.position for status in self._known.values() if status.name == reader), default=START)

    def is_reached(self, readers: Iterable[str], positions: Mapping[Partition, Position]) -> bool:
        """Whether each of these readers has taken in what those of its partitions hold up to there."""
        return all(
            (status := self._known.get((name, partition))) is not None and status.position >= position
            for name in readers
            for partition, position in positions.items()
        )

    async def wait_for(
        self, readers: Iterable[str], positions: Mapping[Partition, Position], timeout_seconds: float
    ) -> bool:
        """Whether all of these readers reached these positions in time. A partition that is not named is not waited for."""
        names = tuple(readers)
        if self.is_reached(names, positions):
            return True
        await self._read_rows()
        if timeout_seconds <= 0 or self.is_reached(names, positions):
            return self.is_reached(names, positions)
        async with self._looking():
            try:
                async with asyncio.timeout(timeout_seconds):
                    while not self.is_reached(names, positions):
                        await self._changed.wait()
            except TimeoutError:
                return self.is_reached(names, positions)
        return True

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[None]:
        self._waiting += 1
        if self._look is None:
            self._look = asyncio.create_task(self._look_at_rows(), name="progress of readers")
        try:
            yield
        finally:
            self._waiting -= 1
            look = self._look
            if not self._waiting and look:
                look.cancel()
                self._look = None

    async def _look_at_rows(self) -> None:
        while True:
            try:
                await self._read_rows()
            except Exception as error:
                if not is_worth_retrying(error):
                    raise
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read_rows(self) -> None:
        for row in await self._pool.fetch(_READERS):
            status = _status(row)
            known = self._known.get((status.name, status.partition))
            if (
                known is None
                or known.position < status.position
                or (known.watermark or _NEVER) < (status.watermark or _NEVER)
            ):
                self.note(status)


_NEVER = datetime.min.replace(tzinfo=UTC)


def _status(row: asyncpg.Record) -> ReaderStatus:
    return ReaderStatus(
        name=row["reader"],
        partition=Partition(row["service"], row["partition"]),
        position=Position(row["position_epoch"], row["position_tx"], row["position_pos"]),
        watermark=row["watermark"],
        owner=row["owner"] if row["is_held"] else None,
    )
