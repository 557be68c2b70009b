"""How are files exchanged with a partner over SFTP?

The partner's host key must be known beforehand: a host that shows another one gets nothing. A file is uploaded under a temporary
name and renamed, so that the partner never picks up half of it; the same file sent again replaces itself with the same bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_REGULAR

_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAccount:
    """Where the partner's server is and how it knows us."""

    host: str
    port: int = 22
    username: str
    key_file: Path
    known_hosts_file: Path
    outbox: str = "outbound"  # where we leave files, as the partner's server names it
    inbox: str = "inbound"  # where the partner leaves files for us
    connect_seconds_max: float = 20.0
    errand_seconds_max: float = 120.0  # a server that hangs keeps its connection and answers nothing


class SftpClearinghouse:
    """Implements `Clearinghouse`; a connection for each errand, as partners close idle ones."""

    def __init__(self, account: SftpAccount) -> None:
        self._account = account

    async def send(self, file_name: str, content: bytes) -> None:
        async with self._session() as sftp:
            folder = PurePosixPath(self._account.outbox)
            unfinished = str(folder / f".{_plain(file_name)}{_UNFINISHED}")
            async with sftp.open(unfinished, "wb") as file:
                await file.write(content)
            await sftp.posix_rename(unfinished, str(folder / file_name))

    async def waiting(self) -> Sequence[str]:
        async with self._session() as sftp:
            entries = await sftp.readdir(self._account.inbox)
            files = [entry for entry in entries if _is_file(entry)]
            return [str(entry.filename) for entry in sorted(files, key=_age)]

    async def fetch(self, file_name: str) -> bytes:
        async with self._session() as sftp, sftp.open(self._inbox_path(file_name), "rb") as file:
            return cast(bytes, await file.read())  # opened in binary mode

    async def mark_done(self, file_name: str) -> None:
        async with self._session() as sftp:
            done = PurePosixPath(self._account.inbox) / "done"
            await sftp.makedirs(str(done), exist_ok=True)
            await sftp.posix_rename(self._inbox_path(file_name), str(done / file_name))

    def _inbox_path(self, file_name: str) -> str:
        return str(PurePosixPath(self._account.inbox) / _plain(file_name))

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        account = self._account
        async with asyncssh.connect(
            account.host,
            account.port,
            username=account.username,
            client_keys=[str(account.key_file)],
            known_hosts=str(account.known_hosts_file),
            agent_path=None,
            connect_timeout=account.connect_seconds_max,
        ) as connection:
            try:
                async with asyncio.timeout(account.errand_seconds_max):
                    yield await connection.start_sftp_client()
            except TimeoutError:
                connection.abort()  # a farewell would wait for an answer too
                raise


def _plain(file_name: str) -> str:
    """Raises ValueError for a name that would leave the folder."""
    if not file_name or PurePosixPath(file_name).name != file_name or file_name.startswith("."):
        raise ValueError("a file name has no folder in it and does not begin with a dot")
    return file_name


def _is_file(entry: asyncssh.SFTPName) -> bool:
    return entry.attrs.type == FILEXFER_TYPE_REGULAR and not str(entry.filename).startswith(".")


def _age(entry: asyncssh.SFTPName) -> tuple[int, str]:
    return (entry.attrs.mtime or 0, str(entry.filename))
