"""In which rows does a read model differ from another, or from what the log gives?

Live tables are compared with those of a rebuild inside of the database, and with a fresh fold in memory. Columns are named, values are
not: they may be personal data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import msgspec
import sqlalchemy as sa

from shared.runtime import read_tables
from shared.runtime.folding import ColumnShape, quoted
from shared.runtime.fresh_fold import FreshFold
from shared.runtime.projection import Projection

DIFFERENCES_MAX = 100  # named; all are counted

TableRows: TypeAlias = dict[tuple[Any, ...], dict[str, Any]]  # by tenant and key


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


async def compare_tables(connection: asyncpg.Connection, projection: Projection) -> Comparison:
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


def comparison_of(projection: Projection, live: Mapping[str, TableRows], fresh: Mapping[str, TableRows]) -> Comparison:
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


async def live_rows(connection: asyncpg.Connection, table: sa.Table) -> TableRows:
    columns = ", ".join(quoted(column.name) for column in table.columns)
    return _keyed(table, await connection.fetch(f"SELECT {columns} FROM {quoted(table.name)}"))


def _keyed(table: sa.Table, rows: Sequence[asyncpg.Record]) -> TableRows:
    key = [column.name for column in table.primary_key.columns]
    as_json = [column.name for column in table.columns if isinstance(column.type, sa.JSON)]
    found: TableRows = {}
    for record in rows:
        row = dict(record)
        for name in as_json:
            row[name] = None if row[name] is None else msgspec.json.decode(row[name])
        found[tuple(row[name] for name in key)] = row
    return found


async def defaults_of(connection: asyncpg.Connection, table: sa.Table) -> Mapping[str, Any]:
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


def fresh_rows(fresh: FreshFold, defaults: Mapping[str, Mapping[str, Any]]) -> Mapping[str, TableRows]:
    found: dict[str, TableRows] = {}
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
