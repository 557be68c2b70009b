"""What can be asked of a claim about requests for information, documents and calls? The clock enters with the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.base import Sealed
from shared.events.values import DocumentReference

AskedBy: TypeAlias = Literal["letter", "portal", "phone"]
AnsweredHow: TypeAlias = Literal["attachments", "phone", "portal", "not-needed"]
Transmission: TypeAlias = Literal["AA", "BM", "EL", "EM", "FT", "FX"]
SendingMethod: TypeAlias = Literal["mail", "fax", "portal", "electronic"]
CallOutcome: TypeAlias = Literal[
    "pending", "paid", "denied", "not-on-file", "information-wanted", "nobody-answered", "other"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInformation:
    """Record by hand what a payer wants: from its letter, its portal or a call."""

    asked_by: AskedBy
    asked_on: date
    due_on: date
    codes: tuple[str, ...] = ()
    reference_number: str = ""
    details: Sealed[str] | None = None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerInformation:
    request_id: str
    how: AnsweredHow
    attachment_ids: tuple[str, ...] = ()
    reference_number: str = ""
    on: date
    wait_days: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkInformationOverdue:
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAttachment:
    report_type: str
    transmission: Transmission
    document: DocumentReference
    media_type: str
    size_bytes: int
    description: Sealed[str] | None = None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAttachment:
    attachment_id: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAttachmentSent:
    attachment_id: str
    method: SendingMethod
    sent_on: date
    proof_number: str
    on: date
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCall:
    called_on: date
    outcome: CallOutcome
    reference_number: str
    spoke_with: Sealed[str] | None
    note: Sealed[str] | None
    next_action_on: date
    on: date
    by: str


PaperworkCommand: TypeAlias = (
    RequestInformation
    | AnswerInformation
    | MarkInformationOverdue
    | AddAttachment
    | RemoveAttachment
    | RecordAttachmentSent
    | RecordCall
)
