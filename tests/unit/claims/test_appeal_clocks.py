"""Until when can a decision be appealed, level by level, and what moves when a payer's rule does?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.claims.domain.denial.appeals import (
    MEDICARE_LEVELS,
    AppealTerms,
    clock_of,
    in_words,
    last_day,
    terms_of,
    why_no_appeal,
)
from services.claims.domain.denial.commands import (
    DecideAppeal,
    DeriveAppealDeadline,
    FileAppeal,
    OpenDenial,
    ResolveDenial,
    denial_id_of,
)
from services.claims.domain.denial.decider import denial
from services.claims.domain.filing import is_workday
from services.claims.policies.derive_deadlines import DeriveDeadlines
from shared.events.denials import AppealDeadlineMoved, AppealDecided, AppealFiled, DenialOpened
from shared.events.eligibility import AppealLevel, PayerListed
from shared.testing.specification import Specification
from tests.unit.claims.examples import ACCOUNT, FIRST_APPEAL, MEDICARE_TERMS, PRIMARY_CLAIM, recorded

DENIED_ON = date(2026, 4, 1)
DENIAL_ID = denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-1", group="CO", reason="50")
OPEN = OpenDenial(
    denial_id=DENIAL_ID,
    claim_id=PRIMARY_CLAIM,
    account_id=ACCOUNT,
    payer_id="payer-1",
    remittance_id="remit-1",
    denied_cents=100_00,
    group="CO",
    reason="50",
    denied_on=DENIED_ON,
    terms=MEDICARE_TERMS,
)
TWO_LEVELS = terms_of(
    (AppealLevel(name="first", days=60), AppealLevel(name="second", days=30, counts="business-days")),
    version=3,
    filing_indicator="BL",
    first_appeal_days=90,
)
spec = Specification(denial)
LATE = date(2027, 6, 1)


def filed(level: int, on: date, **changes: Any) -> FileAppeal:
    return FileAppeal(by="user:ann", on=LATE, level=level, filed_on=on, **changes)


def decided(level: int, on: date, outcome: Any = "upheld", terms: AppealTerms = MEDICARE_TERMS) -> DecideAppeal:
    return DecideAppeal(by="user:ann", on=LATE, level=level, outcome=outcome, decided_on=on, terms=terms)


@pytest.mark.parametrize(
    ("level", "last_on"),
    [
        (AppealLevel(name="a", days=60), date(2026, 5, 31)),  # a Sunday
        (AppealLevel(name="a", days=60, moves_to_workday=True), date(2026, 6, 1)),
        (AppealLevel(name="a", days=60, counts_from="receipt"), date(2026, 6, 5)),
        (AppealLevel(name="a", days=60, counts_from="receipt", receipt_days=3), date(2026, 6, 3)),
        (AppealLevel(name="a", days=2, counts="business-days"), date(2026, 4, 3)),
        (AppealLevel(name="a", days=38, counts="business-days"), date(2026, 5, 26)),  # behind Memorial Day
    ],
)
def test_a_level_ends_on_the_day_that_its_rule_says(level: AppealLevel, last_on: date) -> None:
    assert last_day(level, DENIED_ON) == last_on


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.integers(1, 200))
def test_business_days_end_on_a_workday_with_as_many_workdays_before(day: date, days: int) -> None:
    last_on = last_day(AppealLevel(name="a", days=days, counts="business-days"), day)
    assert is_workday(last_on)
    assert sum(is_workday(day + timedelta(days=n + 1)) for n in range((last_on - day).days)) == days


def test_medicare_has_five_levels_that_count_from_the_receipt_of_the_notice() -> None:
    assert [level.days for level in MEDICARE_LEVELS] == [120, 180, 60, 60, 60]
    clock = clock_of(MEDICARE_TERMS, level=1, decided_on=DENIED_ON)
    assert clock is not None
    assert (clock.name, clock.last_on) == ("redetermination", date(2026, 8, 4))
    assert "120 calendar days" in in_words(clock) and "42 CFR" in in_words(clock)
    assert clock_of(MEDICARE_TERMS, level=6, decided_on=DENIED_ON) is None


def test_what_a_payer_lists_counts_before_what_medicare_does_and_before_the_setting() -> None:
    listed = (AppealLevel(name="own", days=10),)
    found = [
        terms_of(levels, version=2, filing_indicator=indicator, first_appeal_days=90)
        for levels, indicator in ((listed, "MB"), ((), "MA"), ((), "16"), (listed, "CI"))
    ]
    assert [(terms.source, terms.levels[0].days) for terms in found] == [
        ("payer-listing", 10),
        ("medicare", 120),
        ("setting", 90),
        ("payer-listing", 10),
    ]


def test_a_denial_opens_with_the_last_day_of_its_first_appeal_and_the_rule_behind_it() -> None:
    opened = spec.when(OPEN).only(DenialOpened)
    assert opened.appeal_by_on == date(2026, 8, 4)
    assert opened.appeal_clock is not None and opened.appeal_clock.source == "medicare"


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"reason": "29"}, "medicare-timely-filing"),
        ({"reason": "16", "remarks": ("MA130",)}, "unprocessable"),
        ({"reason": "16", "remarks": ("N290", "MA130"), "terms": FIRST_APPEAL}, "unprocessable"),
    ],
)
def test_a_denial_without_a_right_to_appeal_says_so_and_is_not_appealed(changes: dict[str, Any], because: str) -> None:
    opening = replace(OPEN, **changes)
    opened = spec.when(opening).only(DenialOpened)
    assert (opened.no_appeal_because, opened.appeal_by_on, opened.appeal_clock) == (because, None, None)
    spec.when(opening, filed(1, date(2026, 4, 2), late_because="no-mail")).then_refused("no-appeal-right")


def test_other_payers_take_appeals_against_late_filing() -> None:
    assert why_no_appeal(FIRST_APPEAL, reason="29", remarks=()) == ""
    assert why_no_appeal(TWO_LEVELS, reason="29", remarks=()) == ""


def test_an_appeal_on_its_last_day_is_filed_and_a_day_later_refused_with_day_and_rule() -> None:
    appeal = spec.when(OPEN, filed(1, date(2026, 8, 4))).only(AppealFiled)
    assert (appeal.name, appeal.late_because) == ("redetermination", "")
    refused = spec.when(OPEN, filed(1, date(2026, 8, 5))).then_refused("appeal-past-its-day")
    assert "2026-08-04" in refused.message and "120 calendar days" in refused.message


def test_a_late_appeal_is_filed_with_a_good_cause_and_the_day_that_it_missed() -> None:
    late = spec.when(OPEN, filed(1, date(2026, 8, 5), late_because="records-destroyed")).only(AppealFiled)
    assert late.late_because == "records-destroyed"
    assert late.clock is not None and late.clock.last_on == date(2026, 8, 4)


def test_a_cause_is_not_noted_when_the_appeal_was_in_time() -> None:
    appeal = spec.when(OPEN, filed(1, date(2026, 8, 4), late_because="records-destroyed")).only(AppealFiled)
    assert appeal.late_because == ""


def test_nothing_is_filed_or_decided_on_a_day_that_is_still_to_come() -> None:
    spec.when(OPEN, filed(1, LATE + timedelta(days=1))).then_refused("day-still-ahead")
    ahead = decided(1, LATE + timedelta(days=1))
    spec.when(OPEN, filed(1, date(2026, 5, 1)), ahead).then_refused("day-still-ahead")


def test_an_upheld_appeal_starts_the_clock_of_the_next_level() -> None:
    outcome = spec.when(OPEN, filed(1, date(2026, 5, 1)), decided(1, date(2026, 6, 1))).only(AppealDecided)
    assert outcome.next_clock is not None
    assert (outcome.next_clock.name, outcome.next_clock.last_on) == ("reconsideration", date(2026, 12, 3))
    assert not outcome.is_last_level


def test_behind_a_payers_last_level_there_is_no_other() -> None:
    story = (
        replace(OPEN, terms=TWO_LEVELS),
        filed(1, date(2026, 4, 20)),
        decided(1, date(2026, 5, 1), terms=TWO_LEVELS),
        filed(2, date(2026, 5, 20)),
        decided(2, date(2026, 6, 1), terms=TWO_LEVELS),
    )
    assert spec.when(*story).events[-1].is_last_level
    spec.when(*story, filed(3, date(2026, 6, 2))).then_refused("no-further-appeal")


def test_a_level_of_which_nothing_is_known_has_no_last_day_and_may_be_filed() -> None:
    story = (replace(OPEN, terms=FIRST_APPEAL), filed(1, date(2026, 5, 1)))
    upheld = decided(1, date(2026, 6, 1), terms=FIRST_APPEAL)
    outcome = spec.when(*story, upheld).only(AppealDecided)
    assert (outcome.next_clock, outcome.is_last_level) == (None, False)
    second = spec.when(*story, upheld, filed(2, LATE)).events[-1]
    assert isinstance(second, AppealFiled) and second.clock is None


def test_a_dismissed_appeal_may_be_filed_again_at_its_level_until_its_own_last_day() -> None:
    story = (OPEN, filed(1, date(2026, 5, 1)), decided(1, date(2026, 6, 1), "dismissed"))
    outcome = spec.when(*story).only(AppealDecided)
    assert outcome.next_clock is not None and outcome.next_clock.last_on == date(2026, 8, 4)
    spec.when(*story, filed(2, date(2026, 6, 2))).then_refused("appeal-out-of-order")
    spec.when(*story, filed(1, date(2026, 8, 5))).then_refused("appeal-past-its-day")
    assert isinstance(spec.when(*story, filed(1, date(2026, 8, 4))).events[-1], AppealFiled)


def test_an_overturned_denial_has_no_further_day() -> None:
    story = (OPEN, filed(1, date(2026, 5, 1)), decided(1, date(2026, 6, 1), "overturned"))
    assert spec.when(*story).only(AppealDecided).next_clock is None
    spec.when(*story, DeriveAppealDeadline(on=date(2026, 6, 2), terms=TWO_LEVELS)).then_kinds(
        DenialOpened, AppealFiled, AppealDecided
    )


# --- a rule that changes ----------------------------------------------------------------------------------------------


def test_a_changed_rule_moves_a_day_that_is_still_to_come_and_says_from_where_to_where() -> None:
    derive = DeriveAppealDeadline(on=date(2026, 5, 1), terms=TWO_LEVELS)
    moved = spec.when(replace(OPEN, terms=FIRST_APPEAL), derive).only(AppealDeadlineMoved)
    assert (moved.previous_on, moved.clock.last_on) == (date(2026, 6, 30), date(2026, 5, 31))
    assert (moved.previous_rule_version, moved.clock.rule_version) == (0, 3)
    spec.when(replace(OPEN, terms=FIRST_APPEAL), derive, filed(1, date(2026, 6, 1))).then_refused("appeal-past-its-day")


@pytest.mark.parametrize(
    "story",
    [
        pytest.param((replace(OPEN, terms=TWO_LEVELS),), id="says the same"),
        pytest.param((OPEN, filed(1, date(2026, 5, 1))), id="an appeal is being decided"),
        pytest.param((replace(OPEN, reason="29"),), id="no right to appeal"),
        pytest.param(
            (OPEN, ResolveDenial(by="user:ann", on=date(2026, 4, 2), outcome="not-workable")), id="it is resolved"
        ),
    ],
)
def test_a_changed_rule_leaves_what_it_does_not_concern(story: tuple[Any, ...]) -> None:
    terms = replace(TWO_LEVELS, version=4)
    before = spec.when(*story).events
    assert spec.when(*story, DeriveAppealDeadline(on=date(2026, 5, 1), terms=terms)).events == before


def test_a_day_that_is_over_is_not_moved() -> None:
    derive = DeriveAppealDeadline(
        on=date(2026, 8, 5), terms=replace(TWO_LEVELS, levels=(AppealLevel(name="a", days=365),))
    )
    spec.when(OPEN, derive).then_kinds(DenialOpened)


def test_a_level_that_was_not_known_gets_its_day_when_the_payer_lists_it() -> None:
    story = (
        replace(OPEN, terms=FIRST_APPEAL),
        filed(1, date(2026, 5, 1)),
        decided(1, date(2026, 6, 1), terms=FIRST_APPEAL),
        DeriveAppealDeadline(on=date(2026, 6, 2), terms=TWO_LEVELS),
    )
    moved = spec.when(*story).only(AppealDeadlineMoved)
    assert (moved.previous_on, moved.clock.level) == (None, 2)


@pytest.mark.asyncio
async def test_a_listing_asks_every_open_denial_of_its_payer_once_claims_know_it() -> None:
    known: list[str] = []

    class Known:
        async def terms(self, tenant: str, payer_id: str) -> AppealTerms:
            assert known == ["payers"], "the listing is read before claims know it"
            return TWO_LEVELS

        async def open_denials(self, tenant: str, payer_id: str) -> list[str]:
            return [DENIAL_ID, "other"] if payer_id == "payer-1" else []

        async def payer_of(self, tenant: str, denial_id: str) -> str:
            return "payer-1"

    async def caught_up(reader: str, cause: Any) -> None:
        known.append(reader)

    deadlines = DeriveDeadlines(appeals=Known(), caught_up=caught_up, payers_reader="payers", denials_reader="denials")
    listing = recorded(PayerListed(payer_id="payer-1", name="P", electronic_id="P1"))
    told = await deadlines.react_to_listing(listing)
    assert [(denial_id, command.terms) for denial_id, command in told] == [
        (DENIAL_ID, TWO_LEVELS),
        ("other", TWO_LEVELS),
    ]
