"""What may one ask of the account in which a patient's payments are kept?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from services.payments.domain.books.state import Books
from shared.events.patient_money import DeclineReason, RefundReversalReason, TakeBackReason

Method: TypeAlias = Literal["cash", "check", "card", "ach"]


class AccountDue(NamedTuple):
    """What the patient owes on one account, as far as whoever asks can see. Oldest responsibility first."""

    account_id: str
    due_cents: int


class Named(NamedTuple):
    """The payer of the money says which account it is for."""

    account_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivePatientPayment:
    payment_id: str
    patient_id: str
    amount_cents: int
    method: Method
    received_on: date
    token: str = ""
    card_payment_id: str = ""
    named: tuple[Named, ...] = ()
    due: tuple[AccountDue, ...] = ()  # for what nobody named
    books: Books | None = None  # whose closed days are asked about; None: a late entry is what is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateUnapplied:
    """The patient came to owe something on this account: money that waits is for it."""

    due: AccountDue


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnAllocation:
    """The account could not take all of it."""

    payment_id: str
    allocation: int
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveUnapplied:
    """Money of a payment that waits is for an account, or for what is owed longest."""

    payment_id: str
    move_id: str
    amount_cents: int
    to: tuple[AccountDue, ...]  # in their order, each up to what it owes
    moved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeMoved:
    """An account gave back what a person moved: it goes on to where it is wanted, or waits."""

    payment_id: str
    allocation: int
    amount_cents: int
    move_id: str
    moved_by: str
    to: tuple[AccountDue, ...] = ()
    is_undone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUnappliedRefund:
    """Ask to give back what waits of a payment."""

    payment_id: str
    refund_id: str
    amount_cents: int
    requested_by: str
    to_card: bool | None = None  # None: to the card if it came from it through our processor


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveUnappliedRefund:
    """Agree to what somebody else asked for."""

    payment_id: str
    refund_id: str
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineUnappliedRefund:
    """Decide against what was asked for."""

    payment_id: str
    refund_id: str
    reason: DeclineReason
    declined_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseUnappliedRefund:
    """What was issued never reached the patient."""

    payment_id: str
    refund_id: str
    reason: RefundReversalReason
    reversed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackPayment:
    """The bank returned the whole payment, its card holder disputed it, or it was never made.

    `refunded_too`: what had been refunded of it was taken by the bank as well.
    """

    payment_id: str
    reason: TakeBackReason
    taken_back_on: date
    taken_back_by: str
    refunded_too: bool = False
    charged_back_cents: int | None = (
        None  # as the processor says: whether what was refunded is part of it follows from that
    )
    books: Books | None = None  # as of a received payment


PatientAccountCommand: TypeAlias = (
    ReceivePatientPayment
    | AllocateUnapplied
    | ReturnAllocation
    | MoveUnapplied
    | TakeMoved
    | RequestUnappliedRefund
    | ApproveUnappliedRefund
    | DeclineUnappliedRefund
    | ReverseUnappliedRefund
    | TakeBackPayment
)
