"""What would these rules have done to claims that were sent already, and what became of those claims?

A claim is replayed from its own events, as it was sent each time: the rules see what the payer saw, on the day on which it was checked
last before that. A claim that they would have held is *caught* when the payer or a clearinghouse returned it or the payer denied money
on it, *wrongly held* when it was paid without either, and *undecided* as long as nobody answered. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, TypeAlias

from services.claims.domain.claim.scrubbing import has_errors
from services.claims.domain.claim.state import Claim, evolve
from services.claims.domain.rule_book.running import RuleSet, run
from shared.events.claims import (
    ClaimAdjudicated,
    ClaimCreated,
    ClaimRejected,
    ClaimScrubbed,
    ClaimSubmitted,
)
from shared.events.envelope import Position, Recorded

Verdict: TypeAlias = Literal["caught", "wrongly-held", "undecided", "missed", "passed", "never-sent"]
EXAMPLES_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One claim. `cents`: denied, or charged when it was returned, or paid, or charged while nobody answered."""

    claim_id: str
    verdict: Verdict
    cents: int
    places: tuple[str, ...] = ()  # where the rules found something
    is_changed: bool = False  # whether they would have repaired or edited it
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    content: ClaimCreated
    on: date
    is_rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    is_answered: bool = False
    paid_cents: int = 0
    denied_cents: int = 0


def replayed(events: Iterable[Recorded[Any]], rules: RuleSet, *, until: Position) -> Replayed | None:
    """The claim of these events (its stream, in order) as known at that position; None when it was not there yet."""
    known = [recorded for recorded in events if recorded.position <= until]
    if not known:
        return None
    claim_id = known[0].stream_key
    sent = sendings(known)
    if not sent:
        return Replayed(claim_id=claim_id, verdict="never-sent", cents=0)
    answered = _answered(known)
    results = [(each, run(rules, each.content, each.on)) for each in sent]
    held = [(each, result) for each, result in results if has_errors(result.findings)]
    places = tuple(
        dict.fromkeys(
            f"{found.rule}: {found.place}"
            for _, result in held
            for found in result.findings
            if found.severity == "error"
        )
    )
    is_returned = any(each.is_rejected for each, _ in held) if held else any(each.is_rejected for each in sent)
    charged_cents = sent[-1].content.services.charged_cents
    verdict, cents = _verdict(answered, charged_cents, is_held=bool(held), is_returned=is_returned)
    return Replayed(
        claim_id=claim_id,
        verdict=verdict,
        cents=cents,
        places=places,
        is_changed=any(result.repairs or result.edits for _, result in results),
        tags=tuple(dict.fromkeys(tag for _, result in results for tag in result.tags)),
    )


def _verdict(answered: _Answered, charged_cents: int, *, is_held: bool, is_returned: bool) -> tuple[Verdict, int]:
    is_bad = answered.denied_cents > 0 or is_returned
    if is_bad:
        return "caught" if is_held else "missed", answered.denied_cents or charged_cents
    if not is_held:
        return "passed", answered.paid_cents
    if answered.is_answered:
        return "wrongly-held", answered.paid_cents
    return "undecided", charged_cents


def sendings(known: Iterable[Recorded[Any]]) -> list[Sent]:
    """The claim as it was each time that it was sent."""
    claim, checked_on = Claim(), None
    sent: list[Sent] = []
    for recorded in known:
        claim = evolve(claim, recorded.event)
        match recorded.event:
            case ClaimScrubbed() as event:
                checked_on = event.scrubbed_on or recorded.recorded_at.date()
            case ClaimSubmitted() if claim.content is not None:
                sent.append(Sent(content=claim.content, on=checked_on or recorded.recorded_at.date()))
            case ClaimRejected() if sent:
                sent[-1] = replace(sent[-1], is_rejected=True)
            case _:
                pass
    return sent


def _answered(known: Iterable[Recorded[Any]]) -> _Answered:
    """What stands paid, and the most that was ever denied: a denial that was won back was a denial."""
    paid: dict[tuple[str, int], int] = {}
    denied_cents = 0
    is_answered = False
    for recorded in known:
        event = recorded.event
        if not isinstance(event, ClaimAdjudicated):
            continue
        if event.is_reversal:
            paid.pop((event.reverses_remittance_id, event.reverses_ordinal), None)
            continue
        is_answered = True
        paid[event.remittance_id, event.ordinal] = event.paid_cents
        denied_cents = max(denied_cents, event.denied_cents)
    return _Answered(is_answered=is_answered, paid_cents=sum(paid.values()), denied_cents=denied_cents)


def examples_of(claims: Iterable[Replayed]) -> Iterator[Replayed]:
    """The claims that a person should look at first: of those held, by money, caught and wrongly held in turns."""
    by_verdict: dict[str, list[Replayed]] = {"caught": [], "wrongly-held": [], "undecided": []}
    for each in sorted(claims, key=lambda each: (-each.cents, each.claim_id)):
        if each.verdict in by_verdict:
            by_verdict[each.verdict].append(each)
    given = 0
    while any(by_verdict.values()) and given < EXAMPLES_MAX:
        for held in by_verdict.values():
            if held and given < EXAMPLES_MAX:
                given += 1
                yield held.pop(0)
