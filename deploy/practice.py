"""Who is the practice: its organisations, providers, places, payers, partners and prices?

A practice file is YAML (docs/how-to/set-up-a-practice.md). It is read whole, every mistake is named with its line and rule, and only a
file without mistakes is sent, item by item, to the services that own the facts. Sending it again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import yaml

from shared.kernel.identifiers import is_npi
from shared.kernel.money import parse_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    line: int
    place: str
    rule: str

    def as_json(self) -> dict[str, str | int]:
        return {"line": self.line, "place": self.place, "rule": self.rule}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One fact for one service. The key follows from the content, so the same file sent twice has one effect."""

    path: str
    body: Mapping[str, Any]

    @property
    def idempotency_key(self) -> str:
        return hashlib.sha256(json.dumps([self.path, self.body], sort_keys=True).encode()).hexdigest()[:40]


class NotAPractice(Exception):
    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = findings


class _Node(dict[str, Any]):
    """A mapping that remembers the line it begins on and those of its keys."""

    line: int = 0
    lines: dict[str, int]


class _Loader(yaml.SafeLoader):
    pass


def _mapping(loader: _Loader, node: yaml.MappingNode) -> _Node:
    made = _Node({str(key): value for key, value in loader.construct_mapping(node, deep=True).items()})
    made.line = node.start_mark.line + 1
    made.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    return made


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)

# Numbers, dates and booleans stay text: an NPI is not a number, and money never meets a float.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

Rule: TypeAlias = Callable[[Any], str | None]


def _matches(pattern: str, rule: str) -> Rule:
    compiled = re.compile(pattern)
    return lambda value: None if isinstance(value, str) and compiled.fullmatch(value) else rule


def _npi(value: Any) -> str | None:
    return None if isinstance(value, str) and is_npi(value) else "an NPI has ten digits and a valid check digit"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and 0 < len(value) <= 120 else "text of 1 to 120 characters"


def _texts(value: Any) -> str | None:
    return None if isinstance(value, list) and all(_text(item) is None for item in value) else "a list of texts"


def _date(value: Any) -> str | None:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return "a date such as 2026-01-31"
    return None


def _amount(value: Any) -> str | None:
    try:
        return None if parse_cents(value) >= 0 else "not negative"
    except (TypeError, ValueError) as problem:
        return str(problem) or "an amount such as 125.00"


_ID = _matches(r"[a-z0-9][a-z0-9._-]{0,39}", "an id of 1 to 40 of a-z 0-9 . _ -")
_DAYS = _matches(r"[1-9][0-9]{0,3}", "a number of days")
_ADDRESS: Mapping[str, tuple[bool, Rule]] = {
    "line_1": (True, _text),
    "line_2": (False, _text),
    "city": (True, _text),
    "state": (True, _matches(r"[A-Z]{2}", "two letters")),
    "postal_code": (True, _matches(r"[0-9]{5}([0-9]{4})?", "5 or 9 digits")),
}


def _address(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "an address has line_1, city, state, postal_code"
    return next((f"{item.place}: {item.rule}" for item in _check_fields("address", _as_node(value), _ADDRESS)), None)


_FILING_LIMIT: Mapping[str, tuple[bool, Rule]] = {
    "kind": (True, _matches(r"original|corrected|secondary", "original, corrected or secondary")),
    "days": (False, _DAYS),
    "months": (False, _matches(r"[1-9][0-9]?|1[01][0-9]|120", "a number of months, 120 at most")),
    "counts_from": (
        False,
        _matches(r"service-begin|service-end|primary-answer", "service-begin, service-end or primary-answer"),
    ),
    "moves_to_workday": (False, _matches(r"true|false", "true or false")),
}


def _filing_limits(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(limit, dict) for limit in value):
        return "a list of filing limits, each with kind and days or months"
    for number, limit in enumerate(value):
        for item in _check_fields(f"[{number}]", _as_node(limit), _FILING_LIMIT):
            return f"{item.place}: {item.rule}"
        if ("days" in limit) == ("months" in limit):
            return f"[{number}]: a filing limit has days or months, one of both"
    return None


_APPEAL_LEVEL: Mapping[str, tuple[bool, Rule]] = {
    "name": (True, _matches(r"[a-z0-9]+(-[a-z0-9]+)*", "a word such as first-appeal")),
    "days": (True, _DAYS),
    "counts": (False, _matches(r"calendar-days|business-days", "calendar-days or business-days")),
    "counts_from": (False, _matches(r"notice|receipt", "notice or receipt")),
    "receipt_days": (False, _matches(r"[0-9]|[12][0-9]|30", "0 to 30 days")),
    "moves_to_workday": (False, _matches(r"true|false", "true or false")),
    "sent_by": (False, _texts),
    "address": (False, _address),
}


def _appeal_levels(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > 5 or not all(isinstance(level, dict) for level in value):
        return "a list of at most five appeal levels, each with name and days"
    for number, level in enumerate(value):
        for item in _check_fields(f"[{number}]", _as_node(level), _APPEAL_LEVEL):
            return f"{item.place}: {item.rule}"
        if not set(level.get("sent_by", ())) <= {"mail", "fax", "portal"}:
            return f"[{number}].sent_by: of mail, fax and portal"
    return None


def _as_node(value: dict[str, Any]) -> _Node:
    return value if isinstance(value, _Node) else _Node(value)


# section -> field -> (is required, rule). The lists a practice file may have, in the order in which they are sent.
SECTIONS: Mapping[str, Mapping[str, tuple[bool, Rule]]] = {
    "organizations": {
        "id": (True, _ID),
        "name": (True, _text),
        "npi": (True, _npi),
        "tax_id": (True, _matches(r"[0-9]{9}", "nine digits")),
        "taxonomy": (True, _matches(r"[0-9A-Z]{9}X", "a NUCC taxonomy code")),
        "address": (True, _address),
        "phone": (True, _matches(r"[0-9]{10}", "ten digits")),
        "contact": (False, _text),
        "aliases": (False, _texts),
    },
    "providers": {
        "id": (True, _ID),
        "npi": (True, _npi),
        "last": (True, _text),
        "first": (True, _text),
        "taxonomy": (True, _matches(r"[0-9A-Z]{9}X", "a NUCC taxonomy code")),
        "organization": (True, _ID),
        "aliases": (False, _texts),
    },
    "facilities": {
        "id": (True, _ID),
        "name": (True, _text),
        "place_of_service": (True, _matches(r"[0-9]{2}", "two digits")),
        "npi": (False, _npi),
        "address": (True, _address),
        "organization": (True, _ID),
        "aliases": (False, _texts),
    },
    "partners": {
        "id": (True, _ID),
        "name": (True, _text),
        "transport": (True, _matches(r"sftp|folder|http|paper", "sftp, folder, http or paper")),
        "sender_id": (True, _matches(r"[A-Z0-9]{2,15}", "2 to 15 of A-Z 0-9")),
        "receiver_id": (True, _matches(r"[A-Z0-9]{2,15}", "2 to 15 of A-Z 0-9")),
        "usage": (False, _matches(r"[PT]", "P (production) or T (test)")),
        "claims_per_batch_max": (False, _matches(r"[1-9][0-9]{0,3}", "1 to 9999")),
    },
    "payers": {
        "id": (True, _ID),
        "name": (True, _text),
        "electronic_id": (True, _matches(r"[A-Z0-9]{2,20}", "2 to 20 of A-Z 0-9")),
        "filing_indicator": (False, _matches(r"[0-9A-Z]{2}", "two characters of SBR09")),
        "partner": (False, _ID),
        "timely_filing_days": (False, _DAYS),
        "answer_days": (False, _DAYS),
        "filing_limits": (False, _filing_limits),
        "appeal_levels": (False, _appeal_levels),
        "aliases": (False, _texts),
    },
    "price_lists": {"id": (True, _ID), "effective_on": (True, _date), "prices": (True, lambda value: None)},
}
_PRICE: Mapping[str, tuple[bool, Rule]] = {
    "code": (True, _matches(r"[A-Z0-9._-]{1,20}", "a charge or procedure code")),
    "amount": (True, _amount),
    "procedure_code": (False, _matches(r"[A-Z0-9]{5}", "five characters")),
    "modifiers": (False, _texts),
    "revenue_code": (False, _matches(r"[0-9]{4}", "four digits")),
}


def _check_fields(place: str, item: _Node, fields: Mapping[str, tuple[bool, Rule]]) -> Iterator[Finding]:
    lines = getattr(item, "lines", {})
    for name in item:
        if name not in fields:
            yield Finding(line=lines.get(name, item.line), place=f"{place}.{name}", rule="not a field of this section")
    for name, (is_required, rule) in fields.items():
        if name not in item:
            if is_required:
                yield Finding(line=item.line, place=f"{place}.{name}", rule="required")
        elif problem := rule(item[name]):
            yield Finding(line=lines.get(name, item.line), place=f"{place}.{name}", rule=problem)


def _check_section(section: str, found: Any, line: int) -> Iterator[Finding]:
    items: list[Any] = found if isinstance(found, list) else [None]
    if not all(isinstance(item, _Node) for item in items):
        yield Finding(line=line, place=section, rule="a list of items")
        return
    seen: set[str] = set()
    for index, item in enumerate(items):
        place = f"{section}[{index}]"
        yield from _check_fields(place, item, SECTIONS[section])
        if (name := str(item.get("id"))) in seen:
            yield Finding(line=item.line, place=f"{place}.id", rule="the same id twice")
        seen.add(name)
        prices: list[Any] = item.get("prices", []) if section == "price_lists" else []
        for number, price in enumerate(prices):
            if isinstance(price, _Node):
                yield from _check_fields(f"{place}.prices[{number}]", price, _PRICE)
            else:
                yield Finding(line=item.line, place=f"{place}.prices[{number}]", rule="a price has code and amount")


_REFERENCES = (
    ("providers", "organization", "organizations"),
    ("facilities", "organization", "organizations"),
    ("payers", "partner", "partners"),
)


def _check_references(file: _Node) -> Iterator[Finding]:
    for section, field, target in _REFERENCES:
        known = {item.get("id") for item in file.get(target, ())}
        for index, item in enumerate(file.get(section, ())):
            if field in item and item[field] not in known:
                yield Finding(
                    line=item.lines.get(field, item.line),
                    place=f"{section}[{index}].{field}",
                    rule=f"names one of the {target} of this file",
                )


def read_practice(text: str) -> list[Request]:
    """The requests that set a practice up, in the order in which they are to be sent.

    Raises NotAPractice with every finding (line, place, rule) when anything is wrong; then nothing is to be sent.
    """
    try:
        file = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NotAPractice([Finding(line=line, place="file", rule=f"YAML: {error.problem}")]) from None
    if not isinstance(file, _Node):
        raise NotAPractice([Finding(line=1, place="file", rule=f"a mapping with {', '.join(SECTIONS)}")])
    findings = [
        Finding(line=file.lines[name], place=name, rule="not a section") for name in file if name not in SECTIONS
    ]
    for section in SECTIONS:
        if section in file:
            findings += _check_section(section, file[section], file.lines[section])
    if not findings:
        findings += _check_references(file)
    if findings:
        raise NotAPractice(sorted(findings, key=lambda finding: finding.line))
    return [_REQUESTS[section](item) for section in SECTIONS for item in file.get(section, ())]


def _kept(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: item[name] for name in names if name in item}


def _organization(item: _Node) -> Request:
    body = _kept(item, "name", "npi", "tax_id", "taxonomy", "address", "phone", "contact", "aliases")
    return Request(path=f"/api/charges/organizations/{item['id']}", body=body)


def _provider(item: _Node) -> Request:
    body = _kept(item, "npi", "last", "first", "taxonomy", "aliases")
    return Request(path=f"/api/charges/providers/{item['id']}", body=body | {"organization_id": item["organization"]})


def _facility(item: _Node) -> Request:
    body = _kept(item, "name", "place_of_service", "npi", "address", "aliases")
    return Request(path=f"/api/charges/facilities/{item['id']}", body=body | {"organization_id": item["organization"]})


def _partner(item: _Node) -> Request:
    body = _kept(item, "name", "transport", "sender_id", "receiver_id", "usage")
    if "claims_per_batch_max" in item:
        body["claims_per_batch_max"] = int(item["claims_per_batch_max"])
    return Request(path=f"/api/claims/partners/{item['id']}", body=body)


def _payer(item: _Node) -> Request:
    body = _kept(item, "name", "electronic_id", "filing_indicator", "aliases")
    body["partner_id"] = item.get("partner", "")
    body |= _numbers(item, "timely_filing_days", "answer_days")
    body["filing_limits"] = [
        _kept(limit, "kind", "counts_from")
        | _numbers(limit, "days", "months")
        | {"moves_to_workday": limit.get("moves_to_workday") == "true"}
        for limit in item.get("filing_limits", ())
    ]
    body["appeal_levels"] = [
        _kept(level, "name", "counts", "counts_from", "sent_by", "address")
        | _numbers(level, "days", "receipt_days")
        | {"moves_to_workday": level.get("moves_to_workday") == "true"}
        for level in item.get("appeal_levels", ())
    ]
    return Request(path=f"/api/eligibility/payers/{item['id']}", body=body)


def _numbers(item: Mapping[str, Any], *names: str) -> dict[str, int]:
    return {name: int(item[name]) for name in names if name in item}


def _price_list(item: _Node) -> Request:
    prices = [
        _kept(price, "code", "procedure_code", "modifiers", "revenue_code")
        | {"amount_cents": parse_cents(price["amount"])}
        for price in item["prices"]
    ]
    return Request(
        path=f"/api/charges/price-lists/{item['id']}", body={"effective_on": item["effective_on"], "prices": prices}
    )


_REQUESTS: Mapping[str, Callable[[_Node], Request]] = {
    "organizations": _organization,
    "providers": _provider,
    "facilities": _facility,
    "partners": _partner,
    "payers": _payer,
    "price_lists": _price_list,
}
