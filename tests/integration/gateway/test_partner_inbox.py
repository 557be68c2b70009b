"""Is every file that a partner leaves taken in once, and handed to the service that it is for?"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncssh
import pytest

from shared.runtime.service import Task
from tests.integration.gateway.conftest import TENANT, Edge, MakeEdge
from tests.integration.gateway.test_files_over_intake import ERA, interchange
from tests.unit.codecs.bank.statements import EFT, bai2

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWER = interchange("FA", "ST*999*0001*005010X231A1", "AK1*HC*1*005010X222A1", "AK9*A*1*1*1", "SE*4*0001")


def connect(home: Path, **connection: object) -> None:
    (home / "partners.json").write_text(json.dumps({TENANT: {"northern": connection}}))


def inbox_of(edge: Edge) -> Task:
    return next(task for task in edge.parts.tasks if task.name == "gateway.empty-partner-inboxes")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "from-partner"
    folder.mkdir()
    connect(tmp_path, transport="folder", outbox=str(tmp_path / "to-partner"), inbox=str(folder))
    return folder


async def test_files_go_to_the_services_that_they_are_for_and_are_put_aside(make_edge: MakeEdge, inbox: Path) -> None:
    edge = make_edge()
    (inbox / "one.835").write_bytes(ERA)
    (inbox / "two.999").write_bytes(ANSWER)
    (inbox / "three.bai").write_bytes(bai2(EFT))
    assert await inbox_of(edge).step()
    assert dict(edge.services.files) == {
        "/api/payments/remittances": ERA,
        "/api/claims/acknowledgements": ANSWER,
        "/api/payments/deposits/files": bai2(EFT),
    }
    assert sorted(file.name for file in (inbox / "done").iterdir()) == ["one.835", "three.bai", "two.999"]
    assert not await inbox_of(edge).step()


async def test_the_same_file_under_another_name_has_no_second_effect(make_edge: MakeEdge, inbox: Path) -> None:
    edge = make_edge()
    for name in ("first.835", "again.835"):
        (inbox / name).write_bytes(ERA)
        await inbox_of(edge).step()
    assert len(edge.services.files) == 1
    assert len(list((inbox / "done").iterdir())) == 2


async def test_a_file_that_comes_while_its_service_is_down_is_safe_and_goes_on_later(
    make_edge: MakeEdge, inbox: Path
) -> None:
    edge = make_edge()
    edge.services.down.add("payments")
    (inbox / "one.835").write_bytes(ERA)
    await inbox_of(edge).step()
    assert edge.services.files == []
    assert (inbox / "done" / "one.835").exists()
    edge.services.down.clear()
    async with edge.http() as client:
        [kept] = (await client.get("/intake/messages")).json()["items"]
        path = f"/intake/messages/{kept['receipt_id']}/replay"
        assert (await client.post(path, headers={"Idempotency-Key": "k"})).json()["outcome"] == "accepted"
    assert len(edge.services.files) == 1


async def test_a_file_that_nobody_takes_is_kept_with_its_reason_and_stops_no_other(
    make_edge: MakeEdge, inbox: Path
) -> None:
    edge = make_edge()
    (inbox / "1-claim.837").write_bytes(interchange("HC", "ST*837*0001*005010X222A1", "SE*2*0001"))
    (inbox / "2-empty").write_bytes(b"")
    (inbox / "3.835").write_bytes(ERA)
    await inbox_of(edge).step()
    assert len(edge.services.files) == 1
    async with edge.http() as client:
        [kept] = (await client.get("/intake/messages")).json()["items"]
    assert (kept["state"], kept["connection"], kept["name"]) == ("refused", "partner:northern", "1-claim.837")
    assert kept["findings"][0]["rule"] == "a claim is not taken in here"


async def test_a_partner_that_cannot_be_reached_stops_nobody(make_edge: MakeEdge, inbox: Path, tmp_path: Path) -> None:
    edge = make_edge()
    (tmp_path / "known_hosts").write_text("")
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "key"))
    connections = json.loads((tmp_path / "partners.json").read_text())
    away = {"transport": "sftp", "host": "127.0.0.1", "port": 1, "username": "us"}
    away |= {"key_file": str(tmp_path / "key"), "known_hosts_file": str(tmp_path / "known_hosts")}
    connections[TENANT] = {"away": away, **connections[TENANT]}
    (tmp_path / "partners.json").write_text(json.dumps(connections))
    (inbox / "one.835").write_bytes(ERA)
    assert await inbox_of(edge).step()
    assert len(edge.services.files) == 1


async def test_a_partner_that_never_answers_stops_nobody(make_edge: MakeEdge, inbox: Path, tmp_path: Path) -> None:
    """It takes the connection and says nothing more."""
    edge, reached = make_edge(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    (tmp_path / "known_hosts").write_text("")
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "key"))
    connections = json.loads((tmp_path / "partners.json").read_text())
    mute = {"transport": "sftp", "host": "127.0.0.1", "port": silent.sockets[0].getsockname()[1], "username": "us"}
    mute |= {"key_file": str(tmp_path / "key"), "known_hosts_file": str(tmp_path / "known_hosts")}
    connections[TENANT] = {"mute": mute, **connections[TENANT]}
    (tmp_path / "partners.json").write_text(json.dumps(connections))
    task = inbox_of(edge)
    for number in range(2):
        (inbox / f"{number}.999").write_bytes(ANSWER.replace(b"0001", f"000{number}".encode()))
        assert await task.step()
        assert len(edge.services.files) == number + 1
    assert reached.is_set()
    ending = asyncio.create_task(task.step())
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    silent.close()


async def test_files_come_over_a_real_sftp_connection(make_edge: MakeEdge, tmp_path: Path) -> None:
    edge = make_edge()
    root = tmp_path / "partner"
    (root / "inbound").mkdir(parents=True)
    host_key, our_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    our_key.write_private_key(str(tmp_path / "our_key"))
    (tmp_path / "authorized").write_bytes(our_key.export_public_key())
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(tmp_path / "authorized"),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
    )
    try:
        port = acceptor.get_port()
        public = host_key.export_public_key().decode().strip()
        (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
        letter = {"transport": "sftp", "host": "127.0.0.1", "port": port, "username": "us"}
        letter |= {"key_file": str(tmp_path / "our_key"), "known_hosts_file": str(tmp_path / "known_hosts")}
        connect(tmp_path, **letter)
        (root / "inbound" / "one.835").write_bytes(ERA)
        assert await inbox_of(edge).step()
    finally:
        acceptor.close()
        await acceptor.wait_closed()
    assert edge.services.files == [("/api/payments/remittances", ERA)]
    assert (root / "inbound" / "done" / "one.835").exists()
