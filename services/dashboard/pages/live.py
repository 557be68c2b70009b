"""Is there news? One stream a page, which looks as the person who sees it, and ends or locks with their session.

It tells positions and numbers, nothing about anybody: the page asks again for what it shows. The id of a message is how far the logs
reached, so a stream that broke goes on by telling at once whether something happened meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from services.dashboard.client import Refused, Silent
from services.dashboard.rendering import place_of
from services.dashboard.sessions import LoggedOut
from services.dashboard.visits import COOKIE, Page, Visit
from shared.events.registry import SERVICES


async def live(visit: Visit) -> Response:
    """`pulse`: how far the logs reach and what is behind; `moved`: something happened since the last message."""
    names = [name for name in visit.asked("services").split(",") if name in SERVICES] or ["claims"]
    return events(_pulses(visit, names))


def events(told: AsyncIterator[str]) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


def message(event: str, data: object, id: str = "") -> str:
    """One server-sent event; data is JSON, or text whose lines are told apart."""
    text = data if isinstance(data, str) else json.dumps(data)
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return (f"id: {id}\n" if id else "") + f"event: {event}\n{lines}\n"


def ending(visit: Visit) -> str:
    """Why a stream ends: empty while the session goes on."""
    session = visit.desk.sessions.find(visit.request.cookies.get(COOKIE))
    if session is None or session is not visit.session:
        return message("over", "")
    return message("locked", "") if session.is_locked else ""


async def _pulses(visit: Visit, names: list[str]) -> AsyncIterator[str]:
    seen = visit.request.headers.get("last-event-id") or visit.asked("after")
    yield "retry: 2000\n\n"
    while not (end := ending(visit)):
        try:
            told = [await visit.get(f"/api/{name}/ops/freshness") for name in names]
        except (Refused, Silent):
            told = []
        except LoggedOut:
            end = message("over", "")
            break
        if told:
            now = ";".join(each["head"] for each in told)
            behind = max((count for each in told for count in each["behind"].values()), default=0)
            if seen and now != seen:
                yield message("moved", "", id=now)
            yield message("pulse", {"head": place_of(told[0]["head"]), "behind": behind}, id=now)
            seen = now
        else:
            yield ": no answer\n\n"
        await asyncio.sleep(visit.desk.settings.live_poll_seconds)
    yield end


PAGES = (Page(path="/live", action="ops:read-freshness", handler=live, is_background=True),)
