"""How do files reach a trading partner? The port behind which SFTP and folders look alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Clearinghouse(Protocol):
    async def send(self, file_name: str, content: bytes) -> None:
        """Leave a file with the partner, whole or not at all; the same file twice is the same as once."""
        ...

    async def waiting(self) -> Sequence[str]:
        """The names of the files that the partner left for us, oldest first."""
        ...

    async def fetch(self, file_name: str) -> bytes: ...

    async def mark_done(self, file_name: str) -> None:
        """The file is safe with us: it need not be shown again."""
        ...
