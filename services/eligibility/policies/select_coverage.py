"""When is it said, and said again, who pays for an account?

Released charges ask for it. Whatever changes what is known of the patient or of a held payer asks again, and every answer leads to one
more look by itself, because a fact and the answer it missed may be committed at the same moment (docs/adr/0006).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.eligibility.domain.coverage_selection.commands import KnownPatient, SelectCoverage
from services.eligibility.domain.payer.directory import PayerDirectory
from shared.events.base import Event, EventType
from shared.events.charges import ChargesReleased
from shared.events.eligibility import (
    CoverageAdded,
    CoverageOrderSet,
    CoverageSelected,
    CoverageSelectionHeld,
    CoverageTerminated,
    DemographicsCorrected,
    EligibilityAnswered,
    NoCoverageFound,
    PatientRegistered,
    PatientRetired,
    PatientsMerged,
    PayerListed,
)

RELEASES: tuple[EventType, ...] = (ChargesReleased,)
SELECTIONS: tuple[EventType, ...] = (CoverageSelected, NoCoverageFound, CoverageSelectionHeld)
ABOUT_PATIENTS: tuple[EventType, ...] = (
    PatientRegistered,
    DemographicsCorrected,
    PatientsMerged,
    PatientRetired,
    CoverageAdded,
    CoverageTerminated,
    CoverageOrderSet,
)
ANSWERS: tuple[EventType, ...] = (EligibilityAnswered,)
ABOUT_PAYERS: tuple[EventType, ...] = (PayerListed,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What an account was opened for."""

    account_id: str
    encounter_id: str
    patient_id: str
    service_on: date
    asked_for: tuple[str, ...] = ()  # coverages that the bill names


def visit_of(event: ChargesReleased | CoverageSelected | NoCoverageFound | CoverageSelectionHeld) -> Visit:
    return Visit(
        account_id=event.account_id,
        encounter_id=event.encounter_id,
        patient_id=event.patient_id,
        service_on=event.service_on,
        asked_for=event.coverage_ids if isinstance(event, ChargesReleased) else event.asked_for,
    )


def visits_in(rows: Iterable[Mapping[Any, Any]]) -> list[Visit]:
    """The accounts of the read model of selections."""
    return [
        Visit(
            account_id=row["account_id"],
            encounter_id=row["encounter_id"],
            patient_id=row["patient_id"],
            service_on=row["service_on"],
            asked_for=tuple(row["asked_for"] or ()),
        )
        for row in rows
    ]


def changes_selections(event: Event) -> bool:
    """Whether an event about a patient can change who pays. Corrected demographics do only where a gap was filled."""
    return not isinstance(event, DemographicsCorrected) or bool(event.filled)


def takes_demographics(event: Event) -> bool:
    """Whether the claim is to name the person as registered now, also where the coverages stay."""
    return isinstance(event, ChargesReleased | DemographicsCorrected)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFacts:
    """A patient, and the rows of read models that bear on who pays for them."""

    patient: KnownPatient
    authorizations: Sequence[Mapping[Any, Any]] = ()
    checks: Sequence[Mapping[Any, Any]] = ()  # answered ones, the newest first


def select(
    visits: Sequence[Visit],
    facts: PatientFacts,
    payers: PayerDirectory,
    *,
    takes_demographics: bool = False,
    accepts_inactive: bool = False,
) -> Iterator[SelectCoverage]:
    """One command for each account of one patient."""
    for visit in visits:
        yield SelectCoverage(
            account_id=visit.account_id,
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            service_on=visit.service_on,
            asked_for=visit.asked_for,
            patient=facts.patient,
            payers=payers,
            authorization_numbers=_numbers(facts.authorizations, visit.service_on),
            called_inactive=_called_inactive(facts.checks, visit.service_on),
            takes_demographics=takes_demographics,
            accepts_inactive=accepts_inactive,
        )


def _numbers(granted: Sequence[Mapping[Any, Any]], on: date) -> dict[str, str]:
    """The number to name to each payer: of the authorisation that holds on that day and ends first."""
    numbers: dict[str, str] = {}
    for row in granted:
        if row["valid_from_on"] <= on <= row["valid_to_on"] and not row["procedure_codes"]:
            numbers.setdefault(row["payer_id"], row["number"])
    return numbers


def _called_inactive(checks: Sequence[Mapping[Any, Any]], on: date) -> frozenset[str]:
    """The coverages whose newest answer about that day says inactive. An answer about another day says nothing."""
    newest: dict[str, str] = {}
    for row in checks:
        if row["service_on"] == on:
            newest.setdefault(row["coverage_id"], row["status"])
    return frozenset(coverage_id for coverage_id, status in newest.items() if status == "inactive")
