"""How does a test run real services in its own process?

Databases of their own on the test server, a platform, a host for each service asked for, and an HTTP client that speaks to their
applications. `settle` waits until nothing is going on any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from shared.events.envelope import Stored
from shared.events.registry import SERVICES
from shared.runtime.host import Build, Host, open_host
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.platform import Platform, open_platform
from shared.runtime.settings import Settings
from shared.runtime.store.migrate import APP, FEED, OWNER, migrate, prepare_roles
from shared.runtime.verify import every_event
from shared.testing.infrastructure import PostgresServer
from shared.testing.stores import PASSWORD

TENANT = "clinic"
_DATABASES = (*SERVICES, "vault", "documents")


@dataclass(slots=True, kw_only=True)
class Hosted:
    """Services that run in this process."""

    platform: Platform
    hosts: Mapping[str, Host]
    http: httpx.AsyncClient  # paths begin with /api/<service>; acts as administrator of TENANT

    async def settle(self, seconds: float = 60.0) -> None:
        """Wait until every service is quiet twice in a row. Raises TimeoutError."""
        give_up, quiet, busy = time.monotonic() + seconds, 0, list[str]()
        while quiet < 2:
            if time.monotonic() > give_up:
                raise TimeoutError(f"still busy after {seconds:g} s: {', '.join(busy)}")
            busy = [name for host in self.hosts.values() for name in await host.busy()]
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0.02)

    async def ask(self, method: str, path: str, body: Any = None, *, status: int | None = None, **options: Any) -> Any:
        """The JSON of an answer; a write gets a fresh key. Fails on another status than asked for (else 2xx)."""
        headers = {"Idempotency-Key": secrets.token_hex(8), **options.pop("headers", {})}
        answer = await self.http.request(method, path, json=body, headers=headers, **options)
        expected = answer.is_success if status is None else answer.status_code == status
        assert expected, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    async def events(self, service: str, *names: str) -> list[Stored]:
        """What a service recorded, in feed order, of these event names (all when none is named)."""
        return [
            stored
            async for stored in every_event(self.hosts[service].store_feed, service)
            if not names or stored.type.split(".")[1] in names
        ]


@contextlib.asynccontextmanager
async def hosted(
    server: PostgresServer, builds: Mapping[str, Build], home: Path, *, databases: Sequence[str] = (), **settings: Any
) -> AsyncIterator[Hosted]:
    """These services on fresh databases. Events of the others can be read: their stores are there, and empty.

    `databases` are empty ones besides, for what is not a service ("gateway").
    """
    suffix = secrets.token_hex(4)
    await prepare_roles(server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))  # roles belong to the server
    wanted = (*_DATABASES, *databases)
    names = [f"ledgerline_{name}_{suffix}" for name in wanted]
    for service, name in zip(wanted, names, strict=True):
        await _copy(server, await server.template(f"empty_{service}", _build(service)), name)
    template = server.dsn("{database}_" + suffix, "{user}", password="{password}")
    secret = SecretStr(PASSWORD)
    made = Settings(
        mode="embedded",
        home=home,
        database_url_template=template,
        database_owner_password=secret,
        database_app_password=secret,
        database_feed_password=secret,
        timer_poll_ms=50,
        **settings,
    )
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield await _running(stack, made, builds)
    finally:
        for name in names:
            await server.drop(name)


def _build(name: str) -> Callable[[str], Awaitable[None]]:
    async def build(dsn: str) -> None:
        if name in SERVICES:
            await migrate(dsn, name)

    return build


async def _copy(server: PostgresServer, template: str, name: str) -> None:
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}"')
    finally:
        await connection.close()


async def _running(stack: contextlib.AsyncExitStack, settings: Settings, builds: Mapping[str, Build]) -> Hosted:
    platform = await open_platform(settings)
    stack.push_async_callback(platform.close)
    hosts = {name: await stack.enter_async_context(open_host(platform, name, build)) for name, build in builds.items()}
    await stack.enter_async_context(_running_tasks(hosts))
    app = Starlette(routes=[Mount(f"/api/{name}", app=host.app) for name, host in hosts.items()])
    token = local_token(settings, [Role.ADMIN], TENANT, subject="tester")
    http = await stack.enter_async_context(
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://ledgerline",
            headers={"Authorization": f"Bearer {token}"},
        )
    )
    return Hosted(platform=platform, hosts=hosts, http=http)


@contextlib.asynccontextmanager
async def _running_tasks(hosts: Mapping[str, Host]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(host.run(), name=name) for name, host in hosts.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
