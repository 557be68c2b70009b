"""The pages of capitation: every figure leads to the list behind it, a list comes in whole or with every wrong line named."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse

from services.dashboard.pages.contracts import filled, terms_only
from tests.unit.dashboard.conftest import World
from tests.unit.dashboard.test_contracts import DONE, listed, post

pytestmark = pytest.mark.asyncio(loop_scope="session")

MONTHS = "/api/payments/capitation"
MONTH: dict[str, Any] = {
    "payer_id": "aetna",
    "contract_id": "hmo",
    "month_on": "2026-03-01",
    "lists": 1,
    "members": 2,
    "not_rated": 0,
    "expected_cents": 4250,
    "paid_cents": 4000,
    "variance_cents": 250,
    "services": 1,
    "charged_cents": 15000,
    "equivalent_cents": 13000,
    "not_priced": 0,
    "flagged": 1,
}
WAITS = {
    "remittance_id": "r1",
    "ordinal": 1,
    "reference": "MARCH",
    "payer_name": "Aetna",
    "payer_identifier": "1512345678",
    "trace_number": "T1",
    "payment_on": "2026-03-05",
    "paid_cents": -4000,
    "assigned_cents": 0,
    "open_cents": -4000,
}
DETAIL = {
    "month": MONTH,
    "categories": [{"category": "ADULT", "members": 2, "rate_cents": None, "expected_cents": 0}],
    "lists": [],
    "payments": [
        {
            "remittance_id": "r1",
            "ordinal": 1,
            "part": 3,
            "amount_cents": 4000,
            "assigned_by": "user:mia",
            "payer_name": "Aetna",
            "reference": "MARCH",
            "trace_number": "T1",
            "payment_on": "2026-03-05",
        }
    ],
    "positions": {},
}
SERVICE = {
    "claim_id": "CLAIM1",
    "service_on": "2026-03-02",
    "procedure_code": "99213",
    "charged_cents": 15000,
    "paid_cents": 0,
    "equivalent_cents": None,
    "flag": "denied",
}
OF_MONTH = {"key": "k1", "payer_id": "aetna", "contract_id": "hmo", "month": "2026-03"}
RATES = "CHILD 0-17 12.50; F18 F 18- 30.00; ALL 9.05"


async def opened(world: World, path: str, role: str = "poster") -> httpx.Response:
    world.answers |= {f"GET {MONTHS}": listed(MONTH), f"GET {MONTHS}/payments": listed(WAITS)}
    world.answers |= {f"GET {MONTHS}/months/aetna/hmo/2026-03": DETAIL, f"GET {MONTHS}/services": listed(SERVICE)}
    await world.log_in(role)
    return await world.browser.get(path)


async def test_every_figure_of_a_month_leads_to_what_is_behind_it(world: World) -> None:
    page = (await opened(world, "/capitation")).text
    for place in ("#members", "#payments", "#services", "?flagged=true#services"):
        assert f'href="/capitation/aetna/hmo/2026-03{place}"' in page
    assert 'name="amount" aria-label="Amount" inputmode="decimal" value="-40.00"' in page
    month = (await opened(world, "/capitation/aetna/hmo/2026-03?flagged=true")).text
    assert "2.50 short" in month
    assert "none in this month" in month
    assert 'href="/remittances/r1"' in month
    [asked] = [each for each in world.asked if each.path == f"{MONTHS}/services"]
    assert {"flagged": "true", "month": "2026-03", "payer_id": "aetna"}.items() <= dict(asked.query).items()


async def test_who_may_only_read_sees_no_form_and_is_refused(world: World) -> None:
    for path in ("/capitation", "/capitation/aetna/hmo/2026-03"):
        page = await opened(world, path, "biller")
        assert (page.status_code, 'hx-post="/capitation' in page.text) == (200, False)
    assert (await post(world, "/capitation/rosters", OF_MONTH, b"x")).status_code == 403
    assert (await post(world, "/capitation/payments/r1/1/assign", OF_MONTH)).status_code == 403


async def test_a_list_goes_in_and_a_wrong_one_is_told_line_by_line(world: World) -> None:
    await opened(world, "/capitation")
    route = "POST /api/payments/payers/aetna/contracts/hmo/rosters/2026-03"
    world.answers |= {route: {"done": DONE}}
    answer = await post(world, "/capitation/rosters", OF_MONTH | {"kind": "changes"}, b"member_number,action\n")
    assert answer.headers["hx-redirect"] == "/capitation/aetna/hmo/2026-03"
    [asked] = [each for each in world.asked if each.path.endswith("/rosters/2026-03")]
    assert dict(asked.query)["kind"] == "changes"
    facts = {"problems": 2, "problem_1": "line 2, category: a category is one of the contract's"}
    refused = {"code": "roster-refused", "detail": "nothing of the list is used", "facts": facts}
    world.answers |= {route: JSONResponse(refused, 422)}
    told = (await post(world, "/capitation/rosters", OF_MONTH | {"kind": "whole"}, b"member_number\n")).text
    assert "line 2, category" in told
    assert "Choose a file" in (await post(world, "/capitation/rosters", OF_MONTH, b"")).text


async def test_a_payment_is_assigned_in_cents_and_taken_off(world: World) -> None:
    await opened(world, "/capitation")
    world.answers |= {f"POST {MONTHS}/payments/r1/1/{deed}": DONE for deed in ("assign", "undo")}
    answer = await post(world, "/capitation/payments/r1/1/assign", OF_MONTH | {"amount": "-40.00"})
    assert answer.headers["hx-redirect"] == "/capitation/aetna/hmo/2026-03"
    await post(world, "/capitation/payments/r1/1/undo", OF_MONTH | {"part": "3", "reason": "wrong-month"})
    bodies = [json.loads(each.body) for each in world.asked if each.method == "POST"]
    assert bodies == [
        {"payer_id": "aetna", "contract_id": "hmo", "month": "2026-03", "amount_cents": -4000},
        {"part": 3, "reason": "wrong-month"},
    ]


async def test_rates_are_typed_and_shown_in_the_same_words() -> None:
    form = {"rule_1": "capitated", "schedule_id_1": "a", "rates_1": RATES, "tolerance": "0"}
    [term] = terms_only(form)["terms"]
    assert term["rates"] == [
        {"category": "CHILD", "amount_cents": 1250, "age_from": 0, "age_to": 17},
        {"category": "F18", "amount_cents": 3000, "sex": "F", "age_from": 18, "age_to": None},
        {"category": "ALL", "amount_cents": 905},
    ]
    whole = [{"sex": "", "age_from": None, "age_to": None, **each} for each in term["rates"]]
    assert filled([{**term, "rates": whole}])[0]["rates_text"] == RATES
    [wrong] = terms_only({**form, "rates_1": "CHILD"})["terms"]
    assert wrong["rates"] == [{"category": "CHILD", "amount_cents": ""}]
