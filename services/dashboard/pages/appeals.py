"""An appeal in four steps on one page: what is appealed until when, the evidence on record, the letter, and how it was sent."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from services.dashboard.conflicts import do_or_tell
from services.dashboard.exports import document
from services.dashboard.pages.denials import payer_names
from services.dashboard.visits import Page, Visit


def _paths(visit: Visit) -> tuple[str, str]:
    denial_id = visit.path("denial_id")
    return f"/api/claims/denials/{denial_id}", f"/api/claims/streams/denial/{denial_id}"


async def appeal(visit: Visit) -> Response:
    """The page. A kept draft is opened for it, on the record."""
    path, _ = _paths(visit)
    desk = await visit.get(f"{path}/appeal", template_id=visit.asked("template_id"), after=visit.asked("after"))
    row = await visit.get(path)
    levels = await visit.get(f"{path}/appeals")
    checklist = await visit.get(f"{path}/checklist")
    names = await payer_names(visit)
    return visit.show("appeals/appeal.html", desk=desk, row=row, levels=levels, checklist=checklist, names=names)


async def letter(visit: Visit) -> Response:
    """The letter as it was kept. Opening it is on the record."""
    return document(await visit.services.file(f"/documents/{visit.path('document_id')}", purpose="appeal"))


def _draft_of(visit: Visit) -> dict[str, Any]:
    form = visit.form
    return {
        "level": _whole(form.get("level", "")),
        "template_id": form.get("template_id", ""),
        "text": form.get("text", "").replace("\r\n", "\n"),
        "evidence": [each for each in form.get("evidence", "").split(",") if each],
    }


async def draft(visit: Visit) -> Response:
    path, stream = _paths(visit)
    done = await do_or_tell(visit, f"{path}/appeal/draft", _draft_of(visit), stream=stream)
    return done if isinstance(done, Response) else _back(visit, done["after"])


async def write(visit: Visit) -> Response:
    """The draft is kept as it stands on the page, and the letter is written from it."""
    path, stream = _paths(visit)
    body = _draft_of(visit)
    kept = await do_or_tell(visit, f"{path}/appeal/draft", body, stream=stream)
    if isinstance(kept, Response):
        return kept
    key = f"{visit.form['key']}-letter"
    done = await visit.services.post(f"{path}/appeal/letter", {"level": body["level"]}, key=key)
    return _back(visit, done["after"])


async def sent(visit: Visit) -> Response:
    path, stream = _paths(visit)
    form = visit.form
    optional = {name: form.get(name) or None for name in ("filed_on", "due_on", "late_because")}
    body = {
        "level": _whole(form.get("level", "")),
        "sent_by": form.get("sent_by", ""),
        "tracking_number": form.get("tracking_number", ""),
        **optional,
    }
    done = await do_or_tell(visit, f"{path}/appeal", body, stream=stream)
    return done if isinstance(done, Response) else _back(visit, done["after"])


def _back(visit: Visit, after: str | None) -> Response:
    query = f"?after={after}" if after else ""
    return Response(headers={"HX-Redirect": f"/denials/{visit.path('denial_id')}/appeal{query}"})


def _whole(text: str) -> int | str:
    return int(text) if text.isdigit() and len(text) < 3 else text  # the service says what is wrong with it


async def contacts(visit: Visit) -> Response:
    """Who talked to whom. Each opening of a note is on the record."""
    path, _ = _paths(visit)
    return visit.show("appeals/_contacts.html", contacts=await visit.get(f"{path}/contacts"))


_ONE = "/denials/{denial_id}"
PAGES = (
    Page(path="/appeal-letters/{document_id}", action="documents:read-document", handler=letter),
    Page(path=f"{_ONE}/appeal", action="claims:read-appeals", handler=appeal),
    Page(path=f"{_ONE}/contacts", action="claims:read-appeals", handler=contacts, method="POST"),
    Page(path=f"{_ONE}/appeal/draft", action="claims:file-appeal", handler=draft, method="POST"),
    Page(path=f"{_ONE}/appeal/letter", action="claims:file-appeal", handler=write, method="POST"),
    Page(path=f"{_ONE}/appeal/sent", action="claims:file-appeal", handler=sent, method="POST"),
)
