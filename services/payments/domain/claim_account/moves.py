"""How does a patient's credit get to the account on which the same patient owes something, and back again?

What a patient paid too much on an account is what the account took of payments, the last one first. It leaves the account as it came,
leg by leg, and keeps its payment, so that a refund, a chargeback or a bounced check still finds every cent. What a payer paid too much
is never touched: it is the payer's.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import MoveCredit, UndoMove
from services.payments.domain.claim_account.state import ClaimAccount, move_key
from services.payments.domain.errors import CreditNotPaid, ExceedsCredit, MoveUnknown, NotAnAmount
from shared.events.payments import AppliedPaymentMoved, ClaimAccountEvent, PaymentApplied

_OF_PATIENT = ledger.receivable(ledger.PATIENT)


def move_credit(command: MoveCredit, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if command.move_id in account.moves:
        return []
    if command.amount_cents <= 0 or command.to_account_id == command.account_id:
        raise NotAnAmount("a credit moves to another account, by a positive amount", amount_cents=command.amount_cents)
    credit = max(0, -account.owed_by(ledger.PATIENT))
    if command.amount_cents > credit:
        raise ExceedsCredit(
            "more than the patient paid too much", credit_cents=credit, amount_cents=command.amount_cents
        )
    found = list(_moved(command, account))
    if (paid := sum(each.amount_cents for each in found)) < command.amount_cents:
        raise CreditNotPaid(
            "this much of the credit was not paid by the patient here: refund it", paid_cents=paid, credit_cents=credit
        )
    return [*found]


def _moved(command: MoveCredit, account: ClaimAccount) -> Iterator[AppliedPaymentMoved]:
    left = command.amount_cents
    for applied in reversed(tuple(account.applied.values())):
        part = min(left, _of_patient(applied))
        if part > 0:
            left -= part
            taken, _ = ledger.parted(applied.postings, part)
            yield AppliedPaymentMoved(
                account_id=command.account_id,
                patient_id=applied.patient_id,
                payment_id=applied.payment_id,
                allocation=applied.allocation,
                move_id=command.move_id,
                amount_cents=part,
                destination="account" if command.to_account_id else "oldest",
                to_account_id=command.to_account_id,
                moved_by=command.moved_by,
                since_on=account.patient_owes_since_on or command.moved_on,
                postings=ledger.mirrored(taken),
            )


def _of_patient(applied: PaymentApplied) -> int:
    """What of it can be moved as the patient's: nothing of what an agency collected, which stands behind it in the legs."""
    if any(leg.account not in (_OF_PATIENT, ledger.ALLOCATED) for leg in applied.postings):
        return 0
    return applied.amount_cents


def undo(command: UndoMove, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if move_key(command.move_id, is_undone=True) in account.moves:
        return []
    brought = [each for each in account.applied.values() if each.move_id == command.move_id]
    if not brought:
        raise MoveUnknown("nothing that this move brought is on the account")
    return [
        AppliedPaymentMoved(
            account_id=command.account_id,
            patient_id=applied.patient_id,
            payment_id=applied.payment_id,
            allocation=applied.allocation,
            move_id=command.move_id,
            amount_cents=applied.amount_cents,
            destination="account" if applied.from_account_id else "waits",
            to_account_id=applied.from_account_id,
            is_undone=True,
            moved_by=command.moved_by,
            since_on=account.patient_owes_since_on or command.moved_on,
            postings=ledger.mirrored(applied.postings),
        )
        for applied in brought
    ]
