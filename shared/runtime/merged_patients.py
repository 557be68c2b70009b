"""Under which ids is a person registered?

A merge is an alias: both histories stay, and a service that compares or gathers by patient asks here which ids mean the same person. Each
row comes from the stream of the registration that was given up, so its last word is in order whatever else is merged meanwhile.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shared.events.eligibility import PatientRetired
from shared.runtime.projection import Put

_NAME = "merged_patients"


def merged_patients_table(metadata: sa.MetaData) -> sa.Table:
    """A service's own table of merges; its projection reads `PatientRetired` of eligibility and yields `merged`."""
    return sa.Table(
        _NAME,
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("retired_patient_id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text),  # the survivor; may be merged away itself
        sa.Index(f"{_NAME}_by_survivor", "tenant", "patient_id"),
    )


def merged(event: PatientRetired) -> Put:
    return Put(table=_NAME, key=(event.patient_id,), values={"patient_id": event.survivor_patient_id})


def survivor_of(table: sa.Table, patient_id: str) -> sa.Select[*tuple[Any, ...]]:
    """`patient_id`: the registration that is meant now, also after a merge of the survivor. No row when merges go round."""
    named = _upwards(table, patient_id)
    is_retired = sa.exists().where(table.c.retired_patient_id == named.c.patient_id)
    return sa.select(named.c.patient_id).where(~is_retired)


def registrations_of(table: sa.Table, patient_id: str) -> sa.Select[*tuple[Any, ...]]:
    """`patient_id`: every id under which this person was ever registered, the one that was asked for among them."""
    named = _upwards(table, patient_id)
    found = sa.select(named.c.patient_id).cte("registrations", recursive=True)
    retired = table.alias()
    found = found.union(sa.select(retired.c.retired_patient_id).join(found, retired.c.patient_id == found.c.patient_id))
    return sa.select(found.c.patient_id)


def _upwards(table: sa.Table, patient_id: str) -> sa.CTE:
    """The id, and what it was merged into, one after the other. Distinct rows: a round ends."""
    named = sa.select(sa.literal(patient_id).label("patient_id")).cte("named", recursive=True)
    step = table.alias()
    return named.union(sa.select(step.c.patient_id).join(named, step.c.retired_patient_id == named.c.patient_id))
