"""How are files exchanged with a partner through folders on this machine?

The partner reads `outbox` and writes `inbox`; what we have taken is moved to `inbox/done`. A file appears under its name only when
it is whole: it is written beside, synced and renamed. The same file sent again is left as it is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

_UNFINISHED = ".part"


class FolderClearinghouse:
    """Implements `Clearinghouse` with two folders, made when they are first needed."""

    def __init__(self, *, outbox: Path, inbox: Path) -> None:
        self._outbox = outbox
        self._inbox = inbox

    async def send(self, file_name: str, content: bytes) -> None:
        await asyncio.to_thread(_write_whole, self._outbox / _plain(file_name), content)

    async def waiting(self) -> Sequence[str]:
        return await asyncio.to_thread(_names_by_age, self._inbox)

    async def fetch(self, file_name: str) -> bytes:
        return await asyncio.to_thread((self._inbox / _plain(file_name)).read_bytes)

    async def mark_done(self, file_name: str) -> None:
        await asyncio.to_thread(_move, self._inbox / _plain(file_name), self._inbox / "done")


def _plain(file_name: str) -> str:
    """Raises ValueError for a name that would leave the folder."""
    if not file_name or Path(file_name).name != file_name or file_name.startswith("."):
        raise ValueError("a file name has no folder in it and does not begin with a dot")
    return file_name


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _names_by_age(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return [path.name for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name))]


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path.replace(folder / path.name)
