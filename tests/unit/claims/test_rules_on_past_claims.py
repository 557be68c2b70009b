"""Rules tried on claims that were sent: what they would have caught, and what they would have held for nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

from msgspec import structs

from services.claims.domain.rule_book.commands import WriteRule
from services.claims.domain.rule_book.decider import drafted
from services.claims.domain.rule_book.running import RuleSet
from services.claims.domain.rule_book.what_if import EXAMPLES_MAX, Replayed, examples_of, replayed
from shared.events.base import Event
from shared.events.claims import ClaimAdjudicated, ClaimCorrected, ClaimRejected
from shared.events.envelope import Position, Recorded
from tests.unit.claims.examples import (
    CREATED,
    PRIMARY_CLAIM,
    SENT,
    SERVICES,
    SOURCE,
    VISIT,
    batched,
    recorded,
    released,
    scrubbed_clean,
    submitted,
)

NO_MODIFIER = {"all_lines": {"property": "line.modifiers", "operator": "absent"}}
WITH_25 = structs.replace(SERVICES, lines=(structs.replace(VISIT, modifiers=("25",)),))
REJECTED = ClaimRejected(claim_id=PRIMARY_CLAIM, by="NORTHERN", stage="clearinghouse", codes=("A7:562",), source=SOURCE)
MENDED = ClaimCorrected(claim_id=PRIMARY_CLAIM, services=WITH_25, reason="modifier", corrected_by="user:ann")
SENT_AGAIN = (scrubbed_clean(), released(2), batched(2, 2), submitted(2, 2))


def rules(when: dict[str, Any] = NO_MODIFIER) -> RuleSet:
    asked = WriteRule(
        rule_id="own-a",
        name="a",
        order=1,
        when=when,
        action="hold",
        message="no modifier",
        fix="Add it.",
        by="user:mia",
    )
    return RuleSet(rules=(drafted(asked, version=1),))


def adjudicated(paid_cents: int, denied_cents: int, **changes: Any) -> ClaimAdjudicated:
    told: dict[str, Any] = {
        "claim_id": PRIMARY_CLAIM,
        "rank": 1,
        "remittance_id": "remit-1",
        "paid_cents": paid_cents,
        "patient_responsibility_cents": 0,
        "denied_cents": denied_cents,
        "adjudicated_on": date(2026, 4, 1),
    }
    return ClaimAdjudicated(**(told | changes))


def _at(event: Recorded[Any], number: int) -> Recorded[Any]:
    return structs.replace(event, stored=structs.replace(event.stored, position=Position(1, number, 1)))


def stream(*events: Event) -> list[Recorded[Any]]:
    return [_at(recorded(event, version=at), at) for at, event in enumerate(events, start=1)]


def became(*events: Event, of: RuleSet | None = None, until: int = 99) -> tuple[str, int]:
    found = replayed(stream(*events), of or rules(), until=Position(1, until, 1))
    assert found is not None
    return found.verdict, found.cents


def test_a_denied_claim_that_the_rules_hold_is_caught_with_the_cents_denied() -> None:
    assert became(*SENT, adjudicated(40_00, 60_00)) == ("caught", 60_00)


def test_a_paid_claim_that_the_rules_hold_is_held_wrongly_with_the_cents_paid() -> None:
    assert became(*SENT, adjudicated(80_00, 0)) == ("wrongly-held", 80_00)


def test_a_claim_without_an_answer_is_undecided_and_one_that_was_never_sent_says_nothing() -> None:
    assert became(*SENT) == ("undecided", 100_00)
    assert became(*CREATED) == ("never-sent", 0)


def test_what_the_rules_let_pass_is_missed_or_passed() -> None:
    never = rules({"property": "claim.rank", "operator": "more-than", "value": 5})
    assert became(*SENT, adjudicated(0, 100_00), of=never) == ("missed", 100_00)
    assert became(*SENT, adjudicated(80_00, 0), of=never) == ("passed", 80_00)


def test_a_claim_is_judged_as_it_was_when_it_was_sent_and_returned() -> None:
    """It was returned without the modifier and paid with it: the rules would have caught the first."""
    assert became(*SENT, REJECTED, MENDED, *SENT_AGAIN, adjudicated(80_00, 0)) == ("caught", 100_00)
    has_25 = rules({"any_line": {"property": "line.modifiers", "operator": "includes", "value": "25"}})
    assert became(*SENT, REJECTED, MENDED, *SENT_AGAIN, adjudicated(80_00, 0), of=has_25) == ("wrongly-held", 80_00)


def test_a_denial_that_was_won_back_was_a_denial() -> None:
    taken_back = adjudicated(
        0, 0, is_reversal=True, remittance_id="r2", reverses_remittance_id="remit-1", reverses_ordinal=1
    )
    paid = adjudicated(90_00, 0, remittance_id="r2", ordinal=2)
    assert became(*SENT, adjudicated(0, 100_00), taken_back, paid) == ("caught", 100_00)


def test_nothing_after_the_position_is_seen() -> None:
    story = (*SENT, adjudicated(0, 100_00))
    assert became(*story, until=len(SENT)) == ("undecided", 100_00)
    assert became(*story, until=len(CREATED)) == ("never-sent", 0)
    assert replayed(stream(*story), rules(), until=Position(0, 0, 0)) is None


def test_examples_are_those_held_with_the_most_money_each_kind_in_turns() -> None:
    held = [Replayed(claim_id=f"C{at:02}", verdict="caught", cents=at) for at in range(30)]
    wrong = [
        Replayed(claim_id="W1", verdict="wrongly-held", cents=5),
        Replayed(claim_id="P1", verdict="passed", cents=9),
    ]
    found = list(examples_of([*held, *wrong]))
    assert [each.claim_id for each in found[:3]] == ["C29", "W1", "C28"]
    assert len(found) == EXAMPLES_MAX
