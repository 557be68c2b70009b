"""Which denials go up to whom when nobody works on them? One list a practice, kept whole; without one they go up to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.claims.domain.denial.categories import CATEGORIES
from services.claims.domain.errors import EscalationRulesMalformed
from shared.events.denials import EscalationRule, EscalationRulesKept
from shared.kernel.decider import Decider

KEY = "denials"
_CATEGORIES = frozenset(category.name for category in CATEGORIES)
NONE = EscalationRulesKept(version=0, rules=(), by="")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepEscalationRules:
    """The rules as they shall stand from now on, the first that fits first."""

    rules: tuple[EscalationRule, ...]
    by: str


def decide(command: KeepEscalationRules, latest: EscalationRulesKept) -> Sequence[EscalationRulesKept]:
    names = [rule.rule_id for rule in command.rules]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise EscalationRulesMalformed(f"two rules have one name: {', '.join(twice)}")
    if unknown := sorted({rule.category for rule in command.rules if rule.category} - _CATEGORIES):
        raise EscalationRulesMalformed(f"no such category of denials: {', '.join(unknown)}")
    if command.rules == latest.rules:
        return []
    return [EscalationRulesKept(version=latest.version + 1, rules=command.rules, by=command.by)]


def evolve(_latest: EscalationRulesKept, event: EscalationRulesKept) -> EscalationRulesKept:
    return event


escalation_rules: Decider[KeepEscalationRules, EscalationRulesKept, EscalationRulesKept] = Decider(
    decide=decide, evolve=evolve, initial=NONE
)
