"""The page What if: rules a line each, and the answer by account and ledger account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLD: dict[str, Any] = {
    "period": "2026-03",
    "question_hash": "a" * 64,
    "answer_hash": "b" * 64,
    "accounts": 12,
    "accounts_that_differ": 1,
    "ledger": {"contractual": 10_00, "receivable:payer:1": -10_00},
    "items": [{"account_id": "A1", "ledger": {"contractual": 10_00, "receivable:payer:1": -10_00}}],
    "left_out": 0,
    "positions": {},
}


async def asked(world: World, rules: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post("/what-if", data={"key": "k", "period": "2026-03", "rules": rules}, headers=headers)


async def test_each_line_is_a_rule_and_the_answer_opens_into_accounts(world: World) -> None:
    world.answers["POST /api/payments/what-if/posting"] = TOLD
    await world.log_in("manager")
    assert 'hx-post="/what-if"' in (await world.browser.get("/what-if")).text
    answer = await asked(world, "CO-97 contractual\n\nPI-* patient aetna\n")
    assert "1 of 12 accounts would differ" in answer.text
    assert 'href="/accounts/A1"' in answer.text
    [sent] = [each for each in world.asked if each.method == "POST" and each.path.endswith("/posting")]
    assert json.loads(sent.body)["rules"] == [
        {"group": "CO", "reason": "97", "meaning": "contractual", "payer_id": None},
        {"group": "PI", "reason": "*", "meaning": "patient", "payer_id": "aetna"},
    ]


async def test_a_line_that_cannot_be_read_is_named_and_nobody_is_asked(world: World) -> None:
    await world.log_in("manager")
    assert "Line 2" in (await asked(world, "CO-97 contractual\nCO-97 maybe")).text
    assert "at least one rule" in (await asked(world, " ")).text
    assert not [each for each in world.asked if each.path.endswith("/posting")]
    await world.log_in("biller")
    assert (await asked(world, "CO-97 contractual")).status_code == 403
