"""Which payments did the bank show, which did a payer announce, and which have only one side?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, assert_never

import sqlalchemy as sa

from shared.events.deposits import (
    DepositExpected,
    DepositIdentified,
    DepositReconciled,
    DepositRecorded,
    DepositSetAside,
    DepositWithdrawn,
    IdentificationReturned,
    IdentificationUndone,
    UnidentifiedDepositRecorded,
)
from shared.events.envelope import Recorded
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
    sa.Column("document_id", sa.Text),  # the bank's file
    sa.Column("place", sa.Text),
    sa.Index("deposits_by_state", "tenant", "is_reconciled", "deposit_id"),
)

unidentified_deposits = sa.Table(
    "unidentified_deposits",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("deposit_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text),  # open, identified, set-aside
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("deposited_on", sa.Date),
    sa.Column("reason", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("trace_number", sa.Text),
    sa.Column("payer_identifier", sa.Text),
    sa.Column("payer_name", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("account_ending", sa.Text),
    sa.Column("identified_as", sa.Text, server_default=""),
    sa.Column("set_aside_reason", sa.Text, server_default=""),
    sa.Column("version", sa.Integer),  # of its stream
    sa.Column("document_id", sa.Text),
    sa.Column("place", sa.Text),
    sa.Index("unidentified_deposits_by_status", "tenant", "status", "deposited_on", "deposit_id"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match recorded.event:
        case DepositExpected() | DepositRecorded() | DepositWithdrawn() | DepositReconciled() as event:
            yield Put(table="deposits", key=(event.deposit_id,), values=_deposit(event))
        case UnidentifiedDepositRecorded() as event:
            yield _unidentified(recorded, **_shown(event))
        case DepositIdentified() as event:
            yield _unidentified(recorded, status="identified", identified_as=event.identified_as)
        case IdentificationReturned() | IdentificationUndone() as event:
            yield _unidentified(recorded, status="open", identified_as="")
        case DepositSetAside() as event:
            yield _unidentified(recorded, status="set-aside", set_aside_reason=event.reason)


def _deposit(event: DepositExpected | DepositRecorded | DepositWithdrawn | DepositReconciled) -> dict[str, Any]:
    match event:
        case DepositExpected():
            return {
                "trace_number": event.trace_number,
                "payer_identifier": event.payer_identifier,
                "remittance_id": event.remittance_id,
                "expected_cents": event.amount_cents,
                "payment_on": event.payment_on,
            }
        case DepositRecorded():
            return {
                "trace_number": event.trace_number,
                "payer_identifier": event.payer_identifier,
                "deposited_cents": event.amount_cents,
                "deposited_on": event.deposited_on,
                "document_id": event.source.document_id if event.source else None,
                "place": event.source.place if event.source else None,
            }
        case DepositWithdrawn():
            nothing = ("deposited_cents", "deposited_on", "document_id", "place")
            return {"is_reconciled": False, **dict.fromkeys(nothing)}
        case DepositReconciled():
            return {"is_reconciled": True}
        case _:
            assert_never(event)


def _unidentified(recorded: Recorded[Any], **values: Any) -> Put:
    known = {**values, "version": recorded.stored.version}
    return Put(table="unidentified_deposits", key=(recorded.event.deposit_id,), values=known)


def _shown(event: UnidentifiedDepositRecorded) -> dict[str, Any]:
    return {
        "status": "open",
        "amount_cents": event.amount_cents,
        "deposited_on": event.deposited_on,
        "reason": event.reason,
        "kind": event.kind,
        "trace_number": event.trace_number,
        "payer_identifier": event.payer_identifier,
        "payer_name": event.payer_name,
        "reference": event.reference,
        "account_ending": event.account_ending,
        "document_id": event.source.document_id,
        "place": event.source.place,
    }


projection = Projection(
    name="payments.deposits",
    version=4,
    tables=(deposits, unidentified_deposits),
    reads={
        "payments": (
            DepositExpected,
            DepositRecorded,
            DepositWithdrawn,
            DepositReconciled,
            UnidentifiedDepositRecorded,
            DepositIdentified,
            IdentificationReturned,
            IdentificationUndone,
            DepositSetAside,
        )
    },
    apply=apply,
)


# What is asked of the rows


def every(*, is_reconciled: bool | None = None, remittance_id: str | None = None) -> sa.Select[Any]:
    """Deposits, matched, unmatched or all, of one remittance or any; the caller orders and pages."""
    has_a_side = sa.or_(deposits.c.expected_cents.is_not(None), deposits.c.deposited_cents.is_not(None))
    statement = sa.select(deposits).where(has_a_side)  # what was withdrawn may have none
    if remittance_id is not None:
        statement = statement.where(deposits.c.remittance_id == remittance_id)
    return statement if is_reconciled is None else statement.where(deposits.c.is_reconciled == is_reconciled)


def unidentified(status: str) -> sa.Select[Any]:
    """What the bank showed without saying which payment it is; the caller orders and pages."""
    return sa.select(unidentified_deposits).where(unidentified_deposits.c.status == status)


def differing(*, after: date | None, through_on: date) -> sa.Select[*tuple[Any, ...]]:
    """`deposit_id`, `cents` (bank less remittance) of deposits of these days that are not what the payer announced."""
    cents = deposits.c.deposited_cents - deposits.c.expected_cents
    statement = (
        sa.select(deposits.c.deposit_id, cents.label("cents"))
        .where(cents != 0, deposits.c.deposited_on <= through_on)
        .order_by(deposits.c.deposit_id)
    )
    return statement if after is None else statement.where(deposits.c.deposited_on > after)
