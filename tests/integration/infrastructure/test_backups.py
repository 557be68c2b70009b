"""Is a cluster that was copied while it worked had back whole, and as of any moment since?"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from shared.runtime.native import backups, postgres
from shared.runtime.native.backups import BackupFailed

pytestmark = pytest.mark.asyncio


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ledgerline-backups-"))
    made.chmod(0o755)
    yield made
    for each in ("server", "moment", "end", "copy"):
        if (made / each / "password").exists():
            postgres.destroy(made / each)
    shutil.rmtree(made)


async def say(server: postgres.RunningPostgres, number: int) -> datetime:
    """Write a row, and tell when it was there."""
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute("create table if not exists told (number integer)")
        await connection.execute("insert into told values ($1)", number)
        moment: datetime = await connection.fetchval("select clock_timestamp()")
        return moment
    finally:
        await connection.close()


async def rows(server: postgres.RunningPostgres) -> list[int]:
    connection = await asyncpg.connect(server.dsn())
    try:
        return [row["number"] for row in await connection.fetch("select number from told order by number")]
    finally:
        await connection.close()


def home_of(folder: Path, name: str) -> Path:
    """A place for a cluster that has the password of the one that was copied."""
    (folder / name).mkdir()
    shutil.copy(folder / "server" / "password", folder / name / "password")
    return folder / name


async def test_a_copy_is_whole_and_its_log_leads_to_any_moment_and_no_further_than_it_goes(folder: Path) -> None:
    server = await asyncio.to_thread(postgres.start, folder / "server")
    backup, log = folder / "backup", folder / "log"
    log.mkdir()
    await say(server, 1)
    backups.make_slot(server)
    backups.make_slot(server)  # there already
    command, environment = backups.receiver(server, log)
    receiving = subprocess.Popen(command, env=environment)  # noqa: ASYNC220  it only forks
    try:
        await asyncio.to_thread(backups.base_backup, server, backup)
        moment = await say(server, 2)
        await say(server, 3)
        await asyncio.to_thread(postgres.stop, folder / "server")  # waits until the receiver has everything
    finally:
        receiving.terminate()
        receiving.wait()

    copy = await asyncio.to_thread(backups.recover, home_of(folder, "copy"), backup, archive=None, moment=None)
    assert await rows(copy) == [1]
    postgres.stop(folder / "copy")
    then = await asyncio.to_thread(backups.recover, home_of(folder, "moment"), backup, archive=log, moment=moment)
    assert await rows(then) == [1, 2]
    await say(then, 4)  # it takes writes
    postgres.stop(folder / "moment")
    end = home_of(folder, "end")
    with pytest.raises(BackupFailed, match="ends before"):
        await asyncio.to_thread(backups.recover, end, backup, archive=log, moment=datetime.now(UTC) + timedelta(days=1))
    assert not (end / "cluster").exists()
    last = await asyncio.to_thread(backups.recover, end, backup, archive=log, moment=None)
    assert await rows(last) == [1, 2, 3]


async def test_a_recovered_server_takes_writes_however_long_the_end_of_recovery_takes(folder: Path) -> None:
    server, backup = await asyncio.to_thread(postgres.start, folder / "server"), folder / "backup"
    await asyncio.to_thread(backups.base_backup, server, backup)

    def fill(cluster: Path) -> None:
        for archive, place in ((backups.BASE, cluster), (backups.LOG, cluster / "pg_wal")):
            with tarfile.open(backup / archive) as content:
                content.extractall(place, filter="data")

    slow = {"restore_command": "false", "recovery_end_command": "sleep 1"}
    copy = await asyncio.to_thread(postgres.recover, home_of(folder, "copy"), fill, settings=slow)
    await say(copy, 1)
    assert await rows(copy) == [1]


async def test_a_server_that_cannot_be_copied_says_why(folder: Path) -> None:
    server = await asyncio.to_thread(postgres.start, folder / "server", durable=False)
    (folder / "taken").mkdir()
    (folder / "taken" / "file").touch()
    with pytest.raises(BackupFailed, match="not empty"):
        await asyncio.to_thread(backups.base_backup, server, folder / "taken")
