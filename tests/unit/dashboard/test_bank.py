"""The page of the bank lists what does not agree, and a person names a deposit's payment, takes that back, or sets it aside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROW: dict[str, Any] = {
    "deposit_id": "dep-1",
    "status": "open",
    "amount_cents": 96_00,
    "deposited_on": "2026-03-21",
    "reason": "trace-number-missing",
    "kind": "check",
    "trace_number": "",
    "payer_identifier": "",
    "payer_name": "",
    "reference": "4711",
    "account_ending": "5678",
    "identified_as": "",
    "set_aside_reason": "",
    "version": 3,
}
MATCH: dict[str, Any] = {
    "side": "amount-differs",
    "match_id": "dep-2",
    "remittance_id": "r1",
    "trace_number": "TRACE1",
    "payer_name": "Aetna",
    "payer_identifier": "1512345678",
    "since_on": "2026-03-20",
    "age_days": 3,
    "deposited_cents": 95_00,
    "announced_cents": 96_00,
    "posted_cents": 96_00,
    "difference_cents": -1_00,
}
SUMS = {
    "items": 1,
    "deposited_cents": 95_00,
    "announced_cents": 96_00,
    "posted_cents": 96_00,
    "difference_cents": -1_00,
}
DONE = {"event_ids": ["e"], "version": 2, "after": "p1", "stream": "s"}


async def opened(world: World, role: str, **row: Any) -> str:
    world.answers |= {
        "GET /api/payments/deposits/matches": {
            "items": [MATCH],
            "next": None,
            "positions": {},
            "totals": {"amount-differs": SUMS},
        },
        "GET /api/payments/deposits/unidentified": {"items": [ROW | row], "next": None, "positions": {}},
    }
    await world.log_in(role)
    return (await world.browser.get("/bank?status=open")).text


async def post(world: World, path: str, **form: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data={"key": "k1", **form}, headers=headers)


async def test_what_differs_and_what_waits_is_listed_with_its_forms(world: World) -> None:
    page = await opened(world, "poster")
    assert 'href="/remittances/r1"' in page
    assert "96.00" in page
    assert 'hx-post="/bank/dep-1/identify"' in page
    assert 'hx-post="/bank/dep-1/set-aside"' in page
    assert "/undo" not in page
    assert "<script>" not in page
    assert 'hx-post="/bank/dep-1/undo"' in await opened(world, "poster", status="identified", identified_as="P1")
    assert 'hx-post="/bank' not in await opened(world, "auditor")


async def test_each_deed_is_the_command_of_payments_under_the_key_of_its_form(world: World) -> None:
    await opened(world, "poster")
    deeds = {
        "identify": ("identify", {"trace_number": "100", "payer_identifier": "1512345678"}),
        "set-aside": ("set-aside", {"reason": "patient-check"}),
        "undo": ("undo-identification", {"identified_as": "P1", "reason": "wrong-payer"}),
    }
    for page, (deed, form) in deeds.items():
        world.answers[f"POST /api/payments/deposits/dep-1/{deed}"] = DONE
        answer = await post(world, f"/bank/dep-1/{page}", **form)
        assert answer.headers["hx-redirect"] == "/bank"
        asked = next(each for each in world.asked if each.path.endswith(f"/{deed}"))
        assert (json.loads(asked.body), asked.headers["idempotency-key"]) == (form, "k1")


async def test_who_comes_second_is_told_what_the_first_did(world: World) -> None:
    page = await opened(world, "poster")
    assert page.count('name="version" value="3"') == 2
    conflict = {"code": "changed-meanwhile", "facts": {"expected_version": 3, "version": 4}}
    world.answers["POST /api/payments/deposits/dep-1/set-aside"] = JSONResponse(conflict, 409)
    world.answers["GET /api/payments/streams/unidentified-deposit/dep-1"] = {
        "events": [
            {
                "type": "payments.DepositIdentified.v1",
                "streamversion": 4,
                "actor": "user:ann",
                "recordedat": "2026-03-23T08:00:00Z",
            }
        ]
    }
    told = await post(world, "/bank/dep-1/set-aside", version="3", reason="patient-check")
    assert (told.status_code, told.headers["hx-retarget"]) == (409, "#conflict-words")
    assert "deposit identified" in told.text and "ann" in told.text
    [asked] = [each for each in world.asked if each.path.endswith("/set-aside")]
    assert asked.headers["ledgerline-expected-version"] == "3"


async def test_a_refusal_is_told_beside_the_form_and_a_foreign_page_does_nothing(world: World) -> None:
    await opened(world, "poster")
    refusal = {"code": "day-is-closed", "detail": "let a manager reopen 2026-03"}
    world.answers["POST /api/payments/deposits/dep-1/undo-identification"] = JSONResponse(refusal, 409)
    refused = await post(world, "/bank/dep-1/undo", identified_as="P1", reason="wrong")
    assert (refused.status_code, refused.headers["hx-retarget"]) == (409, "#messages")
    assert "let a manager reopen 2026-03" in refused.text
    foreign = await world.browser.post("/bank/dep-1/undo", data={"key": "k"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403


async def test_a_banks_file_is_handed_on_and_told_line_by_line(world: World) -> None:
    await opened(world, "poster")
    line = {"outcome": "unidentified"}
    taken = {"lines": [line, line], "lines_cents": 10_00, "lines_new": 2, "left_out": [], "after": None}
    world.answers["POST /api/payments/deposits/files"] = taken
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    answer = await world.browser.post(
        "/bank/files", data={"key": "k1"}, files={"file": ("a.bai", b"01,BANK/")}, headers=headers
    )
    assert "2 lines over $10.00, 2 of them new; 2 unidentified" in answer.text
    [asked] = [each for each in world.asked if each.path == "/api/payments/deposits/files"]
    assert asked.body == b"01,BANK/"
    empty = await world.browser.post("/bank/files", data={"key": "k2"}, headers=headers)
    assert "Choose a file first" in empty.text
