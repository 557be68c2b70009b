"""Many denials or claims at once: what is to be done, what would become of each, and then each by itself with its own result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.responses import Response

from services.dashboard.deeds import DENIALS, KINDS, Deed, Kind
from services.dashboard.pages.denials import number
from services.dashboard.visits import Page, Visit

_MANY_MAX = 500


async def ask(visit: Visit, *, kind: Kind, name: str) -> Response:
    """The form of a deed for the rows that are selected."""
    ids = visit.form.get("ids", "")
    return visit.show("many/_ask.html", kind=kind, deed_name=name, deed=kind.deeds[name], ids=ids)


async def look(visit: Visit, *, kind: Kind, name: str) -> Response:
    """What would become of each, and the way on with those that would be done."""
    deed = kind.deeds[name]
    asked = {kind.plural: _meant(visit, kind), "is_preview": True, **_body(visit, deed)}
    told = await visit.services.post(f"{kind.api}/bulk/{deed.path}", asked, key=visit.form["key"])
    would = [each for each in told["items"] if each["result"] == "done"]
    seen = _seen(would, kind)
    return visit.show("many/_look.html", kind=kind, deed_name=name, deed=deed, told=told, seen=seen, form=visit.form)


async def do(visit: Visit, *, kind: Kind, name: str) -> Response:
    """What was looked at: one to which something happened since is refused, and no other."""
    deed = kind.deeds[name]
    return await _done(visit, kind, deed, _body(visit, deed))


async def assign_to_me(visit: Visit) -> Response:
    return await _done(visit, DENIALS, DENIALS.deeds["assign"], {}, said="assigned to you")


async def undo(visit: Visit) -> Response:
    """What was done to many at once is taken back one by one: what something happened to since stays."""
    asked = {"denials": _meant(visit, DENIALS)}
    told = await visit.services.post(f"{DENIALS.api}/bulk/undo", asked, key=visit.form["key"])
    return await _told(visit, DENIALS, told, "taken back", can_undo=False)


async def _done(visit: Visit, kind: Kind, deed: Deed, body: Mapping[str, Any], said: str = "") -> Response:
    asked = {kind.plural: _meant(visit, kind), **body}
    told = await visit.services.post(f"{kind.api}/bulk/{deed.path}", asked, key=visit.form["key"])
    return await _told(visit, kind, told, said or deed.said, can_undo=deed.can_undo)


async def _told(visit: Visit, kind: Kind, told: Mapping[str, Any], what: str, *, can_undo: bool) -> Response:
    if told["after"]:
        await visit.settled(kind.api, told["after"])
    refused = [each for each in told["items"] if each["result"] == "refused"]
    done = [each for each in told["items"] if each["result"] == "done"]
    said = f"{told['done'] + told['unchanged']} of {len(told['items'])} {what}."
    headers = {"HX-Trigger": json.dumps({"toast": {"value": said}, "worked": ""})}
    seen = _seen(done, kind) if can_undo else ""
    return visit.show("many/_told.html", headers=headers, kind=kind, said=said, refused=refused, seen=seen)


def _body(visit: Visit, deed: Deed) -> dict[str, str]:
    """What was filled in; an empty field is not said."""
    return {name: visit.form[name] for name in deed.fields if visit.form.get(name)} | dict(deed.fixed)


def _seen(items: Sequence[Mapping[str, Any]], kind: Kind) -> str:
    return ",".join(f"{each[kind.item_id]}:{each['version']}" for each in items)


def _meant(visit: Visit, kind: Kind) -> Sequence[Mapping[str, Any]]:
    """`ids` as they were selected, or `seen`: each with the version that was looked at."""
    if seen := visit.form.get("seen"):
        parts = (each.partition(":") for each in seen.split(",") if each)
        return [{kind.item_id: item_id, "version": number(version)} for item_id, _, version in parts][:_MANY_MAX]
    return [{kind.item_id: each} for each in visit.form.get("ids", "").split(",") if each][:_MANY_MAX]


def _pages_of(kind: Kind, name: str) -> tuple[Page, ...]:
    path, action = f"{kind.path}/bulk/{name}", kind.deeds[name].action
    handlers = {path: ask, f"{path}/look": look, f"{path}/do": do}
    return tuple(
        Page(path=at, action=action, handler=partial(handler, kind=kind, name=name), method="POST")
        for at, handler in handlers.items()
    )


PAGES = (
    Page(path="/denials/assign", action="claims:assign-denial", handler=assign_to_me, method="POST"),
    Page(path="/denials/undo", action="claims:work-denial", handler=undo, method="POST"),
    *(page for kind in KINDS for name in kind.deeds for page in _pages_of(kind, name)),
)
