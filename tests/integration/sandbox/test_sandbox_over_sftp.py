from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncssh
import httpx
import pytest
import pytest_asyncio

from shared.codecs.x12.envelope import sniff
from shared.codecs.x12.remittance_835 import read_835
from shared.runtime.clock import FileClock
from shared.runtime.native.processes import free_ports
from shared.runtime.partners import Clearinghouse, SftpConnection, clearinghouse_of
from tests.unit.sandbox.claims import NOON, claim, interchange

START_SECONDS = 30.0


@dataclass(slots=True)
class Program:
    """The sandbox as the separate program that it is."""

    state: Path
    clock: FileClock
    sftp_port: int
    http_port: int
    process: subprocess.Popen[bytes]

    @property
    def connection(self) -> SftpConnection:
        return SftpConnection.model_validate(json.loads((self.state / "partner.json").read_text()))

    @property
    def partner(self) -> Clearinghouse:
        return clearinghouse_of(self.connection)

    async def restart(self) -> None:
        self.kill()
        self.process = started(self.state, self.sftp_port, self.http_port)
        await self.answers()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def answers(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.http_port}") as http:
            while True:
                try:
                    if (await http.get("/health")).is_success:
                        return
                except httpx.TransportError:
                    assert time.monotonic() < give_up, "the sandbox does not answer"
                await asyncio.sleep(0.05)

    async def idle(self) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.http_port}") as http:
            give_up = time.monotonic() + START_SECONDS
            while not (await http.get("/idle")).json()["idle"]:
                assert time.monotonic() < give_up, "the sandbox is still busy"
                await asyncio.sleep(0.05)

    async def received(self) -> dict[str, bytes]:
        return {name: await self.partner.fetch(name) for name in await self.partner.waiting()}


def started(state: Path, sftp_port: int, http_port: int) -> subprocess.Popen[bytes]:
    options = ["--sftp-port", str(sftp_port), "--http-port", str(http_port), "--clock-file", str(state / "clock")]
    with (state / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.sandbox", "--state", str(state), *options],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, "LEDGERLINE_SUPERVISED": "1"},  # it ends when we do
        )


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(tmp_path: Path) -> AsyncIterator[Program]:
    clock = FileClock(tmp_path / "clock", NOON)
    sftp_port, http_port = free_ports(2)
    program = Program(tmp_path, clock, sftp_port, http_port, started(tmp_path, sftp_port, http_port))
    try:
        await program.answers()
        yield program
    finally:
        program.kill()


@pytest.mark.asyncio
async def test_a_claim_that_is_left_over_sftp_is_paid_days_later(sandbox: Program) -> None:
    await sandbox.partner.send("batch-1.837", interchange(claim(150_14)))
    await sandbox.idle()
    assert {sniff(content) for content in (await sandbox.received()).values()} == {"TA1", "999"}
    sandbox.clock.advance_to(NOON + timedelta(days=30))
    await sandbox.idle()
    remittances = [content for content in (await sandbox.received()).values() if sniff(content) == "835"]
    [advice] = [advice for content in remittances for advice in read_835(content)]
    assert advice.payment_cents == 83_10


@pytest.mark.asyncio
async def test_a_killed_sandbox_forgets_nothing_and_says_nothing_twice(sandbox: Program) -> None:
    await sandbox.partner.send("batch-1.837", interchange(claim(150_14)))
    await sandbox.idle()
    await sandbox.restart()
    await sandbox.partner.send("batch-1.837", interchange(claim(150_14)))
    sandbox.clock.advance_to(NOON + timedelta(days=30))
    await sandbox.idle()
    kinds = sorted(str(sniff(content)) for content in (await sandbox.received()).values())
    assert kinds == ["277CA", "277CA", "835", "999", "TA1"]


@pytest.mark.asyncio
async def test_a_host_that_shows_another_key_gets_nothing(sandbox: Program, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    wrong = tmp_path / "wrong_hosts"
    wrong.write_text(f"[127.0.0.1]:{sandbox.sftp_port} {other}")
    stranger = clearinghouse_of(sandbox.connection.model_copy(update={"known_hosts_file": wrong}))
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await stranger.send("a.837", interchange(claim(150_14)))
    await sandbox.idle()
    assert await sandbox.received() == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("account", ["nobody", "..", "ledgerline/../..", ""])
async def test_whoever_has_no_account_gets_nothing(account: str, sandbox: Program) -> None:
    stranger = clearinghouse_of(sandbox.connection.model_copy(update={"username": account}))
    with pytest.raises(asyncssh.PermissionDenied):
        await stranger.send("a.837", interchange(claim(150_14)))
    await sandbox.idle()
    assert await sandbox.received() == {}


@pytest.mark.asyncio
async def test_an_account_sees_its_own_folder_only(sandbox: Program) -> None:
    for name in ("outbound", "inbound"):
        (sandbox.state / "partners" / "another" / name).mkdir(parents=True)
    (sandbox.state / "partners" / "another" / "inbound" / "theirs.999").write_bytes(b"ISA~")
    assert await sandbox.received() == {}
    another = clearinghouse_of(sandbox.connection.model_copy(update={"username": "another"}))
    assert list(await another.waiting()) == ["theirs.999"]
