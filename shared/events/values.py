"""The plain values that events of several services are made of.

Amounts are integer cents, dates are dates of service or as named, codes are as the standards print them (ICD-10-CM without
the dot). Nothing here is personal except inside `Sealed`.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

from shared.events.base import Sealed
from shared.events.claim_kinds import DentalService


class Address(Struct, frozen=True, kw_only=True, omit_defaults=True):
    line_1: str = ""
    line_2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""  # digits only
    country: str = ""


class PersonName(Struct, frozen=True, kw_only=True, omit_defaults=True):
    last: str
    first: str = ""
    middle: str = ""
    suffix: str = ""


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who somebody is, as claims and letters need it. Only ever inside `Sealed`."""

    name: PersonName
    birth_on: date | None = None
    sex: Literal["F", "M", "U"] = "U"  # as X12 DMG03
    address: Address = Address()
    phone: str = ""
    email: str = ""


class DocumentReference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the raw input is kept, and which part of it said this."""

    document_id: str  # hash of its bytes
    place: str = ""  # "segment 41", "FT1[2]", "Bundle.entry[3]"


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong or worth a look: which rule, where, and how to mend it. `value` is never personal."""

    rule: str
    place: str
    message: str
    value: str = ""
    severity: Literal["error", "warning"] = "error"
    rule_version: int = 1
    fix: str = ""


class ProviderIdentity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person or organisation that provides care, as a claim names it."""

    provider_id: str
    npi: str
    last_or_organisation: str
    first: str = ""
    is_person: bool = True
    taxonomy: str = ""
    tax_id: str = ""
    address: Address = Address()
    phone: str = ""


class FacilityIdentity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    facility_id: str
    name: str
    place_of_service: str  # CMS place of service, two digits
    npi: str = ""
    address: Address = Address()


class ChargeLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service on a claim. `line_id` is the line item control number (REF*6R), at most 30 characters."""

    line_id: str
    charge_id: str
    service_on: date
    service_to_on: date | None = None
    procedure_code: str  # CPT, HCPCS or CDT; empty on a hospital's line that has a revenue code only
    modifiers: tuple[str, ...] = ()  # at most 4
    units: str  # exact decimal text
    charged_cents: int
    diagnosis_pointers: tuple[int, ...] = ()  # 1-based positions in the diagnoses, at most 4
    place_of_service: str = ""
    rendering: ProviderIdentity | None = None
    national_drug_code: str = ""
    revenue_code: str = ""  # four digits, on every line of an institutional claim and on no other
    unit: Literal["UN", "DA"] = "UN"  # what `units` counts: units or days
    rate_cents: int | None = None  # of a room for a day
    non_covered_cents: int = 0  # of the charge
    dental: DentalService | None = None


class CoverageSnapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A coverage as it stood for a service date; rank 1 pays first."""

    coverage_id: str
    rank: int
    payer_id: str
    payer_name: str
    payer_electronic_id: str  # NM109 of 2010BB
    filing_indicator: str = "CI"  # SBR09
    partner_id: str = ""  # the trading partner that the payer is reached through; empty: paper
    relationship: str = "18"  # patient to subscriber: 18 self, 01 spouse, 19 child, G8 other
    member_number: Sealed[str]
    group_number: Sealed[str] | None = None
    subscriber: Sealed[Person] | None = None  # absent when the patient is the subscriber
    authorization_number: str = ""
    member_index: str = ""  # blind index of the member number; empty: not kept then


class Adjustment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One CAS triplet as sent: positive reduces the payment."""

    group: str  # CO, PR, OA, PI, CR
    reason: str  # CARC
    amount_cents: int
    quantity: str = ""


class AdjudicatedLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payer's answer to one service line."""

    line_id: str = ""  # REF*6R; empty when the payer did not return it
    procedure_code: str = ""
    revenue_code: str = ""  # institutional: beside the procedure, or alone
    modifiers: tuple[str, ...] = ()
    charged_cents: int
    paid_cents: int
    units: str = ""
    service_on: date | None = None
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[str, ...] = ()  # RARCs


class Posting(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One leg of a money event. The legs of one event sum to zero.

    Accounts: `receivable:unassigned`, `receivable:payer:1`, `receivable:payer:2`, `receivable:payer:3`, `receivable:patient`,
    `receivable:agency`, `charges`, `cash`, `contractual`, `write-off:<reason>`, `unapplied`, `allocated`, `suspense`,
    `provider-adjustment:<payer>:<reference>`, `refunds`, `interest`, `capitation`, `tax-withheld`, `levied`,
    `bad-debt`, `charity`.
    """

    account: str
    amount_cents: int  # debit positive, credit negative
    line_id: str = ""
