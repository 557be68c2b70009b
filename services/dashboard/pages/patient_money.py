"""Money of patients and payers that comes in by card or goes out again: cards, payments, refunds with their two persons, credits."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.pages.receivables import party_name
from services.dashboard.visits import Page, Visit

_ROWS = 50
_PAYMENTS = "/api/payments/patient-payments"
_ACCOUNTS = "/api/payments/accounts"
_CARDS = "/api/payments/card-payments"
_CARD_NEWS = "/api/payments/card-news"
_REFUNDS = "/api/payments/refunds"
_STATUSES = ("requested", "issued", "declined", "reversed")
_CARD_STATUSES = ("requested", "authorised", "captured", "declined", "charged-back", "won")
DECLINE_REASONS = ("not-owed", "wrong-amount", "wrong-party", "not-documented", "withdrawn")
REVERSAL_REASONS = ("check-voided", "check-never-cashed", "card-refund-failed", "returned-by-bank", "entered-wrongly")
TAKE_BACK_REASONS = ("returned-by-bank", "chargeback", "entered-wrongly")


async def refunds(visit: Visit) -> Response:
    """Refunds of one status or all, and what could be given back: credits of accounts, and money that waits."""
    asked = visit.asked("status", "requested")
    status = asked if asked in _STATUSES else ""
    found, credits, waiting = await asyncio.gather(
        visit.get(_REFUNDS, status=status, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get("/api/payments/credits", limit=_ROWS, cursor=visit.asked("credit")),
        visit.get("/api/payments/unapplied", limit=_ROWS, cursor=visit.asked("waiting")),
    )
    return visit.show(
        "patient_money/refunds.html",
        found=found,
        credits=credits,
        waiting=waiting,
        statuses=_STATUSES,
        chosen=status,
        wanted={"status": asked},
        party_name=party_name,
        decline_reasons=DECLINE_REASONS,
        reversal_reasons=REVERSAL_REASONS,
    )


async def ask(visit: Visit) -> Response:
    """Ask to give back a credit of an account, or what waits of a payment; a second person agrees or not."""
    form = visit.form
    body: dict[str, Any] = {"refund_id": form["key"], "amount_cents": cents_or_text(form.get("amount", ""))}
    if payment_id := form.get("payment_id", ""):
        path = f"{_PAYMENTS}/{quote(payment_id, safe='')}/refunds"
        body["patient_id"] = form.get("patient_id", "")
        if form.get("by_check"):
            body["to_card"] = False
    else:
        path = f"{_ACCOUNTS}/{quote(form.get('account_id', ''), safe='')}/refunds"
        body["to_party"] = form.get("party", "")
    return await _back(visit, await visit.do(path, body))


async def move(visit: Visit) -> Response:
    """A patient's credit, or money that waits, to an account of the same patient or to what is owed longest."""
    form = visit.form
    body: dict[str, Any] = {
        "move_id": form["key"],
        "amount_cents": cents_or_text(form.get("amount", "")),
        "to_account_id": form.get("to_account_id") or None,
    }
    if payment_id := form.get("payment_id", ""):
        body["patient_id"] = form.get("patient_id", "")
        return await _back(visit, await visit.do(f"{_PAYMENTS}/{quote(payment_id, safe='')}/move", body))
    path = f"{_ACCOUNTS}/{quote(form.get('account_id', ''), safe='')}/credit/move"
    return await _back(visit, await visit.do(path, body))


async def undo_move(visit: Visit) -> Response:
    patient_id = quote(visit.path("patient_id"), safe="")
    account_id = quote(visit.form.get("account_id", ""), safe="")
    done = await visit.do(f"{_ACCOUNTS}/{account_id}/moves/{quote(visit.path('move_id'), safe='')}/undo")
    await visit.settled(f"{_PAYMENTS}?patient_id={patient_id}", done["after"])
    return Response(headers={"HX-Redirect": f"/patient-payments/{patient_id}"})


async def approve(visit: Visit) -> Response:
    return await _decided(visit, "approve")


async def decline(visit: Visit) -> Response:
    return await _decided(visit, "decline", reason=visit.form.get("reason", ""))


async def reverse(visit: Visit) -> Response:
    return await _decided(visit, "reverse", reason=visit.form.get("reason", ""))


async def _decided(visit: Visit, deed: str, **body: str) -> Response:
    form, refund_id = visit.form, quote(visit.path("refund_id"), safe="")
    if payment_id := form.get("payment_id", ""):
        path = f"{_PAYMENTS}/{quote(payment_id, safe='')}/refunds/{refund_id}/{deed}"
        body["patient_id"] = form.get("patient_id", "")
    else:
        path = f"{_ACCOUNTS}/{quote(form.get('account_id', ''), safe='')}/refunds/{refund_id}/{deed}"
    return await _back(visit, await visit.do(path, body or None))


async def _back(visit: Visit, done: dict[str, Any]) -> Response:
    await visit.settled(_REFUNDS, done["after"])
    return Response(headers={"HX-Redirect": "/refunds"})


async def payments(visit: Visit) -> Response:
    """What one patient paid, what of it waits, and what did not last."""
    found = await visit.get(_PAYMENTS, patient_id=visit.path("patient_id"))
    return visit.show(
        "patient_money/payments.html", found=found, patient_id=visit.path("patient_id"), reasons=TAKE_BACK_REASONS
    )


async def take_back(visit: Visit) -> Response:
    """Take a whole payment back; what is refused is told over the page, whose form keeps what was typed."""
    form, patient_id = visit.form, visit.path("patient_id")
    body = {
        "patient_id": form.get("patient_id", ""),
        "reason": form.get("reason", ""),
        "taken_back_on": form.get("taken_back_on", ""),
        "refunded_too": bool(form.get("refunded_too")),
        "late_entry": bool(form.get("late_entry")),
    }
    done = await visit.do(f"{_PAYMENTS}/{quote(visit.path('payment_id'), safe='')}/take-back", body)
    await visit.settled(f"{_PAYMENTS}?patient_id={quote(patient_id, safe='')}", done["after"])
    return Response(headers={"HX-Redirect": f"/patient-payments/{quote(patient_id, safe='')}"})


async def cards(visit: Visit) -> Response:
    """Payments by card, newest first, and the form that takes one by its token."""
    asked = visit.asked("status")
    status = asked if asked in _CARD_STATUSES else ""
    found, news = await asyncio.gather(
        visit.get(_CARDS, status=status, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get(_CARD_NEWS, is_open=True, limit=_ROWS),
    )
    return visit.show(
        "patient_money/cards.html",
        found=found,
        news=news,
        statuses=_CARD_STATUSES,
        chosen=status,
        wanted={"status": status},
    )


async def deal_with_news(visit: Visit) -> Response:
    path = f"{_CARD_NEWS}/{quote(visit.path('news_number'), safe='')}/deal-with"
    done = await visit.do(path, {"reason": visit.form.get("reason", "")})
    await visit.settled(_CARD_NEWS, done["after"])
    return Response(headers={"HX-Redirect": "/cards"})


async def take_card(visit: Visit) -> Response:
    """The processor is asked at once; its answer, or that there is none yet, is on the page."""
    form = visit.form
    body: dict[str, Any] = {
        "card_payment_id": form["key"].replace("-", "")[:30],
        "patient_id": form.get("patient_id", ""),
        "amount_cents": cents_or_text(form.get("amount", "")),
        "token": form.get("token", ""),
    }
    if account_id := form.get("account_id", ""):
        body["accounts"] = [{"account_id": account_id, "amount_cents": body["amount_cents"]}]
    done = await visit.do(_CARDS, body)
    await visit.settled(_CARDS, done["after"])
    return Response(headers={"HX-Redirect": "/cards"})


_ONE = "/refunds/{refund_id}"
PAGES = (
    Page(path="/refunds", action="payments:read-ledger", handler=refunds),
    Page(path="/refunds", action="payments:request-refund", handler=ask, method="POST"),
    Page(path=f"{_ONE}/approve", action="payments:approve-refund", handler=approve, method="POST"),
    Page(path=f"{_ONE}/decline", action="payments:approve-refund", handler=decline, method="POST"),
    Page(path=f"{_ONE}/reverse", action="payments:reverse-refund", handler=reverse, method="POST"),
    Page(path="/refunds/moves", action="payments:move-credit", handler=move, method="POST"),
    Page(
        path="/patient-payments/{patient_id}/moves/{move_id}/undo",
        action="payments:move-credit",
        handler=undo_move,
        method="POST",
    ),
    Page(path="/patient-payments/{patient_id}", action="payments:read-ledger", handler=payments),
    Page(
        path="/patient-payments/{patient_id}/{payment_id}/take-back",
        action="payments:take-back-payment",
        handler=take_back,
        method="POST",
    ),
    Page(path="/cards", action="payments:read-card-payments", handler=cards),
    Page(path="/cards", action="payments:take-payment", handler=take_card, method="POST"),
    Page(
        path="/cards/news/{news_number}/deal-with",
        action="payments:take-back-payment",
        handler=deal_with_news,
        method="POST",
    ),
)
