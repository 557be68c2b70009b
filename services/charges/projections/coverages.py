"""Which coverages answer for an account's day? Eligibility says so; visits that share a bill have the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.eligibility import CoverageSelected, CoverageSelectionHeld, NoCoverageFound
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

coverages = sa.Table(
    "account_coverages",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("coverage_ids", JSONB),  # the first payer first; null while the choice is held
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match event := recorded.event:
        case CoverageSelected():
            named: list[str] | None = [each.coverage_id for each in event.coverages]
        case NoCoverageFound():
            named = []
        case CoverageSelectionHeld():
            named = None
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")
    yield Put(table="account_coverages", key=(event.account_id,), values={"coverage_ids": named})


projection = Projection(
    name="charges.coverages",
    version=1,
    tables=(coverages,),
    reads={"eligibility": (CoverageSelected, NoCoverageFound, CoverageSelectionHeld)},
    apply=apply,
)


def of_accounts(account_ids: Sequence[str]) -> sa.Select[Any]:
    return sa.select(coverages).where(coverages.c.account_id.in_(account_ids))


def answering(row: Mapping[Any, Any]) -> tuple[str, ...] | None:
    """The coverages of a row; None while the choice is held."""
    return None if row["coverage_ids"] is None else tuple(row["coverage_ids"])
