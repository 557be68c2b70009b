"""What can happen to patients, coverages, payers, appointments and eligibility checks. Streams:

`patient/{patient_id}`, `payer/{payer_id}`, `appointment/{appointment_id}`, `eligibility-check/{check_id}`,
`coverage-selection/{account_id}`, `authorization/{authorization_id}`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event, Sealed
from shared.events.values import Address, CoverageSnapshot, DocumentReference, Person


class PatientRegistered(Event, frozen=True, kw_only=True):
    """A person became known to the practice.

    Sealed values cannot be compared, so a `mark` (keyed hash of what the sender said) stands beside them. A `…_index` is the blind
    index under which somebody who knows the value finds the patient.
    """

    patient_id: str
    medical_record_number: Sealed[str]
    medical_record_index: str = ""
    person: Sealed[Person]
    name_index: str = ""  # of last name, first name and birth date
    mark: str = ""
    guarantor: Sealed[Person] | None = None  # absent: the patient
    guarantor_mark: str = ""
    missing: tuple[str, ...] = ()  # what a claim will need and was not said: "birth-date", "address", …
    source_at: datetime | None = None  # when the sender says it happened
    source: DocumentReference | None = None


class DemographicsCorrected(Event, frozen=True, kw_only=True):
    """A newer registration message says otherwise. Absent fields did not change."""

    patient_id: str
    person: Sealed[Person] | None = None
    name_index: str = ""
    mark: str = ""
    guarantor: Sealed[Person] | None = None
    guarantor_mark: str = ""
    missing: tuple[str, ...] | None = None  # with `person` only
    filled: tuple[str, ...] = ()  # what was missing before and is said now
    source_at: datetime | None = None  # when the sender says it happened; an older snapshot never overwrites a newer
    source: DocumentReference | None = None


class PatientsMerged(Event, frozen=True, kw_only=True):
    """Two registrations are one person. Old events stay; readers alias the retired id to the survivor."""

    patient_id: str  # survivor
    retired_patient_id: str
    source: DocumentReference | None = None


class PatientRetired(Event, frozen=True, kw_only=True):
    """The same merge, in the stream of the registration that was given up: from now on the survivor is meant."""

    patient_id: str  # the retired one
    survivor_patient_id: str
    source: DocumentReference | None = None


class CoverageAdded(Event, frozen=True, kw_only=True):
    """A coverage as the sender now states it; the same `coverage_id` again replaces it."""

    patient_id: str
    coverage_id: str
    payer_reference: str  # as the sender names the payer: our id, its electronic id, its name or an alias
    payer_name: str = ""  # the second way in which the sender names it
    rank: int  # 1 primary, as the source states
    relationship: str = "18"
    member_number: Sealed[str]
    member_index: str = ""  # blind index: the same number at the same payer is the same coverage
    group_number: Sealed[str] | None = None
    subscriber: Sealed[Person] | None = None
    mark: str = ""
    plan: str = ""
    effective_on: date | None = None  # absent: unknown, treated as always
    terminated_on: date | None = None
    missing: tuple[str, ...] = ()  # "member-number", "subscriber", …
    source_at: datetime | None = None
    source: DocumentReference | None = None


class CoverageTerminated(Event, frozen=True, kw_only=True):
    patient_id: str
    coverage_id: str
    terminated_on: date  # last day covered
    reason: str


class CoverageOrderSet(Event, frozen=True, kw_only=True):
    """The order in which coverages pay from a date on."""

    patient_id: str
    coverage_ids: tuple[str, ...]  # primary first
    effective_on: date | None
    reason: str


class FilingLimit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long a payer takes claims of a kind: so many days or months (one of both) behind a day of the claim."""

    kind: Literal["original", "corrected", "secondary"]  # corrected: frequency 7 or 8; secondary: after another payer
    days: int = 0
    months: int = 0
    counts_from: Literal["service-begin", "service-end", "primary-answer"] = "service-begin"
    moves_to_workday: bool = False  # a last day on a weekend or federal holiday becomes the next workday


class AppealLevel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One level of a payer's appeals: within how many days of a decision it is asked for, and where it is sent."""

    name: str
    days: int
    counts: Literal["calendar-days", "business-days"] = "calendar-days"
    counts_from: Literal["notice", "receipt"] = "notice"  # the decision's own date, or the day on which it was received
    receipt_days: int = 5  # a notice is presumed received so many days after its date
    moves_to_workday: bool = False  # a last day on a weekend or federal holiday becomes the next workday
    sent_by: tuple[Literal["mail", "fax", "portal"], ...] = ()  # empty: nothing is known
    address: Address | None = None


class PayerListed(Event, frozen=True, kw_only=True):
    """A payer of the practice's directory, as it now stands (a later one replaces it)."""

    payer_id: str
    name: str
    electronic_id: str
    aliases: tuple[str, ...] = ()  # ids and names by which EHRs and 835s call it
    filing_indicator: str = "CI"
    partner_id: str = ""
    timely_filing_days: int = 365
    answer_days: int = 30  # no 835 after so many days is silence
    filing_limits: tuple[FilingLimit, ...] = ()  # a kind that is not among them: timely_filing_days from service-begin
    appeal_levels: tuple[AppealLevel, ...] = ()  # the first one against a denial, each next one against its decision


class AppointmentBooked(Event, frozen=True, kw_only=True):
    appointment_id: str
    patient_id: str
    starts_at: datetime
    service_on: date
    reason: Literal["booked", "rescheduled", "modified"] = "booked"
    provider_id: str = ""
    source: DocumentReference | None = None


class AppointmentCancelled(Event, frozen=True, kw_only=True):
    appointment_id: str
    patient_id: str
    reason: Literal["cancelled", "discontinued", "deleted", "no-show"]


class EligibilityCheckDue(Event, frozen=True, kw_only=True):
    """It is time to ask (again) whether a booked patient is covered."""

    appointment_id: str
    patient_id: str
    service_on: date
    why: Literal["the night before"] = "the night before"


class EligibilityRequested(Event, frozen=True, kw_only=True):
    """A 270 is to be asked for the date of service, not for today."""

    check_id: str
    patient_id: str
    coverage_id: str
    payer_id: str
    partner_id: str
    service_on: date
    service_types: tuple[str, ...] = ("30",)
    trace_number: str  # TRN02; names check and attempt
    attempt: int = 1
    why: str  # "appointment …", "the night before", "asked by a person"


class Benefit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One EB row in plain words. Absent is unknown, never zero."""

    kind: str  # EB01
    level: str = ""  # EB02
    service_types: tuple[str, ...] = ()  # EB03
    plan: str = ""  # EB05
    period: str = ""  # EB06; 29 is remaining
    amount_cents: int | None = None  # EB07
    patient_share: str | None = None  # EB08, fraction the patient pays
    quantity: str | None = None
    quantity_kind: str = ""  # EB09: VS visits, DY days, …
    insurance_type: str = ""  # EB04
    in_network: str = ""  # Y N U W, empty: not stated
    authorization_required: str = ""


class EligibilityAnswered(Event, frozen=True, kw_only=True):
    """A payer's 271, true for the date asked and at the time asked only."""

    check_id: str
    patient_id: str
    coverage_id: str
    service_on: date
    status: Literal["active", "inactive", "unknown"]
    benefits: tuple[Benefit, ...] = ()
    payer_trace: str = ""
    source: DocumentReference


class Rejection271(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One AAA segment: where, why and what to do (AAA03, AAA04)."""

    loop: str
    reason: str
    follow_up: str = ""


class EligibilityRejected(Event, frozen=True, kw_only=True):
    """The payer could not look the request up (AAA). It says nothing about coverage."""

    check_id: str
    patient_id: str
    coverage_id: str
    service_on: date
    rejections: tuple[Rejection271, ...]
    may_retry: bool
    attempt: int = 1
    source: DocumentReference


class EligibilityUnanswered(Event, frozen=True, kw_only=True):
    """Nobody answered in time. It says nothing about coverage."""

    check_id: str
    patient_id: str
    coverage_id: str
    service_on: date
    waited_seconds: int
    attempt: int = 1


class CoverageSelected(Event, frozen=True, kw_only=True):
    """Which coverages answer for an account's service date, in order, as they stood then."""

    account_id: str
    encounter_id: str
    patient_id: str
    service_on: date
    coverages: tuple[CoverageSnapshot, ...]
    patient: Sealed[Person]
    reason: str
    asked_for: tuple[str, ...] = ()  # coverages that the bill names; empty: all that the patient has


class NoCoverageFound(Event, frozen=True, kw_only=True):
    """The owner of coverages says: none on that date. The account is self-pay."""

    account_id: str
    encounter_id: str
    patient_id: str
    service_on: date
    patient: Sealed[Person]
    reason: str
    asked_for: tuple[str, ...] = ()


class CoverageSelectionHeld(Event, frozen=True, kw_only=True):
    """Who pays cannot be said yet, by name of the reason; it is looked at again when what is missing becomes known."""

    account_id: str
    encounter_id: str
    patient_id: str
    service_on: date
    reason: Literal["patient-unknown", "unknown-payer", "coverage-inactive"]
    references: tuple[str, ...] = ()  # the payers as the sender names them, or coverages that do not hold on that day
    asked_for: tuple[str, ...] = ()


class AuthorizationRecorded(Event, frozen=True, kw_only=True):
    authorization_id: str
    patient_id: str
    payer_id: str
    number: str
    procedure_codes: tuple[str, ...]
    units: int
    valid_from_on: date
    valid_to_on: date


class AuthorizationUnitsUsed(Event, frozen=True, kw_only=True):
    authorization_id: str
    account_id: str
    units: int  # negative gives units back
    units_left: int


EligibilityEvent: TypeAlias = (
    PatientRegistered
    | DemographicsCorrected
    | PatientsMerged
    | PatientRetired
    | CoverageAdded
    | CoverageTerminated
    | CoverageOrderSet
    | PayerListed
    | AppointmentBooked
    | AppointmentCancelled
    | EligibilityCheckDue
    | EligibilityRequested
    | EligibilityAnswered
    | EligibilityRejected
    | EligibilityUnanswered
    | CoverageSelected
    | NoCoverageFound
    | CoverageSelectionHeld
    | AuthorizationRecorded
    | AuthorizationUnitsUsed
)
