"""The collection worklist, and one patient's side of the money."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.exports import document, table_file
from services.dashboard.visits import Page, Visit

_ROWS = 50
_STEPS = ("statement", "final-notice", "ready-for-placement", "paused", "none")
_FILTERS = ("step", "gate", "due_by")
_COLUMNS = {
    "account": "account_id",
    "balance_cents": "balance_cents",
    "age_days": "age_days",
    "reason": "reason",
    "notices": "notices",
    "last_statement_on": "last_statement_on",
    "last_payment_on": "last_payment_on",
    "next_step": "next_step",
    "next_on": "next_on",
    "gate": "gate",
    "last_outcome": "last_outcome",
    "act_on": "act_on",
}
OUTCOMES = (
    "no-answer",
    "left-message",
    "wrong-number",
    "mail-returned",
    "callback-requested",
    "will-pay",
    "cannot-pay",
    "asked-for-assistance",
    "names-insurance",
    "refuses",
    "names-attorney",
    "reported-deceased",
    "answered",
)
HOLDS = ("bankruptcy", "deceased", "minor", "litigation", "charity-pending")


def _filters(visit: Visit) -> dict[str, str]:
    return {name: visit.asked(name) for name in _FILTERS}


async def worklist(visit: Visit) -> Response:
    filters, cursor = _filters(visit), visit.asked("cursor")
    found = await visit.get("/api/collections/worklist", **filters, limit=_ROWS, cursor=cursor)
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    if visit.is_fragment and cursor:
        return visit.show("collections/_rows.html", found=found, base=base)
    gates, fresh = await asyncio.gather(
        visit.get_if("collections:read-strategy", "/api/collections/gates"),
        visit.get_if("ops:read-freshness", "/api/collections/ops/freshness"),
    )
    return visit.show(
        "collections/_list.html" if visit.is_fragment else "collections/list.html",
        found=found,
        base=base,
        filters=filters,
        steps=_STEPS,
        gates=sorted(gate["gate_id"] for gate in gates or ()),
        behind=(fresh or {}).get("behind", {}).get("collections.worklist", 0),
        shown_cents=sum(row["balance_cents"] for row in found["items"]),
    )


async def export(visit: Visit) -> Response:
    return await table_file(visit, "collections", "/api/collections/worklist", _filters(visit), _COLUMNS)


async def patient(visit: Visit) -> Response:
    patient_id = visit.path("patient_id")
    detail, statements = await asyncio.gather(
        visit.get(f"/api/collections/patients/{patient_id}"),
        visit.get_if("collections:read-statements", "/api/collections/statements", patient_id=patient_id, limit=100),
    )
    return visit.show(
        "collections/patient.html",
        detail=detail,
        statements=(statements or {}).get("items", []),
        outcomes=OUTCOMES,
        holds=HOLDS,
    )


async def letter(visit: Visit) -> Response:
    """A statement as it was sent. Opening it is on the record."""
    found = await visit.services.file(f"/api/collections/statements/{visit.path('statement_id')}/pdf")
    return document(found)


async def notes(visit: Visit) -> Response:
    """What was written down about talks. Each opening is on the record."""
    found = await visit.get(f"/api/collections/patients/{visit.path('patient_id')}/notes")
    return visit.show("collections/_notes.html", notes=found)


async def _asked(visit: Visit, what: str, body: Mapping[str, Any] | None) -> Response:
    patient_id = visit.path("patient_id")
    path = f"/api/collections/patients/{patient_id}"
    done = await visit.do(f"{path}/{what}", body)
    await visit.settled(path, done["after"])
    return Response(headers={"HX-Redirect": f"/collections/{patient_id}"})


async def contact(visit: Visit) -> Response:
    form = visit.form
    body = {
        "outcome_code": form.get("outcome_code", ""),
        "next_action_on": form.get("next_action_on") or None,
        "note": form.get("note", ""),
    }
    return await _asked(visit, "contacts", body)


async def promise(visit: Visit) -> Response:
    body = {"amount_cents": cents_or_text(visit.form.get("amount", "")), "by_on": visit.form.get("by_on", "")}
    return await _asked(visit, "promises", body)


async def plan(visit: Visit) -> Response:
    text = visit.form.get("instalments", "")
    body = {
        "instalments": int(text) if text.isdigit() and len(text) < 4 else text,
        "first_due_on": visit.form.get("first_due_on", ""),
    }
    return await _asked(visit, "plans", body)


async def hold(visit: Visit) -> Response:
    return await _asked(visit, "holds", {"hold": visit.form.get("hold", ""), "reason": visit.form.get("reason", "")})


async def lift(visit: Visit) -> Response:
    return await _asked(visit, f"holds/{visit.path('hold')}/lift", {"reason": visit.form.get("reason", "")})


async def statement(visit: Visit) -> Response:
    return await _asked(visit, "statements", None)


_ONE = "/collections/{patient_id}"
PAGES = (
    Page(path="/collections", action="collections:read-worklists", handler=worklist),
    Page(path="/collections/export", action="collections:read-worklists", handler=export),
    Page(path="/collections/statements/{statement_id}", action="collections:read-statements", handler=letter),
    Page(path=_ONE, action="collections:read-accounts", handler=patient),
    Page(path=f"{_ONE}/notes", action="collections:read-worklists", handler=notes, method="POST"),
    Page(path=f"{_ONE}/contacts", action="collections:log-contact", handler=contact, method="POST"),
    Page(path=f"{_ONE}/promises", action="collections:record-promise", handler=promise, method="POST"),
    Page(path=f"{_ONE}/plans", action="collections:agree-plan", handler=plan, method="POST"),
    Page(path=f"{_ONE}/holds", action="collections:place-hold", handler=hold, method="POST"),
    Page(path=f"{_ONE}/holds/{{hold}}/lift", action="collections:lift-hold", handler=lift, method="POST"),
    Page(path=f"{_ONE}/statements", action="collections:issue-statement", handler=statement, method="POST"),
)
