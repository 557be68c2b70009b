"""Databases as an installation has them: owned by the owner, used by the application role."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import pytest_asyncio

from shared.runtime.local_documents import create_documents_schema
from shared.runtime.local_vault import LocalVault, create_vault_schema
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, prepare_roles
from shared.runtime.wrapping import RootKeys
from shared.testing.infrastructure import PostgresServer

ROOT_KEY = bytes(range(32))
ROOT_KEYS = RootKeys([ROOT_KEY])
PASSWORD = "test"  # roles belong to the server, so every test that sets passwords sets this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One database, as each role reaches it."""

    owner: str
    app: str
    superuser: str


class Install(Protocol):
    """Makes an empty database that belongs to the owner, or a copy of one; it is dropped when the test ends."""

    async def __call__(self, prefix: str, *, template: str | None = None) -> Installed: ...


@pytest_asyncio.fixture(loop_scope="session")
async def install(postgres_server: PostgresServer) -> AsyncIterator[Install]:
    await prepare_roles(postgres_server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))
    made: list[str] = []

    async def make(prefix: str, *, template: str | None = None) -> Installed:
        if template is None:
            name = f"test_{prefix}_{secrets.token_hex(6)}"
            await create_database(postgres_server.dsn(), name)
        else:
            name = await postgres_server.create(f"test_{prefix}", template=template)
        made.append(name)
        return Installed(
            owner=postgres_server.dsn(name, OWNER, password=PASSWORD),
            app=postgres_server.dsn(name, APP, password=PASSWORD),
            superuser=postgres_server.dsn(name),
        )

    yield make
    for name in made:
        await postgres_server.drop(name)


@pytest_asyncio.fixture(loop_scope="session")
async def vault_database(install: Install) -> Installed:
    installed = await install("vault")
    await create_vault_schema(installed.owner)
    return installed


@pytest_asyncio.fixture(loop_scope="session")
async def vault(vault_database: Installed) -> AsyncIterator[LocalVault]:
    opened = await LocalVault.connect(vault_database.app, ROOT_KEYS)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def documents_database(install: Install) -> Installed:
    installed = await install("documents")
    await create_documents_schema(installed.owner)
    return installed
