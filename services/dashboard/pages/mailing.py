"""Claims that go by mail: what waits to be printed, the printed batches, and the day on which each was mailed."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from services.dashboard.exports import document
from services.dashboard.visits import Page, Visit

_ROWS = 50


async def mailing(visit: Visit) -> Response:
    queue, batches = await asyncio.gather(
        visit.get("/api/claims/print-queue"),
        visit.get("/api/claims/batches", medium="paper", limit=_ROWS, cursor=visit.asked("cursor")),
    )
    return visit.show("mailing/mailing.html", queue=queue, found=batches)


async def pages(visit: Visit) -> Response:
    """The pages of a batch. Opening them is on the record."""
    detail = await visit.get(f"/api/claims/batches/{visit.path('batch_id')}")
    return document(await visit.services.file(f"/documents/{detail['batch']['document_id']}", purpose="paper"))


async def print_batch(visit: Visit) -> Response:
    done = await visit.do(f"/api/claims/partners/{visit.path('partner_id')}/print")
    return await _again(visit, done["after"])


async def mailed(visit: Visit) -> Response:
    body = {"mailed_on": visit.form.get("mailed_on", ""), "tracking_number": visit.form.get("tracking_number", "")}
    done = await visit.do(f"/api/claims/batches/{visit.path('batch_id')}/mailed", body)
    return await _again(visit, done["after"])


async def reprint(visit: Visit) -> Response:
    """Which copy it is stands on the page; the pages are the same."""
    body = {"reason": visit.form.get("reason", "")}
    done = await visit.do(f"/api/claims/batches/{visit.path('batch_id')}/reprint", body)
    return await _again(visit, done["after"])


async def _again(visit: Visit, after: str | None) -> Response:
    await visit.settled("/api/claims/print-queue", after)
    return Response(headers={"HX-Redirect": "/paper-claims"})


PAGES = (
    Page(path="/paper-claims", action="claims:read-batches", handler=mailing),
    Page(path="/paper-claims/{batch_id}/pages", action="documents:read-document", handler=pages),
    Page(path="/paper-claims/{partner_id}/print", action="claims:submit-claims", handler=print_batch, method="POST"),
    Page(path="/paper-claims/{batch_id}/mailed", action="claims:submit-claims", handler=mailed, method="POST"),
    Page(path="/paper-claims/{batch_id}/reprint", action="claims:submit-claims", handler=reprint, method="POST"),
)
