"""Balances of another system: a file is looked at, taken in whole, and taken back whole."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.amounts import cents_of
from services.dashboard.visits import Page, Visit

_API = "/api/payments/opening-balances"
_ROWS = 50
_SHOWN = 200  # lines of a preview; a file may have a hundred times as many


async def openings(visit: Visit) -> Response:
    """What was brought along, the latest first."""
    found = await visit.get(_API, limit=_ROWS, cursor=visit.asked("cursor"))
    return visit.show("openings/openings.html", found=found)


async def look(visit: Visit) -> Response:
    """What taking the file in would do, with everything that is wrong with it. Nothing is kept."""
    content, figures, errors = await _asked(visit)
    if errors:
        return visit.show("openings/_look.html", errors=errors, seen=None)
    key = visit.form["key"]
    seen = await visit.services.send_file(f"{_API}/preview", content, "text/csv", key=key, query=figures)
    return visit.show("openings/_look.html", errors=(), seen=seen, most=_SHOWN)


async def take_in(visit: Visit) -> Response:
    """The whole file, to the cent, or nothing; what is refused is told over the page, whose form keeps what was typed."""
    content, figures, errors = await _asked(visit)
    if errors:
        return visit.show("openings/_look.html", errors=errors, seen=None)
    taken = await visit.services.send_file(_API, content, "text/csv", key=visit.form["key"], query=figures)
    await visit.settled(_API, taken["done"]["after"])
    return Response(headers={"HX-Redirect": "/brought-along"})


async def take_back(visit: Visit) -> Response:
    done = await visit.do(f"{_API}/{visit.path('import_id')}/take-back", {"reason": visit.form.get("reason", "")})
    await visit.settled(_API, done["after"])
    return Response(headers={"HX-Redirect": "/brought-along"})


async def _asked(visit: Visit) -> tuple[bytes, dict[str, Any], list[str]]:
    """The file, the figures as the API takes them, and what of them cannot be read."""
    file = (await visit.request.form()).get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    errors = [] if content else ["Choose a file first."]
    figures: dict[str, Any] = {
        "as_of_on": visit.form.get("as_of_on", ""),
        "control_cents": cents_of(visit.form.get("control", "")),
        "control_lines": visit.form.get("lines", ""),
    }
    if not _is_day(figures["as_of_on"]):
        errors.append("The last day of the other system's books is a date.")
    if figures["control_cents"] is None:
        errors.append("All open amounts are dollars with at most two decimals.")
    if not figures["control_lines"].isdecimal() or int(figures["control_lines"]) < 1:
        errors.append("The number of lines is a whole number from one on.")
    if visit.form.get("late_entry"):
        figures["late_entry"] = "true"
    return content, figures, errors


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


PAGES = (
    Page(path="/brought-along", action="payments:read-ledger", handler=openings),
    Page(path="/brought-along/look", action="payments:import-balances", handler=look, method="POST"),
    Page(path="/brought-along/files", action="payments:import-balances", handler=take_in, method="POST"),
    Page(
        path="/brought-along/{import_id}/take-back", action="payments:import-balances", handler=take_back, method="POST"
    ),
)
