"""What if a month's answers had been read with another posting matrix, or held against another contract? Questions to payments, and their
answers by account."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from services.dashboard.exports import rows_file
from services.dashboard.pages.contracts import NO_TERMS, RULES, filled, schedule_ids, terms_only
from services.dashboard.visits import Page, Visit

_API = "/api/payments/what-if"
_ALL = 20_000  # accounts of one answer
MEANINGS = ("contractual", "denial", "patient", "transfer", "information")
_RULE = re.compile(r"(CO|PR|OA|PI|CR)[- ]([A-Z]?[0-9]{1,4}|\*)\s+([a-z]+)(?:\s+([A-Za-z0-9._:-]{1,80}))?")
_POSTING = {name: name for name in ("account_id", "ledger_account", "difference_cents")}
_CONTRACTS = {
    name: name
    for name in (
        "account_id",
        "lines",
        "allowed_cents",
        "expected_before_cents",
        "expected_after_cents",
        "difference_cents",
        "underpaid_before_cents",
        "underpaid_after_cents",
        "not_priced_before",
        "not_priced_after",
        "appear",
        "vanish",
    )
}


async def what_if(visit: Visit) -> Response:
    """The forms."""
    known = await schedule_ids(visit) if visit.may("payments:read-contracts") else []
    return visit.show(
        "what_if/what_if.html",
        meanings=MEANINGS,
        schedule_ids=known,
        terms=filled([]),
        rules=RULES,
        newest=NO_TERMS,
        payer_id=visit.asked("payer_id"),
    )


async def ask(visit: Visit) -> Response:
    """The answer, or which line of the rules cannot be read. Nothing is kept."""
    rules, errors = _rules(visit.form.get("rules", ""))
    if errors:
        return visit.show("what_if/_answer.html", errors=errors, told=None, question="")
    question = {"period": visit.form.get("period", ""), "rules": rules}
    told = await visit.services.find(f"{_API}/posting", question)
    return visit.show("what_if/_answer.html", errors=(), told=told, question=_again(question, told))


async def ask_of_contract(visit: Visit) -> Response:
    question = _question(visit.form)
    told = await visit.services.find(f"{_API}/contracts", question)
    return visit.show("what_if/_contracts.html", told=told, question=_again(question, told))


async def export(visit: Visit) -> Response:
    """Every account of an answer, asked once more up to the same position of the log."""
    told = await visit.services.find(f"{_API}/posting", _kept(visit.form))
    items = [
        {"account_id": row["account_id"], "ledger_account": name, "difference_cents": cents}
        for row in told["items"]
        for name, cents in sorted(row["ledger"].items())
    ]
    return await rows_file(visit, "what-if-posting", items, _POSTING)


async def export_of_contract(visit: Visit) -> Response:
    told = await visit.services.find(f"{_API}/contracts", _kept(visit.form))
    return await rows_file(visit, "what-if-contracts", told["items"], _CONTRACTS)


def _again(question: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    return json.dumps({**question, "until": told["until"], "items_max": _ALL})


def _kept(form: Mapping[str, str]) -> Any:
    """The question as the answer kept it; what is none goes on, and the service says what is wrong with it."""
    try:
        return json.loads(form.get("question", ""))
    except (ValueError, RecursionError):
        return {}


def _question(form: Mapping[str, str]) -> dict[str, Any]:
    told = terms_only(form)
    instead = [line.split() for line in form.get("instead", "").splitlines() if line.strip()]
    return {
        "period": form.get("period", ""),
        "payer_id": form.get("payer_id", ""),
        "contract_id": form.get("contract_id") or None,
        "terms": told if told["terms"] else None,
        "instead": [{"schedule_id": words[0], "read": words[-1]} for words in instead],
        "prices_on": form.get("prices_on") or None,
    }


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


_ASK = "payments:ask-what-if"
PAGES = (
    Page(path="/what-if", action="payments:read-worklists", handler=what_if),
    Page(path="/what-if", action=_ASK, handler=ask, method="POST"),
    Page(path="/what-if/export", action=_ASK, handler=export, method="POST"),
    Page(path="/what-if/contracts", action=_ASK, handler=ask_of_contract, method="POST"),
    Page(path="/what-if/contracts/export", action=_ASK, handler=export_of_contract, method="POST"),
)
