"""The denial worklist: what is worth the next hour, why it stands there, and the work on it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import Response

from services.dashboard.client import BLANK, Refused, Silent
from services.dashboard.exports import csv_file
from services.dashboard.visits import Page, Visit

_ROWS = 50
_COLUMNS = {
    "denial": "denial_id",
    "claim": "claim_id",
    "payer": "payer_id",
    "group": "reason_group",
    "reason": "reason",
    "remarks": "remarks",
    "category": "category",
    "denied_cents": "denied_cents",
    "win_chance_percent": "win_chance_percent",
    "expected_recovery_cents": "expected_recovery_cents",
    "urgency_percent": "urgency_percent",
    "score_cents": "score_cents",
    "appeal_by_on": "appeal_by_on",
    "assignee": "assignee",
    "status": "status",
    "next_action": "next_action",
}


def _filters(visit: Visit) -> dict[str, str]:
    owner = visit.asked("owner")
    return {
        "category": visit.asked("category"),
        "payer_id": visit.asked("payer_id"),
        "assignee": {"me": visit.session.actor, "nobody": BLANK}.get(owner, ""),
        "is_open": "false" if visit.asked("closed") == "yes" else "true",
    }


async def worklist(visit: Visit) -> Response:
    filters, cursor = _filters(visit), visit.asked("cursor")
    found = await visit.get("/api/claims/denials", **filters, limit=_ROWS, cursor=cursor)
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    values: dict[str, Any] = {"found": found, "base": base, "names": await payer_names(visit)}
    if visit.is_fragment and cursor:
        return visit.show("denials/_rows.html", **values)
    summary, mine, nobodys, every, causes, fresh = await asyncio.gather(
        visit.counted("/api/claims/denials/summary", **filters),
        visit.counted("/api/claims/denials/summary", assignee=visit.session.actor),
        visit.counted("/api/claims/denials/summary", assignee=BLANK),
        visit.counted("/api/claims/denials/summary"),
        visit.counted("/api/claims/denials/causes", limit=500),
        visit.get_if("ops:read-freshness", "/api/claims/ops/freshness"),
    )
    values |= {
        "summary": summary,
        "counts": {"all": every["denials"], "me": mine["denials"], "nobody": nobodys["denials"]},
        "categories": sorted({cause["category"] for cause in causes}),
        "payers": sorted(
            {(cause["payer_id"], values["names"].get(cause["payer_id"], cause["payer_id"])) for cause in causes}
        ),
        "behind": (fresh or {}).get("behind", {}).get("claims.denials", 0),
    }
    return visit.show("denials/_list.html" if visit.is_fragment else "denials/list.html", **values)


async def payer_names(visit: Visit) -> dict[str, str]:
    """Names of payers by our id; empty while eligibility is down."""
    if not visit.may("eligibility:read-payers"):
        return {}
    try:
        listed = await visit.counted("/api/eligibility/payers")
    except Silent:
        return {}
    return {each["payer_id"]: each["name"] for each in listed["items"]}


async def export(visit: Visit) -> Response:
    return await csv_file(visit, "denials", "/api/claims/denials", _filters(visit), _COLUMNS)


async def peek(visit: Visit) -> Response:
    row = await visit.get(f"/api/claims/denials/{visit.path('denial_id')}")
    return visit.show("denials/_peek.html", row=row, names=await payer_names(visit), said="")


async def _shown_anew(visit: Visit, denial_id: str, after: str | None, said: str) -> Response:
    """The denial after a command: what is open at the side, and its row in the list."""
    path = f"/api/claims/denials/{denial_id}"
    try:
        row = await visit.get(path, after=after)
    except Refused as refused:
        if refused.code != "not-yet":
            raise
        row, said = await visit.get(path), f"{said} The list shows it in a moment."
    headers = {"HX-Trigger": json.dumps({"toast": {"value": said}})}
    return visit.show(
        "denials/_worked.html", headers=headers, row=row, names=await payer_names(visit), said=said, base={}
    )


async def assign(visit: Visit) -> Response:
    denial_id = visit.path("denial_id")
    done = await visit.do(f"/api/claims/denials/{denial_id}/assign", {})
    return await _shown_anew(visit, denial_id, done["after"], "Assigned to you.")


async def assign_many(visit: Visit) -> Response:
    """Each by itself, with its own result: one that is refused keeps none of the others from being done."""
    ids = [each for each in visit.form.get("ids", "").split(",") if each][:200]
    results = await asyncio.gather(*(_assigned(visit, denial_id) for denial_id in ids))
    refused = [(denial_id, words) for denial_id, words in zip(ids, results, strict=True) if words]
    said = f"{len(ids) - len(refused)} of {len(ids)} assigned to you."
    headers = {"HX-Trigger": json.dumps({"toast": {"value": said}, "worked": ""})}
    return visit.show("denials/_many.html", headers=headers, said=said, refused=refused)


async def _assigned(visit: Visit, denial_id: str) -> str:
    path = f"/api/claims/denials/{denial_id}"
    try:
        done = await visit.services.post(f"{path}/assign", {}, key=f"{visit.form['key']}-{denial_id}")
    except Refused as refused:
        return f"{refused.code}: {refused.detail}"
    await visit.settled(path, done["after"])
    return ""


async def note(visit: Visit) -> Response:
    denial_id, form = visit.path("denial_id"), visit.form
    body = {
        "outcome_code": form.get("outcome_code", ""),
        "reference_number": form.get("reference_number", ""),
        "next_action_on": form.get("next_action_on") or None,
        "note": form.get("note", ""),
    }
    done = await visit.do(f"/api/claims/denials/{denial_id}/note", body)
    return await _shown_anew(visit, denial_id, done["after"], "Noted.")


async def appeal(visit: Visit) -> Response:
    denial_id = visit.path("denial_id")
    body = {"level": _whole(visit, "level"), "due_on": visit.form.get("due_on") or None}
    done = await visit.do(f"/api/claims/denials/{denial_id}/appeal", body)
    return await _shown_anew(visit, denial_id, done["after"], "The appeal is on record.")


async def decide(visit: Visit) -> Response:
    denial_id = visit.path("denial_id")
    body = {"level": _whole(visit, "level"), "outcome": visit.form.get("outcome", "")}
    done = await visit.do(f"/api/claims/denials/{denial_id}/decide", body)
    return await _shown_anew(visit, denial_id, done["after"], "The payer's decision is on record.")


async def resolve(visit: Visit) -> Response:
    denial_id = visit.path("denial_id")
    body = {"outcome": visit.form.get("outcome", "")}
    done = await visit.do(f"/api/claims/denials/{denial_id}/resolve", body)
    return await _shown_anew(visit, denial_id, done["after"], "Resolved.")


def _whole(visit: Visit, name: str) -> int | str:
    text = visit.form.get(name, "")
    return int(text) if text.isdigit() and len(text) < 10 else text  # the service says what is wrong with it


PAGES = (
    Page(path="/denials", action="claims:read-denials", handler=worklist),
    Page(path="/denials/export", action="claims:read-denials", handler=export),
    Page(path="/denials/assign", action="claims:assign-denial", handler=assign_many, method="POST"),
    Page(path="/denials/{denial_id}/peek", action="claims:read-denials", handler=peek),
    Page(path="/denials/{denial_id}/assign", action="claims:assign-denial", handler=assign, method="POST"),
    Page(path="/denials/{denial_id}/note", action="claims:work-denial", handler=note, method="POST"),
    Page(path="/denials/{denial_id}/appeal", action="claims:file-appeal", handler=appeal, method="POST"),
    Page(path="/denials/{denial_id}/decide", action="claims:decide-appeal", handler=decide, method="POST"),
    Page(path="/denials/{denial_id}/resolve", action="claims:work-denial", handler=resolve, method="POST"),
)
