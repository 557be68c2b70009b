"""Is a rule that was learned from denials still right? A person takes it in with a floor; what becomes of the claims on which it speaks is
counted, and below the floor it holds nothing any more.

Right: the claim was denied for the rule's reason all the same (it only warned), or a person mended what it held. Wrong: the claim was sent
as it was and answered without that reason, as in the back-test, or a person says that it was held wrongly. A claim counts once, by what is said of it last, and a fall is final until a person
takes the rule in anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, assert_never

from services.claims.domain.errors import LearnedRuleUnknown
from shared.events.claim_rules import BackTest, ClaimRuleLearned, LearnedRuleEvent, LearnedRuleFell, LearnedRuleProved
from shared.kernel.decider import Decider

CASES_MIN = 10  # before so many claims nothing is concluded


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInRule:
    """A person takes a proposal in, with what it did in its back-test."""

    rule_id: str
    rule_hash: str
    payer_id: str
    reason: str
    action: Literal["hold", "warn"]
    floor_percent: int
    back_test: BackTest
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeeOutcome:
    rule_id: str
    claim_id: str
    is_right: bool
    how: Literal["mended", "said"]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeeAnswer:
    """The payer's answer to a claim that was sent although the rule spoke."""

    rule_id: str
    claim_id: str
    denied_cents: int
    paid_cents: int
    reasons: frozenset[str]  # CARCs of its adjustments


LearnedRuleCommand: TypeAlias = TakeInRule | SeeOutcome | SeeAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedRule:
    learned: ClaimRuleLearned | None = None
    outcomes: Mapping[str, bool] = field(default_factory=dict)  # by claim: whether the rule was right
    has_fallen: bool = False

    @property
    def cases(self) -> int:
        return len(self.outcomes)

    @property
    def right(self) -> int:
        return sum(self.outcomes.values())

    @property
    def precision_percent(self) -> int | None:
        return 100 * self.right // self.cases if self.cases else None


def decide(command: LearnedRuleCommand, rule: LearnedRule) -> Sequence[LearnedRuleEvent]:
    match command:
        case TakeInRule():
            return _take_in(command, rule)
        case SeeOutcome() | SeeAnswer():
            return _see(command, rule)
        case _:
            assert_never(command)


def _take_in(command: TakeInRule, rule: LearnedRule) -> list[LearnedRuleEvent]:
    learned = ClaimRuleLearned(
        rule_id=command.rule_id,
        rule_hash=command.rule_hash,
        payer_id=command.payer_id,
        reason=command.reason,
        action=command.action,
        floor_percent=command.floor_percent,
        back_test=command.back_test,
        by=command.by,
    )
    return [] if learned == rule.learned and not rule.has_fallen else [learned]


def _see(command: SeeOutcome | SeeAnswer, rule: LearnedRule) -> list[LearnedRuleEvent]:
    learned = rule.learned
    if learned is None:
        if isinstance(command, SeeOutcome) and command.how == "said":
            raise LearnedRuleUnknown("there is no such learned rule", rule=command.rule_id)
        return []  # a rule that a person wrote
    proved = _answered(command, learned) if isinstance(command, SeeAnswer) else _said(command)
    if rule.outcomes.get(command.claim_id) == proved.is_right:
        return []
    after = evolve(rule, proved)
    if rule.has_fallen or not _is_below(after, learned.floor_percent):
        return [proved]
    fell = LearnedRuleFell(
        rule_id=command.rule_id, right=after.right, cases=after.cases, floor_percent=learned.floor_percent
    )
    return [proved, fell]


def _answered(command: SeeAnswer, learned: ClaimRuleLearned) -> LearnedRuleProved:
    is_denied = command.denied_cents > 0
    is_right = is_denied and learned.reason in command.reasons
    return LearnedRuleProved(
        rule_id=command.rule_id,
        claim_id=command.claim_id,
        is_right=is_right,
        how="denied" if is_right else "denied-otherwise" if is_denied else "paid",
        cents=command.denied_cents if is_denied else command.paid_cents,
    )


def _said(command: SeeOutcome) -> LearnedRuleProved:
    return LearnedRuleProved(
        rule_id=command.rule_id,
        claim_id=command.claim_id,
        is_right=command.is_right,
        how=command.how,
        by=command.by,
    )


def _is_below(rule: LearnedRule, floor_percent: int) -> bool:
    return rule.cases >= CASES_MIN and 100 * rule.right < floor_percent * rule.cases


def evolve(rule: LearnedRule, event: LearnedRuleEvent) -> LearnedRule:
    match event:
        case ClaimRuleLearned():
            return LearnedRule(learned=event)
        case LearnedRuleProved():
            return replace(rule, outcomes={**rule.outcomes, event.claim_id: event.is_right})
        case LearnedRuleFell():
            return replace(rule, has_fallen=True)
        case _:
            assert_never(event)


learned_rule: Decider[LearnedRuleCommand, LearnedRuleEvent, LearnedRule] = Decider(
    decide=decide, evolve=evolve, initial=LearnedRule()
)
