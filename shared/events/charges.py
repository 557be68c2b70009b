"""What can happen to encounters, charges, and the practice's providers, places and prices. Streams:

`encounter/{encounter_id}`, `organization/{organization_id}`, `provider/{provider_id}`, `facility/{facility_id}`,
`price-list/{price_list_id}`, `reference-table/{kind}`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event
from shared.events.claim_kinds import ClaimKind, DentalCase, DentalService, HospitalCoding, HospitalStay
from shared.events.values import (
    ChargeLine,
    DocumentReference,
    FacilityIdentity,
    Finding,
    ProviderIdentity,
)


class OrganizationListed(Event, frozen=True, kw_only=True):
    """A billing organisation (2010AA of the 837), as it now stands."""

    organization: ProviderIdentity
    aliases: tuple[str, ...] = ()
    submitter_contact: str = ""  # PER02 of loop 1000A
    submitter_phone: str = ""


class ProviderListed(Event, frozen=True, kw_only=True):
    provider: ProviderIdentity
    organization_id: str
    aliases: tuple[str, ...] = ()  # ids by which EHRs call this provider


class FacilityListed(Event, frozen=True, kw_only=True):
    facility: FacilityIdentity
    organization_id: str
    aliases: tuple[str, ...] = ()


class Price(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # charge code or procedure code
    amount_cents: int  # for one unit
    procedure_code: str = ""  # when `code` is a charge code of the practice's own
    modifiers: tuple[str, ...] = ()
    revenue_code: str = ""  # under which a hospital bills it


class PricesSet(Event, frozen=True, kw_only=True):
    """The charge master from a date on; a later one with the same date replaces it."""

    price_list_id: str
    effective_on: date
    prices: tuple[Price, ...]


class EncounterOpened(Event, frozen=True, kw_only=True):
    """A visit began. Providers and places are kept as the sender named them; the review says who they are."""

    encounter_id: str
    account_id: str
    patient_id: str
    visit_class: str = "O"  # PV1-2: O outpatient, I inpatient, E emergency
    started_at: datetime | None = None
    service_on: date | None = None
    facility_reference: str = ""  # as the sender names it
    attending_reference: str = ""
    referring_reference: str = ""
    source: DocumentReference | None = None
    kind: ClaimKind = "professional"  # of the claim that it is billed on
    operating_reference: str = ""  # the surgeon of an institutional claim
    stay: HospitalStay | None = None
    dental: DentalCase | None = None


class EncounterChanged(Event, frozen=True, kw_only=True):
    """Transfer, class change, discharge or re-opening. Empty fields did not change."""

    encounter_id: str
    visit_class: str = ""
    facility_reference: str = ""
    attending_reference: str = ""
    discharged_at: datetime | None = None
    source: DocumentReference | None = None
    kind: ClaimKind | None = None
    operating_reference: str = ""
    stay: HospitalStay | None = None  # the whole stay as it is now told
    dental: DentalCase | None = None  # the whole case as it is now told


class EncounterCancelled(Event, frozen=True, kw_only=True):
    encounter_id: str
    reason: str
    source: DocumentReference | None = None
    account_ids: tuple[str, ...] = ()  # of the visit's further bills


class ChargeCaptured(Event, frozen=True, kw_only=True):
    """One service that was done, exactly once whatever the sender repeats."""

    encounter_id: str
    charge_id: str
    source_key: str  # sender and its transaction id
    service_on: date
    service_to_on: date | None = None
    code: str  # as sent: a procedure code, or a charge code of the price list; empty: a revenue code says what it was
    code_system: str = ""  # as sent, "C4", "HCPCS", "SNOMED", …; empty: not said
    modifiers: tuple[str, ...] = ()
    units: str  # exact decimal text
    charged_cents: int | None = None  # absent: to be priced from the price list
    diagnoses: tuple[str, ...] = ()  # ICD-10-CM without dots that support this line, in order
    rendering_reference: str = ""  # as the sender names the performer
    place_of_service: str = ""
    national_drug_code: str = ""
    is_late: bool = False  # after the encounter's charges were released
    findings: tuple[Finding, ...] = ()  # what reading it already found
    is_from_procedure: bool = (
        False  # the sender said what was done, not what is charged: a charge of the same takes its place
    )
    replaces: tuple[str, ...] = ()  # charge ids of the procedures that this is the sender's own charge for
    source: DocumentReference | None = None
    revenue_code: str = ""  # institutional, four digits; empty: the price list's
    unit: Literal["UN", "DA"] = "UN"  # what `units` counts: units or days
    rate_cents: int | None = None  # of a room for a day
    non_covered_cents: int = 0
    dental: DentalService | None = None


class ChargePriced(Event, frozen=True, kw_only=True):
    """The sender gave no price: the price list in force on the date of service did."""

    encounter_id: str
    charge_id: str
    charged_cents: int
    price_list_id: str
    procedure_code: str
    revenue_code: str = ""  # of the price list, where it names one


class ChargeCredited(Event, frozen=True, kw_only=True):
    """A charge was taken back, in full or for some units (FT1-6 CD, a negative CG, entered-in-error)."""

    encounter_id: str
    charge_id: str  # the charge that is credited
    source_key: str
    units: str
    credited_cents: int  # positive
    reason: str
    is_late: bool = False
    source: DocumentReference | None = None


class DiagnosesCoded(Event, frozen=True, kw_only=True):
    encounter_id: str
    diagnoses: tuple[str, ...]  # ICD-10-CM without dots, principal first; at most 12, institutional 25
    coder: str
    source: DocumentReference | None = None
    hospital: HospitalCoding | None = None  # absent: what was said before stands


class EditFailed(Event, frozen=True, kw_only=True):
    encounter_id: str
    findings: tuple[Finding, ...]


class EditOverridden(Event, frozen=True, kw_only=True):
    encounter_id: str
    rule: str
    reason: str


class ChosenBill(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Charges of a visit that go on a bill of their own."""

    charge_ids: tuple[str, ...]
    coverage_ids: tuple[str, ...] = ()  # that answer for it, the first payer first; empty: as for any visit


class BillsChosen(Event, frozen=True, kw_only=True):
    """A biller said which charges of the visit are billed apart. What is not named stays on the visit's ordinary bill."""

    encounter_id: str
    bills: tuple[ChosenBill, ...]  # none: all charges are billed together again
    reason: str
    chosen_by: str


class VisitsJoined(Event, frozen=True, kw_only=True):
    """A biller said which other visits of the patient go on this visit's bill. Those that are no longer named leave it."""

    encounter_id: str  # the visit whose account and claim carry them
    encounter_ids: tuple[str, ...]  # none: this visit is billed by itself again
    days_before_admission: int = 3  # outpatient services that go on an inpatient bill, 42 CFR 412.2(c)(5)
    reason: str
    chosen_by: str


class VisitBilledWith(Event, frozen=True, kw_only=True):
    """From here on this visit's charges are handed over to another visit's bill."""

    encounter_id: str
    billed_with: str  # the visit that carries them; empty: billed by itself again


class JoiningRefused(Event, frozen=True, kw_only=True):
    """Something happened on this visit since it was chosen, so that it is not billed with the other one."""

    encounter_id: str
    billed_with: str
    rule: str


class JoinedCharges(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A visit's charges as a bill of its own would state them, for the bill of another visit."""

    handing: int  # 1, 2, … of this visit; a later one restates all of its charges
    organization: ProviderIdentity
    facility: FacilityIdentity
    referring: ProviderIdentity | None = None
    diagnoses: tuple[str, ...] = ()
    lines: tuple[ChargeLine, ...] = ()  # none: nothing of the visit is left to bill
    charged_cents: int  # sum of the lines
    kind: ClaimKind = "professional"
    stay: HospitalStay | None = None  # institutional
    coding: HospitalCoding | None = None  # institutional


class ChargesHandedOver(Event, frozen=True, kw_only=True):
    """Complete and checked, but for the bill of another visit. This visit's own bills are restated as nothing with it."""

    encounter_id: str
    billed_with: str
    charges: JoinedCharges


class ChargesTakenIn(Event, frozen=True, kw_only=True):
    """What a joined visit handed over stands on this visit's bill with the next release."""

    encounter_id: str
    from_encounter_id: str
    charges: JoinedCharges


class ChargesGivenBack(Event, frozen=True, kw_only=True):
    """This visit's bills no longer have charges of that visit, which is billed by itself again."""

    encounter_id: str
    to_encounter_id: str


class ChargesHeld(Event, frozen=True, kw_only=True):
    """The encounter's charges wait for somebody, by name of the reason."""

    encounter_id: str
    charge_ids: tuple[str, ...]
    reason: str  # needs-coding, edits-failed, late-charge, unknown-provider, …
    findings: tuple[Finding, ...] = ()


class ChargesReleased(Event, frozen=True, kw_only=True):
    """Complete, checked, ready to bill: all that claims and the ledger need, as it stood."""

    encounter_id: str
    account_id: str
    patient_id: str
    release: int  # 1, 2, … of this encounter; a later release restates all lines of its account
    service_on: date
    service_to_on: date | None = None
    organization: ProviderIdentity
    rendering: ProviderIdentity
    facility: FacilityIdentity
    referring: ProviderIdentity | None = None
    diagnoses: tuple[str, ...]
    lines: tuple[ChargeLine, ...]
    charged_cents: int  # sum of the lines
    submitter_contact: str = ""
    submitter_phone: str = ""
    kind: ClaimKind = "professional"
    stay: HospitalStay | None = None  # institutional
    coding: HospitalCoding | None = None  # institutional
    attending: ProviderIdentity | None = None  # institutional
    operating: ProviderIdentity | None = None  # institutional
    dental: DentalCase | None = None
    bill: int = 1  # of the visit's bills, each of which is an account; together they hold each charge once
    coverage_ids: tuple[str, ...] = ()  # that answer for this bill; empty: eligibility says which


class CodingQueried(Event, frozen=True, kw_only=True):
    """A coder asks the provider; the charges stay held until the answer."""

    encounter_id: str
    query_id: str
    question_code: str


class ReferenceTableLoaded(Event, frozen=True, kw_only=True):
    kind: str
    release: str
    effective_on: date
    rows: int
    source: DocumentReference


ChargesEvent: TypeAlias = (
    OrganizationListed
    | ProviderListed
    | FacilityListed
    | PricesSet
    | EncounterOpened
    | EncounterChanged
    | EncounterCancelled
    | ChargeCaptured
    | ChargePriced
    | ChargeCredited
    | DiagnosesCoded
    | EditFailed
    | EditOverridden
    | BillsChosen
    | VisitsJoined
    | VisitBilledWith
    | JoiningRefused
    | ChargesHandedOver
    | ChargesTakenIn
    | ChargesGivenBack
    | ChargesHeld
    | ChargesReleased
    | CodingQueried
    | ReferenceTableLoaded
)
