"""Does everybody go on without loss or repetition when a store comes back from a dump, in a cluster that counts transactions from the start?"""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.events.envelope import Stored
from shared.runtime.native import postgres
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, prepare_roles
from shared.testing.infrastructure import KafkaCluster, PostgresServer
from tests.integration.runtime.conftest import PASSWORD
from tests.integration.runtime.small_service import Charged, SmallService, small_service
from tests.integration.runtime.small_shop import PROJECTION, Shop, balances, charge, everything_in, open_shop, publish

pytestmark = pytest.mark.asyncio


@pytest.fixture
def other_cluster() -> Iterator[PostgresServer]:
    """A cluster that was just made: its transaction ids are lower than those in the dump."""
    data = Path(tempfile.mkdtemp(prefix="ledgerline-dump-"))
    try:
        with postgres.attached(data) as server:
            yield PostgresServer(url=server.dsn(), backend="another cluster")
    finally:
        postgres.destroy(data)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(postgres_server: PostgresServer, kafka_cluster: KafkaCluster, database: str) -> AsyncIterator[Shop]:
    async with small_service(postgres_server, database) as service:
        await service.install(PROJECTION)
        async with open_shop(service, kafka_cluster.bootstrap_servers) as made:
            yield made


async def dumped_into(service: SmallService, server: PostgresServer) -> str:
    """The service's database, in the other cluster; its DSN there."""
    await prepare_roles(server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))
    name = f"restored_{secrets.token_hex(4)}"
    await create_database(server.dsn(), name)
    programs = postgres.find_binaries().bin
    with tempfile.NamedTemporaryFile(suffix=".dump") as file:
        await asyncio.to_thread(_run, programs / "pg_dump", "--format=custom", f"--file={file.name}", service.dsn)
        await asyncio.to_thread(
            _run, programs / "pg_restore", "--exit-on-error", f"--dbname={server.dsn(name)}", file.name
        )
    return server.dsn(name)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def last_transaction(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("select pg_current_xact_id()::text"))
    finally:
        await connection.close()


def ids(events: Sequence[Stored]) -> list[str]:
    return [str(event.event_id) for event in events]


async def test_readers_of_the_store_go_on_where_they_were(shop: Shop, other_cluster: PostgresServer) -> None:
    service = shop.service
    await spend_transactions(service.dsn, other_cluster)
    await charge(shop, ["A", "B"])
    before = await everything_in(service.feed)
    [partition] = await service.feed.partitions("payments")
    outside = (await service.feed.read(partition, None, 1_000)).cursor
    async with small_service(other_cluster, await dumped_into(service, other_cluster)) as restored:
        await restored.say("A", Charged(cents=10))
        after = await everything_in(restored.feed)
        assert ids(after)[: len(before)] == ids(before)
        assert [event.version for event in after[len(before) :]] == [7]
        assert max(event.position for event in before).tx > after[-1].position.tx  # counted from the start again
        assert ids((await restored.feed.read(partition, outside, 1_000)).events) == ids(after[len(before) :])


async def test_the_relay_and_readers_of_kafka_go_on_where_they_were(shop: Shop, other_cluster: PostgresServer) -> None:
    service = shop.service
    await spend_transactions(service.dsn, other_cluster)
    await charge(shop, ["A", "B"])
    await publish(shop.relay())
    feed = shop.feed()
    assert balances(await shop.project(feed)) == {"A": (6, 3), "B": (6, 3)}
    before = await everything_in(feed)
    async with small_service(other_cluster, await dumped_into(service, other_cluster)) as restored:
        again = Shop(service=restored, broker=shop.broker)
        try:
            await restored.say("A", Charged(cents=10))
            await restored.pool.execute("UPDATE readers SET lease_until = '-infinity'")  # of the processes of before
            await publish(again.relay())
            assert balances(await again.project(again.feed())) == {"A": (16, 4), "B": (6, 3)}
            after = await everything_in(again.feed())
            assert sorted(ids(after)) == sorted([*ids(before), *ids((await everything_in(restored.feed))[-1:])])
            versions = [event.version for event in after if event.stream == "account/A"]
            assert versions == list(range(1, 8))
        finally:
            await again.close()


async def spend_transactions(dsn: str, other: PostgresServer) -> None:
    """See to it that the first cluster has handed out more ids than the other, as one that was in use has."""
    ahead = await last_transaction(other.dsn()) + 5_000
    connection = await asyncpg.connect(dsn)
    try:
        while int(await connection.fetchval("select pg_current_xact_id()::text")) < ahead:
            await connection.execute(
                "do $$ begin for i in 1..500 loop perform pg_current_xact_id(); commit; end loop; end $$"
            )
    finally:
        await connection.close()
