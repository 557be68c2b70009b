"""What does a payer want before it decides, what did we send it, and what was said on the phone?

A request stays open until it is answered by hand or by documents; its day comes from the payer, or is the usual time. A document's
control number is the claim's own number with an ordinal, so that it is unique wherever it is sent.
Source: ASC X12N 005010X222A1 PWK (report type, transmission, attachment control number).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TypeAlias, assert_never

from services.claims.domain.claim.paperwork_commands import (
    AddAttachment,
    AnswerInformation,
    MarkInformationOverdue,
    PaperworkCommand,
    RecordAttachmentSent,
    RecordCall,
    RemoveAttachment,
    RequestInformation,
)
from services.claims.domain.claim.state import UNANSWERED, Claim, Stage
from services.claims.domain.errors import (
    AttachmentAlreadySent,
    AttachmentUnknown,
    ClaimIsVoided,
    ClaimNotSubmitted,
    DaysOutOfOrder,
    RequestUnknown,
    TooManyAttachments,
)
from shared.events.claims import (
    AttachmentAdded,
    AttachmentRemoved,
    AttachmentSent,
    CallRecorded,
    CarriedAttachment,
    ClaimCreated,
    InformationAnswered,
    InformationOverdue,
    InformationRequested,
)

PaperworkEvent: TypeAlias = (
    InformationRequested
    | InformationOverdue
    | InformationAnswered
    | AttachmentAdded
    | AttachmentRemoved
    | AttachmentSent
    | CallRecorded
)

ATTACHMENTS_MAX = 10  # PWK segments of a claim


def decide(command: PaperworkCommand, claim: Claim, content: ClaimCreated) -> Sequence[PaperworkEvent]:
    match command:
        case RequestInformation():
            return _request(command, claim, content)
        case AnswerInformation():
            return _answer(command, claim, content)
        case MarkInformationOverdue():
            return _overdue(command, claim, content)
        case AddAttachment():
            return _add(command, claim, content)
        case RemoveAttachment():
            return _remove(command, claim, content)
        case RecordAttachmentSent():
            return _sent(command, claim, content)
        case RecordCall():
            return _call(command, claim, content)
        case _:
            assert_never(command)


# ---- requests for information --------------------------------------------------------------------------------------


def next_request_id(claim: Claim, content: ClaimCreated) -> str:
    return f"{content.claim_id}-R{claim.requests_made + 1}"


def _request(command: RequestInformation, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    """A day that has passed is taken as it is: the request is overdue at once."""
    if claim.submissions == 0:
        raise ClaimNotSubmitted("the claim was never sent: nobody can ask about it", claim=content.claim_id)
    if command.due_on < command.asked_on:
        raise DaysOutOfOrder(
            "the answer is due on the day of the request or later",
            asked_on=command.asked_on.isoformat(),
            due_on=command.due_on.isoformat(),
        )
    return [
        InformationRequested(
            claim_id=content.claim_id,
            request_id=next_request_id(claim, content),
            asked_by=command.asked_by,
            codes=command.codes,
            due_on=command.due_on,
            is_due_stated=True,
            reference_number=command.reference_number,
            details=command.details,
            by=command.by,
        )
    ]


def _answer(command: AnswerInformation, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    """The documents that answer it must have been sent."""
    _open_request(command.request_id, claim)
    for attachment_id in command.attachment_ids:
        _attachment(attachment_id, claim)
        if attachment_id not in claim.attachments_sent:
            raise AttachmentUnknown("the attachment was not sent: record that first", attachment=attachment_id)
    if command.how == "attachments" and not command.attachment_ids:
        raise AttachmentUnknown("name the attachments that answer the request", request=command.request_id)
    waits = claim.stage in UNANSWERED
    return [
        InformationAnswered(
            claim_id=content.claim_id,
            request_id=command.request_id,
            how=command.how,
            attachment_ids=command.attachment_ids,
            answered_on=command.on,
            reference_number=command.reference_number,
            wait_until_on=command.on + timedelta(days=command.wait_days) if waits else None,
            by=command.by,
        )
    ]


def _open_request(request_id: str, claim: Claim) -> InformationRequested:
    found = next((each for each in claim.requests if each.request_id == request_id), None)
    if found is None:
        raise RequestUnknown("no such request is open on the claim", request=request_id)
    return found


def _overdue(command: MarkInformationOverdue, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    """Only while the claim is open and nobody has answered."""
    found = next((each for each in claim.requests if each.request_id == command.request_id), None)
    if found is None or claim.stage in (Stage.CLOSED, Stage.VOIDED):
        return []
    return [InformationOverdue(claim_id=content.claim_id, request_id=found.request_id, due_on=found.due_on)]


# ---- documents -----------------------------------------------------------------------------------------------------


def _add(command: AddAttachment, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    """The same document twice is one attachment."""
    if claim.stage is Stage.VOIDED:
        raise ClaimIsVoided("the claim was voided", claim=content.claim_id)
    document_id = command.document.document_id
    if any(each.document.document_id == document_id for each in claim.attachments):
        return []
    if len(claim.attachments) >= ATTACHMENTS_MAX:
        raise TooManyAttachments(f"a claim names {ATTACHMENTS_MAX} attachments at most", claim=content.claim_id)
    return [
        AttachmentAdded(
            claim_id=content.claim_id,
            attachment_id=f"{content.claim_id}A{claim.attachments_made + 1}",
            report_type=command.report_type,
            transmission=command.transmission,
            document=command.document,
            media_type=command.media_type,
            size_bytes=command.size_bytes,
            description=command.description,
            by=command.by,
        )
    ]


def to_carry(claim: Claim, content: ClaimCreated) -> tuple[CarriedAttachment, ...]:
    """For the claim that replaces this one: the payer finds a document by the number that it was announced or sent under."""
    return tuple(_carried(each, claim.attachments_sent.get(each.attachment_id), content) for each in claim.attachments)


def _carried(added: AttachmentAdded, sent: AttachmentSent | None, content: ClaimCreated) -> CarriedAttachment:
    return CarriedAttachment(
        claim_id=added.carried_from or content.claim_id,
        attachment_id=added.attachment_id,
        report_type=added.report_type,
        transmission=added.transmission,
        document=added.document,
        media_type=added.media_type,
        size_bytes=added.size_bytes,
        description=added.description,
        by=added.by,
        method=sent.method if sent else "",
        sent_on=sent.sent_on if sent else None,
        proof_number=sent.proof_number if sent else "",
    )


def carry(told: Sequence[CarriedAttachment], claim: Claim, content: ClaimCreated) -> Iterator[PaperworkEvent]:
    """What the claim before had, unless it is here already."""
    known = {each.attachment_id for each in claim.attachments}
    for each in told:
        if each.attachment_id in known:
            continue
        yield AttachmentAdded(
            claim_id=content.claim_id,
            attachment_id=each.attachment_id,
            report_type=each.report_type,
            transmission=each.transmission,
            document=each.document,
            media_type=each.media_type,
            size_bytes=each.size_bytes,
            description=each.description,
            by=each.by,
            carried_from=each.claim_id,
        )
        if each.method and each.sent_on and each.attachment_id not in claim.attachments_sent:
            yield AttachmentSent(
                claim_id=content.claim_id,
                attachment_id=each.attachment_id,
                method=each.method,
                sent_on=each.sent_on,
                proof_number=each.proof_number,
                by=each.by,
            )


def _remove(command: RemoveAttachment, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    """What came along from the claim before is dropped while this one has not left: there it stays."""
    added = _attachment(command.attachment_id, claim)
    is_ours_to_drop = added.carried_from and claim.submissions == 0 and claim.stage is not Stage.BATCHED
    if command.attachment_id in claim.attachments_sent and not is_ours_to_drop:
        raise AttachmentAlreadySent("what was sent stays with the claim", attachment=command.attachment_id)
    return [
        AttachmentRemoved(
            claim_id=content.claim_id, attachment_id=command.attachment_id, reason=command.reason, by=command.by
        )
    ]


def _sent(command: RecordAttachmentSent, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    _attachment(command.attachment_id, claim)
    _refuse_days_ahead("sent_on", command.sent_on, command.on)
    return [
        AttachmentSent(
            claim_id=content.claim_id,
            attachment_id=command.attachment_id,
            method=command.method,
            sent_on=command.sent_on,
            proof_number=command.proof_number,
            by=command.by,
        )
    ]


def _attachment(attachment_id: str, claim: Claim) -> AttachmentAdded:
    found = next((each for each in claim.attachments if each.attachment_id == attachment_id), None)
    if found is None:
        raise AttachmentUnknown("the claim has no such attachment", attachment=attachment_id)
    return found


# ---- calls ---------------------------------------------------------------------------------------------------------


def _call(command: RecordCall, claim: Claim, content: ClaimCreated) -> list[PaperworkEvent]:
    if claim.submissions == 0:
        raise ClaimNotSubmitted("the claim was never sent: there is nothing to call about", claim=content.claim_id)
    _refuse_days_ahead("called_on", command.called_on, command.on)
    if command.next_action_on <= command.on:
        raise DaysOutOfOrder(
            "the claim is looked at again on a day that is still to come",
            next_action_on=command.next_action_on.isoformat(),
        )
    return [
        CallRecorded(
            claim_id=content.claim_id,
            called_on=command.called_on,
            outcome=command.outcome,
            reference_number=command.reference_number,
            spoke_with=command.spoke_with,
            note=command.note,
            next_action_on=command.next_action_on,
            waits=claim.stage in UNANSWERED,
            by=command.by,
        )
    ]


def _refuse_days_ahead(place: str, day: date, on: date) -> None:
    if day > on:
        raise DaysOutOfOrder("what happened did not happen tomorrow", **{place: day.isoformat()})
