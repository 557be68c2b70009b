"""What the claims worklist tells of days: since the service, and until a claim that was not sent can be filed no more."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.unit.dashboard.conftest import World
from tests.unit.dashboard.test_follow_up import ROW

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTED = {"paid_cents": 0, "denied_cents": 0, "file_by_on": None}


async def test_the_list_says_how_near_the_filing_limit_of_what_was_not_sent_is(world: World) -> None:
    today = datetime.now(UTC).date()
    days = {"held": -1, "released": 5, "rejected": 20, "batched": 200, "submitted": 3}
    rows = [
        {**ROW, **LISTED, "claim_id": status, "status": status, "file_by_on": str(today + timedelta(days=left))}
        for status, left in days.items()
    ]
    world.answers["GET /api/claims/claims"] = {"items": rows, "next": None, "positions": {"claims": "0.1.1207"}}
    world.answers["GET /api/claims/claims/summary"] = {"items": [], "positions": {}}
    await world.log_in("biller")
    text = (await world.browser.get("/claims")).text
    told = {
        row.split("<", 1)[0]: re.findall(r"chip (?:bad|warn)\">(past|\d+ days)<", row)
        for row in text.split('class="mono">')[1:]
    }
    assert told == {"held": ["past"], "released": ["5 days"], "rejected": ["20 days"], "batched": [], "submitted": []}
    assert f"{(today - date(2026, 3, 2)).days} d</span>" in text
    assert ">1,207</span> of claims" in text
