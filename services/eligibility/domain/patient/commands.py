"""What can be asked of a patient's registration?

Personal values come sealed, each with a `mark`: a keyed hash by which the same words are known again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from shared.events.base import Sealed
from shared.events.values import DocumentReference, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPatient:
    """Register a person, or note what a newer message says of them."""

    patient_id: str
    medical_record_number: Sealed[str]
    medical_record_index: str
    person: Sealed[Person]
    name_index: str
    mark: str
    guarantor: Sealed[Person] | None = None  # absent: not stated
    guarantor_mark: str = ""
    missing: tuple[str, ...] = ()
    source_at: datetime | None = None
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCoverage:
    """A coverage as the sender states it now."""

    patient_id: str
    coverage_id: str
    payer_reference: str
    payer_name: str = ""
    rank: int
    relationship: str = "18"
    member_number: Sealed[str]
    member_index: str
    group_number: Sealed[str] | None = None
    subscriber: Sealed[Person] | None = None
    mark: str
    plan: str = ""
    effective_on: date | None = None
    terminated_on: date | None = None
    missing: tuple[str, ...] = ()
    source_at: datetime | None = None
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateCoverage:
    coverage_id: str
    terminated_on: date  # last day covered
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCoverageOrder:
    """From a date on these coverages pay in this order."""

    coverage_ids: tuple[str, ...]
    effective_on: date | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePatients:
    """To the survivor: the other registration is the same person."""

    patient_id: str
    retired_patient_id: str
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirePatient:
    """To the retired one: the same merge, so that its stream points to the survivor."""

    patient_id: str  # the retired one
    survivor_patient_id: str
    source: DocumentReference | None = None


PatientCommand: TypeAlias = (
    RegisterPatient | AddCoverage | TerminateCoverage | SetCoverageOrder | MergePatients | RetirePatient
)
