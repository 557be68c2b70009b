"""Which payments did the bank show, which did a payer announce, and which have only one side?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from shared.events.envelope import Recorded
from shared.events.payments import DepositExpected, DepositReconciled, DepositRecorded
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()
_NAMED_MAX = 100

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


def differing(*, after: date | None, through_on: date) -> sa.Select[*tuple[Any, ...]]:
    """`deposit_id`, `cents` (bank less remittance) of deposits of these days that are not what the payer announced."""
    cents = deposits.c.deposited_cents - deposits.c.expected_cents
    statement = (
        sa.select(deposits.c.deposit_id, cents.label("cents"))
        .where(cents != 0, deposits.c.deposited_on <= through_on)
        .order_by(deposits.c.deposit_id)
        .limit(_NAMED_MAX)
    )
    return statement if after is None else statement.where(deposits.c.deposited_on > after)
