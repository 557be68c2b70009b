"""May a person's key be destroyed, and who decided so?

Destroying the key of a subject takes everything that was sealed under it from store, log, read models and backups of them, for ever.
Billing records must usually be kept for years, so a key is locked: until a day that follows from when its values were last made or
opened (`LEDGERLINE_RETENTION_YEARS`), until any later day that somebody set, and while a legal hold stands. The last two are kept by
the database too, against the application itself. Every deed is written down and stays.

Source: 45 CFR 164.316(b)(2) (six years), 42 CFR 424.516(f) (seven), state laws (up to ten, longer for minors).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from shared.kernel.errors import Conflict, DomainError, NotFound
from shared.runtime.tenancy import own_rows, vault_transaction

SCHEMA = f"""
create table if not exists retentions (
  tenant text not null, subject text not null, keep_until date not null, because text not null, primary key (tenant, subject));
create table if not exists legal_holds (
  tenant text not null, subject text not null, hold text not null, because text not null,
  placed_at timestamptz not null default now(), placed_by text not null, primary key (tenant, subject, hold));
create table if not exists key_deeds (
  deed bigint generated always as identity primary key, done_at timestamptz not null default now(),
  tenant text not null, actor text not null, what text not null, subject text not null, because text not null);
create index if not exists key_deeds_of_subject on key_deeds (tenant, subject, deed);

{own_rows("retentions", "legal_holds", "key_deeds")}
revoke all on retentions, legal_holds, key_deeds from public, ledgerline_app;
grant select, insert, update (keep_until, because) on retentions to ledgerline_app;
grant select, insert, delete on legal_holds to ledgerline_app;
grant select, insert on key_deeds to ledgerline_app;

create or replace trigger deeds_stay before update or delete or truncate on key_deeds
  for each statement execute function refuse_change();
create or replace function refuse_shorter() returns trigger language plpgsql as $$
begin
  raise exception 'a retention is only ever prolonged' using errcode = 'insufficient_privilege';
end $$;
create or replace trigger retentions_stay before update on retentions
  for each row when (new.keep_until < old.keep_until) execute function refuse_shorter();
create or replace function refuse_destruction() returns trigger language plpgsql as $$
begin
  if exists (select from legal_holds h where h.tenant = old.tenant and h.subject = old.subject)
     or exists (select from retentions r where r.tenant = old.tenant and r.subject = old.subject and r.keep_until > current_date) then
    raise exception 'this key is locked' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create or replace trigger keys_are_locked before update on subject_keys
  for each row when (new.wrapped is null and old.wrapped is not null) execute function refuse_destruction();
"""

_ABOUT = """
select min(k.created_at) as made_at, max(k.erased_at) as destroyed_at, max(k.erased_by) as destroyed_by,
       max(k.erased_because) as destroyed_because,
       (select max(opened_at) from openings o where o.tenant = $1 and o.subject = $2) as opened_at,
       (select r.keep_until from retentions r where r.tenant = $1 and r.subject = $2) as keep_until,
       (select r.because from retentions r where r.tenant = $1 and r.subject = $2) as keep_because
  from subject_keys k where k.tenant = $1 and k.subject = $2 having count(*) > 0
"""
_HOLDS = "select hold, because, placed_at, placed_by from legal_holds where tenant = $1 and subject = $2 order by placed_at, hold"
_DEEDS = """
select deed, done_at, actor, what, subject, because from key_deeds
 where tenant = $1 and ($2::text is null or subject = $2) and ($3::bigint is null or deed < $3) order by deed desc limit $4
"""


class RetentionStands(DomainError):
    """The key is kept until a day that has not come."""

    code = "retention-stands"


class LegalHoldStands(DomainError):
    """Somebody ordered that everything about the subject be kept."""

    code = "legal-hold-stands"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    hold: str
    because: str
    placed_at: datetime
    placed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKey:
    """What is known of a subject's key; nothing of the subject."""

    subject: str
    made_at: datetime
    keep_until: date  # the later of what follows from its use and what somebody set
    keep_because: str
    holds: tuple[LegalHold, ...]
    destroyed_at: datetime | None
    destroyed_by: str | None
    destroyed_because: str | None


class Retention:
    """Locks and destroys the keys of subjects. The pool is the application's."""

    def __init__(self, pool: asyncpg.Pool, *, years: int) -> None:
        self._pool = pool
        self._years = years

    async def about(self, tenant: str, subject: str) -> SubjectKey:
        """Raises NotFound, VaultUnavailable."""
        async with vault_transaction(self._pool, tenant) as connection:
            return await self._about(connection, tenant, subject)

    async def _about(self, connection: asyncpg.Connection, tenant: str, subject: str) -> SubjectKey:
        row = await connection.fetchrow(_ABOUT, tenant, subject)
        if row is None:
            raise NotFound("there is no key of this subject", subject=subject)
        holds = tuple(LegalHold(**dict(each)) for each in await connection.fetch(_HOLDS, tenant, subject))
        used_on = max(row["made_at"], row["opened_at"] or row["made_at"]).astimezone(UTC).date()
        keep_until, because = _years_after(used_on, self._years), f"{self._years} years after its last use"
        if row["keep_until"] is not None and row["keep_until"] > keep_until:
            keep_until, because = row["keep_until"], row["keep_because"]
        return SubjectKey(
            subject=subject,
            made_at=row["made_at"],
            keep_until=keep_until,
            keep_because=because,
            holds=holds,
            destroyed_at=row["destroyed_at"],
            destroyed_by=row["destroyed_by"],
            destroyed_because=row["destroyed_because"],
        )

    async def keep(self, tenant: str, subject: str, until: date, *, actor: str, because: str) -> SubjectKey:
        """Lock the key until a day, later than the one set before. Raises NotFound, Conflict."""
        async with self._changing(tenant, subject) as connection:
            before = await connection.fetchval(
                "select keep_until from retentions where tenant = $1 and subject = $2", tenant, subject
            )
            if before is not None and until < before:
                raise Conflict("a retention is only ever prolonged", keep_until=before.isoformat())
            if before != until:
                await connection.execute(
                    "insert into retentions (tenant, subject, keep_until, because) values ($1, $2, $3, $4)"
                    " on conflict (tenant, subject) do update set keep_until = $3, because = $4",
                    tenant,
                    subject,
                    until,
                    because,
                )
                await _write_down(connection, tenant, actor, f"kept until {until.isoformat()}", subject, because)
            return await self._about(connection, tenant, subject)

    async def hold(self, tenant: str, subject: str, hold: str, *, actor: str, because: str) -> SubjectKey:
        """Lock the key until the hold of this name is lifted; one that stands stays as it is. Raises NotFound."""
        async with self._changing(tenant, subject) as connection:
            is_new = await connection.fetchval(
                "insert into legal_holds (tenant, subject, hold, because, placed_by) values ($1, $2, $3, $4, $5)"
                " on conflict do nothing returning true",
                tenant,
                subject,
                hold,
                because,
                actor,
            )
            if is_new:
                await _write_down(connection, tenant, actor, f"legal hold {hold} placed", subject, because)
            return await self._about(connection, tenant, subject)

    async def lift(self, tenant: str, subject: str, hold: str, *, actor: str, because: str) -> SubjectKey:
        """Raises NotFound for a subject without a key or a hold that does not stand."""
        async with self._changing(tenant, subject) as connection:
            stood = await connection.fetchval(
                "delete from legal_holds where tenant = $1 and subject = $2 and hold = $3 returning true",
                tenant,
                subject,
                hold,
            )
            if not stood:
                raise NotFound("there is no such hold", hold=hold)
            await _write_down(connection, tenant, actor, f"legal hold {hold} lifted", subject, because)
            return await self._about(connection, tenant, subject)

    async def destroy(self, tenant: str, subject: str, *, actor: str, because: str) -> SubjectKey:
        """Destroy the key, for ever; one that is destroyed stays as it is.

        Raises NotFound, LegalHoldStands, RetentionStands.
        """
        async with self._changing(tenant, subject) as connection:
            about = await self._about(connection, tenant, subject)
            if about.destroyed_at is not None:
                return about
            if about.holds:
                raise LegalHoldStands("a legal hold stands", holds=", ".join(each.hold for each in about.holds))
            if about.keep_until > datetime.now(UTC).date():
                raise RetentionStands(
                    "the key is to be kept until a later day",
                    keep_until=about.keep_until.isoformat(),
                    because=about.keep_because,
                )
            await connection.execute(
                "update subject_keys set wrapped = null, erased_at = now(), erased_by = $3, erased_because = $4"
                " where tenant = $1 and subject = $2 and wrapped is not null",
                tenant,
                subject,
                actor,
                because,
            )
            await _write_down(connection, tenant, actor, "destroyed", subject, because)
            return await self._about(connection, tenant, subject)

    async def deeds(
        self, tenant: str, *, subject: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """What was done to keys of the tenant, newest first; `before` is the last `deed` seen."""
        async with vault_transaction(self._pool, tenant) as connection:
            return [dict(row) for row in await connection.fetch(_DEEDS, tenant, subject, before, limit)]

    async def write_down(self, tenant: str, actor: str, what: str, because: str) -> None:
        """A deed that is about no single subject."""
        async with vault_transaction(self._pool, tenant) as connection:
            await _write_down(connection, tenant, actor, what, "", because)

    @asynccontextmanager
    async def _changing(self, tenant: str, subject: str) -> AsyncIterator[asyncpg.Connection]:
        """With the subject's key locked against whoever else decides about it in the same moment. Raises NotFound."""
        async with vault_transaction(self._pool, tenant) as connection:
            found = await connection.fetch(
                "select 1 from subject_keys where tenant = $1 and subject = $2 for update", tenant, subject
            )
            if not found:
                raise NotFound("there is no key of this subject", subject=subject)
            yield connection


async def _write_down(
    connection: asyncpg.Connection, tenant: str, actor: str, what: str, subject: str, because: str
) -> None:
    await connection.execute(
        "insert into key_deeds (tenant, actor, what, subject, because) values ($1, $2, $3, $4, $5)",
        tenant,
        actor,
        what,
        subject,
        because,
    )


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28) + timedelta(days=1)
