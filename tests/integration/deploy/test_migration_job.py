"""Does the job that prepares the databases of an installation make what is missing, and change nothing the second time?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from deploy.migrate import MigrationSettings, prepare
from deploy.supervisor import DATABASES
from shared.events.registry import SERVICES
from shared.runtime.settings import Settings
from shared.testing.infrastructure import PostgresServer
from shared.testing.stores import PASSWORD


@pytest_asyncio.fixture(loop_scope="session")
async def server(postgres_server: PostgresServer) -> AsyncIterator[PostgresServer]:
    """The test server, without the databases of an installation before and after."""
    for name in DATABASES:
        await postgres_server.drop(f"ledgerline_{name}")
    yield postgres_server
    for name in DATABASES:
        await postgres_server.drop(f"ledgerline_{name}")


def settings_of(server: PostgresServer) -> Settings:
    parts = urlsplit(server.url)
    secret = SecretStr(PASSWORD)
    return Settings(
        database_host=parts.hostname or "",
        database_port=parts.port or 5432,
        database_owner_password=secret,
        database_app_password=secret,
        database_feed_password=secret,
    )


def job_of(server: PostgresServer) -> MigrationSettings:
    parts = urlsplit(server.url)
    return MigrationSettings(
        superuser=parts.username or "", superuser_password=SecretStr(unquote(parts.password or ""))
    )


async def asked(settings: Settings, service: str, question: str, role: Any = "app") -> Any:
    connection = await asyncpg.connect(settings.dsn(service, role))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_an_empty_server_becomes_one_store_a_service_and_stays_so(server: PostgresServer) -> None:
    settings = settings_of(server)
    for _ in range(2):  # the second time, nothing is missing
        await prepare(settings, job_of(server))
        for service in SERVICES:
            assert await asked(settings, service, "select service from store", "owner") == service
            assert await asked(settings, service, "select count(*) from events") == 0
    for name in DATABASES:
        assert await asked(settings, name, "select current_user", "feed") == "ledgerline_feed"


@pytest.mark.asyncio
async def test_without_a_superuser_the_owner_migrates_databases_that_are_there(server: PostgresServer) -> None:
    settings = settings_of(server)
    await prepare(settings, job_of(server))
    await server.drop("ledgerline_claims")
    connection = await asyncpg.connect(server.dsn())
    await connection.execute("create database ledgerline_claims owner ledgerline_owner")
    await connection.close()
    await prepare(settings, MigrationSettings())
    assert await asked(settings, "claims", "select service from store", "owner") == "claims"
