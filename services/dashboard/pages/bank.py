"""The bank: what it shows, what was announced and posted, and money of which it did not say which payment it is."""

from __future__ import annotations

import asyncio

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.conflicts import do_or_tell
from services.dashboard.visits import Page, Visit

_ROWS = 50
_SIDES = ("deposit-without-remittance", "remittance-without-deposit", "amount-differs", "posting-differs", "matched")
_STATUSES = ("open", "identified", "set-aside")
_UNIDENTIFIED = "/api/payments/deposits/unidentified"


async def bank(visit: Visit) -> Response:
    """The matches of one side or of all that do not agree, and the deposits that wait for a person."""
    side = visit.asked("side") if visit.asked("side") in _SIDES else ""
    status = visit.asked("status") if visit.asked("status") in _STATUSES else "open"
    found, waiting = await asyncio.gather(
        visit.get("/api/payments/deposits/matches", side=side, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get(_UNIDENTIFIED, status=status, limit=_ROWS, cursor=visit.asked("waiting")),
    )
    wanted = {name: value for name, value in (("side", side), ("status", visit.asked("status"))) if value}
    return visit.show(
        "bank/bank.html",
        found=found,
        waiting=waiting,
        sides=_SIDES,
        statuses=_STATUSES,
        side=side,
        chosen=status,
        wanted=wanted,
    )


async def take_in(visit: Visit) -> Response:
    """A bank's file of a person: what became of each line, or what is wrong with it. The same again has no effect."""
    file = (await visit.request.form()).get("file")
    if not isinstance(file, UploadFile) or not (content := await file.read()):
        return visit.show("bank/_taken_in.html", taken=None, outcomes={})
    taken = await visit.services.send_file("/api/payments/deposits/files", content, "text/plain", key=visit.form["key"])
    await visit.settled(_UNIDENTIFIED, taken["after"])
    outcomes: dict[str, int] = {}
    for line in taken["lines"]:
        outcomes[line["outcome"]] = outcomes.get(line["outcome"], 0) + 1
    return visit.show("bank/_taken_in.html", taken=taken, outcomes=outcomes)


async def _worked(visit: Visit, deed: str, body: dict[str, str]) -> Response:
    """What is refused is told over the page, whose forms keep what was typed; and who was faster, what they did."""
    deposit_id = visit.path("deposit_id")
    stream = f"/api/payments/streams/unidentified-deposit/{deposit_id}"
    done = await do_or_tell(visit, f"/api/payments/deposits/{deposit_id}/{deed}", body, stream=stream)
    if isinstance(done, Response):
        return done
    await visit.settled(_UNIDENTIFIED, done["after"])
    return Response(headers={"HX-Redirect": "/bank"})


async def identify(visit: Visit) -> Response:
    names = ("trace_number", "payer_identifier")
    return await _worked(visit, "identify", {name: visit.form.get(name, "") for name in names})


async def set_aside(visit: Visit) -> Response:
    return await _worked(visit, "set-aside", {"reason": visit.form.get("reason", "")})


async def undo(visit: Visit) -> Response:
    names = ("identified_as", "reason")
    return await _worked(visit, "undo-identification", {name: visit.form.get(name, "") for name in names})


_ONE = "/bank/{deposit_id}"
PAGES = (
    Page(path="/bank", action="payments:read-deposits", handler=bank),
    Page(path="/bank/files", action="payments:record-deposit", handler=take_in, method="POST"),
    Page(path=f"{_ONE}/identify", action="payments:record-deposit", handler=identify, method="POST"),
    Page(path=f"{_ONE}/set-aside", action="payments:record-deposit", handler=set_aside, method="POST"),
    Page(path=f"{_ONE}/undo", action="payments:undo-identification", handler=undo, method="POST"),
)
