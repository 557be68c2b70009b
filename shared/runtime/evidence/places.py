"""Where are heads kept beside the database?

A place that whoever owns the database cannot change: what is written once stays. The port is small, so that an object store with a
retention lock or another machine can stand behind it; ours is a folder, whose files are made whole and never written again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from shared.runtime.settings import Settings

HEADS_FOLDER = "heads"
_A_FOLDER = 1_000  # heads in one folder
_NAME = re.compile(r"(\d+)\.head\Z")


class AnotherIsKept(Exception):
    """Something else lies already where this should be kept, and is left as it is."""


class NoSecondPlace(Exception):
    """Nothing says where heads are to be kept beside the database."""


class HeadPlace(Protocol):
    """Keeps heads of services, by number from 1, and public keys, by id. OSError while it cannot be reached."""

    async def keep(self, service: str, number: int, content: bytes) -> None:
        """Durable when it returns. The same again is no news. Raises AnotherIsKept."""
        ...

    async def read(self, service: str, number: int) -> bytes | None:
        """What is kept of a head; None when there is nothing."""
        ...

    async def last(self, service: str) -> int:
        """The highest number that is kept; 0 when there is none."""
        ...

    async def keep_key(self, key: str, content: bytes) -> None:
        """As `keep`, but what is there already stays, and is no error."""
        ...

    async def keys(self) -> Sequence[bytes]:
        """Every public key that is kept."""
        ...


class FolderPlace:
    """A HeadPlace below one folder: `<service>/<thousand>/<number>.head` and `keys/<id>.key`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, service: str, number: int, content: bytes) -> None:
        path = self._path(service, number)
        if await asyncio.to_thread(_write_once, path, content):
            return
        if await asyncio.to_thread(path.read_bytes) != content:
            raise AnotherIsKept(f"{path} is another head than the one to keep")

    async def read(self, service: str, number: int) -> bytes | None:
        try:
            return await asyncio.to_thread(self._path(service, number).read_bytes)
        except FileNotFoundError:
            return None

    async def last(self, service: str) -> int:
        return await asyncio.to_thread(self._last, service)

    async def keep_key(self, key: str, content: bytes) -> None:
        await asyncio.to_thread(_write_once, self._folder / "keys" / f"{key}.key", content)

    async def keys(self) -> Sequence[bytes]:
        return await asyncio.to_thread(
            lambda: [file.read_bytes() for file in sorted((self._folder / "keys").glob("*.key"))]
        )

    def _path(self, service: str, number: int) -> Path:
        return self._folder / service / f"{number // _A_FOLDER:06d}" / f"{number}.head"

    def _last(self, service: str) -> int:
        folders = sorted((file for file in (self._folder / service).glob("*") if file.is_dir()), reverse=True)
        for folder in folders:
            numbers = [int(found[1]) for file in folder.iterdir() if (found := _NAME.match(file.name))]
            if numbers:
                return max(numbers)
        return 0


def place_of(settings: Settings) -> HeadPlace:
    """The second place that the settings name; on one machine `heads` below home when they name none. Raises NoSecondPlace."""
    if settings.heads_folder is None and settings.mode != "embedded":
        raise NoSecondPlace("set LEDGERLINE_HEADS_FOLDER: a folder that the owner of the database cannot change")
    return FolderPlace(settings.heads_folder or settings.home / HEADS_FOLDER)


def _write_once(path: Path, content: bytes) -> bool:
    """Make the file, whole and on disk; False when there is one already."""
    if path.exists():
        return False
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
            _flush_names(path.parent)
            return True
        return False
    finally:
        fresh.unlink()


def _flush_names(folder: Path) -> None:
    """The name of a new file is durable when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
