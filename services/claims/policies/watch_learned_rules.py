"""Was a rule right about a claim, now that the payer answered? And what follows when it is not right often enough?

Every answer is held against the checks of its claim: what the rules found in the last check before it was sent, and what they had found
in earlier ones and somebody mended. Whether a rule was learned, and what it comes to, its own stream decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.claims.domain.learned_rule.decider import SeeAnswer, SeeOutcome
from services.claims.domain.rule_book.commands import WriteRule, written
from services.claims.domain.rule_book.state import RuleBook
from shared.events.claim_rules import LearnedRuleFell
from shared.events.claims import ClaimAdjudicated, ClaimScrubbed, ClaimSubmitted, PriorAdjudication
from shared.events.envelope import Recorded

ANSWERS = (ClaimAdjudicated,)
FALLS = (LearnedRuleFell,)
LEARNED = "own-learned-"
ACTOR = "policy:claims.soften-learned-rules"


def outcomes(answer: Recorded[ClaimAdjudicated], events: Iterable[Recorded[Any]]) -> list[SeeAnswer | SeeOutcome]:
    """What the answer says about each learned rule that spoke on the claim; `events` are the claim's, in order."""
    event = answer.event
    if event.is_reversal:
        return []
    spoke: set[str] = set()
    last: set[str] = set()
    sent_with: set[str] = set()
    spoke_before_sending: set[str] = set()
    for recorded in events:
        if recorded.version >= answer.version:
            break
        match recorded.event:
            case ClaimScrubbed(findings=findings):
                last = {finding.rule for finding in findings if finding.rule.startswith(LEARNED)}
                spoke |= last
            case ClaimSubmitted():
                sent_with, spoke_before_sending = set(last), set(spoke)
            case _:
                pass
    told = [
        SeeAnswer(
            rule_id=rule_id,
            claim_id=event.claim_id,
            denied_cents=event.denied_cents,
            paid_cents=event.paid_cents,
            reasons=_reasons(event.answer),
        )
        for rule_id in sorted(sent_with)
    ]
    mended = sorted(spoke_before_sending - sent_with)
    return [
        *told,
        *(SeeOutcome(rule_id=rule_id, claim_id=event.claim_id, is_right=True, how="mended") for rule_id in mended),
    ]


def _reasons(answer: PriorAdjudication | None) -> frozenset[str]:
    if answer is None:
        return frozenset()
    of_lines = (adjustment for line in answer.lines for adjustment in line.adjustments)
    return frozenset(adjustment.reason for adjustment in (*answer.adjustments, *of_lines))


def softened(book: RuleBook, rule_id: str) -> WriteRule | None:
    """The rule as one that warns; None when it does not hold."""
    rule = book.rule(rule_id)
    if rule is None or rule.action != "hold":
        return None
    return written(rule, action="warn", by=ACTOR)
