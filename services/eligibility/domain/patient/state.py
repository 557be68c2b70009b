"""What must the decider of a patient remember?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias, assert_never

from msgspec import structs

from shared.events.base import Sealed
from shared.events.eligibility import (
    CoverageAdded,
    CoverageOrderSet,
    CoverageTerminated,
    DemographicsCorrected,
    PatientRegistered,
    PatientRetired,
    PatientsMerged,
)
from shared.events.values import Person

PatientEvent: TypeAlias = (
    PatientRegistered
    | DemographicsCorrected
    | PatientsMerged
    | PatientRetired
    | CoverageAdded
    | CoverageTerminated
    | CoverageOrderSet
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    registered: PatientRegistered | None = None
    person: Sealed[Person] | None = None
    guarantor: Sealed[Person] | None = None
    mark: str = ""
    guarantor_mark: str = ""
    missing: tuple[str, ...] = ()
    told_at: datetime | None = None  # when the sender said what stands here
    coverages: dict[str, CoverageAdded] = field(default_factory=dict)  # as they stand, by coverage id
    orders: tuple[CoverageOrderSet, ...] = ()
    merged_into: str = ""
    retired: tuple[str, ...] = ()  # registrations that were merged into this one

    def is_older(self, source_at: datetime | None) -> bool:
        """Whether a message speaks of a time before what is already known."""
        return source_at is not None and self.told_at is not None and source_at < self.told_at


def is_active(coverage: CoverageAdded, on: date) -> bool:
    """Whether a coverage holds on a day. An unknown beginning or end does not limit it."""
    begins, ends = coverage.effective_on, coverage.terminated_on
    return (begins is None or begins <= on) and (ends is None or on <= ends)


def evolve(state: Patient, event: PatientEvent) -> Patient:
    match event:
        case PatientRegistered():
            return replace(
                state,
                registered=event,
                person=event.person,
                guarantor=event.guarantor,
                mark=event.mark,
                guarantor_mark=event.guarantor_mark,
                missing=event.missing,
                told_at=event.source_at,
            )
        case DemographicsCorrected():
            return replace(
                state,
                person=event.person or state.person,
                guarantor=event.guarantor or state.guarantor,
                mark=event.mark or state.mark,
                guarantor_mark=event.guarantor_mark or state.guarantor_mark,
                missing=state.missing if event.missing is None else event.missing,
                told_at=event.source_at or state.told_at,
            )
        case CoverageAdded():
            return _with(state, event)
        case CoverageTerminated():
            ended = structs.replace(state.coverages[event.coverage_id], terminated_on=event.terminated_on)
            return _with(state, ended)
        case CoverageOrderSet():
            return replace(state, orders=(*state.orders, event))
        case PatientsMerged():
            return replace(state, retired=(*state.retired, event.retired_patient_id))
        case PatientRetired():
            return replace(state, merged_into=event.survivor_patient_id)
        case _:
            assert_never(event)


def _with(state: Patient, coverage: CoverageAdded) -> Patient:
    return replace(state, coverages={**state.coverages, coverage.coverage_id: coverage})
