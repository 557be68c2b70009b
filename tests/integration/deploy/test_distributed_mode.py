"""Do the processes of the compose file work together as they are set up there?

The same programs, arguments, variables and secret files, without containers: addresses are this machine's, Kafka has one node, and tokens
come from an issuer of the test. What containers add (image, user, file system, network) is not seen here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
import pytest_asyncio
import yaml
from joserfc.jwk import ECKey

from deploy.state import CHECKOUT
from deploy.supervisor import DATABASES
from shared.events.registry import SERVICES
from shared.runtime.identity.issuer import sign_access_token
from shared.runtime.native import kafka
from shared.runtime.native.processes import free_ports, is_free
from shared.testing.infrastructure import PostgresServer, native_kafka
from shared.testing.stores import PASSWORD

ISSUER = "https://issuer.invalid"
TENANT = "clinic"
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "deploy" / "compose.yaml").read_text())["services"]
MESSAGE = (
    "MSH|^~\\&|EHR|CLINIC|LEDGERLINE|BILLING|20260314150926||ADT^A04^ADT_A01|1|P|2.5.1\r"
    "EVN|A04|20260314150926\r"
    "PID|1||4711^^^CLINIC^MR||FLINT^ADA||19800102|F|||1 HIGH STREET^^SPRINGFIELD^IL^62701\r"
    "PV1|1|O|MAIN||||||||||||||||V100\r"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where the front door is, who may use it, and what its processes were started with."""

    url: str
    token: str
    environment: Mapping[str, str]


def token(key: ECKey, *roles: str) -> str:
    return sign_access_token(
        key,
        issuer=ISSUER,
        audience="ledgerline",
        subject="someone",
        client="a-test",
        tenants={TENANT: list(roles)},
        issued_at=int(time.time()),
        seconds=600,
    )


def http_port() -> int:
    """A port with six free ones from it on: front's, and the services' behind it."""
    for _ in range(100):
        first = free_ports(1)[0]
        if first < 65000 and all(is_free(first + after) for after in range(1, 6)):
            return first
    raise RuntimeError("no six free ports in a row")


def environment_of(name: str, changed: Mapping[str, str]) -> dict[str, str]:
    """The variables of a container with other addresses; those that the operator gives are changed too."""
    return {**os.environ, **{key: str(value) for key, value in COMPOSE[name]["environment"].items()}, **changed}


def put(folder: Path, content: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, text in content.items():
        (folder / name).write_text(text + "\n")
    return folder


@contextmanager
def running(name: str, environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        command = [sys.executable, "-m", "deploy.serve", *COMPOSE[name]["command"]]
        process = subprocess.Popen(command, env=dict(environment), cwd=CHECKOUT, stdout=output, stderr=output)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, f"{name} did not end by itself: {log.read_text()[-2000:]}"
    finally:
        process.kill()
        process.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def installation(
    postgres_server: PostgresServer, kafka_distribution: kafka.Distribution, tmp_path: Path
) -> AsyncIterator[Installation]:
    for name in DATABASES:
        await postgres_server.drop(f"ledgerline_{name}")
    key = ECKey.generate_key("P-256", auto_kid=True)
    keys = json.dumps({"keys": [key.as_dict(private=False, use="sig", alg="ES256")]})
    server, port = urlsplit(postgres_server.url), http_port()
    secret_files = put(
        tmp_path / "secrets",
        {f"ledgerline_database_{role}_password": PASSWORD for role in ("owner", "app", "feed")}
        | {name: base64.b64encode(os.urandom(32)).decode() for name in ("ledgerline_root_key", "ledgerline_heads_keys")}
        | {"ledgerline_migrate_superuser_password": unquote(server.password or "")},
    )
    edge = put(tmp_path / "edge", {"token": token(key, "integration", "manager"), "partners.json": "{}", "keys": keys})
    with ExitStack() as stack:
        brokers = stack.enter_context(native_kafka(kafka_distribution, nodes=1))
        changed = {
            "LEDGERLINE_SECRETS_DIR": str(secret_files),
            "LEDGERLINE_HOME": str(
                tmp_path / "read-only"
            ),  # never made: nothing is kept outside databases and second place
            "LEDGERLINE_HEADS_FOLDER": str(tmp_path / "heads"),
            "LEDGERLINE_HEADS_SECONDS": "1",
            "LEDGERLINE_DATABASE_HOST": server.hostname or "",
            "LEDGERLINE_DATABASE_PORT": str(server.port),
            "LEDGERLINE_MIGRATE_SUPERUSER": server.username or "",
            "LEDGERLINE_KAFKA_BOOTSTRAP": brokers.bootstrap_servers,
            "LEDGERLINE_KAFKA_REPLICAS": "1",
            "LEDGERLINE_KAFKA_PARTITIONS": "2",
            "LEDGERLINE_HTTP_HOST": "127.0.0.1",
            "LEDGERLINE_HTTP_PORT": str(port),
            "LEDGERLINE_SERVICES_URL": "http://127.0.0.1:{port}",
            "LEDGERLINE_MLLP_HOST": "127.0.0.1",
            "LEDGERLINE_MLLP_PORT": str(free_ports(1)[0]),
            "LEDGERLINE_MLLP_TENANT": TENANT,
            "LEDGERLINE_ISSUER_URL": ISSUER,
            "LEDGERLINE_ISSUER_JWKS": str(edge / "keys"),
            "LEDGERLINE_AUDIENCE": "ledgerline",
            "LEDGERLINE_EDGE_TOKEN_FILE": str(edge / "token"),
            "LEDGERLINE_CLAIMS_PARTNERS_FILE": str(edge / "partners.json"),
            "LEDGERLINE_GATEWAY_PARTNERS_FILE": str(edge / "partners.json"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        await done([*COMPOSE["migrate"]["entrypoint"][1:]], environment_of("migrate", changed))
        await done(["-c", "import deploy.serve"], changed)  # compiled once, not by six processes at the same time
        for name in (*SERVICES, "front"):
            stack.enter_context(running(name, environment_of(name, changed), tmp_path / f"{name}.log"))
        url = f"http://127.0.0.1:{port}"
        await ready(url, tmp_path)
        yield Installation(url=url, token=token(key, "admin"), environment=changed)
    for name in DATABASES:
        await postgres_server.drop(f"ledgerline_{name}")


async def done(arguments: list[str], environment: Mapping[str, str]) -> None:
    """A program of ours has ended well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **environment},
        cwd=CHECKOUT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    assert process.returncode == 0, told.decode()[-2000:]


async def ready(url: str, logs: Path, *, seconds: float = 150.0) -> None:
    give_up = time.monotonic() + seconds
    told = ""
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        while time.monotonic() < give_up:
            try:
                answer = await client.get("/health/ready")
            except httpx.TransportError as error:
                told = type(error).__name__
            else:
                told = answer.text
                if answer.is_success:
                    return
            await asyncio.sleep(0.3)
    ends = "\n".join(f"{log.name}: {log.read_text()[-800:]}" for log in sorted(logs.glob("*.log")))
    raise TimeoutError(f"not ready: {told}\n{ends}")


@pytest.mark.asyncio
async def test_processes_apart_take_messages_in_and_tell_each_other_through_kafka(installation: Installation) -> None:
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=installation.url, headers=headers, timeout=60) as client:
        await takes_a_fact(client)
        await takes_a_message(client)
        await tells_what_happened(client)
        await closes_metrics(client)
        await signs_heads(client)
    await speaks_mllp(installation)
    assert not Path(installation.environment["LEDGERLINE_HOME"]).exists(), "a process kept something on its own disk"


async def takes_a_fact(client: httpx.AsyncClient) -> None:
    """Over front, in the service's own process, with a token of the issuer."""
    payer = {"name": "NORTHERN HEALTH", "electronic_id": "NORTH1"}
    answer = await client.put(
        "/api/eligibility/payers/northern", json=payer, headers={"Idempotency-Key": secrets.token_hex(8)}
    )
    assert answer.is_success, answer.text


async def takes_a_message(client: httpx.AsyncClient) -> None:
    """The gateway hands its parts to the services with the token of its file."""
    answer = await client.post(
        "/intake?name=a04.hl7",
        content=MESSAGE.encode(),
        headers={"Content-Type": "application/octet-stream", "Idempotency-Key": secrets.token_hex(8)},
    )
    assert answer.is_success, answer.text
    assert [each["outcome"] for each in answer.json()] == ["accepted"], answer.text


async def tells_what_happened(client: httpx.AsyncClient) -> None:
    """`/events` reads the log where readers of other services read it: in Kafka, to which the relay brought it."""
    for service, name in (("eligibility", "PatientRegistered"), ("charges", "EncounterOpened")):
        answer = await client.get(f"/api/{service}/events", params={"types": f"{service}.{name}.v1", "wait": 20})
        assert answer.is_success, answer.text
        told = answer.json()
        assert [each["type"] for each in told] == [f"{service}.{name}.v1"]
        assert "FLINT" not in answer.text, "a name left the service in clear"


async def closes_metrics(client: httpx.AsyncClient) -> None:
    """Front asks over loopback; the services do not take that for somebody on their machine."""
    async with httpx.AsyncClient(base_url=client.base_url) as stranger:
        for service in SERVICES:
            assert (await stranger.get(f"/api/{service}/metrics")).status_code == httpx.codes.UNAUTHORIZED
    assert "ledgerline_http_requests_total" in (await client.get("/api/claims/metrics")).text


async def signs_heads(client: httpx.AsyncClient) -> None:
    """Over the store's commit order, whatever others read from, and into the folder that all of them share."""
    for _ in range(100):
        if await heads_checked(client, "eligibility"):
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the fact that eligibility took in is under no head")


async def heads_checked(client: httpx.AsyncClient, service: str) -> int:
    report = (await client.get(f"/api/{service}/ops/verify")).json()
    [heads, events] = [
        check for check in report["checks"] if check["name"].startswith(("heads are", "events are those"))
    ]
    assert (heads["violations"], events["violations"]) == ([], [])
    return int(heads["checked"])


async def speaks_mllp(installation: Installation) -> None:
    address = (installation.environment["LEDGERLINE_MLLP_HOST"], int(installation.environment["LEDGERLINE_MLLP_PORT"]))
    answer = await asyncio.to_thread(exchanged, address, MESSAGE.replace("|1|P|", "|2|P|").encode())
    assert b"MSA|AA|2" in answer


def exchanged(address: tuple[str, int], message: bytes) -> bytes:
    """The acknowledgement of a message."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(b"\x0b" + message + b"\x1c\r")
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            answer += connection.recv(4096)
    return answer
