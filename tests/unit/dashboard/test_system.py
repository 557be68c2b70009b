"""What operators see of readers, and what a poster's file and a live stream become, over services that answer what a test says."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import JSONResponse

from shared.events.registry import SERVICES
from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")


def reader(name: str, *, behind: int | None, owner: str | None = "host/1") -> dict[str, Any]:
    return {
        "name": name,
        "service": "claims",
        "partition": 3,
        "position": "0.1.7",
        "head": None if behind is None else f"0.1.{7 + behind}",
        "behind": behind,
        "watermark": "2026-04-01T09:00:00+00:00",
        "owner": owner,
        "lease_until": "2026-04-01T09:00:05+00:00" if owner else None,
        "lease_epoch": 2,
    }


async def test_lag_and_leases_are_told_by_partition_and_a_silent_service_is_named(world: World) -> None:
    rows = [
        reader("claims.denials", behind=1_200),
        reader("claims.timeline", behind=0, owner=None),
        reader("claims.heads", behind=None),
    ]
    world.answers |= {f"GET /api/{name}/ops/lag": {"feed": "kafka", "readers": []} for name in SERVICES}
    world.answers["GET /api/claims/ops/lag"] = {"feed": "kafka", "readers": rows}
    world.answers["GET /api/payments/ops/lag"] = JSONResponse({"code": "service-unavailable"}, 503)
    await world.log_in("operator")
    text = (await world.browser.get("/system/lag")).text
    assert "claims / 3" in text and "1,200" in text and "1,207" in text
    assert "Payments: no answer." in text
    assert text.count("chip bad") == 1  # the one that nobody holds


async def test_a_rebuild_that_runs_shows_how_far_it_is_and_one_that_ended_what_differed(world: World) -> None:
    running = {"projection": "claims.denials", "state": "running", "phase": "fold", "percent": 43, "events": 1_000}
    result = {"projection": "claims.timeline", "differences": 2, "differs_in": ["claim_timeline: summary"]}
    ended = {"projection": "claims.timeline", "state": "done", "phase": "swap", "percent": 100, "events": 9}
    names = ["claims.denials", "claims.timeline"]
    for service in SERVICES:
        world.answers |= {
            f"GET /api/{service}/ops/readers": [],
            f"GET /api/{service}/ops/projections": [],
            f"GET /api/{service}/ops/rebuilds": [],
        }
    world.answers |= {
        "GET /api/claims/ops/readers": [reader(name, behind=0) for name in names],
        "GET /api/claims/ops/projections": names,
        "GET /api/claims/ops/rebuilds": [running | {"result": None}, ended | {"result": result}],
    }
    await world.log_in("operator")
    text = (await world.browser.get("/system")).text
    assert '<progress max="100" value="43">' in text and "1,000 events" in text
    assert "rebuilt, 2 differences in claim_timeline: summary" in text


async def test_a_file_goes_on_as_it_is_and_one_that_was_taken_in_before_leads_to_the_first(world: World) -> None:
    taken = {
        "control_number": "0001",
        "remittance_id": "r-1",
        "trace_number": "T1",
        "payment_cents": 96_00,
        "outcome": "known",
        "findings": [],
        "done": {"after": None},
    }
    world.answers["POST /api/payments/remittances"] = [taken]
    await world.log_in("poster")
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    content = b"ISA*00*\xe9~"
    answer = await world.browser.post(
        "/remittances/files", data={"key": "k"}, files={"file": ("payer.835", content)}, headers=headers
    )
    assert "Taken in before" in answer.text and 'href="/remittances/r-1"' in answer.text
    [sent] = [asked for asked in world.asked if asked.method == "POST"]
    assert (sent.body, sent.headers["content-type"], sent.headers["idempotency-key"]) == (
        content,
        "application/edi-x12",
        "k",
    )
    none = await world.browser.post("/remittances/files", data={"key": "k"}, headers=headers)
    assert "Choose a file first" in none.text


async def test_a_claim_that_changed_meanwhile_is_told_and_not_held(world: World) -> None:
    facts = {"expected_version": 2, "version": 3}
    refused = JSONResponse({"code": "changed-meanwhile", "detail": "look again", "facts": facts}, 409)
    batched = {"streamversion": 3, "type": "claims.ClaimBatched.v1", "actor": "task:send", "recordedat": "2026-04-01"}
    world.answers |= {
        "POST /api/claims/claims/X/hold": refused,
        "GET /api/claims/streams/claim/X": {"events": [batched]},
    }
    await world.log_in("biller")
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    form = {"key": "k", "version": "2", "reason": "waiting-for-the-chart"}
    answer = await world.browser.post("/claims/X/hold", data=form, headers=headers)
    assert answer.status_code == 409 and "claim batched</strong> by task:send" in answer.text
    [sent] = [asked for asked in world.asked if asked.method == "POST"]
    assert sent.headers["ledgerline-expected-version"] == "2"
