"""What does the bank show, what did the payer announce, and what was posted: does all of it agree?

No rows of its own: deposits and remittances have them. A deposit is compared with the remittance that announced it; where none was
taken in, with one that is held under its payer and trace number, of the same amount if there is one. What a remittance posted to
cash is told by the remittance itself, so the three are never compared across readers that are at different places.
Source: CAQH CORE 370 (reassociation by TRN02, TRN03 and amount).
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from services.payments.domain.remittance.commands import NO_PAYMENT
from services.payments.projections.deposits import deposits, unidentified_deposits
from services.payments.projections.remittances import remittances

Side: TypeAlias = Literal[
    "deposit-without-remittance", "remittance-without-deposit", "amount-differs", "posting-differs", "matched"
]


def matches(
    *,
    on: date,
    side: Side | None = None,
    payer_identifier: str | None = None,
    amount_cents: int | None = None,
    age_days_min: int | None = None,
) -> sa.Subquery:
    """One row for each deposit and for each remittance without one, in one of the sides; `matched` only when asked for.

    `since_on` is the day on which the bank showed it, or that of the payment; the age on `on` is counted from there.
    """
    every = sa.union_all(_deposits(), _remittances_alone(), _unidentified()).subquery("every")
    age = sa.func.greatest(sa.literal(on, sa.Date) - every.c.since_on, 0).cast(sa.Integer).label("age_days")
    rows = sa.select(every, age).where(every.c.side == side if side else every.c.side != "matched")
    if payer_identifier is not None:
        rows = rows.where(sa.func.upper(sa.func.btrim(every.c.payer_identifier)) == payer_identifier.strip().upper())
    if amount_cents is not None:
        rows = rows.where(sa.or_(every.c.deposited_cents == amount_cents, every.c.announced_cents == amount_cents))
    if age_days_min is not None:
        rows = rows.where(age >= age_days_min)
    return rows.subquery("matches")


def totals(found: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
    """`side`, `items` and the sums of every amount: of the whole list, not of a page."""
    amounts = ("deposited_cents", "announced_cents", "posted_cents", "difference_cents")
    sums = [sa.func.coalesce(sa.func.sum(found.c[name]), 0).cast(sa.BigInteger).label(name) for name in amounts]
    return sa.select(found.c.side, sa.func.count().label("items"), *sums).group_by(found.c.side).order_by(found.c.side)


_IS_MONEY = sa.and_(
    remittances.c.payment_cents > 0,
    remittances.c.method != NO_PAYMENT,
    remittances.c.status != "dismissed",
)
_OF_DEPOSIT = sa.and_(
    remittances.c.tenant == deposits.c.tenant, remittances.c.deposit_id == deposits.c.deposit_id, _IS_MONEY
)


def _pairs() -> sa.CTE:
    """`deposit_id`, `remittance_id` of what belongs together; several remittances under one trace number have one deposit."""
    best = (
        (remittances.c.remittance_id == deposits.c.remittance_id).desc(),
        (remittances.c.payment_cents == deposits.c.deposited_cents).desc(),
        remittances.c.received_at.desc(),
        remittances.c.remittance_id,
    )
    ranked = (
        sa.select(
            deposits.c.tenant,
            deposits.c.deposit_id,
            remittances.c.remittance_id,
            sa.func.row_number().over(partition_by=deposits.c.deposit_id, order_by=best).label("place"),
        )
        .join_from(deposits, remittances, _OF_DEPOSIT)
        .where(deposits.c.deposited_cents.is_not(None))
        .subquery("ranked")
    )
    return (
        sa.select(ranked.c.tenant, ranked.c.deposit_id, ranked.c.remittance_id).where(ranked.c.place == 1).cte("pairs")
    )


_PAIRS = _pairs()


def _deposits() -> sa.Select[*tuple[Any, ...]]:
    shown, announced, posted = deposits.c.deposited_cents, remittances.c.payment_cents, remittances.c.cash_cents
    side = sa.case(
        (remittances.c.remittance_id.is_(None), "deposit-without-remittance"),
        (shown != announced, "amount-differs"),
        (shown != posted, "posting-differs"),
        else_="matched",
    )
    difference = sa.case(
        (remittances.c.remittance_id.is_(None), shown), (shown != announced, shown - announced), else_=shown - posted
    )
    paired = sa.and_(_PAIRS.c.tenant == deposits.c.tenant, _PAIRS.c.deposit_id == deposits.c.deposit_id)
    own = sa.and_(remittances.c.tenant == _PAIRS.c.tenant, remittances.c.remittance_id == _PAIRS.c.remittance_id)
    return (
        sa.select(
            side.label("side"),
            deposits.c.deposit_id.label("match_id"),
            deposits.c.deposit_id,
            remittances.c.remittance_id,
            remittances.c.status.label("remittance_status"),
            deposits.c.trace_number,
            deposits.c.payer_identifier,
            sa.func.coalesce(remittances.c.payer_name, "").label("payer_name"),
            _text("").label("reference"),
            sa.true().label("is_identified"),
            deposits.c.deposited_on,
            remittances.c.payment_on,
            shown.label("deposited_cents"),
            announced.label("announced_cents"),
            posted.label("posted_cents"),
            difference.label("difference_cents"),
            deposits.c.deposited_on.label("since_on"),
        )
        .select_from(deposits.outerjoin(_PAIRS, paired).outerjoin(remittances, own))
        .where(shown.is_not(None))
    )


def _remittances_alone() -> sa.Select[*tuple[Any, ...]]:
    is_paired = sa.exists().where(
        _PAIRS.c.tenant == remittances.c.tenant, _PAIRS.c.remittance_id == remittances.c.remittance_id
    )
    return sa.select(
        _text("remittance-without-deposit").label("side"),
        remittances.c.remittance_id.label("match_id"),
        sa.null().cast(sa.Text).label("deposit_id"),
        remittances.c.remittance_id,
        remittances.c.status.label("remittance_status"),
        remittances.c.trace_number,
        remittances.c.payer_identifier,
        remittances.c.payer_name,
        _text("").label("reference"),
        sa.true().label("is_identified"),
        sa.null().cast(sa.Date).label("deposited_on"),
        remittances.c.payment_on,
        sa.null().cast(sa.BigInteger).label("deposited_cents"),
        remittances.c.payment_cents.label("announced_cents"),
        remittances.c.cash_cents.label("posted_cents"),
        (-remittances.c.payment_cents).label("difference_cents"),
        remittances.c.payment_on.label("since_on"),
    ).where(_IS_MONEY, sa.not_(is_paired))


def _unidentified() -> sa.Select[*tuple[Any, ...]]:
    bank = unidentified_deposits.c
    return sa.select(
        _text("deposit-without-remittance").label("side"),
        bank.deposit_id.label("match_id"),
        bank.deposit_id,
        sa.null().cast(sa.Text).label("remittance_id"),
        sa.null().cast(sa.Text).label("remittance_status"),
        bank.trace_number,
        bank.payer_identifier,
        bank.payer_name,
        bank.reference,
        sa.false().label("is_identified"),
        bank.deposited_on,
        sa.null().cast(sa.Date).label("payment_on"),
        bank.amount_cents.label("deposited_cents"),
        sa.null().cast(sa.BigInteger).label("announced_cents"),
        sa.null().cast(sa.BigInteger).label("posted_cents"),
        bank.amount_cents.label("difference_cents"),
        bank.deposited_on.label("since_on"),
    ).where(bank.status == "open")


def _text(value: str) -> sa.ColumnElement[str]:
    return sa.literal(value, sa.Text)
