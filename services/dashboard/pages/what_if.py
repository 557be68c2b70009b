"""What if a month's answers had been read with another posting matrix? A question to payments, and its answer by account."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from services.dashboard.visits import Page, Visit

_API = "/api/payments/what-if/posting"
MEANINGS = ("contractual", "denial", "patient", "transfer", "information")
_RULE = re.compile(r"(CO|PR|OA|PI|CR)[- ]([A-Z]?[0-9]{1,4}|\*)\s+([a-z]+)(?:\s+([A-Za-z0-9._:-]{1,80}))?")


async def what_if(visit: Visit) -> Response:
    """The form."""
    return visit.show("what_if/what_if.html", meanings=MEANINGS)


async def ask(visit: Visit) -> Response:
    """The answer, or which line of the rules cannot be read. Nothing is kept."""
    rules, errors = _rules(visit.form.get("rules", ""))
    if errors:
        return visit.show("what_if/_answer.html", errors=errors, told=None)
    told = await visit.services.find(_API, {"period": visit.form.get("period", ""), "rules": rules})
    return visit.show("what_if/_answer.html", errors=(), told=told)


def _rules(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """One rule a line: `CO-97 contractual`, with a payer's id behind it when it is of that payer only."""
    rules: list[dict[str, Any]] = []
    errors: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        found = _RULE.fullmatch(line.strip())
        if found is None or found[3] not in MEANINGS:
            errors.append(
                f"Line {number}: a group and reason, then one of {', '.join(MEANINGS)}, such as CO-97 patient."
            )
            continue
        rules.append({"group": found[1], "reason": found[2], "meaning": found[3], "payer_id": found[4]})
    return rules, errors if rules or errors else ["Write at least one rule."]


PAGES = (
    Page(path="/what-if", action="payments:read-worklists", handler=what_if),
    Page(path="/what-if", action="payments:ask-what-if", handler=ask, method="POST"),
)
