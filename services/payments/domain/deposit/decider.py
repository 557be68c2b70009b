"""Has the bank shown what the payer announced?

Source: CAQH CORE EFT and ERA reassociation: TRN02 and TRN03 of the 835 are those of the bank's CCD+ addenda, and BPR02 is its
amount. Either side may come first; they meet in one stream named after payer and trace number, so neither is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from services.payments.domain.books.decider import refuse_closed_day
from services.payments.domain.deposit.commands import DepositCommand, ExpectDeposit, RecordDeposit, WithdrawDeposit
from services.payments.domain.errors import DepositAlreadyRecorded, NotAnAmount
from shared.events.deposits import (
    DepositEvent,
    DepositExpected,
    DepositNotTaken,
    DepositReconciled,
    DepositRecorded,
    DepositShownAgain,
    DepositWithdrawn,
)
from shared.kernel.decider import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    expected: DepositExpected | None = None
    recorded: DepositRecorded | None = None
    shown_again: DepositShownAgain | None = None  # what stands if the identification of `recorded` is undone
    is_reconciled: bool = False


def decide(command: DepositCommand, deposit: Deposit) -> Sequence[DepositEvent]:
    match command:
        case ExpectDeposit():
            return _expect(command, deposit)
        case RecordDeposit():
            return _record(command, deposit)
        case WithdrawDeposit():
            return _withdraw(command, deposit)
        case _:
            assert_never(command)


def _expect(command: ExpectDeposit, deposit: Deposit) -> list[DepositEvent]:
    if deposit.expected is not None:
        return []  # A trace number announces one payment; another one under it is held with its remittance.
    expected = DepositExpected(
        deposit_id=command.deposit_id,
        remittance_id=command.remittance_id,
        trace_number=command.trace_number,
        payer_identifier=command.payer_identifier,
        amount_cents=command.amount_cents,
        payment_on=command.payment_on,
    )
    return [expected, *_reconciled(evolve(deposit, expected))]


def _record(command: RecordDeposit, deposit: Deposit) -> list[DepositEvent]:
    if command.amount_cents <= 0:
        raise NotAnAmount("a deposit is a positive amount", amount_cents=command.amount_cents)
    recorded = DepositRecorded(
        deposit_id=command.deposit_id,
        trace_number=command.trace_number,
        payer_identifier=command.payer_identifier,
        amount_cents=command.amount_cents,
        deposited_on=command.deposited_on,
        source=command.source,
        unidentified_id=command.unidentified_id,
    )
    if deposit.recorded is not None:
        if is_same_money(deposit.recorded, recorded):
            return _shown_again(recorded, deposit)
        if command.unidentified_id:
            return [
                DepositNotTaken(
                    deposit_id=command.deposit_id,
                    unidentified_id=command.unidentified_id,
                    amount_cents=command.amount_cents,
                )
            ]
        raise DepositAlreadyRecorded("the bank showed another deposit under this trace number")
    if command.books is not None:
        refuse_closed_day(command.books, command.deposited_on)
    return [recorded, *_reconciled(evolve(deposit, recorded))]


def _shown_again(recorded: DepositRecorded, deposit: Deposit) -> list[DepositEvent]:
    """Only what stands beside an identification is news: that may be undone, and this must not be lost with it."""
    is_by_its_own_name = not recorded.unidentified_id
    if deposit.recorded is None or not deposit.recorded.unidentified_id or not is_by_its_own_name:
        return []
    if deposit.shown_again is not None:
        return []
    return [
        DepositShownAgain(
            deposit_id=recorded.deposit_id,
            trace_number=recorded.trace_number,
            payer_identifier=recorded.payer_identifier,
            amount_cents=recorded.amount_cents,
            deposited_on=recorded.deposited_on,
            source=recorded.source,
        )
    ]


def _withdraw(command: WithdrawDeposit, deposit: Deposit) -> list[DepositEvent]:
    recorded, again = deposit.recorded, deposit.shown_again
    if recorded is None or recorded.unidentified_id != command.unidentified_id:
        return []  # It was never taken here, or was withdrawn before.
    withdrawn = DepositWithdrawn(
        deposit_id=recorded.deposit_id,
        unidentified_id=recorded.unidentified_id,
        amount_cents=recorded.amount_cents,
        deposited_on=recorded.deposited_on,
    )
    if again is None:
        return [withdrawn]
    stands = DepositRecorded(
        deposit_id=again.deposit_id,
        trace_number=again.trace_number,
        payer_identifier=again.payer_identifier,
        amount_cents=again.amount_cents,
        deposited_on=again.deposited_on,
        source=again.source,
    )
    return [withdrawn, stands, *_reconciled(evolve(evolve(deposit, withdrawn), stands))]


def is_same_money(first: DepositRecorded, second: DepositRecorded) -> bool:
    """Whether two records of one trace number are of one deposit.

    A line of the bank that named no payment is another line than the one that named it. What a person recorded may be either.
    """
    if (first.amount_cents, first.deposited_on) != (second.amount_cents, second.deposited_on):
        return False
    if not second.unidentified_id or first.unidentified_id == second.unidentified_id:
        return True
    return first.source is None and not first.unidentified_id


def _reconciled(deposit: Deposit) -> list[DepositEvent]:
    """Both sides are known and name the same amount. Otherwise they stay apart, for somebody to see."""
    expected, recorded = deposit.expected, deposit.recorded
    if expected is None or recorded is None or expected.amount_cents != recorded.amount_cents:
        return []
    return [
        DepositReconciled(
            deposit_id=recorded.deposit_id,
            remittance_id=expected.remittance_id,
            amount_cents=recorded.amount_cents,
        )
    ]


def evolve(deposit: Deposit, event: DepositEvent) -> Deposit:
    match event:
        case DepositExpected():
            return replace(deposit, expected=event)
        case DepositRecorded():
            return replace(deposit, recorded=event)
        case DepositReconciled():
            return replace(deposit, is_reconciled=True)
        case DepositShownAgain():
            return replace(deposit, shown_again=event)
        case DepositWithdrawn():
            return replace(deposit, recorded=None, shown_again=None, is_reconciled=False)
        case DepositNotTaken():
            return deposit
        case _:
            assert_never(event)


deposit: Decider[DepositCommand, DepositEvent, Deposit] = Decider(decide=decide, evolve=evolve, initial=Deposit())
