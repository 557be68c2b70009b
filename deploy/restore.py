"""How is a backup brought back, and how do those who follow the logs notice?

Into a home folder that is new or stopped. What lies there is put aside. The cluster is recovered to the moment that was asked for, all
databases together; then every service's log begins a new epoch (see `begin_epoch`), because the database hands out again the numbers
of what was given up. Topics are written again from the stores, so the brokers' data is put aside too.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from deploy import state as states
from deploy.archive import LOG
from deploy.backup import ASIDE, DIGEST, HOME, MANIFEST, ROOT_KEY, Manifest, file_of
from deploy.machine import at_port
from shared.events.registry import SERVICES
from shared.runtime.clock import SystemClock
from shared.runtime.evidence.places import place_of
from shared.runtime.evidence.sealer import HeadsDisagree, Sealer
from shared.runtime.native import backups, postgres
from shared.runtime.native.backups import BackupFailed
from shared.runtime.native.processes import free_ports, is_free
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.private_files import write_privately
from shared.runtime.settings import Settings
from shared.runtime.store.migrate import begin_epoch
from shared.runtime.wrapping import ROOT_KEY_FILE

_EPOCH = "epoch"  # the highest that was begun here, whatever became of that state
_KEPT = ("logs", "run", _EPOCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    until: str  # the moment that was asked for, or how far the backup goes
    epoch: int
    aside: Path | None


def restore(
    home: Path,
    source: Path,
    *,
    moment: datetime | None,
    root_key: Path | None,
    port: int | None,
    epoch: int,
    progress: Callable[[str], None],
) -> Restored:
    """Bring back what `source` holds: a backup's file or folder, or a folder of them with the log since.

    `moment`: machine time; None: as far as it goes. Raises BackupFailed with nothing changed, or with what was there put aside
    and named.
    """
    if postgres.is_running(home / "postgres"):
        raise BackupFailed(f"the database of {home} is running: `ledgerline down` first")
    with _unpacked(source.absolute()) as folder:
        backup, archive = _choose(folder, moment)
        progress("checking the backup")
        manifest = check(backup)
        key = _root_key(home, backup, root_key)
        noted = source.absolute().parent / f".{source.name}.{_EPOCH}"
        least = max(epoch, manifest.epoch + 1, _highest(home / _EPOCH) + 1, _highest(noted) + 1)
        with _putting_aside(home) as aside:
            progress("bringing back the home folder")
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tarfile.open(backup / HOME) as content:
                content.extractall(home, filter="data")
            write_privately(home / ROOT_KEY_FILE, key)
            _settle_ports(home, port)
            _keep_brokers_places(home, aside)
            progress("recovering the database")
            begun = _recover(home, backup, archive, moment, least)
    _note_epoch(begun, home / _EPOCH, noted)
    until = manifest.ended_at if archive is None else "the end of the archived log"
    return Restored(until=moment.isoformat() if moment else until, epoch=begun, aside=aside)


def check(backup: Path) -> Manifest:
    """The manifest of a backup whose files are as it says. Raises BackupFailed naming the first that is not."""
    text = (backup / MANIFEST).read_text()
    if hashlib.sha256(text.encode()).hexdigest() != (backup / DIGEST).read_text().split()[0]:
        raise BackupFailed(f"{backup / MANIFEST} was changed: its SHA-256 is not that of {DIGEST}")
    manifest = Manifest.parse(text)
    for name, expected in manifest.files.items():
        path = backup / name
        if not path.exists():
            raise BackupFailed(f"{path} is missing")
        if file_of(path) != expected:
            raise BackupFailed(f"{path} is damaged: its SHA-256 is not that of the manifest")
    return manifest


# --- which backup -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield source
        return
    if not source.is_file() or not tarfile.is_tarfile(source):
        raise BackupFailed(f"{source} is no backup: neither a folder nor a tar file")
    with tempfile.TemporaryDirectory(prefix=".ledgerline-restore-", dir=source.parent) as scratch:
        with tarfile.open(source) as content:
            content.extractall(scratch, filter="data")
        yield Path(scratch)


def _choose(folder: Path, moment: datetime | None) -> tuple[Path, Path | None]:
    """The backup to begin with, and the folder of the log behind it."""
    if (folder / MANIFEST).exists():
        found, archive = [folder], folder.parent / LOG
    else:
        found, archive = sorted(each.parent for each in folder.glob(f"[!.]*/{MANIFEST}")), folder / LOG
    if not found:
        raise BackupFailed(f"there is no backup in {folder}")
    if moment is not None:
        ended = {each: datetime.fromisoformat(Manifest.parse((each / MANIFEST).read_text()).ended_at) for each in found}
        earlier = [each for each in found if ended[each] <= moment]
        if not earlier:
            raise BackupFailed(f"no backup in {folder} ended before {moment}: the first did at {min(ended.values())}")
        found = earlier
    if not archive.is_dir():
        if moment is not None:
            raise BackupFailed(f"a moment needs the database's log, and there is none beside {found[-1]}")
        return found[-1], None
    return found[-1], archive


def _root_key(home: Path, backup: Path, given: Path | None) -> bytes:
    for path in (given, backup / ROOT_KEY, home / ROOT_KEY_FILE):
        if path is not None and path.exists():
            return path.read_bytes()
    raise BackupFailed(
        "the backup holds no root key: name the file with --root-key, or put it to keys/root.key of the home"
    )


# --- what is there already --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _putting_aside(home: Path) -> Iterator[Path | None]:
    """Everything of a state that is there lies in a folder of its own; where it was, when the block fails."""
    aside = home / f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    there = _state_in(home)
    if there:
        aside.mkdir(mode=0o711)
    for each in there:
        each.rename(aside / each.name)
    try:
        yield aside if there else None
    except BaseException:
        if (home / "postgres" / "password").exists():
            postgres.destroy(home / "postgres")
        for each in _state_in(home):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        for each in there:
            (aside / each.name).rename(each)
        if there:
            aside.rmdir()
        raise


def _state_in(home: Path) -> list[Path]:
    if not home.exists():
        return []
    return [each for each in home.iterdir() if each.name not in _KEPT and not each.name.startswith(ASIDE)]


def _keep_brokers_places(home: Path, aside: Path | None) -> None:
    """Brokers begin empty, at the addresses where consumers know them."""
    if aside is None or not (aside / "kafka").exists():
        return
    for file in sorted((aside / "kafka").glob("node-*/server.properties")):
        place = home / "kafka" / file.parent.name
        place.mkdir(mode=0o700, parents=True)
        shutil.copyfile(file, place / file.name)


def _settle_ports(home: Path, port: int | None) -> None:
    """The addresses of the backup, unless others are asked for or the database's is taken."""
    state = states.load(home)
    if state is None:
        raise BackupFailed("the backup holds no state.json")
    if port is not None:
        state = at_port(state, port)
    if not is_free(state.postgres_port):
        state = replace(state, postgres_port=free_ports(1)[0])
    states.save(home, state)


# --- the database -----------------------------------------------------------------------------------------------------


def _recover(home: Path, backup: Path, archive: Path | None, moment: datetime | None, epoch: int) -> int:
    server = backups.recover(home / "postgres", backup, archive=archive, moment=moment)
    try:
        asyncio.run(_keep_heads(server, home))
        return asyncio.run(_begin_epochs(server, epoch))
    finally:
        postgres.stop(home / "postgres")


async def _keep_heads(server: postgres.RunningPostgres, home: Path) -> None:
    """The second place came back as of the backup: it is given the heads that the database has beyond those."""
    settings = Settings(mode="embedded", home=home)
    for service in SERVICES:
        dsn = server.dsn(f"ledgerline_{service}")
        feed = PostgresFeed({service: dsn}, SystemClock(), connections_max=1)
        try:
            async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
                sealer = Sealer(service, pool=pool, store=feed, place=place_of(settings), settings=settings)
                await sealer.keep_again()
        except HeadsDisagree as disagree:
            raise BackupFailed(f"what was restored is not what its heads were made over: {disagree}") from None
        finally:
            await feed.close()


async def _begin_epochs(server: postgres.RunningPostgres, epoch: int) -> int:
    """One number for all services, so that it is easy to speak of."""
    for service in SERVICES:
        connection = await asyncpg.connect(server.dsn(f"ledgerline_{service}"))
        try:
            epoch = max(epoch, await connection.fetchval("select epoch + 1 from store"))
        finally:
            await connection.close()
    for service in SERVICES:
        await begin_epoch(server.dsn(f"ledgerline_{service}"), at_least=epoch)
    return epoch


def _highest(file: Path) -> int:
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _note_epoch(epoch: int, *files: Path) -> None:
    """So that the next restore, here or from the same backup, takes a number that nobody has seen."""
    for file in files:
        with contextlib.suppress(OSError):  # a backup may lie where nothing can be written
            file.write_text(f"{epoch}\n")
