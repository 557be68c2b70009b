"""A practice that has lived for some weeks, behind the whole front door in this process, and tokens of every kind for it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from joserfc.jwk import ECKey
from starlette.types import ASGIApp

from deploy.front import open_front
from shared.runtime.identity.issuer import sign_access_token, signing_key
from shared.runtime.web.application import actions_of
from shared.testing.hosting import TENANT
from shared.testing.infrastructure import PostgresServer
from tests.asgi import Answer, ask
from tests.integration.cycle.practice import Practice, practice

REGISTRATION = (
    b"MSH|^~\\&|EHR|RIVER|LL|LL|20260602080000||ADT^A04|M-1|P|2.5.1\r"
    b"EVN|A04|20260602080000\rPID|1||MRN-77^^^RIVER^MR||STONE^OLIVE||19800101|F\rPV1|1|O|||||||||||||||||V-77\r"
)

# An acknowledgement of an interchange that nobody sent: it is kept, and held.
ACKNOWLEDGEMENT = (
    b"ISA*00*          *00*          *ZZ*SANDBOX        *ZZ*RIVERCLINIC    *260602*0800*^*00501*000000901*0*T*:~"
    b"TA1*000000777*260601*0800*A*000~IEA*0*000000901~"
)
VISITS = {  # the last digits of a charge say what the sandbox's payer does with it
    "visit-1": ("iris", 150_14),
    "visit-2": ("hugo", 150_05),
    "visit-3": ("rosa", 150_13),
    "visit-4": ("emil", 150_13),
    "visit-5": ("vera", 150_03),
}
# Tests of rights send more than anyone may, on machines that are busy.
PATIENT: dict[str, Any] = {
    "requests_per_second_per_caller": 1e9,
    "requests_per_second_per_tenant": 1e9,
    "requests_per_second_per_address": 1e9,
    "statement_seconds_max": 60,
}
BY_HAND: dict[str, dict[str, Any]] = {
    "/api/eligibility/appointments": {
        "appointment_id": "appointment-1",
        "patient_id": "rosa",
        "starts_at": "2026-07-01T09:00:00Z",
    },
    "/api/eligibility/authorizations": {
        "authorization_id": "authorization-1",
        "patient_id": "rosa",
        "payer_id": "blue-plains",
        "number": "A-1",
        "units": 3,
        "valid_from_on": "2026-06-01",
        "valid_to_on": "2026-12-31",
    },
    "/api/eligibility/checks": {"patient_id": "rosa", "coverage_id": "rosa-blue-plains", "service_on": "2026-06-20"},
    "/api/payments/patient-payments": {
        "payment_id": "payment-1",
        "patient_id": "olive",  # who owes nothing, so that it waits
        "amount_cents": 500,
        "method": "cash",
        "received_on": "2026-06-10",
    },
    "/api/payments/card-payments": {
        "card_payment_id": "card-1",
        "patient_id": "olive",
        "amount_cents": 500,
        "token": "tok_1",
    },
    "/api/payments/patient-payments/payment-1/refunds": {
        "patient_id": "olive",
        "refund_id": "refund-1",
        "amount_cents": 100,
    },
    "/api/claims/claim-rules/own-first": {
        "name": "Nobody's claim",
        "when": {"property": "claim.rank", "operator": "more-than", "value": 9},
        "action": "warn",
        "message": "never said",
        "fix": "never done",
    },
    "/api/collections/patients/iris/holds": {"hold": "litigation", "reason": "attorney letter"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path of one service or of the front, as it is described."""

    method: str
    path: str  # with the place where the service is mounted
    action: str
    described: Mapping[str, Any]
    components: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True, kw_only=True)
class System:
    clinic: Practice
    app: ASGIApp
    operations: list[Operation]
    key: ECKey
    objects: dict[str, str]  # path parameter -> something of the clinic's that is there

    def token(self, tenants: Mapping[str, Iterable[str]], *, subject: str = "stranger", **claims: Any) -> str:
        """An access token as the issuer of this system signs them."""
        settings = self.clinic.system.platform.settings
        return sign_access_token(
            claims.pop("key", self.key),
            issuer=claims.pop("issuer", settings.issuer),
            audience=claims.pop("audience", settings.audience),
            subject=subject,
            client=claims.pop("client", "test"),
            tenants={tenant: list(roles) for tenant, roles in tenants.items()},
            issued_at=claims.pop("issued_at", int(time.time())),
            seconds=claims.pop("seconds", 900),
        )

    @property
    def admin(self) -> str:
        """Who may do everything in the clinic."""
        return self.token({TENANT: ["admin"]}, subject="tester")

    async def told(self, method: str, target: str, body: Any = None) -> Any:
        """What the clinic's administrator is answered. Fails unless it is a success."""
        answer = await self.ask(method, target, self.admin, body=body)
        assert answer.status < 300, f"{method} {target}: {answer.status} {answer.body[:400]!r}"
        return json.loads(answer.body)

    async def first(self, target: str) -> dict[str, Any]:
        """The first row of a list that has one."""
        told = await self.told("GET", target)
        assert told["items"], f"{target} is empty: the clinic has not lived as expected"
        return dict(told["items"][0])

    async def ask(
        self, method: str, target: str, token: str | None = None, *, body: Any = None, **headers: str
    ) -> Answer:
        """One request; a write gets a key unless it brings one."""
        sent = {"Idempotency-Key": f"key-{time.monotonic_ns()}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if content and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        return await ask(self.app, method, target, sent, content)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def system(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    home = tmp_path_factory.mktemp("secured")
    nobody = json.dumps({TENANT: "http://127.0.0.1:9/a-processor-that-does-not-answer"})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LEDGERLINE_PAYMENTS_CARD_PROCESSOR_URLS", nobody)
        async with _secured(postgres_server, home) as made:
            yield made


@contextlib.asynccontextmanager
async def _secured(postgres_server: PostgresServer, home: Path) -> AsyncIterator[System]:
    async with practice(postgres_server, home, databases=("gateway",), **PATIENT) as clinic:
        hosts = clinic.system.hosts
        async with open_front(clinic.system.platform, list(hosts.values())) as front:
            made = System(
                clinic=clinic,
                app=front.app,
                operations=_operations(
                    {f"/api/{name}": host.app for name, host in hosts.items()} | {"": _edge(front.app.door)}
                ),
                key=signing_key(clinic.system.platform.settings.home),
                objects={},
            )
            made.objects |= await _lived(made)
            yield made


def _edge(app: Any) -> FastAPI:
    [edge] = [route.app for route in app.routes if isinstance(route.app, FastAPI) and route.path == ""]
    return edge


def _operations(apps: Mapping[str, FastAPI]) -> list[Operation]:
    found = []
    for mount, app in apps.items():
        description = app.openapi()
        for method, path, action in actions_of(app):
            if action is not None:
                found.append(
                    Operation(
                        method=method,
                        path=mount + path,
                        action=action,
                        described=description["paths"][path][method.lower()],
                        components=description["components"]["schemas"],
                    )
                )
    return found


async def _lived(system: System) -> dict[str, str]:
    """Weeks of the clinic's life, and one of everything that they left behind."""
    clinic = system.clinic
    await _contracted(system)
    for visit, (patient, cents) in VISITS.items():
        await clinic.register(patient, "blue-plains")
        await clinic.charge(visit, patient, ("99213", cents))
    await clinic.live(days=16)
    await _recorded_by_hand(system)
    await clinic.settle()
    clinic.clock.advance_to(clinic.clock.now() + timedelta(minutes=1))  # the books tell of moments that are over
    await clinic.settle()
    return await _found(system)


async def _contracted(system: System) -> None:
    """A contract that no payer keeps: whatever is answered is an underpayment."""
    await system.clinic.settle()
    path = "/api/payments/fee-schedules/blue-2026/amounts?name=Blue&effective_from=2026-01-01"
    loaded = await system.ask(
        "POST", path, system.admin, body=b"procedure_code,amount\n99213,90.00\n", Content_Type="text/csv"
    )
    assert loaded.status == 201, loaded
    contract = {
        "contract_id": "blue-1",
        "name": "Blue",
        "effective_from": "2026-01-01",
        "terms": [{"rule": "percent-of-charge", "percent": "200"}],
        "tolerance_cents": 0,
        "tolerance_percent": "0",
    }
    await system.told("POST", "/api/payments/payers/blue-plains/contracts", contract)


async def _recorded_by_hand(system: System) -> None:
    """What no payer's answer leads to."""
    for path, body in BY_HAND.items():
        await system.told("POST", path, body)
    for path, content in (("/intake", REGISTRATION), ("/api/claims/acknowledgements", ACKNOWLEDGEMENT)):
        answer = await system.ask("POST", path, system.admin, body=content, Content_Type="application/edi-x12")
        assert answer.status < 300, f"{path}: {answer}"
    statement = b"deposited_on,amount\n2026-06-10,12.00\n"
    taken = await system.ask(
        "POST", "/api/payments/deposits/files", system.admin, body=statement, Content_Type="text/csv"
    )
    assert taken.status == 201, taken
    balances = b"account,patient_id,responsible,original_on,amount\nA-1,emil,patient,2026-03-01,12.00\n"
    control = "as_of_on=2026-04-30&control_cents=1200&control_lines=1"
    path = f"/api/payments/opening-balances?{control}"
    brought = await system.ask("POST", path, system.admin, body=balances, Content_Type="text/csv")
    assert brought.status == 201, brought
    account = (await system.first("/api/payments/accounts?patient_id=rosa"))["account_id"]
    adjustment = {"adjustment_id": "adj-1", "party": "patient", "reason": "hardship", "amount_cents": 100}
    await system.told("POST", f"/api/payments/accounts/{account}/adjustments", adjustment)
    dispute = {"account_ids": [account], "reason_code": "not-mine"}
    await system.told("POST", "/api/collections/patients/rosa/disputes", dispute)
    words = {"title": "River's words", "text": "On claim {claim}: {grounds}"}
    await system.told("PUT", "/api/claims/appeal-templates/rivers-words", words)
    plan = {"instalments": 3, "first_due_on": "2026-07-01"}
    await system.told("POST", "/api/collections/patients/emil/plans", plan)


async def _found(system: System) -> dict[str, str]:
    """One id of each kind of thing, by the name that paths give it."""
    denial = await system.first("/api/claims/denials")
    account = await system.first("/api/payments/accounts?patient_id=rosa")
    batch = await system.first("/api/claims/batches")
    return {
        "patient_id": "rosa",
        "retired_patient_id": "iris",
        "encounter_id": "visit-3",
        "payer_id": "blue-plains",
        "item_id": "river-main",
        "partner_id": "sandbox",
        "appointment_id": "appointment-1",
        "authorization_id": "authorization-1",
        "payment_id": "payment-1",
        "card_payment_id": "card-1",
        "news_number": "1001",
        "adjustment_id": "adj-1",
        "refund_id": "refund-1",
        "move_id": "move-1",
        "hold": "litigation",
        "category": "authorization",
        "step_id": "count-the-pages",
        "rule_id": "own-first",
        "period": "2026-05",
        "ordinal": "1",
        "coverage_id": "rosa-blue-plains",
        "account_id": account["account_id"],
        "claim_id": denial["claim_id"],
        "denial_id": denial["denial_id"],
        "template_id": "rivers-words",
        "request_id": f"{denial['claim_id']}-R1",
        "attachment_id": f"{denial['claim_id']}A1",
        "batch_id": batch["batch_id"],
        "document_id": batch["document_id"],
        "check_id": (await system.first("/api/eligibility/checks"))["check_id"],
        "remittance_id": (await system.first("/api/payments/remittances"))["remittance_id"],
        "schedule_id": "blue-2026",
        "contract_id": "blue-1",
        "number": "1",
        "variance_id": (await system.first("/api/payments/variances?kind=underpayment"))["variance_id"],
        "deposit_id": (await system.first("/api/payments/deposits/unidentified"))["deposit_id"],
        "import_id": (await system.first("/api/payments/opening-balances"))["import_id"],
        "statement_id": (await system.first("/api/collections/statements"))["statement_id"],
        "dispute_id": (await system.first("/api/collections/disputes"))["dispute_id"],
        "plan_id": (await system.first("/api/collections/plans"))["plan_id"],
        "message_id": (await system.first("/api/claims/acknowledgements/held"))["message_id"],
        "receipt_id": (await system.first("/intake/messages?state=done"))["receipt_id"],
        "logical_id": "rosa",
        "beneficiary": "rosa",
        "patient": "rosa",
        "subject": "rosa",
    }
