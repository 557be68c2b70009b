"""Does a pack about one account prove what it says to somebody who has nothing else, and nothing that was changed?"""

from __future__ import annotations

import ast
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.evidence import packed
from shared.events.registry import SERVICES
from shared.kernel.errors import NotFound
from shared.kernel.identifiers import account_id_of
from shared.runtime.evidence.account import PREFIX, PROGRAM
from shared.runtime.evidence.keys import SigningKeys
from shared.runtime.evidence.verify_evidence import NotProven, read_pack, verify, write_pack
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.testing.hosting import TENANT
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import PERSON, Practice, practice

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACCOUNT = account_id_of("visit-1")
TAMPERS = int(os.environ.get("LEDGERLINE_TAMPERS", "400"))
SEED = int(os.environ.get("LEDGERLINE_TAMPER_SEED", "7"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Practice]:
    """Three visits of two people; the first one's account is the one to prove."""
    async with practice(postgres_server, tmp_path_factory.mktemp("practice")) as made:
        await made.register("iris", "blue-plains")
        await made.register("noah", "blue-plains")
        for number, patient in enumerate(("iris", "iris", "noah"), start=1):
            await made.charge(f"visit-{number}", patient, ("99213", 150_14))
        await made.settle()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pack(clinic: Practice) -> bytes:
    return packed(await answers(clinic))


async def answers(clinic: Practice, account: str = ACCOUNT, query: str = "", **options: Any) -> dict[str, Any]:
    return {
        name: await clinic.system.ask("GET", f"/api/{name}/evidence/{account}{query}", **options) for name in SERVICES
    }


def documents(pack: bytes) -> dict[str, dict[str, Any]]:
    members = read_pack(pack)
    return {name: json.loads(members[f"{name}.json"].rpartition(b"\n")[0]) for name in SERVICES}


def fingerprint(pack: bytes) -> str:
    return verify(pack)[-1].rpartition(" ")[2]


def run_alone(folder: Path) -> subprocess.CompletedProcess[str]:
    """The program as somebody runs it who has nothing of ours but two files."""
    command = [sys.executable, "-I", PROGRAM.name, "account.zip"]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, timeout=60, check=False)


async def test_the_program_proves_a_pack_alone_and_offline(pack: bytes, tmp_path: Path) -> None:
    (tmp_path / "account.zip").write_bytes(pack)
    (tmp_path / PROGRAM.name).write_bytes(PROGRAM.read_bytes())
    done = run_alone(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"PROVEN\naccount {ACCOUNT} of {TENANT}")
    assert f"fingerprint {fingerprint(pack)}" in done.stdout
    assert "Not shown by this" in done.stdout
    (tmp_path / "account.zip").write_bytes(pack[:500] + b"x" + pack[501:])
    done = run_alone(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("NOT PROVEN: ")
    (tmp_path / "account.zip").unlink()
    assert run_alone(tmp_path).returncode == 2


async def test_the_pack_is_a_zip_file_that_any_program_opens(pack: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [PROGRAM.name, *(f"{service}.json" for service in SERVICES)]
        assert opened.read(PROGRAM.name) == PROGRAM.read_bytes()


async def test_the_program_needs_the_standard_library_and_one_other() -> None:
    tree = ast.parse(PROGRAM.read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


async def test_everything_that_names_the_account_is_there_and_nothing_of_other_visits(
    clinic: Practice, pack: bytes
) -> None:
    found = documents(pack)
    for service in SERVICES:
        stored = await clinic.system.events(service)
        naming = {str(e.position) for e in stored if ACCOUNT.encode() in e.data or ACCOUNT in e.stream}
        given = {json.loads(event["place"])[0] for event in found[service]["events"]}
        assert naming <= given
        streams = {json.loads(event["envelope"])[1] for event in found[service]["events"]}
        assert not any("visit-2" in stream or account_id_of("visit-2") in stream for stream in streams)
    assert "encounter/visit-1" in found["charges"]["whole"]
    assert f"claim-account/{ACCOUNT}" in found["payments"]["whole"]
    data = [json.loads(event["data"]) for name in SERVICES for event in found[name]["events"]]
    assert len(data) > 10


async def test_personal_values_stay_sealed_until_they_are_opened_for_a_reason(clinic: Practice, pack: bytes) -> None:
    assert PERSON["last"].encode() not in pack
    before = await clinic.system.platform.vault.openings(TENANT, limit=500)
    assert not [opening for opening in before if opening["purpose"] == "appeal"]
    opened = packed(await answers(clinic, query="?purpose=appeal"))
    shown = [line for document in documents(opened).values() for line in document["opened"]]
    recorded = await clinic.system.platform.vault.openings(TENANT, subject="iris", limit=500)
    for_this = {(line["actor"], line["field"]) for line in recorded if line["purpose"] == "appeal"}
    assert {line["field"] for line in shown} == {field for _, field in for_this}
    assert shown, "the visit has personal values"
    assert all("value" in line and line["subject"] == "iris" for line in shown)
    assert "personal values are shown in clear, as the service says for appeal" in "\n".join(verify(opened))


async def test_an_account_that_nobody_knows_and_one_of_another_tenant_look_alike(clinic: Practice) -> None:
    with pytest.raises(NotFound):
        packed(await answers(clinic, account_id_of("nobody")))
    stranger = local_token(clinic.system.platform.settings, [Role.MANAGER], "other", subject="stranger")
    with pytest.raises(NotFound):
        packed(await answers(clinic, headers={"Authorization": f"Bearer {stranger}"}))


async def test_who_may_not_read_evidence_is_refused(clinic: Practice) -> None:
    biller = local_token(clinic.system.platform.settings, [Role.BILLER], TENANT, subject="biller")
    path = f"/api/payments/evidence/{ACCOUNT}"
    problem = await clinic.system.ask("GET", path, status=403, headers={"Authorization": f"Bearer {biller}"})
    assert problem["code"] == "forbidden"


async def test_a_pack_of_another_key_is_told_apart_by_its_fingerprint(clinic: Practice, pack: bytes) -> None:
    """Whoever makes a pack of their own, with a log of their own, has another first key."""
    assert verify(pack, fingerprint(pack)[:16]) == verify(pack)
    with pytest.raises(NotProven, match="the first key is"):
        verify(pack, "0" * 64)
    with pytest.raises(NotProven, match="the first key is"):
        verify(pack, fingerprint(pack)[:15])


def changed(pack: bytes, service: str, change: Any) -> bytes:
    """The pack with a document that says something else, signed with a key of one's own that the document brings along."""
    members = read_pack(pack)
    said = json.loads(members[f"{service}.json"].rpartition(b"\n")[0])
    keys = SigningKeys([bytes(32)])
    change(said)
    said["signed_with"] = keys.newest
    said["keys"] += [content.decode() for content in keys.certificates().values()]
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    members[f"{service}.json"] = text + b"\n" + keys.sign(PREFIX, text).hex().encode()
    return write_pack(members)


def remove_an_event(said: dict[str, Any]) -> None:
    del said["events"][1]


def change_an_amount(said: dict[str, Any]) -> None:
    event = next(each for each in said["events"] if "15014" in each["data"])
    event["data"] = event["data"].replace("15014", "15015")


def only_the_key_is_wrong(said: dict[str, Any]) -> None:
    pass


@pytest.mark.parametrize("change", [remove_an_event, change_an_amount, only_the_key_is_wrong])
async def test_a_document_that_somebody_else_signed_is_not_believed(pack: bytes, change: Any) -> None:
    with pytest.raises(NotProven, match="payments: two public keys vouch for themselves"):
        verify(changed(pack, "payments", change))


async def test_an_amount_that_was_changed_is_found_by_the_head_alone(pack: bytes) -> None:
    def with_the_keys_of_the_installation_gone(said: dict[str, Any]) -> None:
        change_an_amount(said)
        said["keys"].clear()

    with pytest.raises(NotProven, match=r"payments: head .* which nobody vouches for"):
        verify(changed(pack, "payments", with_the_keys_of_the_installation_gone))


async def test_documents_of_two_packs_do_not_mix(clinic: Practice, pack: bytes) -> None:
    other = read_pack(packed(await answers(clinic, account_id_of("visit-2"))))
    members = read_pack(pack)
    with pytest.raises(NotProven, match="another account"):
        verify(write_pack({**members, "claims.json": other["claims.json"]}))
    with pytest.raises(NotProven, match="no document of claims"):
        verify(write_pack({**members, "claims.json": members["payments.json"]}))
    with pytest.raises(NotProven, match="nothing else"):
        verify(write_pack({name: content for name, content in members.items() if name != "claims.json"}))
    with pytest.raises(NotProven, match="do not run it"):
        verify(write_pack({**members, PROGRAM.name: members[PROGRAM.name] + b"\n"}))


@pytest.mark.timeout(7200)
async def test_any_single_byte_that_was_changed_is_found(pack: bytes) -> None:
    """Half of them in the file as it lies; half inside a member, with the file's own checksums made right again."""
    verify(pack)
    dice, missed = random.Random(SEED), []
    members = read_pack(pack)
    for number in range(TAMPERS):
        name = "" if number % 2 else dice.choice(list(members))
        content = bytearray(members[name] if name else pack)
        at, change = dice.randrange(len(content)), dice.randrange(1, 256)
        content[at] ^= change
        tampered = write_pack({**members, name: bytes(content)}) if name else bytes(content)
        try:
            verify(tampered)
        except NotProven:
            continue
        missed.append((name, at, change))
    print(f"{TAMPERS} single-byte tampers of a pack of {len(pack)} bytes, seed {SEED}: {TAMPERS - len(missed)} found")
    assert missed == []


async def test_evidence_of_a_log_that_was_changed_is_refused(clinic: Practice) -> None:
    """Last in this module: the log is not what it was behind it."""
    owner = await asyncpg.connect(clinic.system.platform.settings.dsn("payments", "owner"))
    try:
        await owner.execute("alter table events disable trigger user")
        await owner.execute("update events set actor = 'user:nobody' where stream = $1", f"claim-account/{ACCOUNT}")
    finally:
        await owner.close()
    problem = await clinic.system.ask("GET", f"/api/payments/evidence/{ACCOUNT}", status=409)
    assert problem["code"] == "not-under-the-head"
