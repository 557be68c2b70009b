"""How is a read model made again from the log, while the old one goes on serving?

The same fold as ever, over the feed from its start, in memory; then one COPY into `<table>__next`, indexes, and what has happened
meanwhile. Whenever more rows than `ROWS_AT_ONCE` are in memory they are written, so that the log of years needs no more than one of days. For the last step the rows of the reader are locked, so that live and new stand at the same positions; they are compared,
and renames put the new one in its place together with the reader's position. No query ever sees an empty table.

The comparison is also made on its own: `ledgerline verify` asks whether every read model equals a fresh fold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa

from shared.events.envelope import START, Position
from shared.runtime import read_tables
from shared.runtime.codec import EventCodec
from shared.runtime.comparison import Comparison, compare_tables, comparison_of, defaults_of, fresh_rows, live_rows
from shared.runtime.faults import is_worth_retrying
from shared.runtime.feed import Feed, Partition
from shared.runtime.folding import TENANT, Rows, quoted
from shared.runtime.fresh_fold import FreshFold, Step, StillParked, Tell
from shared.runtime.parked import KEYS_MAX, BehindParked, TooManyParked, code_of
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.transaction import PostgresTransaction

_SMALL_EVENTS = 500  # a catch-up that found no more than this is followed by the swap
_CATCH_UPS_MAX = 20
ROWS_AT_ONCE = 100_000

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did. `comparison` is None where live and new could not be compared: another version, or no live one."""

    projection: str
    version: int
    events: int
    rows: int
    comparison: Comparison | None


class RebuildFailed(Exception):
    """The new tables could not be made; the old ones are as they were."""


class Rebuilder:
    """Makes, makes again and checks the read models of one service. `owner_dsn`: its database, as the owner."""

    def __init__(self, *, feed: Feed, codec: EventCodec, owner_dsn: str, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._feed = feed
        self._codec = codec
        self._owner_dsn = owner_dsn
        self._rows_at_once = rows_at_once

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
                live = {table.name: await live_rows(connection, table) for table in projection.tables}
                defaults = {table.name: await defaults_of(connection, table) for table in projection.tables}
        finally:
            await connection.close()
        fresh = FreshFold(projection, self._codec, self._feed, without=frozenset(without))
        await fresh.read_up_to(positions)
        return comparison_of(projection, live, fresh_rows(fresh, defaults))

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
        is_begun = False

        async def write() -> None:
            nonlocal is_begun
            await self._write_beside(connection, projection, fresh, is_new=not is_begun)
            is_begun = True

        async def write_when_many() -> None:
            if fresh.row_count >= self._rows_at_once:
                await write()

        fresh = FreshFold(
            projection, self._codec, self._feed, without=dismissed, poison=poison, after_page=write_when_many
        )
        await fresh.read_up_to(await fresh.heads(), tell)
        tell(Step(phase="copy", events=fresh.events, share=1.0))
        await write()
        for _ in range(_CATCH_UPS_MAX):
            found = await fresh.read_up_to(await fresh.heads())
            await write()
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
        comparison = await compare_tables(connection, projection) if is_live else None
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
            code = error.code if isinstance(error, StillParked) else code_of(error)
            await PostgresTransaction(connection).park(projection.name, stored, code)
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

    async def _write_beside(
        self, connection: asyncpg.Connection, projection: Projection, fresh: FreshFold, *, is_new: bool = False
    ) -> None:
        """What was folded since the last time, into the tables beside, which are made the first time."""
        if is_new:
            for table in projection.tables:
                await _copy(connection, table, fresh)
        else:
            transaction = PostgresTransaction(connection)
            await ProjectionSink(projection, self._codec).write(transaction, fresh.fold, suffix=read_tables.NEXT)
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
