"""Rules are proposed from what payers denied before a day, and scored on what came later: a pattern is found, noise is not."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, time
from typing import Any

from msgspec import structs

from services.claims.domain.rule_book.learning import EXAMPLES_MAX, Learned, Lesson, learn, lesson_of, parted, tail
from shared.events.claims import ClaimAdjudicated, ClaimDenied
from shared.events.envelope import Position, Recorded
from tests.unit.claims.examples import PRIMARY_CLAIM, SENT, SERVICES, VISIT, created, recorded

UNTIL = Position(0, 10_000, 0)
CODES = ("99213", "99214", "36415", "93000")
PLACES = ("11", "22")


def lesson(number: int, *, code: str, modifiers: tuple[str, ...] = (), place: str = "11", denied: str = "") -> Lesson:
    line = structs.replace(VISIT, procedure_code=code, modifiers=modifiers, place_of_service=place)
    content = structs.replace(created(), services=structs.replace(SERVICES, lines=(line,)))
    payer_id = next(each.payer_id for each in content.coverages if each.rank == content.rank)
    return Lesson(
        claim_id=f"C{number}",
        payer_id=payer_id,
        content=content,
        on=date(2026, 3, 1),
        reasons=frozenset({denied} if denied else ()),
        denied_cents=100_00 if denied else 0,
        paid_cents=0 if denied else 80_00,
    )


def claims(seed: int, count: int, *, planted: bool) -> list[Lesson]:
    """Claims at random; with `planted`, the payer denies visits 99214 without modifier 25 (nine of ten), and others seldom."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        code, place = chance.choice(CODES), chance.choice(PLACES)
        modifiers = ("25",) if chance.random() < 0.5 else ()
        is_pattern = planted and code == "99214" and not modifiers
        rate = 0.9 if is_pattern else 0.1
        denied = "4" if chance.random() < rate else ""
        found.append(lesson(seed * 10_000 + number, code=code, modifiers=modifiers, place=place, denied=denied))
    return found


def conditions_of(learned: Learned) -> list[Any]:
    return [json.loads(each.rule.when)["all"][1:] for each in learned.proposals]


def test_a_planted_pattern_is_found_and_scored_on_what_came_later() -> None:
    learned = learn(claims(1, 400, planted=True), claims(2, 400, planted=True))
    procedure = {"property": "line.procedure_code", "operator": "is", "value": "99214"}
    without = {"property": "line.modifiers", "operator": "absent"}
    assert conditions_of(learned) == [[{"any_line": {"all": [procedure, without]}}]]
    [found] = learned.proposals
    later = found.later
    assert (found.reason, found.rule.action, found.rule.effective_by) == ("4", "hold", "check")
    assert later.precision_percent is not None and 80 <= later.precision_percent <= 100
    assert later.recall_percent is not None and later.recall_percent > 50
    assert later.caught_cents == later.caught * 100_00 and later.wrongly_held_cents == later.wrongly_held * 80_00
    assert len(found.examples) == EXAMPLES_MAX and found.examples[0].unmet == 0


def test_noise_proposes_nothing() -> None:
    for seed in range(10, 20):
        assert learn(claims(seed, 400, planted=False), claims(seed + 100, 50, planted=False)).proposals == ()


def test_a_payer_that_denies_everything_teaches_no_property() -> None:
    told = [lesson(number, code=CODES[number % 4], denied="4") for number in range(100)]
    assert learn(told, told).proposals == ()


def test_what_comes_later_changes_no_proposal_and_only_its_score() -> None:
    training = claims(3, 400, planted=True)
    good, bad = learn(training, claims(4, 300, planted=True)), learn(training, claims(5, 300, planted=False))
    assert [each.rule_hash for each in good.proposals] == [each.rule_hash for each in bad.proposals]
    assert [each.training for each in good.proposals] == [each.training for each in bad.proposals]
    precision = bad.proposals[0].later.precision_percent
    assert precision is not None and precision < 40
    assert learn(training, []).proposals[0].later.precision_percent is None


def test_the_same_claims_in_another_order_give_the_same_rules() -> None:
    training = claims(6, 300, planted=True)
    one, other = learn(training, training), learn(training[::-1], training)
    assert [each.rule_hash for each in one.proposals] == [each.rule_hash for each in other.proposals]


def stream(answered_on: date, *, denied: str = "") -> list[Recorded[Any]]:
    answer = ClaimAdjudicated(
        claim_id=PRIMARY_CLAIM,
        rank=1,
        remittance_id="remit-1",
        paid_cents=0 if denied else 80_00,
        patient_responsibility_cents=0,
        denied_cents=100_00 if denied else 0,
        adjudicated_on=answered_on,
    )
    refused = ClaimDenied(
        claim_id=PRIMARY_CLAIM, denial_id="D", remittance_id="remit-1", denied_cents=100_00, group="CO", reason=denied
    )
    events = [*SENT, answer, *([refused] if denied else [])]
    at = datetime.combine(answered_on, time(12), UTC)
    return [told(event, version, at) for version, event in enumerate(events, start=1)]


def told(event: Any, version: int, at: datetime) -> Recorded[Any]:
    known = recorded(event, stream=f"claim/{PRIMARY_CLAIM}", version=version)
    return structs.replace(
        known, stored=structs.replace(known.stored, recorded_at=at, position=Position(0, version, 0))
    )


def test_a_claim_is_of_the_training_or_of_the_time_after_it_and_never_of_both() -> None:
    early, late = stream(date(2026, 4, 30), denied="4"), stream(date(2026, 5, 1), denied="4")
    before, later = parted([early, late], cut_off_on=date(2026, 5, 1), until=UNTIL)
    assert (len(before), len(later)) == (1, 1)
    assert before[0].reasons == later[0].reasons == frozenset({"4"})


def test_what_was_told_after_the_cut_off_is_not_seen_in_training() -> None:
    paid = stream(date(2026, 4, 30))
    denied = stream(date(2026, 5, 2), denied="4")[-2:]  # an answer of another day, after the cut-off
    both = [*paid, *denied]
    [before], later = parted([both], cut_off_on=date(2026, 5, 1), until=UNTIL)
    assert (before.reasons, before.denied_cents, later) == (frozenset(), 0, [])
    assert parted([paid], cut_off_on=date(2026, 4, 1), until=paid[-2].position) == ([], [])


def test_only_the_first_answer_to_a_claim_as_it_was_sent_before_it_counts() -> None:
    told = lesson_of(stream(date(2026, 4, 30), denied="4"))
    assert told is not None and (told.denied_cents, told.reasons) == (100_00, frozenset({"4"}))
    assert lesson_of(stream(date(2026, 4, 30))[:-1]) is None


def test_the_tail_of_the_binomial_is_exact_where_it_can_be_counted() -> None:
    assert tail(2, 3, denied=1, of=2) == 4  # of 8
    assert tail(3, 3, denied=1, of=2) == 1
    assert tail(0, 5, denied=3, of=10) == 10**5
    assert tail(4, 4, denied=7, of=7) == 7**4  # what is always denied
