"""Does a PostgreSQL of our own start, stop, survive and keep to itself?"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from shared.runtime.native import postgres
from shared.runtime.native.processes import runs_with_argument
from shared.testing.infrastructure import FreshDatabase, PostgresServer


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that every user may pass through, as state folders usually are; pytest's own is closed to root's user."""
    with tempfile.TemporaryDirectory(prefix="ledgerline-test-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    yield folder / "postgres"
    if (folder / "postgres").exists():
        postgres.destroy(folder / "postgres")


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_starting_twice_is_starting_once(data: Path) -> None:
    first = await asyncio.to_thread(postgres.start, data, durable=False)
    second = await asyncio.to_thread(postgres.start, data, durable=False)
    assert first == second
    assert await ask(first.dsn(), "SELECT 1") == 1


@pytest.mark.asyncio
async def test_rows_are_there_after_a_restart(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data)
    await ask(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
    await asyncio.to_thread(postgres.stop, data)
    assert not postgres.is_running(data)
    server = await asyncio.to_thread(postgres.start, data)
    assert await ask(server.dsn(), "SELECT answer FROM kept") == 42
    assert await ask(server.dsn(), "SHOW fsync") == "on"


@pytest.mark.asyncio
async def test_a_killed_server_starts_again_with_every_committed_row(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data)
    await ask(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    server = await asyncio.to_thread(_restarted, data, server.pid)
    assert await ask(server.dsn(), "SELECT answer FROM kept") == 42


def _restarted(data: Path, killed: int) -> postgres.RunningPostgres:
    while True:  # the kernel takes a moment to end the process; until then it is the running server
        if (server := postgres.start(data)).pid != killed:
            return server


@pytest.mark.asyncio
async def test_a_stale_pid_file_naming_a_living_stranger_does_not_stop_the_start(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data, durable=False)
    pid_file = server.cluster / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    await asyncio.to_thread(postgres.stop, data)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not postgres.is_running(data)
    server = await asyncio.to_thread(postgres.start, data, durable=False)
    assert await ask(server.dsn(), "SELECT 1") == 1


@pytest.mark.asyncio
async def test_another_user_of_the_machine_is_not_let_in_without_the_password(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data, durable=False)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(server.dsn(password="guessed"), "SELECT 1")
    secret = data / "password"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().strip() not in repr(server)


@pytest.mark.asyncio
async def test_no_prepared_transaction_can_hold_back_the_feed(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data, durable=False)
    assert await ask(server.dsn(), "SHOW max_prepared_transactions") == "0"
    assert await ask(server.dsn(), "SHOW max_connections") == "200"


@pytest.mark.asyncio
async def test_the_servers_log_quotes_neither_statements_nor_rows(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data, durable=False)
    await ask(server.dsn(), "CREATE TABLE people (name text PRIMARY KEY)")
    await ask(server.dsn(), "INSERT INTO people VALUES ('Doe^Jane')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(server.dsn(), "INSERT INTO people VALUES ('Doe^Jane')")
    log = (server.cluster / "server.log").read_text()
    assert "duplicate key" in log
    assert "Jane" not in log


def test_a_server_dies_with_the_process_it_is_attached_to(data: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from shared.runtime.native import postgres\n"
        "with postgres.attached(Path(sys.argv[1])) as server:\n"
        "    print(server.pid, flush=True); time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, str(data)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    cluster = str(data / "cluster")
    assert runs_with_argument(pid, cluster)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    give_up = time.monotonic() + 20
    while runs_with_argument(pid, cluster):
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
@pytest.mark.asyncio
async def test_under_a_closed_home_the_cluster_moves_and_the_home_stays_closed(folder: Path) -> None:
    home, shelter = folder / "home", folder / "shelter"
    home.mkdir(mode=0o700)
    data = home / "state" / "postgres"
    server = await asyncio.to_thread(postgres.start, data, durable=False, shelter=shelter)
    try:
        assert await ask(server.dsn(), "SELECT 1") == 1
        assert home.stat().st_mode & 0o777 == 0o700
        assert server.cluster.is_relative_to(shelter)
        assert str(server.cluster) in server.note
        assert postgres.running(data, shelter=shelter) == server
    finally:
        postgres.destroy(data)
    assert not server.cluster.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
@pytest.mark.asyncio
async def test_binaries_under_a_closed_home_are_copied_and_the_home_stays_closed(folder: Path) -> None:
    home, shelter = folder / "home", folder / "shelter"
    home.mkdir(mode=0o700)
    found = postgres.find_binaries()
    hidden = home / "packages"
    hidden.symlink_to(found.root)
    closed = postgres.Binaries(
        bin=hidden / found.bin.relative_to(found.root), origin=found.origin, root=hidden, parts=found.parts
    )
    data = folder / "postgres"
    server = await asyncio.to_thread(postgres.start, data, durable=False, binaries=closed, shelter=shelter)
    try:
        assert await ask(server.dsn(), "SELECT 1") == 1
        assert server.binaries.is_relative_to(shelter)
        assert str(server.binaries) in server.note
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        postgres.stop(data)
        postgres.destroy(data)


def test_a_named_folder_without_binaries_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(postgres.PostgresUnavailable, match="LEDGERLINE_PG_BIN="):
        postgres.find_binaries({"LEDGERLINE_PG_BIN": str(tmp_path)})


@pytest.mark.asyncio
async def test_a_cluster_of_another_major_version_is_refused_by_name(data: Path) -> None:
    server = await asyncio.to_thread(postgres.start, data, durable=False)
    await asyncio.to_thread(postgres.stop, data)
    (server.cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(postgres.PostgresFailed, match="is of PostgreSQL 9"):
        await asyncio.to_thread(postgres.start, data, durable=False)


@pytest.mark.asyncio
async def test_a_fresh_database_is_a_copy_of_its_template(
    postgres_server: PostgresServer, fresh_database: FreshDatabase
) -> None:
    async def build(dsn: str) -> None:
        await ask(dsn, "CREATE TABLE payers AS SELECT 'aetna' AS name")

    template = await postgres_server.template("payers", build)
    assert await postgres_server.template("payers", build) == template
    first, second = await fresh_database(template=template), await fresh_database(template=template)
    await ask(first, "DELETE FROM payers")
    assert await ask(first, "SELECT count(*) FROM payers") == 0
    assert await ask(second, "SELECT count(*) FROM payers") == 1


@pytest.mark.asyncio
async def test_a_database_of_its_own_is_empty(database: str) -> None:
    assert await ask(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
