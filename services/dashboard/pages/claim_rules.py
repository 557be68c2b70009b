"""The customer's own rules about claims: the book, one rule with its versions, the form, and what it would have done to past claims.

A form has rows of tests joined by all or any, which is what most rules are; any other condition is edited as the JSON that the API takes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from services.dashboard.conflicts import do_or_tell
from services.dashboard.visits import Page, Visit

_API = "/api/claims/claim-rules"
_BOOK = "/api/claims/streams/rule-book/claims"
_ROWS = 8
_STEPS = 3
_LINES = ("any_line", "all_lines")
_PLAIN = ("rule_id", "name", "order", "scope", "action", "message", "fix", "tag", "effective_by", "from_on", "to_on")
_BLANK: Mapping[str, Any] = {
    **dict.fromkeys(_PLAIN, ""),
    "order": 100,
    "scope": "claim",
    "action": "hold",
    "effective_by": "service",
    "when": {"all": []},
    "steps": [],
    "version": 0,
}


async def book(visit: Visit) -> Response:
    found, ours = await asyncio.gather(visit.get(_API), visit.counted("/api/claims/rules"))
    return visit.show("claim_rules/list.html", found=found, ours=ours)


async def new(visit: Visit) -> Response:
    found = await visit.get(_API)
    return await _editor(visit, _BLANK, version=found["version"])


async def one(visit: Visit) -> Response:
    detail = await visit.get(f"{_API}/{visit.path('rule_id')}")
    return await _editor(
        visit,
        detail["rule"],
        version=detail["book_version"],
        is_enabled=detail["is_enabled"],
        versions=detail["versions"],
    )


async def _editor(visit: Visit, rule: Mapping[str, Any], *, version: int, **values: Any) -> Response:
    known, stream = await asyncio.gather(visit.counted(f"{_API}/properties"), visit.get_if("events:read-stream", _BOOK))
    rows = rows_of(rule["when"])
    today = datetime.now(UTC).date()
    return visit.show(
        "claim_rules/rule.html",
        rule=rule,
        version=version,
        is_enabled=values.get("is_enabled", False),
        versions=values.get("versions", []),
        history=list(_history(stream, rule["rule_id"])),
        joined="any" if "any" in rule["when"] else "all",
        rows=_filled(rows or [], _ROWS, {"where": "", "not": "", "property": "", "operator": "", "value": ""}),
        steps=_filled(rule["steps"], _STEPS, {"property": "", "operation": "", "value": ""}),
        json_text="" if rows is not None else json.dumps(rule["when"], indent=1),
        properties=known,
        operators=list(dict.fromkeys(name for each in known for name in each["operators"])),
        tried_from=str(today - timedelta(days=90)),
        tried_to=str(today),
    )


def _filled(rows: list[Any], least: int, blank: Mapping[str, str]) -> list[Any]:
    return [*rows, *([blank] * max(1, least - len(rows)))]


def _history(stream: Mapping[str, Any] | None, rule_id: str) -> Iterator[Mapping[str, Any]]:
    """What was done to the rule, by whom and when, the newest first."""
    for event in reversed((stream or {}).get("events", ())):
        data = event["data"]
        if rule_id == data.get("rule_id", data.get("rule", {}).get("rule_id")):
            what = event["type"].split(".")[1].removeprefix("ClaimRule").lower()
            version = data.get("version", data.get("rule", {}).get("version"))
            why = data.get("reason", "")
            yield {"what": what, "version": version, "who": event["actor"], "at": event["recordedat"], "why": why}


# --- the form -----------------------------------------------------------------------------------------------------------


def rows_of(when: Mapping[str, Any]) -> list[dict[str, str]] | None:
    """The rows that say this condition; None when it takes more than rows."""
    parts = when.get("all", when.get("any"))
    if len(when) != 1 or not isinstance(parts, list):
        parts = [when]
    rows = [_row_of(part) for part in parts]
    return [row for row in rows if row is not None] if None not in rows else None


def _row_of(part: Mapping[str, Any]) -> dict[str, str] | None:
    row = {"where": "", "not": ""}
    if "not" in part:
        row["not"], part = "not", part["not"]
    for where in _LINES:
        if where in part:
            row["where"], part = where, part[where]
            break
    if "property" not in part or part.keys() - {"property", "operator", "value"}:
        return None
    value = part.get("value", "")
    if isinstance(value, list):
        if any("," in str(each) for each in value):
            return None
        value = ", ".join(str(each) for each in value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {**row, "property": part["property"], "operator": part["operator"], "value": text}


async def _body(visit: Visit) -> dict[str, Any]:
    """What the form says, as the API takes it. What is wrong with it the API says."""
    form = visit.form
    known = {each["name"]: each for each in await visit.counted(f"{_API}/properties")}
    body: dict[str, Any] = {name: form.get(name, "") for name in _PLAIN if name != "rule_id"}
    body["order"] = _whole(form.get("order", ""))
    body["from_on"], body["to_on"] = form.get("from_on") or None, form.get("to_on") or None
    body["when"] = _when(form, known)
    steps = (
        {name: form.get(f"step_{name}_{at}", "") for name in ("property", "operation", "value")}
        for at in _numbers(form, "step_property_")
    )
    body["steps"] = [step for step in steps if step["property"]]
    return body


def _when(form: Mapping[str, str], known: Mapping[str, Any]) -> Any:
    if text := form.get("when_json", ""):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return {"not JSON": text[:40]}  # refused by the service, with its place
    tests = [_test(form, at, known) for at in _numbers(form, "property_") if form.get(f"property_{at}")]
    return {"any" if form.get("joined") == "any" else "all": tests}


def _numbers(form: Mapping[str, str], prefix: str) -> list[int]:
    found = (name.removeprefix(prefix) for name in form if name.startswith(prefix))
    return sorted(int(number) for number in found if number.isdigit() and len(number) < 4)


def _test(form: Mapping[str, str], at: int, known: Mapping[str, Any]) -> dict[str, Any]:
    name, operator = form.get(f"property_{at}", ""), form.get(f"operator_{at}", "")
    described = known.get(name, {"kind": "text", "operators": {}})
    takes = described["operators"].get(operator, "one")
    test: dict[str, Any] = {"property": name, "operator": operator}
    text = form.get(f"value_{at}", "")
    if takes in ("list", "pair", "prefixes"):
        test["value"] = [_value(each.strip(), described["kind"]) for each in text.split(",") if each.strip()]
    elif takes == "one":
        test["value"] = _value(text, described["kind"])
    elif text:
        test["value"] = text
    where = form.get(f"where_{at}", "")
    asked = {where: test} if where in _LINES else test
    return {"not": asked} if form.get(f"not_{at}") == "not" else asked


def _value(text: str, kind: str) -> Any:
    if kind == "flag":
        return {"true": True, "false": False}.get(text.lower(), text)
    return _whole(text) if kind in ("number", "cents") else text


def _whole(text: str) -> int | str:
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and digits.isascii() and len(digits) < 16 else text


# --- the work -----------------------------------------------------------------------------------------------------------


async def write(visit: Visit) -> Response:
    rule_id = visit.form.get("rule_id", "")
    return await _worked(visit, rule_id, "", await _body(visit))


async def enable(visit: Visit) -> Response:
    return await _worked(visit, visit.path("rule_id"), "/enable", None)


async def disable(visit: Visit) -> Response:
    return await _worked(visit, visit.path("rule_id"), "/disable", {"reason": visit.form.get("reason", "")})


async def _worked(visit: Visit, rule_id: str, deed: str, body: Any) -> Response:
    """A command on the book. Who comes second is told who was first, and keeps what was typed."""
    done = await do_or_tell(visit, f"{_API}/{_in_path(rule_id)}{deed}", body, stream=_BOOK)
    if isinstance(done, Response):
        return done
    return Response(headers={"HX-Redirect": f"/claim-rules/{_in_path(rule_id)}"})


def _in_path(rule_id: str) -> str:
    """What is no id is left for the service to refuse, without going anywhere else."""
    return (
        "".join(letter if letter.isascii() and (letter.isalnum() or letter == "-") else "_" for letter in rule_id)
        or "_"
    )


async def try_it(visit: Visit) -> Response:
    """What the rule in the form would have done to claims of a range of days, without being saved."""
    draft = {**await _body(visit), "rule_id": visit.form.get("rule_id", "") or "own-draft"}
    asked = {
        "rules": [draft],
        "from_on": visit.form.get("tried_from", ""),
        "to_on": visit.form.get("tried_to", ""),
        "claims_max": 1000,
    }
    found = await visit.services.find("/api/claims/what-if/claim-rules", asked)
    return visit.show("claim_rules/_tried.html", found=found)


PAGES = (
    Page(path="/claim-rules", action="claims:read-rules", handler=book),
    Page(path="/claim-rules/new", action="claims:read-rules", handler=new),
    Page(path="/claim-rules/write", action="claims:write-rules", handler=write, method="POST"),
    Page(path="/claim-rules/try", action="claims:try-rules", handler=try_it, method="POST"),
    Page(path="/claim-rules/{rule_id}", action="claims:read-rules", handler=one),
    Page(path="/claim-rules/{rule_id}/enable", action="claims:write-rules", handler=enable, method="POST"),
    Page(path="/claim-rules/{rule_id}/disable", action="claims:write-rules", handler=disable, method="POST"),
)
