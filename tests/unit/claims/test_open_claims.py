"""A history in which something is missing leaves a claim that is nobody's, and verification says which."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.claims.open_claims import OpenClaimsAreSomebodys
from services.claims.policies.watch_silence import Patience
from shared.events.base import Event
from shared.events.claims import ClaimClosed, ClaimReleased, FollowUpDue
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult
from tests.unit.claims.examples import CREATED, PRIMARY_CLAIM, SENT, TODAY, accepted, recorded

SILENCE = FollowUpDue(claim_id=PRIMARY_CLAIM, waiting_for="835", since_on=TODAY, next_action="call")
OTHER = "ZZZZZZZZZZZZZZZZ1"


def checked(events: Sequence[Event], days: int = 0) -> CheckResult:
    """Of a history, when the log goes on for so many days with another claim."""
    invariant = OpenClaimsAreSomebodys(Patience(), timedelta(minutes=10))
    for version, event in enumerate(events, start=1):
        invariant.see(recorded(event, version=version))
    later = recorded(ClaimClosed(claim_id=OTHER, reason="paid"), stream=f"claim/{OTHER}", version=1 + days * 24 * 60)
    invariant.see(Recorded(stored=later.stored, event=later.event))
    return invariant.result()


def test_claims_on_their_way_are_somebodys() -> None:
    for events in (CREATED, SENT, (*SENT, accepted()), (*SENT, accepted(), SILENCE)):
        result = checked(events)
        assert (result.checked, result.violations) == (1, [])


def test_a_silence_that_was_told_to_a_person_is_theirs_for_ever() -> None:
    assert checked((*SENT, accepted(), SILENCE), days=90).violations == []


def test_a_silence_that_was_told_to_nobody_is_found() -> None:
    assert checked((*SENT, accepted()), days=20).violations == []
    [violation] = checked((*SENT, accepted()), days=90).violations
    assert violation.where.endswith(f"claim/{PRIMARY_CLAIM}")
    assert violation.found.startswith("nothing came of 835 on ")


def test_a_claim_whose_release_is_gone_is_found() -> None:
    without = [event for event in CREATED if not isinstance(event, ClaimReleased)]
    [violation] = checked(without).violations
    assert violation.found == "neither"


def test_an_acceptance_of_a_claim_that_was_never_sent_has_no_day() -> None:
    [violation] = checked([*CREATED, accepted()]).violations
    assert violation.found == "none"


def test_a_closed_claim_is_nobodys() -> None:
    result = checked((*SENT, ClaimClosed(claim_id=PRIMARY_CLAIM, reason="paid")), days=90)
    assert (result.checked, result.violations) == (0, [])
