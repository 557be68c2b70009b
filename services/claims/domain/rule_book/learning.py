"""Which rules do past denials propose, and how would those have done on what came later?

For each payer and reason (CARC) that it denied with: what have the denied claims in common that those of the same payer, answered
without that denial, have not? Candidates are a payer and one or two plain properties of a claim or of one of its lines, in the language
of the customer's own rules. They are counted on claims that were answered before the cut-off, as known before it, and scored on claims
whose first answer came from the cut-off on. No claim and no event is in both.

A candidate is proposed when it is right often enough, and more often than chance explains: the binomial tail of its hits at the payer's
own rate, times the number of candidates that were tried, is below one in a hundred. Two properties are proposed only where they are
clearly better than one. Everything is counted, nothing is drawn by lot: the same claims give the same rules.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import combinations
from math import comb
from typing import Any, Literal, TypeAlias

from services.claims.domain.rule_book.commands import WriteRule
from services.claims.domain.rule_book.conditions import canonical, condition_of, holds
from services.claims.domain.rule_book.decider import drafted
from services.claims.domain.rule_book.properties import Subject
from services.claims.domain.rule_book.running import hash_of
from services.claims.domain.rule_book.what_if import sendings
from shared.events.claim_rules import ClaimRule
from shared.events.claims import ClaimAdjudicated, ClaimCreated, ClaimDenied
from shared.events.envelope import Position, Recorded
from shared.events.values import ChargeLine

CAUGHT_MIN = 5  # denied claims that a rule must have found in training
PRECISION_MIN_PERCENT = 60
BETTER_BY_PERCENT = 10  # a second property
CHANCE_ONE_IN = 100
COMMON_MAX = 40  # properties of a payer's denied claims that are paired, the commonest first
PROPOSALS_MAX = 20
EXAMPLES_MAX = 20

Feature: TypeAlias = str  # the canonical text of a test or group
Features: TypeAlias = tuple[Feature, ...]
Outcome: TypeAlias = Literal["caught", "wrongly-held", "missed", "passed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A claim as it was sent, and the first answer to it."""

    claim_id: str
    payer_id: str
    content: ClaimCreated
    on: date  # of the check before it was sent
    reasons: frozenset[str]  # CARCs that money was denied with; none: it was answered without a denial
    denied_cents: int
    paid_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A claim of the scoring time. `unmet`: how many tests of the rule it does not meet; 0: the rule holds it."""

    claim_id: str
    outcome: Outcome
    unmet: int
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    caught: int = 0
    wrongly_held: int = 0
    missed: int = 0
    caught_cents: int = 0
    wrongly_held_cents: int = 0
    missed_cents: int = 0

    @property
    def precision_percent(self) -> int | None:
        held = self.caught + self.wrongly_held
        return 100 * self.caught // held if held else None

    @property
    def recall_percent(self) -> int | None:
        denied = self.caught + self.missed
        return 100 * self.caught // denied if denied else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rule that training proposes, with what it did there and later."""

    rule: ClaimRule
    rule_hash: str
    payer_id: str
    reason: str
    training: Score
    later: Score
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    proposals: tuple[Proposal, ...]
    training_claims: int
    later_claims: int


# --- what a claim teaches -----------------------------------------------------------------------------------------------


def lesson_of(events: Iterable[Recorded[Any]]) -> Lesson | None:
    """The claim of these events, as it was sent before its first answer; None when it was not answered."""
    known: list[Recorded[Any]] = []
    answer: ClaimAdjudicated | None = None
    reasons: set[str] = set()
    for recorded in events:
        event = recorded.event
        if isinstance(event, ClaimAdjudicated):
            if answer is not None or event.is_reversal:
                break
            answer = event
        elif isinstance(event, ClaimDenied) and answer is not None and event.remittance_id == answer.remittance_id:
            reasons.add(event.reason)
        elif answer is None:
            known.append(recorded)
    sent = sendings(known)
    if answer is None or not sent:
        return None
    content = sent[-1].content
    payer_id = next((each.payer_id for each in content.coverages if each.rank == content.rank), "")
    return Lesson(
        claim_id=answer.claim_id,
        payer_id=payer_id,
        content=content,
        on=sent[-1].on,
        reasons=frozenset(reasons),
        denied_cents=answer.denied_cents,
        paid_cents=answer.paid_cents,
    )


def answered_at(events: Iterable[Recorded[Any]]) -> Recorded[Any] | None:
    """The first answer to a claim."""
    return next((each for each in events if isinstance(each.event, ClaimAdjudicated)), None)


def parted(
    streams: Iterable[Sequence[Recorded[Any]]], *, cut_off_on: date, until: Position
) -> tuple[list[Lesson], list[Lesson]]:
    """What claims teach before the cut-off, from events before it alone; and what those teach that were first answered later."""
    before: list[Lesson] = []
    later: list[Lesson] = []
    for stream in streams:
        known = [each for each in stream if each.position <= until]
        answer = answered_at(known)
        if answer is None:
            continue
        is_early = answer.recorded_at.date() < cut_off_on
        seen = [each for each in known if each.recorded_at.date() < cut_off_on] if is_early else known
        if (lesson := lesson_of(seen)) is not None:
            (before if is_early else later).append(lesson)
    return before, later


# --- learning -----------------------------------------------------------------------------------------------------------


def learn(training: Sequence[Lesson], later: Sequence[Lesson]) -> Learned:
    """The rules that training proposes, those that would have saved the most later first."""
    proposals = [
        _scored(payer_id, reason, features, training, later) for payer_id, reason, features in _proposed(training)
    ]
    proposals.sort(key=lambda each: (-each.later.caught_cents + each.later.wrongly_held_cents, each.rule.rule_id))
    return Learned(proposals=tuple(proposals[:PROPOSALS_MAX]), training_claims=len(training), later_claims=len(later))


def _proposed(training: Sequence[Lesson]) -> Iterator[tuple[str, str, Features]]:
    by_payer: defaultdict[str, list[tuple[Lesson, frozenset[Feature]]]] = defaultdict(list)
    for lesson in training:
        by_payer[lesson.payer_id].append((lesson, features_of(lesson)))
    for payer_id, known in sorted(by_payer.items()):
        for reason in sorted({reason for lesson, _ in known for reason in lesson.reasons}):
            for features in _of_reason(known, reason):
                yield payer_id, reason, features


def _of_reason(known: Sequence[tuple[Lesson, frozenset[Feature]]], reason: str) -> Iterator[Features]:
    """What sets the claims that were denied for this reason apart, the plainest first, none of it twice."""
    denied = {place for place, (lesson, _) in enumerate(known) if reason in lesson.reasons}
    if len(denied) < CAUGHT_MIN:
        return
    having: defaultdict[Feature, set[int]] = defaultdict(set)
    for place, (_, met) in enumerate(known):
        for feature in met:
            having[feature].add(place)
    common = sorted(
        (feature for feature, places in having.items() if len(places & denied) >= CAUGHT_MIN),
        key=lambda feature: (-len(having[feature] & denied), feature),
    )
    candidates: list[tuple[Features, set[int]]] = [((feature,), having[feature]) for feature in common]
    for one, other in combinations(common[:COMMON_MAX], 2):
        candidates.append(((one, other), having[one] & having[other]))
    tried = len(candidates)
    chosen: list[set[int]] = []
    for features, places in sorted(candidates, key=lambda each: _worth(each[0], each[1], denied)):
        alone = max((_percent(having[feature], denied) for feature in features), default=0)
        needs = alone + BETTER_BY_PERCENT if len(features) > 1 else PRECISION_MIN_PERCENT
        hits = places & denied
        if len(hits) < CAUGHT_MIN or _percent(places, denied) < needs or any(hits <= earlier for earlier in chosen):
            continue
        if is_no_chance(len(hits), len(places), denied=len(denied), of=len(known), tried=tried):
            chosen.append(hits)
            yield features


def _worth(features: Features, places: set[int], denied: set[int]) -> tuple[Any, ...]:
    return (-len(places & denied) + len(places - denied), len(features), features)


def _percent(places: set[int], denied: set[int]) -> int:
    return 100 * len(places & denied) // len(places) if places else 0


def is_no_chance(hits: int, cases: int, *, denied: int, of: int, tried: int) -> bool:
    """Whether so many hits in so many cases are rarer than one in a hundred for any of so many candidates, where `denied` of `of`
    claims are denied anyway. Counted exactly, in whole numbers."""
    every: int = of**cases
    return tail(hits, cases, denied=denied, of=of) * tried * CHANCE_ONE_IN < every


def tail(hits: int, cases: int, *, denied: int, of: int) -> int:
    """The binomial tail: `of` to the power of `cases`, times the chance of so many hits or more."""
    others = of - denied
    ways: int = comb(cases, hits) * denied**hits * others ** (cases - hits)
    total = 0
    for number in range(hits, cases + 1):
        total += ways
        if others == 0:
            every: int = of**cases
            return every
        ways = ways * (cases - number) * denied // ((number + 1) * others)
    return total


# --- scoring ------------------------------------------------------------------------------------------------------------


def _scored(
    payer_id: str, reason: str, features: Features, training: Sequence[Lesson], later: Sequence[Lesson]
) -> Proposal:
    rule = _rule(payer_id, reason, features)
    told = [_example(rule, features, reason, lesson) for lesson in later if lesson.payer_id == payer_id]
    nearest = sorted(told, key=lambda each: (each.unmet, -each.cents, each.claim_id))
    return Proposal(
        rule=rule,
        rule_hash=hash_of((rule,)),
        payer_id=payer_id,
        reason=reason,
        training=_sum(_example(rule, features, reason, each) for each in training if each.payer_id == payer_id),
        later=_sum(told),
        examples=tuple(nearest[:EXAMPLES_MAX]),
    )


def _example(rule: ClaimRule, features: Sequence[Feature], reason: str, lesson: Lesson) -> Example:
    subject = Subject(claim=lesson.content, on=lesson.on)
    is_held = holds(condition_of(rule.when, is_of_line=False), subject)
    unmet = sum(not holds(condition_of(feature, is_of_line=False), subject) for feature in features)
    is_denied = reason in lesson.reasons
    outcome: Outcome = ("caught" if is_denied else "wrongly-held") if is_held else ("missed" if is_denied else "passed")
    cents = lesson.denied_cents if is_denied else lesson.paid_cents
    return Example(claim_id=lesson.claim_id, outcome=outcome, unmet=unmet, cents=cents)


def _sum(told: Iterable[Example]) -> Score:
    counts: dict[str, int] = defaultdict(int)
    cents: dict[str, int] = defaultdict(int)
    for each in told:
        counts[each.outcome] += 1
        cents[each.outcome] += each.cents
    return Score(
        caught=counts["caught"],
        wrongly_held=counts["wrongly-held"],
        missed=counts["missed"],
        caught_cents=cents["caught"],
        wrongly_held_cents=cents["wrongly-held"],
        missed_cents=cents["missed"],
    )


def _rule(payer_id: str, reason: str, features: Features) -> ClaimRule:
    """As a draft that holds; whoever enables it may let it warn."""
    payer = {"property": "coverage.payer_id", "operator": "is", "value": payer_id}
    when = {"all": [payer, *(_plain(feature) for feature in sorted(features))]}
    digest = hash_of_text(canonical(when) + reason)
    asked = WriteRule(
        rule_id=f"own-learned-{digest}",
        name=f"Learned: {payer_id} denies with {reason}",
        order=900,
        when=when,
        action="hold",
        message=f"Claims like this one were denied by {payer_id} with reason {reason}",
        fix="Mend what the reason names before the claim is sent.",
        effective_by="check",
        by="",
    )
    return drafted(asked, version=1)


# --- properties ---------------------------------------------------------------------------------------------------------


def features_of(lesson: Lesson) -> frozenset[Feature]:
    """The plain tests that this claim meets."""
    subject = Subject(claim=lesson.content, on=lesson.on)
    found = {_test("claim.kind", "is", lesson.content.services.kind)}
    services = lesson.content.services
    if services.diagnoses:
        found.add(_test("claim.primary_diagnosis", "starts-with", [services.diagnoses[0][:3]]))
    for absent in ("coverage.authorization_number", "referring.npi"):
        if holds(condition_of(_test(absent, "absent"), is_of_line=False), subject):
            found.add(_test(absent, "absent"))
    for line in services.lines:
        found |= set(_of_line(line))
    return frozenset(found)


def _of_line(line: ChargeLine) -> Iterator[Feature]:
    if not line.procedure_code:
        return
    procedure = {"property": "line.procedure_code", "operator": "is", "value": line.procedure_code}
    yield _any_line(procedure)
    if not line.modifiers:
        yield _any_line({"all": [procedure, {"property": "line.modifiers", "operator": "absent"}]})
    for modifier in sorted(set(line.modifiers)):
        with_it = {"property": "line.modifiers", "operator": "includes", "value": modifier}
        yield _any_line({"all": [procedure, with_it]})
    if line.place_of_service:
        yield _any_line({"property": "line.place_of_service", "operator": "is", "value": line.place_of_service})


def _any_line(condition: Mapping[str, Any]) -> Feature:
    return canonical({"any_line": condition})


def _test(name: str, operator: str, value: Any = None) -> Feature:
    test = {"property": name, "operator": operator}
    return canonical(test if value is None else {**test, "value": value})


def _plain(feature: Feature) -> Any:
    return json.loads(feature)


def hash_of_text(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
