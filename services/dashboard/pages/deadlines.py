"""What falls due: by day or week, for whom, with how much money, and what payers' changed rules moved."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from services.dashboard.exports import table_file
from services.dashboard.pages.denials import payer_names
from services.dashboard.visits import Page, Visit

_ROWS = 50
_API = "/api/claims/deadlines"
KINDS = (
    "timely-filing",
    "appeal",
    "appeal-decision",
    "denial-follow-up",
    "denial-put-off",
    "escalation",
    "information-request",
    "attachment",
    "no-response",
)
_COLUMNS = {
    "due": "due_on",
    "kind": "kind",
    "what": "what",
    "claim": "claim_id",
    "denial": "denial_id",
    "payer": "payer_id",
    "owner": "owner",
    "at_risk_cents": "at_risk_cents",
    "is_past": "is_past",
}
_MOVED_COLUMNS = {
    "claim": "claim_id",
    "payer": "payer_id",
    "kind": "kind",
    "was": "previous_on",
    "is": "last_on",
    "listing": "rule_version",
    "moved": "moved_at",
    "owner": "owner",
    "at_risk_cents": "at_risk_cents",
}


def _filters(visit: Visit) -> dict[str, str]:
    owner = visit.asked("owner")
    named = {name: visit.asked(name) for name in ("kind", "payer_id", "from_on", "to_on")}
    return {**named, "owner": visit.session.actor if owner == "me" else owner}


async def deadlines(visit: Visit) -> Response:
    filters, cursor = _filters(visit), visit.asked("cursor")
    found = await visit.get(f"{_API}/due", **filters, limit=_ROWS, cursor=cursor)
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    values: dict[str, Any] = {"found": found, "base": base, "names": await payer_names(visit)}
    if visit.is_fragment and cursor:
        return visit.show("deadlines/_rows.html", **values)
    by = "day" if visit.asked("by") == "day" else "week"
    summary = await visit.counted(f"{_API}/due/summary", **filters, by=by)
    return visit.show("deadlines/list.html", summary=summary, by=by, kinds=KINDS, **values)


async def export(visit: Visit) -> Response:
    return await table_file(visit, "deadlines", f"{_API}/due", _filters(visit), _COLUMNS)


def _moved_filters(visit: Visit) -> dict[str, str]:
    return {name: visit.asked(name) for name in ("payer_id", "rule_version")}


async def moved(visit: Visit) -> Response:
    """Last days that are others since a payer's listing changed: of filing, and of appeals."""
    filters, cursor = _moved_filters(visit), visit.asked("cursor")
    filing, appeals, names = await asyncio.gather(
        visit.get(f"{_API}/moved", **filters, limit=_ROWS, cursor=cursor),
        visit.get("/api/claims/denials/moved-deadlines", **filters, limit=_ROWS),
        payer_names(visit),
    )
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    return visit.show("deadlines/moved.html", filing=filing, appeals=appeals, names=names, base=base)


async def export_moved(visit: Visit) -> Response:
    return await table_file(visit, "moved-filing-limits", f"{_API}/moved", _moved_filters(visit), _MOVED_COLUMNS)


_ACTION = "claims:read-worklists"
PAGES = (
    Page(path="/deadlines", action=_ACTION, handler=deadlines),
    Page(path="/deadlines/export", action=_ACTION, handler=export),
    Page(path="/deadlines/moved", action=_ACTION, handler=moved),
    Page(path="/deadlines/moved/export", action=_ACTION, handler=export_moved),
)
