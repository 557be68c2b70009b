"""Charge review: what holds a visit's charges, the edits that failed, and letting them pass with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.responses import Response

from services.dashboard.exports import table_file
from services.dashboard.pages.denials import number
from services.dashboard.visits import Page, Visit

_ROWS = 50
_VISITS_MAX = 200  # of a patient, on the page that joins them


class Queue(NamedTuple):
    title: str
    path: str
    empty: str  # what would stand here, and what brings it


_QUEUES: Mapping[str, Queue] = {
    "": Queue(
        "Held",
        "/api/charges/queues/review",
        "No charges are held. Those whose edits fail stand here until the visit is mended or somebody lets the edit pass.",
    ),
    "coding": Queue(
        "To code",
        "/api/charges/queues/coding",
        "No visit waits to be coded. One stands here whose charges a coder must complete before they are released.",
    ),
    "missing": Queue(
        "No charge yet",
        "/api/charges/queues/missing",
        "No visit lacks its charges. One stands here to which none came some days after it took place.",
    ),
    "late": Queue(
        "Late charges",
        "/api/charges/queues/late",
        "No charge came late. Those stand here that came when the others of their visit were released already.",
    ),
}
_COLUMNS = {
    "encounter": "encounter_id",
    "account": "account_id",
    "patient": "patient_id",
    "service_on": "service_on",
    "state": "state",
    "held_reason": "held_reason",
    "charges": "charge_count",
    "late": "late_count",
    "changed_at": "changed_at",
}
_VISIT_CLASSES = {  # HL7 table 0004
    "B": "obstetrics",
    "E": "emergency",
    "I": "inpatient",
    "O": "outpatient",
    "P": "preadmission",
    "R": "recurring",
}


def _view(visit: Visit) -> str:
    return visit.asked("view") if visit.asked("view") in _QUEUES else ""


async def worklist(visit: Visit) -> Response:
    view = _view(visit)
    found, fresh = await asyncio.gather(
        visit.get(_QUEUES[view].path, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get_if("ops:read-freshness", "/api/charges/ops/freshness"),
    )
    return visit.show(
        "charges/list.html",
        found=found,
        view=view,
        queues=_QUEUES,
        behind=(fresh or {}).get("behind", {}).get("charges.encounters", 0),
        base={"view": view} if view else {},
    )


async def export(visit: Visit) -> Response:
    view = _view(visit)
    return await table_file(visit, f"charges-{view or 'held'}", _QUEUES[view].path, {}, _COLUMNS)


async def encounter(visit: Visit) -> Response:
    encounter_id = visit.path("encounter_id")
    detail, stream = await asyncio.gather(
        visit.get(f"/api/charges/encounters/{encounter_id}"),
        visit.get_if("events:read-stream", f"/api/charges/streams/encounter/{encounter_id}"),
    )
    return visit.show(
        "charges/encounter.html",
        detail=detail,
        passed=_passed((stream or {}).get("events", ())),
        visit_classes=_VISIT_CLASSES,
        coverages=await _coverages(visit, detail["encounter"]),
    )


async def _coverages(visit: Visit, visited: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The patient's coverages, of which one may be named for a bill of its own."""
    if not visit.may("charges:choose-bills") or not visited["patient_id"] or not visited["service_on"]:
        return []
    path = f"/api/eligibility/patients/{visited['patient_id']}/coverage"
    found = await visit.get_if("eligibility:read-coverage", path, on=visited["service_on"])
    return list((found or {}).get("coverages", ()))


def _passed(events: Any) -> list[dict[str, Any]]:
    """Edits that somebody let pass, with the reason, in their order."""
    return [
        {**event["data"], "who": event["actor"], "at": event["recordedat"]}
        for event in events
        if event["type"].startswith("charges.EditOverridden.")
    ]


async def override(visit: Visit) -> Response:
    """Let the charges pass an edit, with the reason; they are reviewed again at once."""
    encounter_id, form = visit.path("encounter_id"), visit.form
    body = {"rule": form.get("rule", ""), "reason": form.get("reason", "")}
    done = await visit.do(f"/api/charges/encounters/{encounter_id}/overrides", body)
    await visit.settled(f"/api/charges/encounters/{encounter_id}", done["after"])
    return Response(headers={"HX-Redirect": f"/charges/{encounter_id}"})


async def bill_apart(visit: Visit) -> Response:
    """Some charges go on a bill of their own, beside the bills that were chosen before."""
    encounter_id, form = visit.path("encounter_id"), visit.form
    detail = await visit.get(f"/api/charges/encounters/{encounter_id}")
    bills = chosen_with(detail["encounter"]["chosen"] or [], form.get("charge", ""), form.get("coverage", ""))
    return await _choose(visit, encounter_id, bills)


async def bill_together(visit: Visit) -> Response:
    return await _choose(visit, visit.path("encounter_id"), [])


async def joining(visit: Visit) -> Response:
    """The patient's other visits, and what one bill of those that are marked would be."""
    encounter_id = visit.path("encounter_id")
    detail = await visit.get(f"/api/charges/encounters/{encounter_id}")
    visited = detail["encounter"]
    query = visit.request.query_params
    marked = query.getlist("visit") if "look" in query else list(visited["joined"] or ())
    days = visit.asked("days_before_admission", "3")
    shown, others = await asyncio.gather(
        visit.get(
            f"/api/charges/encounters/{encounter_id}/joined-visits/preview", visit=marked, days_before_admission=days
        ),
        visit.get("/api/charges/encounters", patient_id=visited["patient_id"], limit=_VISITS_MAX),
    )
    return visit.show(
        "charges/joining.html",
        visited=visited,
        others=[each for each in others["items"] if each["encounter_id"] != encounter_id],
        shown=shown,
        days=days,
        positions=detail["positions"],
    )


async def join(visit: Visit) -> Response:
    """The marked visits go on this visit's bill; none: it is billed by itself again."""
    encounter_id, form = visit.path("encounter_id"), visit.form
    body = {
        "encounter_ids": [each for each in form.get("visits", "").split(",") if each],
        "days_before_admission": number(form.get("days_before_admission", "3")),
        "reason": form.get("reason", ""),
    }
    done = await visit.do(f"/api/charges/encounters/{encounter_id}/joined-visits", body)
    await visit.settled(f"/api/charges/encounters/{encounter_id}", done["after"])
    return Response(headers={"HX-Redirect": f"/charges/{encounter_id}"})


async def _choose(visit: Visit, encounter_id: str, bills: list[dict[str, Any]]) -> Response:
    body = {"bills": bills, "reason": visit.form.get("reason", "")}
    done = await visit.do(f"/api/charges/encounters/{encounter_id}/bills", body)
    await visit.settled(f"/api/charges/encounters/{encounter_id}", done["after"])
    return Response(headers={"HX-Redirect": f"/charges/{encounter_id}"})


def chosen_with(chosen: list[dict[str, Any]], charges: str, coverage: str) -> list[dict[str, Any]]:
    """The bills as chosen before, and one more with these charges (commas between), which leave the others."""
    apart = [charge_id for charge_id in charges.split(",") if charge_id]
    before = [{**bill, "charge_ids": [each for each in bill["charge_ids"] if each not in apart]} for bill in chosen]
    new = {"charge_ids": apart, "coverage_ids": [coverage] if coverage else []}
    return [bill for bill in before if bill["charge_ids"]] + [new]


PAGES = (
    Page(path="/charges", action="charges:read-worklists", handler=worklist),
    Page(path="/charges/export", action="charges:read-worklists", handler=export),
    Page(path="/charges/{encounter_id}", action="charges:read-encounters", handler=encounter),
    Page(path="/charges/{encounter_id}/override", action="charges:override-edit", handler=override, method="POST"),
    Page(path="/charges/{encounter_id}/bill-apart", action="charges:choose-bills", handler=bill_apart, method="POST"),
    Page(path="/charges/{encounter_id}/join", action="charges:read-encounters", handler=joining),
    Page(path="/charges/{encounter_id}/join", action="charges:choose-bills", handler=join, method="POST"),
    Page(
        path="/charges/{encounter_id}/bill-together",
        action="charges:choose-bills",
        handler=bill_together,
        method="POST",
    ),
)
