"""How does a service write to its store, and read one stream of it?"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.events.envelope import Position, Stored
from shared.runtime.availability import StoreUnavailable, outage_means
from shared.runtime.clock import Clock
from shared.runtime.store.append import Answer, Append, AppendResult
from shared.runtime.store.batch import Settled
from shared.runtime.store.committer import GroupCommitter, PostgresConnection
from shared.runtime.store.loader import StreamLoader
from shared.runtime.store.migrate import WrongStore
from shared.runtime.store.rows import prepare_connection

# Reads set the tenant for their own transaction only, so there is nothing to reset between two borrowers.
_SETTINGS = {"default_transaction_isolation": "read committed", "application_name": "ledgerline-store"}


class UnsafeServer(Exception):
    """The database is set up so that events could be lost or seen by the wrong tenant; the text says what to change."""


class EventStore:
    """The store of one service as the application role sees it. Make it with `open`, inside the event loop that uses it."""

    def __init__(self, service: str, pool: asyncpg.Pool, committer: GroupCommitter) -> None:
        self.service = service
        self._pool = pool
        self._committer = committer
        self._loader = StreamLoader(pool, service)

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        service: str,
        clock: Clock,
        queue_max: int = 10_000,
        batch_max: int = 128,
        writers: int = 2,
        give_up_seconds: float = 15.0,  # how long a lost connection is tried for before callers are told
        connections_max: int = 4,
    ) -> EventStore:
        """Raises UnsafeServer, WrongStore."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=connections_max,
            server_settings=_SETTINGS,
            init=prepare_connection,
            reset=_nothing_to_reset,
        )
        try:
            async with pool.acquire() as connection:
                await check_server(connection, service)
        except BaseException:
            await pool.close()
            raise

        async def connect() -> PostgresConnection:
            return PostgresConnection(await asyncpg.connect(dsn, server_settings=_SETTINGS, timeout=5))

        committer = GroupCommitter(
            connect,
            service=service,
            clock=clock,
            queue_max=queue_max,
            batch_max=batch_max,
            writers=writers,
            give_up_seconds=give_up_seconds,
        )
        return cls(service, pool, committer)

    @property
    def is_idle(self) -> bool:
        """No append waits or is being written."""
        return self._committer.is_idle

    async def append(self, append: Append) -> AppendResult:
        """Durable when it returns. Raises StreamMoved, IdempotencyKeyReused, BusinessKeyTaken, TooBusy, StoreUnavailable."""
        return await self._committer.append(append)

    async def append_series(self, series: Sequence[Append]) -> list[Settled]:
        """What became of each command of one stream, decided one after another on the head that all of them name.

        Behind one that is not appended none is. Durable when it returns; raises TooBusy, StoreUnavailable for all of them.
        """
        return await self._committer.append_series(series)

    async def stored_stream(self, tenant: str, stream: str, *, after: int = 0) -> list[Stored]:
        """The events of a stream behind a version, in order. Raises StoreUnavailable."""
        return await self._loader.load(tenant, stream, after)

    async def answer(self, tenant: str, command_id: UUID) -> Answer | None:
        """What a command led to, if it was answered before. Raises StoreUnavailable."""
        with outage_means(StoreUnavailable, "the store"):
            row = await self._pool.fetchrow("select * from command_answer($1, $2)", tenant, command_id)
        if row is None:
            return None
        return Answer(
            stream=row["stream"],
            version=row["version"],
            events=row["events"],
            position=Position(row["epoch"], row["tx"], row["pos"]) if row["events"] else None,
            fingerprint=row["fingerprint"],
        )

    async def close(self) -> None:
        """Write what waits, then let go of the connections."""
        await self._committer.close()
        await self._pool.close()


async def check_server(connection: asyncpg.Connection, service: str) -> None:
    """Whether this connection may be the application's, and this database the service's. Raises UnsafeServer, WrongStore."""
    found = await connection.fetchval("select service from store")
    if found != service:
        raise WrongStore(f"this database is the store of {found}, not of {service}")
    role = await connection.fetchrow(
        "select rolname, rolsuper or rolbypassrls as is_unbound from pg_roles where rolname = current_user"
    )
    if role["is_unbound"]:
        raise UnsafeServer(f"role {role['rolname']} is not bound by row-level security: connect as ledgerline_app")
    sequence = await connection.fetchrow(
        "select seqcache, seqincrement from pg_sequence where seqrelid = 'event_pos'::regclass"
    )
    if tuple(sequence) != (1, 1):
        raise UnsafeServer("sequence event_pos must have cache 1 and increment 1: positions would not follow the order")


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    return None
