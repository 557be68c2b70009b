"""What people do about claims that wait for their payer, over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request

from services.claims.api.bodies import ClaimId
from services.claims.api.follow_up_bodies import (
    AnswerRequestBody,
    AttachmentId,
    AttachmentRow,
    CallBody,
    CallRow,
    FollowUpAnswer,
    RemoveBody,
    RequestBody,
    RequestId,
    RequestRow,
    SentBody,
    StatusQuestionRow,
    WordsRow,
)
from services.claims.domain.claim.commands import AskStatusNow, ClaimCommand, SendAgain
from services.claims.domain.claim.paperwork_commands import (
    AddAttachment,
    AnswerInformation,
    RecordAttachmentSent,
    RecordCall,
    RemoveAttachment,
    RequestInformation,
    Transmission,
)
from services.claims.domain.claim.state import Claim
from services.claims.domain.errors import AttachmentUnreadable, ClaimUnknown
from services.claims.policies.rules_in_force import RulesInForce
from services.claims.projections import follow_up
from shared.events.base import Sealed
from shared.events.values import DocumentReference
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.documents import Documents
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.vault import Opener, Vault
from shared.runtime.web import After, Caller, Done, caller, done, versioned_cause_of

Reader = Annotated[Caller, Depends(caller("claims:read-claims"))]
WordsReader = Annotated[Caller, Depends(caller("claims:read-follow-up-notes"))]
FollowUp = Annotated[Cause, Depends(versioned_cause_of("claims:follow-up-claim"))]
Release = Annotated[Cause, Depends(versioned_cause_of("claims:release-claim"))]
ReportType = Annotated[str, Query(pattern=r"^[0-9A-Z]{2}$", description="PWK01, such as OZ (support data) or 03.")]

_BEGINNINGS = {
    b"%PDF-": "application/pdf",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            name: {"schema": {"type": "string", "format": "binary"}} for name in sorted(set(_BEGINNINGS.values()))
        },
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the installation decided."""

    in_real_time: Callable[[str], frozenset[str]]  # the partners of a tenant that are asked in real time
    wait_days: int
    attachment_bytes_max: int


def router(
    commands: Commands,
    reads: ReadDatabase,
    documents: Documents,
    vault: Vault,
    claim: Aggregate,
    rules: RulesInForce,
    clock: Clock,
    terms: Terms,
) -> APIRouter:
    routes = APIRouter(tags=["follow-up"])

    async def handle(claim_id: str, command: ClaimCommand, cause: Cause) -> Done:
        command = await rules.given(cause.tenant, command)
        return done(await commands.handle(claim, claim_id.upper(), command, cause), "claims")

    async def sealed(claim_id: str, cause: Cause, field: str, words: str) -> Sealed[str] | None:
        if not words:
            return None
        return Sealed.fresh(await _patient_of(commands, claim, cause.tenant, claim_id), field, words)

    @routes.get("/claims/{claim_id}/follow-up")
    async def read_follow_up(claim_id: ClaimId, who: Reader, after: After = None) -> FollowUpAnswer:
        """What was asked, wanted, sent and said about a claim. Notes and names are sealed: `…/follow-up/words` opens them."""
        await reads.wait_for(follow_up.projection.name, after)
        async with reads.read(who.tenant) as connection:
            questions, requests, attachments, calls = [
                [dict(each) for each in await rows(connection, _of(table, claim_id, order))] for table, order in _TABLES
            ]
            positions = await reads.positions(connection, follow_up.projection.name)
        return FollowUpAnswer(
            questions=[StatusQuestionRow.model_validate(each) for each in questions],
            requests=[RequestRow.model_validate(each) for each in requests],
            attachments=[AttachmentRow.model_validate(each) for each in attachments],
            calls=[CallRow.model_validate(each) for each in calls],
            positions=positions,
        )

    @routes.get("/claims/{claim_id}/follow-up/words")
    async def read_words(claim_id: ClaimId, who: WordsReader, after: After = None) -> list[WordsRow]:
        """What people wrote down about requests and calls, oldest first. Every opening is on the record."""
        await reads.wait_for(follow_up.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, follow_up.words_of(claim_id.upper()))
        values: list[Sealed[Any]] = [Sealed(each["subject"], each["field"], each["token"]) for each in found]
        opener = Opener(actor=who.actor, purpose="follow-up-notes")
        texts = await vault.open_many(who.tenant, values, [str] * len(values), opener) if values else []
        return [
            WordsRow(about=each["about"], field=each["field"], text=text)
            for each, text in zip(found, texts, strict=True)
        ]

    @routes.post("/claims/{claim_id}/ask-status")
    async def ask_status(claim_id: ClaimId, cause: FollowUp) -> Done:
        """Ask the payer now, in real time, what became of the claim (276). The answer is an event of the claim."""
        command = AskStatusNow(asked_by=cause.actor, partners=terms.in_real_time(cause.tenant), on=clock.now().date())
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/send-again")
    async def send_again(claim_id: ClaimId, cause: Release) -> Done:
        """Send the claim once more, because its payer does not find it. The edits run again."""
        return await handle(claim_id, SendAgain(on=clock.now().date()), cause)

    @routes.post("/claims/{claim_id}/requests", status_code=201)
    async def request_information(claim_id: ClaimId, body: RequestBody, cause: FollowUp) -> Done:
        """Record what a payer wants, from its letter, its portal or a call. A 277 that asks records itself."""
        details = await sealed(claim_id, cause, "request_details", body.details)
        command = RequestInformation(**body.model_dump(exclude={"details"}), details=details, by=cause.actor)
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/requests/{request_id}/answer")
    async def answer_request(
        claim_id: ClaimId, request_id: RequestId, body: AnswerRequestBody, cause: FollowUp
    ) -> Done:
        """Say that a request is answered, by documents that were sent or by hand. Then the payer has its time again."""
        command = AnswerInformation(
            request_id=request_id.upper(),
            **body.model_dump(exclude={"attachment_ids"}),
            attachment_ids=tuple(each.upper() for each in body.attachment_ids),
            on=clock.now().date(),
            wait_days=terms.wait_days,
            by=cause.actor,
        )
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/attachments", status_code=201, openapi_extra=_BODY)
    async def add_attachment(
        claim_id: ClaimId, request: Request, cause: FollowUp, report_type: ReportType, transmission: Transmission
    ) -> Done:
        """Keep a document (the body: PDF, TIFF, JPEG or PNG) with a claim, sealed. Its number is `attachment_id` in
        `GET …/follow-up`, and goes out in PWK06 whenever the claim is sent from then on."""
        content = await request.body()
        media_type = _media_type(content, terms.attachment_bytes_max)
        await _patient_of(commands, claim, cause.tenant, claim_id)  # an unknown claim keeps nothing
        document_id = await documents.put(cause.tenant, content, "attachment")
        command = AddAttachment(
            report_type=report_type,
            transmission=transmission,
            document=DocumentReference(document_id=document_id),
            media_type=media_type,
            size_bytes=len(content),
            by=cause.actor,
        )
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/attachments/{attachment_id}/sent")
    async def record_sent(claim_id: ClaimId, attachment_id: AttachmentId, body: SentBody, cause: FollowUp) -> Done:
        """Record that a document went to the payer: how, when, and by which number that is proved."""
        command = RecordAttachmentSent(
            attachment_id=attachment_id.upper(), **body.model_dump(), on=clock.now().date(), by=cause.actor
        )
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/attachments/{attachment_id}/remove")
    async def remove_attachment(
        claim_id: ClaimId, attachment_id: AttachmentId, body: RemoveBody, cause: FollowUp
    ) -> Done:
        """Take a document from a claim that it does not belong to, unless it was sent.

        What came along from the claim that this one replaces is dropped until this one leaves.
        """
        command = RemoveAttachment(attachment_id=attachment_id.upper(), reason=body.reason, by=cause.actor)
        return await handle(claim_id, command, cause)

    @routes.post("/claims/{claim_id}/calls", status_code=201)
    async def record_call(claim_id: ClaimId, body: CallBody, cause: FollowUp) -> Done:
        """Record a call with the payer: its number, with whom, what came of it, and when the claim is looked at again."""
        command = RecordCall(
            called_on=body.called_on,
            outcome=body.outcome,
            reference_number=body.reference_number,
            spoke_with=await sealed(claim_id, cause, "spoke_with", body.spoke_with),
            note=await sealed(claim_id, cause, "note", body.note),
            next_action_on=body.next_action_on,
            on=clock.now().date(),
            by=cause.actor,
        )
        return await handle(claim_id, command, cause)

    return routes


_TABLES: tuple[tuple[sa.Table, str], ...] = (
    (follow_up.status_questions, "asked_at"),
    (follow_up.information_requests, "recorded_at"),
    (follow_up.attachments, "added_at"),
    (follow_up.calls, "recorded_at"),
)


def _of(table: sa.Table, claim_id: str, order: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(table).where(table.c.claim_id == claim_id.upper()).order_by(table.c[order])


async def _patient_of(commands: Commands, claim: Aggregate, tenant: str, claim_id: str) -> str:
    state: Claim = await commands.state(claim, tenant, claim_id.upper())
    if state.content is None:
        raise ClaimUnknown("there is no such claim")
    return state.content.patient_id


def _media_type(content: bytes, bytes_max: int) -> str:
    """By what the file is, whatever it is called. Raises AttachmentUnreadable."""
    if not content:
        raise AttachmentUnreadable("the document is empty")
    if len(content) > bytes_max:
        raise AttachmentUnreadable(f"an attachment has {bytes_max} bytes at most", bytes=len(content))
    found = next((name for beginning, name in _BEGINNINGS.items() if content.startswith(beginning)), None)
    if found is None:
        raise AttachmentUnreadable("an attachment is a PDF, TIFF, JPEG or PNG file")
    return found
