"""How a practice works its denials: a checklist for each category, and what goes up to a supervisor when nobody works on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.conflicts import do_or_tell
from services.dashboard.pages.denials import number, payer_names
from services.dashboard.visits import Page, Visit

_PAGE = "/denials/rules"
_RULES = "/api/claims/escalation-rules"


async def rules(visit: Visit) -> Response:
    checklists, escalation, names = await asyncio.gather(
        visit.get("/api/claims/denial-checklists"), visit.get(_RULES), payer_names(visit)
    )
    return visit.show("denials/rules.html", checklists=checklists, escalation=escalation, names=names)


async def keep_checklist(visit: Visit) -> Response:
    category = visit.path("category")
    lines = [line.strip() for line in visit.form.get("steps", "").splitlines() if line.strip()]
    steps = [_step(line) for line in lines]
    stream = f"/api/claims/streams/denial-checklist/{category}"
    return _back(await do_or_tell(visit, f"/api/claims/denial-checklists/{category}", {"steps": steps}, stream=stream))


def _step(line: str) -> Mapping[str, str]:
    step_id, _, text = line.partition(":")
    return {"step_id": step_id.strip(), "text": text.strip()}


async def add_rule(visit: Visit) -> Response:
    """Behind those that are there."""
    form = visit.form
    added = {
        "rule_id": form.get("rule_id", ""),
        "payer_id": form.get("payer_id", ""),
        "category": form.get("category", ""),
        "denied_cents_min": cents_or_text(form.get("denied_from", "") or "0"),
        "workdays": number(form.get("workdays", "")),
        "supervisor": form.get("supervisor", ""),
    }
    return await _keep(visit, [*(await visit.get(_RULES))["rules"], added])


async def remove_rule(visit: Visit) -> Response:
    kept = (await visit.get(_RULES))["rules"]
    return await _keep(visit, [rule for rule in kept if rule["rule_id"] != visit.form.get("rule_id")])


async def _keep(visit: Visit, kept: Sequence[Mapping[str, Any]]) -> Response:
    stream = "/api/claims/streams/escalation-rules/denials"
    return _back(await do_or_tell(visit, _RULES, {"rules": list(kept)}, stream=stream))


def _back(done: Mapping[str, Any] | Response) -> Response:
    return done if isinstance(done, Response) else Response(headers={"HX-Redirect": _PAGE})


_KEEP = "claims:keep-denial-rules"
PAGES = (
    Page(path=_PAGE, action="claims:read-denials", handler=rules),
    Page(path=f"{_PAGE}/escalation", action=_KEEP, handler=add_rule, method="POST"),
    Page(path=f"{_PAGE}/escalation/remove", action=_KEEP, handler=remove_rule, method="POST"),
    Page(path=f"{_PAGE}/checklists/{{category}}", action=_KEEP, handler=keep_checklist, method="POST"),
)
