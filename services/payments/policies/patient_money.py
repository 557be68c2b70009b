"""How does a patient's money find its account, and come back from it?

Events of one account are taken in their order, so what an account could not take is unapplied again before anything that
happened to the account afterwards asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import ApplyPatientPayment, MoveToAgency, ReturnFromAgency
from services.payments.domain.patient_account.commands import AccountDue, AllocateUnapplied, ReturnAllocation
from shared.events.collections import AccountPlaced, AccountRecalled
from shared.events.payments import PaymentAllocated, PaymentNotTaken, ResponsibilityTransferred


def apply_payment(event: PaymentAllocated) -> Iterator[ApplyPatientPayment]:
    yield ApplyPatientPayment(
        account_id=event.account_id,
        patient_id=event.patient_id,
        payment_id=event.payment_id,
        allocation=event.allocation,
        amount_cents=event.amount_cents,
    )


def take_payment_back(event: PaymentNotTaken) -> Iterator[ReturnAllocation]:
    yield ReturnAllocation(payment_id=event.payment_id, allocation=event.allocation, amount_cents=event.amount_cents)


def use_what_waits(event: ResponsibilityTransferred) -> Iterator[AllocateUnapplied]:
    """The patient came to owe something: prepayments are for it."""
    if event.to_party == ledger.PATIENT:
        yield AllocateUnapplied(due=AccountDue(event.account_id, event.amount_cents))


def place(event: AccountPlaced) -> Iterator[MoveToAgency]:
    yield MoveToAgency(account_id=event.account_id, placement_id=event.placement_id)


def recall(event: AccountRecalled) -> Iterator[ReturnFromAgency]:
    yield ReturnFromAgency(account_id=event.account_id, placement_id=event.placement_id)
