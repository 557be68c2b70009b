"""Does a read see its tenant's rows only, in pages that neither skip nor repeat, up to a position that it can wait for?"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shared.events.envelope import Position
from shared.kernel.errors import Malformed
from shared.runtime.availability import StoreUnavailable, is_outage
from shared.runtime.feed import Partition
from shared.runtime.queries import NotYet, Order, ReadDatabase, asc, desc, page, row, rows, value
from shared.runtime.read_tables import creation, protection
from shared.runtime.store.migrate import OWNER, migrate
from shared.testing.infrastructure import PostgresServer
from tests.integration.runtime.conftest import Install, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

READER = "payments.queue"
QUEUE = sa.Table(
    "queue",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("expected_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("due_on", sa.Date),
    sa.Column("denial_id", sa.Uuid),
)
BY_MONEY = [desc(QUEUE.c.expected_cents), asc(QUEUE.c.claim_id)]


async def fill(dsn: str) -> None:
    """A service's database with one read model: 120 rows for each of two tenants."""
    await migrate(dsn, "payments")
    dice = random.Random(5)
    lines = [
        (
            tenant,
            f"{tenant}-{number:03}",
            dice.randrange(6),
            date(2026, 1, 1) + timedelta(dice.randrange(9)),
            UUID(int=number),
        )
        for tenant in ("north", "south")
        for number in range(120)
    ]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"set role {OWNER}")
        for statement in (*creation(QUEUE), *protection("queue")):
            await connection.execute(statement)
        await connection.executemany("insert into queue values ($1, $2, $3, $4, $5)", lines)
        await connection.execute("insert into readers (reader, service, partition) values ($1, 'payments', 0)", READER)
    finally:
        await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def database(install: Install, postgres_server: PostgresServer) -> Installed:
    return await install("reads", template=await postgres_server.template("reads", fill))


@pytest_asyncio.fixture(loop_scope="session")
async def reads(database: Installed) -> AsyncIterator[ReadDatabase]:
    made = ReadDatabase(database.app)
    yield made
    await made.close()


async def test_a_statement_that_forgets_the_tenant_sees_one_tenant_all_the_same(reads: ReadDatabase) -> None:
    for tenant in ("north", "south"):
        async with reads.read(tenant) as connection:
            found = await rows(connection, sa.select(QUEUE.c.tenant).distinct())
            assert [line["tenant"] for line in found] == [tenant]
            assert await row(connection, sa.select(QUEUE).where(QUEUE.c.claim_id == "west-001")) is None
            foreign = "south" if tenant == "north" else "north"
            assert await value(connection, sa.select(sa.func.count()).where(QUEUE.c.tenant == foreign)) == 0


async def test_without_a_tenant_nothing_is_seen_and_none_is_left_behind_for_the_next(database: Installed) -> None:
    narrow = ReadDatabase(database.app, connections_max=1)
    try:
        for tenant, expected in (("north", 120), ("", 0), ("south", 120), ("' or true --", 0), ("", 0)):
            async with narrow.read(tenant) as connection:
                assert await value(connection, sa.select(sa.func.count()).select_from(QUEUE)) == expected
    finally:
        await narrow.close()


async def test_a_statement_or_a_transaction_that_takes_too_long_is_an_outage_and_no_bug(database: Installed) -> None:
    hasty = ReadDatabase(database.app, statement_seconds_max=0.05)
    try:
        with pytest.raises(StoreUnavailable):
            async with hasty.read("north") as connection:
                await connection.execute(sa.text("select pg_sleep(10)"))
        with pytest.raises((StoreUnavailable, DBAPIError)) as ended:
            async with hasty.read("north") as connection:
                await asyncio.sleep(0.5)  # idle in a transaction: the server ends it, whatever comes next finds out
                await connection.execute(sa.text("select 1"))
        assert isinstance(ended.value, StoreUnavailable) or is_outage(ended.value)
    finally:
        await hasty.close()


async def test_many_readers_of_different_tenants_at_once_never_see_each_others_rows(reads: ReadDatabase) -> None:
    async def one(tenant: str) -> set[str]:
        async with reads.read(tenant) as connection:
            return {line["tenant"] for line in await rows(connection, sa.select(QUEUE.c.tenant))}

    tenants = [random.Random(number).choice(["north", "south"]) for number in range(300)]
    found = await asyncio.gather(*(one(tenant) for tenant in tenants))
    assert found == [{tenant} for tenant in tenants]


async def test_a_read_cannot_write_and_a_write_cannot_touch_another_tenant(reads: ReadDatabase) -> None:
    change = sa.update(QUEUE).values(expected_cents=999).where(QUEUE.c.claim_id == "north-001")
    with pytest.raises(sa.exc.DBAPIError):
        async with reads.read("north") as connection:
            await connection.execute(change)
    async with reads.write("south") as connection:
        assert (await connection.execute(change)).rowcount == 0
    with pytest.raises(sa.exc.DBAPIError):
        async with reads.write("south") as connection:
            await connection.execute(sa.insert(QUEUE).values(tenant="north", claim_id="planted"))
    async with reads.write("north") as connection:
        assert (await connection.execute(change)).rowcount == 1


@pytest.mark.parametrize(
    "order",
    [
        BY_MONEY,
        [asc(QUEUE.c.claim_id)],
        [desc(QUEUE.c.claim_id)],
        [asc(QUEUE.c.due_on), asc(QUEUE.c.claim_id)],
        [desc(QUEUE.c.due_on), desc(QUEUE.c.expected_cents), asc(QUEUE.c.denial_id)],
    ],
)
@pytest.mark.parametrize("limit", [1, 7, 120, 500])
async def test_pages_give_every_row_once_in_order(reads: ReadDatabase, order: list[Order], limit: int) -> None:
    found: list[str] = []
    cursor: str | None = None
    async with reads.read("north") as connection:
        by = [one.column.desc() if one.is_descending else one.column.asc() for one in order]
        expected = [line["claim_id"] for line in await rows(connection, sa.select(QUEUE).order_by(*by))]
        while True:
            got = await page(connection, sa.select(QUEUE), order=order, limit=limit, cursor=cursor)
            found.extend(line["claim_id"] for line in got.rows)
            cursor = got.next
            if cursor is None:
                break
    assert found == expected


async def test_a_row_that_comes_in_between_makes_none_skipped_or_repeated(database: Installed) -> None:
    reads = ReadDatabase(database.app)
    try:
        async with reads.read("north") as connection:
            first = await page(connection, sa.select(QUEUE), order=BY_MONEY, limit=50)
        async with reads.write("north") as connection:
            await connection.execute(sa.insert(QUEUE).values(tenant="north", claim_id="aaa", expected_cents=9))
            await connection.execute(sa.delete(QUEUE).where(QUEUE.c.claim_id == first.rows[10]["claim_id"]))
        async with reads.read("north") as connection:
            rest = await page(connection, sa.select(QUEUE), order=BY_MONEY, limit=500, cursor=first.next)
        seen = [line["claim_id"] for line in (*first.rows, *rest.rows)]
        assert len(seen) == len(set(seen)) == 120
    finally:
        await reads.close()


@pytest.mark.parametrize(
    "cursor", ["x", "!!", "W10", "WzEsMl0", "WyJhIiwiYiJd", "bnVsbA", "é", "W3t9LHt9XQ", "WzFdWzJd", "WzFlOTk5LCJhIl0"]
)
async def test_a_cursor_of_another_list_is_refused(reads: ReadDatabase, cursor: str) -> None:
    with pytest.raises(Malformed):
        async with reads.read("north") as connection:
            await page(connection, sa.select(QUEUE), order=BY_MONEY, limit=5, cursor=cursor)


async def test_a_deep_page_is_found_through_the_index(database: Installed) -> None:
    reads = ReadDatabase(database.app)
    owner = await asyncpg.connect(database.owner)
    try:
        await owner.execute(
            "insert into queue (tenant, claim_id, expected_cents)"
            " select 'large', 'c' || n, n % 1000 from generate_series(1, 30000) n"
        )
        await owner.execute("create index queue_by_money on queue (tenant, expected_cents desc, claim_id)")
        await owner.execute("analyze queue")
        async with reads.read("large") as connection:
            got = await page(connection, sa.select(QUEUE), order=BY_MONEY, limit=25_000)
            deep = sa.select(QUEUE).where(
                QUEUE.c.tenant == "large", QUEUE.c.expected_cents <= got.rows[-1]["expected_cents"]
            )
            plan = await rows(
                connection,
                sa.text(
                    "explain "
                    + str(
                        deep.order_by(*[QUEUE.c.expected_cents.desc(), QUEUE.c.claim_id.asc()])
                        .limit(50)
                        .compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
                    )
                ),
            )
            text = " ".join(line["QUERY PLAN"] for line in plan)
        assert "queue_by_money" in text
        assert "Sort" not in text
    finally:
        await owner.close()
        await reads.close()


# --- positions ---


async def reach(database: Installed, position: Position, partition: int = 0, service: str = "payments") -> None:
    connection = await asyncpg.connect(database.owner)
    try:
        await connection.execute(
            "insert into readers (reader, service, partition, position_epoch, position_tx, position_pos)"
            " values ($1, $2, $3, $4, $5, $6) on conflict (reader, service, partition) do update set"
            " position_epoch = excluded.position_epoch, position_tx = excluded.position_tx, position_pos = excluded.position_pos",
            READER,
            service,
            partition,
            *position,
        )
    finally:
        await connection.close()


async def test_an_answer_names_the_positions_up_to_which_it_is_complete(
    database: Installed, reads: ReadDatabase
) -> None:
    await reach(database, Position(0, 900, 7))
    await reach(database, Position(0, 12, 3), service="claims")
    async with reads.read("north") as connection:
        assert await reads.positions(connection, READER) == {"claims": "0.12.3", "payments": "0.900.7"}
        assert await reads.positions(connection, "nobody") == {}
    await reach(database, Position(0, 40, 1), partition=1)
    async with reads.read("north") as connection:
        found = await reads.positions(connection, READER)
        assert found == {"claims": "0.12.3", "payments/0": "0.900.7", "payments/1": "0.40.1"}


async def test_a_reader_of_its_own_writing_waits_until_it_is_there(database: Installed, reads: ReadDatabase) -> None:
    await reach(database, Position(0, 900, 7))
    await reads.wait_for(READER, None)
    await reads.wait_for(READER, "payments:0.900.7")
    await reads.wait_for(READER, "payments:0.900.7,collections:0.5.5")  # it does not read collections

    async def later() -> None:
        await asyncio.sleep(0.2)
        await reach(database, Position(0, 1000, 1))

    began = time.monotonic()
    await asyncio.gather(reads.wait_for(READER, "payments:0.1000.1", within_seconds=5), later())
    assert 0.15 < time.monotonic() - began < 4


async def test_waiting_is_bounded_and_says_so(database: Installed, reads: ReadDatabase) -> None:
    await reach(database, Position(0, 999, 9))
    with pytest.raises(NotYet):
        await reads.wait_for(READER, "payments:0.1000.1", within_seconds=0.1)
    for text in ("payments", "payments:1", "payments:1.2", "payments:a.b.c", ":::"):
        with pytest.raises(Malformed):
            await reads.wait_for(READER, text)


async def test_on_a_log_with_partitions_the_feed_says_where_to_be(database: Installed) -> None:
    async def covering(service: str, position: Position | None) -> Mapping[Partition, Position]:
        assert (service, position) == ("payments", Position(0, 50, 2))
        return {Partition("payments", 0): Position(0, 30, 1), Partition("payments", 1): Position(0, 50, 2)}

    reads = ReadDatabase(database.app, covering=covering)
    try:
        await reach(database, Position(0, 30, 1), partition=0)
        await reach(database, Position(0, 40, 1), partition=1)
        with pytest.raises(NotYet):
            await reads.wait_for(READER, "payments:0.50.2", within_seconds=0.05)
        await reach(database, Position(0, 50, 2), partition=1)
        await reads.wait_for(READER, "payments:0.50.2", within_seconds=0.05)
    finally:
        await reads.close()


async def test_a_database_that_is_down_says_so() -> None:
    reads = ReadDatabase("postgresql://ledgerline_app@127.0.0.1:9/ledgerline_payments")
    try:
        with pytest.raises(StoreUnavailable):
            async with reads.read("north"):
                pass
    finally:
        await reads.close()


async def test_a_connection_that_is_cut_in_the_middle_is_an_outage_and_the_next_read_works(database: Installed) -> None:
    reads = ReadDatabase(database.app, connections_max=1)
    superuser = await asyncpg.connect(database.superuser)
    try:
        with pytest.raises(StoreUnavailable):
            async with reads.read("north") as connection:
                pid = await value(connection, sa.text("select pg_backend_pid()"))
                await superuser.execute("select pg_terminate_backend($1)", pid)
                await asyncio.sleep(0.1)
                await rows(connection, sa.select(QUEUE))
        async with reads.read("north") as connection:
            assert await value(connection, sa.select(sa.func.count()).select_from(QUEUE)) == 120
    finally:
        await superuser.close()
        await reads.close()


async def test_an_error_of_a_statement_does_not_quote_its_values(reads: ReadDatabase) -> None:
    twice = sa.insert(QUEUE).values(tenant="north", claim_id="zebulonq7x")
    with pytest.raises(sa.exc.IntegrityError) as refused:
        async with reads.write("north") as connection:
            await connection.execute(twice)
            await connection.execute(twice)
    assert "zebulonq7x" not in str(refused.value)
