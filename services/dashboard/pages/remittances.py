"""Remittances: does the payer's arithmetic hold, what was posted by itself, and what waits for a person?"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.exports import document, table_file
from services.dashboard.segments import segments_at
from services.dashboard.visits import Page, Visit

_ROWS = 50
_STATUSES = ("received", "posted", "held", "dismissed")
_QUEUES = {"held-claims": "/api/payments/queues/held", "unmatched": "/api/payments/queues/unmatched"}
_REVIEW = ("held", "unapplied")  # outcomes that wait for a person
_COLUMNS = {
    "remittance": "remittance_id",
    "payer": "payer_name",
    "trace_number": "trace_number",
    "payment_on": "payment_on",
    "deposited_on": "deposited_on",
    "method": "method",
    "claims": "claims",
    "payment_cents": "payment_cents",
    "claims_cents": "claims_cents",
    "provider_adjustments_cents": "provider_adjustments_cents",
    "difference_cents": "difference_cents",
    "auto_posted_claims": "auto_posted_claims",
    "review_claims": "review_claims",
    "status": "status",
    "received_at": "received_at",
}


def _filters(visit: Visit) -> dict[str, str]:
    return {name: visit.asked(name) for name in ("status", "payer", "paid_from_on", "paid_to_on", "is_off")}


async def worklist(visit: Visit) -> Response:
    view, filters, cursor = visit.asked("view"), _filters(visit), visit.asked("cursor")
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    if view in _QUEUES and visit.may("payments:read-worklists"):
        found, sums = await visit.get(_QUEUES[view], limit=_ROWS, cursor=cursor), None
        template = "remittances/queue.html"
    else:
        found, sums = await asyncio.gather(
            visit.get("/api/payments/remittances", **filters, limit=_ROWS, cursor=cursor),
            visit.counted("/api/payments/remittances/summary", **filters),
        )
        template = "remittances/list.html"
    fresh = await visit.get_if("ops:read-freshness", "/api/payments/ops/freshness")
    return visit.show(
        template,
        found=found,
        base=base,
        view=view,
        filters=filters,
        statuses=_STATUSES,
        sums=sums,
        behind=(fresh or {}).get("behind", {}).get("payments.remittances", 0),
    )


async def export(visit: Visit) -> Response:
    return await table_file(visit, "remittances", "/api/payments/remittances", _filters(visit), _COLUMNS)


async def remittance(visit: Visit) -> Response:
    remittance_id = visit.path("remittance_id")
    detail, deposits = await asyncio.gather(
        visit.get(f"/api/payments/remittances/{remittance_id}", limit=500, cursor=visit.asked("cursor")),
        visit.get_if("payments:read-deposits", "/api/payments/deposits", remittance_id=remittance_id),
    )
    outcome = visit.asked("outcome")
    wanted = _REVIEW if outcome == "review" else (outcome,)
    claims = [claim for claim in detail["claims"] if not outcome or claim["outcome"] in wanted]
    outcomes = sorted({claim["outcome"] for claim in detail["claims"]})
    return visit.show(
        "remittances/remittance.html",
        detail=detail,
        claims=claims,
        outcome=outcome,
        outcomes=[(name, sum(1 for claim in detail["claims"] if claim["outcome"] == name)) for name in outcomes],
        deposit=next(iter((deposits or {}).get("items", [])), None),
    )


async def take_in(visit: Visit) -> Response:
    """An 835 file of a person. What was taken in before is said so, with the first; nothing of it is posted twice."""
    file = (await visit.request.form()).get("file")
    if not isinstance(file, UploadFile):
        return visit.show("remittances/_taken_in.html", received=[], is_empty=True)
    path = "/api/payments/remittances"
    received = await visit.services.send_file(path, await file.read(), "application/edi-x12", key=visit.form["key"])
    for each in received:
        await visit.settled(f"{path}/{each['remittance_id']}", each["done"]["after"])
    return visit.show("remittances/_taken_in.html", received=received, is_empty=False)


async def segment(visit: Visit) -> Response:
    """The raw segments of one claim of an 835. Reading them is on the record."""
    raw = await visit.services.file(f"/documents/{visit.path('document_id')}", purpose="posting")
    place = visit.form.get("place", "")
    return visit.show("claims/_segments.html", segments=segments_at(raw.content, place), place=place)


async def paper(visit: Visit) -> Response:
    """What a remittance was typed in from. Reading it is on the record."""
    detail = await visit.get(f"/api/payments/remittances/{visit.path('remittance_id')}", limit=1)
    return document(await visit.services.file(f"/documents/{detail['remittance']['image_id']}", purpose="posting"))


async def _back(visit: Visit, after: str | None) -> Response:
    remittance_id = visit.path("remittance_id")
    await visit.settled(f"/api/payments/remittances/{remittance_id}", after)
    return Response(headers={"HX-Redirect": f"/remittances/{remittance_id}"})


async def dismiss(visit: Visit) -> Response:
    path = f"/api/payments/remittances/{visit.path('remittance_id')}/dismiss"
    return await _back(visit, (await visit.do(path, {"reason": visit.form.get("reason", "")}))["after"])


async def unpost(visit: Visit) -> Response:
    path = f"/api/payments/remittances/{visit.path('remittance_id')}/unpost"
    return await _back(visit, (await visit.do(path))["after"])


async def _claim(visit: Visit, deed: str, body: Any = None) -> Response:
    path = f"/api/payments/remittances/{visit.path('remittance_id')}/claims/{visit.path('ordinal')}/{deed}"
    return await _back(visit, (await visit.do(path, body))["after"])


async def retry_claim(visit: Visit) -> Response:
    return await _claim(visit, "retry")


async def match_claim(visit: Visit) -> Response:
    return await _claim(visit, "match", {"claim_id": visit.form.get("claim_id", "").upper()})


async def unpost_claim(visit: Visit) -> Response:
    return await _claim(visit, "unpost")


_ONE = "/remittances/{remittance_id}"
PAGES = (
    Page(path="/remittances", action="payments:read-remittances", handler=worklist),
    Page(path="/remittances/export", action="payments:read-remittances", handler=export),
    Page(path="/remittances/files", action="payments:receive-remittance", handler=take_in, method="POST"),
    Page(path=_ONE, action="payments:read-remittances", handler=remittance),
    Page(path="/remittances/segments/{document_id}", action="documents:read-document", handler=segment, method="POST"),
    Page(path=f"{_ONE}/paper", action="documents:read-document", handler=paper),
    Page(path=f"{_ONE}/dismiss", action="payments:release-remittance", handler=dismiss, method="POST"),
    Page(path=f"{_ONE}/unpost", action="payments:reverse-remittance", handler=unpost, method="POST"),
    Page(
        path=f"{_ONE}/claims/{{ordinal:int}}/retry",
        action="payments:release-remittance",
        handler=retry_claim,
        method="POST",
    ),
    Page(
        path=f"{_ONE}/claims/{{ordinal:int}}/match",
        action="payments:release-remittance",
        handler=match_claim,
        method="POST",
    ),
    Page(
        path=f"{_ONE}/claims/{{ordinal:int}}/unpost",
        action="payments:reverse-remittance",
        handler=unpost_claim,
        method="POST",
    ),
)
