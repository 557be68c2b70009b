"""How are the databases of an installation made, and brought to this version of the code?

`python -m deploy.migrate` is a job that runs before the processes of a new version start, and may be repeated at will. As a superuser
it makes roles and databases that are not there; without one (a managed server whose databases exist) it migrates as
the owner. The embedded runner does the same by itself.
"""

from __future__ import annotations

import asyncio
import logging

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.supervisor import DATABASES
from shared.events.registry import SERVICES
from shared.runtime import telemetry
from shared.runtime.settings import Settings, load, load_settings
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, migrate, prepare_roles, role_dsn

_log = logging.getLogger(__name__)


class MigrationSettings(BaseSettings):
    """Who may make roles and databases. No other process knows it."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_MIGRATE_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    superuser: str = ""  # empty: roles and databases are there already
    superuser_password: SecretStr = SecretStr("")
    maintenance_database: str = "postgres"  # that the superuser connects to


def main() -> None:
    settings = load_settings()
    telemetry.configure_logging(settings)
    asyncio.run(prepare(settings, load(MigrationSettings)))


async def prepare(settings: Settings, job: MigrationSettings) -> None:
    """Roles, databases, and the schema of this version in every store. Raises NewerState by name, OSError when no server answers."""
    if job.superuser:
        await _make_what_is_missing(settings, job)
    for service in SERVICES:
        await migrate(settings.dsn(service, "owner"), service)
        _log.info("migrated", extra={"service": service})


async def _make_what_is_missing(settings: Settings, job: MigrationSettings) -> None:
    """On every server: services may have one each."""
    passwords = {
        OWNER: settings.database_owner_password.get_secret_value(),
        APP: settings.database_app_password.get_secret_value(),
        FEED: settings.database_feed_password.get_secret_value(),
    }
    for name in DATABASES:
        server = _as_superuser(settings.dsn(name, "owner"), job)
        await prepare_roles(server, passwords)
        await create_database(server, f"ledgerline_{name}")


def _as_superuser(dsn: str, job: MigrationSettings) -> str:
    whole = role_dsn(dsn, job.superuser, job.superuser_password.get_secret_value())
    address, mark, query = whole.partition("?")
    return f"{address.rpartition('/')[0]}/{job.maintenance_database}{mark}{query}"


if __name__ == "__main__":
    main()
