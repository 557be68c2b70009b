"""What can be done about a denial? `by` is the person who does it, `on` the business date."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from services.claims.domain.denial.appeals import AppealTerms
from shared.events.base import Sealed
from shared.events.denials import AppealEvidence, DenialChecklistKept, EscalationRulesKept
from shared.kernel.identifiers import account_of_claim

AppealOutcome: TypeAlias = Literal["overturned", "upheld", "partly-overturned", "dismissed"]
SentBy: TypeAlias = Literal["mail", "fax", "portal", ""]
# A write-off has commands of its own: it may need a second person.
DenialOutcome: TypeAlias = Literal["paid", "patient", "corrected-claim", "not-workable"]
ContactOutcome: TypeAlias = Literal[
    "payer-reprocesses", "payer-needs-information", "information-sent", "payer-upholds", "no-answer", "other"
]


def denial_id_of(*, claim_id: str, remittance_id: str, group: str, reason: str) -> str:
    """The same refusal has the same id however often it is told; the id begins with the claim's."""
    told = "\x1f".join((claim_id, remittance_id, group, reason)).encode()
    return f"{claim_id}-{hashlib.sha256(told).hexdigest()[:12].upper()}"


def claim_of_denial(denial_id: str) -> str:
    return denial_id.partition("-")[0]


def account_of_denial(denial_id: str) -> str:
    return account_of_claim(denial_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDenial:
    denial_id: str
    claim_id: str
    account_id: str
    payer_id: str
    remittance_id: str
    denied_cents: int
    group: str
    reason: str
    remarks: tuple[str, ...] = ()
    line_ids: tuple[str, ...] = ()
    denied_on: date
    terms: AppealTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignDenial:
    by: str
    assignee: str
    on: date
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDenial:
    by: str
    on: date
    outcome_code: ContactOutcome
    reference_number: str = ""
    next_action_on: date | None = None
    note: Sealed[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeDenial:
    """Leave it until a day."""

    by: str
    on: date
    until_on: date
    because: str = ""  # why it cannot be worked until then


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoDenialWork:
    """Take back the assignment, note or snooze that is this version of the stream."""

    by: str
    on: date
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffDenial:
    """Let the money go; above `alone_cents_max` another person decides."""

    by: str
    on: date
    reason: str
    alone_cents_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveWriteOff:
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseWriteOff:
    by: str
    on: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftAppeal:
    """Keep what the appeal of the next level is to say."""

    by: str
    on: date
    level: int
    template_id: str
    text: Sealed[str]
    evidence: tuple[AppealEvidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLetter:
    """The letter was written from the draft and is in the document store."""

    by: str
    on: date
    level: int
    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAppeal:
    by: str
    on: date
    level: int
    filed_on: date
    due_on: date | None = None  # when the payer's decision is due
    late_because: str = ""  # a good cause for being past the last day
    sent_by: SentBy = ""
    tracking_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideAppeal:
    by: str
    on: date
    level: int
    outcome: AppealOutcome
    decided_on: date
    terms: AppealTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class DeriveAppealDeadline:
    """The payer's levels are these now: a last day that is still to come may be another one."""

    on: date
    terms: AppealTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class TickStep:
    """A step of the checklist that holds for the category was done, or was not after all."""

    by: str
    on: date
    step_id: str
    is_done: bool
    checklist: DenialChecklistKept


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEscalation:
    """The rules of the practice are these now."""

    on: date
    rules: EscalationRulesKept


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalateDenial:
    """The day is over on which something should have happened."""

    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveDenial:
    by: str
    on: date
    outcome: DenialOutcome
    recovered_cents: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseDenial:
    """The payer took the answer back that denied it."""

    remittance_id: str  # of the reversal


DenialCommand: TypeAlias = (
    OpenDenial
    | AssignDenial
    | NoteDenial
    | SnoozeDenial
    | UndoDenialWork
    | WriteOffDenial
    | ApproveWriteOff
    | RefuseWriteOff
    | DraftAppeal
    | KeepLetter
    | FileAppeal
    | DecideAppeal
    | DeriveAppealDeadline
    | TickStep
    | SetEscalation
    | EscalateDenial
    | ResolveDenial
    | ReverseDenial
)
