"""How is a trading partner reached, and how are files exchanged with it?

One file of connections for the installation, because it names hosts and keys: tenants, then partners, then the connection. A partner's
folder or account belongs to one tenant.

    {"clinic": {"northern": {"transport": "sftp", "host": "…", "username": "…", "key_file": "…", "known_hosts_file": "…"}}}

`realtime_url` is where the partner answers 270 and 276 while we wait. SFTP and folders look alike behind `Clearinghouse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.runtime.partners.folder import FolderClearinghouse
from shared.runtime.partners.sftp import SftpAccount, SftpClearinghouse


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


class FolderConnection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: Literal["folder"]
    outbox: Path
    inbox: Path
    realtime_url: str = ""


class SftpConnection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: Literal["sftp"]
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    username: str
    key_file: Path
    known_hosts_file: Path
    outbox: str = "outbound"
    inbox: str = "inbound"
    realtime_url: str = ""


Connection: TypeAlias = Annotated[FolderConnection | SftpConnection, Field(discriminator="transport")]
Connections: TypeAlias = dict[str, dict[str, Connection]]  # by tenant and partner

_CONNECTIONS: TypeAdapter[Connections] = TypeAdapter(Connections)


class PartnersFile:
    """The file of connections, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at_ns: int | None = None
        self._connections: Connections = {}

    def connections(self) -> Connections:
        """None of them when there is no file. Raises pydantic.ValidationError naming place and rule."""
        try:
            changed_at_ns = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed_at_ns != self._read_at_ns:
            self._connections = _CONNECTIONS.validate_json(self._path.read_bytes())
            self._read_at_ns = changed_at_ns
        return self._connections


def clearinghouse_of(connection: Connection) -> Clearinghouse:
    """The partner behind a connection."""
    match connection:
        case FolderConnection():
            return FolderClearinghouse(outbox=connection.outbox, inbox=connection.inbox)
        case SftpConnection():
            return SftpClearinghouse(
                SftpAccount(
                    host=connection.host,
                    port=connection.port,
                    username=connection.username,
                    key_file=connection.key_file,
                    known_hosts_file=connection.known_hosts_file,
                    outbox=connection.outbox,
                    inbox=connection.inbox,
                )
            )
        case _:
            assert_never(connection)
