"""What must be remembered of an account until it can be billed?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from shared.events.claims import (
    AccountIsSelfPay,
    AccountReadyToBill,
    BillingCancelled,
    BillingCaseEvent,
    ChargesNoted,
    CoverageNoted,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingCase:
    """Nothing is concluded from what has not been heard: both `charges` and `coverage` must have been said."""

    charges: ChargesNoted | None = None
    coverage: CoverageNoted | None = None
    claim_id: str = ""  # of the first claim, once the account was ready
    is_self_pay: bool = False
    cancelled_at_release: int | None = None  # charges of a later release open the case again


def evolve(case: BillingCase, event: BillingCaseEvent) -> BillingCase:
    match event:
        case ChargesNoted():
            return replace(case, charges=event, cancelled_at_release=None)
        case CoverageNoted():
            return replace(case, coverage=event)
        case AccountReadyToBill():
            return replace(case, claim_id=event.claim_id, is_self_pay=False)
        case AccountIsSelfPay():
            return replace(case, is_self_pay=True)
        case BillingCancelled():
            return replace(case, cancelled_at_release=case.charges.release if case.charges else 0)
        case _:
            assert_never(event)
