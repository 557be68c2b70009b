"""Stories about a deposit: the payer announces, the bank shows, and both agree to the cent."""

from __future__ import annotations

from datetime import date

import pytest

from services.payments.domain.deposit.commands import ExpectDeposit, RecordDeposit
from services.payments.domain.deposit.decider import deposit
from services.payments.domain.remittance.identity import deposit_id_of
from shared.events.deposits import DepositExpected, DepositReconciled, DepositRecorded
from shared.testing.specification import Specification

spec = Specification(deposit)
DEPOSIT = deposit_id_of(payer_identifier="1999999999", trace_number="TRACE1")


def expect(cents: int = 100_00) -> ExpectDeposit:
    return ExpectDeposit(
        deposit_id=DEPOSIT,
        remittance_id="remittance-1",
        trace_number="TRACE1",
        payer_identifier="1999999999",
        amount_cents=cents,
        payment_on=date(2026, 3, 20),
    )


def record(cents: int = 100_00) -> RecordDeposit:
    return RecordDeposit(
        deposit_id=DEPOSIT,
        trace_number="TRACE1",
        payer_identifier="1999999999",
        amount_cents=cents,
        deposited_on=date(2026, 3, 21),
    )


@pytest.mark.parametrize("bank_first", [True, False])
def test_a_deposit_is_reconciled_whichever_side_comes_first(bank_first: bool) -> None:
    commands = (record(), expect()) if bank_first else (expect(), record())
    reconciled = spec.when(*commands).only(DepositReconciled)
    assert reconciled == DepositReconciled(deposit_id=DEPOSIT, remittance_id="remittance-1", amount_cents=100_00)


def test_a_deposit_of_another_amount_is_not_reconciled() -> None:
    spec.when(expect(), record(99_99)).then_kinds(DepositExpected, DepositRecorded)


def test_each_side_counts_once() -> None:
    story = spec.when(expect(), expect(), record(), record())
    story.then_kinds(DepositExpected, DepositRecorded, DepositReconciled)


def test_another_deposit_under_the_same_trace_number_is_refused() -> None:
    spec.when(record(), record(50_00)).then_refused("deposit-already-recorded")
    spec.when(record(0)).then_refused("not-an-amount")
