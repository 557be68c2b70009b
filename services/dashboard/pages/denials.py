"""The denial worklist: what is worth the next hour, why it stands there, and the work on it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import Response

from services.dashboard.client import BLANK, Refused, Silent
from services.dashboard.conflicts import do_or_tell
from services.dashboard.deeds import DENIALS
from services.dashboard.exports import table_file
from services.dashboard.visits import Page, Visit

_ROWS = 50
_DECISIONS = 200
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
    "snoozed_until_on": "snoozed_until_on",
    "write_off_requested_by": "write_off_requested_by",
    "status": "status",
    "next_action": "next_action",
}


def _filters(visit: Visit) -> dict[str, str]:
    owner = visit.asked("owner")
    return {
        "category": visit.asked("category"),
        "payer_id": visit.asked("payer_id"),
        "reason_group": visit.asked("reason_group"),
        "reason": visit.asked("reason"),
        "origin": visit.asked("origin"),
        "with_closed": "true" if visit.asked("every") == "yes" else "",
        "assignee": {"me": visit.session.actor, "nobody": BLANK}.get(owner, ""),
        "is_open": "false" if visit.asked("closed") == "yes" else "true",
        "is_snoozed": "true" if visit.asked("put_off") == "yes" else "",
        "is_escalated": "true" if visit.asked("escalated") == "yes" else "",
        "awaits_approval": "true" if visit.asked("to_approve") == "yes" else "",
    }


async def worklist(visit: Visit) -> Response:
    filters, cursor = _filters(visit), visit.asked("cursor")
    found = await visit.get("/api/claims/denials", **filters, limit=_ROWS, cursor=cursor)
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    values: dict[str, Any] = {"found": found, "base": base, "names": await payer_names(visit)}
    if visit.is_fragment and cursor:
        return visit.show("denials/_rows.html", **values)
    summary, counts, causes, fresh = await asyncio.gather(
        visit.counted("/api/claims/denials/summary", **filters),
        visit.counted("/api/claims/denials/views"),
        visit.counted("/api/claims/denials/causes", limit=500),
        visit.get_if("ops:read-freshness", "/api/claims/ops/freshness"),
    )
    values |= {
        "summary": summary,
        "counts": counts,
        "categories": sorted({cause["category"] for cause in causes}),
        "payers": sorted(
            {(cause["payer_id"], values["names"].get(cause["payer_id"], cause["payer_id"])) for cause in causes}
        ),
        "deeds": DENIALS.deeds,
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
    return await table_file(visit, "denials", "/api/claims/denials", _filters(visit), _COLUMNS)


async def peek(visit: Visit) -> Response:
    row = await visit.get(f"/api/claims/denials/{visit.path('denial_id')}")
    return visit.show("denials/_peek.html", row=row, names=await payer_names(visit), said="", undo=None, after="")


async def report(visit: Visit) -> Response:
    """Where denials begin and how appeals end, each figure with the list that it is the sum of."""
    causes, rates, names = await asyncio.gather(
        visit.get("/api/claims/denials/causes", limit=200),
        visit.get("/api/claims/denials/overturn-rates"),
        payer_names(visit),
    )
    return visit.show("denials/report.html", causes=causes, rates=rates, names=names)


async def decisions(visit: Visit) -> Response:
    """The decisions behind a rate."""
    wanted = {name: visit.asked(name) for name in ("payer_id", "category", "level", "outcome")}
    found = await visit.get(
        "/api/claims/denials/appeal-decisions", **wanted, limit=_DECISIONS, cursor=visit.asked("cursor")
    )
    return visit.show("denials/decisions.html", found=found, wanted=wanted, names=await payer_names(visit))


async def origin(visit: Visit) -> Response:
    """The first event that made a denial likely."""
    found = await visit.get(f"/api/claims/denials/{visit.path('denial_id')}/origin")
    return visit.show("denials/_origin.html", origin=found)


# --- the work ---------------------------------------------------------------------------------------------------------


async def _worked(
    visit: Visit, deed: str, body: Any, said: str, *, can_undo: bool = False, leaves_list: bool = False
) -> Response:
    """A command on one denial, and what it looks like after it; what changed meanwhile is told and keeps what was typed."""
    denial_id = visit.path("denial_id")
    path = f"/api/claims/denials/{denial_id}"
    done = await do_or_tell(visit, f"{path}/{deed}", body, stream=f"/api/claims/streams/denial/{denial_id}")
    if isinstance(done, Response):
        return done
    undo = done["version"] if can_undo and done["after"] else None
    try:
        row = await visit.get(path, after=done["after"])
    except Refused as refused:
        if refused.code != "not-yet":
            raise
        row, said = await visit.get(path), f"{said} The list shows it in a moment."
    told: dict[str, Any] = {"toast": {"value": said}} | ({"worked": ""} if leaves_list else {})
    headers = {"HX-Trigger": json.dumps(told)}
    return visit.show(
        "denials/_worked.html",
        headers=headers,
        row=row,
        names=await payer_names(visit),
        said=said,
        undo=undo,
        after=done["after"],
        is_in_list=not leaves_list,
        base={},
    )


async def assign(visit: Visit) -> Response:
    return await _worked(visit, "assign", {}, "Assigned to you.", can_undo=True)


async def checklist(visit: Visit) -> Response:
    """What is to be gone through, with what is done."""
    found = await visit.get(f"/api/claims/denials/{visit.path('denial_id')}/checklist", after=visit.asked("after"))
    return visit.show("denials/_checklist.html", found=found)


async def tick(visit: Visit) -> Response:
    is_done = visit.form.get("is_done") == "yes"
    said = "Done." if is_done else "Not done after all."
    return await _worked(visit, f"checklist/{visit.path('step_id')}", {"is_done": is_done}, said)


async def note(visit: Visit) -> Response:
    form = visit.form
    body = {
        "outcome_code": form.get("outcome_code", ""),
        "reference_number": form.get("reference_number", ""),
        "next_action_on": form.get("next_action_on") or None,
        "note": form.get("note", ""),
    }
    return await _worked(visit, "note", body, "Noted.", can_undo=True)


async def snooze(visit: Visit) -> Response:
    until_on = visit.form.get("until_on", "")
    said = f"Put off until {until_on}."
    body = {"until_on": until_on, "because": visit.form.get("because") or None}
    return await _worked(visit, "snooze", body, said, can_undo=True, leaves_list=True)


async def undo(visit: Visit) -> Response:
    return await _worked(visit, "undo", {"version": _whole(visit, "done")}, "Taken back.", leaves_list=True)


async def write_off(visit: Visit) -> Response:
    body = {"reason": visit.form.get("reason", "")}
    return await _worked(visit, "write-off", body, "Written off, or asked for where it needs a second person.")


async def approve_write_off(visit: Visit) -> Response:
    return await _worked(visit, "write-off/approve", None, "Written off.")


async def refuse_write_off(visit: Visit) -> Response:
    body = {"reason": visit.form.get("reason", "")}
    return await _worked(visit, "write-off/refuse", body, "Not written off: it is worked on.")


async def appeal(visit: Visit) -> Response:
    days = {name: visit.form.get(name) or None for name in ("filed_on", "due_on", "late_because")}
    body = {"level": _whole(visit, "level"), **days}
    return await _worked(visit, "appeal", body, "The appeal is on record.")


async def decide(visit: Visit) -> Response:
    decided_on = visit.form.get("decided_on") or None
    body = {"level": _whole(visit, "level"), "outcome": visit.form.get("outcome", ""), "decided_on": decided_on}
    return await _worked(visit, "decide", body, "The payer's decision is on record.")


async def resolve(visit: Visit) -> Response:
    return await _worked(visit, "resolve", {"outcome": visit.form.get("outcome", "")}, "Resolved.")


def _whole(visit: Visit, name: str) -> int | str:
    return number(visit.form.get(name, ""))


def number(text: str) -> int | str:
    return int(text) if text.isdigit() and len(text) < 10 else text  # the service says what is wrong with it


PAGES = (
    Page(path="/denials", action="claims:read-denials", handler=worklist),
    Page(path="/denials/report", action="claims:read-denials", handler=report),
    Page(path="/denials/decisions", action="claims:read-denials", handler=decisions),
    Page(path="/denials/{denial_id}/origin", action="claims:read-denials", handler=origin),
    Page(path="/denials/export", action="claims:read-denials", handler=export),
    Page(path="/denials/{denial_id}/peek", action="claims:read-denials", handler=peek),
    Page(path="/denials/{denial_id}/checklist", action="claims:read-denials", handler=checklist),
    Page(path="/denials/{denial_id}/checklist/{step_id}", action="claims:work-denial", handler=tick, method="POST"),
    Page(path="/denials/{denial_id}/assign", action="claims:assign-denial", handler=assign, method="POST"),
    Page(path="/denials/{denial_id}/note", action="claims:work-denial", handler=note, method="POST"),
    Page(path="/denials/{denial_id}/snooze", action="claims:work-denial", handler=snooze, method="POST"),
    Page(path="/denials/{denial_id}/undo", action="claims:work-denial", handler=undo, method="POST"),
    Page(path="/denials/{denial_id}/write-off", action="claims:work-denial", handler=write_off, method="POST"),
    Page(
        path="/denials/{denial_id}/write-off/approve",
        action="claims:approve-write-off",
        handler=approve_write_off,
        method="POST",
    ),
    Page(
        path="/denials/{denial_id}/write-off/refuse",
        action="claims:approve-write-off",
        handler=refuse_write_off,
        method="POST",
    ),
    Page(path="/denials/{denial_id}/appeal", action="claims:file-appeal", handler=appeal, method="POST"),
    Page(path="/denials/{denial_id}/decide", action="claims:decide-appeal", handler=decide, method="POST"),
    Page(path="/denials/{denial_id}/resolve", action="claims:work-denial", handler=resolve, method="POST"),
)
