"""How are a tenant's rows kept apart in tables that are nobody's store and no read model: keys, documents, receipts?

Row-level security by `app.tenant`, which is set for a transaction only, as in the store itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from shared.runtime.availability import VaultUnavailable, outage_means

_OWN = "tenant = (select nullif(current_setting('app.tenant', true), ''))"  # once a statement, not once a row


def own_rows(*tables: str) -> str:
    """SQL, safe to repeat: the application sees the rows of its transaction's tenant in these tables, and nobody else sees any."""
    return "\n".join(
        f"""
alter table {table} enable row level security;
alter table {table} force row level security;
drop policy if exists own_tenant on {table};
create policy own_tenant on {table} to ledgerline_app using ({_OWN}) with check ({_OWN});"""
        for table in tables
    )


@asynccontextmanager
async def tenant_transaction(pool: asyncpg.Pool, tenant: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction in which row-level security shows this tenant's rows."""
    async with pool.acquire(timeout=5.0) as connection, connection.transaction():
        await connection.execute("select set_config('app.tenant', $1, true)", tenant)
        yield connection


@asynccontextmanager
async def vault_transaction(pool: asyncpg.Pool, tenant: str) -> AsyncIterator[asyncpg.Connection]:
    """The same in the database of keys. Raises VaultUnavailable."""
    with outage_means(VaultUnavailable, "the vault"):
        async with tenant_transaction(pool, tenant) as connection:
            yield connection
