"""Who may leave files with the sandbox and pick some up, over SFTP?

An account is a folder below `root`, named as its user; it sees nothing but its own. One key opens every account, because all of them
belong to whoever started the sandbox. How an account is reached stands in a letter, as a real clearinghouse would send one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh

from deploy.sandbox.clearinghouse import ARCHIVE, SENT_BY_US, SENT_TO_US


class Door:
    """An SFTP server on loopback. Make it with `open_door`."""

    def __init__(self, state: Path, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        self._authorized = state / "authorized_keys"
        self._known_hosts = state / "known_hosts"
        self.host_key, self._client_key = _key(state / "host_key"), _key(state / "partner_key")
        self._authorized.write_bytes(asyncssh.read_private_key(str(self._client_key)).export_public_key())
        self.port = 0

    def open_account(self, name: str) -> None:
        """Make the folders of an account; any number of times."""
        for folder in (SENT_TO_US, SENT_BY_US, ARCHIVE):
            (self._root / name / folder).mkdir(parents=True, exist_ok=True)

    def letter(self, account: str) -> dict[str, Any]:
        """How the account is reached: a connection of `partners.json`."""
        return {
            "transport": "sftp",
            "host": "127.0.0.1",
            "port": self.port,
            "username": account,
            "key_file": str(self._client_key),
            "known_hosts_file": str(self._known_hosts),
            "outbox": SENT_TO_US,
            "inbox": SENT_BY_US,
        }

    def is_open_at(self, port: int) -> None:
        """Tell partners which key the host at this port shows."""
        self.port = port
        public = asyncssh.read_private_key(str(self.host_key)).export_public_key().decode().strip()
        self._known_hosts.write_text(f"[127.0.0.1]:{port} {public}\n")

    def keys_of(self, account: str) -> Path | None:
        """The keys that open an account; None for one that nobody has."""
        is_there = account in {folder.name for folder in self._root.iterdir() if folder.is_dir()}
        return self._authorized if is_there else None

    def folder_of(self, account: str) -> bytes:
        return os.fsencode(self._root / account)


class _Reception(asyncssh.SSHServer):
    """Lets in who has an account, by key."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if keys := self._door.keys_of(username):
            self._connection.set_authorized_keys(str(keys))
        return True


@contextlib.asynccontextmanager
async def open_door(
    state: Path, root: Path, port: int, files: Callable[..., asyncssh.SFTPServer] = asyncssh.SFTPServer
) -> AsyncIterator[Door]:
    """Serve the accounts below `root` while the block runs, at a free port when it is 0. `files` answers each errand."""
    door = Door(state, root)
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: _Reception(door),
        server_host_keys=[str(door.host_key)],
        sftp_factory=lambda channel: files(channel, chroot=door.folder_of(channel.get_extra_info("username"))),
        allow_scp=False,
    )
    door.is_open_at(acceptor.get_port())
    try:
        yield door
    finally:
        acceptor.close()


def _key(path: Path) -> Path:
    """A private key, made on first use."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}")
        fresh.touch(mode=0o600)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(fresh))
        fresh.replace(path)
    return path
