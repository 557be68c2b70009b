"""The books: how the receivables came from one end of a period to the other, the trial balance at its end, and what is closed."""

from __future__ import annotations

import asyncio

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
        columns=COLUMNS,
        wanted={"period": rolled["period"], **known},
        end=end,
        party_name=party_name,
    )


def _asked(visit: Visit, *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := visit.asked(name))}


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
    Page(path="/books/roll-forward", action="payments:read-ledger", handler=roll_forward_file),
    Page(path="/books/trial-balance", action="payments:read-ledger", handler=trial_balance_file),
    Page(path="/books/postings", action="payments:read-ledger", handler=postings_file),
)
