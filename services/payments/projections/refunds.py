"""What is to be given back to whom, who asked, who agreed or did not, and did it arrive? Of accounts' credits and of patients' money
that waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from services.payments.domain.ledger import PATIENT
from shared.events.envelope import Recorded
from shared.events.patient_money import (
    UnappliedRefundDeclined,
    UnappliedRefunded,
    UnappliedRefundRequested,
    UnappliedRefundReversed,
)
from shared.events.payments import RefundDeclined, RefundIssued, RefundRequested, RefundReversed
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("payment_id", sa.Text, primary_key=True),  # empty: an account's credit
    sa.Column("refund_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, server_default=""),  # empty: money that waits
    sa.Column("patient_id", sa.Text, server_default=""),
    sa.Column("to_party", sa.Text),
    sa.Column("status", sa.Text),  # requested, issued, declined, reversed
    sa.Column("requested_by", sa.Text, server_default=""),
    sa.Column("approved_by", sa.Text, server_default=""),
    sa.Column("declined_by", sa.Text, server_default=""),
    sa.Column("decline_reason", sa.Text, server_default=""),
    sa.Column("reversed_by", sa.Text, server_default=""),
    sa.Column("reversal_reason", sa.Text, server_default=""),
    sa.Column("requested_at", sa.DateTime(timezone=True)),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("reversed_at", sa.DateTime(timezone=True)),
    sa.Column("issued_event_id", sa.Uuid),
    sa.Column("reversed_event_id", sa.Uuid),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Index("refunds_by_status", "tenant", "status", "requested_at"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event = recorded.event
    values: dict[str, Any] = {"amount_cents": event.amount_cents}
    match event:
        case RefundRequested() | RefundIssued() | RefundDeclined() | RefundReversed():
            values |= {"account_id": event.account_id, "to_party": event.to_party}
        case _:
            values |= {"patient_id": event.patient_id, "to_party": PATIENT}
    match event:
        case RefundRequested() | UnappliedRefundRequested():
            values |= {"status": "requested", "requested_by": event.requested_by, "requested_at": recorded.recorded_at}
        case RefundIssued() | UnappliedRefunded():
            values |= {"status": "issued", "approved_by": event.approved_by, "decided_at": recorded.recorded_at}
            values |= {"issued_event_id": recorded.event_id}
        case RefundDeclined() | UnappliedRefundDeclined():
            values |= {"status": "declined", "declined_by": event.declined_by, "decided_at": recorded.recorded_at}
            values |= {"decline_reason": event.reason}
        case RefundReversed() | UnappliedRefundReversed():
            values |= {"status": "reversed", "reversed_by": event.reversed_by, "reversed_at": recorded.recorded_at}
            values |= {"reversal_reason": event.reason, "reversed_event_id": recorded.event_id}
    key = (recorded.stream, getattr(event, "payment_id", ""), event.refund_id)
    yield Put(table="refunds", key=key, values=values)


projection = Projection(
    name="payments.refunds",
    version=2,
    tables=(refunds,),
    reads={
        "payments": (
            RefundRequested,
            RefundIssued,
            RefundDeclined,
            RefundReversed,
            UnappliedRefundRequested,
            UnappliedRefunded,
            UnappliedRefundDeclined,
            UnappliedRefundReversed,
        )
    },
    apply=apply,
)


def requested() -> sa.Select[Any]:
    """Refunds that wait for a second person."""
    return every(status="requested")


def every(**wanted: str | None) -> sa.Select[Any]:
    """Refunds with these values, by column; None: whichever."""
    statement = sa.select(refunds)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(refunds.c[name] == value)
    return statement
