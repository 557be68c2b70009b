"""What can happen to a customer's own rules about claims, and what a rule did to one. Stream: `rule-book/claims`."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event


class RuleUsed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    rule_id: str
    version: int


class RuleChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer's rule changed on a claim. Codes of one field stand with a space between them."""

    rule_id: str
    rule_version: int
    place: str
    before: str
    after: str


class RuleStep(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a rule does to a property of a claim."""

    property: str
    operation: Literal["upper-case", "trim", "letters-and-digits", "set", "add", "remove"]
    value: str = ""


class ClaimRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a customer's own rule about claims. Its words are about claims, never about a person."""

    rule_id: str
    version: int
    name: str
    order: int  # rules run by order, then by id
    scope: Literal["claim", "line"] = "claim"  # line: for each line by itself
    when: str  # the condition, as canonical JSON: docs/how-to/write-claim-rules.md
    action: Literal["hold", "warn", "tag", "repair", "edit"]
    message: str = ""
    fix: str = ""
    tag: str = ""
    steps: tuple[RuleStep, ...] = ()  # of repair and edit
    effective_by: Literal["service", "check"] = "service"  # the day that the dates are about
    from_on: date | None = None
    to_on: date | None = None


class ClaimRuleProposed(Event, frozen=True, kw_only=True):
    """A new rule is in the book. It touches no claim before somebody enables it."""

    rule: ClaimRule
    by: str


class ClaimRuleChanged(Event, frozen=True, kw_only=True):
    """The rule says something else from now on; claims that were checked keep their results."""

    rule: ClaimRule
    by: str


class ClaimRuleEnabled(Event, frozen=True, kw_only=True):
    rule_id: str
    version: int
    by: str


class ClaimRuleDisabled(Event, frozen=True, kw_only=True):
    rule_id: str
    version: int
    reason: str
    by: str


class BackTest(Struct, frozen=True, kw_only=True):
    """What a learned rule would have done to claims that were answered after its training."""

    from_on: date  # claims made from then on were looked at
    cut_off_on: date  # training ends before it
    until: str  # the position of the log up to which answers were seen
    caught: int
    wrongly_held: int
    missed: int
    caught_cents: int
    wrongly_held_cents: int


class ClaimRuleLearned(Event, frozen=True, kw_only=True):
    """A rule that past denials proposed was taken into the book by a person. Stream: `learned-rule/{rule_id}`."""

    rule_id: str
    rule_hash: str  # of the rule as it was proposed
    payer_id: str
    reason: str  # CARC
    action: Literal["hold", "warn"]
    floor_percent: int  # below this live precision it only warns
    back_test: BackTest
    by: str


class LearnedRuleProved(Event, frozen=True, kw_only=True):
    """What became of a claim on which the rule spoke."""

    rule_id: str
    claim_id: str
    is_right: bool
    how: Literal["denied", "denied-otherwise", "mended", "paid", "said"]  # said: a person says that it was held wrongly
    cents: int = 0
    by: str = ""


class LearnedRuleFell(Event, frozen=True, kw_only=True):
    """Its live precision is below the floor: it warns from now on, and holds nothing."""

    rule_id: str
    right: int
    cases: int
    floor_percent: int


LearnedRuleEvent: TypeAlias = ClaimRuleLearned | LearnedRuleProved | LearnedRuleFell
RuleBookEvent: TypeAlias = ClaimRuleProposed | ClaimRuleChanged | ClaimRuleEnabled | ClaimRuleDisabled
