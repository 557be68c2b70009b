"""Underpayments by payer, each with the figures that it came about by; what is decided goes on under its key and version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from services.dashboard.pages.underpayments import steps_of
from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "0123456789ABCDEF-0123456789AB-1"
API = f"/api/payments/variances/{ID}"


def inputs(**figures: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in figures.items()]


BASIS: dict[str, Any] = {
    "contract_id": "c1",
    "contract_version": 2,
    "rule": "percent-of-schedule",
    "method": "rvu",
    "schedule_id": "mpfs",
    "schedule_version": 1,
    "rounding": "half-up-to-the-cent",
    "inputs": inputs(
        procedure_code="99213",
        place="non-facility",
        work_rvu="1.30",
        work_gpci="1.010",
        expense_rvu="1.37",
        expense_gpci="0.987",
        malpractice_rvu="0.10",
        malpractice_gpci="0.725",
        conversion_factor="32.3465",
        fee_cents="8855",
        percent="150",
        percent_of_fee_cents="13283",
        units="2",
    ),
}
ROW: dict[str, Any] = {
    "variance_id": ID,
    "kind": "underpayment",
    "state": "open",
    "payer_id": "aetna",
    "payer_name": "Aetna",
    "account_id": "0123456789ABCDEF",
    "claim_id": "0123456789ABCDEF1",
    "remittance_id": "r1",
    "ordinal": 3,
    "line_id": "L1",
    "procedure_code": "99213",
    "paid_as": "99212",
    "modifiers": "",
    "service_on": "2026-03-02",
    "payment_on": "2026-03-20",
    "charged_cents": 300_00,
    "expected_cents": 265_66,
    "allowed_cents": 240_00,
    "variance_cents": 25_66,
    "tolerance_cents": 1_00,
    "basis": BASIS,
    "reference": "",
    "disputed_on": None,
    "has_note": False,
    "outcome": "",
    "reason": "",
    "recovered_cents": 0,
    "decided_by": "",
    "found_at": "2026-03-21T08:00:00Z",
    "version": 2,
}
TODAY: dict[str, Any] = {
    "stands": True,
    "outcome": "not-priced",
    "reason": "modifier-not-priced",
    "value": "22",
    "basis": None,
    "expected_cents": None,
    "variance_cents": None,
}
GROUP: dict[str, Any] = {
    "payer_id": "aetna",
    "payer_name": "Aetna",
    "items": 3,
    "variance_cents": 75_66,
    "open_items": 2,
    "open_cents": 50_66,
    "disputed_items": 1,
    "disputed_cents": 25_00,
    "over_items": 0,
    "recovered_cents": 0,
    "oldest_on": "2026-03-20",
}
DISPUTE: dict[str, Any] = {
    "payer_id": "aetna",
    "payer_name": "Aetna",
    "reference": "LETTER-1",
    "disputed_on": "2026-04-01",
    "items": 2,
    "variance_cents": 80_00,
    "waiting_items": 1,
    "waiting_cents": 20_00,
    "paid_items": 1,
    "rejected_items": 0,
    "withdrawn_items": 0,
    "recovered_cents": 45_50,
}
DONE = {"version": 3, "after": "payments:0.1.9"}


async def opened(world: World, role: str, path: str = "/underpayments", **changed: Any) -> str:
    world.answers |= {
        "GET /api/payments/variances": {"items": [ROW | changed], "next": None, "positions": {}},
        "GET /api/payments/variances/by-payer": {"items": [GROUP], "next": None, "positions": {}},
        "GET /api/payments/variances/disputes": {"items": [DISPUTE], "next": None, "positions": {}},
        f"GET {API}": ROW | changed,
        f"GET {API}/today": TODAY,
    }
    await world.log_in(role)
    return (await world.browser.get(path)).text


async def post(world: World, role: str, deed: str, **form: str) -> Any:
    await world.log_in(role)
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(f"/underpayments/{ID}/{deed}", data={"key": "k", **form}, headers=headers)


def commands(world: World) -> list[Any]:
    return [asked for asked in world.asked if asked.method == "POST" and asked.path.startswith("/api/payments/")]


async def test_payers_are_listed_with_their_sums_and_open_into_their_items(world: World) -> None:
    page = await opened(world, "manager", "/underpayments?payer_id=aetna&state=open&at_least=1.00")
    assert "50.66" in page and "payer_id=aetna" in page
    assert f'href="/underpayments/{ID}"' in page and 'href="/claims/0123456789ABCDEF1"' in page
    asked = {each.path: each.query for each in world.asked if each.path.startswith("/api/payments/variances")}
    filters = {"kind": "underpayment", "payer_id": "aetna", "variance_cents_min": "100"}
    assert asked["/api/payments/variances"] == {**filters, "state": "open", "limit": "50"}
    assert asked["/api/payments/variances/by-payer"] == {**filters, "limit": "200"}


async def test_all_of_a_payer_is_disputed_under_one_reference_with_its_letter(world: World) -> None:
    page = await opened(world, "manager", "/underpayments?payer_id=aetna")
    assert 'hx-post="/underpayments/disputes"' in page
    assert "45.50" in page and "/underpayments/letters/aetna?reference=" in page
    api = "/api/payments/variances/disputes"
    world.answers[f"POST {api}"] = {"items": 2, "after": "payments:0.1.9"}
    body = {"payer_id": "aetna", "reference": "LETTER-2", "disputed_on": "2026-04-01"}
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    answer = await world.browser.post("/underpayments/disputes", data={"key": "k", **body}, headers=headers)
    assert answer.headers["hx-redirect"] == "/underpayments?payer_id=aetna&reference=LETTER-2"
    [asked] = [each for each in commands(world) if each.path == api]
    assert (json.loads(asked.body), asked.headers["idempotency-key"]) == (body, "k")
    world.answers[f"GET {api}/letter"] = PlainTextResponse("To: Aetna")
    letter = await world.browser.get("/underpayments/letters/aetna?reference=LETTER-1")
    assert (letter.text, letter.headers["content-disposition"]) == ("To: Aetna", 'attachment; filename="dispute.txt"')
    assert 'hx-post="/underpayments/disputes"' not in await opened(world, "biller", "/underpayments?payer_id=aetna")


async def test_an_item_shows_its_formula_and_what_would_be_found_today(world: World) -> None:
    page = await opened(world, "poster", f"/underpayments/{ID}")
    assert "(1.30 × 1.010 + 1.37 × 0.987 + 0.10 × 0.725) × $32.3465 = $88.55" in page
    assert "× 150 % = $132.83" in page and "= $265.66" in page
    assert "modifier not priced" in page and 'href="/remittances/r1#c3"' in page
    assert f'hx-post="/underpayments/{ID}/dispute"' in page and 'name="version" value="2"' in page


async def test_steps_of_an_amount_and_of_a_charge() -> None:
    amount = BASIS | {"rule": "schedule", "method": "amounts"}
    figures = inputs(
        procedure_code="71046",
        modifiers="26",
        place="any",
        fee_cents="9000",
        units="1",
        schedule_cents="9000",
        charged_cents="5000",
    )
    assert steps_of(amount | {"inputs": figures}, 50_00) == [
        "71046 26, any: $90.00",
        "× 1 unit",
        "$90.00, and never more than the charge",
        "= $50.00",
    ]
    charge = BASIS | {"rule": "percent-of-charge", "inputs": inputs(charged_cents="10000", percent="33.333")}
    assert steps_of(charge, 33_33) == ["$100.00 charged × 33.333 %", "= $33.33"]


async def test_a_dispute_goes_to_the_service_on_the_version_that_was_seen(world: World) -> None:
    world.answers |= {f"POST {API}/dispute": DONE, f"GET {API}": ROW}
    answer = await post(
        world, "denial-specialist", "dispute", reference="REF-1", disputed_on="2026-04-01", note="Called.", version="2"
    )
    assert answer.headers["hx-redirect"] == f"/underpayments/{ID}"
    [command] = commands(world)
    assert command.headers["ledgerline-expected-version"] == "2" and command.headers["idempotency-key"] == "k"
    assert json.loads(command.body) == {"reference": "REF-1", "disputed_on": "2026-04-01", "note": "Called."}


async def test_dollars_that_are_typed_become_cents(world: World) -> None:
    world.answers |= {f"POST {API}/resolve": DONE, f"GET {API}": ROW}
    for typed, cents in (("25.66", 25_66), ("1,025", 1_025_00), ("", 0), ("25.6", "25.6")):
        await post(world, "manager", "resolve", outcome="recovered", reason="paid", recovered=typed, version="2")
        assert json.loads(commands(world)[-1].body)["recovered_cents"] == cents


async def test_who_comes_second_is_told_what_the_first_did(world: World) -> None:
    facts = {"expected_version": 2, "version": 3}
    refused = JSONResponse({"code": "changed-meanwhile", "detail": "look again", "facts": facts}, 409)
    event = {"streamversion": 3, "type": "payments.VarianceResolved.v1", "actor": "user:k", "recordedat": "2026-04-02"}
    stream = f"GET /api/payments/streams/contract-comparison/{ID.rpartition('-')[0]}"
    world.answers |= {f"POST {API}/reopen": refused, stream: {"events": [event]}}
    answer = await post(world, "poster", "reopen", reason="x", version="2")
    assert answer.status_code == 409 and "variance resolved" in answer.text


async def test_a_note_is_opened_only_when_asked_for(world: World) -> None:
    disputed = {"state": "disputed", "disputed_on": "2026-04-01", "reference": "REF-1", "has_note": True}
    page = await opened(world, "manager", f"/underpayments/{ID}", **disputed)
    assert "?note=open" in page and f"{API}/note" not in [each.path for each in world.asked]
    world.answers[f"GET {API}/note"] = {"text": "Called the payer."}
    assert "Called the payer." in (await world.browser.get(f"/underpayments/{ID}?note=open")).text
    biller = await opened(world, "biller", f"/underpayments/{ID}?note=open", **disputed)
    assert "Called the payer." not in biller and "/dispute" not in biller


async def test_the_lists_leave_as_files(world: World) -> None:
    await opened(world, "manager")
    rows = await world.browser.get("/underpayments/export?payer_id=aetna")
    assert rows.text.splitlines()[1].startswith(f"{ID},underpayment,open,aetna,Aetna,")
    book = await world.browser.get("/underpayments/by-payer?format=xlsx")
    assert book.headers["content-disposition"] == 'attachment; filename="underpayments-by-payer.xlsx"'


async def test_who_may_not_work_on_them_does_not(world: World) -> None:
    assert (await post(world, "biller", "dispute", reference="x", disputed_on="2026-04-01")).status_code == 403
    assert commands(world) == []
    await world.log_in("collector")
    assert (await world.browser.get("/underpayments")).status_code == 403
