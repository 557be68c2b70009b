"""Whose is an account? Said by the ledger, kept here because some of its events name the account only.

An account stays with the patient that the ledger named first, so that all that happens to it is noted in one place; when that registration
is merged into another, its guarantor account forwards what comes. Hence a row for each time that it was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.envelope import Recorded
from shared.events.payments import ChargesPosted, PayersKnown, ResponsibilityTransferred
from shared.runtime.projection import Change, Projection, Put

patient_accounts = sa.Table(
    "patient_accounts",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),  # in the account's stream
    sa.Column("patient_id", sa.Text),
    sa.Column("service_on", sa.Date),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event = recorded.event
    values: dict[str, Any] = {"patient_id": event.patient_id}
    if isinstance(event, ChargesPosted):
        values["service_on"] = event.service_on
    yield Put(table="patient_accounts", key=(event.account_id, recorded.version), values=values)


projection = Projection(
    name="collections.accounts",
    version=1,
    tables=(patient_accounts,),
    reads={"payments": (ChargesPosted, PayersKnown, ResponsibilityTransferred)},
    apply=apply,
)


def one(account_id: str, *, up_to: int) -> sa.Select[*tuple[Any, ...]]:
    """The patient that was named first, and the latest service date that was said up to a version of the account's stream."""
    said = patient_accounts.c
    wanted = sa.and_(said.account_id == account_id, said.version <= up_to)
    dated = (
        sa.select(said.service_on)
        .where(wanted, said.service_on.is_not(None))
        .order_by(said.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(said.patient_id, dated.label("service_on")).where(wanted).order_by(said.version).limit(1)
