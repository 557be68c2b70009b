"""Which claim follows from what claims themselves have decided?

An account that is ready becomes a claim; an answered claim leads to the next payer's; a sent claim that must change leads to its
replacement. The claim that is commanded decides whether it is new, corrected or in turn replaced.
"""

from __future__ import annotations

from typing import Any

from services.claims.domain.claim.commands import (
    ClaimCommand,
    CreateClaim,
    EndCoverage,
    LearnPayerControlNumber,
    VoidClaim,
)
from shared.events.claims import (
    AccountIsSelfPay,
    AccountReadyToBill,
    BillingCancelled,
    PayerControlNumberKnown,
    ReplacementClaimDue,
    SecondaryClaimDue,
)
from shared.events.envelope import Recorded

CLAIMS = (
    AccountReadyToBill,
    AccountIsSelfPay,
    BillingCancelled,
    SecondaryClaimDue,
    ReplacementClaimDue,
    PayerControlNumberKnown,
)
PRIMARY = 1


def react(recorded: Recorded[Any]) -> list[tuple[str, ClaimCommand]]:
    """The claim and what is asked of it."""
    on = recorded.recorded_at.date()
    match recorded.event:
        case AccountReadyToBill() as event:
            return [
                (
                    event.claim_id,
                    CreateClaim(
                        claim_id=event.claim_id,
                        account_id=event.account_id,
                        patient_id=event.patient_id,
                        rank=PRIMARY,
                        coverages=event.coverages,
                        patient=event.patient,
                        services=event.services,
                        on=on,
                    ),
                )
            ]
        case SecondaryClaimDue() as event:
            return [
                (
                    event.next_claim_id,
                    CreateClaim(
                        claim_id=event.next_claim_id,
                        account_id=event.account_id,
                        patient_id=event.patient_id,
                        rank=event.next_rank,
                        coverages=event.coverages,
                        patient=event.patient,
                        services=event.services,
                        prior=event.prior,
                        on=on,
                    ),
                )
            ]
        case ReplacementClaimDue() as event:
            return [
                (
                    event.next_claim_id,
                    CreateClaim(
                        claim_id=event.next_claim_id,
                        account_id=event.account_id,
                        patient_id=event.patient_id,
                        rank=event.rank,
                        frequency=event.frequency,
                        replaces_payer_control_number=event.payer_control_number,
                        coverages=event.coverages,
                        patient=event.patient,
                        services=event.services,
                        prior=event.prior,
                        attachments=event.attachments,
                        on=on,
                    ),
                )
            ]
        case PayerControlNumberKnown() as event:
            learn = LearnPayerControlNumber(payer_control_number=event.payer_control_number, on=on)
            return [(event.next_claim_id, learn)]
        case AccountIsSelfPay() as event if event.claim_id:
            return [(event.claim_id, EndCoverage(on=on))]
        case BillingCancelled() as event if event.claim_id:
            return [(event.claim_id, VoidClaim(reason=event.reason))]
        case _:
            return []
