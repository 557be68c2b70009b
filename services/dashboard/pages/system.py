"""The machinery: the log as it grows, where every reader stands, what is parked or refused, who opened what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response

from services.dashboard.client import Refused, Silent
from services.dashboard.pages.live import ending, events, message
from services.dashboard.rendering import place_of
from services.dashboard.sessions import LoggedOut
from services.dashboard.visits import Page, Visit
from shared.events.registry import SERVICES

_TAIL_ROWS = 60
_SCAN_EVENTS = 1_000
_SCANS_MAX = 100  # in one request, towards the head of a log that nobody has followed yet
_POLL_ROWS = 50


# --- the log ----------------------------------------------------------------------------------------------------------


async def log(visit: Visit) -> Response:
    """The last events of one service's log; the stream below goes on from there."""
    service = _service(visit)
    last, cursor, is_head = await _last(visit, service)
    shown = [_row(event) for event in reversed(last)]
    base = {"service": service, "types": visit.asked("types"), "aggregates": visit.asked("aggregates")}
    return visit.show(
        "system/log.html",
        rows=shown,
        is_new=False,
        cursor=cursor,
        is_head=is_head,
        base=base,
        services=SERVICES,
        service=service,
    )


async def tail(visit: Visit) -> Response:
    """What comes from now on, as rows of the table; the id of a message is the cursor to go on from."""
    cursor = visit.request.headers.get("last-event-id") or visit.asked("after")
    return events(_tail(visit, _service(visit), cursor))


async def _tail(visit: Visit, service: str, cursor: str) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    while not (end := ending(visit)):
        try:
            page, cursor, _ = await _page(visit, service, cursor, _POLL_ROWS)
            head = await visit.get(f"/api/{service}/ops/freshness")
        except (Refused, Silent):
            yield ": no answer\n\n"
        except LoggedOut:
            end = message("over", "")
            break
        else:
            if page:
                rows = [_row(event) for event in reversed(page)]
                yield message(
                    "rows", visit.desk.templates.render("system/_log_rows.html", rows=rows, is_new=True), id=cursor
                )
            behind = max(head["behind"].values(), default=0)
            yield message("pulse", {"head": place_of(head["head"]), "behind": behind}, id=cursor)
        await asyncio.sleep(visit.desk.settings.live_poll_seconds)
    yield end


async def _page(visit: Visit, service: str, cursor: str, limit: int) -> tuple[list[dict[str, Any]], str, bool]:
    query = {"types": visit.asked("types"), "aggregates": visit.asked("aggregates")}
    answer = await visit.services.file(f"/api/{service}/events", after=cursor, limit=limit, **query)
    return answer.json(), answer.headers["ledgerline-cursor"], answer.headers["ledgerline-head"] == "true"


async def _last(visit: Visit, service: str) -> tuple[list[dict[str, Any]], str, bool]:
    """The last events that fit the filters. A log is read forwards, so how far it was read is remembered for the next visit."""
    places = visit.desk.places
    key = (visit.session.tenant, service, visit.asked("types"), visit.asked("aggregates"))
    cursor, is_head = places.get(key, ""), False
    last: list[dict[str, Any]] = []
    for _ in range(_SCANS_MAX):
        page, following, is_head = await _page(visit, service, cursor, _SCAN_EVENTS)
        last = [*last, *page][-_TAIL_ROWS:]
        if len(page) == _SCAN_EVENTS:
            places[key] = cursor  # one whole page before the end: enough to fill the table next time
        cursor = following
        if is_head:
            break
    return last, cursor, is_head


def _row(event: dict[str, Any]) -> dict[str, Any]:
    data = event["data"]
    cents = next(
        (
            data[name]
            for name in ("charged_cents", "paid_cents", "amount_cents", "denied_cents")
            if isinstance(data.get(name), int)
        ),
        None,
    )
    return {
        "at": event["recordedat"],
        "name": event["type"].split(".")[1],
        "stream": event["subject"],
        "version": event["streamversion"],
        "actor": event["actor"],
        "position": place_of(event["position"]),
        "cents": cents,
    }


def _service(visit: Visit) -> str:
    asked = visit.asked("service")
    return asked if asked in SERVICES else "claims"


# --- readers ----------------------------------------------------------------------------------------------------------


async def projections(visit: Visit) -> Response:
    told = await asyncio.gather(*(_readers(visit, service) for service in SERVICES))
    readers = [row for rows in told for row in rows]
    heads = {service: rows[0]["head"] if rows else "" for service, rows in zip(SERVICES, told, strict=True)}
    return visit.show(
        "system/_projections.html" if visit.is_fragment else "system/projections.html",
        readers=readers,
        heads=heads,
        silent=[service for service, rows in zip(SERVICES, told, strict=True) if not rows],
        behind=[row for row in readers if row["behind"]],
    )


async def _readers(visit: Visit, service: str) -> list[dict[str, Any]]:
    """Every reader of a service, with what is known of how far it is behind. None when the service does not answer."""
    try:
        readers, fresh, names, rebuilds = await asyncio.gather(
            visit.get(f"/api/{service}/ops/readers"),
            visit.get_if("ops:read-freshness", f"/api/{service}/ops/freshness"),
            visit.get(f"/api/{service}/ops/projections"),
            visit.get(f"/api/{service}/ops/rebuilds"),
        )
    except Silent:
        return []
    rebuilt = {each["projection"]: each for each in rebuilds}
    fresh = fresh or dict[str, Any](head="", behind={})
    return [
        {
            **reader,
            "of": service,
            "head": fresh["head"],
            "behind": fresh["behind"].get(reader["name"], 0),
            "is_projection": reader["name"] in names,
            "place": place_of(reader["position"]),
            "rebuild": rebuilt.get(reader["name"]) if reader["service"] == service else None,
        }
        for reader in readers
    ]


async def lag(visit: Visit) -> Response:
    """By partition, how far each reader is behind, and who holds its lease until when."""
    told = await asyncio.gather(*(_lag(visit, service) for service in SERVICES))
    rows = [row for each in told if each for row in each["readers"]]
    return visit.show(
        "system/_lag.html" if visit.is_fragment else "system/lag.html",
        rows=[{**row, "place": place_of(row["position"]), "end": place_of(row["head"] or "")} for row in rows],
        feed=next((each["feed"] for each in told if each), ""),
        silent=[service for service, each in zip(SERVICES, told, strict=True) if each is None],
        behind=sum(row["behind"] or 0 for row in rows),
        worst=max(rows, key=lambda row: row["behind"] or 0, default=None),
        unheld=sum(1 for row in rows if not row["owner"]),
    )


async def _lag(visit: Visit, service: str) -> dict[str, Any] | None:
    """None when the service does not answer."""
    try:
        told: dict[str, Any] = await visit.get(f"/api/{service}/ops/lag")
    except Silent:
        return None
    return told


async def rebuild(visit: Visit) -> Response:
    """Build a read model anew from the log beside the live one, compare, swap. The answer comes when it is done."""
    service = visit.path("service")
    result = await visit.do(f"/api/{service}/ops/rebuild", {"projection": visit.form.get("projection", "")})
    return visit.show("system/_rebuilt.html", result=result)


async def verify(visit: Visit) -> Response:
    """Recompute the hash chains, invariants and read models of one service, now."""
    service = visit.path("service")
    found = await visit.get(f"/api/{service}/ops/verify")
    return visit.show("system/_verified.html", found=found, service=service)


# --- parked, refused, opened ------------------------------------------------------------------------------------------


async def parked(visit: Visit) -> Response:
    keys, refused = await asyncio.gather(
        asyncio.gather(*(visit.get_if("ops:read-parked", f"/api/{service}/ops/parked") for service in SERVICES)),
        asyncio.gather(
            *(visit.get_if("ops:read-refused", f"/api/{service}/ops/refused", limit=100) for service in SERVICES)
        ),
    )
    return visit.show(
        "system/parked.html",
        parked=[
            {"of": service, **row["key"]} for service, rows in zip(SERVICES, keys, strict=True) for row in rows or ()
        ],
        refused=[
            {"of": service, **row}
            for service, page in zip(SERVICES, refused, strict=True)
            for row in (page or {}).get("items", ())
        ],
    )


async def replay(visit: Visit) -> Response:
    return await _settled(visit, "replay")


async def leave_out(visit: Visit) -> Response:
    return await _settled(visit, "dismiss")


async def _settled(visit: Visit, deed: str) -> Response:
    body = {name: visit.form.get(name, "") for name in ("reader", "service", "stream")}
    await visit.do(f"/api/{visit.path('service')}/ops/parked/{deed}", body)
    return Response(headers={"HX-Redirect": "/system/parked"})


async def audit(visit: Visit) -> Response:
    """Who opened whose personal values and documents, what and why, newest first."""
    filters = {name: visit.asked(name) for name in ("actor", "subject")}
    found = await visit.get("/openings", **filters, before=visit.asked("before"), limit=100)
    return visit.show("system/audit.html", found=found, filters=filters, services=SERVICES)


PAGES = (
    Page(path="/system", action="ops:read-readers", handler=projections),
    Page(path="/system/lag", action="ops:read-readers", handler=lag),
    Page(path="/system/events", action="events:read-events", handler=log),
    Page(path="/system/events/tail", action="events:read-events", handler=tail, is_background=True),
    Page(path="/system/parked", action="ops:read-parked", handler=parked),
    Page(path="/system/audit", action="openings:read-openings", handler=audit),
    Page(path="/system/verify/{service}", action="ops:read-invariants", handler=verify),
    Page(path="/system/rebuild/{service}", action="ops:rebuild-projection", handler=rebuild, method="POST"),
    Page(path="/system/parked/{service}/replay", action="ops:replay-parked", handler=replay, method="POST"),
    Page(path="/system/parked/{service}/dismiss", action="ops:replay-parked", handler=leave_out, method="POST"),
)
