"""Which payments did the bank show, which did a payer announce, and which have only one side?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.envelope import Recorded
from shared.events.payments import DepositExpected, DepositReconciled, DepositRecorded
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

deposits = sa.Table(
    "deposits",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("deposit_id", sa.Text, primary_key=True),
    sa.Column("trace_number", sa.Text),
    sa.Column("payer_identifier", sa.Text),
    sa.Column("remittance_id", sa.Text, server_default=""),
    sa.Column("expected_cents", sa.BigInteger),
    sa.Column("payment_on", sa.Date),
    sa.Column("deposited_cents", sa.BigInteger),
    sa.Column("deposited_on", sa.Date),
    sa.Column("is_reconciled", sa.Boolean, server_default=sa.false()),
    sa.Index("deposits_by_state", "tenant", "is_reconciled", "deposit_id"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event: DepositExpected | DepositRecorded | DepositReconciled = recorded.event
    match event:
        case DepositExpected():
            values: dict[str, Any] = {
                "trace_number": event.trace_number,
                "payer_identifier": event.payer_identifier,
                "remittance_id": event.remittance_id,
                "expected_cents": event.amount_cents,
                "payment_on": event.payment_on,
            }
        case DepositRecorded():
            values = {
                "trace_number": event.trace_number,
                "payer_identifier": event.payer_identifier,
                "deposited_cents": event.amount_cents,
                "deposited_on": event.deposited_on,
            }
        case DepositReconciled():
            values = {"is_reconciled": True}
    yield Put(table="deposits", key=(event.deposit_id,), values=values)


projection = Projection(
    name="payments.deposits",
    version=1,
    tables=(deposits,),
    reads={"payments": (DepositExpected, DepositRecorded, DepositReconciled)},
    apply=apply,
)


# What is asked of the rows


def every(*, is_reconciled: bool | None = None, remittance_id: str | None = None) -> sa.Select[Any]:
    """Deposits, matched, unmatched or all, of one remittance or any; the caller orders and pages."""
    statement = sa.select(deposits)
    if remittance_id is not None:
        statement = statement.where(deposits.c.remittance_id == remittance_id)
    return statement if is_reconciled is None else statement.where(deposits.c.is_reconciled == is_reconciled)
