"""What happened to a claim, when, and when did we know?

Append-only: one row an event of the claim and of its denials, with both times, so that any past pair of clocks can be asked for.
The words hold ids, codes and money only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa

from shared.events.claims import (
    AttachmentAdded,
    AttachmentRemoved,
    AttachmentSent,
    CallRecorded,
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimBatched,
    ClaimClosed,
    ClaimCorrected,
    ClaimCreated,
    ClaimDenialSettled,
    ClaimDenied,
    ClaimEditedByRules,
    ClaimEvent,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimRepaired,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    InformationAnswered,
    InformationOverdue,
    InformationRequested,
    PayerControlNumberKnown,
    ReplacementClaimDue,
    ReplacementWithdrawn,
    SecondaryClaimDue,
)
from shared.events.denials import (
    AppealDeadlineMoved,
    AppealDecided,
    AppealDrafted,
    AppealFiled,
    AppealLetterWritten,
    ChecklistStepTicked,
    ChecklistStepUnticked,
    DenialAssigned,
    DenialAssignmentUndone,
    DenialEscalated,
    DenialEscalationSet,
    DenialEvent,
    DenialNoted,
    DenialNoteUndone,
    DenialOpened,
    DenialResolved,
    DenialSnoozed,
    DenialSnoozeUndone,
    DenialWriteOffApproved,
    DenialWriteOffRefused,
    DenialWriteOffRequested,
)
from shared.events.envelope import Recorded
from shared.events.values import DocumentReference
from shared.kernel.money import Money
from shared.runtime.projection import Projection, Put

claim_timeline = sa.Table(
    "claim_timeline",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False, default=""),
    sa.Column("event", sa.Text, nullable=False, default=""),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
    sa.Column("actor", sa.Text, nullable=False, default=""),
    sa.Column("correlation_id", sa.Text, nullable=False, default=""),
    sa.Column("causation_id", sa.Text),
    sa.Column("summary", sa.Text, nullable=False, default=""),
    sa.Column("document_id", sa.Text, nullable=False, default=""),
    sa.Column("place", sa.Text, nullable=False, default=""),
    sa.Column("position", sa.Text, nullable=False, default=""),
)


def apply(recorded: Recorded[ClaimEvent | DenialEvent]) -> Iterator[Put]:
    """The row of one event."""
    event = recorded.event
    source = _source(event)
    yield Put(
        table=claim_timeline.name,
        key=(_claim_id(event), recorded.stream, recorded.version),
        values={
            "event_id": str(recorded.event_id),
            "event": type(event).__name__,
            "occurred_at": recorded.occurred_at,
            "recorded_at": recorded.recorded_at,
            "actor": recorded.stored.actor,
            "correlation_id": recorded.stored.correlation_id,
            "causation_id": recorded.stored.causation_id,
            "summary": summary(event),
            "document_id": source.document_id if source else "",
            "place": source.place if source else "",
            "position": str(recorded.position),
        },
    )


def known_at(claim_id: str, *, as_of: datetime | None, known: datetime | None) -> sa.Select[Any]:
    """The rows of a claim that had happened by `as_of` and that we knew by `known`."""
    table = claim_timeline
    found = sa.select(table).where(table.c.claim_id == claim_id)
    if as_of is not None:
        found = found.where(table.c.occurred_at <= as_of)
    if known is not None:
        found = found.where(table.c.recorded_at <= known)
    return found


def _claim_id(event: ClaimEvent | DenialEvent) -> str:
    match event:
        case (
            DenialAssigned()
            | DenialAssignmentUndone()
            | DenialNoted()
            | DenialNoteUndone()
            | DenialSnoozed()
            | DenialSnoozeUndone()
            | DenialWriteOffRequested()
            | DenialWriteOffRefused()
            | AppealDrafted()
            | AppealLetterWritten()
            | AppealFiled()
            | AppealDecided()
            | AppealDeadlineMoved()
            | ChecklistStepTicked()
            | ChecklistStepUnticked()
            | DenialEscalationSet()
            | DenialEscalated()
            | DenialResolved()
        ):
            return event.denial_id.partition("-")[0]  # a denial's id begins with its claim's
        case _:
            return event.claim_id


def _source(event: ClaimEvent | DenialEvent) -> DocumentReference | None:
    match event:
        case ClaimSubmitted():
            return event.document
        case ClaimRejected() | ClaimAccepted() | ClaimStatusReported() | InformationRequested():
            return event.source
        case AppealLetterWritten():
            return event.letter
        case AttachmentAdded():
            return event.document
        case _:
            return None


def _money(cents: int) -> str:
    return str(Money(cents))


def summary(event: ClaimEvent | DenialEvent) -> str:
    """One sentence a biller would say."""
    match event:
        case ClaimCreated():
            return (
                f"Claim over {_money(event.services.charged_cents)} to payer {event.rank}, frequency {event.frequency}"
            )
        case ClaimScrubbed():
            return _scrubbed(event)
        case ClaimRepaired():
            return f"Repaired by {_changes(event)}"
        case ClaimEditedByRules():
            return f"Edited by {_changes(event)}"
        case ClaimHeld():
            return f"Held: {event.reason}"
        case ClaimReleased():
            return f"Released as version {event.version} to {event.partner_id}"
        case ClaimBatched():
            return f"Put in batch {event.batch_id}"
        case ClaimSubmitted() if event.mailed_on is not None:
            return f"Mailed on {event.mailed_on} in batch {event.control_number} of {event.partner_id}"
        case ClaimSubmitted():
            return f"Sent in interchange {event.control_number} to {event.partner_id}"
        case ClaimRejected():
            return f"Rejected by {event.by} ({event.stage}): {', '.join(event.codes)}"
        case ClaimAccepted():
            return f"Accepted by {event.by} ({event.stage}): {', '.join(event.codes)}"
        case ClaimStatusRequested():
            return f"Payer asked for the status, question {event.trace_number}, attempt {event.attempt}"
        case ClaimStatusUnanswered():
            return f"No answer to question {event.trace_number}" + (": asked again later" if event.asks_again else "")
        case ClaimStatusReported():
            until = f"; asked again on {event.wait_until_on}" if event.wait_until_on else ""
            return f"Status reported: {', '.join(event.codes)}{until}"
        case InformationRequested():
            return f"Payer wants information by {event.due_on} ({event.asked_by}): {', '.join(event.codes)}".rstrip(
                ": "
            )
        case InformationOverdue():
            return f"What the payer wanted by {event.due_on} was not sent"
        case InformationAnswered():
            return f"Request for information answered: {event.how} {', '.join(event.attachment_ids)}".rstrip()
        case AttachmentAdded():
            came = f"goes on from claim {event.carried_from}" if event.carried_from else "added"
            return f"Attachment {event.attachment_id} {came}: report type {event.report_type}"
        case AttachmentRemoved():
            return f"Attachment {event.attachment_id} removed: {event.reason}"
        case AttachmentSent():
            return f"Attachment {event.attachment_id} sent by {event.method} {event.proof_number}".rstrip()
        case CallRecorded():
            return f"Payer called: {event.outcome}; again on {event.next_action_on}"
        case FollowUpDue():
            return f"No {event.waiting_for} since {event.since_on}: {event.next_action}"
        case ClaimAdjudicated():
            return _adjudicated(event)
        case ClaimDenied():
            return f"Denied {_money(event.denied_cents)} for {event.group}-{event.reason}"
        case ClaimDenialSettled():
            return f"Denial settled: {event.outcome}"
        case SecondaryClaimDue():
            return f"What is left goes to payer {event.next_rank} as claim {event.next_claim_id}"
        case ReplacementClaimDue():
            return f"To be {'voided' if event.frequency == '8' else 'replaced'} by claim {event.next_claim_id}: {event.reason}"
        case ReplacementWithdrawn():
            return _counts_again(event)
        case PayerControlNumberKnown():
            return f"The payer's number is {event.payer_control_number}"
        case CrossoverAwaited():
            return f"Forwarded by the payer to payer {event.next_rank}"
        case ClaimCorrected():
            return f"Corrected: {event.reason}"
        case ClaimVoided():
            return f"Voided: {event.reason}"
        case ClaimClosed():
            return f"Closed: {event.reason}"
        case DenialOpened():
            return f"Denial opened: {event.category}, {_money(event.denied_cents)}"
        case DenialAssigned():
            return f"Denial assigned to {event.assignee}"
        case DenialNoted():
            return f"Denial noted: {event.outcome_code}"
        case DenialAssignmentUndone():
            return f"Assignment undone: {event.assignee or 'nobody'} has the denial"
        case DenialNoteUndone():
            return "Note undone"
        case DenialSnoozed():
            why = f", not workable: {event.because}" if event.because else ""
            return f"Denial put off until {event.until_on}{why}"
        case DenialSnoozeUndone():
            return f"Put off no longer to that day: {event.until_on or 'it is in the queue'}"
        case DenialWriteOffRequested():
            return f"Write-off of {_money(event.amount_cents)} asked for: {event.reason}"
        case DenialWriteOffApproved():
            return f"Write-off of {_money(event.amount_cents)} approved by {event.approved_by}"
        case DenialWriteOffRefused():
            return f"Write-off refused: {event.reason}"
        case AppealDrafted():
            return f"Appeal of level {event.level} drafted with {len(event.evidence)} pieces of evidence"
        case AppealLetterWritten():
            return f"Letter of level {event.level} written"
        case AppealFiled():
            late = f", late: {event.late_because}" if event.late_because else ""
            return f"Appeal of level {event.level} filed{late}"
        case AppealDecided():
            return f"Appeal of level {event.level} decided: {event.outcome}"
        case AppealDeadlineMoved():
            return f"Last day to appeal moved from {event.previous_on or 'none'} to {event.clock.last_on}"
        case ChecklistStepTicked():
            return f"Step done: {event.step_id}"
        case ChecklistStepUnticked():
            return f"Step not done after all: {event.step_id}"
        case DenialEscalationSet():
            return f"Goes up on {event.escalates_on} unless worked" if event.rule else "Goes up to nobody"
        case DenialEscalated():
            return f"Escalated to {event.supervisor} after {event.workdays} workdays without work"
        case DenialResolved():
            return f"Denial resolved: {event.outcome}, {_money(event.recovered_cents)} recovered"


def _counts_again(event: ReplacementWithdrawn) -> str:
    opened = "; open again" if event.reopens_as else ""
    return f"Counts again, claim {event.next_claim_id} was withdrawn: {event.reason}{opened}"


def _scrubbed(event: ClaimScrubbed) -> str:
    rules = ", ".join(finding.rule for finding in event.findings)
    tags = f"; tagged {', '.join(event.tags)}" if event.tags else ""
    return f"Edits found {rules or 'nothing'}{tags}"


def _changes(event: ClaimRepaired | ClaimEditedByRules) -> str:
    return "; ".join(
        f"{each.rule_id} {each.rule_version}: {each.place} from {each.before or 'nothing'} to {each.after or 'nothing'}"
        for each in event.changes
    )


def _adjudicated(event: ClaimAdjudicated) -> str:
    if event.is_reversal:
        return f"Payer {event.rank} took its answer back: {_money(event.paid_cents)}"
    return (
        f"Payer {event.rank} paid {_money(event.paid_cents)}, "
        f"patient {_money(event.patient_responsibility_cents)}, denied {_money(event.denied_cents)}"
    )


projection = Projection(
    name="claims.timeline",
    version=4,
    tables=(claim_timeline,),
    reads={"claims": (*get_args(ClaimEvent), *get_args(DenialEvent))},
    apply=apply,
)


def submissions_of(claim_ids: Sequence[str]) -> sa.Select[Any]:
    """When each of these claims was sent, in the order of the claims and their versions."""
    table = claim_timeline
    return (
        sa.select(table)
        .where(table.c.claim_id.in_(claim_ids), table.c.event == ClaimSubmitted.__name__)
        .order_by(table.c.claim_id, table.c.version)
    )
