"""Who may move a reader on, when several processes could?

One row for each reader, service and partition, in the database that the reader writes to: its owner, an epoch that grows with
each owner, and a time limit by the database's clock. Relay, projections, policies, timers and tasks all use it. Whoever writes
moves the row in the same transaction, under its epoch: a process that slept through its time limit and was replaced changes
no row, learns that it is fenced, and rolls back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from shared.events.envelope import START, Position
from shared.runtime.feed import Partition

_ACQUIRE = """
insert into readers as r (reader, service, partition, owner, epoch, lease_until)
values ($1, $2, $3, $4, 1, clock_timestamp() + $5)
on conflict (reader, service, partition) do update
   set owner = $4, epoch = r.epoch + 1, lease_until = clock_timestamp() + $5, updated_at = clock_timestamp(),
       state = case when r.owner <> $4 -- it ran out: its owner died or hung
                    then r.state || jsonb_build_object('crashes', coalesce((r.state->>'crashes')::integer, 0) + 1)
                    else r.state end
 where r.owner is null or r.owner = $4 or r.lease_until < clock_timestamp()
returning *"""
_MINE = "reader = $1 and service = $2 and partition = $3 and owner = $4 and epoch = $5"
_RENEW = f"update readers set lease_until = clock_timestamp() + $6 where {_MINE} returning true"
_RELEASE = f"update readers set owner = null, lease_until = '-infinity' where {_MINE}"
_HOLD = f"select true from readers where {_MINE} for update"
_ADVANCE = f"""
update readers
   set cursor = $6, position_epoch = $7, position_tx = $8, position_pos = $9,
       watermark = greatest(watermark, $10), state = coalesce($11, state), updated_at = clock_timestamp()
 where {_MINE}
returning true"""


class Fenced(Exception):
    """Another owner has taken over: what was done in this transaction must be rolled back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a reader is in one partition. `state` is the reader's own."""

    reader: str
    partition: Partition
    cursor: str | None
    position: Position
    watermark: datetime | None
    state: Mapping[str, Any]
    owner: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to move one reader, until somebody else has taken over. `progress` is where it stood when taken."""

    reader: str
    partition: Partition
    owner: str
    epoch: int
    progress: Progress


class Leases:
    """Takes, keeps and gives back leases for one owner, named once a process (host, process id and a random part)."""

    def __init__(self, pool: asyncpg.Pool, owner: str, *, seconds: float) -> None:
        self._pool = pool
        self._owner = owner
        self._duration = timedelta(seconds=seconds)

    async def acquire(self, reader: str, partition: Partition) -> Lease | None:
        """Take the lease if it is free, past its time limit, or ours already; None while another owner has it."""
        row = await self._pool.fetchrow(_ACQUIRE, reader, *partition, self._owner, self._duration)
        if row is None:
            return None
        return Lease(reader=reader, partition=partition, owner=self._owner, epoch=row["epoch"], progress=_progress(row))

    async def renew(self, lease: Lease) -> None:
        """Set the time limit anew. Raises Fenced."""
        if not await self._pool.fetchval(_RENEW, *_identity(lease), self._duration):
            raise Fenced(lease.reader)

    async def release(self, lease: Lease) -> None:
        """Let the next owner begin at once. Harmless when somebody has taken over already."""
        await self._pool.execute(_RELEASE, *_identity(lease))

    async def progress(self, reader: str | None = None) -> Sequence[Progress]:
        """How far one reader, or every reader, of this database is."""
        rows = await self._pool.fetch(
            "select * from readers where $1::text is null or reader = $1 order by reader, service, partition", reader
        )
        return [_progress(row) for row in rows]


async def hold(connection: asyncpg.Connection, lease: Lease) -> None:
    """Begin a transaction's writes: nobody takes over until it ends. Raises Fenced."""
    if not await connection.fetchval(_HOLD, *_identity(lease)):
        raise Fenced(lease.reader)


async def advance(
    connection: asyncpg.Connection,
    lease: Lease,
    *,
    cursor: str | None,
    position: Position = START,
    watermark: datetime | None = None,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Move the reader in the caller's transaction. The watermark never goes back; `state` None leaves it. Raises Fenced."""
    encoded = None if state is None else msgspec.json.encode(state).decode()
    if not await connection.fetchval(_ADVANCE, *_identity(lease), cursor, *position, watermark, encoded):
        raise Fenced(lease.reader)


def _identity(lease: Lease) -> tuple[str, str, int, str, int]:
    return lease.reader, lease.partition.service, lease.partition.number, lease.owner, lease.epoch


def _progress(row: Any) -> Progress:
    return Progress(
        reader=row["reader"],
        partition=Partition(row["service"], row["partition"]),
        cursor=row["cursor"],
        position=Position(row["position_epoch"], row["position_tx"], row["position_pos"]),
        watermark=row["watermark"],
        state=msgspec.json.decode(row["state"]),
        owner=row["owner"],
        updated_at=row["updated_at"],
    )
