"""Files reach partners whole or not at all, over a folder and over SFTP with a known host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio

from shared.runtime.partners import Clearinghouse
from shared.runtime.partners.folder import FolderClearinghouse
from shared.runtime.partners.sftp import SftpAccount, SftpClearinghouse

_NEVER = "never.999"


class _Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True


class _Files(asyncssh.SFTPServer):
    """One of its files is never opened."""

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if path.endswith(_NEVER.encode()):
            await asyncio.Event().wait()
        return super().open(path, pflags, attrs)


@pytest_asyncio.fixture(loop_scope="session")
async def account(tmp_path: Path) -> AsyncIterator[SftpAccount]:
    """A partner's SFTP server on this machine, whose folders lie under `server`."""
    root = tmp_path / "server"
    for folder in ("outbound", "inbound"):
        (root / folder).mkdir(parents=True)
    host_key, own_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    own_key.write_private_key(tmp_path / "own.key")
    (tmp_path / "own.key").chmod(0o600)
    (tmp_path / "authorized").write_bytes(own_key.export_public_key())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        server_factory=_Server,
        authorized_client_keys=str(tmp_path / "authorized"),
        sftp_factory=lambda channel: _Files(channel, chroot=str(root).encode()),
    )
    port = server.get_port()
    known = f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}"
    (tmp_path / "known_hosts").write_text(known)
    yield SftpAccount(
        host="127.0.0.1",
        port=port,
        username="lakeside",
        key_file=tmp_path / "own.key",
        known_hosts_file=tmp_path / "known_hosts",
    )
    server.close()
    await server.wait_closed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What was seen of an exchange: of a file that is sent twice, and of one that waits beside another that is not whole."""

    arrived: dict[str, bytes]
    waiting: list[str]
    fetched: bytes
    still_waiting: list[str]
    done: dict[str, bytes]


ONCE_EACH = Exchanged(
    arrived={"batch-1.837": b"ISA*first~"},
    waiting=["b.999"],
    fetched=b"ISA*999~",
    still_waiting=[],
    done={"b.999": b"ISA*999~"},
)


async def exchanged(partner: Clearinghouse, outbox: Path, inbox: Path) -> Exchanged:
    await partner.send("batch-1.837", b"ISA*first~")
    await partner.send("batch-1.837", b"ISA*first~")
    (inbox / "b.999").write_bytes(b"ISA*999~")
    (inbox / ".half.part").write_bytes(b"ISA")
    waiting, fetched = list(await partner.waiting()), await partner.fetch("b.999")
    await partner.mark_done("b.999")
    return Exchanged(
        arrived={path.name: path.read_bytes() for path in outbox.iterdir()},
        waiting=waiting,
        fetched=fetched,
        still_waiting=list(await partner.waiting()),
        done={path.name: path.read_bytes() for path in (inbox / "done").iterdir()},
    )


@pytest.mark.asyncio
async def test_files_are_exchanged_over_sftp(account: SftpAccount, tmp_path: Path) -> None:
    root = tmp_path / "server"
    assert await exchanged(SftpClearinghouse(account), root / "outbound", root / "inbound") == ONCE_EACH


@pytest.mark.asyncio
async def test_a_server_that_answers_nothing_more_is_left_after_a_while(account: SftpAccount, tmp_path: Path) -> None:
    impatient = SftpClearinghouse(replace(account, errand_seconds_max=0.5))
    with pytest.raises(TimeoutError):
        await impatient.fetch(_NEVER)
    (tmp_path / "server" / "inbound" / "b.999").write_bytes(b"ISA*999~")
    assert await impatient.fetch("b.999") == b"ISA*999~"


@pytest.mark.asyncio
async def test_files_are_exchanged_through_folders(tmp_path: Path) -> None:
    outbox, inbox = tmp_path / "out", tmp_path / "in"
    partner = FolderClearinghouse(outbox=outbox, inbox=inbox)
    assert list(await partner.waiting()) == []
    inbox.mkdir()
    assert await exchanged(partner, outbox, inbox) == ONCE_EACH


@pytest.mark.asyncio
async def test_a_host_with_another_key_gets_nothing(account: SftpAccount, tmp_path: Path) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{account.port} {stranger}")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await SftpClearinghouse(account).send("batch-1.837", b"ISA~")
    assert list((tmp_path / "server" / "outbound").iterdir()) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["../batch.837", "a/b.837", ".hidden", ""])
async def test_a_name_that_would_leave_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file name"):
        await FolderClearinghouse(outbox=tmp_path, inbox=tmp_path).send(name, b"x")
