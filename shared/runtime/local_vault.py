"""Where do the keys of personal values lie on an installation without a key service, and who used them?

One PostgreSQL database, `ledgerline_vault`: a data key for each subject, wrapped by its tenant's key, wrapped by the root key, which is
in a file (mode 0600) or the environment and never in the database. AES-256-GCM throughout; the associated data bind a value to
tenant, subject and field, so ciphertext that is moved does not open. What was opened is written in `openings`, which the
application can add to and not change, before a value is given back. Erasing a subject destroys its key.

Sources: NIST SP 800-38D (GCM, random 96-bit nonces), NIST SP 800-108 / RFC 5869 (derived keys), 45 CFR 164.312(a)(2)(iv) and (b).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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
from shared.runtime.settings import Settings
from shared.runtime.vault import Opener

T = TypeVar("T")

ROOT_KEY_FILE = Path("keys") / "root.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION_BYTES = 2
_SUBJECTS_REMEMBERED_MAX = 50_000
_TENANTS_REMEMBERED_MAX = 1_000
_BELIEVED_SECONDS = 30.0  # how long another process may open values of a subject after it was erased
_OPENINGS_A_WRITE = 5_000

SCHEMA = """
create table if not exists root_check (is_only boolean primary key default true check (is_only), mark bytea not null);
create table if not exists tenant_keys (
  tenant text primary key, wrapped bytea not null, created_at timestamptz not null default now());
create table if not exists subject_keys (
  tenant text not null, subject text not null, key_version integer not null default 1, wrapped bytea,
  created_at timestamptz not null default now(), erased_at timestamptz, erased_by text, erased_because text,
  primary key (tenant, subject, key_version),
  check ((wrapped is null) = (erased_at is not null)));
create table if not exists openings (
  opening bigint generated always as identity primary key, opened_at timestamptz not null default now(),
  tenant text not null, actor text not null, subject text not null, field text not null, purpose text not null,
  count integer not null check (count > 0));
create index if not exists openings_of_subject on openings (tenant, subject, opening);
create index if not exists openings_by_actor on openings (tenant, actor, opening);

do $$
declare
  name text;
  own text := $p$tenant = (select nullif(current_setting('app.tenant', true), ''))$p$;
begin
  foreach name in array array['tenant_keys', 'subject_keys', 'openings'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('drop policy if exists own_tenant on %I', name);
    execute format('create policy own_tenant on %I to ledgerline_app using (%s) with check (%s)', name, own, own);
  end loop;
end $$;
revoke all on root_check, tenant_keys, subject_keys, openings from public, ledgerline_app;
grant select, insert on root_check, tenant_keys, openings to ledgerline_app;
grant select, insert, update (wrapped, erased_at, erased_by, erased_because) on subject_keys to ledgerline_app;

-- A key is never replaced; it is only ever destroyed. What was opened stays written, for the owner too.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is refused', lower(tg_op), tg_table_name using errcode = 'insufficient_privilege';
end $$;
create or replace trigger openings_stay before update or delete or truncate on openings
  for each statement execute function refuse_change();
create or replace trigger keys_stay before update on subject_keys
  for each row when (new.wrapped is not null) execute function refuse_change();
"""

_ENSURE_SUBJECTS = """
with wanted as (select * from unnest($2::text[], $3::bytea[]) as w (subject, wrapped)),
     made as (insert into subject_keys (tenant, subject, wrapped) select $1, subject, wrapped from wanted order by subject
              on conflict do nothing returning subject, key_version, wrapped, erased_at)
select subject, key_version, wrapped, erased_at from made
union all
select k.subject, k.key_version, k.wrapped, k.erased_at from subject_keys k
 where k.tenant = $1 and k.subject = any($2::text[])
"""
_SUBJECTS = """
select subject, key_version, wrapped, erased_at from subject_keys where tenant = $1 and subject = any($2::text[])
"""
_OPENINGS = """
insert into openings (tenant, actor, subject, field, purpose, count)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::integer[])
"""


class WrongRootKey(Exception):
    """The root key is not the one under which this vault was made, or cannot be had. Nothing could be opened with another."""


class SealBroken(DomainError):
    """A sealed value does not open under its tenant, subject and field: it was changed or moved."""

    code = "seal-broken"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _SubjectKey:
    version: int
    cipher: AESGCM | None  # None: erased
    read_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _TenantKeys:
    wrapping: AESGCM
    documents: AESGCM
    index: bytes
    ids: bytes


def load_root_key(settings: Settings) -> bytes:
    """The root key from the environment, or from its file, which is made on first use in the embedded mode.

    Raises WrongRootKey when there is none or it is not 32 bytes, PermissionError when others can read the file.
    """
    if text := settings.root_key.get_secret_value():
        return _root_key_of(text)
    path = settings.home / ROOT_KEY_FILE
    if not path.exists() and settings.mode != "embedded":
        raise WrongRootKey(f"no root key: set LEDGERLINE_ROOT_KEY or put it into {path}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(_KEY_BYTES)))
            file.flush()
            os.fsync(file.fileno())
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: it must have mode 0600")
    return _root_key_of(path.read_text())


def _root_key_of(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise WrongRootKey("the root key is 32 bytes in base64")
    return key


async def create_vault_schema(owner_dsn: str) -> None:
    """Make the tables, or bring older ones up to date. Run as owner, any number of times."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7701)")  # two processes may start together
            await connection.execute(SCHEMA)
    finally:
        await connection.close()


class LocalVault:
    """The Vault port on PostgreSQL. Make it with `connect`."""

    def __init__(self, pool: asyncpg.Pool, root_key: bytes) -> None:
        self._pool = pool
        self._root = AESGCM(root_key)
        self._subjects: OrderedDict[tuple[str, str], _SubjectKey] = OrderedDict()
        self._tenants: OrderedDict[str, _TenantKeys] = OrderedDict()
        self._record = _OpeningRecord(pool)

    @classmethod
    async def connect(cls, dsn: str, root_key: bytes, *, connections_max: int = 4) -> LocalVault:
        """A vault on the tables of `create_vault_schema`. Raises VaultUnavailable, WrongRootKey."""
        with outage_means(VaultUnavailable, "the vault"):
            pool = await asyncpg.create_pool(
                dsn, min_size=1, max_size=connections_max, timeout=5.0, command_timeout=15.0, server_settings=_SETTINGS
            )
            await _check_root_key(pool, root_key)
        return cls(pool, root_key)

    async def close(self) -> None:
        await self._record.finish()
        await self._pool.close()

    # --- sealing ---

    async def keys_for(self, tenant: str, subjects: Sequence[str]) -> None:
        """Make sure that the data keys of these subjects exist and are at hand, in one statement at most."""
        missing = sorted({subject for subject in subjects if not self._is_fresh(tenant, subject)})
        if not missing:
            return
        wrapping = (await self._keys_of(tenant)).wrapping
        new = [_wrapped(wrapping, os.urandom(_KEY_BYTES), "subject", tenant, subject) for subject in missing]
        while missing:  # a key that another process makes in the same moment is not seen until that has committed
            found = await self._fetch(tenant, _ENSURE_SUBJECTS, missing, new)
            self._take(tenant, wrapping, found)
            got = {row["subject"] for row in found}
            new = [wrapped for subject, wrapped in zip(missing, new, strict=True) if subject not in got]
            missing = [subject for subject in missing if subject not in got]

    def seal(self, tenant: str, sealed: Sealed[Any]) -> str:
        """The token of a fresh value: base64 of key version, nonce and ciphertext.

        Raises LookupError without `keys_for`, SubjectErased.
        """
        key = self._subjects.get((tenant, sealed.subject))
        if key is None:
            raise LookupError("the key of this subject is not at hand: call keys_for first")
        if key.cipher is None:
            raise SubjectErased("the key of this subject was destroyed", subject=sealed.subject)
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound("value", tenant, sealed.subject, sealed.field)
        ciphertext = key.cipher.encrypt(nonce, msgspec.json.encode(sealed.read_fresh()), bound)
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
            Opening(tenant, opener.actor, subject, field, opener.purpose, count)
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
            nonce, ciphertext = raw[_VERSION_BYTES:][:_NONCE_BYTES], raw[_VERSION_BYTES + _NONCE_BYTES :]
            if int.from_bytes(raw[:_VERSION_BYTES]) != key.version:
                raise InvalidTag
            clear = key.cipher.decrypt(nonce, ciphertext, _bound("value", tenant, sealed.subject, sealed.field))
            return msgspec.json.decode(clear, type=as_type)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            # Not chained: msgspec's text may quote the value.
            raise SealBroken("a sealed value does not open", subject=sealed.subject, field=sealed.field) from None

    async def _have(self, tenant: str, subjects: Iterable[str]) -> None:
        missing = sorted(subject for subject in subjects if not self._is_fresh(tenant, subject))
        if missing:
            wrapping = (await self._keys_of(tenant)).wrapping
            self._take(tenant, wrapping, await self._fetch(tenant, _SUBJECTS, missing))

    # --- looking up, ids, documents ---

    async def blind_index(self, tenant: str, field: str, value: str) -> str:
        """HMAC-SHA-256 under a key of the tenant; case and outer blanks do not matter."""
        key = (await self._keys_of(tenant)).index
        return hmac.digest(key, _bound("index", field, value.strip().upper()), "sha256").hex()

    async def tenant_key(self, tenant: str) -> bytes:
        """The key from which shared ids of this tenant are computed: the same in every process, for ever."""
        return (await self._keys_of(tenant)).ids

    async def wrap_document_key(self, tenant: str, document_id: str, key: bytes) -> bytes:
        """A document's own key, wrapped for its tenant."""
        return _wrapped((await self._keys_of(tenant)).documents, key, "document", tenant, document_id)

    async def open_document_key(self, tenant: str, document_id: str, wrapped: bytes, opener: Opener) -> bytes:
        """The reverse, recorded as an opening of the document. Raises SealBroken."""
        key = _unwrapped((await self._keys_of(tenant)).documents, wrapped, "document", tenant, document_id)
        opening = Opening(tenant, opener.actor, f"document/{document_id}", "document", opener.purpose, 1)
        await self._record.write([opening])
        return key

    # --- record and erasure ---

    async def openings(
        self,
        tenant: str,
        *,
        subject: str | None = None,
        actor: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Who opened what, newest first: of one subject, by one actor, or all; `before` is the last `opening` seen."""
        found = await self._fetch(
            tenant,
            "select opening, opened_at, actor, subject, field, purpose, count from openings"
            " where tenant = $1 and ($2::text is null or subject = $2) and ($3::text is null or actor = $3)"
            " and ($4::bigint is null or opening < $4) order by opening desc limit $5",
            subject,
            actor,
            before,
            limit,
        )
        return [dict(row) for row in found]

    async def erase(self, tenant: str, subject: str, *, actor: str, because: str) -> bool:
        """Destroy the key of a subject: what was sealed under it is gone from store, log and backups of them.

        False when there was none left. Other processes stop opening within half a minute. Backups of the vault itself
        must be let go as well.
        """
        found = await self._fetch(
            tenant,
            "update subject_keys set wrapped = null, erased_at = now(), erased_by = $3, erased_because = $4"
            " where tenant = $1 and subject = $2 and wrapped is not null returning subject",
            subject,
            actor,
            because,
        )
        self._subjects.pop((tenant, subject), None)
        return bool(found)

    # --- keys at hand ---

    def _is_fresh(self, tenant: str, subject: str) -> bool:
        key = self._subjects.get((tenant, subject))
        if key is None or time.monotonic() - key.read_at > _BELIEVED_SECONDS:
            return False
        self._subjects.move_to_end((tenant, subject))
        return True

    def _take(self, tenant: str, wrapping: AESGCM, found: Sequence[asyncpg.Record]) -> None:
        """Keep the newest key of each subject."""
        now = time.monotonic()
        for row in sorted(found, key=lambda row: int(row["key_version"])):
            subject, wrapped = row["subject"], row["wrapped"]
            cipher = None
            if wrapped is not None:
                cipher = AESGCM(_unwrapped(wrapping, wrapped, "subject", tenant, subject))
            self._subjects[tenant, subject] = _SubjectKey(version=row["key_version"], cipher=cipher, read_at=now)
            self._subjects.move_to_end((tenant, subject))
        while len(self._subjects) > _SUBJECTS_REMEMBERED_MAX:
            self._subjects.popitem(last=False)

    async def _keys_of(self, tenant: str) -> _TenantKeys:
        if (known := self._tenants.get(tenant)) is not None:
            self._tenants.move_to_end(tenant)
            return known
        new = _wrapped(self._root, os.urandom(_KEY_BYTES), "tenant", tenant)
        await self._fetch(
            tenant, "insert into tenant_keys (tenant, wrapped) values ($1, $2) on conflict do nothing", new
        )
        found = await self._fetch(tenant, "select wrapped from tenant_keys where tenant = $1")
        self._tenants[tenant] = keys = _derived(_unwrapped(self._root, found[0]["wrapped"], "tenant", tenant))
        while len(self._tenants) > _TENANTS_REMEMBERED_MAX:
            self._tenants.popitem(last=False)
        return keys

    async def _fetch(self, tenant: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
        with outage_means(VaultUnavailable, "the vault"):
            async with tenant_transaction(self._pool, tenant) as connection:
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
        with outage_means(VaultUnavailable, "the vault"):
            async with tenant_transaction(self._pool, lines[0].tenant) as connection:
                await connection.execute(_OPENINGS, lines[0].tenant, *columns)


_SETTINGS = {"application_name": "ledgerline-vault", "idle_in_transaction_session_timeout": "15000"}


@asynccontextmanager
async def tenant_transaction(pool: asyncpg.Pool, tenant: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction in which row-level security shows this tenant's rows."""
    async with pool.acquire(timeout=5.0) as connection, connection.transaction():
        await connection.execute("select set_config('app.tenant', $1, true)", tenant)
        yield connection


async def _check_root_key(pool: asyncpg.Pool, root_key: bytes) -> None:
    """The vault remembers a mark of the key it was made under, so that a wrong one is found out before it seals anything."""
    mark = hmac.digest(root_key, b"ledgerline root key", "sha256")
    await pool.execute("insert into root_check (mark) values ($1) on conflict do nothing", mark)
    kept = await pool.fetchval("select mark from root_check")
    if not hmac.compare_digest(kept, mark):
        raise WrongRootKey("the root key is not the one under which this vault was made: restore it from its backup")


def _derived(tenant_key: bytes) -> _TenantKeys:
    def expand(purpose: bytes) -> bytes:
        return HKDFExpand(hashes.SHA256(), _KEY_BYTES, b"ledgerline " + purpose).derive(tenant_key)

    return _TenantKeys(
        wrapping=AESGCM(expand(b"subject keys")),
        documents=AESGCM(expand(b"document keys")),
        index=expand(b"blind index"),
        ids=expand(b"shared ids"),
    )


def _wrapped(cipher: AESGCM, key: bytes, *names: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, key, _bound(*names))


def _unwrapped(cipher: AESGCM, wrapped: bytes, *names: str) -> bytes:
    try:
        return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(*names))
    except InvalidTag:
        raise SealBroken(f"the key of a {names[0]} does not open: it was changed or moved") from None


def _bound(*names: str) -> bytes:
    """Associated data that no other names give: each part with its length."""
    parts = [name.encode() for name in names]
    return b"".join(len(part).to_bytes(4) + part for part in parts)
