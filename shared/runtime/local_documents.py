"""Where do raw documents lie on an installation without an object store?

One PostgreSQL database, `ledgerline_documents`: each document once per tenant under the SHA-256 of its bytes, sealed in pieces of a
megabyte under a key of its own, which is wrapped by the vault for its tenant. The associated data bind a piece to tenant, document,
place and number of pieces, so none can be moved, swapped or cut off. Reading one records the opening, in the vault.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, ParamSpec, Protocol, TypeVar

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.errors import DomainError, NotFound
from shared.runtime.availability import DocumentsUnavailable, outage_means
from shared.runtime.documents import Document
from shared.runtime.tenancy import own_rows, tenant_transaction
from shared.runtime.vault import Opener
from shared.runtime.wrapping import SealBroken

P = ParamSpec("P")
T = TypeVar("T")

PIECE_BYTES = 1 << 20
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SMALL_BYTES = 1 << 18  # larger ones are hashed and sealed beside the event loop

SCHEMA = f"""
create table if not exists documents (
  tenant text not null, document_id text not null, kind text not null, bytes bigint not null, pieces integer not null,
  wrapped bytea not null, stored_at timestamptz not null default now(), primary key (tenant, document_id));
create table if not exists pieces (
  tenant text not null, document_id text not null, ordinal integer not null, sealed bytea not null,
  primary key (tenant, document_id, ordinal),
  foreign key (tenant, document_id) references documents on delete cascade);
alter table pieces alter column sealed set storage external;  -- ciphertext does not compress

{own_rows("documents", "pieces")}
drop policy if exists every_tenant on documents;
create policy every_tenant on documents to ledgerline_owner using (true) with check (true);  -- wraps keys anew
revoke all on documents, pieces from public, ledgerline_app;
grant select, insert on documents, pieces to ledgerline_app;
"""


class DocumentTooLarge(DomainError):
    code = "document-too-large"


class DocumentKeys(Protocol):
    """What the vault does for documents."""

    async def wrap_document_key(self, tenant: str, document_id: str, key: bytes) -> bytes: ...

    async def open_document_key(self, tenant: str, document_id: str, wrapped: bytes, opener: Opener) -> bytes: ...


async def create_documents_schema(owner_dsn: str) -> None:
    """Make the tables, or bring older ones up to date. Run as owner, any number of times."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7702)")  # two processes may start together
            await connection.execute(SCHEMA)
    finally:
        await connection.close()


class LocalDocuments:
    """The Documents port on PostgreSQL. Make it with `connect`."""

    _settings: ClassVar[dict[str, str]] = {
        "application_name": "ledgerline-documents",
        "idle_in_transaction_session_timeout": "60000",
    }

    def __init__(self, pool: asyncpg.Pool, keys: DocumentKeys, *, bytes_max: int) -> None:
        self._pool = pool
        self._keys = keys
        self._bytes_max = bytes_max

    @classmethod
    async def connect(
        cls, dsn: str, keys: DocumentKeys, *, bytes_max: int = 100 << 20, connections_max: int = 4
    ) -> LocalDocuments:
        """A store on the tables of `create_documents_schema`. Raises DocumentsUnavailable."""
        with outage_means(DocumentsUnavailable, "the document store"):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=connections_max,
                timeout=5.0,
                command_timeout=60.0,
                server_settings=cls._settings,
            )
        return cls(pool, keys, bytes_max=bytes_max)

    async def close(self) -> None:
        await self._pool.close()

    async def put(self, tenant: str, content: bytes, kind: str) -> str:
        """Durable when it returns; the same bytes give the same id and are stored once. Returns the document id.

        Raises DocumentTooLarge, DocumentsUnavailable, VaultUnavailable.
        """
        if len(content) > self._bytes_max:
            raise DocumentTooLarge(f"a document has {self._bytes_max} bytes at most", bytes=len(content))
        document_id = await _beside(len(content), _hash, content)
        if not await self._is_there(tenant, document_id):
            await self._store(tenant, document_id, content, kind)
        return document_id

    async def get(self, tenant: str, document_id: str, opener: Opener) -> Document:
        """The document, once its opening is recorded. Raises NotFound, SealBroken, and as `put`."""
        with outage_means(DocumentsUnavailable, "the document store"):
            async with tenant_transaction(self._pool, tenant) as connection:
                about = await connection.fetchrow(
                    "select kind, stored_at, pieces, wrapped from documents where tenant = $1 and document_id = $2",
                    tenant,
                    document_id,
                )
                if about is None:
                    raise NotFound("there is no such document", document_id=document_id)
                sealed = await connection.fetch(
                    "select sealed from pieces where tenant = $1 and document_id = $2 order by ordinal",
                    tenant,
                    document_id,
                )
        key = await self._keys.open_document_key(tenant, document_id, about["wrapped"], opener)
        pieces = [row["sealed"] for row in sealed]
        size = sum(map(len, pieces))
        content = await _beside(size, _unsealed, key, tenant, document_id, pieces, about["pieces"])
        return Document(document_id=document_id, kind=about["kind"], stored_at=about["stored_at"], content=content)

    async def _is_there(self, tenant: str, document_id: str) -> bool:
        with outage_means(DocumentsUnavailable, "the document store"):
            async with tenant_transaction(self._pool, tenant) as connection:
                found = await connection.fetchval(
                    "select true from documents where tenant = $1 and document_id = $2", tenant, document_id
                )
        return found is True

    async def _store(self, tenant: str, document_id: str, content: bytes, kind: str) -> None:
        key = os.urandom(_KEY_BYTES)
        pieces = await _beside(len(content), _sealed, key, tenant, document_id, content)
        with outage_means(DocumentsUnavailable, "the document store"):
            async with tenant_transaction(self._pool, tenant) as connection:
                # Not before: between wrapping and commit there is no more time than a transaction may take, which is less
                # than that after which a tenant's older key may be removed.
                wrapped = await self._keys.wrap_document_key(tenant, document_id, key)
                # Who loses this race waits here until the winner has committed, and then has nothing to do.
                is_first = await connection.fetchval(
                    "insert into documents (tenant, document_id, kind, bytes, pieces, wrapped)"
                    " values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning true",
                    tenant,
                    document_id,
                    kind,
                    len(content),
                    len(pieces),
                    wrapped,
                )
                if is_first:
                    await connection.executemany(
                        "insert into pieces (tenant, document_id, ordinal, sealed) values ($1, $2, $3, $4)",
                        [(tenant, document_id, ordinal, piece) for ordinal, piece in enumerate(pieces)],
                    )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sealed(key: bytes, tenant: str, document_id: str, content: bytes) -> list[bytes]:
    cipher = AESGCM(key)
    parts = list(_parts(content))
    sealed = []
    for ordinal, part in enumerate(parts):
        nonce = os.urandom(_NONCE_BYTES)
        sealed.append(nonce + cipher.encrypt(nonce, part, _bound(tenant, document_id, ordinal, len(parts))))
    return sealed


def _unsealed(key: bytes, tenant: str, document_id: str, pieces: Sequence[bytes], expected: int) -> bytes:
    cipher = AESGCM(key)
    try:
        content = b"".join(
            cipher.decrypt(piece[:_NONCE_BYTES], piece[_NONCE_BYTES:], _bound(tenant, document_id, ordinal, expected))
            for ordinal, piece in enumerate(pieces)
        )
    except (InvalidTag, ValueError):
        raise SealBroken("a stored document does not open: it was changed", document_id=document_id) from None
    if len(pieces) != expected or _hash(content) != document_id:
        raise SealBroken("a stored document is not what was put there", document_id=document_id)
    return content


def _parts(content: bytes) -> Iterator[bytes]:
    """At least one, so that an empty document is sealed too."""
    for start in range(0, max(len(content), 1), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def _bound(tenant: str, document_id: str, ordinal: int, pieces: int) -> bytes:
    return "\x1f".join(("piece", tenant, document_id, str(ordinal), str(pieces))).encode()


async def _beside(size: int, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do work on many bytes in a thread, so that others are not held up; a few bytes are done at once."""
    if size < _SMALL_BYTES:
        return work(*arguments, **named)
    return await asyncio.to_thread(work, *arguments, **named)
