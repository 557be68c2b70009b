"""How is a secret kept in a file, so that only its owner can read it and it is never there by half?"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    with _unfinished(path, content) as fresh:
        fresh.replace(path)


def make_privately(path: Path, content: bytes) -> None:
    """The same, unless the file is there: of several processes one makes it."""
    with _unfinished(path, content) as fresh, contextlib.suppress(FileExistsError):
        os.link(fresh, path)


def is_unfinished(path: Path, of: Path) -> bool:
    """Whether it is what a crash may have left of writing the other."""
    return path.parent == of.parent and path.name.startswith(f".{of.name}.")


def refuse_open_to_others(path: Path) -> None:
    """Raises PermissionError when others than the owner can read a secret."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: it must have mode 0600")


def key_lines(keys: Sequence[bytes]) -> bytes:
    """Keys in base64, one a line."""
    return b"".join(base64.b64encode(key) + b"\n" for key in keys)


def keys_of(text: str, *, size: int) -> list[bytes]:
    """The reverse. Raises ValueError for no key at all, and for one of another size in bytes."""
    try:
        keys = [base64.b64decode(line, validate=True) for line in text.split()]
    except binascii.Error:
        keys = []
    if not keys or any(len(key) != size for key in keys):
        raise ValueError(f"keys are {size} bytes in base64, one a line")
    return keys


@contextlib.contextmanager
def _unfinished(path: Path, content: bytes) -> Iterator[Path]:
    """The content on the disk under another name, which is gone afterwards."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
