"""The page of claims on paper: what waits, what was printed, and what was mailed when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

BATCH = "mail-000000001"
QUEUE = [{"partner_id": "mail", "name": "The post", "claims": 3, "charged_cents": 450_00, "waiting_since": None}]
ROW: dict[str, Any] = {
    "batch_id": BATCH,
    "partner_id": "mail",
    "status": "stored",
    "claims": 2,
    "refused_claims": 0,
    "charged_cents": 300_00,
    "copies": 1,
    "mailed_on": None,
    "tracking_number": "",
}


def answers(**row: Any) -> dict[str, Any]:
    return {
        "GET /api/claims/print-queue": QUEUE,
        "GET /api/claims/batches": {"items": [ROW | row], "next": None, "positions": {}},
    }


async def post(world: World, path: str, **form: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data={"key": "k", **form}, headers=headers)


async def test_what_waits_and_what_was_printed_have_their_forms(world: World) -> None:
    world.answers |= answers()
    await world.log_in("biller")
    text = (await world.browser.get("/paper-claims")).text
    for said in ("The post", "450.00", 'hx-post="/paper-claims/mail/print"', f'hx-post="/paper-claims/{BATCH}/mailed"'):
        assert said in text
    await world.log_in("denial-specialist")
    assert "/paper-claims/mail/print" not in (await world.browser.get("/paper-claims")).text


async def test_a_mailed_batch_shows_its_day_and_asks_no_more(world: World) -> None:
    world.answers |= answers(status="mailed", mailed_on="2026-03-20", tracking_number="RR1", copies=2)
    await world.log_in("biller")
    text = (await world.browser.get("/paper-claims")).text
    assert "2026-03-20" in text and "RR1" in text and f"/paper-claims/{BATCH}/mailed" not in text


async def test_printing_mailing_and_reprints_go_on_to_the_service(world: World) -> None:
    world.answers |= answers() | {
        "POST /api/claims/partners/mail/print": {"after": None},
        f"POST /api/claims/batches/{BATCH}/mailed": {"after": None},
        f"POST /api/claims/batches/{BATCH}/reprint": {"after": None},
        f"GET /api/claims/batches/{BATCH}": {"batch": ROW | {"document_id": "d" * 64}, "claims": []},
        f"GET /documents/{'d' * 64}": Response(
            b"%PDF-", media_type="application/pdf", headers={"Content-Disposition": 'attachment; filename="a.pdf"'}
        ),
    }
    await world.log_in("biller")
    assert (await world.browser.get(f"/paper-claims/{BATCH}/pages")).content == b"%PDF-"
    for path, form in (
        ("mail/print", {}),
        (f"{BATCH}/mailed", {"mailed_on": "2026-03-20", "tracking_number": "RR1"}),
        (f"{BATCH}/reprint", {"reason": "paper jam"}),
    ):
        assert (await post(world, f"/paper-claims/{path}", **form)).headers["hx-redirect"] == "/paper-claims"
    told = [json.loads(asked.body or "null") for asked in world.asked if asked.method == "POST"]
    assert told[1:] == [{"mailed_on": "2026-03-20", "tracking_number": "RR1"}, {"reason": "paper jam"}]
