"""The claims service as it runs, with the other services' words put into their own stores and a partner that is a folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest_asyncio

from services.claims.main import build
from shared.events.base import Event
from shared.kernel.decider import Decider
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.host import Build
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer

PARTNER = "northern"
LISTING = {
    "name": "Northern Clearing",
    "transport": "folder",
    "sender_id": "LAKESIDE",
    "receiver_id": "NORTHERN",
    "usage": "T",
    "claims_per_set_max": 1,
}


@dataclass(slots=True, kw_only=True)
class Exchange:
    """Claims, what it heard from others, and the partner's folder."""

    running: Hosted
    voices: dict[str, Commands]
    folder: Path

    async def tell(self, service: str, stream: str, event: Event) -> None:
        """Another service says this, in its own store."""
        aggregate, _, key = stream.partition("/")
        spoken = Aggregate(name=aggregate, decider=Decider(decide=_say, evolve=_listen, initial=None))
        cause = Cause(tenant=TENANT, actor="user:test", command_id=uuid4(), correlation_id="test")
        await self.voices[service].handle(spoken, key, event, cause)

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        return await self.running.ask(method, f"/api/claims{path}", body, **options)

    async def send_file(self, content: bytes, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key or uuid4().hex, "Content-Type": "application/edi-x12"}
        answer = await self.running.http.post("/api/claims/acknowledgements", content=content, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def until(self, path: str, holds: Callable[[Any], bool], seconds: float = 20.0) -> Any:
        """What a query answers once it answers as expected. Fails with the last answer after a while."""
        give_up = time.monotonic() + seconds
        while True:
            answer = await self.running.http.get(f"/api/claims{path}")
            if answer.status_code == 200 and holds(answer.json()):
                return answer.json()
            assert time.monotonic() < give_up, f"{path}: {answer.status_code} {answer.text[:1500]}"
            await asyncio.sleep(0.05)

    async def claim_with(self, claim_id: str, status: str) -> Any:
        found = await self.until(f"/claims/{claim_id}", lambda answer: answer["claim"]["status"] == status)
        return found["claim"]

    def outbox(self) -> list[Path]:
        folder = self.folder / "outbox"
        return sorted(path for path in folder.iterdir() if path.suffix == ".837") if folder.is_dir() else []


def _say(event: Event, _: None) -> list[Event]:
    return [event]


def _listen(_: None, __: Event) -> None:
    return None


def _voice(voices: dict[str, Commands], service: str) -> Build:
    def build_voice(runtime: ServiceRuntime) -> ServiceParts:
        voices[service] = runtime.commands
        return ServiceParts(aggregates=(), projections=(), policies=())

    return build_voice


@contextlib.asynccontextmanager
async def exchanging(
    server: PostgresServer, home: Path, claims: Build = build, *, realtime_url: str = "", **settings: Any
) -> AsyncIterator[Exchange]:
    """The service on fresh databases; when it is over, its log has been verified."""
    folder = home / PARTNER
    connection = {"transport": "folder", "outbox": str(folder / "outbox"), "inbox": str(folder / "inbox")}
    connections = {TENANT: {PARTNER: connection | {"realtime_url": realtime_url}}}
    (home / "partners.json").write_text(json.dumps(connections))
    voices: dict[str, Commands] = {}
    others = {service: _voice(voices, service) for service in ("charges", "eligibility", "payments")}
    async with hosted(server, {"claims": claims, **others}, home, **settings) as running:
        made = Exchange(running=running, voices=voices, folder=folder)
        await made.ask("PUT", f"/partners/{PARTNER}", LISTING)
        yield made
        await made.running.settle()
        found = await made.ask("GET", "/ops/verify")
        assert found["ok"], [check for check in found["checks"] if check["violations"]]
        assert (await made.ask("GET", "/ops/refused"))["items"] == []


@pytest_asyncio.fixture(loop_scope="session")
async def exchange(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Exchange]:
    async with exchanging(postgres_server, tmp_path) as made:
        yield made
