"""Who owes what, at any past moment, as known at any past moment?

Append-only rows, one for each leg of each money event, with both clocks; every figure is a sum of rows when it is read. The
total of all rows is zero; the total of the receivables is the accounts receivable, and so is the sum of every aging.

The day on which an entry stands in the books depends on what was closed when it was recorded, so it is computed when it is read:
`domain/books/state.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias, get_args

import sqlalchemy as sa

from services.payments.domain.books.state import Books
from services.payments.domain.days import ONE_DAY, start_of
from services.payments.domain.ledger import CASH, Movement, counterparts, movement_of
from services.payments.projections.bills import bills
from services.payments.projections.claim_accounts import account_payers
from shared.events.base import EventType
from shared.events.envelope import Recorded
from shared.events.payments import (
    AppliedPaymentMoved,
    ChargesPosted,
    OpeningBalancePosted,
    PatientPaymentReversed,
    PaymentsEvent,
    ResponsibilityTransferred,
)
from shared.runtime.projection import Change, Projection, Put

RECEIVABLE = "receivable:"
metadata = sa.MetaData()

postings = sa.Table(
    "postings",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("stream", sa.Text),
    sa.Column("event", sa.Text),  # what happened, in the vocabulary's word
    sa.Column("account_id", sa.Text, server_default=""),
    sa.Column("ledger", sa.Text),
    sa.Column("party", sa.Text, server_default=""),  # whose receivable it is; empty for other accounts
    sa.Column("against", sa.Text, server_default=""),  # ledger account of the other leg
    sa.Column("movement", sa.Text, server_default=""),  # why the receivable moved; empty for other accounts
    sa.Column("line_id", sa.Text, server_default=""),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("reason", sa.Text, server_default=""),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
    sa.Column("since_on", sa.Date),  # responsibility begins
    sa.Column("service_on", sa.Date),  # of charges, and of what was brought along in their place
    sa.Index("postings_by_account", "tenant", "account_id"),
    sa.Index("postings_by_party", "tenant", "party", "account_id"),
    sa.Index("postings_by_moment", "tenant", "occurred_at"),
)

MONEY_EVENTS: tuple[EventType, ...] = tuple(
    kind for kind in get_args(PaymentsEvent) if "postings" in kind.__struct_fields__
)


_SERVED = (ChargesPosted, OpeningBalancePosted)
_SINCE_ANOTHER_DAY = (ResponsibilityTransferred, PatientPaymentReversed, AppliedPaymentMoved)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    """One row a posting. Written with the position, so a batch that is applied twice is applied once."""
    event = recorded.event
    since_on = event.since_on if isinstance(event, _SINCE_ANOTHER_DAY) else recorded.occurred_at.date()
    against = counterparts(event.postings)
    for ordinal, posting in enumerate(event.postings):
        is_receivable = posting.account.startswith(RECEIVABLE)
        yield Put(
            table="postings",
            key=(recorded.event_id, ordinal),
            values={
                "stream": recorded.stream,
                "event": type(event).__name__,
                "account_id": getattr(event, "account_id", ""),
                "ledger": posting.account,
                "party": posting.account.removeprefix(RECEIVABLE) if is_receivable else "",
                "against": against[ordinal],
                "movement": movement_of(against[ordinal]) if is_receivable else "",
                "line_id": posting.line_id,
                "amount_cents": posting.amount_cents,
                "reason": getattr(event, "reason", ""),
                "occurred_at": recorded.occurred_at,
                "recorded_at": recorded.recorded_at,
                "since_on": since_on,
                "service_on": event.service_on if isinstance(event, _SERVED) else None,
            },
        )


projection = Projection(
    name="payments.postings",
    version=3,
    tables=(postings,),
    reads={"payments": MONEY_EVENTS},
    apply=apply,
)


# What is asked of the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Things that happened up to `as_of`, as we knew them at `known_at`."""

    as_of: datetime
    known_at: datetime

    def holds(self) -> sa.ColumnElement[bool]:
        return sa.and_(postings.c.occurred_at <= self.as_of, postings.c.recorded_at <= self.known_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class InBooks:
    """What stands in the books up to the end of a day, as we knew it at `known_at`: late entries on the day of their posting."""

    through_on: date
    known_at: datetime
    books: Books  # as they were known then

    def holds(self) -> sa.ColumnElement[bool]:
        recorded = postings.c.recorded_at
        too_late = [
            sa.and_(recorded > shut.after, recorded <= shut.until) if shut.until else recorded > shut.after
            for shut in self.books.shut(self.through_on)
        ]
        return sa.and_(
            postings.c.occurred_at < start_of(self.through_on + ONE_DAY),
            recorded <= self.known_at,
            sa.not_(sa.or_(sa.false(), *too_late)),
        )


Basis: TypeAlias = Clocks | InBooks


def balances(clocks: Clocks) -> sa.Select[Any]:
    """`name`, `cents`: what each responsible party owes; parties that owe nothing are left out."""
    return _grouped(postings.c.party, clocks)


def balances_by_payer(clocks: Clocks) -> sa.Select[Any]:
    """As `balances`, with payers by their id, as the accounts name them today."""
    payer = account_payers
    named = sa.and_(
        payer.c.tenant == postings.c.tenant,
        payer.c.account_id == postings.c.account_id,
        postings.c.party == sa.func.concat("payer:", payer.c.rank),
    )
    name = sa.func.coalesce(payer.c.payer_id, postings.c.party)
    return _grouped(name, clocks, postings.outerjoin(payer, named))


def trial_balance(basis: Basis) -> sa.Select[*tuple[Any, ...]]:
    """`ledger`, `debit_cents`, `credit_cents`, `balance_cents` of every account that ever moved; the balances sum to zero."""
    amount = postings.c.amount_cents
    return (
        sa.select(
            postings.c.ledger,
            _sum(amount, amount > 0).label("debit_cents"),
            _sum(-amount, amount < 0).label("credit_cents"),
            _sum(amount).label("balance_cents"),
        )
        .where(basis.holds())
        .group_by(postings.c.ledger)
        .order_by(postings.c.ledger)
    )


def roll_forward(opening: InBooks, closing: InBooks) -> sa.Select[*tuple[Any, ...]]:
    """`party`, `movement`, `is_before`, `is_late`, `cents`: the receivables at the end of a period, by what moved them.

    `is_before`: in the books before the period; `is_late`: of a day before the period, and posted in it.
    """
    is_before = opening.holds()
    is_late = sa.and_(sa.not_(is_before), _happened_by(opening.through_on))
    columns = (
        postings.c.party,
        postings.c.movement,
        is_before.label("is_before"),
        is_late.label("is_late"),
    )
    rows = (
        sa.select(*columns, postings.c.amount_cents).where(postings.c.party != "", closing.holds()).subquery("in_books")
    )
    by = (rows.c.party, rows.c.movement, rows.c.is_before, rows.c.is_late)
    return sa.select(*by, _sum(rows.c.amount_cents).label("cents")).group_by(*by).order_by(*by)


def every(
    through: Basis,
    behind: Basis | None = None,
    *,
    late_before: date | None = None,
    ledger: str | None = None,
    party: str | None = None,
    movement: Movement | None = None,
    account_id: str | None = None,
) -> sa.Select[Any]:
    """The postings that a figure is the sum of: up to a point and behind another. The caller orders and pages.

    `late_before`: only what happened before this day.
    """
    statement = sa.select(postings).where(through.holds())
    if behind is not None:
        statement = statement.where(sa.not_(behind.holds()))
    if late_before is not None:
        statement = statement.where(_happened_by(late_before - ONE_DAY))
    wanted = {"ledger": ledger, "party": party, "movement": movement, "account_id": account_id}
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(postings.c[column] == value)
    return statement


def figures(basis: InBooks) -> sa.Select[*tuple[Any, ...]]:
    """One row: `entries`, `receivable_cents`, `cash_cents`, `total_cents` (zero) of the books."""
    amount = postings.c.amount_cents
    return sa.select(
        sa.func.count().label("entries"),
        _sum(amount, postings.c.party != "").label("receivable_cents"),
        _sum(amount, postings.c.ledger == CASH).label("cash_cents"),
        _sum(amount).label("total_cents"),
    ).where(basis.holds())


def unbalanced(*, after: date | None, through_on: date) -> sa.Select[*tuple[Any, ...]]:
    """`stream`, `event_id`, `cents` of events of these days whose postings do not sum to zero: there should be none."""
    cents = _sum(postings.c.amount_cents)
    statement = (
        sa.select(postings.c.stream, postings.c.event_id, cents.label("cents"))
        .where(_happened_by(through_on))
        .group_by(postings.c.stream, postings.c.event_id)
        .having(cents != 0)
        .order_by(postings.c.stream, postings.c.event_id)
    )
    return statement if after is None else statement.where(sa.not_(_happened_by(after)))


def last_recorded(through_on: date) -> sa.Select[*tuple[Any, ...]]:
    """When the latest posting of these days was recorded."""
    return sa.select(sa.func.max(postings.c.recorded_at)).where(_happened_by(through_on))


def _happened_by(day: date) -> sa.ColumnElement[bool]:
    return postings.c.occurred_at < start_of(day + ONE_DAY)


def _sum(cents: sa.ColumnElement[int], of: sa.ColumnElement[bool] | None = None) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(cents).filter(*() if of is None else (of,)), 0).cast(sa.BigInteger)


def _grouped(
    name: sa.ColumnElement[Any], clocks: Clocks, source: sa.FromClause | None = None
) -> sa.Select[*tuple[Any, ...]]:
    cents = sa.func.sum(postings.c.amount_cents).cast(sa.BigInteger)
    return (
        sa.select(name.label("name"), cents.label("cents"))
        .select_from(postings if source is None else source)
        .where(postings.c.party != "", clocks.holds())
        .group_by(name)
        .having(cents != 0)
        .order_by(name)
    )


AgingBasis: TypeAlias = Literal["responsibility", "service", "bill"]
BUCKETS = ("0-30", "31-60", "61-90", "91-120", "120+")


def aging(clocks: Clocks, *, basis: AgingBasis, on: date) -> sa.Select[*tuple[Any, ...]]:
    """`party`, `bucket`, `cents`: open amounts by age in days on a date; all of them sum to the accounts receivable."""
    ages = _ages(clocks, basis)
    bucket = _bucket(ages, on)
    cents = sa.func.sum(ages.c.cents).cast(sa.BigInteger)
    return (
        sa.select(ages.c.party, bucket.label("bucket"), cents.label("cents"))
        .group_by(ages.c.party, bucket)
        .having(cents != 0)
        .order_by(ages.c.party, bucket)
    )


def aged_accounts(
    clocks: Clocks, *, basis: AgingBasis, on: date, party: str | None = None, bucket: str | None = None
) -> sa.Subquery:
    """`account_id`, `party`, `bucket`, `aged_on`, `cents`: what a figure of `aging` is the sum of. `aged_on` is the oldest day."""
    ages = _ages(clocks, basis)
    named = _bucket(ages, on)
    cents = sa.func.sum(ages.c.cents).cast(sa.BigInteger)
    statement = (
        sa.select(
            ages.c.account_id,
            ages.c.party,
            named.label("bucket"),
            sa.func.min(ages.c.aged_on).label("aged_on"),
            cents.label("cents"),
        )
        .group_by(ages.c.account_id, ages.c.party, named)
        .having(cents != 0)
    )
    if party is not None:
        statement = statement.where(ages.c.party == party)
    if bucket is not None:
        statement = statement.where(named == bucket)
    return statement.subquery("aged")


def _ages(clocks: Clocks, basis: AgingBasis) -> sa.Subquery:
    return _since_responsibility(clocks) if basis == "responsibility" else _since_account(clocks, basis)


def _bucket(ages: sa.Subquery, on: date) -> sa.ColumnElement[str]:
    days = sa.literal(on, sa.Date) - ages.c.aged_on
    return sa.case(
        (days <= 30, "0-30"), (days <= 60, "31-60"), (days <= 90, "61-90"), (days <= 120, "91-120"), else_="120+"
    )


def _since_responsibility(clocks: Clocks) -> sa.Subquery:
    """Oldest first is paid first, so what is open are the newest debits; a credit is as old as its last posting."""
    whose = (postings.c.tenant, postings.c.account_id, postings.c.party)
    debit = sa.func.greatest(postings.c.amount_cents, 0)
    newest_first = (postings.c.since_on.desc(), postings.c.recorded_at.desc(), postings.c.event_id, postings.c.ordinal)
    newer = sa.func.coalesce(sa.func.sum(debit).over(partition_by=whose, order_by=newest_first, rows=(None, -1)), 0)
    rows = (
        sa.select(
            postings.c.account_id,
            postings.c.party,
            postings.c.since_on.label("aged_on"),
            debit.label("debit"),
            newer.label("newer"),
            sa.func.sum(postings.c.amount_cents).over(partition_by=whose).label("open"),
            sa.func.row_number().over(partition_by=whose, order_by=newest_first).label("place"),
        )
        .where(postings.c.party != "", clocks.holds())
        .subquery("debits")
    )
    still_open = sa.func.least(rows.c.debit, sa.func.greatest(rows.c.open - rows.c.newer, 0))
    credit = sa.case((sa.and_(rows.c.open < 0, rows.c.place == 1), rows.c.open), else_=0)
    cents = (still_open + credit).label("cents")
    return sa.select(rows.c.account_id, rows.c.party, rows.c.aged_on, cents).subquery("ages")


def _since_account(clocks: Clocks, basis: AgingBasis) -> sa.Subquery:
    """One date for each account and party: the day of service, or the day on which it was first billed to the party."""
    open_ = (
        sa.select(
            postings.c.tenant,
            postings.c.account_id,
            postings.c.party,
            sa.func.sum(postings.c.amount_cents).label("cents"),
            sa.func.min(postings.c.since_on).label("known_on"),
        )
        .where(postings.c.party != "", clocks.holds())
        .group_by(postings.c.tenant, postings.c.account_id, postings.c.party)
        .subquery("open")
    )
    served = (
        sa.select(sa.func.min(postings.c.service_on))
        .where(postings.c.tenant == open_.c.tenant, postings.c.account_id == open_.c.account_id)
        .correlate(open_)
        .scalar_subquery()
    )
    kind = sa.case((open_.c.party.startswith("payer:"), "claim"), else_="statement")
    billed = (
        sa.select(sa.func.min(bills.c.billed_on))
        .where(bills.c.tenant == open_.c.tenant, bills.c.account_id == open_.c.account_id, bills.c.kind == kind)
        .correlate(open_)
        .scalar_subquery()
    )
    dates = (billed, served, open_.c.known_on) if basis == "bill" else (served, open_.c.known_on)
    aged_on = sa.func.coalesce(*dates).label("aged_on")
    return sa.select(open_.c.account_id, open_.c.party, aged_on, open_.c.cents).subquery("ages")


def money_by_line(account_id: str) -> sa.Select[*tuple[Any, ...]]:
    """`line_id`, `ledger`, `cents` of one account: the money line by line."""
    cents = sa.func.sum(postings.c.amount_cents).cast(sa.BigInteger)
    return (
        sa.select(postings.c.line_id, postings.c.ledger, cents.label("cents"))
        .where(postings.c.account_id == account_id, postings.c.stream == f"claim-account/{account_id}")
        .group_by(postings.c.line_id, postings.c.ledger)
        .having(cents != 0)
        .order_by(postings.c.line_id, postings.c.ledger)
    )


def history(account_id: str) -> sa.Select[Any]:
    """Every posting of an account's own stream, oldest first: why each cent is where it is."""
    return (
        sa.select(postings)
        .where(postings.c.account_id == account_id, postings.c.stream == f"claim-account/{account_id}")
        .order_by(postings.c.recorded_at, postings.c.event_id, postings.c.ordinal)
    )
