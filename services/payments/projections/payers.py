"""Which payers are in the practice's directory?

The directory is eligibility's; here is as much of it as a contract needs to name its payer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.eligibility import PayerListed
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

listed_payers = sa.Table(
    "listed_payers",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event: PayerListed = recorded.event
    yield Put(table="listed_payers", key=(event.payer_id,), values={"name": event.name})


projection = Projection(
    name="payments.payers",
    version=1,
    tables=(listed_payers,),
    reads={"eligibility": (PayerListed,)},
    apply=apply,
)


# What is asked of the rows


def payer(payer_id: str) -> sa.Select[Any]:
    """The one row of a payer; none when it is not listed."""
    return sa.select(listed_payers).where(listed_payers.c.payer_id == payer_id)
