"""How is a secret kept in a file, so that only its owner can read it and it is never there by half?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def refuse_open_to_others(path: Path) -> None:
    """Raises PermissionError when others than the owner can read a secret."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: it must have mode 0600")
