"""The pages of contracts and fee schedules: what was agreed, what a service is worth, and lists that come in whole or with every wrong line named."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTRACTS = "/api/payments/contracts"
SCHEDULES = "/api/payments/fee-schedules"
CONTRACT: dict[str, Any] = {
    "payer_id": "aetna",
    "contract_id": "c1",
    "name": "Aetna PPO",
    "version": 1,
    "effective_from": "2026-01-01",
    "contract_from": "2026-01-01",
    "contract_to": None,
    "billing_npi": "",
    "filing_indicator": "",
    "terms": [
        {
            "rule": "schedule",
            "schedule_id": "aetna-2026",
            "percent": "",
            "procedure_codes": ["99202-99215"],
            "rates": [],
        }
    ],
    "lesser_of_charge": True,
    "tolerance_cents": 100,
    "tolerance_percent": "1",
    "reason": "",
    "ended_reason": "",
    "decided_by": "user:mia",
    "recorded_at": "2026-01-02T09:00:00Z",
    "stream_version": 4,
}
SCHEDULE: dict[str, Any] = {
    "schedule_id": "aetna-2026",
    "version": 1,
    "name": "Aetna 2026",
    "method": "amounts",
    "effective_from": "2026-01-01",
    "effective_to": None,
    "conversion_factor": "",
    "work_gpci": "",
    "expense_gpci": "",
    "malpractice_gpci": "",
    "rates": 3,
    "document_id": "d" * 64,
    "loaded_by": "user:mia",
    "loaded_at": "2026-01-02T09:00:00Z",
    "withdrawn_reason": "",
    "stream_version": 2,
}
DONE = {"event_ids": ["e"], "version": 5, "after": "p1", "stream": "s"}
TERMS = {
    "key": "k1",
    "version": "4",
    "effective_from": "2026-07-01",
    "rule_1": "percent-of-schedule",
    "schedule_id_1": "aetna-2026",
    "percent_1": "120",
    "procedure_codes_1": "99202-99215, g0463",
    "rule_2": "",
    "rule_3": "percent-of-charge",
    "percent_3": "50",
    "lesser_of_charge": "yes",
    "tolerance": "1.50",
    "tolerance_percent": "2",
}


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next": None, "positions": {}}


async def opened(world: World, path: str, role: str = "manager") -> httpx.Response:
    world.answers |= {f"GET {CONTRACTS}": listed(CONTRACT), f"GET {SCHEDULES}": listed(SCHEDULE)}
    world.answers |= {"GET /api/eligibility/payers": listed({"payer_id": "aetna", "name": "Aetna"})}
    await world.log_in(role)
    return await world.browser.get(path)


async def post(world: World, path: str, form: dict[str, str], file: bytes | None = None) -> httpx.Response:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    files = None if file is None else {"file": ("list.csv", file)}
    return await world.browser.post(path, data=form, files=files, headers=headers)


async def test_a_contract_opens_into_its_versions_and_terms(world: World) -> None:
    assert 'href="/contracts/aetna/c1"' in (await opened(world, "/contracts")).text
    page = (await opened(world, "/contracts/aetna/c1")).text
    assert 'href="/fee-schedules/aetna-2026"' in page
    assert "99202-99215" in page
    assert 'hx-post="/contracts/aetna/c1/amend"' in page
    world.answers |= {f"GET {CONTRACTS}": listed()}
    assert (await world.browser.get("/contracts/aetna/c2")).status_code == 404


async def test_who_may_only_read_sees_no_form_and_is_refused(world: World) -> None:
    for path in ("/contracts/aetna/c1", "/contracts/new", "/fee-schedules", "/fee-schedules/aetna-2026"):
        page = await opened(world, path, "poster")
        assert (page.status_code, 'hx-post="/contracts' in page.text, 'hx-post="/fee' in page.text) == (
            200,
            False,
            False,
        )
    assert (await post(world, "/contracts/aetna/c1/amend", TERMS)).status_code == 403
    assert (await post(world, "/fee-schedules", {"key": "k"}, b"x")).status_code == 403


async def test_terms_go_in_their_order_and_a_row_without_a_rule_is_none(world: World) -> None:
    await opened(world, "/contracts/aetna/c1")
    world.answers |= {"POST /api/payments/payers/aetna/contracts/c1/amend": DONE}
    answer = await post(world, "/contracts/aetna/c1/amend", TERMS | {"reason": "renewed"})
    assert answer.headers["hx-redirect"] == "/contracts/aetna/c1"
    [asked] = [each for each in world.asked if each.path.endswith("/amend")]
    assert asked.headers["ledgerline-expected-version"] == "4"
    assert json.loads(asked.body) == {
        "effective_from": "2026-07-01",
        "reason": "renewed",
        "terms": [
            {
                "rule": "percent-of-schedule",
                "schedule_id": "aetna-2026",
                "percent": "120",
                "procedure_codes": ["99202-99215", "G0463"],
            },
            {"rule": "percent-of-charge", "schedule_id": None, "percent": "50", "procedure_codes": []},
        ],
        "lesser_of_charge": True,
        "tolerance_cents": 150,
        "tolerance_percent": "2",
    }


async def test_a_contract_is_put_on_record_and_ended(world: World) -> None:
    page = (await opened(world, "/contracts/new?payer_id=aetna")).text
    assert '<option value="aetna">Aetna</option>' in page
    world.answers |= {"POST /api/payments/payers/aetna/contracts": DONE}
    typed = TERMS | {"payer_id": "aetna", "contract_id": "c2", "name": "Aetna HMO", "billing_npi": "1234567893"}
    assert (await post(world, "/contracts", typed)).headers["hx-redirect"] == "/contracts/aetna/c2"
    [asked] = [each for each in world.asked if each.path.endswith("/aetna/contracts") and each.method == "POST"]
    body = json.loads(asked.body)
    assert (body["contract_id"], body["billing_npi"], body["effective_to"]) == ("c2", "1234567893", None)

    world.answers |= {"POST /api/payments/payers/aetna/contracts/c1/end": DONE}
    ended = {"key": "k2", "version": "4", "last_on": "2026-12-31", "reason": "terminated"}
    assert (await post(world, "/contracts/aetna/c1/end", ended)).headers["hx-redirect"] == "/contracts/aetna/c1"
    [asked] = [each for each in world.asked if each.path.endswith("/end")]
    assert json.loads(asked.body) == {"last_on": "2026-12-31", "reason": "terminated"}


async def test_what_a_service_is_worth_is_told_step_by_step_or_why_not(world: World) -> None:
    await opened(world, "/contracts/aetna/c1")
    inputs = {"charged_cents": "15000", "percent": "50"}
    basis = {
        "contract_id": "c1",
        "contract_version": 1,
        "rule": "percent-of-charge",
        "method": "",
        "schedule_id": "",
        "schedule_version": 0,
        "inputs": [{"name": name, "value": value} for name, value in inputs.items()],
    }
    path = "/api/payments/payers/aetna/expected"
    world.answers |= {f"GET {path}": {"expected_cents": 75_00, "basis": basis, "reason": "", "value": ""}}
    query = "procedure_code=99213&service_on=2026-03-01&charged=150.00&units=1"
    assert "$75.00" in (await world.browser.get(f"/expected-amounts/aetna?{query}")).text
    [asked] = [each for each in world.asked if each.path == path]
    assert (asked.query["charged_cents"], asked.query["procedure_code"]) == ("15000", "99213")
    world.answers |= {
        f"GET {path}": {"expected_cents": None, "basis": None, "reason": "modifier-not-priced", "value": "22"}
    }
    assert "modifier not priced (22)" in (await world.browser.get(f"/expected-amounts/aetna?{query}")).text


async def test_every_wrong_line_of_a_price_list_is_named_and_a_good_one_is_loaded(world: World) -> None:
    await opened(world, "/fee-schedules")
    path = f"{SCHEDULES}/aetna-2026/medicare-file"
    facts = {"problems": 3, "problem_1": "line 2, amount: wrong", "problem_2": "line 4, amount: wrong"}
    told = {"code": "fee-schedule-refused", "detail": "nothing of the list is used", "facts": facts}
    world.answers |= {f"POST {path}": JSONResponse(told, 422)}
    form = {
        "key": "k",
        "schedule_id": "aetna-2026",
        "name": "Aetna 2026",
        "effective_from": "2026-01-01",
        "kind": "medicare-file",
        "conversion_factor": "32.3465",
        "work_gpci": "1",
        "expense_gpci": "1",
        "malpractice_gpci": "1",
    }
    refused = (await post(world, "/fee-schedules", form, b"HCPCS")).text
    assert "line 2, amount: wrong" in refused
    assert "1 more." in refused
    world.answers |= {f"POST {path}": {"document_id": "d", "rates": 3, "is_new": True, "done": DONE}}
    loaded = await post(world, "/fee-schedules", form, b"HCPCS")
    assert loaded.headers["hx-redirect"] == "/fee-schedules/aetna-2026"
    asked = [each for each in world.asked if each.path == path][-1]
    assert (asked.body, asked.query["conversion_factor"]) == (b"HCPCS", "32.3465")
    assert "Choose a file" in (await post(world, "/fee-schedules", form, b"")).text


async def test_a_version_of_a_schedule_is_withdrawn_by_the_version_that_was_seen(world: World) -> None:
    assert (
        'hx-post="/fee-schedules/aetna-2026/versions/1/withdraw"'
        in (await opened(world, "/fee-schedules/aetna-2026")).text
    )
    world.answers |= {f"POST {SCHEDULES}/aetna-2026/versions/1/withdraw": DONE}
    form = {"key": "k", "version": "2", "reason": "wrong-file"}
    answer = await post(world, "/fee-schedules/aetna-2026/versions/1/withdraw", form)
    assert answer.headers["hx-redirect"] == "/fee-schedules/aetna-2026"
    [asked] = [each for each in world.asked if each.path.endswith("/withdraw")]
    assert asked.headers["ledgerline-expected-version"] == "2"


async def test_what_a_schedule_says_about_a_procedure(world: World) -> None:
    await opened(world, "/fee-schedules/aetna-2026")
    row = {"procedure_code": "99213", "modifiers": [], "place": "any", "amount_cents": 91_50}
    blank = dict.fromkeys(("work_rvu", "non_facility_pe_rvu", "facility_pe_rvu", "mp_rvu", "multiple", "bilateral"), "")
    told = {"schedule_id": "aetna-2026", "version": 1, "items": [row | blank]}
    world.answers |= {f"GET {SCHEDULES}/aetna-2026/rates": told}
    path = "/fee-schedules/aetna-2026/rates?procedure_code=99213&service_on=2026-03-01"
    assert "91.50" in (await world.browser.get(path)).text
    world.answers |= {f"GET {SCHEDULES}/aetna-2026/rates": told | {"items": []}}
    assert "silent" in (await world.browser.get(path)).text
    world.answers |= {f"GET {SCHEDULES}/aetna-2026/rates": told | {"version": None, "items": []}}
    assert "No version is in force" in (await world.browser.get(path)).text
