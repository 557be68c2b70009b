"""Underpayments: what does each payer owe by its contract, by which figures, and what has been said to it about that?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.conflicts import do_or_tell
from services.dashboard.exports import table_file
from services.dashboard.rendering import dollars
from services.dashboard.visits import Page, Visit

_ROWS = 50
KINDS = (("underpayment", "Underpaid"), ("overpayment", "Overpaid"))
STATES = ("open", "disputed", "resolved", "withdrawn")
_FILTERS = ("kind", "state", "payer_id", "reference", "at_least")
_COLUMNS = {
    name: name
    for name in (
        "variance_id",
        "kind",
        "state",
        "payer_id",
        "payer_name",
        "claim_id",
        "account_id",
        "remittance_id",
        "line_id",
        "procedure_code",
        "paid_as",
        "modifiers",
        "service_on",
        "payment_on",
        "charged_cents",
        "expected_cents",
        "allowed_cents",
        "variance_cents",
        "tolerance_cents",
        "reference",
        "disputed_on",
        "outcome",
        "reason",
        "recovered_cents",
    )
}
_BY_PAYER = {
    name: name
    for name in (
        "payer_id",
        "payer_name",
        "items",
        "variance_cents",
        "open_items",
        "open_cents",
        "disputed_items",
        "disputed_cents",
        "over_items",
        "recovered_cents",
        "oldest_on",
    )
}


def _filters(visit: Visit) -> dict[str, str]:
    return {name: value for name in _FILTERS if (value := visit.asked(name))}


def _asked_for(wanted: Mapping[str, str]) -> dict[str, str]:
    """As payments takes it: dollars are typed, cents are asked for."""
    asked = {"kind": "underpayment"} | dict(wanted)
    if at_least := asked.pop("at_least", ""):
        asked["variance_cents_min"] = str(cents_or_text(at_least))
    return asked


def _of_payers(wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in _asked_for(wanted).items() if name not in ("state", "reference")}


async def worklist(visit: Visit) -> Response:
    """Payers with their sums, and the items behind a payer or a state."""
    wanted, cursor = _filters(visit), visit.asked("cursor")
    groups, found, disputes, fresh = await asyncio.gather(
        visit.get("/api/payments/variances/by-payer", **_of_payers(wanted), limit=200),
        visit.get("/api/payments/variances", **_asked_for(wanted), limit=_ROWS, cursor=cursor),
        visit.get("/api/payments/variances/disputes", payer_id=wanted.get("payer_id"), limit=_ROWS),
        visit.get_if("ops:read-freshness", "/api/payments/ops/freshness"),
    )
    return visit.show(
        "underpayments/list.html",
        groups=groups,
        found=found,
        disputes=disputes["items"],
        base=wanted,
        kind=wanted.get("kind") or "underpayment",
        kinds=KINDS,
        states=STATES,
        behind=(fresh or {}).get("behind", {}).get("payments.variances", 0),
    )


async def export(visit: Visit) -> Response:
    wanted = _asked_for(_filters(visit))
    return await table_file(visit, "underpayments", "/api/payments/variances", wanted, _COLUMNS)


async def export_by_payer(visit: Visit) -> Response:
    wanted = _of_payers(_filters(visit))
    return await table_file(visit, "underpayments-by-payer", "/api/payments/variances/by-payer", wanted, _BY_PAYER)


async def item(visit: Visit) -> Response:
    variance_id = visit.path("variance_id")
    path = f"/api/payments/variances/{variance_id}"
    row, today = await asyncio.gather(visit.get(path), visit.get(f"{path}/today"))
    note = None
    if row["has_note"] and visit.asked("note") == "open":
        note = (await visit.get_if("payments:read-variance-notes", f"{path}/note") or {}).get("text")
    return visit.show(
        "underpayments/item.html",
        row=row,
        today=today,
        note=note,
        steps=steps_of(row["basis"], row["expected_cents"]),
        steps_today=steps_of(today["basis"], today["expected_cents"]) if today["basis"] else [],
    )


def steps_of(basis: Mapping[str, Any], expected_cents: int) -> list[str]:
    """How the expected amount comes about, step by step as one would write it down; the last step is the amount."""
    figures = {each["name"]: each["value"] for each in basis["inputs"]}
    steps: list[str] = []
    if basis["rule"] == "percent-of-charge":
        steps.append(f"{_cents(figures, 'charged_cents')} charged × {figures['percent']} %")
    else:
        steps += _fee(figures, is_rvu=basis["method"] == "rvu")
        if "both_sides_percent" in figures:
            fee = _cents(figures, "both_sides_fee_cents")
            steps.append(f"both sides: × {figures['both_sides_percent']} % = {fee}")
        if "percent_of_fee_cents" in figures:
            steps.append(f"× {figures['percent']} % = {_cents(figures, 'percent_of_fee_cents')}")
        steps.append(f"× {figures['units']} {'unit' if figures['units'] == '1' else 'units'}")
        if "schedule_cents" in figures:
            steps.append(f"{_cents(figures, 'schedule_cents')}, and never more than the charge")
    return [*steps, f"= {dollars(expected_cents)}"]


def _fee(figures: Mapping[str, str], *, is_rvu: bool) -> Sequence[str]:
    named = " ".join(figures[name] for name in ("procedure_code", "modifiers") if name in figures)
    if not is_rvu:
        return [f"{named}, {figures['place']}: {_cents(figures, 'fee_cents')}"]
    parts = " + ".join(
        f"{figures[f'{part}_rvu']} × {figures[f'{part}_gpci']}" for part in ("work", "expense", "malpractice")
    )
    return [
        f"{named}, {figures['place']}: ({parts}) × ${figures['conversion_factor']} = {_cents(figures, 'fee_cents')}"
    ]


def _cents(figures: Mapping[str, str], name: str) -> str:
    return dollars(int(figures[name]))


async def letter(visit: Visit) -> Response:
    """A letter to the payer, to be sent with the list as CSV or Excel."""
    asked = {"payer_id": visit.path("payer_id"), "reference": visit.asked("reference")}
    told = await visit.services.file("/api/payments/variances/disputes/letter", **asked)
    headers = {"Content-Disposition": 'attachment; filename="dispute.txt"'}
    return Response(told.content, media_type="text/plain; charset=utf-8", headers=headers)


# --- the work ---------------------------------------------------------------------------------------------------------


async def _worked(visit: Visit, deed: str, body: Mapping[str, Any]) -> Response:
    variance_id = visit.path("variance_id")
    path = f"/api/payments/variances/{variance_id}"
    stream = f"/api/payments/streams/contract-comparison/{variance_id.rpartition('-')[0]}"
    done = await do_or_tell(visit, f"{path}/{deed}", body, stream=stream)
    if isinstance(done, Response):
        return done
    await visit.settled(path, done["after"])
    return Response(headers={"HX-Redirect": f"/underpayments/{variance_id}"})


async def dispute(visit: Visit) -> Response:
    form = visit.form
    body = {name: form.get(name, "") for name in ("reference", "disputed_on", "note")}
    return await _worked(visit, "dispute", body)


async def dispute_all(visit: Visit) -> Response:
    """All that a payer underpaid, under one reference."""
    form = visit.form
    body = {name: form.get(name, "") for name in ("payer_id", "reference", "disputed_on")}
    done = await visit.do("/api/payments/variances/disputes", body)
    await visit.settled("/api/payments/variances/disputes", done["after"])
    wanted = {"payer_id": body["payer_id"], "reference": body["reference"]}
    return Response(headers={"HX-Redirect": f"/underpayments?{urlencode(wanted)}"})


async def resolve(visit: Visit) -> Response:
    form = visit.form
    body = {
        "outcome": form.get("outcome", ""),
        "reason": form.get("reason", ""),
        "recovered_cents": _typed_cents(form.get("recovered", "")),
    }
    return await _worked(visit, "resolve", body)


async def reopen(visit: Visit) -> Response:
    return await _worked(visit, "reopen", {"reason": visit.form.get("reason", "")})


def _typed_cents(text: str) -> int | str:
    """Dollars as they are typed, 1234.50, in cents; what is none goes on as it is, and the service says what is wrong with it."""
    whole, _, part = text.replace(",", "").partition(".")
    if not text:
        return 0
    if whole.isascii() and whole.isdigit() and len(whole) < 10 and (not part or (part.isdigit() and len(part) == 2)):
        return int(whole) * 100 + int(part or 0)
    return text


_ONE = "/underpayments/{variance_id}"
PAGES = (
    Page(path="/underpayments", action="payments:read-variances", handler=worklist),
    Page(path="/underpayments/export", action="payments:read-variances", handler=export),
    Page(path="/underpayments/by-payer", action="payments:read-variances", handler=export_by_payer),
    Page(path="/underpayments/letters/{payer_id}", action="payments:read-variances", handler=letter),
    Page(path="/underpayments/disputes", action="payments:work-variance", handler=dispute_all, method="POST"),
    Page(path=_ONE, action="payments:read-variances", handler=item),
    Page(path=f"{_ONE}/dispute", action="payments:work-variance", handler=dispute, method="POST"),
    Page(path=f"{_ONE}/resolve", action="payments:work-variance", handler=resolve, method="POST"),
    Page(path=f"{_ONE}/reopen", action="payments:work-variance", handler=reopen, method="POST"),
)
