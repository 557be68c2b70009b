"""What must a comparison remember: whether its answer stands, and how far each difference has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, assert_never

from shared.events.contracts import (
    ClaimPaymentCompared,
    ComparisonWithdrawn,
    ContractComparisonEvent,
    OverpaymentFound,
    UnderpaymentFound,
    VarianceDisputed,
    VarianceReopened,
    VarianceResolved,
)

Found: TypeAlias = UnderpaymentFound | OverpaymentFound
State: TypeAlias = Literal["open", "disputed", "resolved", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    found: Found
    state: State = "open"
    dispute: VarianceDisputed | None = None
    resolution: VarianceResolved | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractComparison:
    compared: ClaimPaymentCompared | None = None  # of the answer that stands
    variances: Mapping[str, Variance] = field(default_factory=dict)

    @property
    def stands(self) -> bool:
        return self.compared is not None

    @property
    def unresolved(self) -> tuple[str, ...]:
        return tuple(name for name, each in self.variances.items() if each.state in ("open", "disputed"))


def evolve(comparison: ContractComparison, event: ContractComparisonEvent) -> ContractComparison:
    match event:
        case ClaimPaymentCompared():
            return replace(comparison, compared=event)
        case UnderpaymentFound() | OverpaymentFound():
            return _with(comparison, event.variance_id, Variance(found=event))
        case ComparisonWithdrawn():
            closed = {
                name: replace(each, state="withdrawn") if name in event.variance_ids else each
                for name, each in comparison.variances.items()
            }
            return replace(comparison, compared=None, variances=closed)
        case VarianceDisputed():
            there = comparison.variances[event.variance_id]
            return _with(comparison, event.variance_id, replace(there, state="disputed", dispute=event))
        case VarianceResolved():
            there = comparison.variances[event.variance_id]
            return _with(comparison, event.variance_id, replace(there, state="resolved", resolution=event))
        case VarianceReopened():
            there = comparison.variances[event.variance_id]
            state: State = "disputed" if there.dispute else "open"
            return _with(comparison, event.variance_id, replace(there, state=state, resolution=None))
        case _:
            assert_never(event)


def _with(comparison: ContractComparison, variance_id: str, variance: Variance) -> ContractComparison:
    return replace(comparison, variances={**comparison.variances, variance_id: variance})
