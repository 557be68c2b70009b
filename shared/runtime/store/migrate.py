"""How does a database become the store of a service, and how is it kept at the version of the code?

`prepare_roles` needs a superuser and is done once a cluster; `migrate` runs as the owner (or a superuser, who then acts as
the owner) and may be repeated at will.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

OWNER = "ledgerline_owner"
APP = "ledgerline_app"
FEED = "ledgerline_feed"

_HERE = Path(__file__).parent
_alembic_is_free = threading.Lock()  # not asyncio's, which belongs to one event loop
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(77, 2)"
# Alembic's own has room for 32 characters; a dated file name that says what it does is longer.
_REVISION_TABLE = "create table if not exists alembic_version (version_num varchar(120) primary key)"


class NewerState(Exception):
    """The database was migrated by a later version of the code. The text names the database and its revision."""


class WrongStore(Exception):
    """The database is the store of another service."""


async def prepare_roles(dsn: str, passwords: Mapping[str, str]) -> None:
    """Make the roles of the cluster and set the passwords given, by role name. Needs a superuser."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            # Roles belong to the cluster and advisory locks to a database, hence a lock on the table of roles.
            await connection.execute("lock table pg_authid in share row exclusive mode")
            await connection.execute(_HERE.joinpath("roles.sql").read_text())
            for role, password in passwords.items():
                await connection.execute(await _password_statement(connection, role, password))
    finally:
        await connection.close()


async def _password_statement(connection: asyncpg.Connection, role: str, password: str) -> str:
    return str(
        await connection.fetchval("select format('alter role %I password %L', $1::text, $2::text)", role, password)
    )


async def create_database(dsn: str, name: str) -> bool:
    """Create a database that belongs to the owner, unless it is there. Needs a superuser; says whether it was made."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        raise ValueError("a database name has lower case letters, digits and underscores")
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("select true from pg_database where datname = $1", name):
            return False
        await connection.execute(f'create database "{name}" owner {OWNER}')
        return True
    finally:
        await connection.close()


async def begin_epoch(dsn: str, *, at_least: int = 0) -> int:
    """Say that the store was put back to an earlier moment; returns its new epoch. Needs a superuser or the owner.

    For a restore into the same cluster, which `migrate` cannot notice. Nobody may be writing.
    """
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("select begin_epoch($1)", at_least))
    finally:
        await connection.close()


def run_script(migration: str) -> None:
    """Run the SQL that lies beside a migration, in the transaction of the migrations. For the files in `migrations/versions`."""
    script = Path(migration).with_suffix(".sql").read_text()
    op.execute("set local check_function_bodies = on")  # begins the transaction, should nothing have done so
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(
        lambda driver: driver.execute(script)
    )  # many statements: more than the driver prepares at once


async def migrate(dsn: str, service: str) -> None:
    """Bring the service's database to the schema of this code. Raises NewerState, WrongStore.

    A store that was restored into another cluster begins a new epoch: transaction ids start again there.
    """
    engine = create_async_engine(_sqlalchemy_url(dsn), poolclass=NullPool)
    try:
        async with _alembic(), engine.begin() as connection:
            await connection.execute(text(_ONE_AT_A_TIME))
            await connection.run_sync(_act_as_owner)
            await connection.run_sync(_upgrade)
            await connection.run_sync(_claim, service)
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def _alembic() -> AsyncIterator[None]:
    """Alembic keeps what it is doing in module globals, so a process migrates one database at a time."""
    while not _alembic_is_free.acquire(blocking=False):  # noqa: ASYNC110 (a lock of threads has no event)
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        _alembic_is_free.release()


def role_dsn(dsn: str, role: str, password: str) -> str:
    """The same database as another role."""
    parts = urlsplit(dsn)
    address = parts.netloc.rpartition("@")[2]
    credentials = f"{role}:{quote(password, safe='')}" if password else role
    return urlunsplit((parts.scheme, f"{credentials}@{address}", parts.path, parts.query, ""))


def _sqlalchemy_url(dsn: str) -> str:
    return re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", dsn)


def _act_as_owner(connection: Connection) -> None:
    """Tables belong to the owner whoever migrates; a superuser first makes what the owner needs."""
    is_superuser, is_owner = connection.execute(
        text("select rolsuper, rolname = :owner from pg_roles where rolname = current_user"), {"owner": OWNER}
    ).one()
    if is_superuser:
        connection.connection.dbapi_connection.run_async(  # type: ignore[union-attr]
            lambda driver: driver.execute(_HERE.joinpath("roles.sql").read_text())
        )
        connection.execute(text(f"grant usage, create on schema public to {OWNER}"))
    if not is_owner:
        connection.execute(text(f"set local role {OWNER}"))


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_HERE / "migrations"))
    config.attributes["connection"] = connection
    connection.execute(text(_REVISION_TABLE))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            database = connection.execute(text("select current_database()")).scalar_one()
            raise NewerState(f"database {database} is at revision {revision}, which this version does not know")
    command.upgrade(config, "head")


def _claim(connection: Connection, service: str) -> None:
    identifier = connection.execute(text("select system_identifier from pg_control_system()")).scalar_one()
    connection.execute(
        text("insert into store (service, system_identifier) values (:service, :identifier) on conflict do nothing"),
        {"service": service, "identifier": identifier},
    )
    found = connection.execute(text("select service from store")).scalar_one()
    if found != service:
        raise WrongStore(f"this database is the store of {found}, not of {service}")
    moved = connection.execute(
        text("update store set system_identifier = :now where system_identifier <> :now returning true"),
        {"now": identifier},
    )
    if moved.scalar_one_or_none():
        connection.execute(text("select begin_epoch()"))
