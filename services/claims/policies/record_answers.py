"""What do a payer's answers, as the ledger took them, mean for the claim and its denials?

One policy for payment, denial and reversal: on one claim account they happen in order, so that a reversal never overtakes the
denial that it ends. Source: 005010X221A1 (835), read by payments.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from services.claims.domain.claim.commands import (
    ClaimCommand,
    RecordAdjudication,
    RecordDenial,
    RecordReversal,
    RecordStatus,
)
from services.claims.domain.claim.numbering import answered_claim
from services.claims.domain.denial.appeals import AppealTerms
from services.claims.domain.denial.commands import OpenDenial, denial_id_of
from shared.events.claims import PriorAdjudication
from shared.events.envelope import Recorded
from shared.events.payments import ClaimAnswerNoted, ClaimDeniedByPayer, ClaimPaymentPosted, ClaimPaymentReversed

PAYMENTS = (ClaimPaymentPosted, ClaimAnswerNoted, ClaimDeniedByPayer, ClaimPaymentReversed)

Told: TypeAlias = tuple[str, ClaimCommand | OpenDenial]


def react(recorded: Recorded[Any], terms: AppealTerms) -> list[Told]:
    """The claim or denial and what is told to it. `terms`: of the payer that answers."""
    match recorded.event:
        case ClaimPaymentPosted() as event:
            claim_id = answered_claim(event.claim_id, account_id=event.account_id, rank=event.payer_rank)
            return [(claim_id, _adjudication(event))]
        case ClaimAnswerNoted() as event:
            claim_id = answered_claim(event.claim_id, account_id=event.account_id, rank=1)
            code = f"CLP02:{event.claim_status}"
            return [(claim_id, RecordStatus(category=code, codes=(code,), source=event.source))]
        case ClaimDeniedByPayer() as event:
            return _denial(event, terms)
        case ClaimPaymentReversed() as event:
            claim_id = answered_claim(event.claim_id, account_id=event.account_id, rank=event.payer_rank)
            return [(claim_id, _reversal(event))]
        case _:
            return []


def _adjudication(event: ClaimPaymentPosted) -> RecordAdjudication:
    return RecordAdjudication(
        remittance_id=event.remittance_id,
        ordinal=event.ordinal,
        answer=PriorAdjudication(
            rank=event.payer_rank,
            payer_id=event.payer_id,
            paid_cents=event.paid_cents,
            adjudicated_on=event.payment_on,
            payer_control_number=event.payer_control_number,
            adjustments=event.adjustments,
            lines=event.lines,
        ),
        patient_responsibility_cents=event.patient_responsibility_cents,
        denied_cents=event.denied_cents,
        next_rank=event.next_rank,
        is_forwarded=event.forwarded,
    )


def _denial(event: ClaimDeniedByPayer, terms: AppealTerms) -> list[Told]:
    claim_id = answered_claim(event.claim_id, account_id=event.account_id, rank=event.payer_rank)
    denial_id = denial_id_of(
        claim_id=claim_id, remittance_id=event.remittance_id, group=event.group, reason=event.reason
    )
    noted = RecordDenial(
        denial_id=denial_id,
        remittance_id=event.remittance_id,
        denied_cents=event.denied_cents,
        group=event.group,
        reason=event.reason,
    )
    opened = OpenDenial(
        denial_id=denial_id,
        claim_id=claim_id,
        account_id=event.account_id,
        payer_id=event.payer_id,
        remittance_id=event.remittance_id,
        denied_cents=event.denied_cents,
        group=event.group,
        reason=event.reason,
        remarks=event.remarks,
        line_ids=event.line_ids,
        denied_on=event.payment_on,
        terms=terms,
    )
    return [(claim_id, noted), (denial_id, opened)]


def _reversal(event: ClaimPaymentReversed) -> RecordReversal:
    return RecordReversal(
        remittance_id=event.remittance_id,
        ordinal=event.ordinal,
        reverses_remittance_id=event.reverses_remittance_id,
        reverses_ordinal=event.reverses_ordinal,
        rank=event.payer_rank,
        paid_cents=event.paid_cents,
        reversed_on=event.payment_on,
    )
