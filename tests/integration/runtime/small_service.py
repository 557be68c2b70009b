"""A service small enough for tests of readers: accounts that are charged, renamed and closed.

Everything under it is real: PostgreSQL with its roles, the store, the command runtime, the feed.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.events.base import Event
from shared.events.envelope import Recorded
from shared.events.platform import ReactionRefused
from shared.kernel.decider import Decider
from shared.kernel.errors import DomainError
from shared.runtime.clock import Clock, DrivenClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Aggregate, Cause, Outcome
from shared.runtime.handler import CommandHandler
from shared.runtime.held import Keeper
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.progress import Progress
from shared.runtime.projection import Change, Projection, Put, Remove
from shared.runtime.read_tables import install
from shared.runtime.readers import Reader, Readers, Sink
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.migrate import APP, FEED, OWNER, migrate, prepare_roles, role_dsn
from shared.testing.infrastructure import PostgresServer
from shared.testing.vault import MemoryVault

SERVICE = "payments"
PASSWORD = "test"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Charged(Event, frozen=True, kw_only=True):
    cents: int
    note: str = ""


class Renamed(Event, frozen=True, kw_only=True):
    name: str


class Closed(Event, frozen=True, kw_only=True):
    pass


TYPES = {f"{SERVICE}.{cls.__name__}.v1": cls for cls in (Charged, Renamed, Closed, ReactionRefused)}
CODEC = EventCodec(types=TYPES, upcasters={})


class AccountClosed(DomainError):
    code = "account-closed"


def decide(command: Event | Sequence[Event], is_closed: bool) -> Sequence[Event]:
    if is_closed:
        raise AccountClosed("the account is closed")
    return [command] if isinstance(command, Event) else list(command)


ACCOUNT = Aggregate(
    name="account",
    decider=Decider(decide=decide, evolve=lambda state, event: state or isinstance(event, Closed), initial=False),
)


# --- a read model -----------------------------------------------------------------------------------------------------


def accounts_table(*more: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        "accounts",
        sa.MetaData(),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("open_cents", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("charges", sa.Integer, nullable=False, server_default="0"),
        sa.Column("name", sa.Text),
        sa.Column("is_large", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("notes", ARRAY(sa.Text)),
        sa.Column("last", JSONB),
        sa.Column("last_on", sa.Date),
        sa.Column("last_at", sa.DateTime(timezone=True)),
        sa.Column("digest", sa.LargeBinary),
        *more,
        sa.Index("accounts_by_amount", "tenant", "open_cents"),
    )


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    key = (recorded.stream_key,)
    match recorded.event:
        case Charged(cents=cents, note=note):
            if note == "poison":
                raise ArithmeticError("nobody can work on this")
            yield Put(
                table="accounts",
                key=key,
                values={
                    "is_large": cents >= 1_000_00,
                    "notes": [note, 'a "quoted" \\ one'] if note else None,
                    "last": {"cents": cents, "type": recorded.stored.type},
                    "last_on": recorded.occurred_at.date(),
                    "last_at": recorded.recorded_at,
                    "digest": bytes([cents % 256]),
                    **({"name": "\x00"} if note == "refused by the database" else {}),
                },
                add={"open_cents": cents, "charges": 1},
            )
        case Renamed(name=name):
            yield Put(table="accounts", key=key, values={"name": name})
        case Closed():
            yield Remove(table="accounts", key=key)


def accounts_projection(version: int = 1, *more: sa.Column[Any]) -> Projection:
    return Projection(
        name="payments.accounts",
        version=version,
        tables=(accounts_table(*more),),
        reads={SERVICE: (Charged, Renamed, Closed)},
        apply=apply,
    )


# --- the service ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class SmallService:
    dsn: str  # superuser
    app_dsn: str
    owner_dsn: str
    feed_dsn: str
    pool: asyncpg.Pool  # as the application
    store: EventStore
    commands: CommandHandler
    feed: PostgresFeed
    clock: Clock
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def readers(self, owner: str | None = None, *, seconds: float = 15.0) -> Readers:
        """As another process would have them, with `owner` for its name."""
        keeper = Keeper(self.pool, owner or f"process-{next(self._numbers)}", seconds=seconds)
        return Readers(feed=self.feed, keeper=keeper, progress=Progress(self.pool), codec=CODEC)

    async def say(self, account: str, *events: Event, tenant: str = "clinic") -> Outcome:
        """Let these events happen to an account."""
        cause = Cause(tenant=tenant, actor="user:test", command_id=uuid4(), correlation_id="test")
        return await self.commands.handle(ACCOUNT, account, list(events), cause)

    async def install(self, projection: Projection) -> None:
        connection = await asyncpg.connect(self.owner_dsn)
        try:
            async with connection.transaction():
                await install(connection, projection)
        finally:
            await connection.close()

    async def rows(self, table: str = "accounts", tenant: str = "clinic") -> list[dict[str, Any]]:
        """What the application sees of a table, by key."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', $1, true)", tenant)
            found = await connection.fetch(f'SELECT * FROM "{table}" ORDER BY 1, 2')
            return [dict(row) for row in found]

    async def streams(self) -> set[str]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return {row["stream"] for row in await connection.fetch("SELECT stream FROM streams")}
        finally:
            await connection.close()


@asynccontextmanager
async def small_service(server: PostgresServer, dsn: str, clock: Clock | None = None) -> AsyncIterator[SmallService]:
    """A service in an empty database."""
    await prepare_roles(server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))
    await migrate(dsn, SERVICE)
    clock = clock or DrivenClock(NOON)
    app_dsn, feed_dsn = role_dsn(dsn, APP, PASSWORD), role_dsn(dsn, FEED, PASSWORD)
    pool = await asyncpg.create_pool(app_dsn, min_size=1, max_size=8)
    store = await EventStore.open(app_dsn, service=SERVICE, clock=clock)
    feed = PostgresFeed({SERVICE: feed_dsn}, clock)
    try:
        yield SmallService(
            dsn=dsn,
            app_dsn=app_dsn,
            owner_dsn=role_dsn(dsn, OWNER, PASSWORD),
            feed_dsn=feed_dsn,
            pool=pool,
            store=store,
            commands=CommandHandler(store, CODEC, MemoryVault(), clock, SERVICE),
            feed=feed,
            clock=clock,
        )
    finally:
        await feed.close()
        await store.close()
        await pool.close()


async def take_in(readers: Readers, name: str, reads: Any, sink: Sink) -> list[Reader]:
    """Let one process's readers take in all there is now, and keep their leases."""
    made = await readers.of(name, reads, lambda partition: sink)
    for reader in made:
        held = await readers.keeper.acquire(reader.name, reader.partition)
        await reader.catch_up(held)
    return made
