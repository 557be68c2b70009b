"""How is everything that this machine keeps copied while it works?

A backup is a folder or one tar file: the database cluster (all services, vault, documents, gateway: one copy, one moment), the home
folder beside it, and a manifest with the SHA-256 of every file. Brokers are left out: topics are written again from the stores. So
are logs. A folder of backups also takes the database's log from then on, so that any later moment can be had back.

What it holds is as confidential as the home folder: sealed personal data, the database's passwords, the issuer's key, partners' keys,
and, unless it is left out, the root key that opens all of it. Files have mode 0600, folders 0700.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from deploy.archive import LOG, set_archive
from deploy.state import State
from shared.events.registry import SERVICES
from shared.runtime.evidence.places import HEADS_FOLDER
from shared.runtime.native import backups, postgres
from shared.runtime.native.backups import BackupFailed
from shared.runtime.private_files import is_unfinished, write_privately
from shared.runtime.wrapping import ROOT_KEY_FILE

FORMAT = 1
MANIFEST, DIGEST, HOME, ROOT_KEY = "manifest.json", "manifest.sha256", "home.tar.gz", "root.key"
SUFFIX = ".tar"
# Of the home folder: what is made again, what belongs to this machine, and what has a file of its own in the backup.
LEFT_OUT = frozenset({"kafka", "logs", "run", "archive.json", "postgres"})
ASIDE = "before-restore-"
_RECEIVING_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. Times are the database's machine clock, ISO 8601."""

    format: int
    began_at: str
    ended_at: str  # no earlier moment can be had back from it
    postgres: str  # major version of the binaries that can read it
    feed: str
    epoch: int  # the highest that any service's log was in
    has_root_key: bool
    files: dict[str, File]

    @classmethod
    def parse(cls, text: str) -> Manifest:
        kept: dict[str, Any] = json.loads(text)
        if kept["format"] > FORMAT:
            raise BackupFailed(f"the backup is of format {kept['format']}, this Ledgerline knows up to {FORMAT}")
        files = {name: File(**file) for name, file in kept.pop("files").items()}
        return cls(files=files, **kept)


def back_up(
    home: Path, state: State, target: Path, *, with_root_key: bool, progress: Callable[[str], None]
) -> tuple[Path, Manifest]:
    """Copy everything into `target`: a new `….tar` file, or a folder, which from then on takes the database's log too.

    Returns where the backup lies. Raises BackupFailed.
    """
    server = postgres.running(home / "postgres")
    if server is None:
        raise BackupFailed("the database is not running: `ledgerline up` first")
    if target.suffix == SUFFIX:
        if target.exists():
            raise BackupFailed(f"{target} is there already")
        with tempfile.TemporaryDirectory(prefix=".ledgerline-backup-", dir=target.absolute().parent) as scratch:
            manifest = _write(home, state, server, Path(scratch), with_root_key=with_root_key, progress=progress)
            progress("packing")
            _pack(Path(scratch), target)
        return target, manifest
    target = target.absolute()
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    _begin_archive(home, server, target, progress)
    unfinished = target / f".{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    unfinished.mkdir(mode=0o700)
    try:
        manifest = _write(home, state, server, unfinished, with_root_key=with_root_key, progress=progress)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    return unfinished.rename(target / unfinished.name.removeprefix(".")), manifest


def stop_archive(home: Path) -> None:
    """No longer copy the database's log. Raises BackupFailed."""
    set_archive(home, None)
    server = postgres.running(home / "postgres")
    if server is None:
        raise BackupFailed("the database is not running: `ledgerline up` first, so that it forgets the archive")
    _wait_for(server, "select not exists (select from pg_replication_slots where slot_name = $1 and active)", "stop")
    if not asyncio.run(_ask(server, "select not exists (select from pg_replication_slots where slot_name = $1)")):
        backups.drop_slot(server)


# --- the folder -------------------------------------------------------------------------------------------------------


def _begin_archive(home: Path, server: postgres.RunningPostgres, folder: Path, progress: Callable[[str], None]) -> None:
    """Have the supervisor copy the log into the folder, and wait until it does."""
    progress("waiting for the archive of the database's log")
    backups.make_slot(server)
    set_archive(home, folder)
    _wait_for(server, "select exists (select from pg_replication_slots where slot_name = $1 and active)", "begin")
    give_up = time.monotonic() + _RECEIVING_SECONDS
    while not any((folder / LOG).glob("*")):
        if time.monotonic() > give_up:
            raise BackupFailed(f"nothing of the database's log comes to {folder}: see logs/archive.log")
        time.sleep(0.1)


def _wait_for(server: postgres.RunningPostgres, condition: str, what: str) -> None:
    give_up = time.monotonic() + _RECEIVING_SECONDS
    while not asyncio.run(_ask(server, condition)):
        if time.monotonic() > give_up:
            raise BackupFailed(f"the archive of the database's log does not {what}: see logs/archive.log")
        time.sleep(0.1)


async def _ask(server: postgres.RunningPostgres, condition: str) -> bool:
    connection = await asyncpg.connect(server.dsn())
    try:
        return bool(await connection.fetchval(condition, backups.SLOT))
    finally:
        await connection.close()


def _write(
    home: Path,
    state: State,
    server: postgres.RunningPostgres,
    folder: Path,
    *,
    with_root_key: bool,
    progress: Callable[[str], None],
) -> Manifest:
    began_at, _ = asyncio.run(_now_and_epoch(server))
    heads = frozenset((home / HEADS_FOLDER).rglob("*"))  # before the database, so that it knows of them all
    progress("copying the database")
    backups.base_backup(server, folder)
    progress("copying the home folder")
    _pack_home(home, folder / HOME, heads)
    if with_root_key:
        write_privately(folder / ROOT_KEY, (home / ROOT_KEY_FILE).read_bytes())
    ended_at, epoch = asyncio.run(_now_and_epoch(server))
    progress("computing checksums")
    manifest = Manifest(
        format=FORMAT,
        began_at=began_at,
        ended_at=ended_at,
        postgres=(server.cluster / "PG_VERSION").read_text().strip(),
        feed=state.feed,
        epoch=epoch,
        has_root_key=with_root_key,
        files={file.name: file_of(file) for file in sorted(folder.iterdir())},
    )
    text = json.dumps(asdict(manifest), indent=2) + "\n"
    write_privately(folder / MANIFEST, text.encode())
    write_privately(folder / DIGEST, f"{hashlib.sha256(text.encode()).hexdigest()}  {MANIFEST}\n".encode())
    for file in folder.iterdir():
        file.chmod(0o600)
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    return manifest


async def _now_and_epoch(server: postgres.RunningPostgres) -> tuple[str, int]:
    epochs, now = [0], datetime.now(UTC)
    for service in SERVICES:
        connection = await asyncpg.connect(server.dsn(f"ledgerline_{service}"))
        try:
            epochs.append(await connection.fetchval("select epoch from store"))
            now = await connection.fetchval("select clock_timestamp()")
        finally:
            await connection.close()
    return now.astimezone(UTC).isoformat(), max(epochs)


def _pack_home(home: Path, file: Path, heads: Collection[Path]) -> None:
    """All of the home folder that is not made again or kept elsewhere; of the heads, these."""
    with tarfile.open(file, "w:gz", compresslevel=1) as content:
        content.add(home / "postgres" / "password", "postgres/password")
        for path in _files_of(home, heads):
            name = str(path.relative_to(home))
            if path.suffix == ".sqlite":
                content.addfile(*_copy_of_sqlite(path, name))
                continue
            with contextlib.suppress(FileNotFoundError):  # taken away meanwhile
                content.add(path, name, recursive=False)


def _files_of(home: Path, heads: Collection[Path]) -> Iterator[Path]:
    root_key = home / ROOT_KEY_FILE
    for entry in sorted(home.iterdir()):
        if entry.name in LEFT_OUT or entry.name.startswith(ASIDE):
            continue
        for path in (entry, *sorted(heads if entry.name == HEADS_FOLDER else entry.rglob("*"))):
            is_of_sqlite = path.name.endswith((".sqlite-wal", ".sqlite-shm", ".sqlite-journal"))
            if (
                path != root_key
                and not is_unfinished(path, root_key)
                and not is_of_sqlite
                and (path.is_file() or path.is_dir())
            ):
                yield path


def _copy_of_sqlite(path: Path, name: str) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """A file of SQLite as of one moment, whoever writes to it meanwhile."""
    source, copy = sqlite3.connect(path), sqlite3.connect(":memory:")
    try:
        source.backup(copy)
        content = copy.serialize()
    finally:
        source.close()
        copy.close()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
    return entry, io.BytesIO(content)


def _pack(folder: Path, target: Path) -> None:
    unfinished = target.with_name(f".{target.name}")
    handle = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as content:
            for each in sorted(folder.iterdir()):
                content.add(each, each.name)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(target)


def file_of(path: Path) -> File:
    """What a manifest says of a file."""
    with path.open("rb") as file:
        return File(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)
