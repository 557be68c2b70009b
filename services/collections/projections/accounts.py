"""Whose is an account? Said by the ledger, kept here because some of its events name the account only."""

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
    sa.Column("patient_id", sa.Text),
    sa.Column("service_on", sa.Date),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event = recorded.event
    values: dict[str, Any] = {"patient_id": event.patient_id}
    if isinstance(event, ChargesPosted):
        values["service_on"] = event.service_on
    yield Put(table="patient_accounts", key=(event.account_id,), values=values)


projection = Projection(
    name="collections.accounts",
    version=1,
    tables=(patient_accounts,),
    reads={"payments": (ChargesPosted, PayersKnown, ResponsibilityTransferred)},
    apply=apply,
)


def one(account_id: str) -> sa.Select[Any]:
    return sa.select(patient_accounts).where(patient_accounts.c.account_id == account_id)
