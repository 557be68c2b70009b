"""What is taken from cards, how far is each payment, and what became of it afterwards?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.cards import (
    CardAnswerMissed,
    CardChargebackWon,
    CardChargedBack,
    CardNewsDealtWith,
    CardNewsRefused,
    CardPaymentAuthorised,
    CardPaymentCaptured,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentSettled,
    CardRefunded,
    CardRefundFailed,
    CardRefundRequested,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()


def _cents(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0")


card_payments = sa.Table(
    "card_payments",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("card_payment_id", sa.Text, primary_key=True),
    sa.Column("payment_id", sa.Text, server_default=""),  # of the patient's payment that it is
    sa.Column("patient_id", sa.Text),
    sa.Column("status", sa.Text),  # requested, authorised, declined, captured, charged-back, won
    sa.Column("is_unanswered", sa.Boolean, server_default=sa.false()),  # nobody knows what the processor did last
    sa.Column("code", sa.Text, server_default=""),  # the processor's, of what it declined or took back
    sa.Column("requested_by", sa.Text, server_default=""),
    sa.Column("requested_at", sa.DateTime(timezone=True)),
    sa.Column("captured_on", sa.Date),
    sa.Column("settled_on", sa.Date),
    sa.Column("settlement_id", sa.Text, server_default=""),
    _cents("amount_cents"),
    _cents("fee_cents"),
    _cents("refunded_cents"),  # to the card
    _cents("charged_back_cents"),  # and not won back
    sa.Column("open_refunds", sa.Integer, server_default="0"),  # asked for, and not answered
    sa.Index("card_payments_by_patient", "tenant", "patient_id"),
    sa.Index("card_payments_by_status", "tenant", "status", "requested_at"),
)
refused_news = sa.Table(
    "refused_card_news",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("news_number", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.Text),
    sa.Column("card_payment_id", sa.Text),
    _cents("amount_cents"),
    sa.Column("told_on", sa.Date),
    sa.Column("code", sa.Text),  # why it fits no payment
    sa.Column("is_open", sa.Boolean, server_default=sa.true()),
    sa.Column("reason", sa.Text, server_default=""),  # of who dealt with it
    sa.Column("dealt_with_by", sa.Text, server_default=""),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match event := recorded.event:
        case CardNewsRefused():
            values = {
                "kind": event.kind,
                "card_payment_id": event.card_payment_id,
                "amount_cents": event.amount_cents,
                "told_on": event.told_on,
                "code": event.code,
            }
            yield Put(table="refused_card_news", key=(event.news_number,), values=values)
        case CardNewsDealtWith():
            dealt = {"is_open": False, "reason": event.reason, "dealt_with_by": event.by}
            yield Put(table="refused_card_news", key=(event.news_number,), values=dealt)
        case _:
            yield _of_payment(recorded)


def _of_payment(recorded: Recorded[Any]) -> Change:
    event = recorded.event
    values: dict[str, Any] = {}
    add: dict[str, int] = {}
    match event:
        case CardPaymentRequested():
            values = {
                "patient_id": event.patient_id,
                "amount_cents": event.amount_cents,
                "status": "requested",
                "requested_by": event.requested_by,
                "requested_at": recorded.recorded_at,
            }
        case CardPaymentAuthorised():
            values = {"status": "authorised", "is_unanswered": False}
        case CardPaymentDeclined():
            values = {"status": "declined", "code": event.code, "is_unanswered": False}
        case CardAnswerMissed():
            values = {"is_unanswered": True}
        case CardPaymentCaptured():
            values = {"status": "captured", "payment_id": event.payment_id, "captured_on": event.captured_on}
            values |= {"is_unanswered": False}
        case CardPaymentSettled():
            values = {"settled_on": event.settled_on, "settlement_id": event.settlement_id}
            add = {"fee_cents": event.fee_cents}
        case CardRefundRequested():
            add = {"open_refunds": 1}
        case CardRefunded():
            values, add = {"is_unanswered": False}, {"open_refunds": -1, "refunded_cents": event.amount_cents}
        case CardRefundFailed():
            values, add = {"is_unanswered": False}, {"open_refunds": -1}
        case CardChargedBack():
            values = {"status": "charged-back", "code": event.reason}
            add = {"charged_back_cents": event.amount_cents}
        case CardChargebackWon():
            values = {"status": "won", "payment_id": event.payment_id}
            add = {"charged_back_cents": -event.amount_cents}
    return Put(table="card_payments", key=(event.card_payment_id,), values=values, add=add)


projection = Projection(
    name="payments.card-payments",
    version=2,
    tables=(card_payments, refused_news),
    reads={
        "payments": (
            CardPaymentRequested,
            CardPaymentAuthorised,
            CardPaymentDeclined,
            CardAnswerMissed,
            CardPaymentCaptured,
            CardPaymentSettled,
            CardRefundRequested,
            CardRefunded,
            CardRefundFailed,
            CardChargedBack,
            CardChargebackWon,
            CardNewsRefused,
            CardNewsDealtWith,
        )
    },
    apply=apply,
)


# What is asked of the rows


def waiting(limit: int = 200) -> sa.Select[Any]:
    """`card_payment_id` of what the processor has not answered yet, longest first."""
    is_open = sa.or_(card_payments.c.status.in_(["requested", "authorised"]), card_payments.c.open_refunds > 0)
    return sa.select(card_payments.c.card_payment_id).where(is_open).order_by(card_payments.c.requested_at).limit(limit)


def news(*, is_open: bool | None) -> sa.Select[Any]:
    """What the processor told that fits no payment; None: whether it is dealt with or not."""
    statement = sa.select(refused_news)
    return statement if is_open is None else statement.where(refused_news.c.is_open == is_open)


def every(**wanted: str | None) -> sa.Select[Any]:
    """Card payments with these values, by column; None: whichever."""
    statement = sa.select(card_payments)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(card_payments.c[name] == value)
    return statement
