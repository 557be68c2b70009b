"""What can be told about an account that is to be billed?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from shared.events.base import Sealed
from shared.events.claims import ServicesBilled
from shared.events.values import CoverageSnapshot, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCharges:
    """An encounter's charges were released; a later release restates all of them."""

    account_id: str
    patient_id: str
    release: int
    services: ServicesBilled


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCoverage:
    """Eligibility says which coverages answer for the account; none is an answer too."""

    account_id: str
    patient_id: str
    coverages: tuple[CoverageSnapshot, ...]
    patient: Sealed[Person]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBilling:
    """The encounter was cancelled."""

    account_id: str
    reason: str


BillingCaseCommand: TypeAlias = NoteCharges | NoteCoverage | CancelBilling
