"""The edge on a real database of receipts, with stand-ins for the services that check every body against the services' own models."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest_asyncio
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.charges.api import bodies as charges
from services.eligibility.api import bodies as eligibility
from services.gateway.main import GatewayParts, GatewayRuntime, build
from services.gateway.receipts import create_gateway_schema
from services.gateway.settings import GatewaySettings
from shared.codecs.hl7v2.mllp import MllpDecoder, frame
from shared.kernel.errors import NotFound
from shared.runtime.documents import Document
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.platform import verifier_of
from shared.runtime.settings import Settings
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, prepare_roles
from shared.runtime.vault import Opener
from shared.runtime.web import create_app
from shared.testing.infrastructure import PostgresServer
from shared.testing.stores import PASSWORD
from shared.testing.vault import MemoryVault

TENANT = "clinic"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

BODIES: dict[str, type[BaseModel]] = {
    r"/api/eligibility/patients": eligibility.RegisterBody,
    r"/api/eligibility/patients/[^/]+/coverages": eligibility.CoverageBody,
    r"/api/eligibility/patients/[^/]+/merge": eligibility.MergeBody,
    r"/api/eligibility/appointments": eligibility.AppointmentBody,
    r"/api/eligibility/appointments/[^/]+/cancel": eligibility.CancelAppointmentBody,
    r"/api/charges/encounters": charges.OpenBody,
    r"/api/charges/encounters/[^/]+/charges": charges.PostBody,
    r"/api/charges/encounters/[^/]+/diagnoses": charges.DiagnosesBody,
    r"/api/charges/encounters/[^/]+/cancel": charges.CancelBody,
}
FILES = (
    "/api/payments/remittances",
    "/api/payments/deposits/files",
    "/api/claims/acknowledgements",
    "/api/eligibility/answers",
)


@dataclass(slots=True)
class StandIns:
    """The five services as the edge sees them. A key has one effect; `down` and `refusals` make them misbehave."""

    commands: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # path and body, each key once
    files: list[tuple[str, bytes]] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    patients: dict[str, dict[str, Any]] = field(default_factory=dict)  # what is answered of them besides
    reads: dict[str, Any] = field(default_factory=dict)  # path -> what is answered
    conflicts: int = 0  # so many commands are told that others were quicker
    down: set[str] = field(default_factory=set)
    file_answers: dict[str, Any] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)  # end of a path -> code
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def bodies(self, ending: str) -> list[dict[str, Any]]:
        return [body for path, body in self.commands if path.endswith(ending)]

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/{service}/{rest:path}", self._answer, methods=["GET", "POST", "PUT"])])

    async def _answer(self, request: Request) -> Response:
        self.asked.set()
        path, service = request.url.path, request.path_params["service"]
        assert request.headers["X-Ledgerline-Tenant"] == TENANT
        if service in self.down:
            return JSONResponse({"code": "unavailable"}, 503)
        if request.method == "GET":
            if path in self.reads:
                return JSONResponse(self.reads[path])
            patient_id = path.rpartition("/")[2]
            if patient_id not in self.people:
                return JSONResponse({"code": "not-found"}, 404)
            return JSONResponse({"person": self.people[patient_id], **self.patients.get(patient_id, {})})
        if self.conflicts:
            self.conflicts -= 1
            return JSONResponse({"code": "conflict", "detail": "others were quicker"}, 409)
        code = next((code for ending, code in self.refusals.items() if path.endswith(ending)), None)
        if code is not None:
            return JSONResponse({"code": code, "detail": "the stand-in says no"}, 409)
        return self._take(path, request.headers["Idempotency-Key"], await request.body())

    def _take(self, path: str, key: str, content: bytes) -> Response:
        if key in self.keys:
            return (
                JSONResponse({"stream": "again"}, 201)
                if self.keys[key] == content
                else JSONResponse({"code": "idempotency-key-reused"}, 422)
            )
        if path in FILES:
            self.files.append((path, content))
            self.keys[key] = content
            return JSONResponse(self.file_answers.get(path, {"findings": []}), 201)
        model = next(model for pattern, model in BODIES.items() if re.fullmatch(pattern, path))
        try:
            body = model.model_validate_json(content)
        except ValidationError as wrong:
            return JSONResponse({"code": "malformed", "detail": str(wrong)}, 422)
        self.commands.append((path, body.model_dump()))
        if isinstance(body, eligibility.RegisterBody) and body.patient_id:
            self.people[body.patient_id] = body.person.model_dump(mode="json")
        self.keys[key] = content
        return JSONResponse({"stream": path.rpartition("/")[2], "version": 1}, 201)


class MemoryDocuments:
    """Implements `shared.runtime.documents.Documents`."""

    def __init__(self) -> None:
        self.kept: dict[str, Document] = {}

    async def put(self, tenant: str, content: bytes, kind: str) -> str:
        document_id = hashlib.sha256(content).hexdigest()
        self.kept[document_id] = Document(document_id=document_id, kind=kind, stored_at=NOW, content=content)
        return document_id

    async def get(self, tenant: str, document_id: str, opener: Opener) -> Document:
        if document_id not in self.kept:
            raise NotFound("there is no such document")
        return self.kept[document_id]


class FixedClock:
    kind = "driven"

    def now(self) -> datetime:
        return NOW


@dataclass(slots=True, kw_only=True)
class Edge:
    parts: GatewayParts
    services: StandIns
    documents: MemoryDocuments
    runtime: GatewayRuntime

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Sender]:
        """The MLLP listener, and a connection to it."""
        serving = asyncio.create_task(self.parts.mllp.serve())
        await self.parts.mllp.is_listening.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.parts.mllp.bound_port)
        try:
            yield Sender(reader, writer)
        finally:
            writer.close()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        """The edge's routes as a program sees them that may do everything."""
        settings = self.runtime.settings
        app = create_app(
            "gateway",
            settings=settings,
            verifier=verifier_of(settings),
            version="test",
            routers=self.parts.routers,
            ready=_ready,
            description="The edge.",
            json_bytes_max=self.parts.json_bytes_max,
        )
        token = local_token(settings, [Role.ADMIN], TENANT, subject="tester")
        headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://edge", headers=headers) as client:
            yield client


class Sender:
    """An EHR: sends messages and reads their answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._decoder = MllpDecoder()
        self._answers: list[bytes] = []

    async def ask(self, message: bytes) -> bytes:
        self.writer.write(frame(message))
        return await self.answer()

    async def answer(self) -> bytes:
        while not self._answers:
            chunk = await asyncio.wait_for(self._reader.read(65536), 20)
            assert chunk, "the listener hung up"
            self._answers += [each for each in self._decoder.feed(chunk) if isinstance(each, bytes)]
        return self._answers.pop(0)


class MakeEdge(Protocol):
    def __call__(self, **own: Any) -> Edge: ...


async def _ready() -> dict[str, bool]:
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def make_edge(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[MakeEdge]:
    """Makes edges over one database: a second one is what a restart finds."""
    async with own_database(postgres_server) as name:
        async for each in _edges(postgres_server, name, tmp_path):
            yield each


@contextlib.asynccontextmanager
async def own_database(server: PostgresServer) -> AsyncIterator[str]:
    """An empty database that belongs to the owner."""
    await prepare_roles(server.dsn(), dict.fromkeys((OWNER, APP, FEED), PASSWORD))
    name = f"test_gateway_{secrets.token_hex(6)}"
    await create_database(server.dsn(), name)
    try:
        yield name
    finally:
        await server.drop(name)


async def _edges(postgres_server: PostgresServer, name: str, tmp_path: Path) -> AsyncIterator[MakeEdge]:
    owner = postgres_server.dsn(name, OWNER, password=PASSWORD)
    await create_gateway_schema(owner)
    await create_gateway_schema(owner)  # any number of times
    vault, documents, services = MemoryVault(), MemoryDocuments(), StandIns()
    made: list[GatewayParts] = []
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=services.app()), base_url="http://ledgerline")

    def make(**own: Any) -> Edge:
        runtime = GatewayRuntime(
            settings=Settings(home=tmp_path, mllp_tenant=TENANT, mllp_port=_free_port()),
            documents=documents,
            vault=vault,
            clock=FixedClock(),
            client=client,
            database_dsn=postgres_server.dsn(name, APP, password=PASSWORD),
            owner_dsn=owner,
        )
        parts = build(runtime, GatewaySettings(**own))
        made.append(parts)
        return Edge(parts=parts, services=services, documents=documents, runtime=runtime)

    yield make
    for parts in made:
        await parts.close()
    await client.aclose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
