"""What may one ask of the comparison of an answer with the contract?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from services.payments.domain.contract_comparison.comparing import Compared
from shared.events.base import Sealed
from shared.events.payments import ClaimPaymentPosted


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordComparison:
    """An answer was posted, and `lines` is what it came to against the contracts that were known (`comparing.py`)."""

    posted: ClaimPaymentPosted
    lines: tuple[Compared, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawComparison:
    """The answer was taken back."""

    reason: Literal["payer", "unposted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeVariance:
    variance_id: str
    reference: str
    disputed_on: date
    note: Sealed[str] | None
    disputed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveVariance:
    variance_id: str
    outcome: Literal["recovered", "accepted"]
    reason: str
    recovered_cents: int
    resolved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenVariance:
    variance_id: str
    reason: str
    reopened_by: str


ContractComparisonCommand: TypeAlias = (
    RecordComparison | WithdrawComparison | DisputeVariance | ResolveVariance | ReopenVariance
)
