"""How does a claim come to its end: replaced, voided, closed?

Source: X12 005010X222A1 (frequency codes), in our own words. A claim that reached the payer is replaced (7) or voided (8) under the payer's
control number; one that did not is simply ours to end.
"""

from __future__ import annotations

from typing import Literal

from services.claims.domain.claim.commands import (
    CloseClaim,
    CloseReason,
    EndReplaced,
    VoidClaim,
)
from services.claims.domain.claim.numbering import replacement_of
from services.claims.domain.claim.paperwork import to_carry
from services.claims.domain.claim.state import NEVER_AT_THE_PAYER, UNANSWERED, Claim, Stage
from services.claims.domain.errors import (
    ClaimAlreadySent,
    ClaimIsBeingSent,
    ClaimIsVoided,
    ClaimNotAnswered,
    ClaimSuperseded,
    DenialStillOpen,
)
from shared.events.claims import (
    ClaimClosed,
    ClaimCreated,
    ClaimEvent,
    ClaimVoided,
    ReplacementClaimDue,
)


def replacement(changed: ClaimCreated, claim: Claim, frequency: Literal["7", "8"], reason: str) -> ReplacementClaimDue:
    return ReplacementClaimDue(
        claim_id=changed.claim_id,
        next_claim_id=claim.next_claim_id or replacement_of(changed.claim_id),
        frequency=frequency,
        payer_control_number=claim.payer_control_number,
        rank=changed.rank,
        reason=reason,
        account_id=changed.account_id,
        patient_id=changed.patient_id,
        patient=changed.patient,
        services=changed.services,
        coverages=changed.coverages,
        prior=changed.prior,
        attachments=to_carry(claim, changed) if frequency == "7" else (),
    )


def void(command: VoidClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage is Stage.VOIDED:
        return []
    if claim.stage in NEVER_AT_THE_PAYER:
        _refuse_what_may_be_at_the_payer(claim, content)
        return [ClaimVoided(claim_id=content.claim_id, reason=command.reason), closed(content, "voided")]
    refuse_unless_sent(claim, content)
    if claim.next_claim_id:
        raise ClaimSuperseded("the claim was replaced: void the newer one", claim=claim.next_claim_id)
    return [replacement(content, claim, "8", command.reason)]


def _refuse_what_may_be_at_the_payer(claim: Claim, content: ClaimCreated) -> None:
    """A replacement that went out and did not come back may be in force, whoever says that the payer has no such claim."""
    if content.frequency != "1" and claim.submissions and not claim.returned_at:
        raise ClaimAlreadySent(
            "it was sent and not returned: the payer may have it", claim=content.claim_id, stage=claim.stage
        )


def end_replaced(command: EndReplaced, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """What the payer never answered, or refused altogether, it will not reverse either. Money that it paid it takes back first."""
    if (claim.next_claim_id, claim.next_frequency) != (command.next_claim_id, "7"):
        return []
    is_refused = claim.stage is Stage.ADJUDICATED and not any(each.adjudication.paid_cents for each in claim.answers)
    is_over = claim.stage in (*UNANSWERED, Stage.REJECTED) or is_refused
    return [closed(content, "replaced")] if is_over and not claim.open_denials else []


def end_void(claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if content.frequency != "8" or claim.stage in (Stage.CLOSED, Stage.VOIDED):
        return []
    if claim.stage in NEVER_AT_THE_PAYER:
        return [ClaimVoided(claim_id=content.claim_id, reason="taken-back-already"), closed(content, "voided")]
    return [closed(content, "nothing-due")]


def close(command: CloseClaim, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.stage is Stage.CLOSED:
        return []
    if claim.stage is not Stage.ADJUDICATED:
        raise ClaimNotAnswered("only an answered claim is closed", claim=content.claim_id, stage=claim.stage)
    if claim.open_denials:
        raise DenialStillOpen("a denial of this claim is still open", claim=content.claim_id)
    return [closed(content, command.reason)]


def closed(content: ClaimCreated, reason: CloseReason) -> ClaimClosed:
    return ClaimClosed(claim_id=content.claim_id, reason=reason)


def refuse_unless_sent(claim: Claim, content: ClaimCreated) -> None:
    """The claim is with a partner or payer, or the refusal says where it is instead."""
    if claim.stage is Stage.BATCHED:
        raise ClaimIsBeingSent("the claim is bound to a batch", claim=content.claim_id, batch=claim.batch_id)
    if claim.stage is Stage.VOIDED:
        raise ClaimIsVoided("the claim was voided", claim=content.claim_id)
