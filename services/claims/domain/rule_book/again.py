"""Does each check of a claim come out the same when it is made again from what is stored?

What is needed is in the log: the claim as its events before the check left it, the day and the versions in the result, and the rules as
the rule book's events up to the version in the result left them. Nothing else goes in, so a difference means that a decision was not
made as it is recorded, or not by this code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.claims.domain.claim.scrubbing import RULES_VERSION, has_errors, scrub
from services.claims.domain.claim.state import Claim, evolve
from services.claims.domain.rule_book.decider import rule_book
from services.claims.domain.rule_book.running import run
from shared.events.claim_rules import RuleBookEvent, RuleChange
from shared.events.claims import ClaimCreated, ClaimEditedByRules, ClaimRepaired, ClaimScrubbed
from shared.events.envelope import Recorded
from shared.events.values import Finding

_OF_WHAT_IS_SEALED = ".member_number"  # seen by the edits only in the command that brings it


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a claim. `is_same`: None when it cannot be made again, and `because` says why."""

    version: int  # of the claim's stream
    result: ClaimScrubbed
    changes: tuple[RuleChange, ...]
    is_same: bool | None
    because: str


def checks_of(claim_events: Iterable[Recorded[Any]], book_events: Sequence[RuleBookEvent]) -> Iterator[Check]:
    """Every check of the claim of these events (its stream, in order), made again."""
    claim = Claim()
    before: ClaimCreated | None = None  # as it was before the rules of this check changed it
    changes: tuple[RuleChange, ...] = ()
    for recorded in claim_events:
        event = recorded.event
        if isinstance(event, ClaimRepaired | ClaimEditedByRules):
            before = before or claim.content
            changes += event.changes
        elif isinstance(event, ClaimScrubbed):
            asked = before or claim.content
            if asked is not None:
                is_same, because = _again(event, asked, changes, book_events)
                yield Check(version=recorded.version, result=event, changes=changes, is_same=is_same, because=because)
            before, changes = None, ()
        claim = evolve(claim, event)


def _again(
    result: ClaimScrubbed, content: ClaimCreated, changes: tuple[RuleChange, ...], book_events: Sequence[RuleBookEvent]
) -> tuple[bool | None, str]:
    if result.scrubbed_on is None:
        return None, "it was made before its day was kept"
    if result.rules_version != RULES_VERSION:
        return None, f"the edits were version {result.rules_version}, and are {RULES_VERSION} now"
    if result.rule_book_version > len(book_events):
        return None, "the rule book has not been read that far"
    rules = rule_book.state_after(book_events[: result.rule_book_version]).in_force
    own = run(rules, content, result.scrubbed_on)
    findings = (*scrub(own.edited, result.scrubbed_on), *own.findings)
    then = _comparable(result.findings)
    differences = [
        name
        for name, is_equal in (
            ("rules", (own.used, own.rule_set) == (result.customer_rules, result.rule_set)),
            ("changes", (*own.repairs, *own.edits) == changes),
            ("findings", _comparable(findings) == then),
            ("tags", own.tags == result.tags),
            ("verdict", not has_errors(then) or not result.is_clean),
        )
        if not is_equal
    ]
    return not differences, f"differs in {', '.join(differences)}" if differences else "made again, it says the same"


def _comparable(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if not finding.place.endswith(_OF_WHAT_IS_SEALED))
