"""Key figures, each with its formula, its inputs, and how far the logs had been read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from services.dashboard import kpi_formulas as formulas
from services.dashboard.visits import Page, Visit

_YEAR = timedelta(days=365)
_OLD = {90: ("91-120", "120+"), 120: ("120+",)}


async def kpis(visit: Visit) -> Response:
    if not (visit.may("payments:read-ledger") and visit.may("payments:read-balances")):
        return visit.show("kpis/none.html")
    as_of = visit.asked("as_of")
    aging, ledger = await asyncio.gather(
        visit.get("/api/payments/aging", as_of=as_of), visit.get("/api/payments/trial-balance", as_of=as_of)
    )
    year_ago = (datetime.fromisoformat(aging["as_of"]) - _YEAR).isoformat()
    before, denials = await asyncio.gather(
        visit.get("/api/payments/trial-balance", as_of=year_ago),
        visit.get_if("claims:read-denials", "/api/claims/denials/summary") if not as_of else _nothing(),
    )
    return visit.show(
        "kpis/kpis.html",
        kpis=figures(aging, ledger["accounts"], before["accounts"], denials),
        aging=aging,
        as_of=as_of,
        positions=ledger["positions"],
        year_ago=year_ago,
    )


async def _nothing() -> None:
    """Open denials are told as they are now only."""


def figures(
    aging: Mapping[str, Any], now: Mapping[str, int], before: Mapping[str, int], denials: Mapping[str, Any] | None
) -> list[formulas.Kpi]:
    """The figures of a moment. `now` and `before` are trial balances, a year apart: what happened between is their difference."""

    def moved(account: str) -> int:
        return now.get(account, 0) - before.get(account, 0)

    total: int = aging["total_cents"]
    credits = -sum(min(cents, 0) for amounts in aging["parties"].values() for cents in amounts.values())
    charges, contractual, refunds = -moved("charges"), moved("contractual"), -min(moved("refunds"), 0)
    payments = moved("cash") + refunds
    older = {days: sum(aging["buckets"].get(age, 0) for age in ages) for days, ages in _OLD.items()}
    found = [
        formulas.days_in_receivables(receivable_cents=total, credit_cents=credits, charges_12_months_cents=charges),
        formulas.share_older_than(days=90, older_cents=older[90], total_cents=total, goal_percent=10),
        formulas.share_older_than(days=120, older_cents=older[120], total_cents=total, goal_percent=5),
        formulas.net_collection_rate(
            payments_cents=payments, refunds_cents=refunds, charges_cents=charges, contractual_cents=contractual
        ),
        formulas.gross_collection_rate(payments_cents=payments, charges_cents=charges),
    ]
    if denials is not None:
        found.append(formulas.open_denials(denied_cents=denials["denied_cents"], total_cents=total))
    return found


PAGES = (Page(path="/kpis", action="dashboard:read-kpis", handler=kpis),)
