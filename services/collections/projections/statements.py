"""Which statements went out, over what, and where are they kept?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.collections import NoticeSent, StatementIssued, StatementPrinted
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put
from shared.runtime.queries import Order, desc

statements = sa.Table(
    "statements",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("statement_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("number", sa.Integer),
    sa.Column("step", sa.Text),
    sa.Column("channel", sa.Text),
    sa.Column("strategy_version", sa.Integer),
    sa.Column("due_cents", sa.BigInteger),
    sa.Column("disputed_cents", sa.BigInteger),
    sa.Column("issued_on", sa.Date),
    sa.Column("pay_by_on", sa.Date),
    sa.Column("is_final_notice", sa.Boolean),
    sa.Column("lines", JSONB),
    sa.Column("document_id", sa.Text),
    sa.Index("statements_by_day", "tenant", "issued_on", "statement_id"),
    sa.Index("statements_by_patient", "tenant", "patient_id", "issued_on"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match event := recorded.event:
        case StatementIssued():
            values = {
                "patient_id": event.patient_id,
                "number": event.number,
                "strategy_version": event.strategy_version,
                "due_cents": event.due_cents,
                "disputed_cents": event.disputed_cents,
                "issued_on": event.issued_on,
                "pay_by_on": event.pay_by_on,
                "is_final_notice": event.is_final_notice,
                "lines": msgspec.to_builtins(event.lines),
            }
            yield Put(table="statements", key=(event.statement_id,), values=values)
        case NoticeSent():
            if event.statement_id:
                values = {"step": event.step, "channel": event.channel}
                yield Put(table="statements", key=(event.statement_id,), values=values)
        case StatementPrinted():
            values = {"document_id": event.document.document_id}
            yield Put(table="statements", key=(event.statement_id,), values=values)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


projection = Projection(
    name="collections.statements",
    version=1,
    tables=(statements,),
    reads={"collections": (StatementIssued, NoticeSent, StatementPrinted)},
    apply=apply,
)

ORDER: tuple[Order, ...] = (desc(statements.c.issued_on), desc(statements.c.statement_id))


def listed(names: Sequence[str] | None = None) -> sa.Select[Any]:
    """All statements, or those of one person, by every id under which they were registered."""
    statement = sa.select(statements)
    return statement if names is None else statement.where(statements.c.patient_id.in_(names))


def one(statement_id: str) -> sa.Select[Any]:
    return sa.select(statements).where(statements.c.statement_id == statement_id)


def issued_of(row: Any) -> StatementIssued:
    """The event of a row again."""
    names = StatementIssued.__struct_fields__
    return msgspec.convert({name: row[name] for name in names}, StatementIssued)


def not_printed(names: Sequence[str] | None = None) -> sa.Select[Any]:
    return listed(names).where(statements.c.document_id.is_(None)).order_by(statements.c.issued_on)
