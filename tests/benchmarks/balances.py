"""A log of balance changes and a read model of them, for the benches of projection and rebuild."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import sqlalchemy as sa

from shared.events.collections import PatientBalanceNoted
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put
from shared.testing.stores import ServiceDatabase

SERVICE = "collections"
ACCOUNTS = 20_000
_FILL = """
insert into events (epoch, tx, pos, tenant, stream, version, event_id, type, occurred_at, recorded_at, actor, command_id,
                    correlation_id, clock, data, previous_hash, hash)
select 0, (3 + n / 5000)::text::xid8, n, 'bench', 'guarantor-account/' || account, 1 + n, gen_random_uuid(),
       'collections.PatientBalanceNoted.v1', now() + n / 100 * interval '1 ms', now() + n / 100 * interval '1 ms',
       'client:bench', gen_random_uuid(), gen_random_uuid()::text, 'real',
       convert_to(json_build_object('patient_id', repeat('p', 36), 'account_id', lpad(account::text, 16, '0'),
         'change_cents', n % 10000 - 4000, 'balance_cents', n, 'reason', repeat('contract ', 40), 'since_on', '2026-03-02')::text,
         'UTF8'),
       decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')
  from generate_series($1::bigint, $2::bigint) n, lateral (select (hashint8(n) & 2147483647) % $3 as account) a"""

balances = sa.Table(
    "bench_balances",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("open_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("credited_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("changes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_at", sa.DateTime(timezone=True)),
)


def _apply(recorded: Recorded[Any]) -> Iterable[Change]:
    event: PatientBalanceNoted = recorded.event
    change = event.change_cents
    return (
        Put(
            table="bench_balances",
            key=(event.account_id,),
            values={"last_at": recorded.occurred_at},
            add={"open_cents": change, "credited_cents": -change if change < 0 else 0, "changes": 1},
        ),
    )


PROJECTION = Projection(
    name="collections.bench-balances",
    version=1,
    tables=(balances,),
    reads={SERVICE: (PatientBalanceNoted,)},
    apply=_apply,
)


async def fill(database: ServiceDatabase, events: int) -> None:
    """Put a log of so many events into the store, as appends would have left it."""
    connection = await asyncpg.connect(database.superuser)
    for first in range(0, events, 100_000):
        await connection.execute(_FILL, first, min(first + 100_000, events) - 1, ACCOUNTS)
    await connection.execute("vacuum analyze events")
    await connection.close()


async def copy_seconds(database: ServiceDatabase, events: int) -> float:
    """How long COPY of the same events takes, into a table with the feed's index and nothing else."""
    connection = await asyncpg.connect(database.superuser)
    await connection.execute("drop table if exists yardstick; create table yardstick (like events)")
    await connection.execute("create unique index on yardstick (epoch, tx, pos)")
    seconds = 0.0
    async for rows in _pages(connection, events):
        began = time.perf_counter()
        await connection.copy_records_to_table("yardstick", records=rows)
        seconds += time.perf_counter() - began
    await connection.execute("drop table yardstick")
    await connection.close()
    return seconds


async def _pages(connection: asyncpg.Connection, events: int) -> AsyncIterator[list[tuple[Any, ...]]]:
    for first in range(0, events, 20_000):
        rows = await connection.fetch(
            "select * from events where pos >= $1 and pos < $2 order by epoch, tx, pos", first, first + 20_000
        )
        yield [tuple(row) for row in rows]
