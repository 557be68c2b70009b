"""An EOB is typed in with sums that say whether it was read right, and nothing typed is lost when something is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from services.dashboard.pages.paper import cents_of, errors_at, grown, read, summed
from tests.unit.dashboard.conftest import ORIGIN, World

TYPED = {
    "key": "k1",
    "payer_identifier": "1512345678",
    "payer_name": "Aetna",
    "trace_number": "CHECK-100",
    "payment_on": "2026-03-20",
    "method": "CHK",
    "payment": "96.00",
    "c0-claim_id": "0123456789ABCDEF1",
    "c0-status": "1",
    "c0-charged": "150.00",
    "c0-paid": "96",
    "c0-l0-procedure_code": "99213",
    "c0-l0-charged": "$150.00",
    "c0-l0-paid": "96.00",
    "c0-l0-a0-group": "CO",
    "c0-l0-a0-reason": "45",
    "c0-l0-a0-amount": "30.00",
    "c0-l0-a1-group": "PR",
    "c0-l0-a1-reason": "2",
    "c0-l0-a1-amount": "24.00",
}


@given(st.integers(min_value=-(10**11), max_value=10**11))
def test_an_amount_is_read_to_the_cent(cents: int) -> None:
    text = f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
    assert cents_of(text) == (cents if abs(cents) < 10**12 else None)


@pytest.mark.parametrize("text", ["", "1.234", "ten", "1e3", "--1", "0x10", "١٢"])
def test_what_is_no_amount_is_not_guessed(text: str) -> None:
    assert cents_of(text) is None


def test_the_sums_say_what_stands_apart() -> None:
    assert summed(read(TYPED)).is_right
    wrong = summed(read(TYPED | {"c0-l0-a1-amount": "23.00", "payment": "97.00"}))
    assert (wrong.short_cents, wrong.claims, wrong.lines) == (-1_00, [1_00], [[1_00]])
    assert summed(read(TYPED | {"c0-l0-paid": "95.00"})).unlined == [1_00]


def test_the_form_grows_by_what_is_asked_for_and_by_nothing_else() -> None:
    shape = read(TYPED).shape
    assert shape.claims == ((0, (2,)),)
    assert grown(shape, "c0-l0-a").claims == ((0, (3,)),)
    assert grown(shape, "c0-l").claims == ((0, (2, 0)),)
    assert grown(shape, "c0-a").claims == ((1, (2,)),)
    assert grown(shape, "claim").claims == ((0, (2,)), (0, (0,)))
    for odd in ("", "c9-l", "c0-l9-a", "x", "c0"):
        assert grown(shape, odd) == shape
    huge = read({"c99999-paid": "1", "c0-l99999-paid": "1", "c0-a99999-amount": "1"}).shape
    assert len(huge.claims) <= 20


def test_a_fault_is_told_at_the_field_that_it_is_of() -> None:
    fields = {"claims.0.charged_cents": "c0-charged", "claims.0.lines.0.modifiers": "c0-l0-modifiers"}
    faults = [
        {"place": "body.claims.0.lines.0.modifiers.1", "rule": "pattern"},
        {"place": "body.claims.0.charged_cents", "rule": "less"},
        {"place": "body.?", "rule": "extra"},
    ]
    assert errors_at(faults, fields) == ({"c0-l0-modifiers": "pattern", "c0-charged": "less"}, ["body.?: extra"])


async def post(world: World, path: str, form: dict[str, str]) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data=form, headers=headers)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_was_typed_is_sent_as_the_service_takes_it_and_leads_to_the_remittance(world: World) -> None:
    done = {"after": None}
    world.answers["POST /api/payments/remittances/paper"] = {"remittance_id": "r1", "done": done}
    await world.log_in("poster")
    page = (await world.browser.get("/remittances/paper")).text
    assert 'name="c0-l0-procedure_code"' in page
    assert "<script>" not in page
    answer = await post(world, "/remittances/paper", TYPED)
    assert answer.headers["hx-redirect"] == "/remittances/r1"
    [asked] = [each for each in world.asked if each.path == "/api/payments/remittances/paper"]
    assert asked.headers["idempotency-key"] == "k1"
    body = json.loads(asked.body)
    assert (body["payment_cents"], body["payer_electronic_id"], body["image_id"]) == (96_00, None, None)
    [claim] = body["claims"]
    assert (claim["charged_cents"], claim["paid_cents"], claim["adjustments"]) == (150_00, 96_00, [])
    assert [each["amount_cents"] for each in claim["lines"][0]["adjustments"]] == [30_00, 24_00]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_refusal_is_told_at_its_field_and_everything_typed_is_still_there(world: World) -> None:
    await world.log_in("poster")
    faults = [{"place": "body.claims.0.lines.0.adjustments.0.reason", "rule": "String should match pattern"}]
    problem = {"code": "malformed", "detail": "the request does not have the form", "errors": faults}
    world.answers["POST /api/payments/remittances/paper"] = JSONResponse(problem, 422)
    answer = await post(world, "/remittances/paper", TYPED)
    assert answer.status_code == 422
    assert 'id="e-c0-l0-a0-reason">String should match pattern' in answer.text
    for typed in ("CHECK-100", "$150.00", "0123456789ABCDEF1"):
        assert f'value="{typed}"' in answer.text
    no_amount = await post(world, "/remittances/paper", TYPED | {"c0-paid": "many"})
    assert 'id="e-c0-paid">an amount is dollars' in no_amount.text
    assert len([each for each in world.asked if each.path.endswith("/paper")]) == 1


@pytest.mark.asyncio(loop_scope="session")
async def test_the_server_adds_parts_and_sums(world: World) -> None:
    await world.log_in("poster")
    more = await post(world, "/remittances/paper/more", TYPED | {"more": "c0-l"})
    assert 'name="c0-l1-procedure_code"' in more.text
    assert 'value="CHECK-100"' in more.text
    totals = await post(world, "/remittances/paper/totals", TYPED | {"payment": "95.00"})
    assert "$1.00 apart from the payment" in totals.text
    await world.log_in("biller")
    assert (await world.browser.get("/remittances/paper")).status_code == 403
