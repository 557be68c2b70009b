"""The books: how the receivables came from one end of a period to the other, the trial balance at its end, and what is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from services.dashboard.exports import table_file
from services.dashboard.pages.receivables import party_name
from services.dashboard.visits import Page, Visit

_CLOSINGS = 12
COLUMNS = (
    ("Opening", "opening_cents", ""),
    ("Charges", "charges_cents", "charges"),
    ("Payer payments", "payer_payments_cents", "payer-payments"),
    ("Patient payments", "patient_payments_cents", "patient-payments"),
    ("Contractual", "contractual_cents", "contractual"),
    ("Write-offs", "write_offs_cents", "write-offs"),
    ("Refunds", "refunds_cents", "refunds"),
    ("Transfers", "transfers_cents", "transfers"),
    ("Brought in", "brought_in_cents", "brought-in"),
    ("Other", "other_cents", "other"),
    ("Closing", "closing_cents", ""),
    ("Of it late", "late_cents", ""),
)
_ROLL_FORWARD = {"party": "party", **{field: field for _, field, _ in COLUMNS}}
_TRIAL_BALANCE = {name: name for name in ("ledger", "debit_cents", "credit_cents", "balance_cents")}
_POSTINGS = {
    name: name
    for name in (
        "happened_on",
        "posted_on",
        "is_late",
        "event",
        "account_id",
        "ledger",
        "against",
        "movement",
        "reason",
        "amount_cents",
    )
}
_OPENS = ("period", "is_late", "ledger", "party", "movement", "as_of", "known_at", "basis")


async def books(visit: Visit) -> Response:
    """A month or a day; this month when none is named."""
    known = _asked(visit, "known_at")
    rolled, closings = await asyncio.gather(
        visit.get("/api/payments/roll-forward", **_asked(visit, "period"), **known),
        visit.get("/api/payments/periods", limit=_CLOSINGS),
    )
    end = {"as_of": rolled["through_on"], "basis": "posted", **known}
    return visit.show(
        "books/books.html",
        rolled=rolled,
        ledger=await visit.get("/api/payments/trial-balance", **end),
        closings=closings["items"],
        columns=_shown(rolled["items"]),
        wanted={"period": rolled["period"], **known},
        end=end,
        party_name=party_name,
    )


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """The columns in which something moved, so that a month fits on a screen; what is late is told below what it closed with."""
    always = ("opening_cents", "closing_cents")
    return [
        each for each in COLUMNS if each[1] != "late_cents" and (each[1] in always or any(row[each[1]] for row in rows))
    ]


def _asked(visit: Visit, *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := visit.asked(name))}


def link_of(obstacle: Mapping[str, Any]) -> str:
    """Where somebody does something about what stands in the way of a closing."""
    where = str(obstacle["where"])
    match obstacle["rule"]:
        case "remittance-not-answered":
            return f"/remittances/{where}"
        case "payment-on-its-way":
            return f"/accounts/{where.rpartition('/')[2]}"
        case "deposit-differs":
            return f"/bank?side=amount-differs#m-{where}"
        case "posting-parked":
            return "/system/parked"
        case _:
            return "/system/events?service=payments"


async def readiness(visit: Visit) -> Response:
    """Whether a period is closed or can be, what stands in the way, and the form that does it; this month when none is named."""
    asked = visit.asked("period") or (await visit.get("/api/payments/roll-forward"))["period"]
    ready = await visit.get(f"/api/payments/periods/{_period(asked)}")
    return visit.show("books/_readiness.html", ready=ready, link_of=link_of)


def _period(text: str) -> str:
    """A part of a path: nothing but digits and hyphens of what was asked for."""
    return "".join(each for each in text if each in "0123456789-")[:10] or "0"


async def _decided(visit: Visit, deed: str, body: Mapping[str, Any]) -> Response:
    period = _period(visit.form.get("period", ""))
    done = await visit.do(f"/api/payments/periods/{period}/{deed}", body)
    await visit.settled("/api/payments/periods", done["after"])
    return Response(headers={"HX-Redirect": f"/books?period={period}"})


async def close(visit: Visit) -> Response:
    accepted = [each for each in visit.form.get("accept", "").split(",") if each]
    return await _decided(visit, "close", {"accept_deposits": accepted})


async def reopen(visit: Visit) -> Response:
    return await _decided(visit, "reopen", {"reason": visit.form.get("reason", "")})


async def roll_forward_file(visit: Visit) -> Response:
    wanted = _asked(visit, "period", "known_at")
    return await table_file(visit, "roll-forward", "/api/payments/roll-forward", wanted, _ROLL_FORWARD)


async def trial_balance_file(visit: Visit) -> Response:
    wanted = _asked(visit, "as_of", "known_at", "basis")
    return await table_file(visit, "trial-balance", "/api/payments/trial-balance", wanted, _TRIAL_BALANCE)


async def postings_file(visit: Visit) -> Response:
    """What a figure is the sum of."""
    return await table_file(visit, "postings", "/api/payments/postings", _asked(visit, *_OPENS), _POSTINGS)


PAGES = (
    Page(path="/books", action="payments:read-ledger", handler=books),
    Page(path="/books/readiness", action="payments:read-ledger", handler=readiness),
    Page(path="/books/close", action="payments:close-period", handler=close, method="POST"),
    Page(path="/books/reopen", action="payments:reopen-period", handler=reopen, method="POST"),
    Page(path="/books/roll-forward", action="payments:read-ledger", handler=roll_forward_file),
    Page(path="/books/trial-balance", action="payments:read-ledger", handler=trial_balance_file),
    Page(path="/books/postings", action="payments:read-ledger", handler=postings_file),
)
