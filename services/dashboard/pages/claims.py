"""The claims worklist, and one claim with its whole story."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from starlette.responses import Response

from services.dashboard.client import Refused, Silent
from services.dashboard.conflicts import do_or_tell
from services.dashboard.deeds import CLAIMS
from services.dashboard.exports import document, table_file
from services.dashboard.segments import segments_at
from services.dashboard.timeline import Step, money_of, steps_of, total_of
from services.dashboard.visits import Page, Visit

_STATUSES = ("held", "rejected", "released", "batched", "submitted", "accepted", "adjudicated", "closed", "voided")
_OWNERS = tuple((desk, desk.capitalize()) for desk in ("billing", "payer follow-up", "denials", "ledgerline"))
_NARROWING = (
    "payer_id",
    "account_id",
    "patient_id",
    "hold_reason",
    "provider_id",
    "organization_id",
    "facility_id",
    "service_from_on",
    "service_to_on",
    "error_rule",
    "file_within_days",
    "owner",
)
_VIEWS = {
    "silent": "/api/claims/follow-up",
    "requests": "/api/claims/requests",
    "overdue": "/api/claims/requests",
    "limits": "/api/claims/deadlines",
}
_ROWS = 50
_COLUMNS = {
    "claim": "claim_id",
    "account": "account_id",
    "patient": "patient_id",
    "service_on": "service_on",
    "days_since_service": "days_since_service",
    "payer": "payer_name",
    "rendering": "rendering_name",
    "billing": "organization_name",
    "facility": "facility_name",
    "charged_cents": "charged_cents",
    "status": "status",
    "errors": "error_rules",
    "coverage": "coverage_check",
    "file_by_on": "file_by_on",
    "filing_days_left": "filing_days_left",
    "owner": "owner",
    "next_action": "next_action",
    "hold_reason": "hold_reason",
    "paid_cents": "paid_cents",
    "denied_cents": "denied_cents",
    "patient_responsibility_cents": "patient_responsibility_cents",
    "last_answer": "last_answer",
}


def _asked(visit: Visit) -> tuple[str, dict[str, str]]:
    """Which list of the API, with which filters. Nothing said is what is open."""
    view = visit.asked("view")
    if view in _VIEWS:
        return _VIEWS[view], {"is_overdue": "true"} if view == "overdue" else {}
    filters = {name: visit.asked(name) for name in ("status", "is_open", *_NARROWING)}
    if not any(filters.values()) and view != "all":
        filters["is_open"] = "true"
    return "/api/claims/claims", filters


async def worklist(visit: Visit) -> Response:
    path, filters = _asked(visit)
    if visit.asked("view") in _VIEWS and not visit.may("claims:read-worklists"):
        path, filters = "/api/claims/claims", {"is_open": "true"}
    cursor = visit.asked("cursor")
    found = await visit.get(path, **filters, limit=_ROWS, cursor=cursor)
    base = {name: value for name, value in visit.request.query_params.items() if name != "cursor" and value}
    values: dict[str, Any] = {
        "found": found,
        "base": base,
        "filters": filters,
        "can_pick": any(visit.may(deed.action) for deed in CLAIMS.deeds.values()),
    }
    if visit.is_fragment and cursor:
        return visit.show("claims/_rows.html", **values)
    values |= await _around(visit, filters)
    return visit.show("claims/_list.html" if visit.is_fragment else "claims/list.html", **values)


async def _around(visit: Visit, filters: Mapping[str, str]) -> dict[str, Any]:
    """Counts and freshness: not asked again for every further page."""
    narrowed = {name: filters[name] for name in _NARROWING if filters.get(name)}
    every, summary, fresh, directory, rules = await asyncio.gather(
        visit.counted("/api/claims/claims/summary"),
        visit.counted("/api/claims/claims/summary", **narrowed),
        visit.get_if("ops:read-freshness", "/api/claims/ops/freshness"),
        _directory(visit),
        _rules(visit),
    )
    mine = summary["items"]
    counts = {status: sum(each["claims"] for each in mine if each["status"] == status) for status in _STATUSES}
    wanted = [
        each
        for each in mine
        if (not filters.get("status") or each["status"] == filters["status"])
        and (filters.get("is_open") not in ("true", "false") or each["is_open"] == (filters["is_open"] == "true"))
    ]
    return {
        "statuses": [(status, counts[status]) for status in _STATUSES if counts[status]],
        "open_count": sum(each["claims"] for each in mine if each["is_open"]),
        "all_count": sum(each["claims"] for each in mine),
        "in_view": {
            "claims": sum(each["claims"] for each in wanted),
            "charged_cents": sum(each["charged_cents"] for each in wanted),
        },
        "payers": sorted({(each["payer_id"], each["payer_name"]) for each in every["items"] if each["payer_id"]}),
        "narrowed": narrowed,
        "deeds": CLAIMS.deeds,
        "owners": _OWNERS,
        "rules": rules,
        **directory,
        "behind": (fresh or {}).get("behind", {}).get("claims.worklist", 0),
        "view": visit.asked("view"),
        "can_follow": visit.may("claims:read-worklists"),
    }


async def _rules(visit: Visit) -> list[str]:
    """Edits by whose errors the list can be narrowed down."""
    return [each["id"] for each in await _choices(visit, "claims:read-rules", "/api/claims/rules") or ()]


async def _directory(visit: Visit) -> dict[str, list[tuple[str, str]]]:
    """Who renders, who bills and where, by id and name."""

    async def listed(kind: str) -> list[tuple[str, str]]:
        found = await _choices(visit, "charges:read-practice", "/api/charges/directory", kind=kind)
        items = found["items"] if found else ()
        return sorted(((each["item_id"], _listed_name(each["item"][kind])) for each in items), key=itemgetter(1))

    providers, organizations, facilities = await asyncio.gather(*map(listed, ("provider", "organization", "facility")))
    return {"providers": providers, "organizations": organizations, "facilities": facilities}


async def _choices(visit: Visit, action: str, path: str, **query: str) -> Any:
    """What a filter offers. That another service does not answer is no reason to show no list."""
    if visit.may(action):
        with contextlib.suppress(Refused, Silent):
            return await visit.counted(path, **query)
    return None


def _listed_name(item: Mapping[str, Any]) -> str:
    parts = (item.get("name") or item.get("last_or_organisation"), item.get("first"))
    return ", ".join(part for part in parts if part)


async def export(visit: Visit) -> Response:
    path, filters = _asked(visit)
    return await table_file(visit, "claims", path, filters, _COLUMNS)


# --- one claim --------------------------------------------------------------------------------------------------------


async def claim(visit: Visit) -> Response:
    claim_id = visit.path("claim_id")
    detail, filing, follow, words = await asyncio.gather(
        visit.get(f"/api/claims/claims/{claim_id}"),
        visit.get(f"/api/claims/claims/{claim_id}/filing"),
        visit.get(f"/api/claims/claims/{claim_id}/follow-up"),
        visit.get_if("claims:read-follow-up-notes", f"/api/claims/claims/{claim_id}/follow-up/words"),
    )
    steps, checks, account = await _story(visit, detail["claim"])
    at = _number(visit.asked("v"), len(steps))
    values: dict[str, Any] = {
        "detail": detail,
        "filing": filing,
        "follow": follow,
        "words": {(each["about"], each["field"]): each["text"] for each in words or ()},
        "steps": steps,
        "checks": checks,
        "account": account,
        "version": _version(checks, f"claim/{claim_id}"),
        **_state(steps, at),
    }
    return visit.show("claims/claim.html", **values)


async def state(visit: Visit) -> Response:
    """How the claim stood after one of its events; the address keeps which."""
    detail = await visit.get(f"/api/claims/claims/{visit.path('claim_id')}")
    steps, _, _ = await _story(visit, detail["claim"])
    at = _number(visit.asked("v"), len(steps))
    headers = {"HX-Replace-Url": f"/claims/{visit.path('claim_id')}?v={at}"}
    return visit.show("claims/_state.html", headers=headers, detail=detail, steps=steps, **_state(steps, at))


async def _story(visit: Visit, row: Mapping[str, Any]) -> tuple[list[Step], list[dict[str, Any]], Any]:
    """The merged story, the hash check of each stream, and the account in the ledger as it stands now."""
    claim_id, account_id = row["claim_id"], row["account_id"]
    told, account = await asyncio.gather(
        visit.get(f"/api/claims/claims/{claim_id}/timeline", limit=500),
        visit.get_if("payments:read-ledger", f"/api/payments/accounts/{account_id}"),
    )
    names = sorted({item["stream"] for item in told["items"]})
    reads = [visit.get_if("events:read-stream", f"/api/claims/streams/{name}") for name in names]
    if visit.may("payments:read-ledger"):
        reads.append(visit.get_if("events:read-stream", f"/api/payments/streams/claim-account/{account_id}"))
    streams = [stream for stream in await asyncio.gather(*reads) if stream]
    said = {item["event_id"]: item["summary"] for item in told["items"]}
    return steps_of((stream["events"] for stream in streams), said), streams, account


def _version(streams: list[dict[str, Any]], name: str) -> str:
    """Of a stream as it is shown; empty where it may not be read."""
    return next((str(each["events"][-1]["streamversion"]) for each in streams if each["stream"] == name), "")


def _state(steps: list[Step], at: int) -> dict[str, Any]:
    past = steps[:at]
    lines = money_of(past)
    return {
        "at": at,
        "step": past[-1] if past else None,
        "lines": lines,
        "total": total_of(lines),
        "payload": _payload(past),
    }


def _payload(past: list[Step]) -> str:
    return json.dumps(_without_ciphertext(past[-1].data), indent=2, ensure_ascii=False) if past else ""


def _without_ciphertext(value: Any) -> Any:
    """A sealed value is told as such: its ciphertext says nothing to anybody."""
    if isinstance(value, dict):
        if value.keys() >= {"subject", "field", "token"}:
            return f"sealed: {value['field']}"
        return {name: _without_ciphertext(each) for name, each in value.items()}
    return [_without_ciphertext(each) for each in value] if isinstance(value, list) else value


def _number(text: str, last: int) -> int:
    return min(max(int(text), 1), last) if text.isdigit() and len(text) < 7 and last else last


async def segment(visit: Visit) -> Response:
    """The raw segments that an event points to. Reading them is on the record, like every opening."""
    document = await visit.services.file(f"/documents/{visit.path('document_id')}", purpose="billing")
    place = visit.form.get("place", "")
    return visit.show("claims/_segments.html", segments=segments_at(document.content, place), place=place)


async def act(visit: Visit) -> Response:
    """Hold, release, close or void a claim; then the page anew, with the command's event in it."""
    claim_id, deed = visit.path("claim_id"), visit.path("deed")
    body = {"reason": visit.form.get("reason", "")} if deed in ("hold", "void", "close") else None
    path = f"/api/claims/claims/{claim_id}/{deed}"
    done = await do_or_tell(visit, path, body, stream=f"/api/claims/streams/claim/{claim_id}")
    if isinstance(done, Response):
        return done
    await visit.settled(f"/api/claims/claims/{claim_id}/timeline", done["after"])
    await visit.settled(f"/api/claims/claims/{claim_id}", done["after"])
    return Response(headers={"HX-Redirect": f"/claims/{claim_id}"})


async def name(visit: Visit) -> Response:
    """Open a patient's name. The service records who opened it, and why."""
    found = await visit.get(
        f"/api/eligibility/patients/{visit.path('patient_id')}", purpose=visit.form.get("purpose", "")
    )
    return visit.show("_name.html", found=found)


def _deed(deed: str, action: str) -> Page:
    async def handler(visit: Visit) -> Response:
        visit.request.path_params["deed"] = deed
        return await act(visit)

    return Page(path=f"/claims/{{claim_id}}/{deed}", action=action, handler=handler, method="POST")


async def printed(visit: Visit) -> Response:
    """The claim on its paper form, for the preprinted sheet. Opening it is on the record."""
    path = f"/api/claims/claims/{visit.path('claim_id')}/printed"
    return document(await visit.services.file(path, purpose="billing"))


PAGES = (
    Page(path="/claims", action="claims:read-claims", handler=worklist),
    Page(path="/claims/export", action="claims:read-claims", handler=export),
    Page(path="/claims/{claim_id}", action="claims:read-claims", handler=claim),
    Page(path="/claims/{claim_id}/state", action="claims:read-claims", handler=state),
    Page(path="/claims/{claim_id}/printed", action="claims:read-printed-claim", handler=printed),
    Page(path="/claims/segments/{document_id}", action="documents:read-document", handler=segment, method="POST"),
    Page(path="/patients/{patient_id}/name", action="eligibility:read-patient", handler=name, method="POST"),
    _deed("hold", "claims:hold-claim"),
    _deed("release", "claims:release-claim"),
    _deed("ask-status", "claims:follow-up-claim"),
    _deed("send-again", "claims:release-claim"),
    _deed("close", "claims:close-claim"),
    _deed("void", "claims:void-claim"),
)
