"""Where is it? By claim, account, remittance or payment number, by denial, by medical record number.

What is looked for may be a person's number, so it comes by POST and is in no address and no log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from services.dashboard.client import Refused, Silent
from services.dashboard.visits import Page, Visit

_CLAIM = re.compile(r"[0-9A-Za-z]{17}\Z")
_ACCOUNT = re.compile(r"[0-9A-Za-z]{16}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


async def search(visit: Visit) -> Response:
    words = visit.form.get("words", "")
    hits = [hit for found in await asyncio.gather(*_looks(visit, words)) for hit in found] if words else []
    if len(hits) == 1:
        return RedirectResponse(hits[0]["href"], 303)
    return visit.show("search.html", hits=hits, is_asked=bool(words))


def _looks(visit: Visit, words: str) -> list[Any]:
    upper, lower = words.upper(), words.lower()
    looks: list[Any] = [_by_record_number(visit, words)]
    if _CLAIM.match(words):
        looks.append(
            _one(visit, "claims:read-claims", f"/api/claims/claims/{upper}", f"Claim {upper}", f"/claims/{upper}")
        )
    if _ACCOUNT.match(words):
        path, href = f"/api/payments/accounts/{upper}", f"/accounts/{upper}"
        looks.append(_one(visit, "payments:read-ledger", path, f"Account {upper}", href))
    if _UUID.match(lower):
        path, href = f"/api/payments/remittances/{lower}", f"/remittances/{lower}"
        looks.append(_one(visit, "payments:read-remittances", path, "Remittance", href))
        path, href = f"/api/collections/patients/{lower}", f"/collections/{lower}"
        looks.append(_one(visit, "collections:read-accounts", path, "Patient account", href))
    if words.isascii() and 4 <= len(words) <= 50:
        looks.append(_by_trace_number(visit, upper))
    return looks


async def _one(visit: Visit, action: str, path: str, title: str, href: str) -> list[dict[str, str]]:
    return [{"title": title, "href": href}] if await visit.get_if(action, path) is not None else []


async def _by_record_number(visit: Visit, words: str) -> list[dict[str, str]]:
    """Patients with this medical record number, by its blind index, and what there is of them."""
    if not visit.may("eligibility:read-patient"):
        return []
    try:
        found = await visit.services.find("/api/eligibility/patients/search", {"medical_record_number": words})
    except (Refused, Silent):
        return []  # no record number; the other looks tell what they find
    hits: list[dict[str, str]] = []
    for patient in found:
        patient_id = patient["merged_into"] or patient["patient_id"]
        hits.append({"title": "Patient's claims", "href": f"/claims?patient_id={patient_id}"})
        if await visit.get_if("collections:read-accounts", f"/api/collections/patients/{patient_id}") is not None:
            hits.append({"title": "Patient's account", "href": f"/collections/{patient_id}"})
    return hits


async def _by_trace_number(visit: Visit, words: str) -> list[dict[str, str]]:
    """Among the newest remittances."""
    page: Mapping[str, Any] | None = await visit.get_if(
        "payments:read-remittances", "/api/payments/remittances", limit=500
    )
    return [
        {
            "title": f"Remittance {row['trace_number']} of {row['payer_name']}",
            "href": f"/remittances/{row['remittance_id']}",
        }
        for row in (page or {}).get("items", ())
        if row["trace_number"].upper() == words
    ]


PAGES = (Page(path="/search", action="dashboard:read-pages", handler=search, method="POST"),)
