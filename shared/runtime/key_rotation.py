"""How is a root key, or the key of a tenant, replaced while everything goes on?

What is sealed stays as it is: only the wraps around keys are made anew, page by page, each page in a transaction of its own. Whatever
stops it half-way, the same call goes on with what is left. Keys above are kept until nothing needs them: processes that have not seen
the newer one yet go on with the older, so no request waits or fails.

A root key: put the new one in front (`shared.runtime.wrapping.add_root_key`, or in the secret), then `to_newest_root`. A tenant's key:
`to_tenant_key`. Its ids and blind indexes do not change with it: they are in the log for ever.

Runs as the owner of the databases of vault and documents; the application cannot put one key in place of another.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from shared.kernel.errors import Conflict, NotFound
from shared.runtime.availability import DocumentsUnavailable, VaultUnavailable, outage_means
from shared.runtime.local_vault import (
    TenantKeys,
    lookup_keys,
    tenant_keys,
    unwrap_document_key,
    wrap_document_key,
)
from shared.runtime.wrapping import KEY_BYTES, RootKeys, unwrap_key, wrap_key

_PAGE = 500
# After this long nobody can still be committing what was wrapped under a key that was closed: a process believes the newest key for
# half a minute, and a transaction that does nothing for a minute is ended by the database.
SETTLED_AFTER = timedelta(minutes=10)

_ROWS = (
    "select tenant, version, wrapped, root, lookup, closed_at from tenant_keys where tenant = $1 order by version desc"
)
_OTHER_ROOTS = """
select tenant, version, wrapped, root, lookup from tenant_keys where root <> $1
 order by tenant, version limit $2 for update skip locked
"""
_SUBJECTS = """
select subject, key_version, wrapped, wrapped_by from subject_keys
 where tenant = $1 and wrapped_by < $2 order by subject, key_version limit $3 for update
"""
_REWRAP_SUBJECTS = """
update subject_keys k set wrapped = w.wrapped, wrapped_by = $2
  from unnest($3::text[], $4::integer[], $5::bytea[]) as w (subject, key_version, wrapped)
 where k.tenant = $1 and k.subject = w.subject and k.key_version = w.key_version
"""
_OLDER_DOCUMENT = "(octet_length(wrapped) = 60 or substring(wrapped from 1 for 2) < int2send($2::int2))"
_DOCUMENTS = f"select document_id, wrapped from documents where tenant = $1 and {_OLDER_DOCUMENT} limit $3 for update"
_REWRAP_DOCUMENTS = """
update documents d set wrapped = w.wrapped from unnest($2::text[], $3::bytea[]) as w (document_id, wrapped)
 where d.tenant = $1 and d.document_id = w.document_id
"""
_LEFT = "select count(*) from subject_keys where tenant = $1 and wrapped_by < $2"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """Where the keys of a tenant stand. Ids and versions only."""

    root: str  # id of the newest root key at hand
    other_roots: int  # rows, of any tenant, wrapped under an older one
    version: int  # of the tenant's key; 0: it has none yet
    older: int  # versions of it that are kept
    subjects: int  # keys of people wrapped under an older version
    documents: int  # keys of documents wrapped under an older version


class KeyRotation:
    """Replaces keys. The DSNs are the owner's."""

    def __init__(self, vault_dsn: str, documents_dsn: str, roots: RootKeys, *, page: int = _PAGE) -> None:
        self._vault_dsn = vault_dsn
        self._documents_dsn = documents_dsn
        self._roots = roots
        self._page = page

    async def state(self, tenant: str) -> KeyState:
        """Raises VaultUnavailable, DocumentsUnavailable."""
        self._roots.refresh()
        async with self._vault() as vault, self._documents() as documents:
            rows = await vault.fetch(_ROWS, tenant)
            version = rows[0]["version"] if rows else 0
            count = f"select count(*) from documents where tenant = $1 and {_OLDER_DOCUMENT}"
            return KeyState(
                root=self._roots.newest,
                other_roots=await vault.fetchval(
                    "select count(*) from tenant_keys where root <> $1", self._roots.newest
                ),
                version=version,
                older=max(len(rows) - 1, 0),
                subjects=await vault.fetchval(_LEFT, tenant, version),
                documents=await documents.fetchval(count, tenant, version) if version else 0,
            )

    async def to_newest_root(self) -> int:
        """Wrap every tenant's keys under the newest root key; how many were. Safe to repeat. Raises WrongRootKey."""
        self._roots.refresh()
        done = 0
        async with self._vault() as vault:
            while page := await self._page_to_newest_root(vault):
                done += page
            left = await vault.fetchval("select count(*) from tenant_keys where root <> $1", self._roots.newest)
            if not left:  # from now on a process that has only the older one does not start
                await vault.execute("update root_check set mark = $1", self._roots.marks[0])
        return done

    async def _page_to_newest_root(self, vault: asyncpg.Connection) -> int:
        async with vault.transaction():
            rows = await vault.fetch(_OTHER_ROOTS, self._roots.newest, self._page)
            for row in rows:
                tenant, version, root = row["tenant"], row["version"], row["root"]
                secret = self._roots.unwrap(root, row["wrapped"], "tenant", tenant)
                lookup = row["lookup"] and self._roots.unwrap(root, row["lookup"], "lookup", tenant)
                await vault.execute(
                    "update tenant_keys set wrapped = $3, lookup = $4, root = $5 where tenant = $1 and version = $2",
                    tenant,
                    version,
                    self._roots.wrap(secret, "tenant", tenant),
                    lookup and self._roots.wrap(lookup, "lookup", tenant),
                    self._roots.newest,
                )
            return len(rows)

    async def to_tenant_key(self, tenant: str, version: int) -> int:
        """Give the tenant a key of this version, unless it has that, and wrap under it what older ones wrapped; how many keys.

        Safe to repeat: it goes on where it was stopped. Raises NotFound for a tenant without a key, Conflict for another version
        than the present one or the next.
        """
        async with self._vault() as vault, self._documents() as documents:
            await self._have_version(vault, tenant, version)
            keys = tenant_keys(self._roots, tenant, await vault.fetch(_ROWS, tenant))
            done = 0
            while page := await self._page_of_subjects(vault, tenant, keys):
                done += page
            while page := await self._page_of_documents(documents, tenant, keys):
                done += page
            return done

    async def _have_version(self, vault: asyncpg.Connection, tenant: str, version: int) -> None:
        async with vault.transaction():
            await vault.execute("select pg_advisory_xact_lock(7704)")  # one at a time
            rows = await vault.fetch(_ROWS, tenant)
            if not rows:
                raise NotFound("this tenant has no key yet")
            newest = rows[0]
            if version == newest["version"]:
                return
            if version != newest["version"] + 1:
                raise Conflict("a tenant's key has the present version or the next", version=newest["version"])
            self._roots.refresh()
            secret = self._roots.unwrap(newest["root"], newest["wrapped"], "tenant", tenant)
            lookup = lookup_keys(self._roots, tenant, newest, secret)
            await vault.execute(
                "update tenant_keys set closed_at = clock_timestamp() where tenant = $1 and closed_at is null", tenant
            )
            await vault.execute(
                "insert into tenant_keys (tenant, version, wrapped, root, lookup) values ($1, $2, $3, $4, $5)",
                tenant,
                version,
                self._roots.wrap(os.urandom(KEY_BYTES), "tenant", tenant),
                self._roots.newest,
                self._roots.wrap(lookup, "lookup", tenant),
            )

    async def _page_of_subjects(self, vault: asyncpg.Connection, tenant: str, keys: TenantKeys) -> int:
        async with vault.transaction():
            rows = await vault.fetch(_SUBJECTS, tenant, keys.newest, self._page)
            anew = [_rewrapped(keys, tenant, row) for row in rows]
            columns = [[row["subject"] for row in rows], [row["key_version"] for row in rows], anew]
            await vault.execute(_REWRAP_SUBJECTS, tenant, keys.newest, *columns)
        await asyncio.sleep(0)  # requests of this process go before
        return len(rows)

    async def _page_of_documents(self, documents: asyncpg.Connection, tenant: str, keys: TenantKeys) -> int:
        async with documents.transaction():
            rows = await documents.fetch(_DOCUMENTS, tenant, keys.newest, self._page)
            anew = [
                wrap_document_key(
                    keys,
                    keys.newest,
                    tenant,
                    row["document_id"],
                    unwrap_document_key(keys, tenant, row["document_id"], row["wrapped"]),
                )
                for row in rows
            ]
            await documents.execute(_REWRAP_DOCUMENTS, tenant, [row["document_id"] for row in rows], anew)
        await asyncio.sleep(0)
        return len(rows)

    async def retire(self, tenant: str) -> int:
        """Remove the older versions of a tenant's key, for ever; how many. Raises Conflict while anything needs one of them."""
        async with self._vault() as vault, self._documents() as documents:
            rows = await vault.fetch(_ROWS, tenant)
            if len(rows) < 2:
                return 0
            newest = rows[0]["version"]
            settled = await vault.fetchval(
                "select max(closed_at) < clock_timestamp() - $2::interval from tenant_keys where tenant = $1",
                tenant,
                SETTLED_AFTER,
            )
            if not settled:
                raise Conflict("a key is removed ten minutes after its successor came: somebody may still be using it")
            count = f"select count(*) from documents where tenant = $1 and {_OLDER_DOCUMENT}"
            left = await vault.fetchval(_LEFT, tenant, newest) + await documents.fetchval(count, tenant, newest)
            if left:
                raise Conflict("something is still wrapped under an older key: replace it again first", left=left)
            await vault.execute("delete from tenant_keys where tenant = $1 and version < $2", tenant, newest)
            return len(rows) - 1

    @asynccontextmanager
    async def _vault(self) -> AsyncIterator[asyncpg.Connection]:
        with outage_means(VaultUnavailable, "the vault"):
            async with _connected(self._vault_dsn) as connection:
                yield connection

    @asynccontextmanager
    async def _documents(self) -> AsyncIterator[asyncpg.Connection]:
        with outage_means(DocumentsUnavailable, "the document store"):
            async with _connected(self._documents_dsn) as connection:
                yield connection


def _rewrapped(keys: TenantKeys, tenant: str, row: asyncpg.Record) -> bytes | None:
    """None for a key that was destroyed."""
    if row["wrapped"] is None:
        return None
    secret = unwrap_key(keys.subjects[row["wrapped_by"]], row["wrapped"], "subject", tenant, row["subject"])
    return wrap_key(keys.subjects[keys.newest], secret, "subject", tenant, row["subject"])


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, timeout=5.0, command_timeout=60.0)
    try:
        yield connection
    finally:
        await connection.close()
