"""How do many changes of rows become one per key, and then one statement per column set?

A projection says what each event changes. Written one by one that is a round trip an event; folded in memory first, a page of
thousands of events is a few statements. Source of the shape and of its measured worth: the event log's baselines, "fold".

Meaning of changes, in order: `Put` makes the row if it is absent, sets `values` and adds `add` (an increment starts from zero, so
a counter's default is 0 or none); `Remove` deletes the row, and a later `Put` makes a new one with defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shared.runtime.arrays import integer_array, text_array, time_array
from shared.runtime.projection import Change, Key, Put

TENANT = "tenant"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class RowChange:
    """What a run of changes does to one row: whether it is deleted first, and what is set and added to it afterwards."""

    __slots__ = ("add", "is_deleted", "is_put", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.add: dict[str, int] = {}
        self.is_deleted = False
        self.is_put = False

    def put(self, values: Mapping[str, Any], add: Mapping[str, int]) -> None:
        self.is_put = True
        mine, sums = self.values, self.add
        for column, value in values.items():
            mine[column] = value
            if column in sums:
                del sums[column]
        for column, amount in add.items():
            if column in sums:
                sums[column] += amount
            elif column in mine:
                mine[column] = (mine[column] or 0) + amount
            else:
                sums[column] = amount

    def remove(self) -> None:
        self.is_deleted, self.is_put = True, False
        self.values, self.add = {}, {}


Rows = dict[Key, RowChange]


class Fold:
    """Changes folded to one per tenant, table and key. Order of `take` is the order of events. `tables` None: any."""

    __slots__ = ("_known", "tenants")

    def __init__(self, tables: Iterable[str] | None = None) -> None:
        self.tenants: dict[str, dict[str, Rows]] = {}
        self._known = None if tables is None else frozenset(tables)

    def take(self, tenant: str, changes: Iterable[Change]) -> None:
        """Raises ValueError for a table that is none of ours, TypeError where something is added to what is no number."""
        tables = self.tenants.get(tenant)
        if tables is None:
            tables = self.tenants[tenant] = {}
        for change in changes:
            rows = tables.get(change.table)
            if rows is None:
                rows = tables[change.table] = self._new_rows(change.table)
            row = rows.get(change.key)
            if row is None:
                row = rows[change.key] = RowChange()
            if type(change) is Put:
                row.put(change.values, change.add)
            else:
                row.remove()

    def _new_rows(self, table: str) -> Rows:
        if self._known is not None and table not in self._known:
            raise ValueError(f"no table {table}")
        return {}

    def __bool__(self) -> bool:
        return bool(self.tenants)


# --- SQL --------------------------------------------------------------------------------------------------------------


def _list_text(value: Sequence[str] | None) -> str | None:
    """An array of arrays cannot travel as one parameter."""
    return None if value is None else text_array(value)


def _json_text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnShape:
    """How values of a column travel in an array parameter."""

    name: str
    sql_type: str
    sent_as: str
    encode: Callable[[Any], Any] | None  # None: as it is
    literal: Callable[[Sequence[Any]], str] | None = (
        None  # of the whole array (see arrays.py); None: the driver's own array
    )

    @classmethod
    def of(cls, column: sa.Column[Any]) -> ColumnShape:
        sql_type = column.type.compile(dialect=_DIALECT)
        if isinstance(column.type, sa.JSON):
            return cls(name=column.name, sql_type=sql_type, sent_as="TEXT", encode=_json_text)
        if isinstance(column.type, sa.ARRAY):
            return cls(name=column.name, sql_type=sql_type, sent_as="TEXT", encode=_list_text)
        return cls(name=column.name, sql_type=sql_type, sent_as=sql_type, encode=None, literal=_literal_of(column.type))

    def encoded(self, values: Iterable[Any]) -> list[Any]:
        return list(values) if self.encode is None else [self.encode(value) for value in values]

    def array(self, values: list[Any]) -> Any:
        """What is sent for `parameter`."""
        return self.encoded(values) if self.literal is None else self.literal(values)

    def parameter(self, number: int) -> str:
        return f"${number}::{self.sent_as}[]" if self.literal is None else f"${number}::text::{self.sent_as}[]"


def _literal_of(kind: sa.types.TypeEngine[Any]) -> Callable[[Sequence[Any]], str] | None:
    if isinstance(kind, sa.Text):
        return text_array
    if isinstance(kind, sa.Integer):
        return integer_array
    if isinstance(kind, sa.DateTime) and kind.timezone:
        return time_array
    return None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and its array parameters, the tenant first."""

    sql: str
    parameters: tuple[Any, ...]


class TableWriter:
    """Turns folded rows of one table into statements. Keeps the text of every column set that it has met."""

    def __init__(self, table: sa.Table) -> None:
        key = [column.name for column in table.primary_key.columns]
        if key[:1] != [TENANT]:
            raise ValueError(f"table {table.name}: the primary key begins with {TENANT}")
        self.table = table
        self.key = key[1:]
        self.shapes = {column.name: ColumnShape.of(column) for column in table.columns}
        self._upserts: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}
        self._delete = self._delete_text()

    def statements(self, tenant: str, rows: Rows, name: str | None = None) -> Iterator[Statement]:
        """Deletions first, then one upsert for each column set, keys in order. `name` stands in for the table's own."""
        ordered = sorted(rows.items(), key=itemgetter(0))
        deleted = [key for key, row in ordered if row.is_deleted]
        if deleted:
            yield Statement(_renamed(self._delete, self.table.name, name), (tenant, *self._key_arrays(deleted)))
        for (set_columns, added_columns), group in _by_columns(ordered).items():
            sql = self._upserts.get((set_columns, added_columns))
            if sql is None:
                sql = self._upserts[set_columns, added_columns] = self._upsert_text(set_columns, added_columns)
            keys = [key for key, _ in group]
            arrays = [
                *self._key_arrays(keys),
                *(self.shapes[name].array([row.values[name] for _, row in group]) for name in set_columns),
                *(self.shapes[name].array([row.add[name] for _, row in group]) for name in added_columns),
            ]
            yield Statement(_renamed(sql, self.table.name, name), (tenant, *arrays))

    def _key_arrays(self, keys: Sequence[Key]) -> list[Any]:
        for key in keys:
            if len(key) != len(self.key):
                raise ValueError(f"table {self.table.name}: a key has {len(self.key)} parts after the tenant")
        return [self.shapes[name].array([key[index] for key in keys]) for index, name in enumerate(self.key)]

    def _unnest(self, columns: Sequence[str]) -> str:
        arrays = ", ".join(self._shape(name).parameter(n) for n, name in enumerate(columns, start=2))
        names = ", ".join(f"c{n}" for n in range(2, len(columns) + 2))
        return f"unnest({arrays}) AS u({names})"

    def _shape(self, column: str) -> ColumnShape:
        try:
            return self.shapes[column]
        except KeyError:
            raise ValueError(f"table {self.table.name} has no column {column}") from None

    def _upsert_text(self, set_columns: tuple[str, ...], added_columns: tuple[str, ...]) -> str:
        columns = [*self.key, *set_columns, *added_columns]
        table = quoted(self.table.name)
        sources = []
        for n, name in enumerate(columns, start=2):
            shape = self._shape(name)
            sources.append(f"u.c{n}" if shape.sent_as == shape.sql_type else f"u.c{n}::{shape.sql_type}")
        updates = [f"{quoted(name)} = excluded.{quoted(name)}" for name in set_columns]
        updates += [f"{quoted(n)} = coalesce({table}.{quoted(n)}, 0) + excluded.{quoted(n)}" for n in added_columns]
        action = f"DO UPDATE SET {', '.join(updates)}" if updates else "DO NOTHING"
        names = ", ".join(quoted(name) for name in (TENANT, *columns))
        target = ", ".join(quoted(name) for name in (TENANT, *self.key))
        source = ", ".join(["$1::TEXT", *sources])
        unnested = self._unnest(columns) if columns else "(SELECT) AS u"
        return f"INSERT INTO {table} ({names}) SELECT {source} FROM {unnested} ON CONFLICT ({target}) {action}"

    def _delete_text(self) -> str:
        table = quoted(self.table.name)
        if not self.key:
            return f"DELETE FROM {table} WHERE {quoted(TENANT)} = $1::TEXT"
        same = " AND ".join(
            f"{table}.{quoted(name)} = u.c{n}::{self.shapes[name].sql_type}" for n, name in enumerate(self.key, start=2)
        )
        return (
            f"DELETE FROM {table} USING {self._unnest(self.key)} WHERE {table}.{quoted(TENANT)} = $1::TEXT AND {same}"
        )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _renamed(sql: str, table: str, name: str | None) -> str:
    return sql if name is None else sql.replace(quoted(table), quoted(name))


def _by_columns(
    rows: Sequence[tuple[Key, RowChange]],
) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[Key, RowChange]]]:
    """Rows that set and add the same columns, whatever the order in which the projection named them."""
    canonical: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[tuple[str, ...], tuple[str, ...]]] = {}
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[Key, RowChange]]] = {}
    for item in rows:
        row = item[1]
        if not row.is_put:
            continue
        named = (tuple(row.values), tuple(row.add))
        columns = canonical.get(named)
        if columns is None:
            columns = canonical[named] = (tuple(sorted(named[0])), tuple(sorted(named[1])))
        groups.setdefault(columns, []).append(item)
    return dict(sorted(groups.items()))


def writers_for(tables: Iterable[sa.Table]) -> Mapping[str, TableWriter]:
    return {table.name: TableWriter(table) for table in tables}
