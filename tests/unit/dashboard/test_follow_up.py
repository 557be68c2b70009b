"""The page of a claim that waits: what was asked, wanted, sent and said, and what a person does about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLAIM, BEFORE = "PNY0HP5K2ZF9VE0Y2", "PNY0HP5K2ZF9VE0Y1"
AT = "2026-03-23T17:00:00Z"
ROW: dict[str, Any] = {
    "claim_id": CLAIM,
    "account_id": "A1",
    "patient_id": "p1",
    "payer_id": "aetna",
    "payer_name": "AETNA",
    "rank": 1,
    "frequency": "1",
    "status": "submitted",
    "is_open": True,
    "charged_cents": 100_00,
    "service_on": "2026-03-02",
    "batch_id": "northern-000000001",
    "payer_control_number": "",
    "submitted_at": AT,
    "last_answer": "",
    "last_answer_at": None,
    "hold_reason": "",
    "next_action": "send the payer what it wants by 2026-04-22",
    "owner": "payer follow-up",
    "waiting_for": "",
    "waits_until": AT,
    "next_claim_id": "",
}
FOLLOW_UP: dict[str, Any] = {
    "questions": [
        {
            "trace_number": f"{CLAIM}S001",
            "asked_at": AT,
            "asked_by": "",
            "outcome": "information",
            "codes": ["R4:294"],
            "wait_until_on": None,
        }
    ],
    "requests": [
        {
            "request_id": f"{CLAIM}-R1",
            "asked_by": "277",
            "codes": ["R4:294"],
            "due_on": "2026-04-22",
            "is_due_stated": False,
            "is_open": True,
            "is_overdue": True,
        }
    ],
    "attachments": [
        {
            "attachment_id": f"{CLAIM}A1",
            "report_type": "OB",
            "transmission": "FX",
            "media_type": "application/pdf",
            "is_removed": False,
            "sent_on": None,
            "carried_from": BEFORE,
        }
    ],
    "calls": [
        {
            "call_id": "call-1",
            "called_on": "2026-03-23",
            "outcome": "nobody-answered",
            "reference_number": "C-77",
            "called_by": "user:ann",
            "next_action_on": "2026-03-25",
        }
    ],
}


def claim_answers(world: World) -> None:
    filing = {"limit": None, "accepted_on": None, "because": "nothing proves it"}
    detail = {"claim": ROW, "findings": [], "diagnoses": ["J0190"], "lines": [], "coverages": [], "tags": []}
    world.answers |= {
        f"GET /api/claims/claims/{CLAIM}": detail,
        f"GET /api/claims/claims/{CLAIM}/filing": filing,
        f"GET /api/claims/claims/{CLAIM}/follow-up": FOLLOW_UP,
        f"GET /api/claims/claims/{CLAIM}/follow-up/words": [
            {"about": "call-1", "field": "spoke_with", "text": "Gwendolyn"},
            {"about": f"{CLAIM}-R1", "field": "details", "text": "the operative note"},
        ],
        f"GET /api/claims/claims/{CLAIM}/timeline": {"items": []},
    }


async def test_a_claim_shows_what_was_asked_wanted_sent_and_said(world: World) -> None:
    claim_answers(world)
    await world.log_in("biller")
    answer = await world.browser.get(f"/claims/{CLAIM}")
    assert answer.status_code == 200, answer.text
    for words in (f"{CLAIM}S001", "R4:294", "overdue", f"{CLAIM}A1", "C-77", "Ask the payer now", "Record a call"):
        assert words in answer.text
    assert "with Gwendolyn" in answer.text
    assert "the operative note" in answer.text


async def test_a_document_of_the_claim_before_says_so_and_is_dropped_with_a_reason(world: World) -> None:
    claim_answers(world)
    await world.log_in("biller")
    text = (await world.browser.get(f"/claims/{CLAIM}")).text
    assert f'href="/claims/{BEFORE}"' in text
    world.answers[f"POST /api/claims/claims/{CLAIM}/attachments/{CLAIM}A1/remove"] = {"after": "claims:0.1.2"}
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    form = {"key": "k", "reason": "not-of-this-claim"}
    answer = await world.browser.post(f"/claims/{CLAIM}/attachments/{CLAIM}A1/remove", data=form, headers=headers)
    assert answer.headers["hx-redirect"] == f"/claims/{CLAIM}#follow-up"
    [command] = [asked for asked in world.asked if asked.method == "POST"]
    assert json.loads(command.body) == {"reason": "not-of-this-claim"}


async def test_who_only_reads_is_offered_nothing_to_do(world: World) -> None:
    claim_answers(world)
    await world.log_in("auditor")
    text = (await world.browser.get(f"/claims/{CLAIM}")).text
    assert "C-77" in text
    assert "Ask the payer now" not in text
    assert "Record a call" not in text


async def test_a_document_goes_to_the_service_as_it_is(world: World) -> None:
    await world.log_in("biller")
    world.answers[f"POST /api/claims/claims/{CLAIM}/attachments"] = {"after": "claims:0.1.2"}
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    form = {"key": "key-of-the-form", "report_type": "OB", "transmission": "FX"}
    answer = await world.browser.post(
        f"/claims/{CLAIM}/attachments", data=form, files={"file": ("note.pdf", b"%PDF-1.7")}, headers=headers
    )
    assert answer.headers["hx-redirect"] == f"/claims/{CLAIM}#follow-up"
    [command] = [asked for asked in world.asked if asked.method == "POST"]
    assert command.body == b"%PDF-1.7"
    assert command.query == {"report_type": "OB", "transmission": "FX"}


async def test_a_call_is_said_in_the_body_and_never_in_an_address(world: World) -> None:
    await world.log_in("biller")
    world.answers[f"POST /api/claims/claims/{CLAIM}/calls"] = {"after": "claims:0.1.2"}
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    form = {
        "key": "k",
        "called_on": "2026-03-23",
        "outcome": "pending",
        "spoke_with": "Gwen",
        "next_action_on": "2026-03-25",
    }
    await world.browser.post(f"/claims/{CLAIM}/calls", data=form, headers=headers)
    [command] = [asked for asked in world.asked if asked.method == "POST"]
    assert b"Gwen" in command.body
    assert command.query == {}


async def test_the_list_has_views_of_open_and_overdue_requests(world: World) -> None:
    world.answers |= {
        "GET /api/claims/requests": {"items": [], "next": None, "positions": {}},
        "GET /api/claims/claims/summary": {"items": [], "positions": {}},
    }
    await world.log_in("biller")
    assert (await world.browser.get("/claims?view=overdue")).status_code == 200
    [asked] = [asked for asked in world.asked if asked.path == "/api/claims/requests"]
    assert asked.query["is_overdue"] == "true"


async def test_a_claim_is_printed_on_its_form(world: World) -> None:
    world.answers[f"GET /api/claims/claims/{CLAIM}/printed"] = Response(
        b"%PDF-", media_type="application/pdf", headers={"Content-Disposition": 'attachment; filename="claim.pdf"'}
    )
    await world.log_in("biller")
    read = await world.browser.get(f"/claims/{CLAIM}/printed")
    assert read.content == b"%PDF-"
    assert world.asked[-1].query == {"purpose": "billing"}
