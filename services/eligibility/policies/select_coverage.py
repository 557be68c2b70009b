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
    AuthorizationRecorded,
    CoverageAdded,
    CoverageOrderSet,
    CoverageSelected,
    CoverageSelectionHeld,
    CoverageTerminated,
    DemographicsCorrected,
    NoCoverageFound,
    PatientRegistered,
    PatientsMerged,
    PayerListed,
)

RELEASES: tuple[EventType, ...] = (ChargesReleased,)
SELECTIONS: tuple[EventType, ...] = (CoverageSelected, NoCoverageFound, CoverageSelectionHeld)
ABOUT_PATIENTS: tuple[EventType, ...] = (
    PatientRegistered,
    DemographicsCorrected,
    PatientsMerged,
    CoverageAdded,
    CoverageTerminated,
    CoverageOrderSet,
    AuthorizationRecorded,
)
ABOUT_PAYERS: tuple[EventType, ...] = (PayerListed,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What an account was opened for."""

    account_id: str
    encounter_id: str
    patient_id: str
    service_on: date


def visit_of(event: ChargesReleased | CoverageSelected | NoCoverageFound | CoverageSelectionHeld) -> Visit:
    return Visit(
        account_id=event.account_id,
        encounter_id=event.encounter_id,
        patient_id=event.patient_id,
        service_on=event.service_on,
    )


def visits_in(rows: Iterable[Mapping[Any, Any]]) -> list[Visit]:
    """The accounts of the read model of selections."""
    return [
        Visit(
            account_id=row["account_id"],
            encounter_id=row["encounter_id"],
            patient_id=row["patient_id"],
            service_on=row["service_on"],
        )
        for row in rows
    ]


def changes_selections(event: Event) -> bool:
    """Whether an event about a patient can change who pays. Corrected demographics do only where a gap was filled."""
    return not isinstance(event, DemographicsCorrected) or bool(event.filled)


def takes_demographics(event: Event) -> bool:
    """Whether the claim is to name the person as registered now, also where the coverages stay."""
    return isinstance(event, ChargesReleased | DemographicsCorrected)


def select(
    visits: Sequence[Visit],
    *,
    patient: KnownPatient,
    payers: PayerDirectory,
    authorizations: Iterable[Mapping[Any, Any]] = (),
    takes_demographics: bool = False,
) -> Iterator[SelectCoverage]:
    """One command for each account of one patient. Authorisations are rows of the read model."""
    granted = list(authorizations)
    for visit in visits:
        yield SelectCoverage(
            account_id=visit.account_id,
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            service_on=visit.service_on,
            patient=patient,
            payers=payers,
            authorization_numbers=_numbers(granted, visit.service_on),
            takes_demographics=takes_demographics,
        )


def _numbers(granted: Sequence[Mapping[Any, Any]], on: date) -> dict[str, str]:
    """The number to name to each payer: of the authorisation that holds on that day and ends first."""
    numbers: dict[str, str] = {}
    for row in granted:
        if row["valid_from_on"] <= on <= row["valid_to_on"] and not row["procedure_codes"]:
            numbers.setdefault(row["payer_id"], row["number"])
    return numbers
