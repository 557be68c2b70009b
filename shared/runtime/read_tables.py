"""How does a read model get its table, and how does another take its place?

The runtime makes the tables of a projection from its `sa.Table`s in the service's own database. Row-level security keeps the
application to its tenant; the owner, who migrates and rebuilds, sees all. Which version of a projection is installed stands in
`projections`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from shared.runtime.folding import TENANT, ColumnShape, quoted
from shared.runtime.projection import Projection
from shared.runtime.store.migrate import APP, OWNER

FILL = 85  # per cent: an update finds room in its page and touches no index
NEXT = "__next"
_OLD = "__old"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class ShapeChanged(Exception):
    """The tables of a projection differ from those installed, but its version does not."""


async def installed_version(connection: asyncpg.Connection, projection: Projection) -> int | None:
    """The version whose tables are in place; None when there are none. Raises ShapeChanged."""
    found = await connection.fetchrow("SELECT version, shape FROM projections WHERE name = $1", projection.name)
    if found is None:
        return None
    if found["version"] == projection.version and found["shape"] != shape_of(projection):
        raise ShapeChanged(f"{projection.name}: its tables changed, so it needs a version after {projection.version}")
    return int(found["version"])


async def install(connection: asyncpg.Connection, projection: Projection) -> None:
    """Make the tables, empty, and note the version. Call it in a transaction, as owner."""
    for table in projection.tables:
        for statement in (*creation(table), *indexes(table), *protection(table.name)):
            await connection.execute(statement)
    await note_version(connection, projection)


async def note_version(connection: asyncpg.Connection, projection: Projection) -> None:
    await connection.execute(
        "INSERT INTO projections (name, version, shape) VALUES ($1, $2, $3) ON CONFLICT (name)"
        " DO UPDATE SET version = excluded.version, shape = excluded.shape, installed_at = now()",
        projection.name,
        projection.version,
        shape_of(projection),
    )


def shape_of(projection: Projection) -> str:
    """The statements that make the tables: what has to stay the same within one version."""
    return "\n".join(text for table in projection.tables for text in (*creation(table), *indexes(table)))


def creation(table: sa.Table, suffix: str = "") -> Iterator[str]:
    """CREATE TABLE with its primary key; a plain default in Python becomes one of the database."""
    copy = table.to_metadata(sa.MetaData(), name=table.name + suffix)
    for column in copy.columns:
        if column.server_default is None and column.default is not None:
            column.server_default = sa.DefaultClause(sa.text(default_of(column).replace(":", "\\:")))
    statement = CreateTable(copy).compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})
    yield f"{str(statement).strip()} WITH (fillfactor = {FILL})"


def indexes(table: sa.Table, suffix: str = "") -> Iterator[str]:
    copy = table.to_metadata(sa.MetaData(), name=table.name + suffix)
    for index in sorted(copy.indexes, key=lambda index: str(index.name)):
        index.name = sa.sql.quoted_name(f"{index.name}{suffix}", quote=None)
        yield str(CreateIndex(index).compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def protection(name: str) -> Iterator[str]:
    """Row-level security: the application sees its tenant's rows, the owner all."""
    table = quoted(name)
    own = f"{TENANT} = (SELECT nullif(current_setting('app.tenant', true), ''))"  # once a statement, not once a row
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY tenant_rows ON {table} TO {APP} USING ({own}) WITH CHECK ({own})"
    yield f"CREATE POLICY owner_rows ON {table} TO {OWNER} USING (true) WITH CHECK (true)"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}"


async def swap(connection: asyncpg.Connection, table: sa.Table, *, was_there: bool) -> None:
    """Put `<table>__next` in the table's place and drop the old one. Call it in a transaction, as owner."""
    name = table.name
    if was_there:
        await connection.execute(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(name + _OLD)}")
        await connection.execute(f"DROP TABLE {quoted(name + _OLD)}")
    await connection.execute(f"ALTER TABLE {quoted(name + NEXT)} RENAME TO {quoted(name)}")
    left = await connection.fetch(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = $1", name
    )
    for row in left:
        if NEXT in row["indexname"]:
            to = row["indexname"].replace(NEXT, "")
            await connection.execute(f"ALTER INDEX {quoted(row['indexname'])} RENAME TO {quoted(to)}")


async def drop_next(connection: asyncpg.Connection, table: sa.Table) -> None:
    await connection.execute(f"DROP TABLE IF EXISTS {quoted(table.name + NEXT)}")


async def exists(connection: asyncpg.Connection, name: str) -> bool:
    return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"public.{quoted(name)}"))


def default_of(column: sa.Column[Any]) -> str:
    """What an absent value becomes, as an SQL expression. Raises ValueError for a default that is not a plain value."""
    if isinstance(column.server_default, sa.DefaultClause):
        argument = column.server_default.arg
        if isinstance(argument, str):
            return _literal(argument)
        return str(argument.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    if column.default is None:
        return "NULL"
    if not isinstance(column.default, sa.ColumnDefault) or not column.default.is_scalar:
        raise ValueError(f"column {column.name}: only a plain default")
    value = ColumnShape.of(column).encoded([column.default.arg])[0]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _literal(str(value))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
