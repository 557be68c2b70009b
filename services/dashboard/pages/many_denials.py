"""Many denials at once: what is to be done, what would become of each, and then each by itself with its own result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.responses import Response

from services.dashboard.denial_deeds import DEEDS, Deed
from services.dashboard.pages.denials import number
from services.dashboard.visits import Page, Visit

_API = "/api/claims/denials/bulk"
_MANY_MAX = 500


async def ask(visit: Visit, *, name: str, deed: Deed) -> Response:
    """The form of a deed for the rows that are selected."""
    return visit.show("denials/_many_ask.html", deed_name=name, deed=deed, ids=visit.form.get("ids", ""))


async def look(visit: Visit, *, name: str, deed: Deed) -> Response:
    """What would become of each, and the way on with those that would be done."""
    told = await visit.services.post(
        f"{_API}/{deed.path}",
        {"denials": _meant(visit), "is_preview": True, **_body(visit, deed)},
        key=visit.form["key"],
    )
    would = [each for each in told["items"] if each["result"] == "done"]
    seen = ",".join(f"{each['denial_id']}:{each['version']}" for each in would)
    return visit.show("denials/_many_look.html", deed_name=name, deed=deed, told=told, seen=seen, form=visit.form)


async def do(visit: Visit, *, deed: Deed) -> Response:
    """What was looked at: a denial to which something happened since is refused, and no other."""
    return await _done(visit, deed, _body(visit, deed))


async def assign_to_me(visit: Visit) -> Response:
    return await _done(visit, DEEDS["assign"], {}, said="assigned to you")


async def undo(visit: Visit) -> Response:
    """What was done to many at once is taken back one by one: what something happened to since stays."""
    told = await visit.services.post(f"{_API}/undo", {"denials": _meant(visit)}, key=visit.form["key"])
    return await _told(visit, told, "taken back", can_undo=False)


async def _done(visit: Visit, deed: Deed, body: Mapping[str, Any], said: str = "") -> Response:
    told = await visit.services.post(f"{_API}/{deed.path}", {"denials": _meant(visit), **body}, key=visit.form["key"])
    return await _told(visit, told, said or deed.said, can_undo=deed.can_undo)


async def _told(visit: Visit, told: Mapping[str, Any], what: str, *, can_undo: bool) -> Response:
    if told["after"]:
        await visit.settled("/api/claims/denials", told["after"])
    refused = [each for each in told["items"] if each["result"] == "refused"]
    done = [f"{each['denial_id']}:{each['version']}" for each in told["items"] if each["result"] == "done"]
    said = f"{told['done'] + told['unchanged']} of {len(told['items'])} {what}."
    headers = {"HX-Trigger": json.dumps({"toast": {"value": said}, "worked": ""})}
    return visit.show(
        "denials/_many.html", headers=headers, said=said, refused=refused, seen=",".join(done) if can_undo else ""
    )


def _body(visit: Visit, deed: Deed) -> dict[str, str]:
    """What was filled in; an empty field is not said."""
    return {name: visit.form[name] for name in deed.fields if visit.form.get(name)} | dict(deed.fixed)


def _meant(visit: Visit) -> Sequence[Mapping[str, Any]]:
    """`ids` as they were selected, or `seen`: each with the version that was looked at."""
    if seen := visit.form.get("seen"):
        parts = (each.partition(":") for each in seen.split(",") if each)
        return [{"denial_id": denial_id, "version": number(version)} for denial_id, _, version in parts][:_MANY_MAX]
    return [{"denial_id": each} for each in visit.form.get("ids", "").split(",") if each][:_MANY_MAX]


def _pages_of(name: str, deed: Deed) -> tuple[Page, ...]:
    path = f"/denials/bulk/{name}"
    handlers = {
        path: partial(ask, name=name, deed=deed),
        f"{path}/look": partial(look, name=name, deed=deed),
        f"{path}/do": partial(do, deed=deed),
    }
    return tuple(Page(path=at, action=deed.action, handler=each, method="POST") for at, each in handlers.items())


PAGES = (
    Page(path="/denials/assign", action="claims:assign-denial", handler=assign_to_me, method="POST"),
    Page(path="/denials/undo", action="claims:work-denial", handler=undo, method="POST"),
    *(page for name, deed in DEEDS.items() for page in _pages_of(name, deed)),
)
