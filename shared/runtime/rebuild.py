"""How is a read model made again from the log, while the old one goes on serving?

The same fold as ever, over the feed from its start, in memory; then one COPY into `<table>__next`, indexes, and what has happened
meanwhile. For the last step the rows of the reader are locked, so that live and new stand at the same positions; they are compared,
and renames put the new one in its place together with the reader's position. No query ever sees an empty table.

The comparison is also made on its own: `ledgerline verify` asks whether every read model equals a fresh fold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa

from shared.events.envelope import START, Position, Stored
from shared.runtime import read_tables
from shared.runtime.codec import EventCodec
from shared.runtime.faults import is_worth_retrying
from shared.runtime.feed import Feed, Page, Partition
from shared.runtime.folding import TENANT, ColumnShape, Rows, quoted
from shared.runtime.parked import KEYS_MAX, BehindParked, TooManyParked, code_of
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.readers import Selection

PAGE_EVENTS = 5_000
DIFFERENCES_MAX = 100  # named; all are counted
_SMALL_EVENTS = 500  # a catch-up that found no more than this is followed by the swap
_CATCH_UPS_MAX = 20

_LIVE = """
SELECT service, partition, position_epoch, position_tx, position_pos, state FROM readers WHERE reader = $1
 ORDER BY service, partition
"""
_PLACE = """
INSERT INTO readers (reader, service, partition, cursor, position_epoch, position_tx, position_pos, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (reader, service, partition) DO UPDATE
   SET cursor = excluded.cursor, position_epoch = excluded.position_epoch, position_tx = excluded.position_tx,
       position_pos = excluded.position_pos, state = excluded.state, epoch = readers.epoch + 1, owner = NULL,
       lease_until = '-infinity'
"""
_STATE = "UPDATE readers SET state = $4 WHERE reader = $1 AND service = $2 AND partition = $3"
_REPLAYED = "UPDATE parked SET status = 'replayed', last_at = now() WHERE reader = $1 AND status = 'parked'"
_PARK = """
INSERT INTO parked (tenant, reader, service, stream, version, event_id, type, event_epoch, event_tx, event_pos, error_code,
                    attempts, event)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)
ON CONFLICT (tenant, reader, service, event_id)
DO UPDATE SET attempts = parked.attempts + 1, last_at = now(), status = 'parked', error_code = excluded.error_code
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a rebuild is. `share` is of the log, from 0 to 1, by positions."""

    phase: str  # "fold", "copy", "catch up", "swap"
    events: int
    share: float


Tell: TypeAlias = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row that differs. Columns are named, values are not: they may be personal data."""

    table: str
    tenant: str
    key: tuple[Any, ...]
    columns: tuple[str, ...]  # empty: the whole row is there on one side only
    is_missing: bool = False  # in the live table
    is_surplus: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Live rows against a fresh fold at the same positions."""

    projection: str
    rows: int
    difference_count: int = 0
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did. `comparison` is None where live and new could not be compared: another version, or no live one."""

    projection: str
    version: int
    events: int
    rows: int
    comparison: Comparison | None


class StillParked(Exception):
    """The database refused what this event says, and does so still. `code` is that of its parking."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RebuildFailed(Exception):
    """The new tables could not be made; the old ones are as they were."""


# --- the fold ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """One partition being folded: what is read and not yet folded, and up to where it was folded."""

    cursor: str | None = None
    position: Position = START
    waiting: list[Stored] = field(default_factory=list)
    is_head: bool = False


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
    ) -> None:
        self.projection = projection
        self.failed: list[tuple[Stored, Exception]] = []
        self.events = 0
        self._sink = ProjectionSink(projection, codec)
        self.fold = self._sink.new_fold()
        self._feed = feed
        self._without = without
        self._poison = poison
        self._runs: dict[Partition, _Run] = {}
        self._selections = {service: Selection(codec, types) for service, types in projection.reads.items()}

    @property
    def positions(self) -> Mapping[Partition, Position]:
        return {partition: run.position for partition, run in self._runs.items()}

    def cursor(self, partition: Partition) -> str | None:
        """Where to go on behind all that was read. Call `finish_pages` first."""
        return self._runs[partition].cursor

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


# --- compare and swap -------------------------------------------------------------------------------------------------


class Rebuilder:
    """Makes, makes again and checks the read models of one service. `owner_dsn`: its database, as the owner."""

    def __init__(self, *, feed: Feed, codec: EventCodec, owner_dsn: str) -> None:
        self._feed = feed
        self._codec = codec
        self._owner_dsn = owner_dsn

    async def prepare(self, projection: Projection, tell: Tell = lambda step: None) -> Rebuilt | None:
        """See to it that the tables of this version are in place: made empty when there are none (the reader then reads from
        the start), rebuilt when they are of another version. Raises ShapeChanged, RebuildFailed."""
        connection = await asyncpg.connect(self._owner_dsn)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(7702)")  # replicas may start together
                version = await read_tables.installed_version(connection, projection)
                if version is None:
                    await read_tables.install(connection, projection)
        finally:
            await connection.close()
        if version is None or version == projection.version:
            return None
        return await self.rebuild(projection, tell)

    async def rebuild(self, projection: Projection, tell: Tell = lambda step: None) -> Rebuilt:
        """Build beside, compare, swap. Raises RebuildFailed, after which the old tables serve on."""
        connection = await asyncpg.connect(self._owner_dsn)
        try:
            await connection.execute("SELECT pg_advisory_lock(7703, hashtext($1))", projection.name)
            return await self._rebuild(connection, projection, tell)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, OverflowError, TooManyParked) as error:
            raise RebuildFailed(f"{projection.name}: {code_of(error)}") from error
        finally:
            await connection.close()

    async def compare(self, projection: Projection) -> Comparison:
        """Live rows against a fresh fold up to the same positions. Events that are parked are left out on both sides."""
        connection = await asyncpg.connect(self._owner_dsn)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                positions = {partition: position for partition, position, _ in await _live(connection, projection)}
                without = await _parked(connection, projection, "parked", "dismissed")
                live = {table.name: await _live_rows(connection, table) for table in projection.tables}
                defaults = {table.name: await _defaults(connection, table) for table in projection.tables}
        finally:
            await connection.close()
        fresh = FreshFold(projection, self._codec, self._feed, without=frozenset(without))
        await fresh.read_up_to(positions)
        return _comparison(projection, live, _fresh_rows(fresh, defaults))

    async def _rebuild(self, connection: asyncpg.Connection, projection: Projection, tell: Tell) -> Rebuilt:
        try:
            return await self._build_and_swap(connection, projection, {}, tell)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, OverflowError) as error:
            # A value that the database refuses is not seen while folding. Where it comes from was found when it was parked.
            poison = await _parked(connection, projection, "parked")
            if is_worth_retrying(error) or not poison:
                raise
            return await self._build_and_swap(connection, projection, poison, tell)

    async def _build_and_swap(
        self, connection: asyncpg.Connection, projection: Projection, poison: Mapping[UUID, str], tell: Tell
    ) -> Rebuilt:
        dismissed = frozenset(await _parked(connection, projection, "dismissed"))
        fresh = FreshFold(projection, self._codec, self._feed, without=dismissed, poison=poison)
        await fresh.read_up_to(await fresh.heads(), tell)
        tell(Step(phase="copy", events=fresh.events, share=1.0))
        for table in projection.tables:
            await _copy(connection, table, fresh)
        fresh.forget()
        for _ in range(_CATCH_UPS_MAX):
            found = await fresh.read_up_to(await fresh.heads())
            await self._write_beside(connection, projection, fresh)
            tell(Step(phase="catch up", events=fresh.events, share=1.0))
            if found <= _SMALL_EVENTS:
                break
        await _wait_for_live(connection, projection, fresh.positions)
        async with connection.transaction():
            comparison = await self._swap(connection, projection, fresh)
        tell(Step(phase="swap", events=fresh.events, share=1.0))
        rows = sum([await connection.fetchval(f"SELECT count(*) FROM {quoted(t.name)}") for t in projection.tables])
        return Rebuilt(
            projection=projection.name,
            version=projection.version,
            events=fresh.events,
            rows=rows,
            comparison=comparison,
        )

    async def _swap(
        self, connection: asyncpg.Connection, projection: Projection, fresh: FreshFold
    ) -> Comparison | None:
        version = await read_tables.installed_version(connection, projection)
        live = await _live(connection, projection, lock=True)
        at_live = {partition: position for partition, position, _ in live}
        is_live = version == projection.version and all(
            at_live.get(partition, START) >= position for partition, position in fresh.positions.items()
        )
        if is_live:
            await fresh.read_up_to(at_live)
        else:
            fresh.finish_pages()
        await self._write_beside(connection, projection, fresh)
        comparison = await _compare_tables(connection, projection) if is_live else None
        for table in projection.tables:
            await read_tables.swap(connection, table, was_there=await read_tables.exists(connection, table.name))
            for statement in read_tables.protection(table.name):
                await connection.execute(statement)
        await read_tables.note_version(connection, projection)
        await self._note_readers(connection, projection, fresh, keep_places=is_live)
        return comparison

    async def _note_readers(
        self, connection: asyncpg.Connection, projection: Projection, fresh: FreshFold, *, keep_places: bool
    ) -> None:
        """Position and parked keys of the new tables: what the fold could not take in is parked, and nothing else."""
        await connection.execute(_REPLAYED, projection.name)
        keys: dict[str, set[str]] = {}
        for stored, error in fresh.failed:
            keys.setdefault(stored.service, set()).add(stored.key)
            await connection.execute(_PARK, *_parked_row(projection, stored, error))
        if sum(map(len, keys.values())) > KEYS_MAX:
            raise TooManyParked(f"{projection.name} cannot take in {sum(map(len, keys.values()))} streams")
        for partition in await fresh.partitions():
            parked = sorted(keys.get(partition.service, ()))
            state = msgspec.json.encode({"version": projection.version, "parked": parked}).decode()
            if keep_places:
                await connection.execute(_STATE, projection.name, *partition, state)
            else:
                position = fresh.positions[partition]
                await connection.execute(_PLACE, projection.name, *partition, fresh.cursor(partition), *position, state)

    async def _write_beside(self, connection: asyncpg.Connection, projection: Projection, fresh: FreshFold) -> None:
        """What was folded since the last time, into the tables beside."""
        await ProjectionSink(projection, self._codec).write(connection, fresh.fold, suffix=read_tables.NEXT)
        fresh.forget()


async def _live(
    connection: asyncpg.Connection, projection: Projection, *, lock: bool = False
) -> list[tuple[Partition, Position, Mapping[str, Any]]]:
    rows = await connection.fetch(_LIVE + ("FOR UPDATE" if lock else ""), projection.name)
    return [
        (
            Partition(row["service"], row["partition"]),
            Position(row["position_epoch"], row["position_tx"], row["position_pos"]),
            msgspec.json.decode(row["state"]),
        )
        for row in rows
    ]


async def _parked(connection: asyncpg.Connection, projection: Projection, *statuses: str) -> dict[UUID, str]:
    """The events on the desk in one of these states, and why the first of each stream is there."""
    rows = await connection.fetch(
        "SELECT event_id, error_code FROM parked WHERE reader = $1 AND status = ANY($2::text[]) AND error_code <> $3",
        projection.name,
        statuses,
        code_of(BehindParked()) if statuses == ("parked",) else "",
    )
    return {row["event_id"]: row["error_code"] for row in rows}


async def _wait_for_live(
    connection: asyncpg.Connection, projection: Projection, positions: Mapping[Partition, Position]
) -> None:
    """Give a running reader a moment to get where the fold is, so that the two can be compared."""
    for _ in range(100):
        live = {partition: position for partition, position, _ in await _live(connection, projection)}
        if all(live.get(partition, START) >= position for partition, position in positions.items()):
            return
        is_running = await connection.fetchval(
            "SELECT true FROM readers WHERE reader = $1 AND lease_until > now() LIMIT 1", projection.name
        )
        if not is_running:
            return
        await asyncio.sleep(0.05)


async def _copy(connection: asyncpg.Connection, table: sa.Table, fresh: FreshFold) -> None:
    """Make `<table>__next` and fill it: the primary key with the rows, which come in its order, other indexes after."""
    await read_tables.drop_next(connection, table)
    for statement in read_tables.creation(table, read_tables.NEXT):
        await connection.execute(statement)
    key = [column.name for column in table.primary_key.columns][1:]
    for tenant, rows in fresh.rows(table):
        for columns, records in _records(table, tenant, key, rows):
            await connection.copy_records_to_table(table.name + read_tables.NEXT, records=records, columns=columns)
    for statement in read_tables.indexes(table, read_tables.NEXT):
        await connection.execute(statement)
    await connection.execute(f"ANALYZE {quoted(table.name + read_tables.NEXT)}")


def _records(
    table: sa.Table, tenant: str, key: Sequence[str], rows: Rows
) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
    """Rows by the columns that they have, as COPY wants them."""
    as_json = {column.name for column in table.columns if isinstance(column.type, sa.JSON)}
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for row_key in sorted(rows):
        row = rows[row_key]
        values = {**row.values, **row.add} if row.add else row.values
        for name in as_json & values.keys():
            if values[name] is not None:
                values = {**values, name: msgspec.json.encode(values[name]).decode()}
        groups.setdefault(tuple(values), []).append((tenant, *row_key, *values.values()))
    for columns, records in groups.items():
        yield [TENANT, *key, *columns], records


def _parked_row(projection: Projection, stored: Stored, error: Exception) -> tuple[Any, ...]:
    return (
        stored.tenant,
        projection.name,
        stored.service,
        stored.stream,
        stored.version,
        stored.event_id,
        stored.type,
        *stored.position,
        error.code if isinstance(error, StillParked) else code_of(error),
        msgspec.json.encode(stored),
    )


# --- comparing --------------------------------------------------------------------------------------------------------

_Rows: TypeAlias = dict[tuple[Any, ...], dict[str, Any]]


async def _compare_tables(connection: asyncpg.Connection, projection: Projection) -> Comparison:
    """Live against next, in the database, while nobody can move either."""
    rows = 0
    found: list[Difference] = []
    for table in projection.tables:
        columns = ", ".join(quoted(column.name) for column in table.columns)
        live, new = quoted(table.name), quoted(table.name + read_tables.NEXT)
        rows += await connection.fetchval(f"SELECT count(*) FROM {new}")
        here = f"SELECT {columns} FROM {live} EXCEPT SELECT {columns} FROM {new}"
        there = f"SELECT {columns} FROM {new} EXCEPT SELECT {columns} FROM {live}"
        surplus = _keyed(table, await connection.fetch(here))
        missing = _keyed(table, await connection.fetch(there))
        keys = sorted(surplus.keys() | missing.keys())
        found += [_difference(table, key, surplus.get(key), missing.get(key)) for key in keys]
    return Comparison(
        projection=projection.name,
        rows=rows,
        difference_count=len(found),
        differences=tuple(found[:DIFFERENCES_MAX]),
    )


def _comparison(projection: Projection, live: Mapping[str, _Rows], fresh: Mapping[str, _Rows]) -> Comparison:
    found = [
        _difference(table, key, live[table.name].get(key), fresh[table.name].get(key))
        for table in projection.tables
        for key in sorted(live[table.name].keys() | fresh[table.name].keys())
        if live[table.name].get(key) != fresh[table.name].get(key)
    ]
    return Comparison(
        projection=projection.name,
        rows=sum(map(len, fresh.values())),
        difference_count=len(found),
        differences=tuple(found[:DIFFERENCES_MAX]),
    )


def _difference(
    table: sa.Table, key: tuple[Any, ...], live: Mapping[str, Any] | None, fresh: Mapping[str, Any] | None
) -> Difference:
    both = live is not None and fresh is not None
    columns = (
        tuple(name for name in live if live[name] != fresh[name]) if live is not None and fresh is not None else ()
    )
    return Difference(
        table=table.name,
        tenant=key[0],
        key=key[1:],
        columns=columns,
        is_missing=not both and live is None,
        is_surplus=not both and fresh is None,
    )


async def _live_rows(connection: asyncpg.Connection, table: sa.Table) -> _Rows:
    columns = ", ".join(quoted(column.name) for column in table.columns)
    return _keyed(table, await connection.fetch(f"SELECT {columns} FROM {quoted(table.name)}"))


def _keyed(table: sa.Table, rows: Sequence[asyncpg.Record]) -> _Rows:
    key = [column.name for column in table.primary_key.columns]
    as_json = [column.name for column in table.columns if isinstance(column.type, sa.JSON)]
    found: _Rows = {}
    for record in rows:
        row = dict(record)
        for name in as_json:
            row[name] = None if row[name] is None else msgspec.json.decode(row[name])
        found[tuple(row[name] for name in key)] = row
    return found


async def _defaults(connection: asyncpg.Connection, table: sa.Table) -> Mapping[str, Any]:
    """What the database puts into columns that nobody set."""
    values = ", ".join(
        f"({read_tables.default_of(column)})::{ColumnShape.of(column).sql_type} AS {quoted(column.name)}"
        for column in table.columns
    )
    row = dict(await connection.fetchrow(f"SELECT {values}"))
    for column in table.columns:
        if isinstance(column.type, sa.JSON) and row[column.name] is not None:
            row[column.name] = msgspec.json.decode(row[column.name])
    return row


def _fresh_rows(fresh: FreshFold, defaults: Mapping[str, Mapping[str, Any]]) -> Mapping[str, _Rows]:
    found: dict[str, _Rows] = {}
    for table in fresh.projection.tables:
        key = [column.name for column in table.primary_key.columns]
        as_json = {column.name for column in table.columns if isinstance(column.type, sa.JSON)}
        rows = found[table.name] = {}
        for tenant, folded in fresh.rows(table):
            for row_key, change in folded.items():
                whole = (tenant, *row_key)
                row = {**defaults[table.name], **dict(zip(key, whole, strict=True)), **change.values, **change.add}
                rows[whole] = {name: _plain(value, name in as_json) for name, value in row.items()}
    return found


def _plain(value: Any, is_json: bool) -> Any:
    """As the driver gives it back."""
    if is_json and value is not None:
        return msgspec.json.decode(msgspec.json.encode(value))
    return list(value) if isinstance(value, tuple) else value
