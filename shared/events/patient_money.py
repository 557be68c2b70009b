"""What can happen to the money of patients before an account takes it. Amounts are integer cents. Stream: `patient-account/{patient_id}`."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from shared.events.base import Event
from shared.events.values import Posting


class PatientPaymentReceived(Event, frozen=True, kw_only=True):
    payment_id: str
    patient_id: str
    amount_cents: int
    method: Literal["cash", "check", "card", "ach"]
    received_on: date
    token: str = ""  # of the card processor; never a card number
    card_payment_id: str = ""  # that the processor took; empty: not through a processor that we asked
    postings: tuple[Posting, ...]  # cash to unapplied


class PaymentAllocated(Event, frozen=True, kw_only=True):
    """Part of a patient's payment was set aside for one account: unapplied to allocated."""

    payment_id: str
    patient_id: str
    account_id: str
    allocation: int  # 1, 2, … of this payment
    amount_cents: int
    postings: tuple[Posting, ...]
    move_id: str = ""  # of the decision of a person that moved it
    moved_by: str = ""
    from_account_id: str = ""  # whose credit it was
    as_credit: bool = False  # the account takes it even where nothing is owed: a move was undone


class AllocationReturned(Event, frozen=True, kw_only=True):
    """The account could not take all of it, or a person moved what it had taken: allocated back to unapplied."""

    payment_id: str
    patient_id: str
    account_id: str
    allocation: int
    amount_cents: int
    postings: tuple[Posting, ...]
    move_id: str = ""  # of the decision of a person that moved it


DeclineReason: TypeAlias = Literal["not-owed", "wrong-amount", "wrong-party", "not-documented", "withdrawn"]
RefundReversalReason: TypeAlias = Literal[
    "check-voided", "check-never-cashed", "card-refund-failed", "returned-by-bank", "entered-wrongly"
]


class UnappliedRefundRequested(Event, frozen=True, kw_only=True):
    """Somebody wants to give a patient back money that waits. Nothing moves until another person agrees."""

    payment_id: str
    patient_id: str
    refund_id: str
    amount_cents: int
    requested_by: str
    to_card_payment_id: str = ""  # back to the card of this card payment; empty: by other means


class UnappliedRefunded(Event, frozen=True, kw_only=True):
    """A patient got back money that no account needed."""

    payment_id: str
    patient_id: str
    refund_id: str
    amount_cents: int
    postings: tuple[Posting, ...]
    approved_by: str = ""  # other than who asked; empty: one person did it, as was possible then
    to_card_payment_id: str = ""  # back to the card of this card payment; empty: by other means


class UnappliedRefundDeclined(Event, frozen=True, kw_only=True):
    """Somebody decided against giving the money back: it goes on waiting."""

    payment_id: str
    patient_id: str
    refund_id: str
    amount_cents: int
    reason: DeclineReason
    declined_by: str


class UnappliedRefundReversed(Event, frozen=True, kw_only=True):
    """A refund that was issued never reached the patient: the money waits again, as old as its payment. Refunds to unapplied."""

    payment_id: str
    patient_id: str
    refund_id: str
    amount_cents: int
    reason: RefundReversalReason
    reversed_by: str
    postings: tuple[Posting, ...]


TakeBackReason: TypeAlias = Literal["returned-by-bank", "chargeback", "entered-wrongly"]


class AllocationTakenBack(Event, frozen=True, kw_only=True):
    """What was set aside of a payment for one account goes with the payment: allocated back to unapplied. The account follows."""

    payment_id: str
    patient_id: str
    account_id: str
    allocation: int
    amount_cents: int  # allocated and not returned
    reason: TakeBackReason
    taken_back_on: date
    postings: tuple[Posting, ...]


class PaymentTakenBack(Event, frozen=True, kw_only=True):
    """A patient's payment did not last: the bank returned it, the card holder disputed it, or it was never made. Unapplied to cash.

    `AllocationTakenBack`s come first, so all of it that is still here is unapplied. What had been refunded is not taken a second
    time, unless the bank did so: then the patient had it twice, and owes it as `overdrawn`.
    """

    payment_id: str
    patient_id: str
    amount_cents: int  # that leaves cash
    refunded_cents: int  # of the payment, before
    overdrawn_cents: int  # part of the amount: refunded before, and taken by the bank as well
    reason: TakeBackReason
    taken_back_on: date
    taken_back_by: str
    postings: tuple[Posting, ...]


class OverdraftCovered(Event, frozen=True, kw_only=True):
    """Money of a patient that waits makes good what the patient had twice of an earlier payment: unapplied to overdrawn."""

    payment_id: str  # whose money it is
    patient_id: str
    covers_payment_id: str  # that was taken back
    amount_cents: int
    postings: tuple[Posting, ...]


class OverdraftReopened(Event, frozen=True, kw_only=True):
    """A payment that had made good what the patient had twice is taken back itself: overdrawn again, back to unapplied."""

    payment_id: str  # that is taken back
    patient_id: str
    covers_payment_id: str
    amount_cents: int
    postings: tuple[Posting, ...]


PatientAccountEvent: TypeAlias = (
    PatientPaymentReceived
    | PaymentAllocated
    | AllocationReturned
    | UnappliedRefundRequested
    | UnappliedRefunded
    | UnappliedRefundDeclined
    | UnappliedRefundReversed
    | AllocationTakenBack
    | PaymentTakenBack
    | OverdraftCovered
    | OverdraftReopened
)
