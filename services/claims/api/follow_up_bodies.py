"""What do callers say and get about questions, requests, documents and calls?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.claims.api.bodies import Answer, Body, Reason
from services.claims.domain.claim.paperwork_commands import AnsweredHow, AskedBy, CallOutcome, SendingMethod

RequestId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{17}-R[0-9]{1,4}$")]
AttachmentId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{17}A[0-9]{1,4}$")]
_Number = Annotated[str, Field(max_length=50, pattern=r"^[0-9A-Za-z .:/-]*$", description="A number, no words.")]


class RequestBody(Body):
    asked_by: AskedBy
    asked_on: date
    due_on: date = Field(description="The payer's last day for the answer.")
    codes: tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z:-]{1,20}$")], ...] = Field(
        default=(), max_length=20, description="LOINC or claim status codes."
    )
    reference_number: _Number = ""
    details: Annotated[str, Field(max_length=2000)] = Field(default="", description="Sealed.")


class AnswerRequestBody(Body):
    how: AnsweredHow
    attachment_ids: tuple[AttachmentId, ...] = Field(default=(), max_length=10)
    reference_number: _Number = ""


class SentBody(Body):
    method: SendingMethod
    sent_on: date
    proof_number: _Number = Field(default="", description="Tracking, fax or portal confirmation number.")


class RemoveBody(Body):
    reason: Reason


class CallBody(Body):
    called_on: date
    outcome: CallOutcome
    reference_number: _Number = Field(default="", description="That the payer gave the call.")
    spoke_with: Annotated[str, Field(max_length=100)] = Field(default="", description="Sealed.")
    note: Annotated[str, Field(max_length=2000)] = Field(default="", description="Sealed.")
    next_action_on: date = Field(description="On that day the claim is looked at again.")


class StatusQuestionRow(Answer):
    trace_number: str
    asked_at: datetime | None
    attempt: int
    waiting_for: str
    asked_by: str = Field(description="Empty: the schedule.")
    outcome: str = Field(description="Empty while nobody has answered.")
    codes: list[str] | None
    wait_until_on: date | None
    answered_at: datetime | None
    document_id: str


class RequestRow(Answer):
    request_id: str
    asked_by: str
    codes: list[str] | None
    due_on: date | None
    is_due_stated: bool = Field(description="By the payer; otherwise it is the usual time.")
    reference_number: str
    document_id: str
    recorded_at: datetime | None
    is_open: bool
    is_overdue: bool
    answered_how: str
    attachment_ids: list[str] | None
    answered_on: date | None
    answered_by: str


class AttachmentRow(Answer):
    attachment_id: str = Field(description="Attachment control number, PWK06.")
    report_type: str
    transmission: str
    document_id: str
    media_type: str
    size_bytes: int
    added_at: datetime | None
    added_by: str
    carried_from: str = Field(description="The claim that this one replaces, whose number it bears.")
    is_removed: bool
    sent_by: str
    sent_on: date | None
    proof_number: str


class CallRow(Answer):
    call_id: str
    called_on: date | None
    outcome: str
    reference_number: str
    next_action_on: date | None
    called_by: str
    recorded_at: datetime | None


class WordsRow(Answer):
    """What somebody wrote down about a request or a call, opened."""

    about: str = Field(description="`request_id` or `call_id`.")
    field: Literal["details", "spoke_with", "note"]
    text: str


class FollowUpAnswer(BaseModel):
    """All that was asked, wanted, sent and said about one claim, oldest first."""

    questions: list[StatusQuestionRow]
    requests: list[RequestRow]
    attachments: list[AttachmentRow]
    calls: list[CallRow]
    positions: dict[str, str]
