"""For which account is a patient's payment?

For the ones that were named, then for what the patient owes longest; the rest stays unapplied with its owner and is used when
the patient comes to owe something. Source: domain-facts section 6 (rest is unapplied, not income). The account that gets
the money decides how much it takes; what it cannot take comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from services.payments.domain import ledger
from services.payments.domain.books.decider import refuse_closed_day
from services.payments.domain.errors import (
    AllocationsExceedPayment,
    AllocationUnknown,
    ExceedsUnapplied,
    NotAnAmount,
    PaymentNumberReused,
    PaymentUnknown,
)
from services.payments.domain.patient_account.commands import (
    AllocateUnapplied,
    PatientAccountCommand,
    ReceivePatientPayment,
    RefundUnapplied,
    ReturnAllocation,
)
from services.payments.domain.patient_account.state import PatientAccount, Payment, evolve
from shared.events.payments import (
    AllocationReturned,
    PatientAccountEvent,
    PatientPaymentReceived,
    PaymentAllocated,
    UnappliedRefunded,
)
from shared.kernel.decider import Decider


def decide(command: PatientAccountCommand, account: PatientAccount) -> Sequence[PatientAccountEvent]:
    match command:
        case ReceivePatientPayment():
            return _receive(command, account)
        case AllocateUnapplied():
            return _allocate(command, account)
        case ReturnAllocation():
            return _take_back(command, account)
        case RefundUnapplied():
            return _refund(command, account)
        case _:
            assert_never(command)


def _receive(command: ReceivePatientPayment, account: PatientAccount) -> list[PatientAccountEvent]:
    received = PatientPaymentReceived(
        payment_id=command.payment_id,
        patient_id=command.patient_id,
        amount_cents=command.amount_cents,
        method=command.method,
        received_on=command.received_on,
        token=command.token,
        postings=ledger.moved(command.amount_cents, debit=ledger.CASH, credit=ledger.UNAPPLIED),
    )
    if (known := account.payments.get(command.payment_id)) is not None:
        if known.received != received:
            raise PaymentNumberReused("this payment number came with other facts", payment_id=command.payment_id)
        return []
    if command.amount_cents <= 0 or any(each.amount_cents <= 0 for each in command.named):
        raise NotAnAmount("a payment is a positive amount")
    if sum(each.amount_cents for each in command.named) > command.amount_cents:
        raise AllocationsExceedPayment("more was named than was paid", amount_cents=command.amount_cents)
    if command.books is not None:
        refuse_closed_day(command.books, command.received_on)
    payment = Payment(received=received, unapplied_cents=command.amount_cents)
    return [received, *_shared_out(payment, _wanted(command))]


def _wanted(command: ReceivePatientPayment) -> Iterator[tuple[str, int]]:
    """Named accounts first, then what is owed longest; what was named is not wanted a second time."""
    named: dict[str, int] = {}
    for each in command.named:
        named[each.account_id] = named.get(each.account_id, 0) + each.amount_cents
    yield from named.items()
    for due in command.due:
        yield due.account_id, due.due_cents - named.get(due.account_id, 0)


def _shared_out(payment: Payment, wanted: Iterable[tuple[str, int]]) -> Iterator[PaymentAllocated]:
    left = payment.unapplied_cents
    ordinal = max(payment.allocations, default=0)
    for account_id, cents in wanted:
        amount = min(left, cents)
        if amount > 0:
            left -= amount
            ordinal += 1
            yield _allocated(payment.received, account_id, ordinal, amount)


def _allocated(received: PatientPaymentReceived, account_id: str, ordinal: int, amount: int) -> PaymentAllocated:
    return PaymentAllocated(
        payment_id=received.payment_id,
        patient_id=received.patient_id,
        account_id=account_id,
        allocation=ordinal,
        amount_cents=amount,
        postings=ledger.moved(amount, debit=ledger.UNAPPLIED, credit=ledger.ALLOCATED),
    )


def _allocate(command: AllocateUnapplied, account: PatientAccount) -> list[PatientAccountEvent]:
    """Oldest payment first."""
    events: list[PatientAccountEvent] = []
    account_id, still_due = command.due
    for payment in account.payments.values():
        for allocated in _shared_out(payment, [(account_id, still_due)]):
            still_due -= allocated.amount_cents
            events.append(allocated)
    return events


def _take_back(command: ReturnAllocation, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = account.payments.get(command.payment_id)
    if payment is None or command.allocation not in payment.allocations:
        raise AllocationUnknown("the payment was never allocated so", payment_id=command.payment_id)
    if command.allocation in payment.returned:
        return []
    allocated = payment.allocations[command.allocation]
    return [
        AllocationReturned(
            payment_id=allocated.payment_id,
            patient_id=allocated.patient_id,
            account_id=allocated.account_id,
            allocation=allocated.allocation,
            amount_cents=command.amount_cents,
            postings=ledger.moved(command.amount_cents, debit=ledger.ALLOCATED, credit=ledger.UNAPPLIED),
        )
    ]


def _refund(command: RefundUnapplied, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = account.payments.get(command.payment_id)
    if payment is None:
        raise PaymentUnknown("there is no such payment of this patient", payment_id=command.payment_id)
    if command.refund_id in payment.refunds:
        return []
    if command.amount_cents <= 0:
        raise NotAnAmount("a refund is a positive amount", amount_cents=command.amount_cents)
    if command.amount_cents > payment.unapplied_cents:
        raise ExceedsUnapplied("more than waits of this payment", unapplied_cents=payment.unapplied_cents)
    return [
        UnappliedRefunded(
            payment_id=payment.received.payment_id,
            patient_id=payment.received.patient_id,
            refund_id=command.refund_id,
            amount_cents=command.amount_cents,
            postings=ledger.moved(command.amount_cents, debit=ledger.UNAPPLIED, credit=ledger.REFUNDS),
        )
    ]


patient_account: Decider[PatientAccountCommand, PatientAccountEvent, PatientAccount] = Decider(
    decide=decide, evolve=evolve, initial=PatientAccount()
)
