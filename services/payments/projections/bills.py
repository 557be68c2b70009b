"""When was an account billed, and to whom? Fed by claims and collections; read by the aging by bill date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.claims import ClaimSubmitted
from shared.events.collections import StatementIssued
from shared.events.envelope import Recorded
from shared.kernel.identifiers import account_of_claim
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

bills = sa.Table(
    "bills",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # claim, statement
    sa.Column("number", sa.Text, primary_key=True),  # of the submission or the statement
    sa.Column("billed_on", sa.Date),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match recorded.event:
        case ClaimSubmitted() as event:
            key = (account_of_claim(event.claim_id), "claim", f"{event.claim_id}.{event.version}")
            yield Put(table="bills", key=key, values={"billed_on": recorded.occurred_at.date()})
        case StatementIssued() as event:
            for account_id in dict.fromkeys(line.account_id for line in event.lines):
                key = (account_id, "statement", event.statement_id)
                yield Put(table="bills", key=key, values={"billed_on": event.issued_on})


projection = Projection(
    name="payments.bills",
    version=1,
    tables=(bills,),
    reads={"claims": (ClaimSubmitted,), "collections": (StatementIssued,)},
    apply=apply,
)
