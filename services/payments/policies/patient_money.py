"""How does a patient's money find its account, and come back from it?

Events of one account are taken in their order, so what an account could not take is unapplied again before anything that
happened to the account afterwards asks for it. Events of one patient are taken in their order too: a payment reaches its account
before its being taken back does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import (
    ApplyPatientPayment,
    MoveToAgency,
    ReturnFromAgency,
    ReversePatientPayment,
)
from services.payments.domain.patient_account.commands import AccountDue, AllocateUnapplied, ReturnAllocation, TakeMoved
from shared.events.collections import AccountPlaced, AccountRecalled
from shared.events.patient_money import AllocationTakenBack, PaymentAllocated
from shared.events.payments import (
    AppliedPaymentMoved,
    PatientPaymentReversed,
    PaymentNotTaken,
    ResponsibilityTransferred,
)


def apply_payment(event: PaymentAllocated) -> Iterator[ApplyPatientPayment]:
    yield ApplyPatientPayment(
        account_id=event.account_id,
        patient_id=event.patient_id,
        payment_id=event.payment_id,
        allocation=event.allocation,
        amount_cents=event.amount_cents,
        move_id=event.move_id,
        from_account_id=event.from_account_id,
        as_credit=event.as_credit,
    )


def pass_on(event: AppliedPaymentMoved, due: Sequence[AccountDue]) -> Iterator[TakeMoved]:
    """What left an account goes where a person wanted it; `due` is what the patient owes, oldest first."""
    match event.destination:
        case "account":
            to = [AccountDue(event.to_account_id, event.amount_cents)]
        case "oldest":
            to = [each for each in due if each.account_id != event.account_id]
        case "waits":
            to = []
    yield TakeMoved(
        payment_id=event.payment_id,
        allocation=event.allocation,
        amount_cents=event.amount_cents,
        move_id=event.move_id,
        moved_by=event.moved_by,
        to=tuple(to),
        is_undone=event.is_undone,
    )


def return_payment(event: PaymentNotTaken) -> Iterator[ReturnAllocation]:
    yield ReturnAllocation(payment_id=event.payment_id, allocation=event.allocation, amount_cents=event.amount_cents)


def reverse_payment(event: AllocationTakenBack) -> Iterator[ReversePatientPayment]:
    yield ReversePatientPayment(
        account_id=event.account_id,
        patient_id=event.patient_id,
        payment_id=event.payment_id,
        allocation=event.allocation,
        amount_cents=event.amount_cents,
        reason=event.reason,
        taken_back_on=event.taken_back_on,
    )


def use_what_waits(event: ResponsibilityTransferred | PatientPaymentReversed) -> Iterator[AllocateUnapplied]:
    """The patient came to owe something, for the first time or again: money that waits is for it."""
    if isinstance(event, PatientPaymentReversed) or event.to_party == ledger.PATIENT:
        yield AllocateUnapplied(due=AccountDue(event.account_id, event.amount_cents))


def place(event: AccountPlaced) -> Iterator[MoveToAgency]:
    yield MoveToAgency(account_id=event.account_id, placement_id=event.placement_id)


def recall(event: AccountRecalled) -> Iterator[ReturnFromAgency]:
    yield ReturnFromAgency(account_id=event.account_id, placement_id=event.placement_id)
