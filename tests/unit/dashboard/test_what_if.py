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
    "until": "1.7.7",
    "accounts": 12,
    "accounts_that_differ": 1,
    "ledger": {"contractual": 10_00, "receivable:payer:1": -10_00},
    "items": [{"account_id": "A1", "ledger": {"contractual": 10_00, "receivable:payer:1": -10_00}}],
    "left_out": 0,
    "positions": {},
}


FIGURES = {
    "lines": 2,
    "allowed_cents": 80_00,
    "expected_before_cents": 90_00,
    "expected_after_cents": 100_00,
    "difference_cents": 10_00,
    "underpaid_before_cents": 10_00,
    "underpaid_after_cents": 20_00,
    "not_priced_before": 0,
    "not_priced_after": 0,
}
HELD: dict[str, Any] = {
    "payer_id": "aetna",
    "period": "2026-03",
    "question_hash": "a" * 64,
    "answer_hash": "b" * 64,
    "until": "1.7.7",
    "accounts": 12,
    "accounts_that_differ": 1,
    "appear": 1,
    "vanish": 0,
    "total": FIGURES,
    "items": [{"account_id": "A1", "appear": ["A1-X-1"], "vanish": [], **FIGURES}],
    "left_out": 0,
    "positions": {},
}


async def asked(world: World, rules: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post("/what-if", data={"key": "k", "period": "2026-03", "rules": rules}, headers=headers)


async def test_each_line_is_a_rule_and_the_answer_opens_into_accounts(world: World) -> None:
    world.answers["POST /api/payments/what-if/posting"] = TOLD
    world.answers["GET /api/payments/fee-schedules"] = {"items": [], "next": None, "positions": {}}
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


async def test_a_contract_is_tried_and_the_whole_answer_leaves_as_a_file(world: World) -> None:
    path = "POST /api/payments/what-if/contracts"
    world.answers[path] = HELD
    await world.log_in("manager")
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    form = {
        "key": "k",
        "period": "2026-03",
        "payer_id": "aetna",
        "instead": "aetna-2026 aetna-2027\n",
        "rule_1": "percent-of-charge",
        "percent_1": "50",
        "tolerance": "1.00",
        "tolerance_percent": "0",
    }
    answer = await world.browser.post("/what-if/contracts", data=form, headers=headers)
    assert "1 of 12 accounts would differ" in answer.text
    assert 'action="/what-if/contracts/export"' in answer.text
    [sent] = [json.loads(each.body) for each in world.asked if each.path.endswith("/contracts")]
    assert sent["instead"] == [{"schedule_id": "aetna-2026", "read": "aetna-2027"}]
    assert (sent["terms"]["tolerance_cents"], sent["terms"]["lesser_of_charge"], sent["contract_id"]) == (
        100,
        False,
        None,
    )

    again = {"question": json.dumps({**sent, "until": "1.7.7", "items_max": 20_000})}
    file = await world.browser.post("/what-if/contracts/export", data=again, headers=headers)
    assert file.headers["content-disposition"] == 'attachment; filename="what-if-contracts.csv"'
    assert "A1,2,8000,9000,10000,1000,1000,2000,0,0,A1-X-1," in file.text
    assert json.loads(world.asked[-1].body)["until"] == "1.7.7"


async def test_every_account_of_a_matrix_leaves_as_a_file_too(world: World) -> None:
    world.answers["POST /api/payments/what-if/posting"] = TOLD
    await world.log_in("manager")
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf()}
    file = await world.browser.post("/what-if/export", data={"question": "{}"}, headers=headers)
    assert "A1,contractual,1000" in file.text
