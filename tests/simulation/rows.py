"""Where are the read models, the readers' places and the timers of a simulated service?

Rows are kept as the production fold leaves them; a transaction is applied whole when it is committed. What a service asks of its read models
is SQL, so a service's rows are mirrored, tenant by tenant, in an SQLite database in memory as soon as somebody asks.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import StaticPool

from shared.events.envelope import START, Position, Stored
from shared.runtime.availability import StoreUnavailable
from shared.runtime.feed import Feed, Partition
from shared.runtime.folding import Fold, RowChange
from shared.runtime.policy import DueTimer
from shared.runtime.projection import Projection
from shared.runtime.queries import Reach, ReadDatabase
from shared.runtime.timer_runner import TIMERS
from shared.runtime.transaction import Place, ReaderKey, TableRows
from tests.simulation.weather import Broken, Weather

RowKey: TypeAlias = tuple[Any, ...]  # the tenant first
Row: TypeAlias = dict[str, Any]


def default_of(column: sa.Column[Any]) -> Any:
    """What an absent value becomes in the tables of `read_tables.py`."""
    if isinstance(column.default, sa.ColumnDefault):
        return column.default.arg
    if not isinstance(column.server_default, sa.DefaultClause):
        return None
    text = column.server_default.arg
    if isinstance(text, str):
        return int(text) if isinstance(column.type, sa.Integer) else text
    return isinstance(text, sa.sql.elements.True_)


class Table:
    """The rows of one table."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        self.key_columns = [column.name for column in table.primary_key.columns]
        self.defaults = {column.name: default_of(column) for column in table.columns}
        self.rows: dict[RowKey, Row] = {}
        self.changed: set[RowKey] = set()

    def write(self, tenant: str, rows: Mapping[tuple[Any, ...], RowChange]) -> None:
        """As the upserts of `folding.py`: deleted first, then made if absent, set and added to."""
        for key, change in rows.items():
            whole = (tenant, *key)
            if change.is_deleted:
                self.rows.pop(whole, None)
            if change.is_put:
                row = self.rows.get(whole)
                if row is None:
                    row = dict(self.defaults) | dict(zip(self.key_columns, whole, strict=True))
                    row |= dict.fromkeys(change.add, 0)
                added = {column: (row[column] or 0) + amount for column, amount in change.add.items()}
                self.rows[whole] = row | change.values | added
            self.changed.add(whole)


def fresh_rows(projection: Projection, fold: Fold) -> dict[str, dict[RowKey, Row]]:
    """What a fold comes to in empty tables."""
    found: dict[str, dict[RowKey, Row]] = {}
    for table in projection.tables:
        empty = Table(table)
        for tenant, tables in fold.tenants.items():
            empty.write(tenant, tables.get(table.name, {}))
        found[table.name] = empty.rows
    return found


@dataclass(slots=True)
class ReaderRow:
    """A row of `readers`."""

    owner: str | None = None
    epoch: int = 0
    place: Place = field(default_factory=lambda: Place(cursor=None, position=START, watermark=None))
    state: str = "{}"
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ServiceRows:
    """One service's database, but for its store."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.tables = {TIMERS.name: Table(TIMERS)}
        self.readers: defaultdict[ReaderKey, ReaderRow] = defaultdict(ReaderRow)
        self.parked: dict[tuple[str, UUID], tuple[Stored, str]] = {}

    def install(self, projections: Iterable[Projection]) -> None:
        """Make the tables that are not there."""
        for projection in projections:
            for table in projection.tables:
                self.tables.setdefault(table.name, Table(table))

    def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        row = self.tables[TIMERS.name].rows.get((timer.tenant, name, timer.key))
        if row is not None and row["due_at"] == timer.due_at and row["fired_at"] is None:
            row["fired_at"] = at


class SimulatedTransaction:
    """Implements `shared.runtime.transaction.Transaction`. Nothing is done before it is committed."""

    def __init__(self, database: ServiceRows, weather: Weather) -> None:
        self.database = database
        self._weather = weather
        self._done: list[Any] = []
        self._locked: list[ReaderRow] = []

    async def move(
        self, key: ReaderKey, epoch: int, place: Place, *, rows_at: Position, lease_for: timedelta
    ) -> str | None:
        row = self.database.readers[key]
        if row not in self._locked:
            await row.lock.acquire()
            self._locked.append(row)
        if row.epoch != epoch or row.place.position < rows_at:
            self._weather.note("fenced", *key)
            return None
        self._done.append(("move", row, place))
        return row.state

    async def write_state(self, key: ReaderKey, state: str) -> None:
        self._done.append(("state", self.database.readers[key], state))

    async def write_rows(self, tenant: str, tables: Sequence[TableRows]) -> None:
        for each in tables:
            self._done.append(("rows", self.database.tables[each.writer.table.name], (tenant, each.rows)))

    async def park(self, reader: str, stored: Stored, error_code: str) -> None:
        self._done.append(("park", (reader, stored.event_id), (stored, error_code)))

    async def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        self._done.append(("fired", (name, timer), at))

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        before = len(self._done)
        try:
            yield
        except BaseException:
            del self._done[before:]
            raise

    def commit(self) -> None:
        for kind, what, value in self._done:
            self.apply(kind, what, value)

    def apply(self, kind: str, what: Any, value: Any) -> None:
        match kind:
            case "move":
                what.place = value
            case "state":
                what.state = value
            case "rows":
                what.write(*value)
            case "park":
                self.database.parked[what] = value
            case "fired":
                self.database.mark_fired(*what, value)

    def end(self) -> None:
        for row in self._locked:
            row.lock.release()


class SimulatedTransactions:
    """Implements `shared.runtime.transaction.Transactions` for one process."""

    def __init__(self, database: ServiceRows, weather: Weather) -> None:
        self._database = database
        self._weather = weather

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SimulatedTransaction]:
        transaction = self.transaction(self._database, self._weather)
        try:
            await self._weather.before("transaction")
            yield transaction
            await self._weather.before("commit")
            transaction.commit()
        finally:
            transaction.end()
        await self._weather.after("commit")

    def transaction(self, database: ServiceRows, weather: Weather) -> SimulatedTransaction:
        return SimulatedTransaction(database, weather)

    async def ask(self, question: str) -> Sequence[Any]:
        """Only a relay asks: whether its log was ever restored. It was not."""
        return []


class SimulatedTimers:
    """Implements `shared.runtime.timer_runner.TimerRows`."""

    def __init__(self, database: ServiceRows, weather: Weather) -> None:
        self._database = database
        self._rows = database.tables[TIMERS.name]
        self._weather = weather

    async def due(self, name: str, now: datetime, limit: int) -> Sequence[DueTimer]:
        await self._weather.before("timers")
        found = [
            row
            for row in self._rows.rows.values()
            if row["name"] == name and row["fired_at"] is None and row["due_at"] <= now
        ]
        found.sort(key=lambda row: (row["due_at"], row["tenant"], row["key"]))
        return [
            DueTimer(tenant=row["tenant"], key=row["key"], due_at=row["due_at"], note=row["note"])
            for row in found[:limit]
        ]

    async def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        await self._weather.before("timer")
        self._database.mark_fired(name, timer, at)
        await self._weather.after("timer")

    async def next_due(self, name: str | None, tenant: str | None) -> datetime | None:
        due = [
            row["due_at"]
            for row in self._rows.rows.values()
            if row["fired_at"] is None and name in (None, row["name"]) and tenant in (None, row["tenant"])
        ]
        return min(due, default=None)


# --- what services ask ------------------------------------------------------------------------------------------------


class _Moment(sqlite.DATETIME):
    """Aware times: SQLite's own forget the zone."""

    def bind_processor(self, dialect: Any) -> Any:
        return lambda value: None if value is None else _moment(value)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return lambda value: None if value is None else datetime.fromisoformat(value)


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _in_sqlite(value: Any) -> Any:
    match value:
        case None | bool() | int() | str() | bytes():
            return value
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case UUID():
            return value.hex
        case _:
            return msgspec.json.encode(value).decode()


class Mirror:
    """The rows of one tenant of one service as an SQL database. Made once a process; `clear` it for the next run."""

    def __init__(self, tables: Iterable[sa.Table]) -> None:
        engine = sa.create_engine("sqlite://", poolclass=StaticPool)
        engine.dialect.colspecs = {**engine.dialect.colspecs, sa.DateTime: _Moment}
        self.connection = engine.connect()
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._driver = driver
        self._json = {
            table.name: {column.name for column in table.columns if isinstance(column.type, sa.JSON)}
            for table in tables
        }
        for table in tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
            self._driver.execute(f'CREATE TABLE "{table.name}" ({columns}, PRIMARY KEY ({key}))')

    def clear(self) -> None:
        for name in self._json:
            self._driver.execute(f'DELETE FROM "{name}"')

    def take(self, table: Table, keys: Iterable[RowKey]) -> None:
        """Bring these rows up to date."""
        name, as_json = table.table.name, self._json[table.table.name]
        same = " AND ".join(f'"{column}" = ?' for column in table.key_columns)
        for key in keys:
            self._driver.execute(f'DELETE FROM "{name}" WHERE {same}', [_in_sqlite(part) for part in key])
            row = table.rows.get(key)
            if row is not None:
                values = [
                    msgspec.json.encode(value).decode()
                    if column in as_json and value is not None
                    else _in_sqlite(value)
                    for column, value in row.items()
                ]
                columns = ", ".join(f'"{column}"' for column in row)
                marks = ", ".join("?" * len(values))
                self._driver.execute(f'INSERT INTO "{name}" ({columns}) VALUES ({marks})', values)


class Mirrors:
    """One for each service and tenant, kept from run to run: what SQLAlchemy has compiled is not compiled again."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Mirror] = {}

    def of(self, service: str, tenant: str, tables: Iterable[sa.Table]) -> Mirror:
        mirror = self._made.get((service, tenant))
        if mirror is None:
            mirror = self._made[service, tenant] = Mirror(tuple(tables))
        return mirror

    def clear(self) -> None:
        for mirror in self._made.values():
            mirror.clear()


class _Connection:
    """What `shared.runtime.queries` uses of an `AsyncConnection`."""

    def __init__(self, reads: SimulatedReads, tenant: str) -> None:
        self._reads = reads
        self._tenant = tenant

    async def execute(self, statement: sa.Executable) -> Any:
        return self._reads.up_to_date(self._tenant).connection.execute(statement)


class SimulatedReads(ReadDatabase):
    """The read models of a service as it asks them. What is waited for, and how long, is the production class's."""

    def __init__(self, database: ServiceRows, feed: Feed, weather: Weather, mirrors: Mirrors) -> None:
        super().__init__("postgresql://nowhere/nothing", covering=feed.covering)  # never connected to
        self._database = database
        self._weather = weather
        self._mirrors = mirrors

    @asynccontextmanager
    async def read(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        try:
            await self._weather.before("read models")
        except Broken as broken:
            raise StoreUnavailable("the database of the read models does not answer") from broken
        yield cast(AsyncConnection, _Connection(self, tenant))

    async def reaches(self, connection: AsyncConnection, reader: str) -> Sequence[Reach]:
        return [
            Reach(partition=Partition(key.service, key.partition), position=row.place.position, watermark=None)
            for key, row in self._database.readers.items()
            if key.reader == reader
        ]

    def up_to_date(self, tenant: str) -> Mirror:
        tables = self._database.tables
        mirror = self._mirrors.of(self._database.service, tenant, [table.table for table in tables.values()])
        for table in tables.values():
            mine = {key for key in table.changed if key[0] == tenant}
            if mine:
                mirror.take(table, sorted(mine, key=repr))
                table.changed -= mine
        return mirror
