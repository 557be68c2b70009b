"""What can be asked of a claim? `on` is the business date on which it is asked: the clock enters with the command.

So do the customer's own `rules`, as the rule book holds them then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from services.claims.domain.claim.paperwork_commands import PaperworkCommand
from services.claims.domain.rule_book.running import NO_RULES, RuleSet
from shared.events.base import Sealed
from shared.events.claims import CarriedAttachment, PriorAdjudication, ServicesBilled
from shared.events.values import CoverageSnapshot, DocumentReference, Finding, Person

Frequency: TypeAlias = Literal["1", "7", "8"]  # CLM05-3: original, replacement, void
CloseReason: TypeAlias = Literal[
    "paid", "nothing-due", "next-payer", "patient", "denied-final", "voided", "replaced", "written-off"
]
RejectionStage: TypeAlias = Literal["interchange", "functional-group", "clearinghouse", "payer"]
AcceptanceStage: TypeAlias = Literal["clearinghouse", "payer"]
AwaitedAnswer: TypeAlias = Literal["999", "277CA", "835", "277", "a person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateClaim:
    """Bill these services to the payer of this rank. News about a claim that exists corrects or replaces it."""

    claim_id: str
    account_id: str
    patient_id: str
    rank: int
    frequency: Frequency = "1"
    replaces_payer_control_number: str = ""
    coverages: tuple[CoverageSnapshot, ...]
    patient: Sealed[Person]
    services: ServicesBilled
    prior: tuple[PriorAdjudication, ...] = ()
    attachments: tuple[CarriedAttachment, ...] = ()  # of the claim that it replaces
    on: date
    rules: RuleSet = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectClaim:
    """Change what is wrong; what is absent stays as it was."""

    services: ServicesBilled | None = None
    coverages: tuple[CoverageSnapshot, ...] | None = None
    replaces_payer_control_number: str = ""
    reason: str
    corrected_by: str
    on: date
    rules: RuleSet = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldClaim:
    reason: str
    held_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseClaim:
    """End a hold, or send a rejected claim again as it is. The edits run again and cannot be bypassed.

    `rejected_in`: because this interchange was rejected; a claim that went on its way since is left alone.
    """

    on: date
    rules: RuleSet = NO_RULES
    rejected_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeIntoBatch:
    """Bind the claim to an interchange that is about to be written."""

    version: int
    partner_id: str
    batch_id: str
    control_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFromBatch:
    """The claim could not be written: it leaves the batch and is held with what is wrong."""

    batch_id: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSubmission:
    """The interchange was sent."""

    partner_id: str
    batch_id: str
    control_number: int
    document: DocumentReference
    answer_days: int
    mailed_on: date | None = None  # on paper


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRejection:
    """A TA1, 999 or 277CA returns the claim. `control_number` is that of the interchange it speaks of, when it says so."""

    by: str
    stage: RejectionStage
    codes: tuple[str, ...]
    message_code: str = ""
    control_number: int | None = None
    payer_control_number: str = ""
    source: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAcceptance:
    """A 277CA takes the claim in."""

    by: str
    stage: AcceptanceStage
    codes: tuple[str, ...]
    payer_control_number: str = ""
    accepted_on: date
    control_number: int | None = None
    source: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStatus:
    """A 277 tells how far the payer is."""

    category: str
    codes: tuple[str, ...]
    payer_control_number: str = ""
    paid_cents: int | None = None
    source: DocumentReference
    trace_number: str = ""  # of the question that it says it answers
    finalized_on: date | None = None
    payment_number: str = ""
    on: date | None = None  # when we heard it; None: it sets no day on which the payer is asked again
    wait_days: int = 14  # until then, while the payer says that the claim is pending
    due_on: date | None = None  # of what the payer asks for, when it says so
    information_days: int = 30  # the usual time for that, when it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatus:
    """Too long nothing came: the payer is asked, or a person, when its partner is none that answers in real time."""

    waiting_for: Literal["277CA", "835"]
    since_on: date
    next_action: str
    partners: frozenset[str]  # that can be asked in real time


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatusNow:
    """A person wants to know."""

    asked_by: str
    partners: frozenset[str]
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatusAgain:
    """The same question once more, unless it was asked again or answered meanwhile."""

    after_trace_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWaitingForStatus:
    """The time for an answer to this question is over."""

    trace_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAgain:
    """The payer has no such claim: the same claim goes out once more, in a new version. The edits run again."""

    on: date
    rules: RuleSet = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAdjudication:
    """A payer's answer, as the ledger took it. `next_rank` 0: nothing goes to another payer."""

    remittance_id: str
    ordinal: int
    answer: PriorAdjudication
    patient_responsibility_cents: int
    denied_cents: int
    next_rank: int
    is_forwarded: bool  # the payer sent the claim on itself (CLP02 19, 20, 21)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReversal:
    """A payer took back an earlier answer (CLP02 22)."""

    remittance_id: str
    ordinal: int
    reverses_remittance_id: str
    reverses_ordinal: int
    rank: int
    paid_cents: int  # negative
    reversed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDenial:
    denial_id: str
    remittance_id: str
    denied_cents: int
    group: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleDenial:
    denial_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseNextClaim:
    """The forwarded claim never reached the next payer: send our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnPayerControlNumber:
    """The payer named its number for the claim that this one replaces."""

    payer_control_number: str
    on: date
    rules: RuleSet = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkFollowUp:
    """Somebody has been silent for too long. `batch_id`: about this interchange; what the claim went in later is another matter."""

    waiting_for: AwaitedAnswer
    since_on: date
    next_action: str
    batch_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidClaim:
    """Take the claim back: silently when the payer never had it, with a frequency 8 claim otherwise.

    The claim before a replacement or void that is taken back silently counts again.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCoverage:
    """Eligibility says that nobody covers the day of service any more."""

    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReplaced:
    """The payer answered the claim that replaces this one, or that one was replaced in its turn."""

    next_claim_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawReplacement:
    """The claim that was to replace this one, or to take it back, was given up before the payer had it."""

    next_claim_id: str
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class EndVoid:
    """What this claim was to take back was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseClaim:
    reason: CloseReason


ClaimCommand: TypeAlias = (
    CreateClaim
    | CorrectClaim
    | HoldClaim
    | ReleaseClaim
    | TakeIntoBatch
    | ReturnFromBatch
    | RecordSubmission
    | RecordRejection
    | RecordAcceptance
    | RecordStatus
    | AskStatus
    | AskStatusNow
    | AskStatusAgain
    | StopWaitingForStatus
    | SendAgain
    | RecordAdjudication
    | RecordReversal
    | RecordDenial
    | SettleDenial
    | RaiseNextClaim
    | LearnPayerControlNumber
    | MarkFollowUp
    | VoidClaim
    | EndCoverage
    | EndReplaced
    | WithdrawReplacement
    | EndVoid
    | CloseClaim
    | PaperworkCommand
)
