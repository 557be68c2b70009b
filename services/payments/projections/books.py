"""Which periods were closed and reopened, when, by whom, and what did they say?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.payments.domain.books.state import Books, Step
from services.payments.domain.days import ONE_DAY
from shared.events.envelope import Recorded
from shared.events.payments import BooksEvent, PeriodClosed, PeriodReopened
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

closings = sa.Table(
    "closings",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # version of the stream: 1, 2, …
    sa.Column("kind", sa.Text),  # closed, reopened
    sa.Column("period", sa.Text),
    sa.Column("from_on", sa.Date),  # none: everything before
    sa.Column("through_on", sa.Date),  # the books are closed through this day behind it
    sa.Column("known_until", sa.DateTime(timezone=True)),
    sa.Column("entries", sa.BigInteger, server_default="0"),
    sa.Column("receivable_cents", sa.BigInteger, server_default="0"),
    sa.Column("cash_cents", sa.BigInteger, server_default="0"),
    sa.Column("accepted", sa.ARRAY(sa.Text)),  # deposits whose difference was let stand
    sa.Column("reason", sa.Text, server_default=""),
    sa.Column("decided_by", sa.Text),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event: BooksEvent = recorded.event
    match event:
        case PeriodClosed():
            values: dict[str, Any] = {
                "kind": "closed",
                "through_on": event.through_on,
                "entries": event.entries,
                "receivable_cents": event.receivable_cents,
                "cash_cents": event.cash_cents,
                "accepted": list(event.accepted),
                "decided_by": event.closed_by,
            }
        case PeriodReopened():
            values = {
                "kind": "reopened",
                "through_on": event.from_on - ONE_DAY,
                "reason": event.reason,
                "decided_by": event.reopened_by,
            }
    own = {
        "period": event.period,
        "from_on": event.from_on,
        "known_until": event.known_until,
        "recorded_at": recorded.recorded_at,
    }
    yield Put(table="closings", key=(recorded.version,), values={**own, **values})


projection = Projection(
    name="payments.books",
    version=1,
    tables=(closings,),
    reads={"payments": (PeriodClosed, PeriodReopened)},
    apply=apply,
)


# What is asked of the rows


def known(known_at: datetime) -> sa.Select[Any]:
    """What was closed and reopened, oldest first, as known then."""
    return sa.select(closings).where(closings.c.recorded_at <= known_at).order_by(closings.c.number)


def every() -> sa.Select[Any]:
    """All of it; the caller orders and pages."""
    return sa.select(closings)


def books_of(found: Sequence[sa.RowMapping]) -> Books:
    """The books that these rows lead to."""
    books = Books()
    for each in found:
        step = Step(each["known_until"], each["through_on"])
        books = books.closed_with(each["period"], step) if each["kind"] == "closed" else books.reopened(step)
    return books
