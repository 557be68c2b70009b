"""A log with signed heads, for tests that do things to it; and somebody who has the rights of the database's owner."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from msgspec.structs import replace

from shared.events.envelope import Position, Stored
from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.evidence.check import HeadsCheck
from shared.runtime.evidence.places import FolderPlace, HeadPlace
from shared.runtime.evidence.sealer import Sealer
from shared.runtime.invariants import CheckResult
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.settings import Settings
from shared.runtime.store.append import Appended, Head
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.hashing import FIRST, hash_of
from shared.runtime.store.migrate import APP, FEED, OWNER, role_dsn
from shared.runtime.store.rows import COLUMNS, stored_events
from shared.runtime.verify import check_store, every_event
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from shared.testing.stores import PASSWORD, service_database
from tests.integration.runtime.promises import EMPTY, SERVICE, TENANT, append

A, B, C, LONG = (f"guarantor-account/{name}" for name in ("a", "b", "c", "long"))
DATA = b'{"patient_id":"p","promise_id":"1","amount_cents":1000,"by_on":"2026-04-01"}'
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(slots=True, kw_only=True)
class SealedLog:
    """One service's database and second place, with everything that makes and checks heads."""

    dsn: str = field(repr=False)  # superuser
    home: Path
    settings: Settings
    pool: asyncpg.Pool
    place: HeadPlace
    store: EventStore
    heads_of: dict[str, Head] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return role_dsn(self.dsn, OWNER, PASSWORD)

    def feed(self) -> PostgresFeed:
        return PostgresFeed({SERVICE: role_dsn(self.dsn, FEED, PASSWORD)}, SystemClock(), connections_max=1)

    @asynccontextmanager
    async def sealer(self, place: HeadPlace | None = None) -> AsyncIterator[Sealer]:
        """As a process that has just started has it."""
        feed = self.feed()
        try:
            yield Sealer(SERVICE, pool=self.pool, store=feed, place=place or self.place, settings=self.settings)
        finally:
            await feed.close()

    async def seal(self) -> int:
        async with self.sealer() as sealer:
            return await sealer.seal()

    async def record(self, stream: str, events: int = 1, *, tenant: str = TENANT, **more: Any) -> None:
        """Let so many more events happen to a stream."""
        key = f"{tenant}/{stream}"
        more = {"data": DATA, "traceparent": TRACE, "tenant": tenant} | more
        done = await self.store.append(append(stream, self.heads_of.get(key, EMPTY), events=events, **more))
        assert isinstance(done, Appended)
        self.heads_of[key] = done.head

    async def verified(self, place: HeadPlace | None = None) -> Sequence[CheckResult]:
        """As `ledgerline verify` asks for it."""
        feed = self.feed()
        try:
            heads = HeadsCheck(SERVICE, pool=self.pool, place=place or self.place)
            return await check_store(feed, SERVICE, EventCodec(), [], heads)
        finally:
            await feed.close()

    async def checks(self) -> set[str]:
        return {result.name for result in await self.verified()}

    async def findings(self, place: HeadPlace | None = None) -> dict[str, list[str]]:
        """What verification names, as "where: expected …, found …", by check."""
        results = await self.verified(place)
        return {
            result.name: [f"{v.where}: expected {v.expected}, found {v.found}" for v in result.violations]
            for result in results
            if result.violations
        }

    async def events(self) -> list[Stored]:
        feed = self.feed()
        try:
            return [stored async for stored in every_event(feed, SERVICE)]
        finally:
            await feed.close()

    async def event(self, stream: str, version: int) -> Stored:
        [found] = [e for e in await self.events() if (e.tenant, e.stream, e.version) == (TENANT, stream, version)]
        return found


EVENTS_CHECK = "events are those that the heads vouch for"
HEADS_CHECK = "heads are signed, extend one another and are in both places"


async def fill(log: SealedLog) -> None:
    """Three heads: over a tile and a bit, over three streams of two tenants, and over what they did next."""
    await log.record(LONG, 270)
    await log.seal()
    for stream in (A, B, C):
        await log.record(stream)
    await log.record(A, tenant="other")
    await log.record(A, 2)
    await log.seal()
    await log.record(B)
    await log.record(C, 2)
    await log.record(A)
    await log.seal()


@asynccontextmanager
async def opened_log(dsn: str, home: Path) -> AsyncIterator[SealedLog]:
    pool = await asyncpg.create_pool(role_dsn(dsn, APP, PASSWORD), min_size=1, max_size=3)
    store = await EventStore.open(role_dsn(dsn, APP, PASSWORD), service=SERVICE, clock=SystemClock())
    try:
        yield SealedLog(
            dsn=dsn,
            home=home,
            settings=Settings(home=home),
            pool=pool,
            place=FolderPlace(home / "heads"),
            store=store,
        )
    finally:
        await store.close()
        await pool.close()


async def filled_template(server: PostgresServer, fresh: FreshDatabase, home: Path) -> str:
    """The name of a database to copy, made once a test run, whose second place is in this home."""
    database = urlsplit((await service_database(server, fresh, SERVICE)).superuser).path[1:]

    async def build(dsn: str) -> None:
        async with opened_log(dsn, home) as log:
            await fill(log)

    server.templates["sealed_log"] = name = await server.create("template_sealed", template=database)
    await build(server.dsn(name))
    return name


def copied_home(home: Path, to: Path) -> Path:
    shutil.copytree(home, to)
    return to


class Attacker:
    """Has the rights of the database's owner, knows this program, and covers up what was done. Has neither key nor second place."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def of(cls, log: SealedLog) -> AsyncIterator[Attacker]:
        connection = await asyncpg.connect(log.owner)
        try:
            for table in ("events", "heads", "head_copies", "head_tiles"):
                await connection.execute(f"alter table {table} disable trigger user")
            yield cls(connection)
        finally:
            await connection.close()

    async def stream(self, stream: str, tenant: str = TENANT) -> list[Stored]:
        rows = await self.connection.fetch(
            f"select {COLUMNS} from events e where tenant = $1 and stream = $2 order by version", tenant, stream
        )
        return stored_events(SERVICE, [(*row[:16], row[16], int(row[17]), row[18]) for row in rows])

    async def change(self, event: Stored, column: str, value: object) -> None:
        """Set a column of one event."""
        await self.connection.execute(
            f"update events set {column} = $1 where (epoch, tx, pos) = ($2::smallint, $3::xid8, $4::bigint)",
            value,
            *event.position,
        )

    async def remove(self, *events: Stored) -> None:
        for event in events:
            await self.connection.execute(
                "delete from events where (epoch, tx, pos) = ($1::smallint, $2::xid8, $3::bigint)", *event.position
            )

    async def chain_again(self, stream: str, tenant: str = TENANT) -> None:
        """Number a stream anew and recompute its hash chain and head, so that each event follows from the one before."""
        previous, rows = FIRST, await self.stream(stream, tenant)
        for version, event in enumerate(rows, start=1):
            renewed = replace(event, version=version, previous_hash=previous)
            previous = hash_of(renewed)
            await self.connection.execute(
                "update events set version = $1, previous_hash = $2, hash = $3"
                " where (epoch, tx, pos) = ($4::smallint, $5::xid8, $6::bigint)",
                version,
                renewed.previous_hash,
                previous,
                *event.position,
            )
        if rows:
            await self.connection.execute(
                "update streams set version = $1, last_hash = $2 where tenant = $3 and stream = $4",
                len(rows),
                previous,
                tenant,
                stream,
            )
        else:
            await self.connection.execute("delete from streams where tenant = $1 and stream = $2", tenant, stream)

    async def insert_like(self, event: Stored, position: Position, **changes: Any) -> None:
        """Put another event of the stream at a position, in front of what is there."""
        await self.connection.execute(
            "update events set version = version + 1000000 where tenant = $1 and stream = $2 and version >= $3",
            event.tenant,
            event.stream,
            event.version,
        )
        await self.connection.execute(
            "insert into events (epoch, tx, pos, tenant, stream, version, event_id, type, occurred_at, recorded_at, actor,"
            " command_id, correlation_id, causation_id, traceparent, clock, data, previous_hash, hash)"
            " select $1::smallint, $2::xid8, $3::bigint, tenant, stream, $4, gen_random_uuid(), type, occurred_at, recorded_at,"
            " actor, command_id, correlation_id, causation_id, traceparent, clock, $5::bytea, previous_hash, hash"
            " from events where tenant = $6 and stream = $7 order by version limit 1",
            *position,
            event.version,
            changes.get("data", event.data),
            event.tenant,
            event.stream,
        )


def named(findings: Sequence[str], *words: str) -> bool:
    """Whether one finding has all of these words."""
    return any(all(word in finding for word in words) for finding in findings)
