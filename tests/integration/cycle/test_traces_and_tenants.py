"""Is a request one trace down to the read model, and does a tenant see only its own?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.kernel.identifiers import account_id_of
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.testing.infrastructure import PostgresServer
from shared.testing.spans import spans_told_to
from tests.integration.cycle.practice import Practice, practice


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    async with practice(postgres_server, tmp_path) as made:
        yield made


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with spans_told_to(exporter):
        yield exporter


@pytest.mark.asyncio
async def test_one_trace_leads_from_a_charge_over_http_to_the_claim_and_the_ledger(
    clinic: Practice, spans: InMemorySpanExporter
) -> None:
    await clinic.register("iris", "blue-plains")
    await clinic.settle()
    spans.clear()
    await clinic.charge("visit-1", "iris", ("99213", 150_14))
    await clinic.settle()
    finished = spans.get_finished_spans()
    [request] = [span for span in finished if span.name == "POST /encounters/{encounter_id}/charges"]
    assert request.context is not None
    same = {span.name for span in finished if span.context and span.context.trace_id == request.context.trace_id}
    assert same >= {
        "command PostCharges",
        "react charges.review-encounters",
        "command ReviewCharges",
        "command SelectCoverage",
        "command CreateClaim",
    }
    events = await clinic.system.events("payments", "ChargesPosted")
    assert f"{request.context.trace_id:032x}" in (events[0].traceparent or "")


@pytest.mark.asyncio
async def test_no_span_names_a_person(clinic: Practice, spans: InMemorySpanExporter) -> None:
    await clinic.register("iris", "blue-plains")
    await clinic.charge("visit-1", "iris", ("99213", 150_14))
    await clinic.settle()
    told = " ".join(f"{span.name} {dict(span.attributes or {})}" for span in spans.get_finished_spans())
    assert told
    for personal in ("STONE", "IRIS", "MRN-iris", "9 OAK STREET", "BLUIRIS"):
        assert personal not in told


@pytest.mark.asyncio
async def test_another_tenants_token_finds_nothing_and_disturbs_nothing(clinic: Practice) -> None:
    await clinic.register("iris", "blue-plains")
    await clinic.charge("visit-1", "iris", ("99213", 150_14))
    await clinic.settle()
    token = local_token(clinic.system.platform.settings, [Role.ADMIN], "hospital", subject="stranger")
    stranger = {"Authorization": f"Bearer {token}"}
    account = account_id_of("visit-1")
    paths = (
        f"/api/payments/accounts/{account}",
        f"/api/claims/claims/{account}1",
        "/api/charges/encounters/visit-1",
        "/api/eligibility/patients/iris",
    )
    for path in paths:
        nobodys = path.replace("visit-1", "nobody").replace("iris", "nobody").replace(account, "0" * 16)
        foreign, absent = [await clinic.system.http.get(each, headers=stranger) for each in (path, nobodys)]
        assert foreign.status_code == absent.status_code == 404, path
        assert foreign.json()["code"] == absent.json()["code"], path
    for path in ("/api/claims/claims", "/api/payments/accounts", "/api/charges/encounters"):
        found = await clinic.system.http.get(path, headers=stranger)
        assert found.json()["items"] == [], path
    acting = await clinic.system.http.get(
        "/api/payments/balances", headers={**stranger, "X-Ledgerline-Tenant": "clinic"}
    )
    assert acting.status_code == 403
    assert await clinic.balances() == {"payer:1": 150_14}
