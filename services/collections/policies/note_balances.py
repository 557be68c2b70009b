"""What did the ledger just change of what a patient owes?

An amount is the patient's only because payments said so: each event of the ledger that posts on `receivable:patient` is noted once, with
the sum of those postings. Everything else that happens to money is not collections' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias, TypeGuard, assert_never

from services.collections.domain.guarantor_account.commands import NoteBalance
from services.collections.domain.guarantor_account.decider import CHARITY_WRITE_OFF
from services.collections.domain.guarantor_account.state import MOVED_TO_AGENCY, RETURNED_FROM_AGENCY
from shared.events.base import EventType
from shared.events.payments import (
    AccountMovedToAgency,
    AccountReturnedFromAgency,
    AdjustmentApproved,
    AdjustmentReversed,
    AppliedPaymentMoved,
    ChargesPosted,
    ClaimPaymentPosted,
    ClaimPaymentReversed,
    PatientPaymentReversed,
    PayersKnown,
    PaymentApplied,
    RefundIssued,
    RefundReversed,
    ResponsibilityTransferred,
)

RECEIVABLE = "receivable:patient"
_SINCE_ANOTHER_DAY = (ResponsibilityTransferred, PatientPaymentReversed, AppliedPaymentMoved)

LedgerEvent: TypeAlias = (
    ResponsibilityTransferred
    | ClaimPaymentPosted
    | ClaimPaymentReversed
    | PaymentApplied
    | PatientPaymentReversed
    | AppliedPaymentMoved
    | AdjustmentApproved
    | AdjustmentReversed
    | RefundIssued
    | RefundReversed
    | ChargesPosted
    | PayersKnown
    | AccountMovedToAgency
    | AccountReturnedFromAgency
)
LEDGER: tuple[EventType, ...] = (
    ResponsibilityTransferred,
    ClaimPaymentPosted,
    ClaimPaymentReversed,
    PaymentApplied,
    PatientPaymentReversed,
    AppliedPaymentMoved,
    AdjustmentApproved,
    AdjustmentReversed,
    RefundIssued,
    RefundReversed,
    ChargesPosted,
    PayersKnown,
    AccountMovedToAgency,
    AccountReturnedFromAgency,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """Whose account it is, as the ledger said before."""

    patient_id: str
    service_on: date | None


def patient_cents(event: LedgerEvent) -> int:
    """By how much this event changes what the patient owes."""
    return sum(posting.amount_cents for posting in event.postings if posting.account == RECEIVABLE)


def react(event: LedgerEvent, known: KnownAccount, *, event_id: str, on: date) -> Iterator[NoteBalance]:
    """One command for an event that changes it, none for another."""
    change_cents = patient_cents(event)
    if change_cents == 0:
        return
    yield NoteBalance(
        patient_id=known.patient_id,
        account_id=event.account_id,
        change_cents=change_cents,
        reason=_reason(event),
        since_on=event.since_on if isinstance(event, _SINCE_ANOTHER_DAY) else on,
        service_on=known.service_on,
        source_event_id=event_id,
        payment_id=event.payment_id if _is_of_payment(event) else "",
        on=on,
    )


def _is_of_payment(event: LedgerEvent) -> TypeGuard[PaymentApplied | PatientPaymentReversed | AppliedPaymentMoved]:
    """A credit that moves on takes no payment back; what undoes such a move does, where it had gone."""
    return isinstance(event, PaymentApplied | PatientPaymentReversed) or (
        isinstance(event, AppliedPaymentMoved) and event.is_undone
    )


def _reason(event: LedgerEvent) -> str:
    match event:
        case ResponsibilityTransferred():
            return event.reason
        case PaymentApplied():
            return "payment"
        case AppliedPaymentMoved():
            return "payment-moved"
        case PatientPaymentReversed():
            return f"payment-{event.reason}"
        case AdjustmentApproved(reason="charity"):
            return CHARITY_WRITE_OFF
        case AdjustmentApproved():
            return f"adjustment-{event.reason}"
        case AdjustmentReversed():
            return f"adjustment-reversed-{event.reason}"
        case RefundIssued():
            return "refund"
        case RefundReversed():
            return "refund-reversed"
        case ClaimPaymentPosted():
            return "payer-answer"
        case ClaimPaymentReversed():
            return "payer-reversal"
        case ChargesPosted():
            return "charges-changed"
        case PayersKnown():
            return "payers-known"
        case AccountMovedToAgency():
            return MOVED_TO_AGENCY
        case AccountReturnedFromAgency():
            return RETURNED_FROM_AGENCY
        case _:
            assert_never(event)
