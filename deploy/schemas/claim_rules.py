"""What may a customer's own rule ask of a claim, and what may it do? One row a property, written from the code."""

from __future__ import annotations

from collections.abc import Iterator

from services.claims.api.rule_bodies import operations_of
from services.claims.domain.rule_book.conditions import OPERATORS, VALUE_OF_KIND
from services.claims.domain.rule_book.properties import PROPERTIES


def claim_rules_page() -> str:
    """Every kind with its operators, every property with its kind."""
    lines = [
        "# Properties of claims in rules",
        "",
        "<!-- Written by `make schemas`; changes belong into the code. -->",
        "",
    ]
    lines += ["How rules are written: [write-claim-rules.md](../how-to/write-claim-rules.md).", ""]
    lines += ["## Operators", "", *_kinds(), "", "## Properties", "", *_properties()]
    return "\n".join(lines).rstrip() + "\n"


def _kinds() -> Iterator[str]:
    yield "| kind | a value | operators |"
    yield "|---|---|---|"
    for kind, operators in OPERATORS.items():
        named = ", ".join(f"`{name}`" + _takes(fits) for name, fits in operators.items())
        yield f"| {kind} | {VALUE_OF_KIND[kind]} | {named} |"


def _takes(fits: str) -> str:
    return {"list": " (a list)", "pair": " (two)", "prefixes": " (one or a list)", "nothing": " (no value)"}.get(
        fits, ""
    )


def _properties() -> Iterator[str]:
    yield "| property | kind | a rule may | |"
    yield "|---|---|---|---|"
    for known in PROPERTIES.values():
        may = ", ".join(f"`{name}`" for name in operations_of(known))
        yield f"| `{known.name}` | {known.kind} | {may} | {known.meaning} |"
