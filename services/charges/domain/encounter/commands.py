"""What can be asked of an encounter?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.state import Encounter
from shared.events.charges import ChosenBill, JoinedCharges
from shared.events.claim_kinds import ClaimKind, DentalCase, DentalService, HospitalCoding, HospitalStay
from shared.events.values import DocumentReference, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEncounter:
    """Open the visit, or note what a newer message says of it."""

    encounter_id: str
    patient_id: str
    also_registered_as: frozenset[str] = frozenset()  # other ids of the same person, after a merge
    visit_class: str = ""
    started_at: datetime | None = None
    service_on: date | None = None
    discharged_at: datetime | None = None
    facility_reference: str = ""
    attending_reference: str = ""
    referring_reference: str = ""
    source: DocumentReference | None = None
    kind: ClaimKind | None = None  # absent: as before, at first professional
    operating_reference: str = ""
    stay: HospitalStay | None = None  # the whole stay; what was told before is replaced
    dental: DentalCase | None = None  # the whole case; what was told before is replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelEncounter:
    encounter_id: str
    reason: str
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One charge as the sender states it. `source_key` is the sender and its transaction id."""

    charge_id: str
    source_key: str
    service_on: date
    service_to_on: date | None = None
    code: str
    code_system: str = ""
    modifiers: tuple[str, ...] = ()
    units: str = "1"
    charged_cents: int | None = None
    diagnoses: tuple[str, ...] = ()
    rendering_reference: str = ""
    place_of_service: str = ""
    national_drug_code: str = ""
    findings: tuple[Finding, ...] = ()
    is_from_procedure: bool = False  # what was done; what is charged for it, if anything, comes apart
    replaces: tuple[str, ...] = ()  # charge ids of the procedures that this charge is for
    source: DocumentReference | None = None
    revenue_code: str = ""
    unit: Literal["UN", "DA"] = "UN"
    rate_cents: int | None = None
    non_covered_cents: int = 0
    dental: DentalService | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Units of an earlier charge taken back. Without `charge_id` the newest like charge is meant."""

    source_key: str
    charge_id: str = ""
    code: str = ""
    service_on: date | None = None
    modifiers: tuple[str, ...] = ()
    units: str = ""  # empty: all that is left
    credited_cents: int | None = None  # absent: in proportion to the units
    reason: str = "credited by the sender"
    is_of_procedure: bool = False  # of what may never have been charged: then there is nothing to take back
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCharges:
    """All charges and credits of one message for one visit, together or not at all."""

    encounter_id: str
    patient_id: str
    also_registered_as: frozenset[str] = frozenset()  # other ids of the same person, after a merge
    charges: tuple[Charge, ...] = ()
    credits: tuple[Credit, ...] = ()
    diagnoses: tuple[str, ...] = ()  # of the visit, principal first; empty: not stated here
    coder: str = ""
    source: DocumentReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDiagnoses:
    encounter_id: str
    diagnoses: tuple[str, ...]
    coder: str
    source: DocumentReference | None = None
    hospital: HospitalCoding | None = None  # absent: what was said before stands


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCharges:
    """Are the charges complete and right, by what the directory says now? Then release them, else say why not."""

    encounter_id: str
    knowledge: Knowledge
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEdit:
    encounter_id: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseBills:
    """Which charges are billed apart from the others, and to whom. It replaces what was chosen before; none: together again."""

    encounter_id: str
    bills: tuple[ChosenBill, ...]
    reason: str
    chosen_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """A visit of which it is asked whether it may share a bill, as it was last seen."""

    encounter: Encounter
    coverage_ids: tuple[str, ...] | None  # that answer for its day, the first payer first; None: nobody has said yet


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinVisits:
    """Which other visits go on this visit's bill. It replaces what was chosen before; none: by itself again."""

    encounter_id: str
    encounter_ids: tuple[str, ...]
    reason: str
    chosen_by: str
    days_before_admission: Literal[1, 3] = 3
    coverage_ids: tuple[str, ...] | None = None  # that answer for this visit
    visits: Mapping[str, VisitFacts] = field(default_factory=dict)  # those that are named, by their id
    registrations: frozenset[str] = frozenset()  # ids of the same patient, after a merge


@dataclass(frozen=True, slots=True, kw_only=True)
class BillWith:
    """The bill of another visit is to have this visit's charges."""

    encounter_id: str
    billed_with: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillAlone:
    """The bill of the other visit no longer has this visit's charges."""

    encounter_id: str
    billed_with: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInCharges:
    encounter_id: str
    from_encounter_id: str
    charges: JoinedCharges


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteJoiningRefused:
    """A visit that was chosen can no longer be billed with this one."""

    encounter_id: str
    from_encounter_id: str
    rule: str


EncounterCommand: TypeAlias = (
    OpenEncounter
    | CancelEncounter
    | PostCharges
    | CodeDiagnoses
    | ReviewCharges
    | OverrideEdit
    | ChooseBills
    | JoinVisits
    | BillWith
    | BillAlone
    | TakeInCharges
    | NoteJoiningRefused
)
