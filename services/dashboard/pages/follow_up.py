"""What people do about a claim that waits: requests, documents, calls. The claim's page shows them."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.visits import Page, Visit

_ACTION = "claims:follow-up-claim"


async def _anew(visit: Visit, claim_id: str, done: Any) -> Response:
    """The claim's page, with what was done in it."""
    await visit.settled(f"/api/claims/claims/{claim_id}/follow-up", done["after"])
    await visit.settled(f"/api/claims/claims/{claim_id}/timeline", done["after"])
    return Response(headers={"HX-Redirect": f"/claims/{claim_id}#follow-up"})


def _said(visit: Visit, *names: str) -> dict[str, Any]:
    return {name: visit.form.get(name, "").strip() for name in names if visit.form.get(name, "").strip()}


async def call(visit: Visit) -> Response:
    claim_id = visit.path("claim_id")
    names = ("called_on", "outcome", "reference_number", "spoke_with", "note", "next_action_on")
    return await _anew(visit, claim_id, await visit.do(f"/api/claims/claims/{claim_id}/calls", _said(visit, *names)))


async def request(visit: Visit) -> Response:
    claim_id = visit.path("claim_id")
    body = _said(visit, "asked_by", "asked_on", "due_on", "reference_number", "details")
    body["codes"] = visit.form.get("codes", "").replace(",", " ").split()
    return await _anew(visit, claim_id, await visit.do(f"/api/claims/claims/{claim_id}/requests", body))


async def answer(visit: Visit) -> Response:
    claim_id, request_id = visit.path("claim_id"), visit.path("request_id")
    body = _said(visit, "how", "reference_number")
    body["attachment_ids"] = visit.form.get("attachment_ids", "").replace(",", " ").split()
    path = f"/api/claims/claims/{claim_id}/requests/{request_id}/answer"
    return await _anew(visit, claim_id, await visit.do(path, body))


async def attach(visit: Visit) -> Response:
    """A document of a person for a claim. An empty choice is refused by the service, in words."""
    claim_id = visit.path("claim_id")
    file = (await visit.request.form()).get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    done = await visit.services.send_file(
        f"/api/claims/claims/{claim_id}/attachments",
        content,
        "application/octet-stream",
        key=visit.form["key"],
        query=_said(visit, "report_type", "transmission"),
    )
    return await _anew(visit, claim_id, done)


async def sent(visit: Visit) -> Response:
    claim_id, attachment_id = visit.path("claim_id"), visit.path("attachment_id")
    path = f"/api/claims/claims/{claim_id}/attachments/{attachment_id}/sent"
    done = await visit.do(path, _said(visit, "method", "sent_on", "proof_number"))
    return await _anew(visit, claim_id, done)


async def remove(visit: Visit) -> Response:
    claim_id, attachment_id = visit.path("claim_id"), visit.path("attachment_id")
    path = f"/api/claims/claims/{claim_id}/attachments/{attachment_id}/remove"
    return await _anew(visit, claim_id, await visit.do(path, _said(visit, "reason")))


PAGES = (
    Page(path="/claims/{claim_id}/calls", action=_ACTION, handler=call, method="POST"),
    Page(path="/claims/{claim_id}/requests", action=_ACTION, handler=request, method="POST"),
    Page(path="/claims/{claim_id}/requests/{request_id}/answer", action=_ACTION, handler=answer, method="POST"),
    Page(path="/claims/{claim_id}/attachments", action=_ACTION, handler=attach, method="POST"),
    Page(path="/claims/{claim_id}/attachments/{attachment_id}/sent", action=_ACTION, handler=sent, method="POST"),
    Page(path="/claims/{claim_id}/attachments/{attachment_id}/remove", action=_ACTION, handler=remove, method="POST"),
)
