"""The page of balances brought along looks at a file, takes it in and takes an import back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse

from services.dashboard.amounts import cents_of, cents_or_text
from tests.unit.dashboard.conftest import ORIGIN, World

API = "/api/payments/opening-balances"
IMPORT: dict[str, Any] = {
    "import_id": "opening-1",
    "status": "taken-in",
    "as_of_on": "2025-12-31",
    "lines": 3,
    "accounts": 2,
    "control_cents": 170_07,
    "document_id": "d" * 64,
    "imported_by": "user:manager",
    "imported_at": "2026-01-05T09:00:00+00:00",
    "reason": "",
    "taken_back_by": "",
}
LINE: dict[str, Any] = {
    "line": "line 2",
    "account_id": "OPENACCOUNT01",
    "patient_id": "patient-1",
    "party": "payer:1",
    "original_on": "2025-11-20",
    "amount_cents": 150_00,
}
SEEN: dict[str, Any] = {
    "may_be_taken_in": True,
    "is_known": False,
    "lines": 1,
    "accounts": 1,
    "total_cents": 150_00,
    "control_cents": 150_00,
    "control_lines": 1,
    "parties": {"payer:1": 150_00},
    "problems": [],
    "items": [LINE],
}
PROBLEM = {"line": 3, "column": "amount", "value": "4 characters", "rule": "an amount is dollars with two decimals"}
DONE = {"event_ids": ["e"], "version": 2, "after": "p1", "stream": "s"}
TYPED = {"key": "k1", "as_of_on": "2025-12-31", "control": "1,150.00", "lines": "1"}

in_the_house = pytest.mark.asyncio(loop_scope="session")


async def opened(world: World, role: str = "manager", **row: Any) -> httpx.Response:
    world.answers |= {f"GET {API}": {"items": [IMPORT | row], "next": None, "positions": {}}}
    await world.log_in(role)
    return await world.browser.get("/brought-along")


async def post(world: World, path: str, form: dict[str, str], file: bytes | None = None) -> httpx.Response:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    files = None if file is None else {"file": ("open.csv", file)}
    return await world.browser.post(path, data=form, files=files, headers=headers)


@in_the_house
async def test_what_was_brought_along_is_listed_and_can_be_taken_back(world: World) -> None:
    page = (await opened(world)).text
    assert "170.07" in page
    assert 'hx-post="/brought-along/opening-1/take-back"' in page
    taken_back = (await opened(world, status="taken-back", reason="wrong-file", taken_back_by="user:manager")).text
    assert "/take-back" not in taken_back

    world.answers |= {f"POST {API}/opening-1/take-back": DONE}
    answer = await post(world, "/brought-along/opening-1/take-back", {"key": "k9", "reason": "wrong-file"})
    assert answer.headers["hx-redirect"] == "/brought-along"
    [asked] = [each for each in world.asked if each.path.endswith("/take-back")]
    assert (json.loads(asked.body), asked.headers["idempotency-key"]) == ({"reason": "wrong-file"}, "k9")


@in_the_house
async def test_who_reads_the_ledger_sees_the_list_and_nothing_to_do(world: World) -> None:
    page = (await opened(world, "auditor")).text
    assert "170.07" in page
    assert 'hx-post="/brought-along' not in page
    refused = await post(world, "/brought-along/opening-1/take-back", {"key": "k9", "reason": "wrong-file"})
    assert refused.status_code == 403


@in_the_house
async def test_a_file_is_looked_at_before_it_is_taken_in(world: World) -> None:
    await opened(world)
    world.answers |= {f"POST {API}/preview": SEEN}
    good = (await post(world, "/brought-along/look", TYPED, b"account\n")).text
    assert "It can be taken in." in good
    assert "OPENACCOUNT01" in good
    [asked] = [each for each in world.asked if each.path.endswith("/preview")]
    assert asked.query == {"as_of_on": "2025-12-31", "control_cents": "115000", "control_lines": "1"}
    assert asked.body == b"account\n"

    world.answers |= {f"POST {API}/preview": SEEN | {"may_be_taken_in": False, "problems": [PROBLEM], "items": []}}
    bad = (await post(world, "/brought-along/look", TYPED, b"account\n")).text
    assert "1 problem." in bad
    assert PROBLEM["rule"] in bad


@in_the_house
async def test_a_file_is_taken_in_whole_or_the_refusal_is_told_over_the_form(world: World) -> None:
    await opened(world)
    world.answers |= {f"POST {API}": {"import_id": "opening-1", "done": DONE}}
    answer = await post(world, "/brought-along/files", TYPED | {"late_entry": "yes"}, b"account\n")
    assert answer.headers["hx-redirect"] == "/brought-along"
    [asked] = [each for each in world.asked if (each.method, each.path) == ("POST", API)]
    assert asked.query["late_entry"] == "true"

    told = {"code": "control-total-differs", "detail": "the file comes to another sum", "status": 422}
    world.answers |= {f"POST {API}": JSONResponse(told, 422)}
    refused = await post(world, "/brought-along/files", TYPED, b"account\n")
    assert refused.headers["hx-retarget"] == "#messages"
    assert "the file comes to another sum" in refused.text


@in_the_house
@pytest.mark.parametrize("path", ["/brought-along/look", "/brought-along/files"])
async def test_what_cannot_be_read_is_named_and_nothing_is_sent(world: World, path: str) -> None:
    await opened(world)
    world.asked.clear()
    form = {"key": "k1", "as_of_on": "2025-13-31", "control": "much", "lines": "0"}
    text = (await post(world, path, form)).text
    for error in ("Choose a file", "is a date", "are dollars", "is a whole number"):
        assert error in text
    assert not [each for each in world.asked if each.path.startswith(API)]


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("12.50", 1250),
        ("12.5", 1250),
        ("$1,200", 120000),
        ("-3.07", -307),
        ("", None),
        ("1.234", None),
        ("twelve", None),
    ],
)
def test_an_amount_as_it_is_typed(typed: str, cents: int | None) -> None:
    assert cents_of(typed) == cents
    assert cents_or_text(typed) == (typed if cents is None else cents)
