"""For which account is a patient's payment?

For the ones that were named, then for what the patient owes longest; the rest stays unapplied with its owner and is used when
the patient comes to owe something. Source: domain-facts section 6 (rest is unapplied, not income). The account that gets
the money decides how much it takes; what it cannot take comes back.

A payment that did not last is taken back whole, and its accounts follow. What had been refunded of it the bank may have taken too:
then the patient had it twice, and it is made good before anything is used for what is owed on accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

import msgspec

from services.payments.domain import ledger
from services.payments.domain.books.decider import refuse_closed_day
from services.payments.domain.errors import (
    AllocationsExceedPayment,
    AllocationUnknown,
    ChargebackDiffers,
    ExceedsUnapplied,
    NotAnAmount,
    NotFromACard,
    NothingOwed,
    PaymentAlreadyTakenBack,
    PaymentNumberReused,
    PaymentUnknown,
    PaymentWasRefunded,
    TakenBackTooEarly,
)
from services.payments.domain.patient_account.commands import (
    AccountDue,
    AllocateUnapplied,
    ApproveUnappliedRefund,
    DeclineUnappliedRefund,
    MoveUnapplied,
    PatientAccountCommand,
    ReceivePatientPayment,
    RequestUnappliedRefund,
    ReturnAllocation,
    ReverseUnappliedRefund,
    TakeBackPayment,
    TakeMoved,
)
from services.payments.domain.patient_account.state import PatientAccount, Payment, evolve
from services.payments.domain.refund_decisions import to_reverse, undecided
from services.payments.domain.two_persons import refuse_same_person
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
from shared.kernel.decider import Decider


def decide(command: PatientAccountCommand, account: PatientAccount) -> Sequence[PatientAccountEvent]:
    match command:
        case ReceivePatientPayment():
            return _receive(command, account)
        case AllocateUnapplied():
            return _allocate(command, account)
        case ReturnAllocation():
            return _return(command, account)
        case MoveUnapplied():
            return _move(command, account)
        case TakeMoved():
            return _take_moved(command, account)
        case RequestUnappliedRefund():
            return _request_refund(command, account)
        case ApproveUnappliedRefund():
            return _approve_refund(command, account)
        case DeclineUnappliedRefund():
            return _decline_refund(command, account)
        case ReverseUnappliedRefund():
            return _reverse_refund(command, account)
        case TakeBackPayment():
            return _take_back(command, account)
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
        card_payment_id=command.card_payment_id,
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
    named: dict[str, int] = {}
    for each in command.named:
        named[each.account_id] = named.get(each.account_id, 0) + each.amount_cents
    # What was named is not wanted a second time.
    due = [(each.account_id, each.due_cents - named.get(each.account_id, 0)) for each in command.due]
    story = _Story(account).then([received])
    story.then(_shared_out(story.account.payments[command.payment_id], named.items()))
    story.then(_covering(story.account))
    story.then(_shared_out(story.account.payments[command.payment_id], due))
    return story.events


def _shared_out(
    payment: Payment, wanted: Iterable[tuple[str, int]], *, most: int | None = None
) -> Iterator[PaymentAllocated]:
    """At most what waits of the payment, and no more than `most`."""
    left = payment.unapplied_cents if most is None else min(most, payment.unapplied_cents)
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


def _return(command: ReturnAllocation, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = account.payments.get(command.payment_id)
    if payment is None or command.allocation not in payment.allocations:
        raise AllocationUnknown("the payment was never allocated so", payment_id=command.payment_id)
    if command.allocation in payment.returned:
        return []  # It came back before, or went with the whole payment.
    story = _Story(account).then([_returned(payment.allocations[command.allocation], command.amount_cents)])
    return story.then(_covering(story.account)).events


def _returned(allocated: PaymentAllocated, amount_cents: int, *, move_id: str = "") -> AllocationReturned:
    return AllocationReturned(
        payment_id=allocated.payment_id,
        patient_id=allocated.patient_id,
        account_id=allocated.account_id,
        allocation=allocated.allocation,
        amount_cents=amount_cents,
        postings=ledger.moved(amount_cents, debit=ledger.ALLOCATED, credit=ledger.UNAPPLIED),
        move_id=move_id,
    )


# What people move


def _move(command: MoveUnapplied, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = _payment(account, command.payment_id)
    if command.move_id in payment.moves:
        return []
    if command.amount_cents <= 0:
        raise NotAnAmount("what is moved is a positive amount", amount_cents=command.amount_cents)
    _must_wait(payment, command.amount_cents)
    moved = list(_moved(payment, command.to, command.amount_cents, command.move_id, command.moved_by))
    if not moved:
        raise NothingOwed("the patient owes nothing where this could go")
    return [*moved]


def _take_moved(command: TakeMoved, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = account.payments.get(command.payment_id)
    if payment is None or command.allocation not in payment.allocations:
        raise AllocationUnknown("the payment was never allocated so", payment_id=command.payment_id)
    if (command.move_id, command.allocation) in payment.moved or payment.taken_back is not None:
        return []  # It came back before, or went with the whole payment.
    allocated = payment.allocations[command.allocation]
    story = _Story(account).then([_returned(allocated, command.amount_cents, move_id=command.move_id)])
    story.then(_covering(story.account))
    payment = story.account.payments[command.payment_id]
    left = min(command.amount_cents, payment.unapplied_cents)
    moved = _moved(payment, command.to, left, command.move_id, command.moved_by)
    if command.is_undone:  # what goes back is no move that could be undone once more
        return story.then(msgspec.structs.replace(each, move_id="", as_credit=True) for each in moved).events
    return story.then(msgspec.structs.replace(each, from_account_id=allocated.account_id) for each in moved).events


def _moved(
    payment: Payment, to: Iterable[AccountDue], amount_cents: int, move_id: str, moved_by: str
) -> Iterator[PaymentAllocated]:
    for allocated in _shared_out(payment, to, most=amount_cents):
        yield msgspec.structs.replace(allocated, move_id=move_id, moved_by=moved_by)


# What people give back


def _request_refund(command: RequestUnappliedRefund, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = _payment(account, command.payment_id)
    if command.refund_id in payment.requested or command.refund_id in payment.refunds:
        return []
    if command.amount_cents <= 0:
        raise NotAnAmount("a refund is a positive amount", amount_cents=command.amount_cents)
    _must_wait(payment, command.amount_cents)
    return [
        UnappliedRefundRequested(
            payment_id=command.payment_id,
            patient_id=payment.received.patient_id,
            refund_id=command.refund_id,
            amount_cents=command.amount_cents,
            requested_by=command.requested_by,
            to_card_payment_id=_card_of(payment, to_card=command.to_card),
        )
    ]


def _card_of(payment: Payment, *, to_card: bool | None) -> str:
    card = payment.received.card_payment_id
    if to_card and not card:
        raise NotFromACard("this payment did not come through our processor of cards")
    return "" if to_card is False else card


def _approve_refund(command: ApproveUnappliedRefund, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = _payment(account, command.payment_id)
    asked = _undecided(payment, command.refund_id)
    refuse_same_person(
        "a refund", asked_by=asked.requested_by, agreed_by=command.approved_by, refund_id=asked.refund_id
    )
    _must_wait(payment, asked.amount_cents)
    return [
        UnappliedRefunded(
            payment_id=asked.payment_id,
            patient_id=asked.patient_id,
            refund_id=asked.refund_id,
            amount_cents=asked.amount_cents,
            postings=ledger.moved(asked.amount_cents, debit=ledger.UNAPPLIED, credit=ledger.REFUNDS),
            approved_by=command.approved_by,
            to_card_payment_id=asked.to_card_payment_id,
        )
    ]


def _decline_refund(command: DeclineUnappliedRefund, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = _payment(account, command.payment_id)
    if command.refund_id in payment.declined:
        return []
    asked = _undecided(payment, command.refund_id)
    return [
        UnappliedRefundDeclined(
            payment_id=asked.payment_id,
            patient_id=asked.patient_id,
            refund_id=asked.refund_id,
            amount_cents=asked.amount_cents,
            reason=command.reason,
            declined_by=command.declined_by,
        )
    ]


def _undecided(payment: Payment, refund_id: str) -> UnappliedRefundRequested:
    return undecided(refund_id, payment.requested, issued=payment.refunds, declined=payment.declined)


def _reverse_refund(command: ReverseUnappliedRefund, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = _payment(account, command.payment_id)
    issued = to_reverse(
        command.refund_id,
        command.reason,
        payment.refunds,
        asked=payment.requested,
        already=payment.reversed_refunds,
    )
    if issued is None:
        return []
    back = UnappliedRefundReversed(
        payment_id=issued.payment_id,
        patient_id=issued.patient_id,
        refund_id=issued.refund_id,
        amount_cents=issued.amount_cents,
        reason=command.reason,
        reversed_by=command.reversed_by,
        postings=ledger.mirrored(issued.postings),
    )
    story = _Story(account).then([back])
    return story.then(_covering(story.account)).events


def _must_wait(payment: Payment, amount_cents: int) -> None:
    if amount_cents > payment.unapplied_cents:
        raise ExceedsUnapplied(
            "more than waits of this payment", unapplied_cents=payment.unapplied_cents, amount_cents=amount_cents
        )


# What did not last


def _take_back(command: TakeBackPayment, account: PatientAccount) -> list[PatientAccountEvent]:
    payment = _payment(account, command.payment_id)
    if (before := payment.taken_back) is not None:
        if (before.reason, before.taken_back_on) == (command.reason, command.taken_back_on):
            return []
        raise PaymentAlreadyTakenBack(
            "this payment was taken back before",
            reason=before.reason,
            taken_back_on=str(before.taken_back_on),
        )
    if command.taken_back_on < payment.received.received_on:
        raise TakenBackTooEarly(
            "a payment is taken back on the day on which it was received, or later",
            received_on=str(payment.received.received_on),
        )
    refunded = payment.refunded_cents
    overdrawn = refunded if _is_refunded_too(command, payment) else 0
    amount = payment.received.amount_cents - refunded + overdrawn
    if (refunded and not command.refunded_too and command.reason != "chargeback") or amount == 0:
        raise PaymentWasRefunded(
            "something of this payment was refunded: say refunded_too if the bank took that as well",
            refunded_cents=refunded,
            amount_cents=payment.received.amount_cents,
        )
    if command.books is not None:
        refuse_closed_day(command.books, command.taken_back_on)
    story = _Story(account).then(_allocations_taken_back(command, payment)).then(_reopened(payment))
    taken_back = PaymentTakenBack(
        payment_id=command.payment_id,
        patient_id=payment.received.patient_id,
        amount_cents=amount,
        refunded_cents=refunded,
        overdrawn_cents=overdrawn,
        reason=command.reason,
        taken_back_on=command.taken_back_on,
        taken_back_by=command.taken_back_by,
        postings=(
            *ledger.moved(amount - overdrawn, debit=ledger.UNAPPLIED, credit=ledger.CASH),
            *ledger.moved(overdrawn, debit=ledger.OVERDRAWN, credit=ledger.CASH),
        ),
    )
    story.then([taken_back])
    return story.then(_covering(story.account)).events


def _is_refunded_too(command: TakeBackPayment, payment: Payment) -> bool:
    """A processor leaves out what it refunded itself; a chargeback of the whole took what had gone out by other means too."""
    if command.charged_back_cents is None:
        return command.refunded_too
    whole, refunded = payment.received.amount_cents, payment.refunded_cents
    if command.charged_back_cents not in (whole, whole - refunded):
        raise ChargebackDiffers(
            "the chargeback is neither of the whole payment nor of what was not refunded",
            charged_back_cents=command.charged_back_cents,
            amount_cents=whole,
            refunded_cents=refunded,
        )
    return command.charged_back_cents == whole


def _allocations_taken_back(command: TakeBackPayment, payment: Payment) -> Iterator[PatientAccountEvent]:
    for allocation, allocated in payment.allocations.items():
        if standing := payment.standing(allocation):
            yield AllocationTakenBack(
                payment_id=allocated.payment_id,
                patient_id=allocated.patient_id,
                account_id=allocated.account_id,
                allocation=allocation,
                amount_cents=standing,
                reason=command.reason,
                taken_back_on=command.taken_back_on,
                postings=ledger.moved(standing, debit=ledger.ALLOCATED, credit=ledger.UNAPPLIED),
            )


def _reopened(payment: Payment) -> Iterator[PatientAccountEvent]:
    for covered_id, cents in payment.covering.items():
        yield OverdraftReopened(
            payment_id=payment.received.payment_id,
            patient_id=payment.received.patient_id,
            covers_payment_id=covered_id,
            amount_cents=cents,
            postings=ledger.moved(cents, debit=ledger.OVERDRAWN, credit=ledger.UNAPPLIED),
        )


def _covering(account: PatientAccount) -> Iterator[PatientAccountEvent]:
    """Money that waits is for what the patient had twice, oldest first on both sides."""
    waits = {name: each.unapplied_cents for name, each in account.payments.items()}
    for covered in account.payments.values():
        missing = covered.overdrawn_cents
        for payment_id, cents in waits.items():
            amount = min(missing, cents)
            if amount > 0:
                missing -= amount
                waits[payment_id] -= amount
                yield OverdraftCovered(
                    payment_id=payment_id,
                    patient_id=covered.received.patient_id,
                    covers_payment_id=covered.received.payment_id,
                    amount_cents=amount,
                    postings=ledger.moved(amount, debit=ledger.UNAPPLIED, credit=ledger.OVERDRAWN),
                )


def _payment(account: PatientAccount, payment_id: str) -> Payment:
    if payment_id not in account.payments:
        raise PaymentUnknown("there is no such payment of this patient", payment_id=payment_id)
    return account.payments[payment_id]


class _Story:
    """Events decided one after the other, each on what the ones before it led to."""

    def __init__(self, account: PatientAccount) -> None:
        self.account = account
        self.events: list[PatientAccountEvent] = []

    def then(self, events: Iterable[PatientAccountEvent]) -> _Story:
        for event in events:
            self.events.append(event)
            self.account = evolve(self.account, event)
        return self


patient_account: Decider[PatientAccountCommand, PatientAccountEvent, PatientAccount] = Decider(
    decide=decide, evolve=evolve, initial=PatientAccount()
)
