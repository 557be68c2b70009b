"""The page of a remittance that came on paper says so, and hands the paper out as the service that keeps it does."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from tests.unit.dashboard.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

REMITTANCE: dict[str, Any] = {
    "remittance_id": "r1",
    "status": "posted",
    "trace_number": "CHECK-100",
    "payer_identifier": "1512345678",
    "payer_name": "Aetna",
    "payment_on": "2026-03-20",
    "method": "CHK",
    "claims": 1,
    "payment_cents": 96_00,
    "claims_cents": 96_00,
    "provider_adjustments_cents": 0,
    "difference_cents": 0,
    "deposited_on": "2026-03-23",
    "auto_posted_claims": 1,
    "review_claims": 0,
    "findings": [],
    "first_remittance_id": "",
    "document_id": "d" * 64,
    "place": "segment 3",
    "entered_by": "user:poster",
    "image_id": "e" * 64,
    "received_at": "2026-03-21T08:00:00Z",
}
SUMS = {
    "remittances": 2,
    "claims": 3,
    "payment_cents": 186_00,
    "difference_cents": 5,
    "auto_posted_claims": 2,
    "review_claims": 1,
    "positions": {},
}
PAPER = b"%PDF-1.7 what was printed"


def told(**changes: Any) -> dict[str, Any]:
    return {
        "remittance": REMITTANCE | changes,
        "claims": [],
        "next": None,
        "provider_adjustments": [],
        "cents_by_outcome": {},
        "positions": {},
    }


async def test_who_typed_it_in_is_told_and_the_paper_is_saved_and_not_shown(world: World) -> None:
    attachment = {"Content-Disposition": 'attachment; filename="eeee"'}
    world.answers |= {
        "GET /api/payments/remittances/r1": told(),
        f"GET /documents/{'e' * 64}": Response(PAPER, media_type="application/pdf", headers=attachment),
    }
    await world.log_in("poster")
    page = await world.browser.get("/remittances/r1")
    assert "Typed in from paper by user:poster" in page.text
    assert 'href="/remittances/r1/paper"' in page.text
    paper = await world.browser.get("/remittances/r1/paper")
    assert (paper.status_code, paper.content, paper.headers["content-type"]) == (200, PAPER, "application/pdf")
    assert paper.headers["content-disposition"].startswith("attachment")
    assert "default-src 'none'" in paper.headers["content-security-policy"]
    [asked] = [asked for asked in world.asked if asked.path.startswith("/documents/")]
    assert asked.query == {"purpose": "posting"}


async def test_one_that_came_as_a_file_says_nothing_of_paper(world: World) -> None:
    world.answers |= {"GET /api/payments/remittances/r1": told(entered_by="", image_id=None)}
    await world.log_in("poster")
    assert "paper" not in (await world.browser.get("/remittances/r1")).text


async def test_the_list_asks_for_payer_and_days_and_its_file_for_the_same(world: World) -> None:
    world.answers["GET /api/payments/remittances"] = {"items": [REMITTANCE], "next": None, "positions": {}}
    world.answers["GET /api/payments/remittances/summary"] = SUMS
    await world.log_in("poster")
    asked = {"status": "posted", "payer": "aet", "paid_from_on": "2026-03-01", "paid_to_on": "2026-03-31"}
    asked["is_off"] = "true"
    page = await world.browser.get("/remittances", params=asked)
    assert 'name="payer" value="aet"' in page.text and 'name="status" value="posted"' in page.text
    await world.browser.get("/remittances/export", params=asked)
    listed = [each.query for each in world.asked if each.path == "/api/payments/remittances"]
    assert [{name: query.get(name) for name in asked} for query in listed] == [asked, asked]
    [summed] = [each.query for each in world.asked if each.path == "/api/payments/remittances/summary"]
    assert summed == asked


async def test_the_list_tells_deposit_difference_what_was_posted_by_itself_and_what_waits(world: World) -> None:
    own = {"remittance_id": "r2", "claims": 2, "review_claims": 1, "auto_posted_claims": 1, "deposited_on": None}
    held = {**own, "remittance_id": "r3", "status": "held", "difference_cents": 5}
    rows = [REMITTANCE, REMITTANCE | own, REMITTANCE | held]
    world.answers["GET /api/payments/remittances"] = {"items": rows, "next": None, "positions": {}}
    world.answers["GET /api/payments/remittances/summary"] = SUMS
    await world.log_in("poster")
    text = (await world.browser.get("/remittances")).text
    first, second, third = text.split("<tr data-row>")[1:]
    assert "2026-03-23" in first and ">100 %</td>" in first and "good-text" in first
    assert ">50 %</td>" in second and 'href="/remittances/r2?outcome=review">1</a>' in second
    assert "0.05" in third and "bad-text" in third and "%</td>" not in third  # nothing of it was posted
    assert "2 of 3 claims" in text and "66 %" in text and "$186.00" in text
    assert (await world.browser.get("/remittances/export")).text.splitlines()[1].count("2026-03-23") == 1
