"""Who reads this partition now, and up to where?

The one lease mechanism: a row of `readers` with owner, epoch and time limit. Each new owner raises the epoch, and every write of
a position names the epoch it was made under, so an owner that was stopped and wakes up later writes nothing (it is fenced). The
relay, projections, policies, timers and tasks all stand on it; nobody uses session locks, which a stopped owner keeps for ever.

A position moves in the transaction that writes what was read (`Lease.moving`). Where a page held nothing of interest it moves in
memory only (`Lease.skip_to`), and `Leases.run` writes all such moves of a process, with the renewals, in one statement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from shared.events.envelope import Position
from shared.runtime.faults import is_worth_retrying
from shared.runtime.feed import Partition

BEAT_SECONDS = 0.25
WATERMARK_SECONDS = 1.0  # how old a written watermark may be
TAKE_OVER_SECONDS = 1.0  # how often a process looks for leases that ran out


class LeaseLost(Exception):
    """Another owner has taken over: nothing that was done since may be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reader stands in a partition."""

    cursor: str | None
    position: Position
    watermark: datetime | None


_ROW = "reader, service, partition, epoch, cursor, position_epoch, position_tx, position_pos, watermark, state"
_MAKE = "INSERT INTO readers (reader, service, partition) SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])"
_TAKE = f"""
WITH free AS (
  SELECT reader, service, partition FROM readers
   WHERE (reader, service, partition) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::integer[]))
     AND (owner IS NULL OR owner = $4 OR lease_until < now())
   FOR UPDATE SKIP LOCKED)
UPDATE readers r
   SET owner = $4, epoch = r.epoch + 1, lease_until = now() + $5, updated_at = now(),
       state = CASE WHEN r.owner <> $4  -- it ran out: its owner died or hung on this page
                    THEN r.state || jsonb_build_object('crashes', coalesce((r.state->>'crashes')::integer, 0) + 1)
                    ELSE r.state END
  FROM free
 WHERE (r.reader, r.service, r.partition) = (free.reader, free.service, free.partition)
RETURNING {", ".join("r." + name for name in _ROW.split(", "))}
"""
_BEAT = """
WITH held AS (
  SELECT h.* FROM unnest($3::text[], $4::text[], $5::integer[], $6::bigint[], $7::text[],
                         $8::smallint[], $9::bigint[], $10::bigint[], $11::timestamptz[])
         AS h (reader, service, partition, epoch, cursor, e, tx, pos, watermark)
    JOIN readers r USING (reader, service, partition)
   WHERE r.epoch = h.epoch AND r.owner = $1
   FOR UPDATE OF r SKIP LOCKED)  -- one that is locked is being written by its own reader, which renews it
UPDATE readers r
   SET lease_until = now() + $2, updated_at = now(),
       cursor = CASE WHEN ahead THEN h.cursor ELSE r.cursor END,
       position_epoch = CASE WHEN ahead THEN h.e ELSE r.position_epoch END,
       position_tx = CASE WHEN ahead THEN h.tx ELSE r.position_tx END,
       position_pos = CASE WHEN ahead THEN h.pos ELSE r.position_pos END,
       watermark = CASE WHEN ahead THEN coalesce(greatest(r.watermark, h.watermark), r.watermark) ELSE r.watermark END
  FROM (SELECT held.*, (o.position_epoch, o.position_tx, o.position_pos) <= (held.e, held.tx, held.pos) AS ahead
          FROM held JOIN readers o USING (reader, service, partition)) h
 WHERE (r.reader, r.service, r.partition) = (h.reader, h.service, h.partition)
"""
_MOVE = """
UPDATE readers
   SET cursor = $5, position_epoch = $6, position_tx = $7, position_pos = $8,
       watermark = coalesce($9, watermark), lease_until = now() + $10, updated_at = now()
 WHERE reader = $1 AND service = $2 AND partition = $3 AND epoch = $4
RETURNING state
"""
_STATE = "UPDATE readers SET state = $4 WHERE reader = $1 AND service = $2 AND partition = $3"
_FREE = """
UPDATE readers SET owner = NULL, lease_until = '-infinity'
 WHERE reader = $1 AND service = $2 AND partition = $3 AND epoch = $4
"""
_LOST = """
SELECT h.n FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]) WITH ORDINALITY AS h (reader, service, partition, epoch, n)
 WHERE NOT EXISTS (SELECT FROM readers r WHERE r.reader = h.reader AND r.service = h.service AND r.partition = h.partition
                                           AND r.epoch = h.epoch)
"""


class Lease:
    """One partition that this process reads for one reader. Used by one task at a time."""

    def __init__(self, pool: asyncpg.Pool, row: asyncpg.Record, duration: timedelta) -> None:
        self.reader: str = row["reader"]
        self.partition = Partition(row["service"], row["partition"])
        self.epoch: int = row["epoch"]
        self.place = _place(row)
        self.state: Mapping[str, Any] = msgspec.json.decode(row["state"])
        self.is_held = True
        self._pool = pool
        self._duration = duration
        self._written = self.place
        self._written_at = time.monotonic()

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.reader, *self.partition)

    @asynccontextmanager
    async def moving(self, place: Place) -> AsyncIterator[asyncpg.Connection]:
        """A transaction that moves the position to `place`, for everything that must be written with it.

        Its first statement locks the row and checks the epoch; `state` is then what the row says. Raises LeaseLost. When it
        raises anything else, it is unknown whether it was committed: take the lease again to find out.
        """
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                self.state = msgspec.json.decode(await self._move(connection, place))
                if "crashes" in self.state:
                    await self.write_state(connection, {k: v for k, v in self.state.items() if k != "crashes"})
                yield connection
            self._is_at(place)

    def skip_to(self, place: Place) -> None:
        """Move past events that lead to nothing. It is written soon, by `Leases.run` or with the next page."""
        self.place = place

    async def write_state(self, connection: asyncpg.Connection, state: Mapping[str, Any]) -> None:
        """Replace the row's state, in the transaction of `moving`."""
        await connection.execute(_STATE, *self.key, msgspec.json.encode(state).decode())
        self.state = state

    @property
    def is_to_be_written(self) -> bool:
        """Whether the row is behind this lease by a position or a worthwhile piece of time, or must be renewed."""
        age_seconds = time.monotonic() - self._written_at
        if age_seconds > self._duration.total_seconds() / 3 or self.place.position != self._written.position:
            return True
        return age_seconds > WATERMARK_SECONDS and self.place != self._written

    def is_written(self, place: Place) -> None:
        """The row says so now."""
        self._written, self._written_at = place, time.monotonic()

    async def _move(self, connection: asyncpg.Connection, place: Place) -> str:
        state = await connection.fetchval(
            _MOVE, *self.key, self.epoch, place.cursor, *place.position, place.watermark, self._duration
        )
        if state is None:
            self.is_held = False
            raise LeaseLost(f"{self.reader} of {self.partition.service}/{self.partition.number}")
        return str(state)

    def _is_at(self, place: Place) -> None:
        if place.watermark is None:
            place = replace(place, watermark=self.place.watermark)
        self.place = place
        self.is_written(place)


class Leases:
    """The leases that one process holds in one service's database. `owner` names the process, uniquely."""

    def __init__(self, pool: asyncpg.Pool, owner: str, *, seconds: float = 15.0) -> None:
        self.owner = owner
        self._pool = pool
        self._duration = timedelta(seconds=seconds)
        self._held: dict[tuple[str, str, int], Lease] = {}
        self._wanted: dict[tuple[str, str, int], asyncio.Future[Lease]] = {}

    async def acquire(self, reader: str, partition: Partition) -> Lease:
        """The lease, as soon as nobody else has it. `run` must be running for one that is taken now."""
        key = (reader, *partition)
        if (lease := await self.try_acquire(reader, partition)) is not None:
            return lease
        self._wanted[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._wanted[key]
        finally:
            self._wanted.pop(key, None)

    async def try_acquire(self, reader: str, partition: Partition) -> Lease | None:
        """The lease, with the position as it is written, unless another owner has it. One's own is taken afresh."""
        taken = await self._take([(reader, *partition)], is_new=True)
        return taken[0] if taken else None

    async def release(self, lease: Lease) -> None:
        """Give the lease back, so that another process need not wait until it runs out."""
        lease.is_held = False
        self._held.pop(lease.key, None)
        await self._pool.execute(_FREE, *lease.key, lease.epoch)

    async def run(self) -> None:
        """Renew what is held, write what was skipped, take what became free. Until cancelled."""
        next_take = 0.0
        while True:
            try:
                await self.beat()
                if self._wanted and time.monotonic() >= next_take:
                    next_take = time.monotonic() + TAKE_OVER_SECONDS
                    await self._take_wanted()
            except Exception as error:
                if not is_worth_retrying(error):
                    raise
            await asyncio.sleep(BEAT_SECONDS)

    async def close(self) -> None:
        """Write what was skipped and give everything back."""
        await self.beat()
        for lease in list(self._held.values()):
            await self.release(lease)

    async def beat(self) -> None:
        """Renew what is due and write what was skipped, in one statement."""
        due = [(lease, lease.place) for lease in self._held.values() if lease.is_held and lease.is_to_be_written]
        if not due:
            return
        keys = _columns([lease.key for lease, _ in due])
        epochs = [lease.epoch for lease, _ in due]
        places = [place for _, place in due]
        await self._pool.execute(
            _BEAT,
            self.owner,
            self._duration,
            *keys,
            epochs,
            [place.cursor for place in places],
            *_columns([place.position for place in places]),
            [place.watermark for place in places],
        )
        lost = {row["n"] - 1 for row in await self._pool.fetch(_LOST, *keys, epochs)}
        for index, (lease, place) in enumerate(due):
            if index in lost:
                lease.is_held = False
                self._held.pop(lease.key, None)
            else:
                lease.is_written(place)

    async def _take_wanted(self) -> None:
        for lease in await self._take(list(self._wanted)):
            future = self._wanted.get(lease.key)
            if future is None or future.done():
                await self.release(lease)
            else:
                future.set_result(lease)

    async def _take(self, keys: list[tuple[str, str, int]], *, is_new: bool = False) -> list[Lease]:
        if is_new:
            await self._pool.execute(_MAKE + " ON CONFLICT DO NOTHING", *_columns(keys))
        rows = await self._pool.fetch(_TAKE, *_columns(keys), self.owner, self._duration)
        leases = [Lease(self._pool, row, self._duration) for row in rows]
        for lease in leases:
            if (before := self._held.get(lease.key)) is not None:
                before.is_held = False
            self._held[lease.key] = lease
        return leases


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _place(row: asyncpg.Record) -> Place:
    return Place(
        cursor=row["cursor"],
        position=Position(row["position_epoch"], row["position_tx"], row["position_pos"]),
        watermark=row["watermark"],
    )
