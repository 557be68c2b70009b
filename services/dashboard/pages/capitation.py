"""Capitation: what should members bring in a month, what came for them, what would their services have brought, and which were not
answered as they should be?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.client import Refused
from services.dashboard.exports import table_file
from services.dashboard.visits import Page, Visit

_MONTHS = "/api/payments/capitation"
_SERVICES = f"{_MONTHS}/services"
_PAYMENTS = f"{_MONTHS}/payments"
_ROWS = 50
_FILTERS = ("payer_id", "contract_id", "from_month", "to_month")
_OF_SERVICES = ("payer_id", "contract_id", "month", "flagged")
_MONTH_COLUMNS = {
    name: name
    for name in (
        "payer_id",
        "contract_id",
        "month_on",
        "members",
        "not_rated",
        "expected_cents",
        "paid_cents",
        "variance_cents",
        "services",
        "charged_cents",
        "equivalent_cents",
        "not_priced",
        "flagged",
    )
}
_SERVICE_COLUMNS = {
    name: name
    for name in (
        "payer_id",
        "contract_id",
        "month_on",
        "account_id",
        "claim_id",
        "remittance_id",
        "line_id",
        "service_on",
        "procedure_code",
        "charged_cents",
        "paid_cents",
        "equivalent_cents",
        "flag",
    )
}


def _asked(visit: Visit, names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name in names if (value := visit.asked(name))}


async def months(visit: Visit) -> Response:
    """Contracts and months with their figures, and payments that nobody has assigned yet."""
    wanted = _asked(visit, _FILTERS)
    found, waiting = await asyncio.gather(
        visit.get(_MONTHS, **wanted, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get(_PAYMENTS, is_open="true", limit=_ROWS),
    )
    return visit.show("capitation/list.html", found=found, waiting=waiting, wanted=wanted)


async def export(visit: Visit) -> Response:
    return await table_file(visit, "capitation", _MONTHS, _asked(visit, _FILTERS), _MONTH_COLUMNS)


async def one(visit: Visit) -> Response:
    """One month: its members by category, the lists that said so, what was paid, and what was done."""
    payer_id, contract_id, period = (visit.path(name) for name in ("payer_id", "contract_id", "period"))
    of_month = {"payer_id": payer_id, "contract_id": contract_id, "month": period}
    wanted = _asked(visit, ("flagged",))
    found, services, waiting = await asyncio.gather(
        visit.get(
            f"{_MONTHS}/months/{quote(payer_id, safe='')}/{quote(contract_id, safe='')}/{quote(period, safe='')}"
        ),
        visit.get(_SERVICES, **of_month, **wanted, limit=_ROWS, cursor=visit.asked("cursor")),
        visit.get(_PAYMENTS, is_open="true", limit=_ROWS),
    )
    return visit.show(
        "capitation/month.html",
        found=found,
        month=found["month"],
        period=period,
        services=services,
        waiting=waiting,
        of_month=of_month,
        wanted=wanted,
    )


async def export_services(visit: Visit) -> Response:
    return await table_file(visit, "capitated-services", _SERVICES, _asked(visit, _OF_SERVICES), _SERVICE_COLUMNS)


def _address(form: Mapping[str, str]) -> str:
    return "/capitation/" + "/".join(
        quote(form.get(name, ""), safe="") for name in ("payer_id", "contract_id", "month")
    )


async def take_roster(visit: Visit) -> Response:
    """A whole list, or every line of it that is wrong, by its name. Nothing of a list is used while anything of it is wrong."""
    form, file = visit.form, (await visit.request.form()).get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        return visit.show("contracts/_refused.html", problems=["Choose a file first."], left_out=0)
    payer_id, contract_id, month = (quote(form.get(name, ""), safe="") for name in ("payer_id", "contract_id", "month"))
    path = f"/api/payments/payers/{payer_id}/contracts/{contract_id}/rosters/{month}"
    query = {"kind": form.get("kind", "")}
    try:
        taken = await visit.services.send_file(path, content, "text/csv", key=form["key"], query=query)
    except Refused as refused:
        if refused.code != "roster-refused":
            raise
        count = int(refused.facts["problems"])
        named = [refused.facts[name] for at in range(1, count + 1) if (name := f"problem_{at}") in refused.facts]
        return visit.show("contracts/_refused.html", problems=named, left_out=count - len(named))
    await visit.settled(_MONTHS, taken["done"]["after"])
    return Response(headers={"HX-Redirect": _address(form)})


async def assign(visit: Visit) -> Response:
    form = visit.form
    body = {name: form.get(name, "") for name in ("payer_id", "contract_id", "month")}
    told = {**body, "amount_cents": cents_or_text(form.get("amount", ""))}
    return await _worked(visit, "assign", told)


async def undo(visit: Visit) -> Response:
    part = visit.form.get("part", "")
    body = {"part": int(part) if part.isdecimal() else part, "reason": visit.form.get("reason", "")}
    return await _worked(visit, "undo", body)


async def _worked(visit: Visit, deed: str, body: Mapping[str, object]) -> Response:
    remittance_id, ordinal = quote(visit.path("remittance_id"), safe=""), quote(visit.path("ordinal"), safe="")
    path = f"{_PAYMENTS}/{remittance_id}/{ordinal}/{deed}"
    done = await visit.do(path, body)
    await visit.settled(_MONTHS, done["after"])
    return Response(headers={"HX-Redirect": _address(visit.form)})


_READ, _TAKE, _ASSIGN = "payments:read-variances", "payments:take-roster", "payments:assign-capitation"
_PAYMENT = "/capitation/payments/{remittance_id}/{ordinal}"
PAGES = (
    Page(path="/capitation", action=_READ, handler=months),
    Page(path="/capitation/export", action=_READ, handler=export),
    Page(path="/capitation/services/export", action=_READ, handler=export_services),
    Page(path="/capitation/rosters", action=_TAKE, handler=take_roster, method="POST"),
    Page(path="/capitation/{payer_id}/{contract_id}/{period}", action=_READ, handler=one),
    Page(path=f"{_PAYMENT}/assign", action=_ASSIGN, handler=assign, method="POST"),
    Page(path=f"{_PAYMENT}/undo", action=_ASSIGN, handler=undo, method="POST"),
)
