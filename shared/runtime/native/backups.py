"""How is a whole PostgreSQL cluster copied while it works, and brought back to a moment?

A base backup by `pg_basebackup`, and the write-ahead log since, streamed by `pg_receivewal` into a folder as it is written. All databases
of a cluster share one log, so whatever moment they are brought back to, they are brought back to together.

Sources: PostgreSQL manual, "Continuous Archiving and Point-in-Time Recovery", "pg_basebackup", "pg_receivewal".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from shared.runtime.native import postgres
from shared.runtime.native.processes import LOOPBACK

SLOT = "ledgerline_archive"
BASE, LOG = "base.tar.gz", "pg_wal.tar.gz"
_WAL_NAME = re.compile(r"[0-9A-F]{24}\Z")
_HISTORY = ".history"
_PARTIAL = ".partial"
_ARCHIVED = "archived"  # below the cluster, while it recovers
_START = re.compile(r"^START WAL LOCATION: .* \(file ([0-9A-F]{24})\)", re.MULTILINE)


class BackupFailed(Exception):
    """A copy could not be made or read; the text ends with the tool's own last words."""


def base_backup(server: postgres.RunningPostgres, folder: Path) -> None:
    """Copy the cluster into `folder`, complete in itself: BASE, and in LOG what was written meanwhile."""
    options = ["--pgdata", str(folder), "--format=tar", "--gzip", "--wal-method=stream", "--checkpoint=fast"]
    _run([str(server.binaries / "pg_basebackup"), *_reach(server), *options], server)


def make_slot(server: postgres.RunningPostgres) -> None:
    """Have the server keep its log from now on until the archive has it."""
    tool = str(server.binaries / "pg_receivewal")
    _run([tool, *_reach(server), "--slot", SLOT, "--create-slot", "--if-not-exists"], server)


def drop_slot(server: postgres.RunningPostgres) -> None:
    """The log is no longer kept for an archive. Nobody may be fetching it."""
    _run([str(server.binaries / "pg_receivewal"), *_reach(server), "--slot", SLOT, "--drop-slot"], server)


def receiver(server: postgres.RunningPostgres, folder: Path) -> tuple[Sequence[str], dict[str, str]]:
    """The command that writes the log into `folder` as it comes, durably, and the environment that it needs."""
    tool = str(server.binaries / "pg_receivewal")
    command = [tool, *_reach(server), "--slot", SLOT, "--directory", str(folder), "--synchronous", "--no-loop"]
    return command, _environment(server)


def recover(data: Path, backup: Path, *, archive: Path | None, moment: datetime | None) -> postgres.RunningPostgres:
    """Make the cluster kept at `data` from a base backup and, where there is one, an archive of the log.

    `moment` None: as far as the log goes. Raises BackupFailed when the log ends before the moment, PostgresFailed.
    """
    settings = {"restore_command": f'cp {_ARCHIVED}/%f "%p"'}
    if moment is not None:
        settings |= {"recovery_target_time": moment.isoformat(), "recovery_target_action": "promote"}

    def fill(folder: Path) -> None:
        _unpack(backup / BASE, folder)
        _unpack(backup / LOG, folder / "pg_wal")
        folder.joinpath(_ARCHIVED).mkdir()
        if archive is not None:
            _copy_log(archive, folder)

    try:
        server = postgres.recover(data, fill, settings=settings)
    except postgres.PostgresFailed as failure:
        if "recovery ended before configured recovery target was reached" in str(failure):
            raise BackupFailed(
                f"the archive ends before {moment}: leave the moment out to go as far as it does"
            ) from None
        raise
    shutil.rmtree(server.cluster / _ARCHIVED)
    return server


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    folder.chmod(0o700)


def _copy_log(archive: Path, cluster: Path) -> None:
    """What the archive holds since the base backup began. The piece that was being written when it ended counts as far as it goes."""
    found = _START.search(cluster.joinpath("backup_label").read_text())
    if found is None:
        raise BackupFailed("the base backup does not say where its log begins")
    for file in sorted(archive.iterdir()):
        name = file.name.removesuffix(_PARTIAL)
        is_wanted = name.endswith(_HISTORY) or (_WAL_NAME.match(name) and name[8:] >= found[1][8:])
        if is_wanted and (name == file.name or not archive.joinpath(name).exists()):
            shutil.copyfile(file, cluster / _ARCHIVED / name)


def _reach(server: postgres.RunningPostgres) -> list[str]:
    return ["--host", LOOPBACK, "--port", str(server.port), "--username", postgres.SUPERUSER, "--no-password"]


def _environment(server: postgres.RunningPostgres) -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": server.password}


def _run(command: Sequence[str], server: postgres.RunningPostgres) -> None:
    done = subprocess.run(
        command, env=_environment(server), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BackupFailed(f"{Path(command[0]).name} failed: {done.stderr.strip()[-2000:]}")
