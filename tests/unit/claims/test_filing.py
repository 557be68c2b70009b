"""Stories about filing limits: the last day, and what proves that the payer had the claim."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.proof import proof_of
from services.claims.domain.filing import last_workday, on_workday
from services.claims.projections import directories
from shared.events.base import Event
from shared.events.claims import ClaimAccepted, ClaimEvent, ClaimRejected
from shared.events.eligibility import FilingLimit, PayerListed
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    CREATED,
    PRIMARY_CLAIM,
    SENT,
    SOURCE,
    accepted,
    batched,
    recorded,
    released,
    submitted,
)

spec = Specification(claim)
TAKEN_ON = structs.replace(accepted(), by="NORTHERN", stage="clearinghouse", codes=("A1:19",))
TAKEN_IN = structs.replace(accepted(), by="MEDB3", stage="payer", accepted_on=date(2026, 3, 23))
RETURNED = ClaimRejected(claim_id=PRIMARY_CLAIM, by="MEDB3", stage="payer", codes=("A7:562",), source=SOURCE)


# --- the last day -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends_on", "last_on"),
    [
        (date(2026, 11, 3), date(2026, 11, 3)),
        (date(2026, 11, 1), date(2026, 11, 2)),  # a Sunday
        (date(2025, 12, 25), date(2025, 12, 26)),  # Christmas, a Thursday
        (date(2026, 7, 3), date(2026, 7, 6)),  # 4 July is a Saturday: the Friday before
        (date(2026, 9, 5), date(2026, 9, 8)),  # Saturday, Sunday, Labor Day
    ],
)
def test_a_limit_ends_on_a_workday(ends_on: date, last_on: date) -> None:
    assert on_workday(ends_on) == last_on


@pytest.mark.parametrize(
    "day",
    ["01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11", "11-26", "12-25"],
)
def test_federal_offices_are_closed_on_the_holidays_of_2026(day: str) -> None:
    closed = date.fromisoformat(f"2026-{day}")
    assert on_workday(closed) > closed


def test_new_year_on_a_saturday_closes_no_day_of_the_year_before_it() -> None:
    """1 January 2028 is a Saturday; 31 December 2027 belongs to another year's list, and offices are closed on it."""
    assert on_workday(date(2027, 12, 31)) == date(2028, 1, 3)


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2090, 1, 1)))
def test_a_workday_is_at_most_four_days_off_and_never_before(day: date) -> None:
    moved = on_workday(day)
    assert timedelta(0) <= moved - day <= timedelta(days=4)
    assert on_workday(moved) == moved
    assert moved.weekday() < 5


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2090, 1, 1)))
def test_the_order_of_last_days_stays_when_they_move_to_workdays(day: date) -> None:
    assert on_workday(day) <= on_workday(day + timedelta(days=1))


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2090, 1, 1)), st.integers(min_value=-9, max_value=9))
def test_what_moves_is_due_by_a_day_when_it_ended_by_the_last_workday_up_to_it(until: date, apart: int) -> None:
    ends_on = until + timedelta(days=apart)
    assert (on_workday(ends_on) <= until) == (ends_on <= last_workday(until))


def test_every_kind_has_a_limit_and_one_that_is_not_listed_the_usual_days() -> None:
    limit = FilingLimit(kind="secondary", months=6, counts_from="primary-answer", moves_to_workday=True)
    found = limits_of(
        PayerListed(payer_id="b", name="B", electronic_id="B1", timely_filing_days=180, filing_limits=(limit,))
    )
    usual = {"days": 180, "months": 0, "counts_from": "service-begin", "moves_to_workday": False}
    own = {"days": 0, "months": 6, "counts_from": "primary-answer", "moves_to_workday": True}
    assert found == {("b", "original"): usual, ("b", "corrected"): usual, ("b", "secondary"): own}


def limits_of(event: Event) -> dict[tuple[object, ...], object]:
    puts = directories.apply(recorded(event))
    return {put.key: put.values for put in puts if put.table == directories.filing_limits.name}


# --- the proof --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "accepted_on", "because"),
    [
        (CREATED, None, "it was never sent"),
        (SENT, None, "nobody has acknowledged it yet"),
        (
            (*SENT, TAKEN_ON),
            None,
            "only a clearinghouse accepted it, which does not prove that the payer had it",
        ),
        ((*SENT, TAKEN_ON, TAKEN_IN), date(2026, 3, 23), "the payer accepted it in a 277CA"),
        (
            (*SENT, TAKEN_IN, structs.replace(TAKEN_IN, accepted_on=date(2026, 3, 30))),
            date(2026, 3, 23),
            "the payer accepted it in a 277CA",
        ),
        (
            (*SENT, TAKEN_IN, RETURNED),
            None,
            "it was returned before adjudication, which counts as never received",
        ),
        (
            (*SENT, TAKEN_IN, RETURNED, released(2), batched(2, 2), submitted(2, 2)),
            None,
            "nobody has acknowledged it yet",
        ),
        (
            (*SENT, RETURNED, released(2), batched(2, 2), submitted(2, 2), TAKEN_IN),
            date(2026, 3, 23),
            "the payer accepted it in a 277CA",
        ),
    ],
)
def test_only_the_payers_own_word_proves_that_it_had_the_claim(
    story: tuple[ClaimEvent, ...], accepted_on: date | None, because: str
) -> None:
    found = proof_of(spec.given(*story).when().state)
    assert (found.accepted_on, found.because) == (accepted_on, because)


def test_the_proof_names_the_first_acceptance_and_the_interchange_that_was_sent() -> None:
    found = proof_of(spec.given(*SENT, TAKEN_ON, TAKEN_IN).when().state)
    assert found.acceptance == TAKEN_IN
    assert (found.control_number, found.sent_document_id) == (1, SOURCE.document_id)
    unproven = proof_of(spec.given(*SENT, TAKEN_ON).when().state).acceptance
    assert isinstance(unproven, ClaimAccepted)
    assert unproven.stage == "clearinghouse"


def test_that_a_claim_was_mailed_does_not_prove_that_the_payer_had_it() -> None:
    sent = structs.replace(submitted(), medium="paper", mailed_on=date(2026, 3, 4))
    proof = proof_of(spec.given(*SENT[:-1], sent).when().state)
    assert (proof.accepted_on, proof.because) == (
        None,
        "it was mailed on 2026-03-04, which proves that it left and not that the payer had it",
    )
