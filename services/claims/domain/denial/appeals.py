"""Until when, and against what, can a payer's decision be appealed?

A payer's listing names its levels. Medicare's are known by law and are taken when its listing has none: 42 CFR 405.942 (redetermination),
405.962 (reconsideration), 405.1014 (hearing), 405.1102 (council), 405.1136 (court); each counts from the receipt of the notice before,
which is presumed five days after its date (405.942(a)(1), 405.962(a)(1), 405.1002(a)(3), 405.1102(a)(2), 405.1136(c)). Of any other payer
only the days of a first appeal are assumed, by a setting, and of later levels nothing. Where the law gives no appeal the reason is named:
42 CFR 405.926(n) (Medicare: a claim filed late is no initial determination) and remark MA130 (a claim that could not be processed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from services.claims.domain.filing import on_workday, workdays_later
from shared.events.denials import AppealClock
from shared.events.eligibility import AppealLevel

Source: TypeAlias = Literal["payer-listing", "medicare", "setting"]

MEDICARE = frozenset({"MA", "MB"})  # SBR09; Medicare Advantage (16) has rules of its own
MEDICARE_LEVELS = tuple(
    AppealLevel(name=name, days=days, counts_from="receipt", receipt_days=5)
    for name, days in (
        ("redetermination", 120),
        ("reconsideration", 180),
        ("hearing", 60),
        ("council-review", 60),
        ("judicial-review", 60),
    )
)
UNPROCESSABLE = "MA130"  # remark: no appeal rights are afforded, send a new claim
FILED_LATE = "29"
NO_APPEAL: dict[str, str] = {
    "medicare-timely-filing": "Medicare does not take a claim that was filed late for an initial determination: "
    "there is no appeal, only a request for an exception (42 CFR 405.926(n), 424.44(b))",
    "unprocessable": "the payer could not process the claim (MA130): it was rejected rather than denied, and a new claim is sent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealTerms:
    """The levels of one payer as they are known now. `is_complete`: there is no level behind the last of them."""

    levels: tuple[AppealLevel, ...]
    source: Source
    version: int = 0
    is_medicare: bool = False

    @property
    def is_complete(self) -> bool:
        return self.source != "setting"


def terms_of(
    listed: Sequence[AppealLevel], *, version: int, filing_indicator: str, first_appeal_days: int
) -> AppealTerms:
    """What is listed; else Medicare's own levels; else a first appeal within the usual days."""
    is_medicare = filing_indicator in MEDICARE
    if listed:
        return AppealTerms(levels=tuple(listed), source="payer-listing", version=version, is_medicare=is_medicare)
    if is_medicare:
        return AppealTerms(levels=MEDICARE_LEVELS, source="medicare", is_medicare=True)
    return AppealTerms(levels=(AppealLevel(name="appeal", days=first_appeal_days),), source="setting")


def clock_of(terms: AppealTerms, *, level: int, decided_on: date) -> AppealClock | None:
    """The last day for a level against a decision of that date; None where the payer has no such level, or none is known."""
    if level > len(terms.levels):
        return None
    rule = terms.levels[level - 1]
    return AppealClock(
        level=level,
        name=rule.name,
        from_on=decided_on,
        days=rule.days,
        counts=rule.counts,
        receipt_days=rule.receipt_days if rule.counts_from == "receipt" else 0,
        moves_to_workday=rule.moves_to_workday,
        last_on=last_day(rule, decided_on),
        source=terms.source,
        rule_version=terms.version,
    )


def last_day(rule: AppealLevel, decided_on: date) -> date:
    """The last day on which an appeal against a decision of that date is in time."""
    received_on = decided_on + timedelta(days=rule.receipt_days if rule.counts_from == "receipt" else 0)
    last_on = (
        workdays_later(received_on, rule.days)
        if rule.counts == "business-days"
        else received_on + timedelta(days=rule.days)
    )
    return on_workday(last_on) if rule.moves_to_workday else last_on


def why_no_appeal(terms: AppealTerms, *, reason: str, remarks: Sequence[str]) -> str:
    """The name of what keeps a denial from being appealed (`NO_APPEAL`); empty when nothing does."""
    if UNPROCESSABLE in remarks:
        return "unprocessable"
    if terms.is_medicare and reason == FILED_LATE:
        return "medicare-timely-filing"
    return ""


def is_same_rule(one: AppealClock | None, other: AppealClock | None) -> bool:
    """Whether two clocks say the same, whichever listing they were read in."""
    return _said(one) == _said(other)


def _said(clock: AppealClock | None) -> tuple[object, ...] | None:
    if clock is None:
        return None
    return (clock.level, clock.name, clock.from_on, clock.days, clock.counts, clock.receipt_days, clock.last_on)


def in_words(clock: AppealClock) -> str:
    """The rule behind a last day, as a person says it."""
    kind = "business" if clock.counts == "business-days" else "calendar"
    receipt = f", presumed received {clock.receipt_days} days later" if clock.receipt_days else ""
    workday = ", moved to a workday" if clock.moves_to_workday else ""
    whose = {
        "payer-listing": f"the payer's listing, version {clock.rule_version}",
        "medicare": "Medicare's levels, 42 CFR part 405 subpart I",
        "setting": "the usual days of a first appeal",
    }[clock.source]
    return f"{clock.name}: {clock.days} {kind} days from the notice of {clock.from_on}{receipt}{workday} ({whose})"
