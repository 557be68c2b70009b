"""What did payers authorise, how much of it is left, and what runs out?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.eligibility import AuthorizationRecorded, AuthorizationUnitsUsed
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

authorizations = sa.Table(
    "authorizations",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("authorization_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("payer_id", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("procedure_codes", JSONB),
    sa.Column("units", sa.Integer),
    sa.Column("units_used", sa.Integer, nullable=False, server_default="0"),
    sa.Column("valid_from_on", sa.Date),
    sa.Column("valid_to_on", sa.Date),
    sa.Index("authorizations_by_patient", "tenant", "patient_id", "valid_to_on"),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    match event := recorded.event:
        case AuthorizationRecorded():
            values = {
                "patient_id": event.patient_id,
                "payer_id": event.payer_id,
                "number": event.number,
                "procedure_codes": list(event.procedure_codes),
                "units": event.units,
                "valid_from_on": event.valid_from_on,
                "valid_to_on": event.valid_to_on,
            }
            yield Put(table="authorizations", key=(event.authorization_id,), values=values)
        case AuthorizationUnitsUsed():
            yield Put(table="authorizations", key=(event.authorization_id,), add={"units_used": event.units})
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


projection = Projection(
    name="eligibility.authorizations",
    version=1,
    tables=(authorizations,),
    reads={"eligibility": (AuthorizationRecorded, AuthorizationUnitsUsed)},
    apply=apply,
)


def of_patients(patient_ids: Iterable[str]) -> sa.Select[Any]:
    return (
        sa.select(authorizations)
        .where(authorizations.c.patient_id.in_(list(patient_ids)))
        .order_by(authorizations.c.valid_to_on, authorizations.c.authorization_id)
    )


def running_out(until_on: date, units_at_most: int) -> sa.Select[Any]:
    """Authorisations that end soon or have few units left."""
    left = authorizations.c.units - authorizations.c.units_used
    return sa.select(authorizations).where(
        (authorizations.c.valid_to_on <= until_on) | (left <= units_at_most), authorizations.c.units.is_not(None)
    )
