"""What falls due, as the page asks for it and shows it."""

from __future__ import annotations

import pytest

from tests.unit.dashboard.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

API = "GET /api/claims/deadlines"
ROW = {
    "deadline_id": "appeal/D",
    "kind": "appeal",
    "due_on": "2026-07-01",
    "is_past": True,
    "what": "file the appeal of level 1",
    "claim_id": "0123456789ABCDEF1",
    "denial_id": "D",
    "payer_id": "p1",
    "owner": "user:ann",
    "at_risk_cents": 100_00,
}
SUM = {"begins_on": "2026-07-01", "kind": "appeal", "deadlines": 1, "at_risk_cents": 100_00}


async def test_the_filters_of_the_address_are_those_of_list_sums_and_file(world: World) -> None:
    world.answers |= {
        "GET /api/eligibility/payers": {"items": []},
        f"{API}/due": {"items": [ROW], "next": None, "positions": {"claims": "0.1.9"}},
        f"{API}/due/summary": {"items": [SUM], "deadlines": 1, "at_risk_cents": 100_00, "positions": {}},
    }
    await world.log_in("biller")
    asked = "kind=appeal&owner=me&from_on=2026-07-01&by=day"
    shown = (await world.browser.get(f"/deadlines?{asked}")).text
    assert "file the appeal of level 1" in shown and "past" in shown and "$100.00" in shown
    assert "from_on=2026-07-01&amp;by=day&amp;to_on=2026-07-01" in shown
    file = (await world.browser.get(f"/deadlines/export?{asked}")).text
    assert "2026-07-01,appeal,file the appeal of level 1" in file
    wanted = {"kind": "appeal", "owner": "user:biller", "from_on": "2026-07-01"}
    for each in world.asked:
        if each.path.startswith("/api/claims/deadlines"):
            assert wanted.items() <= each.query.items()
    [summary] = [each for each in world.asked if each.path.endswith("/summary")]
    assert summary.query["by"] == "day"


async def test_what_rules_moved_is_shown_for_filing_and_for_appeals(world: World) -> None:
    filing = {"claim_id": "C1", "payer_id": "p1", "kind": "original", "rule_version": 2, "owner": "billing"}
    filing |= {"previous_on": "2026-07-01", "last_on": "2026-08-01", "moved_at": "2026-06-01T00:00:00Z"}
    appeal = {"denial_id": "D1", "payer_id": "p1", "level": 1, "name": "first", "rule_version": 2}
    appeal |= {"previous_on": None, "last_on": "2026-09-01"}
    world.answers |= {
        "GET /api/eligibility/payers": {"items": []},
        f"{API}/moved": {"items": [filing | {"at_risk_cents": 1}], "next": None, "positions": {}},
        "GET /api/claims/denials/moved-deadlines": {"items": [appeal], "next": None, "positions": {}},
    }
    await world.log_in("biller")
    shown = (await world.browser.get("/deadlines/moved?payer_id=p1")).text
    assert "2026-08-01" in shown and "2026-09-01" in shown
