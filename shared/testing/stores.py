"""How does a test get the migrated database of a service?

    database = await service_database(postgres_server, fresh_database, "claims")
    store = await EventStore.open(database.app, service="claims", clock=clock)

It is a copy of a template that is migrated once a test run; `fresh_database` drops it when the test ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.runtime.store.migrate import APP, FEED, OWNER, migrate, prepare_roles, role_dsn
from shared.testing.infrastructure import FreshDatabase, PostgresServer

PASSWORD = "test"  # roles belong to the server: every test that sets passwords sets this one


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDatabase:
    """One database, as each role sees it."""

    service: str
    superuser: str = field(repr=False)
    owner: str = field(repr=False)
    app: str = field(repr=False)
    feed: str = field(repr=False)


async def service_database(server: PostgresServer, fresh: FreshDatabase, service: str) -> ServiceDatabase:
    """A fresh copy of the store of `service`, empty."""

    async def build(dsn: str) -> None:
        await prepare_roles(server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))
        await migrate(dsn, service)

    dsn = await fresh(template=await server.template(f"store_{service}", build))
    return ServiceDatabase(
        service=service,
        superuser=dsn,
        owner=role_dsn(dsn, OWNER, PASSWORD),
        app=role_dsn(dsn, APP, PASSWORD),
        feed=role_dsn(dsn, FEED, PASSWORD),
    )
