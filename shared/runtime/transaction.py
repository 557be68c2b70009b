"""What can be written together with a reader's position, or not at all?

Readers decide what is written and when (`held.py`, `projector.py`, `parked.py`); where it lies is behind this port. A service's database
is one place. The simulation of `tests/simulation` is another, whose transactions are made to fail at every step.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import asyncpg
import msgspec

from shared.events.envelope import Position, Stored
from shared.runtime.folding import Rows, TableWriter
from shared.runtime.policy import DueTimer

# A reader does not wait for the disk: rows and position lie in one transaction, so a server that loses its last moments loses
# both. The row then says less than this process remembers, the reader is fenced by that, and reads the page again from the log,
# which does wait.
_MOVE = """
UPDATE readers
   SET cursor = $5, position_epoch = $6, position_tx = $7, position_pos = $8,
       watermark = greatest(watermark, $9), lease_until = clock_timestamp() + $10, updated_at = clock_timestamp()
 WHERE reader = $1 AND service = $2 AND partition = $3 AND epoch = $4
   AND (position_epoch, position_tx, position_pos) >= ($11, $12, $13)
RETURNING state, set_config('synchronous_commit', 'off', true)
"""
_STATE = "UPDATE readers SET state = $4 WHERE reader = $1 AND service = $2 AND partition = $3"
_PARK = """
INSERT INTO parked (tenant, reader, service, stream, version, event_id, type, event_epoch, event_tx, event_pos, error_code,
                    attempts, event)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)
ON CONFLICT (tenant, reader, service, event_id)
DO UPDATE SET attempts = parked.attempts + 1, last_at = now(), status = 'parked', error_code = excluded.error_code
"""
_MARK_FIRED = """
UPDATE timers SET fired_at = $5 WHERE tenant = $1 AND name = $2 AND key = $3 AND due_at = $4 AND fired_at IS NULL
"""
_TENANT = "SELECT set_config('app.tenant', $1, true)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reader stands in a partition."""

    cursor: str | None
    position: Position
    watermark: datetime | None


class ReaderKey(NamedTuple):
    """Whose row of `readers`."""

    reader: str
    service: str
    partition: int


class TableRows(NamedTuple):
    """Folded rows of one table. `name` stands in for the table's own."""

    writer: TableWriter
    rows: Rows
    name: str | None = None


class Transaction(Protocol):
    """Everything in it is there afterwards, or nothing of it."""

    async def move(
        self, key: ReaderKey, epoch: int, place: Place, *, rows_at: Position, lease_for: timedelta
    ) -> str | None:
        """Move a reader and keep its lease: its state as JSON. None when another owner has it, or when the row is behind `rows_at`."""
        ...

    async def write_state(self, key: ReaderKey, state: str) -> None:
        """Replace a reader's state, JSON."""
        ...

    async def write_rows(self, tenant: str, tables: Sequence[TableRows]) -> None: ...

    async def park(self, reader: str, stored: Stored, error_code: str) -> None:
        """Put an event on the desk."""
        ...

    async def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        """The timer is done with, fired or parked, unless the plan has moved it meanwhile."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What is written inside stays only if nothing is raised inside."""
        ...


class Transactions(Protocol):
    def begin(self) -> AbstractAsyncContextManager[Transaction]: ...

    async def ask(self, question: str) -> Sequence[Any]:
        """Read something else that lies there."""
        ...


class PostgresTransaction:
    """Implements `Transaction` over a connection whose transaction is somebody else's to begin and to end."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def move(
        self, key: ReaderKey, epoch: int, place: Place, *, rows_at: Position, lease_for: timedelta
    ) -> str | None:
        state: str | None = await self.connection.fetchval(
            _MOVE, *key, epoch, place.cursor, *place.position, place.watermark, lease_for, *rows_at
        )
        return state

    async def write_state(self, key: ReaderKey, state: str) -> None:
        await self.connection.execute(_STATE, *key, state)

    async def write_rows(self, tenant: str, tables: Sequence[TableRows]) -> None:
        """One statement for each table and column set, keys in order."""
        await self.connection.execute(_TENANT, tenant)
        for table in tables:
            for statement in table.writer.statements(tenant, table.rows, table.name):
                await self.connection.execute(statement.sql, *statement.parameters)

    async def park(self, reader: str, stored: Stored, error_code: str) -> None:
        await self.connection.execute(_TENANT, stored.tenant)
        await self.connection.execute(
            _PARK,
            stored.tenant,
            reader,
            stored.service,
            stored.stream,
            stored.version,
            stored.event_id,
            stored.type,
            *stored.position,
            error_code,
            msgspec.json.encode(stored),
        )

    async def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        await self.connection.execute(_TENANT, timer.tenant)
        await self.connection.execute(_MARK_FIRED, timer.tenant, name, timer.key, timer.due_at, at)

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        savepoint: AbstractAsyncContextManager[Any] = self.connection.transaction()
        return savepoint


class PostgresTransactions:
    """Implements `Transactions` over a pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresTransaction]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield PostgresTransaction(connection)

    async def ask(self, question: str) -> Sequence[asyncpg.Record]:
        rows: Sequence[asyncpg.Record] = await self._pool.fetch(question)
        return rows
