"""A denial is traced to the first event of ours that made it likely, and nothing is concluded where nothing tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.claims.domain.denial.decider import denial
from services.claims.policies.gather_evidence import Known
from services.claims.policies.trace_origin import Billed, Origin, trace_origin
from shared.events.denials import DenialOpened
from tests.unit.claims.examples import ACCOUNT, ENCOUNTER, SERVICE_ON, coverage
from tests.unit.claims.test_appeal_letters import OPEN, known

BEFORE = datetime(2026, 3, 1, 12, tzinfo=UTC)
DENIED_AT = datetime(2026, 3, 20, 12, tzinfo=UTC)
NOTHING = Billed(file_by_on=None, twins=())
COVERAGE_ID = coverage(1).coverage_id


def fact(event: str, event_id: str, *, at: datetime = BEFORE, **values: Any) -> dict[str, Any]:
    told = {"event": event, "event_id": event_id, "occurred_at": at, "recorded_at": at, "service": "eligibility"}
    empty = {
        "account_id": "",
        "encounter_id": "",
        "payer_id": "",
        "coverage_id": "",
        "outcome": "",
        "authorization_id": "",
    }
    return told | empty | values


def step(event: str, event_id: str, at: datetime, stream: str = "claim/x") -> dict[str, Any]:
    return {
        "event": event,
        "event_id": event_id,
        "occurred_at": at,
        "recorded_at": at,
        "summary": event,
        "stream": stream,
        "claim_id": "OTHER",
    }


def traced(reason: str, *facts: Any, timeline: tuple[Any, ...] = (), billed: Billed = NOTHING) -> Origin | None:
    [opened] = denial.decide(replace(OPEN, reason=reason), denial.initial)
    assert isinstance(opened, DenialOpened)
    steps = [*timeline, step("DenialOpened", "e-denied", DENIED_AT, f"denial/{opened.denial_id}")]
    told: Known = known(opened=opened, facts=list(facts), timeline=steps)
    return trace_origin(told, billed)


ASKED = {"coverage_id": COVERAGE_ID, "service_on": SERVICE_ON, "outcome": "active"}
CHOSEN = fact(
    "CoverageSelected", "chosen", account_id=ACCOUNT, outcome="payer-1 payer-2", at=BEFORE + timedelta(days=1)
)
GRANTED = {"payer_id": "payer-1", "authorization_id": "a-1"}
DAYS = {"valid_from_on": date(2026, 1, 1), "valid_to_on": date(2026, 12, 31)}
PAST = {"valid_from_on": date(2025, 1, 1), "valid_to_on": date(2026, 2, 28)}


@pytest.mark.parametrize(
    ("reason", "facts", "event_id", "words"),
    [
        ("27", [fact("EligibilityAnswered", "e", **ASKED | {"service_on": date(2026, 1, 5)})], "e", "2026-01-05"),
        ("27", [fact("EligibilityAnswered", "e", **ASKED | {"outcome": "inactive"})], "e", "inactive"),
        ("27", [CHOSEN], "chosen", "without any answer"),
        ("31", [fact("EligibilityRejected", "e", coverage_id=COVERAGE_ID, outcome="72")], "e", "AAA 72"),
        ("197", [CHOSEN], "chosen", "no authorization"),
        ("197", [fact("AuthorizationRecorded", "a", **GRANTED, **PAST), CHOSEN], "a", "2026-02-28"),
        (
            "198",
            [
                fact("AuthorizationRecorded", "a", **GRANTED, **DAYS),
                fact("AuthorizationUnitsUsed", "u", authorization_id="a-1", units=0, at=BEFORE + timedelta(hours=1)),
            ],
            "u",
            "no units left",
        ),
        ("22", [CHOSEN], "chosen", "2 coverages"),
        ("22", [fact("CoverageOrderSet", "o"), CHOSEN], "o", "by hand"),
        ("4", [fact("EditOverridden", "x", encounter_id=ENCOUNTER, outcome="CHG-101")], "x", "CHG-101"),
        ("97", [fact("EditOverridden", "x", encounter_id=ENCOUNTER, outcome="CHG-101")], "x", "CHG-101"),
    ],
)
def test_a_denial_is_traced_by_its_kind(reason: str, facts: list[Any], event_id: str, words: str) -> None:
    found = traced(reason, *facts)
    assert found is not None
    assert found.event["event_id"] == event_id
    assert words in found.because and found.step


@pytest.mark.parametrize(
    ("reason", "facts"),
    [
        ("27", [fact("EligibilityAnswered", "e", **ASKED)]),  # asked for the day, and active: our events do not tell
        ("27", [fact("EligibilityAnswered", "e", **ASKED | {"coverage_id": "other"})]),
        ("27", [fact("EligibilityAnswered", "e", **ASKED | {"outcome": "inactive"}, at=DENIED_AT + timedelta(days=1))]),
        ("4", [fact("EditOverridden", "x", encounter_id="another visit", outcome="CHG-101")]),
        ("50", [CHOSEN]),
    ],
)
def test_nothing_is_concluded_where_nothing_tells(reason: str, facts: list[Any]) -> None:
    assert traced(reason, *facts) is None


LAST_DAY = Billed(file_by_on=date(2026, 3, 10), twins=())
SENT_LATE = step("ClaimSubmitted", "sent", datetime(2026, 3, 12, tzinfo=UTC))


def test_late_filing_goes_back_to_charges_that_were_released_too_late() -> None:
    released = fact("ChargesReleased", "r", account_id=ACCOUNT, at=datetime(2026, 3, 11, tzinfo=UTC))
    found = traced("29", released, timeline=(SENT_LATE,), billed=LAST_DAY)
    assert found is not None and (found.event["event_id"], found.step) == ("r", "charge entry")


def test_late_filing_goes_back_to_the_hold_or_rejection_that_made_it_late() -> None:
    held = step("ClaimHeld", "held", datetime(2026, 3, 4, tzinfo=UTC))
    rejected = step("ClaimRejected", "rejected", datetime(2026, 3, 6, tzinfo=UTC))
    found = traced("29", timeline=(held, rejected, SENT_LATE), billed=LAST_DAY)
    assert found is not None and (found.event["event_id"], found.step) == ("held", "filing")
    alone = traced("29", timeline=(SENT_LATE,), billed=LAST_DAY)
    assert alone is not None and alone.event["event_id"] == "sent"


def test_a_claim_that_was_sent_in_time_was_not_filed_late() -> None:
    in_time = step("ClaimSubmitted", "sent", datetime(2026, 3, 9, tzinfo=UTC))
    held = step("ClaimHeld", "held", datetime(2026, 3, 4, tzinfo=UTC))
    assert traced("29", timeline=(held, in_time), billed=LAST_DAY) is None


def test_a_duplicate_goes_back_to_the_claim_that_was_sent_before() -> None:
    twin = step("ClaimSubmitted", "twin", datetime(2026, 3, 3, tzinfo=UTC))
    found = traced("18", billed=replace(NOTHING, twins=(twin,)))
    assert found is not None and "OTHER" in found.because
    again = step("ClaimSubmitted", "again", datetime(2026, 3, 8, tzinfo=UTC))
    twice = traced("18", timeline=(twin, again))
    assert twice is not None and twice.event["event_id"] == "again"
