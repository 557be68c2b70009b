"""What does the fate of an interchange mean for the claims in it?

One policy for sending, acknowledgement and silence: within one batch they happen in order, so that a rejection never overtakes
the submission that it rejects. A rejected set of several claims is taken apart: each goes again alone, so that only the one at
fault comes back a second time. Sources: X12 TA1, 005010X231A1 (999).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from services.claims.domain.claim.commands import (
    ClaimCommand,
    MarkFollowUp,
    RecordRejection,
    RecordSubmission,
    RejectionStage,
    ReleaseClaim,
)
from shared.events.batches import BatchMailed, InterchangeAcknowledged, InterchangeSent, InterchangeUnanswered
from shared.events.envelope import Recorded

CLAIMS = (InterchangeSent, BatchMailed, InterchangeAcknowledged, InterchangeUnanswered)


def react(recorded: Recorded[Any]) -> list[tuple[str, ClaimCommand]]:
    """The claim and what is told to it."""
    match recorded.event:
        case InterchangeSent() as event:
            return _submitted(event)
        case BatchMailed() as event:
            return _submitted(event, mailed_on=event.mailed_on)
        case InterchangeAcknowledged() as event:
            return _returned(event, recorded.recorded_at.date())
        case InterchangeUnanswered() as event:
            mark = MarkFollowUp(
                waiting_for="999",
                since_on=event.sent_on,
                next_action="ask the partner whether the file arrived",
                batch_id=event.batch_id,
            )
            return [(claim_id, mark) for claim_id in event.claim_ids]
        case _:
            return []


def _submitted(event: InterchangeSent | BatchMailed, mailed_on: date | None = None) -> list[tuple[str, ClaimCommand]]:
    document = event.document
    if document is None:
        return []
    return [
        (
            claim.claim_id,
            RecordSubmission(
                partner_id=event.partner_id,
                batch_id=event.batch_id,
                control_number=event.control_number,
                document=document,
                answer_days=claim.answer_days,
                mailed_on=mailed_on,
            ),
        )
        for claim in event.claims
    ]


def _returned(event: InterchangeAcknowledged, on: date) -> list[tuple[str, ClaimCommand]]:
    """Back to work; those that were rejected with others of their set go again at once, each alone."""
    returned: list[tuple[str, ClaimCommand]] = [(claim_id, _rejected(event)) for claim_id in event.rejected_claim_ids]
    again = ReleaseClaim(on=on, rejected_in=event.batch_id)
    return [*returned, *((claim_id, again) for claim_id in event.shared_claim_ids)]


def _rejected(event: InterchangeAcknowledged) -> RecordRejection:
    stage: RejectionStage = "interchange" if event.kind == "TA1" else "functional-group"
    return RecordRejection(
        by=event.partner_id,
        stage=stage,
        codes=tuple(f"{event.kind}:{code}" for code in event.codes) or (f"{event.kind}:R",),
        control_number=event.control_number,
        source=event.source,
    )
