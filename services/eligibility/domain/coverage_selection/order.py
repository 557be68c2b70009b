"""In which order do coverages pay?

An order that somebody set comes first. Otherwise Medicaid pays last (42 CFR 433.139), before that the sender's ranks hold, and of two
with one rank the patient's own pays before one as a dependant (NAIC coordination of benefits model regulation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services.eligibility.domain.payer.directory import MEDICAID
from shared.events.eligibility import CoverageAdded, CoverageOrderSet, PayerListed

_SELF = "18"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """A coverage that holds on the date of service, and the payer that it names."""

    coverage: CoverageAdded
    payer: PayerListed


def order_in_force(orders: Sequence[CoverageOrderSet], on: date) -> CoverageOrderSet | None:
    """The order that was set last among those that hold on a day."""
    holding = [order for order in orders if order.effective_on is None or order.effective_on <= on]
    return holding[-1] if holding else None


def in_order(payables: Sequence[Payable], listed: Sequence[str]) -> list[Payable]:
    """Who pays first comes first, by the list of coverage ids that somebody set. The same member number at the same payer is one coverage, however often it was sent."""

    def place(payable: Payable) -> tuple[int, bool, int, bool, str]:
        coverage = payable.coverage
        position = listed.index(coverage.coverage_id) if coverage.coverage_id in listed else len(listed)
        is_last = payable.payer.filing_indicator == MEDICAID
        return (position, is_last, coverage.rank, coverage.relationship != _SELF, coverage.coverage_id)

    return list(_each_once(sorted(payables, key=place)))


def _each_once(payables: Sequence[Payable]) -> Iterator[Payable]:
    seen: set[tuple[str, str]] = set()
    for payable in payables:
        key = (payable.payer.payer_id, payable.coverage.member_index or payable.coverage.coverage_id)
        if key not in seen:
            seen.add(key)
            yield payable
