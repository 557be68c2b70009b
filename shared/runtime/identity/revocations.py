"""Whose tokens are no longer believed, although they have not run out?

A file of names and moments: what was issued to a name at that moment or before is refused. It is looked at anew at most every second,
so that a revocation holds within seconds in every process that can read the file. Who is to be let in again simply gets a new token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from shared.runtime.identity.caller import Identity
from shared.runtime.private_files import write_privately

FILE = Path("identity") / "revoked.json"
_LOOK_AGAIN_SECONDS = 1.0


class Revocations:
    """Reads the file; a missing one revokes nothing, an unreadable one stops everything."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._looked_at = -float("inf")
        self._stamp: tuple[int, int, int] | None = None
        self._until: dict[str, int] = {}  # user:… or client:… -> seconds since 1970

    def is_revoked(self, identity: Identity) -> bool:
        """Whether this token was given out before its owner's were taken back."""
        self._look_again()
        names = (identity.actor, f"client:{identity.client}")
        return any(identity.issued_at <= self._until.get(name, -1) for name in names)

    def _look_again(self) -> None:
        if self._monotonic() < self._looked_at + _LOOK_AGAIN_SECONDS:
            return
        self._looked_at = self._monotonic()
        try:
            state = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._until = None, {}
            return
        stamp = (state.st_mtime_ns, state.st_ino, state.st_size)
        if stamp != self._stamp:
            self._until = msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])
            self._stamp = stamp


def revoke(path: Path, name: str, *, at: int) -> None:
    """Take back what was issued to user:… or client:… until now. Others' entries stay."""
    kept = msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}
    write_privately(path, msgspec.json.encode(kept | {name: max(at, kept.get(name, 0))}))
