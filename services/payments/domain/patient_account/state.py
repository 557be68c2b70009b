"""What must a patient's payment account remember? What is left of each payment, and what was set aside for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from shared.events.patient_money import (
    AllocationReturned,
    AllocationTakenBack,
    OverdraftCovered,
    OverdraftReopened,
    PatientAccountEvent,
    PatientPaymentReceived,
    PaymentAllocated,
    PaymentTakenBack,
    UnappliedRefundDeclined,
    UnappliedRefunded,
    UnappliedRefundRequested,
    UnappliedRefundReversed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    received: PatientPaymentReceived
    unapplied_cents: int
    allocations: Mapping[int, PaymentAllocated] = field(default_factory=dict)
    returned: Mapping[int, int] = field(default_factory=dict)  # cents that came back, by allocation
    requested: Mapping[str, UnappliedRefundRequested] = field(default_factory=dict)  # refunds, whatever became of them
    refunds: Mapping[str, UnappliedRefunded] = field(default_factory=dict)  # that were issued
    declined: frozenset[str] = frozenset()  # refunds
    reversed_refunds: Mapping[str, UnappliedRefundReversed] = field(default_factory=dict)
    refunded_cents: int = 0  # and not reversed
    taken_back: PaymentTakenBack | None = None
    overdrawn_cents: int = 0  # the patient had it twice, and has not made it good yet
    moves: frozenset[str] = frozenset()  # of what waited, to an account
    moved: frozenset[tuple[str, int]] = frozenset()  # that came back from an account: move and allocation
    covering: Mapping[str, int] = field(default_factory=dict)  # cents that made another one's good, by payment

    def standing(self, allocation: int) -> int:
        """What is set aside by an allocation and did not come back: taken by its account, or on the way there."""
        return self.allocations[allocation].amount_cents - self.returned.get(allocation, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientAccount:
    payments: Mapping[str, Payment] = field(default_factory=dict)  # oldest first


def evolve(account: PatientAccount, event: PatientAccountEvent) -> PatientAccount:
    if isinstance(event, PatientPaymentReceived):
        return _with(account, Payment(received=event, unapplied_cents=event.amount_cents))
    payment = account.payments[event.payment_id]
    match event:
        case PaymentAllocated():
            moves = payment.moves | {event.move_id} if event.move_id and not event.from_account_id else payment.moves
            allocations = _put(payment.allocations, event)
            payment = replace(_waits(payment, -event.amount_cents), allocations=allocations, moves=moves)
        case AllocationReturned() | AllocationTakenBack():
            back = payment.returned.get(event.allocation, 0) + event.amount_cents
            payment = replace(
                _waits(payment, event.amount_cents), returned={**payment.returned, event.allocation: back}
            )
            if isinstance(event, AllocationReturned) and event.move_id:
                payment = replace(payment, moved=payment.moved | {(event.move_id, event.allocation)})
        case UnappliedRefundRequested():
            payment = replace(payment, requested={**payment.requested, event.refund_id: event})
        case UnappliedRefunded():
            payment = replace(
                _waits(payment, -event.amount_cents),
                refunds={**payment.refunds, event.refund_id: event},
                refunded_cents=payment.refunded_cents + event.amount_cents,
            )
        case UnappliedRefundDeclined():
            payment = replace(payment, declined=payment.declined | {event.refund_id})
        case UnappliedRefundReversed():
            payment = replace(
                _waits(payment, event.amount_cents),
                reversed_refunds={**payment.reversed_refunds, event.refund_id: event},
                refunded_cents=payment.refunded_cents - event.amount_cents,
            )
        case PaymentTakenBack():
            payment = replace(
                _waits(payment, event.overdrawn_cents - event.amount_cents),
                taken_back=event,
                overdrawn_cents=event.overdrawn_cents,
            )
        case OverdraftCovered() | OverdraftReopened():
            cents = event.amount_cents if isinstance(event, OverdraftCovered) else -event.amount_cents
            covered = account.payments[event.covers_payment_id]
            account = _with(account, replace(covered, overdrawn_cents=covered.overdrawn_cents - cents))
            payment = account.payments[event.payment_id]  # it may be the covered one
            spent = payment.covering.get(event.covers_payment_id, 0) + cents
            payment = replace(_waits(payment, -cents), covering={**payment.covering, event.covers_payment_id: spent})
        case _:
            assert_never(event)
    return _with(account, payment)


def _waits(payment: Payment, change_cents: int) -> Payment:
    return replace(payment, unapplied_cents=payment.unapplied_cents + change_cents)


def _put(allocations: Mapping[int, PaymentAllocated], event: PaymentAllocated) -> Mapping[int, PaymentAllocated]:
    return {**allocations, event.allocation: event}


def _with(account: PatientAccount, payment: Payment) -> PatientAccount:
    return replace(account, payments={**account.payments, payment.received.payment_id: payment})
