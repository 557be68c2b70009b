"""What can be asked of the book of a customer's own rules?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from msgspec import structs

from shared.events.claim_rules import ClaimRule, RuleStep


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRule:
    """Propose a rule, or let one that is there say something else."""

    rule_id: str
    name: str
    order: int
    scope: Literal["claim", "line"] = "claim"
    when: Mapping[str, Any]
    action: Literal["hold", "warn", "tag", "repair", "edit"]
    message: str = ""
    fix: str = ""
    tag: str = ""
    steps: tuple[RuleStep, ...] = ()
    effective_by: Literal["service", "check"] = "service"
    from_on: date | None = None
    to_on: date | None = None
    by: str


def written(rule: ClaimRule, *, action: Literal["hold", "warn"], by: str) -> WriteRule:
    """The rule as it stands, to speak from now on as this."""
    said: dict[str, Any] = {field.name: getattr(rule, field.name) for field in structs.fields(rule)}
    changes: dict[str, Any] = {"when": json.loads(rule.when), "action": action, "by": by}
    return WriteRule(**{name: value for name, value in said.items() if name != "version"} | changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableRule:
    rule_id: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableRule:
    rule_id: str
    reason: str
    by: str


RuleBookCommand: TypeAlias = WriteRule | EnableRule | DisableRule
