"""What does the book of a customer's own rules hold? Every version of every rule, and which are enabled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from services.claims.domain.rule_book.running import NO_RULES, RuleSet, in_order
from shared.events.claim_rules import (
    ClaimRule,
    ClaimRuleChanged,
    ClaimRuleDisabled,
    ClaimRuleEnabled,
    ClaimRuleProposed,
    RuleBookEvent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    version: int = 0  # events of the book
    versions: Mapping[str, tuple[ClaimRule, ...]] = field(default_factory=dict)  # of each rule, the last one counts
    enabled: frozenset[str] = frozenset()
    in_force: RuleSet = NO_RULES

    def rule(self, rule_id: str) -> ClaimRule | None:
        """As it stands."""
        found = self.versions.get(rule_id)
        return found[-1] if found else None


def evolve(book: RuleBook, event: RuleBookEvent) -> RuleBook:
    match event:
        case ClaimRuleProposed() | ClaimRuleChanged():
            rule = event.rule
            earlier = book.versions.get(rule.rule_id, ())
            book = replace(book, versions={**book.versions, rule.rule_id: (*earlier, rule)})
        case ClaimRuleEnabled():
            book = replace(book, enabled=book.enabled | {event.rule_id})
        case ClaimRuleDisabled():
            book = replace(book, enabled=book.enabled - {event.rule_id})
        case _:
            assert_never(event)
    version = book.version + 1
    rules = in_order(versions[-1] for rule_id, versions in book.versions.items() if rule_id in book.enabled)
    return replace(book, version=version, in_force=RuleSet(rules=rules, book_version=version))
