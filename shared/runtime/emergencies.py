"""May somebody read, in an emergency, what their role does not let them?

Who breaks the glass says why and is let in to read about people, for an hour at most. It ends by itself; while it stands it cannot be
prolonged, and a next one is a line of its own in the record. What is opened meanwhile beyond the role is marked in the record of
openings, which the application can add to and not change.

Source: 45 CFR 164.312(a)(2)(ii), emergency access procedure.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import prometheus_client

from shared.kernel.errors import DomainError, NotFound
from shared.runtime.tenancy import own_rows, vault_transaction

MINUTES_MAX = 60

SCHEMA = f"""
create table if not exists emergencies (
  emergency bigint generated always as identity primary key, tenant text not null, actor text not null, because text not null,
  began_at timestamptz not null default now(), ends_at timestamptz not null, ended_at timestamptz,
  check (ends_at > began_at and ends_at <= began_at + interval '60 minutes'));
create index if not exists emergencies_of_actor on emergencies (tenant, actor, emergency);
alter table openings add column if not exists emergency bigint;  -- beyond the role of the actor, who had broken the glass
create index if not exists openings_in_emergency on openings (tenant, emergency, opening) where emergency is not null;
{own_rows("emergencies")}
revoke all on emergencies from public, ledgerline_app;
grant select, insert (tenant, actor, because, ends_at), update (ended_at) on emergencies to ledgerline_app;

create or replace trigger emergencies_stay before delete or truncate on emergencies
  for each statement execute function refuse_change();
create or replace trigger emergencies_end_once before update on emergencies
  for each row when (old.ended_at is not null or new.ended_at is null or new.ends_at <> old.ends_at
                     or new.actor <> old.actor or new.because <> old.because)
  execute function refuse_change();
"""

_STANDS = "ended_at is null and ends_at > clock_timestamp()"
_LIST = """
select e.emergency, e.actor, e.because, e.began_at, e.ends_at, e.ended_at,
       e.ended_at is null and e.ends_at > clock_timestamp() as stands,
       coalesce((select sum(o.count) from openings o where o.tenant = $1 and o.emergency = e.emergency), 0)::bigint as openings
  from emergencies e where e.tenant = $1 and ($2::text is null or e.actor = $2) and ($3::bigint is null or e.emergency < $3)
 order by e.emergency desc limit $4
"""
_BROKEN = prometheus_client.Counter("ledgerline_emergencies_total", "Times that somebody was let in beyond their role.")
_log = logging.getLogger(__name__)


class EmergencyStands(DomainError):
    """There is one already; it ends when it was said to end."""

    code = "emergency-stands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    emergency: int
    ends_at: datetime


class Emergencies:
    """Who was let in beyond their role, why, and until when. The pool is the application's, to the vault's database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def begin(self, tenant: str, actor: str, *, because: str, minutes: int = MINUTES_MAX) -> Emergency:
        """Raises EmergencyStands, VaultUnavailable."""
        async with vault_transaction(self._pool, tenant) as connection:
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 7705))", f"{tenant} {actor}")
            if (standing := await _standing(connection, tenant, actor)) is not None:
                raise EmergencyStands("one stands until then", ends_at=standing.ends_at.isoformat())
            row = await connection.fetchrow(
                "insert into emergencies (tenant, actor, because, ends_at)"
                " values ($1, $2, $3, now() + make_interval(mins => $4)) returning emergency, ends_at",
                tenant,
                actor,
                because,
                minutes,
            )
        _BROKEN.inc()
        _log.warning("somebody was let in beyond their role", extra={"tenant": tenant, "actor": actor})
        return Emergency(**dict(row))

    async def standing(self, tenant: str, actor: str) -> Emergency | None:
        """The one that lets this actor in now. Looked up each time: it ends to the second. Raises VaultUnavailable."""
        async with vault_transaction(self._pool, tenant) as connection:
            return await _standing(connection, tenant, actor)

    async def end(self, tenant: str, actor: str) -> None:
        """Before its time, by whom it let in. Raises NotFound."""
        async with vault_transaction(self._pool, tenant) as connection:
            ended = await connection.fetchval(
                f"update emergencies set ended_at = clock_timestamp() where tenant = $1 and actor = $2 and {_STANDS}"
                " returning true",
                tenant,
                actor,
            )
        if not ended:
            raise NotFound("no emergency of yours stands")

    async def record(
        self, tenant: str, *, actor: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """All of them, newest first, with how much was opened; `before` is the last `emergency` seen."""
        async with vault_transaction(self._pool, tenant) as connection:
            return [dict(row) for row in await connection.fetch(_LIST, tenant, actor, before, limit)]


async def _standing(connection: asyncpg.Connection, tenant: str, actor: str) -> Emergency | None:
    row = await connection.fetchrow(
        f"select emergency, ends_at from emergencies where tenant = $1 and actor = $2 and {_STANDS}", tenant, actor
    )
    return None if row is None else Emergency(**dict(row))
