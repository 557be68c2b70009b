"""How does a denial that is let go leave the ledger?

The claims service decided it, with a second person where the amount needs one; here it is asked for and approved in their names, so
that it can be taken back like any other write-off. When the payer no longer owes as much, the ledger refuses and a person sees why.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import ApproveAdjustment, RequestAdjustment
from shared.events.denials import DenialWriteOffApproved

REASON = "denial"


def react(event: DenialWriteOffApproved) -> Iterator[RequestAdjustment | ApproveAdjustment]:
    """Both for the account of the claim, in this order."""
    yield RequestAdjustment(
        account_id=event.account_id,
        adjustment_id=event.denial_id,
        party=ledger.payer(event.payer_rank),
        reason=REASON,
        amount_cents=event.amount_cents,
        requested_by=event.requested_by,
    )
    yield ApproveAdjustment(adjustment_id=event.denial_id, approved_by=event.approved_by)
