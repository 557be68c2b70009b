"""Rules that past denials propose: what they would have done later, taken in by a person, and how they do since."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from services.dashboard.pages.denials import number, payer_names
from services.dashboard.visits import Page, Visit

_API = "/api/claims/learned-rules"
_PAGE = "/learned-rules"
_RANGE = ("from_on", "to_on", "cut_off_on", "until")


async def learned(visit: Visit) -> Response:
    """Those that were taken in, and the form that asks for more."""
    rules = await visit.get(_API)
    return visit.show("learned_rules/list.html", rules=rules, names=await payer_names(visit))


def _range(visit: Visit) -> dict[str, Any]:
    return {name: visit.form.get(name, "") for name in _RANGE}


async def propose(visit: Visit) -> Response:
    """What past denials propose. Nothing is kept."""
    told = await visit.services.find("/api/claims/what-if/learned-rules", _range(visit))
    return visit.show("learned_rules/_proposed.html", told=told, names=await payer_names(visit))


async def take_in(visit: Visit) -> Response:
    form = visit.form
    asked = {
        "rule_hash": form.get("rule_hash", ""),
        "action": form.get("action", ""),
        "floor_percent": number(form.get("floor_percent", "")),
    }
    await visit.do(_API, {**_range(visit), **asked})
    return Response(headers={"HX-Redirect": _PAGE})


async def wrong(visit: Visit) -> Response:
    await visit.do(f"{_API}/{visit.path('rule_id')}/wrong", {"claim_id": visit.form.get("claim_id", "")})
    return Response(headers={"HX-Redirect": _PAGE})


PAGES = (
    Page(path=_PAGE, action="claims:read-rules", handler=learned),
    Page(path=f"{_PAGE}/propose", action="claims:try-rules", handler=propose, method="POST"),
    Page(path=f"{_PAGE}/take-in", action="claims:write-rules", handler=take_in, method="POST"),
    Page(path=f"{_PAGE}/{{rule_id}}/wrong", action="claims:edit-claim", handler=wrong, method="POST"),
)
