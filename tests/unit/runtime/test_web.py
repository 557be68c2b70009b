"""Does every service answer alike: deny by default, say what is wrong without quoting it, do a write once?"""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiokafka.errors import KafkaConnectionError
from fastapi import APIRouter, Depends, FastAPI, File, Form, UploadFile
from prometheus_client import generate_latest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.kernel.errors import DomainError, Malformed, NotFound
from shared.runtime import telemetry
from shared.runtime.availability import VaultUnavailable
from shared.runtime.command import Cause, EventTooLarge, IdempotencyKeyReused, Outcome, TooBusy
from shared.runtime.identity import Caller, Role, TokenVerifier
from shared.runtime.identity.issuer import LocalIssuer
from shared.runtime.identity.keys import IssuerKeys
from shared.runtime.identity.roles import _TABLE, ACTIONS, OF_THE_INSTALLATION
from shared.runtime.settings import Settings
from shared.runtime.web import Cursor, Done, Limit, Page, caller, cause_of, create_app, done
from shared.runtime.web.application import OpenRoute, actions_of

pytestmark = pytest.mark.asyncio

CANARY = "zebulonq7x"


class Row(BaseModel):
    claim_id: str


class TakeIn(BaseModel):
    """A body with one field of each kind of rule."""

    model_config = ConfigDict(extra="forbid")

    amount_cents: int = Field(ge=0)
    service_on: date | None = None
    remittance_id: uuid.UUID | None = None
    kind: Literal["era", "paper"] = "era"
    claim: str = Field(default="", pattern=r"^[A-Z0-9]*$", max_length=16)
    by_code: dict[str, int] = {}
    note: str = ""

    @field_validator("note")
    @classmethod
    def _short(cls, note: str) -> str:
        if len(note) > 5:
            raise ValueError(f"the note {note} is too long")
        return note


class TraceReused(DomainError):
    code = "trace-number-reused"


FAILURES: Mapping[str, Exception] = {
    "refused": TraceReused("that trace number is there already", remittance_id="r1"),
    "missing": NotFound("there is no such remittance"),
    "malformed": Malformed("not a claim number"),
    "reused": IdempotencyKeyReused("the same key with another body"),
    "busy": TooBusy("the queue is full"),
    "vault": VaultUnavailable("the vault does not answer"),
    "large": EventTooLarge("too large"),
    "bug": RuntimeError(CANARY),
    "group": ExceptionGroup(CANARY, [ValueError(CANARY)]),
    "database": asyncpg.UniqueViolationError(f"DETAIL: Key (mrn)=({CANARY}) already exists."),
    "down": ConnectionRefusedError(CANARY),
    "brokers": KafkaConnectionError(CANARY),
}

router = APIRouter(prefix="/remittances", tags=["remittances"])


@router.get("/failures/{name}")
async def fail(name: str, who: Annotated[Caller, Depends(caller("payments:read-remittances"))]) -> None:
    raise FAILURES[name]


@router.get("/{remittance_id}")
async def read(
    remittance_id: str,
    who: Annotated[Caller, Depends(caller("payments:read-remittances"))],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Row]:
    """Rows of one remittance."""
    return Page[Row](items=[Row(claim_id=f"{who.tenant}-{limit}")], positions={"payments": "1.2.3"})


@router.post("", status_code=201)
async def take_in(
    body: TakeIn, cause: Annotated[Cause, Depends(cause_of("payments:receive-remittance"))]
) -> dict[str, Any]:
    return told(cause)


@router.post("/{remittance_id}/release")
async def release(
    remittance_id: str, cause: Annotated[Cause, Depends(cause_of("payments:release-remittance"))]
) -> dict[str, Any]:
    return told(cause)


@router.post("/upload", status_code=201)
async def upload(
    file: Annotated[UploadFile, File()],
    note: Annotated[str, Form()],
    cause: Annotated[Cause, Depends(cause_of("payments:receive-remittance"))],
) -> dict[str, Any]:
    return told(cause)


def told(cause: Cause) -> dict[str, Any]:
    return {
        "tenant": cause.tenant,
        "actor": cause.actor,
        "command_id": str(cause.command_id),
        "fingerprint": cause.fingerprint.hex(),
        "correlation_id": cause.correlation_id,
        "causation_id": cause.causation_id,
    }


class Service:
    """A service on an embedded installation, reached over HTTP under /api/payments."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.settings = Settings(home=home, json_bytes_max=2048, upload_bytes_max=8192, **settings)
        self.issuer = LocalIssuer(self.settings)
        self.is_store_up = True
        verifier = TokenVerifier(IssuerKeys(self.issuer.key_set), issuer=self.settings.issuer, audience="ledgerline")
        self.app = create_app(
            "payments",
            settings=self.settings,
            verifier=verifier,
            version="1.2.3",
            routers=[router],
            ready=self._ready,
            description="Money.",
        )
        host = FastAPI()
        host.mount("/api/payments", self.app)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(host, client=("127.0.0.1", 5)), base_url="http://x/api/payments"
        )
        self.remote = httpx.AsyncClient(
            transport=httpx.ASGITransport(host, client=("203.0.113.9", 5)), base_url="http://x/api/payments"
        )

    async def _ready(self) -> Mapping[str, bool]:
        return {"store": self.is_store_up, "vault": True}

    def bearer(self, *roles: Role, tenants: tuple[str, ...] = ("north",), subject: str = "anna") -> dict[str, str]:
        token = self.issuer.sign(subject, "dashboard", {tenant: [*roles] for tenant in tenants}, 60)
        return {"Authorization": f"Bearer {token}"}

    def write(self, key: str = "k1", **headers: str) -> dict[str, str]:
        return self.bearer(Role.POSTER) | {"Idempotency-Key": key} | headers


@pytest_asyncio.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    made = Service(tmp_path)
    yield made
    await made.client.aclose()
    await made.remote.aclose()


# --- who may ---


async def test_without_a_token_there_is_only_health_metrics_and_the_description(service: Service) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"):
        assert (await service.client.get(path)).status_code == 200, path
    for method, path in (
        ("GET", "/remittances/1"),
        ("POST", "/remittances"),
        ("GET", "/nothing"),
        ("GET", "/health/live/x"),
    ):
        answer = await service.client.request(method, path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_no_route_can_be_reached_by_a_role_that_the_table_does_not_name(service: Service) -> None:
    operations = list(actions_of(service.app))
    assert len(operations) == 5
    for method, path, action in operations:
        assert action is not None
        for role in Role:
            answer = await service.client.request(
                method, path.format(name="missing", remittance_id="r1"), headers=service.bearer(role)
            )
            expected_denial = not stands_in_the_table(role, action)
            assert (answer.status_code == 403) is expected_denial, (method, path, role, answer.status_code)


def stands_in_the_table(role: Role, action: str) -> bool:
    """The table, read as a person would read it: the words of the row."""
    is_reading = action.partition(":")[2].startswith("read-")
    return role.value in _TABLE[action].split() or role is Role.ADMIN or (role is Role.AUDITOR and is_reading)


async def test_a_tenant_that_is_anothers_and_one_that_does_not_exist_are_refused_alike(service: Service) -> None:
    headers = service.bearer(Role.POSTER)
    answers = []
    for tenant in ("south", "nowhere"):
        found = (await service.client.get("/remittances/1", headers=headers | {"X-Ledgerline-Tenant": tenant})).json()
        answers.append({name: value for name, value in found.items() if name != "trace_id"})
    assert answers[0] == answers[1]
    assert answers[0]["status"] == 403


async def test_who_belongs_to_two_tenants_names_the_one_they_mean(service: Service) -> None:
    headers = service.bearer(Role.POSTER, tenants=("north", "south"))
    assert (await service.client.get("/remittances/1", headers=headers)).status_code == 400
    answer = await service.client.get("/remittances/1", headers=headers | {"X-Ledgerline-Tenant": "south"})
    assert answer.json()["items"] == [{"claim_id": "south-50"}]


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "bearer x", "a.b.c"])
async def test_an_authorization_header_that_is_no_good_is_refused_even_where_none_is_needed(
    service: Service, value: str
) -> None:
    for path in ("/remittances/1", "/metrics"):
        assert (await service.client.get(path, headers={"Authorization": value})).status_code == 401


async def test_two_authorization_headers_are_refused(service: Service) -> None:
    good = service.bearer(Role.POSTER)["Authorization"]
    answer = await service.client.get("/remittances/1", headers=[("Authorization", good), ("Authorization", good)])
    assert answer.status_code == 401


async def test_metrics_are_for_this_machine_or_for_operators(service: Service) -> None:
    assert (await service.remote.get("/metrics")).status_code == 401
    assert (await service.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})).status_code == 401
    assert (await service.remote.get("/metrics", headers=service.bearer(Role.BILLER))).status_code == 403
    assert (await service.remote.get("/metrics", headers=service.bearer(Role.OPERATOR))).status_code == 200


async def test_what_concerns_the_whole_installation_is_for_the_tenant_that_operates_it(tmp_path: Path) -> None:
    service = Service(tmp_path, operations_tenant="operations")
    own, theirs = (service.bearer(Role.ADMIN, tenants=(tenant,)) for tenant in ("operations", "north"))
    assert (await service.remote.get("/metrics", headers=own)).status_code == 200
    refused = await service.remote.get("/metrics", headers=theirs)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await service.remote.get("/remittances/1", headers=theirs)).status_code == 200
    assert OF_THE_INSTALLATION <= ACTIONS


async def test_a_route_that_names_no_action_does_not_start(service: Service) -> None:
    for path in ("/open", "/nested"):
        loose = APIRouter()

        @loose.get(path)
        async def open_to_all() -> None: ...

        outer = APIRouter(prefix="/x")
        outer.include_router(loose)
        with pytest.raises(OpenRoute, match=path):
            create_app(
                "payments",
                settings=service.settings,
                verifier=TokenVerifier(IssuerKeys(service.issuer.key_set), issuer="i", audience="a"),
                version="1",
                routers=[outer],
                ready=service._ready,
                description="",
            )


async def test_an_action_that_does_not_exist_does_not_start() -> None:
    with pytest.raises(LookupError):
        caller("payments:misspelt")


# --- refusals ---


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("refused", 409, "trace-number-reused"),
        ("missing", 404, "not-found"),
        ("malformed", 422, "malformed"),
        ("reused", 422, "idempotency-key-reused"),
        ("busy", 503, "too-busy"),
        ("vault", 503, "vault-unavailable"),
        ("large", 413, "event-too-large"),
        ("bug", 500, "internal-error"),
        ("group", 500, "internal-error"),
        ("database", 500, "internal-error"),
        ("down", 503, "store-unavailable"),
        ("brokers", 503, "log-unavailable"),
    ],
)
async def test_a_refusal_is_a_problem_with_a_stable_code(service: Service, name: str, status: int, code: str) -> None:
    answer = await service.client.get(f"/remittances/failures/{name}", headers=service.bearer(Role.POSTER))
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:ledgerline:problem:{code}"
    assert len(problem["trace_id"]) == 32
    assert CANARY not in answer.text
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_a_refusal_carries_its_facts(service: Service) -> None:
    answer = await service.client.get("/remittances/failures/refused", headers=service.bearer(Role.POSTER))
    assert answer.json()["facts"] == {"remittance_id": "r1"}


SPOILT: list[Any] = [
    {"amount_cents": CANARY},
    {"amount_cents": 1.5},
    {"amount_cents": -1},
    {"amount_cents": None},
    {"amount_cents": 1, "service_on": CANARY},
    {"amount_cents": 1, "service_on": f"2026-01-{CANARY}"},
    {"amount_cents": 1, "remittance_id": CANARY},
    {"amount_cents": 1, "kind": CANARY},
    {"amount_cents": 1, "claim": CANARY},
    {"amount_cents": 1, "claim": CANARY.upper() * 9},
    {"amount_cents": 1, "note": CANARY},
    {"amount_cents": 1, CANARY: 1},
    {"amount_cents": 1, "by_code": {CANARY: CANARY}},
    {"amount_cents": 1, "by_code": {CANARY: {CANARY: [CANARY]}}},
    {CANARY: CANARY},
    [CANARY],
    CANARY,
    None,
]


@pytest.mark.parametrize("body", SPOILT)
async def test_a_malformed_body_is_told_by_place_and_rule_and_never_quoted(service: Service, body: Any) -> None:
    answer = await service.client.post("/remittances", json=body, headers=service.write())
    assert answer.status_code == 422
    assert CANARY not in answer.text.lower()
    assert all(set(fault) == {"place", "rule"} for fault in answer.json()["errors"])
    assert answer.json()["errors"]


async def test_a_fault_names_the_field_when_it_is_ours(service: Service) -> None:
    answer = await service.client.post("/remittances", json={"amount_cents": "x", CANARY: 1}, headers=service.write())
    assert [fault["place"] for fault in answer.json()["errors"]] == ["body.amount_cents", "body.?"]


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff\xfe", CANARY.encode(), b'{"amount_cents": ' + CANARY.encode() + b"}", b""]
)
async def test_a_body_that_is_no_json_is_not_quoted_either(service: Service, raw: bytes) -> None:
    headers = service.write() | {"Content-Type": "application/json"}
    answer = await service.client.post("/remittances", content=raw, headers=headers)
    assert answer.status_code in {400, 422}
    assert CANARY not in answer.text


async def test_unknown_paths_and_methods_are_problems_that_do_not_repeat_the_path(service: Service) -> None:
    headers = service.bearer(Role.POSTER)
    for method, path, status in (("GET", f"/{CANARY}", 404), ("DELETE", f"/remittances/{CANARY}", 405)):
        answer = await service.client.request(method, path, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert CANARY not in answer.text


async def test_a_query_out_of_bounds_is_refused(service: Service) -> None:
    for query in ("limit=0", "limit=501", f"limit={CANARY}", f"cursor={'a' * 1025}"):
        answer = await service.client.get(f"/remittances/1?{query}", headers=service.bearer(Role.POSTER))
        assert answer.status_code == 422
        assert CANARY not in answer.text


# --- limits ---


async def test_a_body_over_its_limit_is_refused_before_and_while_it_is_read(service: Service) -> None:
    async def endless(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 512):
            yield b" " * 512

    headers = service.write()
    said = await service.client.post(
        "/remittances", content=b" " * 2049, headers=headers | {"Content-Type": "application/json"}
    )
    unsaid = await service.client.post(
        "/remittances", content=endless(4096), headers=headers | {"Content-Type": "application/json"}
    )
    large = await service.client.post(
        "/remittances/r1/release", content=endless(16384), headers=headers | {"Content-Type": "application/edi-x12"}
    )
    fits = await service.client.post(
        "/remittances/r1/release", content=endless(8192), headers=headers | {"Content-Type": "application/edi-x12"}
    )
    assert [answer.status_code for answer in (said, unsaid, large, fits)] == [413, 413, 413, 200]


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 40, "0x10"])
async def test_a_length_that_makes_no_sense_is_refused(service: Service, length: str) -> None:
    answer = await service.client.post(
        "/remittances", content=b"{}", headers=service.write() | {"Content-Length": length}
    )
    assert answer.status_code == 413


# --- writes ---


async def test_the_same_request_has_the_same_command_and_another_body_another_fingerprint(service: Service) -> None:
    first = (await service.client.post("/remittances", json={"amount_cents": 1}, headers=service.write())).json()
    again = (await service.client.post("/remittances", json={"amount_cents": 1}, headers=service.write())).json()
    other = (await service.client.post("/remittances", json={"amount_cents": 2}, headers=service.write())).json()
    assert first["command_id"] == again["command_id"] == other["command_id"]
    assert first["fingerprint"] == again["fingerprint"] != other["fingerprint"]
    assert (first["tenant"], first["actor"]) == ("north", "user:anna")


async def test_one_key_used_on_two_things_is_two_commands(service: Service) -> None:
    answers = [
        (await service.client.post(f"/remittances/{name}/release", headers=service.write())).json()
        for name in ("r1", "r2")
    ]
    assert answers[0]["command_id"] != answers[1]["command_id"]
    asked = (await service.client.post("/remittances/r1/release?force=1", headers=service.write())).json()
    assert asked["command_id"] == answers[0]["command_id"]
    assert asked["fingerprint"] != answers[0]["fingerprint"]


async def test_two_tenants_may_use_the_same_key(service: Service) -> None:
    found = set()
    for tenant in ("north", "south"):
        headers = service.bearer(Role.POSTER, tenants=(tenant,)) | {"Idempotency-Key": "k1"}
        found.add((await service.client.post("/remittances/r1/release", headers=headers)).json()["command_id"])
    assert len(found) == 2


async def test_an_upload_has_a_fingerprint_too(service: Service) -> None:
    prints = []
    for content in (b"ISA", b"ISA", b"IEA"):
        request = service.client.build_request(
            "POST",
            "/remittances/upload",
            files={"file": ("x.835", content)},
            data={"note": "n"},
            headers=service.write() | {"Content-Type": "multipart/form-data; boundary=b"},
        )
        answer = await service.client.send(request)
        assert answer.status_code == 201, answer.text
        prints.append(answer.json()["fingerprint"])
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("key", [None, "", "a" * 129, "a b", "ü"])
async def test_a_write_needs_a_proper_key(service: Service, key: str | None) -> None:
    headers: list[tuple[bytes, bytes]] = [(b"authorization", service.write()["Authorization"].encode())]
    if key is not None:
        headers.append((b"idempotency-key", key.encode()))
    answer = await service.client.post("/remittances", json={"amount_cents": 1}, headers=headers)
    assert answer.status_code == (400 if not key else 422)


async def test_a_message_that_led_here_is_named_in_the_cause(service: Service) -> None:
    headers = service.write() | {"X-Correlation-Id": "receipt-7", "X-Causation-Id": "msg-1"}
    found = (await service.client.post("/remittances/r1/release", headers=headers)).json()
    assert (found["correlation_id"], found["causation_id"]) == ("receipt-7", "msg-1")
    spoilt = await service.client.post("/remittances/r1/release", headers=service.write() | {"X-Correlation-Id": "a b"})
    assert spoilt.status_code == 422


async def test_the_answer_to_a_write_says_what_to_wait_for() -> None:
    outcome = Outcome(stream="remittance/r1", version=2, position=None, event_ids=(uuid.UUID(int=1),), is_repeat=True)
    assert done(outcome, "payments") == Done(
        stream="remittance/r1", version=2, event_ids=[uuid.UUID(int=1)], after=None, is_repeat=True
    )


# --- around ---


async def test_readiness_follows_what_the_service_stands_on(service: Service) -> None:
    assert (await service.client.get("/health/ready")).json()["ready"] is True
    service.is_store_up = False
    answer = await service.client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"store": False, "vault": True})
    assert (await service.client.get("/health/live")).status_code == 200


async def test_every_answer_keeps_browsers_and_caches_away(service: Service) -> None:
    for path in ("/health/live", "/remittances/1", "/docs"):
        headers = (await service.client.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_the_page_of_operations_lists_them_and_asks_nothing_of_anyone_else(service: Service) -> None:
    page = (await service.client.get("/docs")).text
    for text in ("/remittances/{remittance_id}", "Idempotency-Key", "amount_cents", "Rows of one remittance."):
        assert text in page
    assert "://" not in page
    assert "<script" not in page


async def test_the_description_names_the_problems_and_the_token(service: Service) -> None:
    described = (await service.client.get("/openapi.json")).json()
    operation = described["paths"]["/remittances"]["post"]
    assert set(operation["responses"]) >= {"201", "401", "403", "409", "422", "503"}
    for status in ("401", "409", "422"):
        assert operation["responses"][status]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
    assert described["components"]["schemas"]["Problem"]["required"]
    assert "HTTPValidationError" not in json.dumps(described)
    assert operation["security"] == [{"HTTPBearer": []}]
    assert "/metrics" not in described["paths"]


async def test_logs_and_metrics_know_routes_and_not_what_was_in_them(service: Service) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(telemetry.JsonLines())
    logger = logging.getLogger("shared.runtime.web.edge")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        headers = service.write()
        await service.client.get(f"/remittances/{CANARY}?cursor={CANARY}", headers=headers)
        await service.client.get(f"/{CANARY}", headers=headers)
        await service.client.post("/remittances", json={"amount_cents": CANARY}, headers=headers)
        for name in FAILURES:
            await service.client.get(f"/remittances/failures/{name}", headers=headers)
        await service.client.request(CANARY.upper(), "/remittances", headers=headers)
    finally:
        logger.removeHandler(handler)
    told_lines = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert CANARY not in lines.getvalue().lower()
    assert {line["route"] for line in told_lines} >= {
        "/remittances/{remittance_id}",
        "/remittances/failures/{name}",
        "unmatched",
    }
    failed = [line for line in told_lines if "error" in line]
    assert {line["error"]["type"] for line in failed} == {
        "RuntimeError",
        "ExceptionGroup",
        "asyncpg.exceptions.UniqueViolationError",
        "ConnectionRefusedError",
        "aiokafka.errors.KafkaConnectionError",
    }
    assert all(line["actor"] == "user:anna" for line in told_lines)
    assert CANARY not in generate_latest().decode().lower()
