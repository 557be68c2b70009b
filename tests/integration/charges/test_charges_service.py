from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.charges.main import build
from shared.testing.hosting import Hosted, hosted
from shared.testing.infrastructure import PostgresServer

ADDRESS = {"line_1": "1 High Street", "city": "Springfield", "state": "IL", "postal_code": "627010001"}
CLINIC = {
    "name": "CLINIC",
    "npi": "1234567893",
    "tax_id": "123456789",
    "taxonomy": "207Q00000X",
    "address": ADDRESS,
    "phone": "2175550100",
}
MAIN = {"name": "MAIN", "place_of_service": "11", "address": ADDRESS, "organization_id": "clinic"}
DR_A = {
    "npi": "1245319599",
    "last": "ADAMS",
    "first": "RUTH",
    "taxonomy": "207Q00000X",
    "organization_id": "clinic",
    "aliases": ["ADAMS1"],
}


@pytest_asyncio.fixture(loop_scope="session")
async def charges(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Hosted]:
    async with hosted(postgres_server, {"charges": build}, tmp_path) as running:
        yield running


def charge(number: int, **changes: Any) -> dict[str, Any]:
    told = {
        "charge_id": f"charge-{number}",
        "source_key": f"EHR|T{number}",
        "service_on": "2026-06-01",
        "code": f"9921{number + 2}",
        "charged_cents": 100_00,
        "diagnoses": ["J069"],
        "rendering_reference": "ADAMS1",
    }
    return told | changes


async def post(charges: Hosted, *lines: dict[str, Any], visit: str = "visit-1", **options: Any) -> Any:
    body = {"patient_id": "patient-1", "charges": lines}
    return await charges.ask("POST", f"/api/charges/encounters/{visit}/charges", body, **options)


async def list_everything(charges: Hosted) -> None:
    await charges.ask("PUT", "/api/charges/organizations/clinic", CLINIC)
    await charges.ask("PUT", "/api/charges/facilities/main", MAIN)
    await charges.ask("PUT", "/api/charges/providers/dr-a", DR_A)


async def encounter(charges: Hosted, visit: str = "visit-1") -> Any:
    return (await charges.ask("GET", f"/api/charges/encounters/{visit}"))["encounter"]


@pytest.mark.asyncio
async def test_complete_charges_are_released_by_themselves(charges: Hosted) -> None:
    await list_everything(charges)
    await post(charges, charge(1), charge(2))
    await charges.settle()
    found = await encounter(charges)
    assert (found["state"], found["released_cents"], found["charge_count"]) == ("released", 200_00, 2)
    assert len(await charges.events("charges", "ChargesReleased")) == 1


@pytest.mark.asyncio
async def test_charges_of_an_unknown_provider_wait_and_are_released_when_the_provider_is_listed(
    charges: Hosted,
) -> None:
    await post(charges, charge(1))
    await charges.settle()
    assert (await encounter(charges))["held_reason"] == "unknown-provider"
    await list_everything(charges)
    await charges.settle()
    assert (await encounter(charges))["state"] == "released"


@pytest.mark.asyncio
async def test_the_same_message_delivered_again_under_another_key_changes_nothing(charges: Hosted) -> None:
    await list_everything(charges)
    for _ in range(3):
        await post(charges, charge(1))
    await charges.settle()
    assert len(await charges.events("charges", "ChargeCaptured")) == 1


@pytest.mark.asyncio
async def test_the_same_transaction_under_another_visit_is_refused(charges: Hosted) -> None:
    await post(charges, charge(1))
    problem = await post(charges, charge(1), visit="visit-2", status=409)
    assert problem["code"] == "business-key-taken"


@pytest.mark.asyncio
async def test_the_same_key_with_another_body_is_refused_and_names_the_rule(charges: Hosted) -> None:
    key = {"Idempotency-Key": "one-key"}
    await post(charges, charge(1), headers=key)
    again = await post(charges, charge(1), headers=key)
    assert again["is_repeat"] is True
    problem = await post(charges, charge(2), headers=key, status=422)
    assert problem["code"] == "idempotency-key-reused"


@pytest.mark.asyncio
async def test_a_malformed_charge_is_refused_by_place_and_rule_without_quoting_it(charges: Hosted) -> None:
    problem = await post(charges, charge(1, units="lots"), status=422)
    assert "lots" not in str(problem)
    assert "units" in str(problem)


@pytest.mark.asyncio
async def test_what_the_service_recorded_verifies(charges: Hosted) -> None:
    await list_everything(charges)
    await post(charges, charge(1), charge(2))
    await charges.settle()
    report = await charges.ask("GET", "/api/charges/ops/verify")
    assert report["ok"], [check for check in report["checks"] if check["violations"]]
    assert {check["name"]: check["checked"] for check in report["checks"]}["hash chains recompute"] >= 7


@pytest.mark.asyncio
async def test_the_coding_queue_shows_what_waits_for_a_coder_and_why(charges: Hosted) -> None:
    await list_everything(charges)
    await post(charges, charge(1, diagnoses=[]))
    await charges.settle()
    [row] = (await charges.ask("GET", "/api/charges/queues/coding"))["items"]
    assert (row["encounter_id"], row["findings"][0]["rule"]) == ("visit-1", "CHG-201")
    body = {"diagnoses": ["E119"], "coder": "coder-1"}
    await charges.ask("POST", "/api/charges/encounters/visit-1/diagnoses", body)
    await charges.settle()
    assert (await charges.ask("GET", "/api/charges/queues/coding"))["items"] == []
