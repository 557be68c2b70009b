"""Which registrations are one person? Eligibility says so; a visit is asked for under any of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.eligibility import PatientRetired
from shared.events.envelope import Recorded
from shared.runtime.merged_patients import merged, merged_patients_table, registrations_of
from shared.runtime.projection import Change, Projection

merged_patients = merged_patients_table(sa.MetaData())


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    yield merged(recorded.event)


projection = Projection(
    name="charges.merged-patients",
    version=1,
    tables=(merged_patients,),
    reads={"eligibility": (PatientRetired,)},
    apply=apply,
)


def names_of(patient_id: str) -> sa.Select[Any]:
    """`patient_id`: every id under which this person was registered."""
    return registrations_of(merged_patients, patient_id)
