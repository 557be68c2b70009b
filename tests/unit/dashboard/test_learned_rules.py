"""Learned rules on the page: what is proposed, with its figures, and what is sent on when somebody takes one in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.dashboard.conftest import World
from tests.unit.dashboard.test_denials import commands, post

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULE_ID = "own-learned-0123456789ab"
SCORE = {"caught": 8, "wrongly_held": 2, "missed": 4, "caught_cents": 800_00, "wrongly_held_cents": 160_00}
SCORED = SCORE | {"missed_cents": 400_00, "precision_percent": 80, "recall_percent": 66}
RANGE = {"from_on": "2026-01-01", "to_on": "2026-06-30", "cut_off_on": "2026-04-01", "until": "0.1.9"}
RULE: dict[str, Any] = {"rule_id": RULE_ID, "action": "hold", "when": {"all": []}}
PROPOSAL = {
    "rule": RULE,
    "rule_hash": "a" * 64,
    "payer_id": "p1",
    "reason": "4",
    "training": SCORED,
    "later": SCORED,
    "examples": [{"claim_id": "0123456789ABCDEF1", "outcome": "wrongly-held", "unmet": 0, "cents": 80_00}],
    "is_taken_in": False,
}
KEPT = {
    "rule": RULE | {"action": "warn"},
    "is_enabled": True,
    "rule_hash": "a" * 64,
    "payer_id": "p1",
    "reason": "4",
    "floor_percent": 60,
    "has_fallen": True,
    "live_cases": 10,
    "live_right": 4,
    "live_precision_percent": 40,
    "back_test": SCORE,
    "by": "user:mia",
}


async def test_a_proposal_is_shown_with_its_figures_and_taken_in_by_its_hash_and_range(world: World) -> None:
    world.answers |= {
        "GET /api/eligibility/payers": {"items": []},
        "GET /api/claims/learned-rules": [KEPT],
        "POST /api/claims/what-if/learned-rules": RANGE
        | {"training_claims": 100, "later_claims": 50, "proposals": [PROPOSAL]},
        "POST /api/claims/learned-rules": {"version": 3, "after": "claims:0.1.9"},
        f"POST /api/claims/learned-rules/{RULE_ID}/wrong": {"version": 4, "after": "claims:0.1.9"},
    }
    await world.log_in("biller")
    listed = (await world.browser.get("/learned-rules")).text
    assert "fell below its floor" in listed and "40 % of 10" in listed
    shown = (await post(world, "manager", "/learned-rules/propose", **RANGE)).text
    assert "80 %" in shown and "66 %" in shown and "$800.00" in shown and "wrongly held" in shown
    await post(
        world, "manager", "/learned-rules/take-in", **RANGE, rule_hash="a" * 64, action="warn", floor_percent="70"
    )
    await post(world, "manager", f"/learned-rules/{RULE_ID}/wrong", claim_id="0123456789ABCDEF1")
    _, taken, wrong = (json.loads(command.body) for command in commands(world))
    assert taken == RANGE | {"rule_hash": "a" * 64, "action": "warn", "floor_percent": 70}
    assert wrong == {"claim_id": "0123456789ABCDEF1"}
    assert (await post(world, "biller", "/learned-rules/take-in", **RANGE)).status_code == 403
