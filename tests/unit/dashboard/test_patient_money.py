"""The pages of cards, refunds and a patient's payments: each deed is the command of payments under the key of its form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUND: dict[str, Any] = {
    "refund_id": "r1",
    "account_id": "",
    "payment_id": "card:c1",
    "patient_id": "patient-1",
    "to_party": "patient",
    "status": "requested",
    "requested_by": "user:ann",
    "approved_by": "",
    "declined_by": "",
    "decline_reason": "",
    "reversed_by": "",
    "reversal_reason": "",
    "requested_at": "2026-04-02T12:00:00Z",
    "decided_at": None,
    "reversed_at": None,
    "amount_cents": 20_00,
}
CREDIT: dict[str, Any] = {
    "account_id": "A1",
    "party": "payer:1",
    "whose": "payer",
    "payer_id": "medicare-b",
    "payer_name": "Medicare",
    "filing_indicator": "MB",
    "patient_id": "patient-1",
    "service_on": "2026-03-02",
    "credit_cents": 80_05,
    "since_on": "2026-04-10",
    "days": 61,
    "is_federal": True,
    "due_on": "2026-06-09",
    "is_overdue": True,
}
WAITING = {"payment_id": "card:c1", "patient_id": "patient-1", "received_on": "2026-04-01", "unapplied_cents": 30_00}
PAYMENT: dict[str, Any] = {
    "payment_id": "card:c1",
    "patient_id": "patient-1",
    "method": "card",
    "received_on": "2026-04-01",
    "amount_cents": 50_00,
    "allocated_cents": 0,
    "returned_cents": 0,
    "refunded_cents": 20_00,
    "taken_back_on": None,
    "taken_back_reason": "",
    "taken_back_cents": 0,
    "overdrawn_cents": 0,
    "still_overdrawn_cents": 0,
    "covering_cents": 0,
    "unapplied_cents": 30_00,
}
CARD: dict[str, Any] = {
    "card_payment_id": "c1",
    "payment_id": "",
    "patient_id": "patient-1",
    "status": "requested",
    "is_unanswered": True,
    "code": "",
    "requested_by": "user:ann",
    "requested_at": "2026-04-02T12:00:00Z",
    "captured_on": None,
    "settled_on": None,
    "settlement_id": "",
    "amount_cents": 50_00,
    "fee_cents": 0,
    "refunded_cents": 0,
    "charged_back_cents": 0,
}
MOVED: dict[str, Any] = {
    "payment_id": "payment-1",
    "move_id": "m1",
    "moved_by": "user:mia",
    "from_account_id": "ACCOUNT1",
    "account_id": "ACCOUNT2",
    "applied_cents": 25_00,
}
DONE = {"event_ids": ["e"], "version": 2, "after": "p1", "stream": "s", "is_repeat": False}


CARD_NEWS = {
    "news_number": 4,
    "kind": "charged-back",
    "card_payment_id": "terminal-7",
    "amount_cents": 70_00,
    "told_on": "2026-04-03",
    "code": "not-found",
    "is_open": True,
    "reason": "",
    "dealt_with_by": "",
}


def listed(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(rows), "next": None, "positions": {}}


async def opened(world: World, role: str, path: str = "/refunds", **row: Any) -> str:
    world.answers |= {
        "GET /api/payments/refunds": listed(REFUND | row),
        "GET /api/payments/credits": listed(CREDIT),
        "GET /api/payments/unapplied": listed(WAITING),
        "GET /api/payments/patient-payments": {"items": [PAYMENT], "moves": [MOVED], "positions": {}},
        "GET /api/payments/card-payments": listed(CARD),
        "GET /api/payments/card-news": listed(CARD_NEWS),
    }
    await world.log_in(role)
    return (await world.browser.get(path)).text


async def post(world: World, path: str, **form: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data={"key": "k1", **form}, headers=headers)


async def sent(world: World, api: str, page: str, **form: str) -> dict[str, Any]:
    world.answers[f"POST {api}"] = DONE
    answer = await post(world, page, **form)
    assert "hx-redirect" in answer.headers, answer.text
    asked = next(each for each in world.asked if each.method == "POST" and each.path == api)
    assert asked.headers["idempotency-key"] == "k1"
    return dict(json.loads(asked.body))


async def test_what_can_be_done_about_refunds_depends_on_their_state_and_on_who_looks(world: World) -> None:
    page = await opened(world, "manager")
    assert 'hx-post="/refunds/r1/approve"' in page
    assert 'hx-post="/refunds/r1/decline"' in page
    assert 'value="80.05"' in page
    assert "2026-06-09" in page
    assert "/reverse" not in page
    assert "/refunds/r1/approve" not in await opened(world, "manager", requested_by="user:manager")
    assert 'hx-post="/refunds/r1/reverse"' in await opened(world, "poster", status="issued")
    assert 'hx-post="/refunds/r1' not in await opened(world, "biller")


async def test_each_deed_is_the_command_of_payments(world: World) -> None:
    await opened(world, "manager")
    payment = "/api/payments/patient-payments/card%3Ac1/refunds"
    whose = {"payment_id": "card:c1", "patient_id": "patient-1"}
    paths = {payment.replace("%3A", ":")}
    api = paths.pop()
    assert await sent(world, f"{api}/r1/approve", "/refunds/r1/approve", **whose) == {"patient_id": "patient-1"}
    declined = await sent(world, f"{api}/r1/decline", "/refunds/r1/decline", **whose, reason="not-owed")
    assert declined == {"patient_id": "patient-1", "reason": "not-owed"}
    account = "/api/payments/accounts/A1/refunds"
    reversed_ = await sent(
        world, f"{account}/r2/reverse", "/refunds/r2/reverse", account_id="A1", reason="check-voided"
    )
    assert reversed_ == {"reason": "check-voided"}
    asked = await sent(world, account, "/refunds", account_id="A1", party="payer:1", amount="80.05")
    assert asked == {"refund_id": "k1", "to_party": "payer:1", "amount_cents": 80_05}
    by_check = await sent(world, api, "/refunds", **whose, amount="30", by_check="yes")
    assert by_check == {"refund_id": "k1", "patient_id": "patient-1", "amount_cents": 30_00, "to_card": False}


async def test_a_payment_is_taken_back_from_its_patients_page(world: World) -> None:
    page = await opened(world, "poster", "/patient-payments/patient-1")
    assert 'hx-post="/patient-payments/patient-1/card:c1/take-back"' in page
    body = await sent(
        world,
        "/api/payments/patient-payments/card:c1/take-back",
        "/patient-payments/patient-1/card:c1/take-back",
        patient_id="patient-1",
        reason="chargeback",
        taken_back_on="2026-04-09",
        refunded_too="yes",
    )
    assert body == {
        "patient_id": "patient-1",
        "reason": "chargeback",
        "taken_back_on": "2026-04-09",
        "refunded_too": True,
        "late_entry": False,
    }
    assert "/take-back" not in await opened(world, "biller", "/patient-payments/patient-1")


async def test_a_card_is_taken_by_its_token_and_no_answer_is_said(world: World) -> None:
    page = await opened(world, "poster", "/cards")
    assert "no answer yet" in page
    body = await sent(
        world, "/api/payments/card-payments", "/cards", patient_id="patient-1", amount="25.00", token="tok_1"
    )
    assert body == {"card_payment_id": "k1", "patient_id": "patient-1", "amount_cents": 25_00, "token": "tok_1"}
    refusal = {"code": "no-card-processor", "detail": "no processor of cards is set up"}
    world.answers["POST /api/payments/card-payments"] = JSONResponse(refusal, 409)
    refused = await post(world, "/cards", patient_id="patient-1", amount="25.00", token="tok_1")
    assert (refused.status_code, refused.headers["hx-retarget"]) == (409, "#messages")


async def test_what_the_processor_told_and_fits_no_payment_is_dealt_with_by_who_may_take_payments_back(
    world: World,
) -> None:
    page = await opened(world, "poster", "/cards")
    assert "terminal-7" in page
    assert "70.00" in page
    body = await sent(
        world, "/api/payments/card-news/4/deal-with", "/cards/news/4/deal-with", reason="payment-taken-back"
    )
    assert body == {"reason": "payment-taken-back"}
    assert "/deal-with" not in await opened(world, "biller", "/cards")


async def test_a_patients_credit_and_what_waits_are_moved_and_a_move_is_undone(world: World) -> None:
    page = await opened(world, "poster")
    assert page.count('hx-post="/refunds/moves"') == 1 + (CREDIT["whose"] == "patient")
    assert 'hx-post="/refunds/moves"' not in await opened(world, "biller")
    await opened(world, "poster")
    path = "/api/payments/accounts/ACCOUNT1/credit/move"
    form = {"account_id": "ACCOUNT1", "amount": "25.00", "to_account_id": "ACCOUNT2"}
    assert await sent(world, path, "/refunds/moves", **form) == {
        "move_id": "k1",
        "amount_cents": 25_00,
        "to_account_id": "ACCOUNT2",
    }
    path = "/api/payments/patient-payments/payment-1/move"
    form = {"payment_id": "payment-1", "patient_id": "patient-1", "amount": "5.00", "to_account_id": ""}
    body = await sent(world, path, "/refunds/moves", **form)
    assert (body["to_account_id"], body["patient_id"]) == (None, "patient-1")

    page = await opened(world, "poster", "/patient-payments/patient-1")
    assert 'hx-post="/patient-payments/patient-1/moves/m1/undo"' in page
    world.answers["POST /api/payments/accounts/ACCOUNT2/moves/m1/undo"] = DONE
    answer = await post(world, "/patient-payments/patient-1/moves/m1/undo", account_id="ACCOUNT2")
    assert answer.headers["hx-redirect"] == "/patient-payments/patient-1"
