"""How does an interchange leave exactly once, and what does its acknowledgement send back?

The bytes and the file name are stored before anything is sent, so that a retry sends the same bytes under the same name. Printed claims
leave when a person says that they were mailed; nobody acknowledges them.
Sources: X12 TA1 and 005010X231A1 (999): a rejected interchange or set was never received, and its claims are work again.
"""

from __future__ import annotations

from typing import assert_never

from services.claims.domain.batch.commands import (
    AbandonBatch,
    BatchCommand,
    MarkSent,
    MarkUnanswered,
    RecordAcknowledgement,
    RecordMailing,
    Reprint,
    StoreInterchange,
)
from services.claims.domain.batch.state import Batch, evolve
from services.claims.domain.errors import (
    BatchAlreadyAbandoned,
    BatchAlreadyMailed,
    BatchAlreadyStored,
    BatchNotOnPaper,
    BatchUnknown,
    MailedInTheFuture,
)
from shared.events.batches import (
    BatchAbandoned,
    BatchEvent,
    BatchMailed,
    BatchReprinted,
    InterchangeAcknowledged,
    InterchangeSent,
    InterchangeStored,
    InterchangeUnanswered,
)
from shared.kernel.decider import Decider


def decide(command: BatchCommand, batch: Batch) -> list[BatchEvent]:
    match command:
        case StoreInterchange():
            return _store(command, batch)
        case AbandonBatch():
            return _abandon(command, batch)
        case MarkSent():
            return _mark_sent(batch)
        case RecordMailing():
            return _record_mailing(command, batch)
        case Reprint():
            return _reprint(command, batch)
        case RecordAcknowledgement():
            return _record_acknowledgement(command, batch)
        case MarkUnanswered():
            return _mark_unanswered(command, batch)
        case _:
            assert_never(command)


def _store(command: StoreInterchange, batch: Batch) -> list[BatchEvent]:
    if batch.is_abandoned:
        raise BatchAlreadyAbandoned("this batch was given up", batch=command.batch_id)
    if batch.stored is not None:
        raise BatchAlreadyStored("the bytes of this batch are stored", batch=command.batch_id)
    return [
        InterchangeStored(
            partner_id=command.partner_id,
            batch_id=command.batch_id,
            control_number=command.control_number,
            file_name=command.file_name,
            document=command.document,
            medium=command.medium,
            claim_ids=tuple(claim.claim_id for one in command.sets for claim in one.claims),
            refused_claim_ids=command.refused_claim_ids,
            sets=command.sets,
        )
    ]


def _abandon(command: AbandonBatch, batch: Batch) -> list[BatchEvent]:
    if batch.stored is not None:
        raise BatchAlreadyStored("the bytes of this batch are stored", batch=command.batch_id)
    if batch.is_abandoned:
        return []
    return [
        BatchAbandoned(
            partner_id=command.partner_id,
            batch_id=command.batch_id,
            control_number=command.control_number,
            refused_claim_ids=command.refused_claim_ids,
        )
    ]


def _mark_sent(batch: Batch) -> list[BatchEvent]:
    stored = _stored(batch)
    return [] if batch.is_sent else [_sent(stored, batch)]


def _record_mailing(command: RecordMailing, batch: Batch) -> list[BatchEvent]:
    """The day that was said first stands; the same day again is no news."""
    stored = _printed(batch)
    if batch.mailed is not None:
        if (batch.mailed.mailed_on, batch.mailed.tracking_number) == (command.mailed_on, command.tracking_number):
            return []
        raise BatchAlreadyMailed("this batch was mailed on another day", batch=stored.batch_id)
    if command.mailed_on > command.on:
        raise MailedInTheFuture("the day of mailing is past or today", mailed_on=command.mailed_on.isoformat())
    return [
        BatchMailed(
            partner_id=stored.partner_id,
            batch_id=stored.batch_id,
            control_number=stored.control_number,
            claims=batch.claims,
            document=stored.document,
            mailed_on=command.mailed_on,
            tracking_number=command.tracking_number,
            by=command.by,
        )
    ]


def _reprint(command: Reprint, batch: Batch) -> list[BatchEvent]:
    stored = _printed(batch)
    return [
        BatchReprinted(
            partner_id=stored.partner_id,
            batch_id=stored.batch_id,
            control_number=stored.control_number,
            copy_number=batch.copies + 1,
            reason=command.reason,
            by=command.by,
        )
    ]


def _printed(batch: Batch) -> InterchangeStored:
    stored = _stored(batch)
    if stored.medium != "paper":
        raise BatchNotOnPaper("this batch was not printed: it is sent by itself", batch=stored.batch_id)
    return stored


def _stored(batch: Batch) -> InterchangeStored:
    if batch.stored is None:
        raise BatchUnknown("no interchange was stored under this number")
    return batch.stored


def _sent(stored: InterchangeStored, batch: Batch) -> InterchangeSent:
    return InterchangeSent(
        partner_id=stored.partner_id,
        batch_id=stored.batch_id,
        control_number=stored.control_number,
        claims=batch.claims,
        document=stored.document,
    )


def _record_acknowledgement(command: RecordAcknowledgement, batch: Batch) -> list[BatchEvent]:
    """An acknowledgement proves the sending, should we have stopped between sending and noting it."""
    stored = _stored(batch)
    rejected = _newly_rejected(command, stored, batch)
    acknowledged = InterchangeAcknowledged(
        partner_id=stored.partner_id,
        batch_id=stored.batch_id,
        control_number=stored.control_number,
        kind=command.kind,
        status=command.status,
        codes=command.codes,
        rejected_claim_ids=rejected,
        shared_claim_ids=_rejected_together(command, stored, rejected),
        source=command.source,
    )
    return [*([] if batch.is_sent else [_sent(stored, batch)]), acknowledged]


def _newly_rejected(command: RecordAcknowledgement, stored: InterchangeStored, batch: Batch) -> tuple[str, ...]:
    """A 999 may reject the group without naming sets: then, as with a TA1, all of them."""
    is_all = command.status == "rejected" and (command.kind == "TA1" or not command.rejected_sets)
    rejected = [
        claim.claim_id
        for one in stored.sets
        if is_all or one.set_control_number in command.rejected_sets
        for claim in one.claims
    ]
    return tuple(claim_id for claim_id in rejected if claim_id not in batch.rejected_claim_ids)


def _rejected_together(
    command: RecordAcknowledgement, stored: InterchangeStored, rejected: tuple[str, ...]
) -> tuple[str, ...]:
    """One claim of a rejected set is at fault; which one shows when each goes again alone."""
    shared = {
        claim.claim_id
        for one in stored.sets
        if one.set_control_number in command.rejected_sets and len(one.claims) > 1
        for claim in one.claims
    }
    return tuple(claim_id for claim_id in rejected if claim_id in shared)


def _mark_unanswered(command: MarkUnanswered, batch: Batch) -> list[BatchEvent]:
    if batch.is_acknowledged:
        return []
    stored = _stored(batch)
    return [
        InterchangeUnanswered(
            partner_id=stored.partner_id,
            batch_id=stored.batch_id,
            control_number=stored.control_number,
            claim_ids=stored.claim_ids,
            sent_on=command.sent_on,
        )
    ]


batch: Decider[BatchCommand, BatchEvent, Batch] = Decider(decide=decide, evolve=evolve, initial=Batch())
