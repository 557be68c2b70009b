"""What can be asked of the book of a customer's own rules?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from shared.events.claim_rules import RuleStep


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
