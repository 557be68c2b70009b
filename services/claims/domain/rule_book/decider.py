"""Which rules of its own may a customer put in force?

A rule that is not understood is never in the book. A new rule touches no claim before somebody enables it; a change of an enabled rule
holds from then on. A rule is never removed: it is disabled, and its versions stay for the claims that they were used on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from services.claims.domain.errors import RuleMalformed, RuleUnknown, TooManyRules
from services.claims.domain.rule_book.changing import problems_of
from services.claims.domain.rule_book.commands import DisableRule, EnableRule, RuleBookCommand, WriteRule
from services.claims.domain.rule_book.conditions import DEPTH_MAX, NotACondition, Problem, canonical, condition_of
from services.claims.domain.rule_book.state import RuleBook, evolve
from shared.events.claim_rules import (
    ClaimRule,
    ClaimRuleChanged,
    ClaimRuleDisabled,
    ClaimRuleEnabled,
    ClaimRuleProposed,
    RuleBookEvent,
)
from shared.kernel.decider import Decider

BOOK = "claims"  # the key of the one book of a tenant
RULES_MAX = 300
ORDER_MAX = 9_999
CONDITION_CHARACTERS_MAX = 16_000
_RULE_ID = re.compile(r"own-[a-z0-9]+(-[a-z0-9]+)*")
_TAG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_WORDS = re.compile(r"[^\x00-\x1f\x7f]+")


def decide(command: RuleBookCommand, book: RuleBook) -> list[RuleBookEvent]:
    match command:
        case WriteRule():
            return _write(command, book)
        case EnableRule():
            rule = _known(command.rule_id, book)
            if command.rule_id in book.enabled:
                return []
            return [ClaimRuleEnabled(rule_id=rule.rule_id, version=rule.version, by=command.by)]
        case DisableRule():
            rule = _known(command.rule_id, book)
            if command.rule_id not in book.enabled:
                return []
            return [ClaimRuleDisabled(rule_id=rule.rule_id, version=rule.version, reason=command.reason, by=command.by)]
        case _:
            assert_never(command)


def _known(rule_id: str, book: RuleBook) -> ClaimRule:
    rule = book.rule(rule_id)
    if rule is None:
        raise RuleUnknown("there is no such rule", rule=rule_id[:60])
    return rule


def _write(command: WriteRule, book: RuleBook) -> list[RuleBookEvent]:
    before = book.rule(command.rule_id)
    rule = drafted(command, version=before.version + 1 if before else 1)
    if before is None:
        if len(book.versions) >= RULES_MAX:
            raise TooManyRules("the book is full: change a rule that is disabled", rules_max=RULES_MAX)
        return [ClaimRuleProposed(rule=rule, by=command.by)]
    if drafted(command, version=before.version) == before:
        return []
    return [ClaimRuleChanged(rule=rule, by=command.by)]


def drafted(command: WriteRule, *, version: int) -> ClaimRule:
    """The rule that is asked for. Raises RuleMalformed, which names every place that is wrong."""
    try:
        when = canonical(command.when)
    except RecursionError:
        raise RuleMalformed(
            "when: too many levels", place="when", found="", rule=f"at most {DEPTH_MAX} levels"
        ) from None
    rule = ClaimRule(
        rule_id=command.rule_id,
        version=version,
        name=command.name.strip(),
        order=command.order,
        scope=command.scope,
        when=when,
        action=command.action,
        message=command.message.strip(),
        fix=command.fix.strip(),
        tag=command.tag,
        steps=command.steps,
        effective_by=command.effective_by,
        from_on=command.from_on,
        to_on=command.to_on,
    )
    problems = list(_problems(rule))
    if problems:
        told = "; ".join(f"{each.place}: found {each.found!r}, rule: {each.rule}" for each in problems[:5])
        first = problems[0]
        raise RuleMalformed(told, place=first.place, found=first.found, rule=first.rule, problems=len(problems))
    return rule


def _problems(rule: ClaimRule) -> Iterator[Problem]:
    if not _RULE_ID.fullmatch(rule.rule_id) or len(rule.rule_id) > 60:
        yield _problem(
            "rule_id", rule.rule_id, "own- and words of lower case letters and digits, at most 60 characters"
        )
    if not 1 <= rule.order <= ORDER_MAX:
        yield _problem("order", str(rule.order), f"1 to {ORDER_MAX}")
    yield from _problems_of_words(rule)
    if rule.from_on and rule.to_on and rule.to_on < rule.from_on:
        yield _problem("to_on", str(rule.to_on), "not before from_on")
    if len(rule.when) > CONDITION_CHARACTERS_MAX:
        yield _problem("when", str(len(rule.when)), f"at most {CONDITION_CHARACTERS_MAX} characters")
        return
    try:
        condition_of(rule.when, is_of_line=rule.scope == "line")
    except NotACondition as refused:
        yield from refused.problems
    yield from problems_of(rule)


def _problems_of_words(rule: ClaimRule) -> Iterator[Problem]:
    if not 1 <= len(rule.name) <= 80 or not _WORDS.fullmatch(rule.name):
        yield _problem("name", rule.name, "1 to 80 characters in one line")
    speaks = rule.action in ("hold", "warn")
    for place, text in (("message", rule.message), ("fix", rule.fix)):
        if speaks and not text:
            yield _problem(place, "", "a rule that holds or warns says what is wrong and how to mend it")
        elif text and (len(text) > 200 or not _WORDS.fullmatch(text)):
            yield _problem(place, text, "at most 200 characters in one line")
    if (rule.action == "tag") != bool(rule.tag) or (rule.tag and not _TAG.fullmatch(rule.tag)) or len(rule.tag) > 40:
        yield _problem("tag", rule.tag, "a word such as check-referral, for a rule that tags and no other")


def _problem(place: str, found: str, rule: str) -> Problem:
    return Problem(place=place, found=found[:40], rule=rule)


rule_book: Decider[RuleBookCommand, RuleBookEvent, RuleBook] = Decider(decide=decide, evolve=evolve, initial=RuleBook())
