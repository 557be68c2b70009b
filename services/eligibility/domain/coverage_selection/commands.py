"""What can be asked of an account's choice of coverages?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from services.eligibility.domain.payer.directory import PayerDirectory
from shared.events.base import Sealed
from shared.events.eligibility import CoverageAdded, CoverageOrderSet
from shared.events.values import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPatient:
    """What is known of a patient, of every registration that was merged into one."""

    person: Sealed[Person] | None  # None: nobody registered them
    coverages: tuple[CoverageAdded, ...] = ()
    orders: tuple[CoverageOrderSet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectCoverage:
    """Who pays for what was done for this account, by what is known now?"""

    account_id: str
    encounter_id: str
    patient_id: str  # as the encounter names the patient
    service_on: date
    patient: KnownPatient
    payers: PayerDirectory
    authorization_numbers: Mapping[str, str] = field(default_factory=dict)  # by payer id, valid on the date of service
    called_inactive: frozenset[str] = (
        frozenset()
    )  # coverages that their payer, asked last about that date, called inactive
    takes_demographics: bool = False  # the person as registered now, also where the coverages stay as they were chosen
    asked_for: tuple[str, ...] = ()  # coverages that the bill names, the first payer first; empty: all
    accepts_inactive: bool = False  # somebody decided to bill what the payer called inactive
