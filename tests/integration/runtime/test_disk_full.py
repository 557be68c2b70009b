"""What happens when the database's disk is full? Nobody is told that it worked, nothing is half there, and room makes it work again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime.clock import SystemClock
from shared.runtime.native import postgres
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, migrate, prepare_roles, role_dsn
from tests.integration.runtime.promises import SERVICE, append

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 48 MB, where we may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerline-disk-"))
    folder.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m,mode=777", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if os.geteuid() != 0 or mounted.returncode != 0:
        shutil.rmtree(folder)
        pytest.skip(f"a small disk could not be mounted, which only root may: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest_asyncio.fixture(loop_scope="session")
async def server(small_disk: Path) -> AsyncIterator[postgres.RunningPostgres]:
    """A server of its own whose service database lies on that disk."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerline-full-"))
    folder.chmod(0o755)
    made = postgres.start(folder, durable=False)
    try:
        place = small_disk / "space"
        place.mkdir(mode=0o700)
        shutil.chown(place, postgres.SYSTEM_USER, postgres.SYSTEM_USER)
        await prepare_roles(made.dsn(), dict.fromkeys((OWNER, APP, FEED), "test"))
        await create_database(made.dsn(), "ledgerline_collections")
        connection = await asyncpg.connect(made.dsn())
        await connection.execute(f"create tablespace small location '{place}'")
        await connection.execute("alter database ledgerline_collections set tablespace small")
        await connection.close()
        await migrate(made.dsn("ledgerline_collections"), SERVICE)
        yield made
    finally:
        postgres.destroy(folder)


async def test_an_append_that_finds_no_room_is_refused_whole_and_succeeds_when_there_is_some(
    server: postgres.RunningPostgres, small_disk: Path
) -> None:
    dsn = server.dsn("ledgerline_collections")
    store = await EventStore.open(role_dsn(dsn, APP, "test"), service=SERVICE, clock=SystemClock(), give_up_seconds=3)
    feed = PostgresFeed({SERVICE: role_dsn(dsn, FEED, "test")}, SystemClock())
    acknowledged = set()
    ballast = small_disk / "ballast"
    try:
        await store.append(append("guarantor-account/first"))
        acknowledged.add("guarantor-account/first")
        with ballast.open("wb") as file:
            for _ in range(1_000):  # until there is room for nothing more
                try:
                    file.write(b"\0" * 65_536)
                    file.flush()
                except OSError:
                    break
        refused = 0
        for number in range(40):
            try:
                await store.append(append(f"guarantor-account/{number}", data=b'{"a":"' + b"x" * 200_000 + b'"}'))
                acknowledged.add(f"guarantor-account/{number}")
            except Exception as error:  # noqa: BLE001  whatever it is called, it must not be an acknowledgement
                refused += 1
                assert "xxxx" not in str(error)
        assert refused >= 30
        ballast.unlink()
        await store.append(append("guarantor-account/last"))
        acknowledged.add("guarantor-account/last")
        (partition,) = await feed.partitions(SERVICE)
        page = await feed.read(partition, None, 1_000)
        assert {event.stream for event in page.events} == acknowledged
        assert page.is_head
    finally:
        await store.close()
        await feed.close()
