"""What can be asked of one interchange?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.batches import ClaimSet, Medium
from shared.events.values import DocumentReference

AcknowledgementStatus: TypeAlias = Literal["accepted", "accepted-with-errors", "partially-accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInterchange:
    """The bytes are in the document store under this id; they leave under this name."""

    partner_id: str
    batch_id: str
    control_number: int
    file_name: str
    document: DocumentReference
    sets: tuple[ClaimSet, ...]
    refused_claim_ids: tuple[str, ...] = ()
    medium: Medium = "electronic"


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonBatch:
    """No claim of the batch could be written."""

    partner_id: str
    batch_id: str
    control_number: int
    refused_claim_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSent:
    """The partner has the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAcknowledgement:
    """A TA1 or 999 about the interchange. `rejected_sets` are the ST02 of the sets that a 999 rejects."""

    kind: Literal["TA1", "999"]
    status: AcknowledgementStatus
    codes: tuple[str, ...] = ()
    rejected_sets: tuple[str, ...] = ()
    source: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkUnanswered:
    """Neither a TA1 nor a 999 came in time."""

    sent_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMailing:
    """A person mailed the printed claims on a day."""

    mailed_on: date
    tracking_number: str = ""
    by: str
    on: date  # today


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprint:
    """Print the same pages once more."""

    reason: str
    by: str


BatchCommand: TypeAlias = (
    StoreInterchange | AbandonBatch | MarkSent | RecordMailing | Reprint | RecordAcknowledgement | MarkUnanswered
)
