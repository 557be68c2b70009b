"""To whom is a letter addressed, and who sends it? Names stay sealed here; a letter opens them when it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.base import Sealed
from shared.events.charges import OrganizationListed
from shared.events.eligibility import DemographicsCorrected, PatientRegistered, PatientRetired
from shared.events.envelope import Recorded
from shared.events.values import Address, Person
from shared.runtime.merged_patients import merged, merged_patients_table, registrations_of, survivor_of
from shared.runtime.projection import Change, Projection, Put

_metadata = sa.MetaData()

addressees = sa.Table(
    "addressees",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text, primary_key=True),
    sa.Column("person", JSONB),
    sa.Column("guarantor", JSONB),  # absent: the patient
)
merged_patients = merged_patients_table(_metadata)
practice = sa.Table(
    "practice",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("address", JSONB),
    sa.Column("phone", sa.Text),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    values: dict[str, Any]
    match event := recorded.event:
        case PatientRegistered() | DemographicsCorrected():
            said = {"person": event.person, "guarantor": event.guarantor}
            values = {name: _kept(sealed) for name, sealed in said.items() if sealed is not None}
            yield Put(table="addressees", key=(event.patient_id,), values=values)
        case PatientRetired():
            yield merged(event)
        case OrganizationListed():
            values = {
                "name": event.organization.last_or_organisation,
                "address": msgspec.to_builtins(event.organization.address),
                "phone": event.organization.phone or event.submitter_phone,
            }
            yield Put(table="practice", key=(event.organization.provider_id,), values=values)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


def _kept(sealed: Sealed[Person]) -> dict[str, Any]:
    return {"subject": sealed.subject, "field": sealed.field, "token": sealed.token}


projection = Projection(
    name="collections.letters",
    version=2,
    tables=(addressees, merged_patients, practice),
    reads={
        "eligibility": (PatientRegistered, DemographicsCorrected, PatientRetired),
        "charges": (OrganizationListed,),
    },
    apply=apply,
)


def addressee(patient_id: str) -> sa.Select[Any]:
    """The row of the patient, or of the one that the registration was merged into."""
    return sa.select(addressees).where(
        addressees.c.patient_id == survivor_of(merged_patients, patient_id).scalar_subquery()
    )


def names_of(patient_id: str) -> sa.Select[Any]:
    """`patient_id`: every id under which this person was registered."""
    return registrations_of(merged_patients, patient_id)


def sealed_person(row: Any) -> Sealed[Person]:
    """Who gets the letter: the guarantor where one is known, else the patient."""
    kept = row["guarantor"] or row["person"]
    return Sealed(kept["subject"], kept["field"], kept["token"])


def sender() -> sa.Select[Any]:
    """The organisation that bills."""
    return sa.select(practice).order_by(practice.c.organization_id).limit(1)


def address_of(row: Any) -> Address:
    return msgspec.convert(row["address"], Address)
