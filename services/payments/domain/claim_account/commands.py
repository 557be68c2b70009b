"""What may one ask of a claim's account?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from services.payments.domain.claim_account.matrix import POSTING_MATRIX, PostingMatrix
from shared.events.patient_money import DeclineReason, RefundReversalReason, TakeBackReason
from shared.events.payments import AccountPayer, ClaimAnswer, LedgerLine, OpeningBalanceStated


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCharges:
    """Take a release of charges into the ledger; a later one restates all lines. Answers that waited are applied."""

    account_id: str
    encounter_id: str
    patient_id: str
    release: int
    service_on: date
    lines: tuple[LedgerLine, ...]
    posted_on: date
    billing_npi: str = ""
    matrix: PostingMatrix = POSTING_MATRIX


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePayers:
    """Eligibility said who is responsible, in order. No payers: the patient."""

    account_id: str
    patient_id: str
    payers: tuple[AccountPayer, ...]
    noted_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOpeningBalance:
    """What was open in another system. Answers that waited are applied."""

    stated: OpeningBalanceStated
    matrix: PostingMatrix = POSTING_MATRIX


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackOpeningBalance:
    """The import was wrong."""

    import_id: str
    as_of_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PostClaimPayment:
    """One claim of a balanced 835."""

    answer: ClaimAnswer
    matrix: PostingMatrix = POSTING_MATRIX


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryHeldAnswer:
    """A person mended what was wrong around a held answer."""

    answer: ClaimAnswer
    matrix: PostingMatrix = POSTING_MATRIX


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchAnswer:
    """A person found the claim that unapplied cash belongs to."""

    remittance_id: str
    ordinal: int
    to_claim_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseClaimPayment:
    """Unpost one answer: its cash goes back to suspense, and it stands among the held."""

    remittance_id: str
    ordinal: int
    reversed_on: date
    matrix: PostingMatrix = POSTING_MATRIX


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyPatientPayment:
    account_id: str
    patient_id: str
    payment_id: str
    allocation: int
    amount_cents: int
    move_id: str = ""
    from_account_id: str = ""
    as_credit: bool = False  # also what is not owed


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCredit:
    """What the patient paid too much here is for another account; empty: for what the patient owes longest."""

    account_id: str
    move_id: str
    amount_cents: int
    to_account_id: str
    moved_by: str
    moved_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoMove:
    """What a move brought here goes back: to the account whose credit it was, or it waits again."""

    account_id: str
    move_id: str
    moved_by: str
    moved_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversePatientPayment:
    """The payment that this allocation is of was taken back."""

    account_id: str
    patient_id: str
    payment_id: str
    allocation: int
    amount_cents: int  # of the allocation: what the account took of it is not more
    reason: TakeBackReason
    taken_back_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAdjustment:
    account_id: str
    adjustment_id: str
    party: str
    reason: str
    amount_cents: int
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveAdjustment:
    adjustment_id: str
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseAdjustment:
    adjustment_id: str
    reversed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefund:
    account_id: str
    refund_id: str
    to_party: str
    amount_cents: int
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRefund:
    refund_id: str
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRefund:
    refund_id: str
    reason: DeclineReason
    declined_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseRefund:
    """What was issued never reached the party."""

    refund_id: str
    reason: RefundReversalReason
    reversed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveToAgency:
    account_id: str
    placement_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFromAgency:
    account_id: str
    placement_id: str


ClaimAccountCommand: TypeAlias = (
    PostCharges
    | NotePayers
    | PostClaimPayment
    | RetryHeldAnswer
    | RematchAnswer
    | ReverseClaimPayment
    | ApplyPatientPayment
    | MoveCredit
    | UndoMove
    | ReversePatientPayment
    | RequestAdjustment
    | ApproveAdjustment
    | ReverseAdjustment
    | RequestRefund
    | ApproveRefund
    | DeclineRefund
    | ReverseRefund
    | MoveToAgency
    | ReturnFromAgency
    | PostOpeningBalance
    | TakeBackOpeningBalance
)
