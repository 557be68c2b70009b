"""What about an event that cannot be worked on?

Its key (tenant and stream) is parked: the event and all later ones of the same stream are kept on this desk, in order, and every
other stream goes on. The row of the reader names its parked keys, so desk and position change together and whoever replays locks
out the reader for that moment. A person (or an upgrade) puts the cause right and replays the key, or dismisses it by decision.

An event is kept as it came, personal values sealed; the error is kept as a code, since its text may quote what it read.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from shared.events.envelope import Stored
from shared.kernel.errors import DomainError, NotFound
from shared.runtime import reader_metrics
from shared.runtime.codec import EventCodec, UnknownEventType
from shared.runtime.held import Held
from shared.runtime.transaction import PostgresTransaction, Transaction

KEYS_MAX = 100  # more than that is not a bad event but a bad reader: it stands still until someone looks

Apply: TypeAlias = Callable[[Transaction, Sequence[Stored]], Awaitable[None]]

_WAITING = """
SELECT event FROM parked
 WHERE tenant = $1 AND reader = $2 AND service = $3 AND stream = $4 AND status = 'parked' ORDER BY version
"""
_SETTLE = """
UPDATE parked SET status = $5, last_at = now()
 WHERE tenant = $1 AND reader = $2 AND service = $3 AND stream = $4 AND status = 'parked'
"""
_LIST = """
SELECT reader, service, tenant, stream, min(version) AS version, count(*) AS events, min(first_at) AS first_at,
       max(last_at) AS last_at, max(attempts) AS attempts,
       (array_agg(type ORDER BY version))[1] AS type, (array_agg(error_code ORDER BY version))[1] AS error_code,
       (array_agg(event_id ORDER BY version))[1] AS event_id
  FROM parked WHERE tenant = $1 AND status = 'parked'
 GROUP BY reader, service, tenant, stream ORDER BY min(first_at), reader, stream
"""
_LOCK = """
SELECT partition, state FROM readers WHERE reader = $1 AND service = $2 AND state->'parked' ? $3 ORDER BY partition FOR UPDATE
"""
_ROWS_WITH_PARKED = """
SELECT reader, service, array(SELECT jsonb_array_elements_text(state->'parked')) AS parked FROM readers
 WHERE jsonb_array_length(coalesce(state->'parked', '[]')) > 0 ORDER BY reader, service, partition
"""
_FIRST = """
SELECT type, error_code FROM parked
 WHERE tenant = $1 AND reader = $2 AND service = $3 AND stream = $4 AND status = 'parked' ORDER BY version LIMIT 1
"""
_UNPARK = "UPDATE readers SET state = $4 WHERE reader = $1 AND service = $2 AND partition = $3"
_TENANT = "SELECT set_config('app.tenant', $1, true)"


class ReplayFailed(DomainError):
    """The parked events still cannot be worked on. `error_code` says why."""

    code = "replay-failed"


class TooManyParked(Exception):
    """A reader has parked so many keys that something else must be wrong."""


class BehindParked(Exception):
    """An earlier event of the same stream is parked, so this one waits with it."""


class WorkerCrashed(Exception):
    """The process died on this event more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedKey:
    """A stream that a reader had to set aside: its first event there, and how many wait behind it."""

    reader: str
    service: str
    tenant: str
    stream: str
    version: int
    type: str
    event_id: UUID
    error_code: str
    events: int
    attempts: int
    first_at: datetime
    last_at: datetime


def code_of(error: BaseException) -> str:
    """A stable kebab code, never the error's text."""
    if isinstance(error, DomainError):
        return error.code
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()


def parked_keys(state: Mapping[str, Any]) -> frozenset[str]:
    """The keys that a reader's row names as parked."""
    return frozenset(state.get("parked", ()))


async def park(transaction: Transaction, held: Held, failed: Sequence[tuple[Stored, Exception]]) -> None:
    """Put events on the desk and their keys into the reader's row, in the transaction that moves its position."""
    keys = parked_keys(held.state) | {stored.key for stored, _ in failed}
    if len(keys) > KEYS_MAX:
        raise TooManyParked(f"{held.reader} has parked {len(keys)} keys of {held.partition.service}")
    for stored, error in failed:
        await transaction.park(held.reader, stored, code_of(error))
        reader_metrics.PARKED.labels(held.reader, stored.service).inc()
    await held.write_state(transaction, {**held.state, "parked": sorted(keys)})


def split_parked(
    events: Sequence[Stored], keys: Collection[str]
) -> tuple[list[Stored], list[tuple[Stored, Exception]]]:
    """Events of free streams, and those that must wait behind a parked one."""
    if not keys:
        return list(events), []
    free = [stored for stored in events if stored.key not in keys]
    return free, [(stored, BehindParked()) for stored in events if stored.key in keys]


class ParkedDesk:
    """The parked events of one service's database. `apply` tells how each reader takes events in."""

    def __init__(self, pool: asyncpg.Pool, apply: Mapping[str, Apply]) -> None:
        self._pool = pool
        self._apply = apply

    async def keys(self, tenant: str) -> list[ParkedKey]:
        """What is parked for a tenant, oldest first."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TENANT, tenant)
            return [ParkedKey(**dict(row)) for row in await connection.fetch(_LIST, tenant)]

    async def replay(self, tenant: str, reader: str, service: str, stream: str) -> int:
        """Take the parked events of a stream in, in order, and let the stream go on. Returns how many.

        Raises NotFound, or ReplayFailed, after which all is parked as before.
        """
        apply = self._apply.get(reader)
        if apply is None:
            raise NotFound("there is no such reader here")
        await self._count_attempt(tenant, reader, service, stream)
        async with self._pool.acquire() as connection, connection.transaction():
            events = await self._locked(connection, tenant, reader, service, stream)
            try:
                async with connection.transaction():
                    await apply(PostgresTransaction(connection), events)
            except Exception as error:
                raise ReplayFailed("the parked events still cannot be worked on", error_code=code_of(error)) from error
            await connection.execute(_TENANT, tenant)
            await connection.execute(_SETTLE, tenant, reader, service, stream, "replayed")
            return len(events)

    async def dismiss(self, tenant: str, reader: str, service: str, stream: str) -> int:
        """Leave the parked events of a stream out, by decision, and let the stream go on. Raises NotFound."""
        async with self._pool.acquire() as connection, connection.transaction():
            events = await self._locked(connection, tenant, reader, service, stream)
            await connection.execute(_SETTLE, tenant, reader, service, stream, "dismissed")
            return len(events)

    async def replay_known(self, codec: EventCodec) -> int:
        """Replay the streams that were parked because their event type was not known yet, where it is known now: what a
        later release has to do when it starts. Returns how many streams go on; what fails stays parked."""
        replayed = 0
        for row in await self._pool.fetch(_ROWS_WITH_PARKED):
            if row["reader"] not in self._apply:
                continue
            for key in row["parked"]:
                tenant, _, stream = key.partition("/")
                if await self._waits_for_a_known_type(codec, tenant, row["reader"], row["service"], stream):
                    with contextlib.suppress(ReplayFailed, NotFound):
                        await self.replay(tenant, row["reader"], row["service"], stream)
                        replayed += 1
        return replayed

    async def _waits_for_a_known_type(
        self, codec: EventCodec, tenant: str, reader: str, service: str, stream: str
    ) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TENANT, tenant)
            first = await connection.fetchrow(_FIRST, tenant, reader, service, stream)
        if first is None or first["error_code"] != code_of(UnknownEventType("")):
            return False
        try:
            codec.type_of(first["type"])
        except UnknownEventType:
            return False
        return True

    async def _locked(
        self, connection: asyncpg.Connection, tenant: str, reader: str, service: str, stream: str
    ) -> list[Stored]:
        """The parked events, with the reader's row locked and the key taken out of it."""
        key = f"{tenant}/{stream}"
        for row in await connection.fetch(_LOCK, reader, service, key):
            state = msgspec.json.decode(row["state"])
            state["parked"] = [parked for parked in state["parked"] if parked != key]
            encoded = msgspec.json.encode(state).decode()
            await connection.execute(_UNPARK, reader, service, row["partition"], encoded)
        await connection.execute(_TENANT, tenant)
        rows = await connection.fetch(_WAITING, tenant, reader, service, stream)
        if not rows:
            raise NotFound("nothing of this stream is parked")
        return [msgspec.json.decode(row["event"], type=Stored) for row in rows]

    async def _count_attempt(self, tenant: str, reader: str, service: str, stream: str) -> None:
        """Counted before it is made, so that one that takes the process down is counted too."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TENANT, tenant)
            await connection.execute(
                "UPDATE parked SET attempts = attempts + 1, last_at = now()"
                " WHERE tenant = $1 AND reader = $2 AND service = $3 AND stream = $4 AND status = 'parked'",
                tenant,
                reader,
                service,
                stream,
            )
