"""Where do the keys of personal values lie on an installation without a key service, and who used them?

One PostgreSQL database, `ledgerline_vault`: a data key for each subject, wrapped by its tenant's key, wrapped by the root key, which is
never in the database (`shared.runtime.wrapping`). AES-256-GCM throughout; the associated data bind a value to
tenant, subject and field, so ciphertext that is moved does not open. What was opened is written in `openings`, which the
application can add to and not change, before a value is given back. `shared.runtime.retention` destroys keys.

Sources: NIST SP 800-38D (GCM, random 96-bit nonces), NIST SP 800-108 / RFC 5869 (derived keys), 45 CFR 164.312(a)(2)(iv) and (b).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, TypeVar

import asyncpg
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.events.base import Sealed
from shared.kernel.errors import DomainError
from shared.runtime.availability import VaultUnavailable, outage_means
from shared.runtime.emergencies import SCHEMA as EMERGENCIES
from shared.runtime.emergencies import Emergencies
from shared.runtime.retention import SCHEMA as RETENTION
from shared.runtime.retention import Retention
from shared.runtime.tenancy import own_rows, vault_transaction
from shared.runtime.vault import IN_EMERGENCY, Opener
from shared.runtime.wrapping import (
    KEY_BYTES,
    NONCE_BYTES,
    RootKeys,
    SealBroken,
    WrongRootKey,
    bound,
    unwrap_key,
    wrap_key,
)

T = TypeVar("T")

_VERSION_BYTES = 2
_WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
_SUBJECTS_REMEMBERED_MAX = 50_000
_TENANTS_REMEMBERED_MAX = 1_000
_BELIEVED_SECONDS = 30.0  # how long another process may open values of a subject after it was erased
_OPENINGS_A_WRITE = 5_000

SCHEMA = f"""
create table if not exists root_check (is_only boolean primary key default true check (is_only), mark bytea not null);
create table if not exists tenant_keys (
  tenant text primary key, wrapped bytea not null, created_at timestamptz not null default now());
alter table tenant_keys add column if not exists version integer not null default 1;
alter table tenant_keys add column if not exists root text not null default '';  -- the root key it is wrapped under
alter table tenant_keys add column if not exists lookup bytea;  -- keys of ids and indexes, which stay when the tenant's key is replaced
alter table tenant_keys add column if not exists closed_at timestamptz;  -- since when nothing more is wrapped under it
create table if not exists subject_keys (
  tenant text not null, subject text not null, key_version integer not null default 1, wrapped bytea,
  created_at timestamptz not null default now(), erased_at timestamptz, erased_by text, erased_because text,
  primary key (tenant, subject, key_version),
  check ((wrapped is null) = (erased_at is not null)));
alter table subject_keys add column if not exists wrapped_by integer not null default 1;  -- version of the tenant's key
do $$
begin
  if not exists (select from pg_constraint where conname = 'tenant_keys_by_version') then
    alter table tenant_keys drop constraint tenant_keys_pkey;
    alter table tenant_keys add constraint tenant_keys_by_version primary key (tenant, version);
    -- While a subject's key is wrapped under a key of the tenant, that one cannot be removed.
    alter table subject_keys add constraint subject_keys_wrapped_by
      foreign key (tenant, wrapped_by) references tenant_keys (tenant, version);
  end if;
end $$;
create table if not exists openings (
  opening bigint generated always as identity primary key, opened_at timestamptz not null default now(),
  tenant text not null, actor text not null, subject text not null, field text not null, purpose text not null,
  count integer not null check (count > 0));
create index if not exists openings_of_subject on openings (tenant, subject, opening);
create index if not exists openings_by_actor on openings (tenant, actor, opening);
create index if not exists openings_by_purpose on openings (tenant, purpose, opening);
create index if not exists openings_by_day on openings (tenant, opened_at, opening);

{own_rows("tenant_keys", "subject_keys", "openings")}
-- The owner wraps keys anew when one above them is replaced (shared.runtime.key_rotation).
drop policy if exists every_tenant on tenant_keys;
drop policy if exists every_tenant on subject_keys;
create policy every_tenant on tenant_keys to ledgerline_owner using (true) with check (true);
create policy every_tenant on subject_keys to ledgerline_owner using (true) with check (true);
revoke all on root_check, tenant_keys, subject_keys, openings from public, ledgerline_app;
grant select, insert on root_check, openings to ledgerline_app;
grant select, insert (tenant, wrapped, root) on tenant_keys to ledgerline_app;
grant select, insert, update (wrapped, erased_at, erased_by, erased_because) on subject_keys to ledgerline_app;

-- The application never replaces a key; it only ever destroys one. What was opened stays written, for the owner too.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is refused', lower(tg_op), tg_table_name using errcode = 'insufficient_privilege';
end $$;
create or replace trigger openings_stay before update or delete or truncate on openings
  for each statement execute function refuse_change();
create or replace trigger keys_stay before update on subject_keys
  for each row when (new.wrapped is not null and current_user <> 'ledgerline_owner') execute function refuse_change();
"""

_ENSURE_SUBJECTS = """
with wanted as (select * from unnest($2::text[], $3::bytea[]) as w (subject, wrapped)),
     made as (insert into subject_keys (tenant, subject, wrapped, wrapped_by)
              select $1, subject, wrapped, $4::integer from wanted
               where exists (select from tenant_keys where tenant = $1 and version = $4::integer and closed_at is null)
               order by subject on conflict do nothing returning subject, key_version, wrapped, wrapped_by)
select subject, key_version, wrapped, wrapped_by from made
union all
select k.subject, k.key_version, k.wrapped, k.wrapped_by from subject_keys k
 where k.tenant = $1 and k.subject = any($2::text[])
"""
_SUBJECTS = """
select subject, key_version, wrapped, wrapped_by from subject_keys where tenant = $1 and subject = any($2::text[])
"""
_TENANT_KEYS = "select version, wrapped, root, lookup from tenant_keys where tenant = $1 order by version desc"
_OPENINGS = """
insert into openings (tenant, actor, subject, field, purpose, count, emergency)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[])
"""

_FIND_OPENINGS = """
select opening, opened_at, actor, subject, field, purpose, count, emergency from openings
 where tenant = $1 and ($2::text is null or subject = $2) and ($3::text is null or actor = $3)
   and ($4::text is null or purpose = $4)
   and ($5::date is null or (opened_at >= $5::date::timestamp at time zone 'UTC'
                             and opened_at < ($5::date + 1)::timestamp at time zone 'UTC'))
   and ($6::bigint is null or emergency = $6) and ($7::bigint is null or opening < $7)
 order by opening desc limit $8
"""


class SubjectErased(DomainError):
    """The key of this subject was destroyed: its values cannot be read any more, by anyone."""

    code = "subject-erased"


class Opening(NamedTuple):
    """One line of the record of openings."""

    tenant: str
    actor: str
    subject: str
    field: str
    purpose: str
    times: int
    emergency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SubjectKey:
    version: int
    cipher: AESGCM | None  # None: erased
    read_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantKeys:
    """A tenant's keys: the newest version wraps, older ones open what they wrapped until all of it was wrapped anew."""

    newest: int
    subjects: Mapping[int, AESGCM]
    documents: Mapping[int, AESGCM]
    index: bytes
    ids: bytes
    read_at: float


async def create_vault_schema(owner_dsn: str) -> None:
    """Make the tables, or bring older ones up to date. Run as owner, any number of times."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7701)")  # two processes may start together
            await connection.execute(SCHEMA)
            await connection.execute(RETENTION)
            await connection.execute(EMERGENCIES)
    finally:
        await connection.close()


class LocalVault:
    """The Vault port on PostgreSQL. Make it with `connect`."""

    def __init__(self, pool: asyncpg.Pool, roots: RootKeys) -> None:
        self._pool = pool
        self._roots = roots
        self._subjects: OrderedDict[tuple[str, str], _SubjectKey] = OrderedDict()
        self._tenants: OrderedDict[str, TenantKeys] = OrderedDict()
        self._record = _OpeningRecord(pool)

    @classmethod
    async def connect(cls, dsn: str, roots: RootKeys, *, connections_max: int = 4) -> LocalVault:
        """A vault on the tables of `create_vault_schema`. Raises VaultUnavailable, WrongRootKey."""
        with outage_means(VaultUnavailable, "the vault"):
            pool = await asyncpg.create_pool(
                dsn, min_size=1, max_size=connections_max, timeout=5.0, command_timeout=15.0, server_settings=_SETTINGS
            )
            try:
                await _check_root_key(pool, roots)
            except BaseException:
                await pool.close()
                raise
        return cls(pool, roots)

    async def close(self) -> None:
        await self._record.finish()
        await self._pool.close()

    # --- sealing ---

    async def keys_for(self, tenant: str, subjects: Sequence[str]) -> None:
        """Make sure that the data keys of these subjects exist and are at hand, in one statement at most."""
        missing = sorted({subject for subject in subjects if not self._is_fresh(tenant, subject)})
        if not missing:
            return
        while missing:
            # A key that another process makes in the same moment is not seen until that has committed, and none is made
            # under a key of the tenant that was closed: then there is a newer one.
            keys = await self._keys_of(tenant, believed_seconds=_BELIEVED_SECONDS)
            cipher = keys.subjects[keys.newest]
            new = [wrap_key(cipher, os.urandom(KEY_BYTES), "subject", tenant, subject) for subject in missing]
            found = await self._fetch(tenant, _ENSURE_SUBJECTS, missing, new, keys.newest)
            await self._take(tenant, found)
            got = {row["subject"] for row in found}
            if missing == (missing := [subject for subject in missing if subject not in got]):
                await self._keys_of(tenant, believed_seconds=0)

    def seal(self, tenant: str, sealed: Sealed[Any]) -> str:
        """The token of a fresh value: base64 of key version, nonce and ciphertext.

        Raises LookupError without `keys_for`, SubjectErased.
        """
        key = self._subjects.get((tenant, sealed.subject))
        if key is None:
            raise LookupError("the key of this subject is not at hand: call keys_for first")
        if key.cipher is None:
            raise SubjectErased("the key of this subject was destroyed", subject=sealed.subject)
        nonce = os.urandom(NONCE_BYTES)
        bound_to = bound("value", tenant, sealed.subject, sealed.field)
        ciphertext = key.cipher.encrypt(nonce, msgspec.json.encode(sealed.read_fresh()), bound_to)
        return base64.b64encode(key.version.to_bytes(_VERSION_BYTES) + nonce + ciphertext).decode()

    # --- opening ---

    async def open(self, tenant: str, sealed: Sealed[T], as_type: type[T], opener: Opener) -> T:
        """The value, once its opening is recorded. Raises SealBroken, SubjectErased, VaultUnavailable."""
        value: T = (await self.open_many(tenant, [sealed], [as_type], opener))[0]
        return value

    async def open_many(
        self, tenant: str, sealed: Sequence[Sealed[Any]], types: Sequence[Any], opener: Opener
    ) -> list[Any]:
        """As `open`, for many in two statements. One line is recorded for each subject and field."""
        at_rest = [one for one in sealed if not one.is_fresh]
        await self._have(tenant, {one.subject for one in at_rest})
        values = [
            one.read_fresh() if one.is_fresh else self._opened(tenant, one, as_type)
            for one, as_type in zip(sealed, types, strict=True)
        ]
        counts = Counter((one.subject, one.field) for one in at_rest)
        await self._record.write(
            Opening(tenant, opener.actor, subject, field, opener.purpose, count, IN_EMERGENCY.get())
            for (subject, field), count in counts.items()
        )
        return values

    def _opened(self, tenant: str, sealed: Sealed[Any], as_type: Any) -> Any:
        key = self._subjects.get((tenant, sealed.subject))
        if key is None:
            raise SealBroken("there is no key under which this was sealed", subject=sealed.subject, field=sealed.field)
        if key.cipher is None:
            raise SubjectErased("the key of this subject was destroyed", subject=sealed.subject)
        try:
            raw = base64.b64decode(sealed.token or "", validate=True)
            nonce, ciphertext = raw[_VERSION_BYTES:][:NONCE_BYTES], raw[_VERSION_BYTES + NONCE_BYTES :]
            if int.from_bytes(raw[:_VERSION_BYTES]) != key.version:
                raise InvalidTag
            clear = key.cipher.decrypt(nonce, ciphertext, bound("value", tenant, sealed.subject, sealed.field))
            return msgspec.json.decode(clear, type=as_type)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            # Not chained: msgspec's text may quote the value.
            raise SealBroken("a sealed value does not open", subject=sealed.subject, field=sealed.field) from None

    async def _have(self, tenant: str, subjects: Iterable[str]) -> None:
        missing = sorted(subject for subject in subjects if not self._is_fresh(tenant, subject))
        if missing:
            await self._take(tenant, await self._fetch(tenant, _SUBJECTS, missing))

    # --- looking up, ids, documents ---

    async def blind_index(self, tenant: str, field: str, value: str) -> str:
        """HMAC-SHA-256 under a key of the tenant; case and outer blanks do not matter."""
        key = (await self._keys_of(tenant)).index
        return hmac.digest(key, bound("index", field, value.strip().upper()), "sha256").hex()

    async def tenant_key(self, tenant: str) -> bytes:
        """The key from which shared ids of this tenant are computed: the same in every process, for ever."""
        return (await self._keys_of(tenant)).ids

    async def wrap_document_key(self, tenant: str, document_id: str, key: bytes) -> bytes:
        """A document's own key, wrapped for its tenant, behind the version of the tenant's key."""
        keys = await self._keys_of(tenant, believed_seconds=_BELIEVED_SECONDS)
        return wrap_document_key(keys, keys.newest, tenant, document_id, key)

    async def open_document_key(self, tenant: str, document_id: str, wrapped: bytes, opener: Opener) -> bytes:
        """The reverse, recorded as an opening of the document. Raises SealBroken."""
        keys = await self._having(tenant, {version_of_document_key(wrapped)})
        key = unwrap_document_key(keys, tenant, document_id, wrapped)
        opening = Opening(
            tenant, opener.actor, f"document/{document_id}", "document", opener.purpose, 1, IN_EMERGENCY.get()
        )
        await self._record.write([opening])
        return key

    # --- record and erasure ---

    async def openings(
        self,
        tenant: str,
        *,
        subject: str | None = None,
        actor: str | None = None,
        purpose: str | None = None,
        day: date | None = None,
        emergency: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Who opened what, newest first: of one subject, by one actor, for one purpose, on one day (UTC), in one emergency, or
        all; `before` is the last `opening` seen."""
        found = await self._fetch(tenant, _FIND_OPENINGS, subject, actor, purpose, day, emergency, before, limit)
        return [dict(row) for row in found]

    def forget(self, tenant: str, subject: str) -> None:
        """Look the key of a subject up anew: it was destroyed. Other processes stop opening within half a minute."""
        self._subjects.pop((tenant, subject), None)

    def retention(self, years: int) -> Retention:
        """Who locks and destroys keys of this vault."""
        return Retention(self._pool, years=years)

    def emergencies(self) -> Emergencies:
        """Who is let in beyond their role, and was."""
        return Emergencies(self._pool)

    # --- keys at hand ---

    def _is_fresh(self, tenant: str, subject: str) -> bool:
        key = self._subjects.get((tenant, subject))
        if key is None or time.monotonic() - key.read_at > _BELIEVED_SECONDS:
            return False
        self._subjects.move_to_end((tenant, subject))
        return True

    async def _take(self, tenant: str, found: Sequence[asyncpg.Record]) -> None:
        """Keep the newest key of each subject."""
        keys = await self._having(tenant, {row["wrapped_by"] for row in found if row["wrapped"] is not None})
        now = time.monotonic()
        for row in sorted(found, key=lambda row: int(row["key_version"])):
            subject, kept = row["subject"], row["wrapped"]
            cipher = None
            if kept is not None:
                cipher = AESGCM(unwrap_key(keys.subjects[row["wrapped_by"]], kept, "subject", tenant, subject))
            self._subjects[tenant, subject] = _SubjectKey(version=row["key_version"], cipher=cipher, read_at=now)
            self._subjects.move_to_end((tenant, subject))
        while len(self._subjects) > _SUBJECTS_REMEMBERED_MAX:
            self._subjects.popitem(last=False)

    async def _having(self, tenant: str, versions: Iterable[int]) -> TenantKeys:
        """The tenant's keys with these versions among them. Raises SealBroken when there is none such any more."""
        keys = await self._keys_of(tenant)
        if not keys.subjects.keys() >= set(versions):
            keys = await self._keys_of(tenant, believed_seconds=0)
        if not keys.subjects.keys() >= set(versions):
            raise SealBroken("the tenant's key under which this was wrapped is gone")
        return keys

    async def _keys_of(self, tenant: str, *, believed_seconds: float = float("inf")) -> TenantKeys:
        known = self._tenants.get(tenant)
        if known is not None and time.monotonic() - known.read_at <= believed_seconds:
            self._tenants.move_to_end(tenant)
            return known
        found = await self._fetch(tenant, _TENANT_KEYS)
        if not found:
            self._roots.refresh()  # nothing new is wrapped under a root key that another process has replaced
            new = self._roots.wrap(os.urandom(KEY_BYTES), "tenant", tenant)
            statement = "insert into tenant_keys (tenant, wrapped, root) values ($1, $2, $3) on conflict do nothing"
            await self._fetch(tenant, statement, new, self._roots.newest)
            found = await self._fetch(tenant, _TENANT_KEYS)
        self._tenants[tenant] = keys = tenant_keys(self._roots, tenant, found)
        while len(self._tenants) > _TENANTS_REMEMBERED_MAX:
            self._tenants.popitem(last=False)
        return keys

    async def _fetch(self, tenant: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async with vault_transaction(self._pool, tenant) as connection:
            return list(await connection.fetch(statement, tenant, *arguments))


class _OpeningRecord:
    """Writes openings durably, many callers in one transaction: while one is being written, the next ones gather."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: list[tuple[list[Opening], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, openings: Iterable[Opening]) -> None:
        """Durable when it returns. Raises VaultUnavailable."""
        lines = list(openings)
        if not lines:
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await written

    async def finish(self) -> None:
        if self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._insert([line for lines, _ in batch for line in lines])
            except Exception as error:  # noqa: BLE001 - told to each caller, who raises it
                for _, written in batch:
                    if not written.done():
                        written.set_exception(error)
            else:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)

    def _next_batch(self) -> list[tuple[list[Opening], asyncio.Future[None]]]:
        """Callers of one tenant, the tenant of whoever waits longest."""
        tenant = self._waiting[0][0][0].tenant
        batch: list[tuple[list[Opening], asyncio.Future[None]]] = []
        lines = 0
        for waiting in [one for one in self._waiting if one[0][0].tenant == tenant]:
            if batch and lines + len(waiting[0]) > _OPENINGS_A_WRITE:
                break
            batch.append(waiting)
            lines += len(waiting[0])
        taken = {id(waiting) for waiting in batch}
        self._waiting = [one for one in self._waiting if id(one) not in taken]
        return batch

    async def _insert(self, lines: Sequence[Opening]) -> None:
        columns = [list(column) for column in zip(*lines, strict=True)][1:]
        async with vault_transaction(self._pool, lines[0].tenant) as connection:
            await connection.execute(_OPENINGS, lines[0].tenant, *columns)


_SETTINGS = {"application_name": "ledgerline-vault", "idle_in_transaction_session_timeout": "15000"}


async def _check_root_key(pool: asyncpg.Pool, roots: RootKeys) -> None:
    """The vault remembers a mark of the key it was made under, so that a wrong one is found out before it seals anything."""
    await pool.execute("insert into root_check (mark) values ($1) on conflict do nothing", roots.marks[0])
    kept = await pool.fetchval("select mark from root_check")
    if not any(hmac.compare_digest(kept, mark) for mark in roots.marks):
        raise WrongRootKey("the root key is not the one under which this vault was made: restore it from its backup")


# --- the keys of a tenant ---------------------------------------------------------------------------------------------


def tenant_keys(roots: RootKeys, tenant: str, rows: Sequence[asyncpg.Record]) -> TenantKeys:
    """From the rows of a tenant, newest first."""
    secrets = {row["version"]: roots.unwrap(row["root"], row["wrapped"], "tenant", tenant) for row in rows}
    newest = rows[0]
    lookup = lookup_keys(roots, tenant, newest, secrets[newest["version"]])
    return TenantKeys(
        newest=newest["version"],
        subjects={version: AESGCM(_derived(secret, b"subject keys")) for version, secret in secrets.items()},
        documents={version: AESGCM(_derived(secret, b"document keys")) for version, secret in secrets.items()},
        index=lookup[:KEY_BYTES],
        ids=lookup[KEY_BYTES:],
        read_at=time.monotonic(),
    )


def lookup_keys(roots: RootKeys, tenant: str, row: asyncpg.Record, secret: bytes) -> bytes:
    """The keys of blind indexes and of shared ids, one behind the other: what they computed is in the log for ever, so they
    stay what the tenant's first key gave."""
    if row["lookup"] is not None:
        return roots.unwrap(row["root"], row["lookup"], "lookup", tenant)
    return _derived(secret, b"blind index") + _derived(secret, b"shared ids")


def wrap_document_key(keys: TenantKeys, version: int, tenant: str, document_id: str, key: bytes) -> bytes:
    kept = wrap_key(keys.documents[version], key, "document", tenant, document_id)
    return version.to_bytes(_VERSION_BYTES) + kept


def unwrap_document_key(keys: TenantKeys, tenant: str, document_id: str, kept: bytes) -> bytes:
    cipher = keys.documents[version_of_document_key(kept)]
    return unwrap_key(cipher, kept[-_WRAPPED_BYTES:], "document", tenant, document_id)


def version_of_document_key(kept: bytes) -> int:
    """Of the tenant's key under which it is wrapped; the first release wrote no version."""
    return 1 if len(kept) == _WRAPPED_BYTES else int.from_bytes(kept[:_VERSION_BYTES])


def _derived(tenant_key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), KEY_BYTES, b"ledgerline " + purpose).derive(tenant_key)
