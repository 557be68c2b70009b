"""What do a customer's own rules say about a claim on a day?

Pure: the rules come with the command, as the rule book held them, so that a result can be computed again from what is stored. Repairs
run first, so that every other rule sees the claim in good form; then the rules by their order. A rule that cannot be read (a property
that is no longer there) is a warning on the claim and does nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256

import msgspec

from services.claims.domain.rule_book.changing import changed
from services.claims.domain.rule_book.conditions import (
    Condition,
    NotACondition,
    condition_of,
    holds,
    lines_of,
    settled,
)
from services.claims.domain.rule_book.properties import Subject
from shared.events.claim_rules import ClaimRule, RuleChange, RuleUsed
from shared.events.claims import ClaimCreated
from shared.events.values import Finding

UNREADABLE = "rule-unreadable"
_FINDINGS_MAX = 50  # of one rule on one claim


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The enabled rules of a book, in the order in which they run."""

    rules: tuple[ClaimRule, ...] = ()
    book_version: int = 0  # of the rule book's stream


NO_RULES = RuleSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the rules found and did; `repaired` and `edited` are the claim after either."""

    used: tuple[RuleUsed, ...]
    rule_set: str
    repairs: tuple[RuleChange, ...]
    repaired: ClaimCreated
    edits: tuple[RuleChange, ...]
    edited: ClaimCreated
    findings: tuple[Finding, ...]
    tags: tuple[str, ...]


def run(rules: RuleSet, claim: ClaimCreated, on: date) -> Result:
    """Everything that the rules which hold for this claim on this day find and do. Raises nothing, for any claim."""
    mine = effective(rules.rules, claim, on)
    repaired, repairs = _worked([rule for rule in mine if rule.action == "repair"], claim, on)
    edited, edits = repaired, tuple[RuleChange, ...]()
    findings: list[Finding] = []
    tags: list[str] = []
    for rule in mine:
        if _condition(rule) is None:
            findings.append(_unreadable(rule))
        elif rule.action == "edit":
            edited, more = _worked([rule], edited, on)
            edits += more
        elif rule.action == "tag":
            tags += [rule.tag] if rule.tag not in tags and list(_matches(rule, edited, on)) else []
        elif rule.action in ("hold", "warn"):
            findings += [_finding(rule, at) for at in list(_matches(rule, edited, on))[:_FINDINGS_MAX]]
    return Result(
        used=tuple(RuleUsed(rule_id=rule.rule_id, version=rule.version) for rule in mine),
        rule_set=hash_of(mine),
        repairs=repairs,
        repaired=repaired,
        edits=edits,
        edited=edited,
        findings=tuple(findings),
        tags=tuple(tags),
    )


def effective(rules: Iterable[ClaimRule], claim: ClaimCreated, on: date) -> tuple[ClaimRule, ...]:
    """The rules that are about this claim by their dates: of service (the first day of the claim), or of the check."""
    return tuple(
        rule for rule in rules if _covers(rule, claim.services.service_on if rule.effective_by == "service" else on)
    )


def _covers(rule: ClaimRule, day: date) -> bool:
    return (rule.from_on is None or rule.from_on <= day) and (rule.to_on is None or day <= rule.to_on)


def in_order(rules: Iterable[ClaimRule]) -> tuple[ClaimRule, ...]:
    return tuple(sorted(rules, key=lambda rule: (rule.order, rule.rule_id)))


def hash_of(rules: Iterable[ClaimRule]) -> str:
    """SHA-256 over everything that these rules say, in their order; nothing for no rules."""
    digests = [_digest(rule) for rule in rules]
    return sha256(b"".join(digests)).hexdigest() if digests else ""


@lru_cache(maxsize=4096)
def _digest(rule: ClaimRule) -> bytes:
    return sha256(msgspec.json.encode(rule, order="sorted")).digest()


def _worked(rules: Iterable[ClaimRule], claim: ClaimCreated, on: date) -> tuple[ClaimCreated, tuple[RuleChange, ...]]:
    changes: list[RuleChange] = []
    for rule in rules:
        for line in list(_matches(rule, claim, on)):
            claim, more = changed(rule, Subject(claim=claim, on=on, line=line))
            changes += more
    return claim, tuple(changes)


def _matches(rule: ClaimRule, claim: ClaimCreated, on: date) -> Iterator[int | None]:
    """Where the rule applies: nowhere, to the claim (None), or to lines (from 0)."""
    condition = _condition(rule)
    whole = Subject(claim=claim, on=on)
    if condition is None:
        return
    if rule.scope == "claim":
        if holds(condition, whole):
            yield None
        return
    condition = settled(condition, whole)
    for line in lines_of(whole):
        if holds(condition, line):
            yield line.line


def _condition(rule: ClaimRule) -> Condition | None:
    try:
        return condition_of(rule.when, is_of_line=rule.scope == "line")
    except NotACondition:
        return None


def _finding(rule: ClaimRule, line: int | None) -> Finding:
    return Finding(
        rule=rule.rule_id,
        rule_version=rule.version,
        severity="error" if rule.action == "hold" else "warning",
        place="claim" if line is None else f"lines[{line + 1}]",
        message=rule.message,
        fix=rule.fix,
    )


def _unreadable(rule: ClaimRule) -> Finding:
    return Finding(
        rule=UNREADABLE,
        severity="warning",
        place="claim",
        message="a rule of your own cannot be read, so it was left out",
        value=rule.rule_id,
        fix="Open the rule and write it anew, or disable it.",
    )
