"""Which figures tell a manager how the practice does, and out of what are they computed?

Every figure keeps its numerator and denominator in whole cents or counts; a division by nothing is "no data", never zero. Sources: the
days in A/R of MGMA and AAFP (total A/R less credits, over gross charges of twelve months by 365), A/R over 90 days (HFMA MAP AR-1),
net collection rate (AAFP: payments over charges less contractual adjustments), denial rate by count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One figure. `value` is None where there is no data; `scale` says how it is written."""

    name: str
    formula: str
    numerator: int
    denominator: int
    scale: Literal["percent", "days"]
    inputs: Mapping[str, int]  # cents unless the name says otherwise
    goal: str
    is_good: bool | None

    @property
    def value(self) -> Fraction | None:
        return Fraction(self.numerator, self.denominator) if self.denominator else None

    @property
    def told(self) -> str:
        """To one decimal, half up."""
        if self.value is None:
            return "no data"
        tenths = int(self.value * (1000 if self.scale == "percent" else 10) + Fraction(1, 2))
        text = f"{tenths // 10}.{tenths % 10}"
        return f"{text} %" if self.scale == "percent" else f"{text} days"


def days_in_receivables(*, receivable_cents: int, credit_cents: int, charges_12_months_cents: int) -> Kpi:
    """(A/R less credits) over charges a day. Credits are given as a positive amount and raise what is owed to us."""
    owed = receivable_cents + credit_cents
    value = Fraction(owed * 365, charges_12_months_cents) if charges_12_months_cents else None
    return Kpi(
        name="Days in A/R",
        formula="(total A/R + credits) ÷ (gross charges of 12 months ÷ 365)",
        numerator=owed * 365,
        denominator=charges_12_months_cents,
        scale="days",
        inputs={
            "total A/R": receivable_cents,
            "credits": credit_cents,
            "charges of 12 months": charges_12_months_cents,
        },
        goal="below 40",
        is_good=None if value is None else value < 40,
    )


def share_older_than(*, days: int, older_cents: int, total_cents: int, goal_percent: int) -> Kpi:
    """A/R older than so many days, of all."""
    return Kpi(
        name=f"A/R over {days} days",
        formula=f"A/R older than {days} days ÷ total A/R",
        numerator=older_cents,
        denominator=total_cents,
        scale="percent",
        inputs={f"older than {days} days": older_cents, "total A/R": total_cents},
        goal=f"below {goal_percent} %",
        is_good=None if not total_cents else older_cents * 100 < goal_percent * total_cents,
    )


def net_collection_rate(*, payments_cents: int, refunds_cents: int, charges_cents: int, contractual_cents: int) -> Kpi:
    """What was collected of what could be."""
    collectable = charges_cents - contractual_cents
    collected = payments_cents - refunds_cents
    return Kpi(
        name="Net collection rate",
        formula="(payments − refunds) ÷ (charges − contractual adjustments)",
        numerator=collected,
        denominator=collectable,
        scale="percent",
        inputs={
            "payments": payments_cents,
            "refunds": refunds_cents,
            "charges": charges_cents,
            "contractual": contractual_cents,
        },
        goal="95 % and more",
        is_good=None if not collectable else collected * 100 >= 95 * collectable,
    )


def gross_collection_rate(*, payments_cents: int, charges_cents: int) -> Kpi:
    return Kpi(
        name="Gross collection rate",
        formula="payments ÷ gross charges",
        numerator=payments_cents,
        denominator=charges_cents,
        scale="percent",
        inputs={"payments": payments_cents, "charges": charges_cents},
        goal="no goal, a trend",
        is_good=None,
    )


def open_denials(*, denied_cents: int, total_cents: int) -> Kpi:
    """How much of what is owed stands under an open denial."""
    return Kpi(
        name="A/R under denial",
        formula="denied amount of open denials ÷ total A/R",
        numerator=denied_cents,
        denominator=total_cents,
        scale="percent",
        inputs={"denied, open": denied_cents, "total A/R": total_cents},
        goal="no goal, a trend",
        is_good=None,
    )
