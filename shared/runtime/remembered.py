"""How can a check remember something of every event without needing memory for all of them?

A table of bytes by bytes: the latest entries in memory, all others in a temporary SQLite file (where TMPDIR says), which is gone with the check.
"""

from __future__ import annotations

import sqlite3

IN_MEMORY = 200_000
_CACHE_KIB = 65_536


class Remembered:
    """A mapping that grows without bound, in bounded memory. Raises sqlite3.OperationalError when the disk is full."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._latest: dict[bytes, bytes] = {}
        self._rest: sqlite3.Connection | None = None

    def get(self, key: bytes) -> bytes | None:
        """What was put last; None when nothing was."""
        if (found := self._latest.get(key)) is not None or self._rest is None:
            return found
        row = self._rest.execute("select value from entries where key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: bytes, value: bytes = b"") -> None:
        self._latest[key] = value
        if len(self._latest) >= self._in_memory:
            self._move_to_disk()

    def _move_to_disk(self) -> None:
        if self._rest is None:
            self._rest = sqlite3.connect("", isolation_level=None)  # "": a temporary file
            self._rest.execute("pragma journal_mode = off")
            self._rest.execute("pragma synchronous = off")
            self._rest.execute(f"pragma cache_size = -{_CACHE_KIB}")
            self._rest.execute("create table entries (key blob primary key, value blob not null) without rowid")
        self._rest.execute("begin")
        self._rest.executemany("insert or replace into entries values (?, ?)", sorted(self._latest.items()))
        self._rest.execute("commit")
        self._latest.clear()

    def close(self) -> None:
        """Let go of the file."""
        if self._rest is not None:
            self._rest.close()
            self._rest = None
