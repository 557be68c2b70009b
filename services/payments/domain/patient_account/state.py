"""What must a patient's payment account remember? What is left of each payment, and what was set aside for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from shared.events.payments import (
    AllocationReturned,
    PatientAccountEvent,
    PatientPaymentReceived,
    PaymentAllocated,
    UnappliedRefunded,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    received: PatientPaymentReceived
    unapplied_cents: int
    allocations: Mapping[int, PaymentAllocated] = field(default_factory=dict)
    returned: frozenset[int] = frozenset()  # allocations of which something came back
    refunds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientAccount:
    payments: Mapping[str, Payment] = field(default_factory=dict)  # oldest first


def evolve(account: PatientAccount, event: PatientAccountEvent) -> PatientAccount:
    match event:
        case PatientPaymentReceived():
            return _with(account, Payment(received=event, unapplied_cents=event.amount_cents))
        case PaymentAllocated():
            payment = account.payments[event.payment_id]
            return _with(
                account,
                replace(
                    payment,
                    unapplied_cents=payment.unapplied_cents - event.amount_cents,
                    allocations={**payment.allocations, event.allocation: event},
                ),
            )
        case AllocationReturned():
            payment = account.payments[event.payment_id]
            return _with(
                account,
                replace(
                    payment,
                    unapplied_cents=payment.unapplied_cents + event.amount_cents,
                    returned=payment.returned | {event.allocation},
                ),
            )
        case UnappliedRefunded():
            payment = account.payments[event.payment_id]
            return _with(
                account,
                replace(
                    payment,
                    unapplied_cents=payment.unapplied_cents - event.amount_cents,
                    refunds=payment.refunds | {event.refund_id},
                ),
            )
        case _:
            assert_never(event)


def _with(account: PatientAccount, payment: Payment) -> PatientAccount:
    return replace(account, payments={**account.payments, payment.received.payment_id: payment})
