"""Who needs checking before the visit, what payers could not look up, and what is missing from registrations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from services.dashboard.exports import table_file
from services.dashboard.pages.denials import payer_names
from services.dashboard.visits import Page, Visit

_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One list of the API as a view of the page. `reader` is the read model that is behind when this is."""

    title: str
    path: str
    template: str
    reader: str
    empty: str
    columns: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)


_CHECKED = {"check": "check_id", "patient": "patient_id", "payer": "payer_id", "service_on": "service_on", "why": "why"}


def _checks(title: str, state: str, empty: str) -> Queue:
    return Queue(
        title=title,
        path="/api/eligibility/checks",
        template="eligibility/_checks.html",
        reader="eligibility.checks",
        empty=empty,
        columns=_CHECKED,
        query={"state": state},
    )


def _choices(title: str, state: str, empty: str) -> Queue:
    return Queue(
        title=title,
        path="/api/eligibility/coverage-selections",
        template="eligibility/_selections.html",
        reader="eligibility.coverage-selections",
        empty=empty,
        columns={"account": "account_id", "patient": "patient_id", "service_on": "service_on", "reason": "reason"},
        query={"state": state},
    )


QUEUES: Mapping[str, Queue] = {
    "": Queue(
        title="To check",
        path="/api/eligibility/appointments/unanswered",
        template="eligibility/_unanswered.html",
        reader="eligibility.appointments",
        empty="For everybody who comes in the next two weeks a payer has answered.",
        columns={
            "appointment": "appointment_id",
            "patient": "patient_id",
            "service_on": "service_on",
            "last_question": "check_state",
        },
    ),
    "rejected": _checks("Not found by the payer", "rejected", "No payer failed to look somebody up."),
    "unanswered": _checks("No answer", "unanswered", "Every question was answered."),
    "open": _checks("Asked", "open", "No question is open."),
    "gaps": Queue(
        title="Registration gaps",
        path="/api/eligibility/patients/gaps",
        template="eligibility/_gaps.html",
        reader="eligibility.patients",
        empty="No registration lacks what a claim will need.",
        columns={"patient": "patient_id", "missing": "missing", "changed_at": "changed_at"},
    ),
    "held": _choices("Coverage held", "held", "No choice of coverages is held."),
    "none": _choices("No coverage", "none", "No visit is without coverage."),
}

# AAA03 of a 271, in words of ours. Source: ASC X12N 005010X279A1.
REJECTIONS: Mapping[str, str] = {
    "15": "something that the payer needs is missing",
    "41": "the payer does not let us ask",
    "42": "the payer cannot answer at the moment",
    "43": "the payer does not know our provider number",
    "51": "the payer does not know the provider",
    "57": "the day of service is wrong or missing",
    "58": "the birth date is wrong or missing",
    "60": "born after the day of service",
    "61": "died before the day of service",
    "62": "the payer answers for other days only",
    "63": "the day of service is still to come",
    "64": "the patient's number is wrong or missing",
    "65": "the patient's name is wrong or missing",
    "67": "the patient was not found",
    "68": "several patients have this number",
    "71": "the birth date is another one there",
    "72": "the member number is wrong or missing",
    "73": "the insured person's name is wrong or missing",
    "75": "the insured person was not found",
    "76": "several insured persons have this number",
    "77": "the insured person was found, the patient was not",
    "79": "the payer's own number is wrong",
    "80": "the payer gave no answer in time",
}


def _queue(visit: Visit) -> tuple[str, Queue]:
    view = visit.asked("view") if visit.asked("view") in QUEUES else ""
    return view, QUEUES[view]


async def worklist(visit: Visit) -> Response:
    view, queue = _queue(visit)
    found, fresh, names = await asyncio.gather(
        visit.get(queue.path, **queue.query, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get_if("ops:read-freshness", "/api/eligibility/ops/freshness"),
        payer_names(visit),
    )
    return visit.show(
        "eligibility/list.html",
        found=found,
        view=view,
        queue=queue,
        queues=QUEUES,
        names=names,
        reasons=REJECTIONS,
        behind=(fresh or {}).get("behind", {}).get(queue.reader, 0),
        base={"view": view} if view else {},
    )


async def export(visit: Visit) -> Response:
    view, queue = _queue(visit)
    return await table_file(visit, f"eligibility-{view or 'to-check'}", queue.path, queue.query, queue.columns)


async def ask_again(visit: Visit) -> Response:
    """Ask the payer the same question once more."""
    done = await visit.do(f"/api/eligibility/checks/{visit.path('check_id')}/again")
    return await _back(visit, done["after"])


async def check(visit: Visit) -> Response:
    """Ask the payer of every coverage that the patient has on a day, and say so when there is none to ask."""
    patient_id, service_on = visit.path("patient_id"), visit.form.get("service_on", "")
    known = await visit.get(f"/api/eligibility/patients/{patient_id}/coverage", on=service_on)
    coverages = [each for each in known["coverages"] if each["is_recorded_active"]]
    if not coverages:
        return visit.show("eligibility/_nobody_to_ask.html", patient_id=patient_id, service_on=service_on)
    after: str | None = None
    for coverage in coverages:
        body = {
            "patient_id": coverage["patient_id"],
            "coverage_id": coverage["coverage_id"],
            "service_on": service_on,
        }
        key = f"{visit.form['key']}-{coverage['coverage_id']}"
        after = (await visit.services.post("/api/eligibility/checks", body, key=key))["after"]
    return await _back(visit, after)


async def _back(visit: Visit, after: str | None) -> Response:
    await visit.settled("/api/eligibility/checks", after)
    view = visit.form.get("view", "")
    return Response(headers={"HX-Redirect": f"/eligibility?view={view}" if view in QUEUES else "/eligibility"})


PAGES = (
    Page(path="/eligibility", action="eligibility:read-worklists", handler=worklist),
    Page(path="/eligibility/export", action="eligibility:read-worklists", handler=export),
    Page(
        path="/eligibility/checks/{check_id}/again",
        action="eligibility:request-check",
        handler=ask_again,
        method="POST",
    ),
    Page(
        path="/eligibility/patients/{patient_id}/check",
        action="eligibility:request-check",
        handler=check,
        method="POST",
    ),
)
