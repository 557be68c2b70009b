"""Who is known to the practice, by whom are they covered, and what is missing from their registration?

Ids and blind indexes only: names and numbers stay sealed in the events.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.eligibility import (
    CoverageAdded,
    CoverageTerminated,
    DemographicsCorrected,
    PatientRegistered,
    PatientRetired,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

_metadata = sa.MetaData()

patients = sa.Table(
    "patients",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text, primary_key=True),
    sa.Column("medical_record_index", sa.Text),
    sa.Column("name_index", sa.Text),
    sa.Column("merged_into", sa.Text, nullable=False, server_default=""),  # read the survivor instead
    sa.Column("missing", JSONB),
    sa.Column("registered_at", sa.DateTime(timezone=True)),
    sa.Column("changed_at", sa.DateTime(timezone=True)),
    sa.Index("patients_by_medical_record", "tenant", "medical_record_index"),
    sa.Index("patients_by_name", "tenant", "name_index"),
)

coverages = sa.Table(
    "coverages",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text, primary_key=True),
    sa.Column("coverage_id", sa.Text, primary_key=True),
    sa.Column("payer_reference", sa.Text),
    sa.Column("payer_name", sa.Text),
    sa.Column("rank", sa.Integer),
    sa.Column("relationship", sa.Text),
    sa.Column("plan", sa.Text),
    sa.Column("effective_on", sa.Date),
    sa.Column("terminated_on", sa.Date),
    sa.Column("missing", JSONB),
    sa.Column("changed_at", sa.DateTime(timezone=True)),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    event, at = recorded.event, recorded.recorded_at
    match event:
        case PatientRegistered():
            yield _patient(
                event.patient_id,
                at,
                medical_record_index=event.medical_record_index,
                name_index=event.name_index,
                missing=list(event.missing),
                registered_at=at,
            )
        case DemographicsCorrected():
            if event.person is not None:
                yield _patient(event.patient_id, at, name_index=event.name_index, missing=list(event.missing or ()))
        case PatientRetired():
            yield _patient(event.patient_id, at, merged_into=event.survivor_patient_id)
        case CoverageAdded():
            yield _coverage(
                event.patient_id,
                event.coverage_id,
                at,
                payer_reference=event.payer_reference,
                payer_name=event.payer_name,
                rank=event.rank,
                relationship=event.relationship,
                plan=event.plan,
                effective_on=event.effective_on,
                terminated_on=event.terminated_on,
                missing=list(event.missing),
            )
        case CoverageTerminated():
            yield _coverage(event.patient_id, event.coverage_id, at, terminated_on=event.terminated_on)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


def _patient(patient_id: str, at: datetime, **values: Any) -> Put:
    return Put(table="patients", key=(patient_id,), values={"changed_at": at, **values})


def _coverage(patient_id: str, coverage_id: str, at: datetime, **values: Any) -> Put:
    return Put(table="coverages", key=(patient_id, coverage_id), values={"changed_at": at, **values})


projection = Projection(
    name="eligibility.patients",
    version=1,
    tables=(patients, coverages),
    reads={
        "eligibility": (PatientRegistered, DemographicsCorrected, PatientRetired, CoverageAdded, CoverageTerminated)
    },
    apply=apply,
)


def by_index(*, medical_record_index: str = "", name_index: str = "") -> sa.Select[Any]:
    """Patients under a blind index: of the medical record number, or of name and birth date."""
    column, value = (
        (patients.c.medical_record_index, medical_record_index)
        if medical_record_index
        else (patients.c.name_index, name_index)
    )
    return sa.select(patients).where(column == value).order_by(patients.c.patient_id).limit(50)


def with_gaps() -> sa.Select[Any]:
    """Patients whose registration lacks something that a claim will need."""
    has_gaps = sa.func.jsonb_array_length(patients.c.missing) > 0
    return sa.select(patients).where(has_gaps, patients.c.merged_into == "")


def coverages_with_gaps(patient_ids: Iterable[str]) -> sa.Select[Any]:
    """Coverages of these patients that lack something."""
    has_gaps = sa.func.jsonb_array_length(coverages.c.missing) > 0
    return sa.select(coverages).where(has_gaps, coverages.c.patient_id.in_(list(patient_ids)))
