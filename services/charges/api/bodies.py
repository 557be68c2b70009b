"""What do callers of the charges service send, and what do they get?"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from services.charges.api.body import Body
from services.charges.api.hospital_and_dental import (
    DentalCaseBody,
    DentalServiceBody,
    HospitalCodingBody,
    StayBody,
)
from services.charges.domain.encounter.commands import JoinVisits
from services.charges.domain.encounter.joining import JointBill
from shared.events.claim_kinds import ClaimKind
from shared.events.values import Address, DocumentReference, Finding
from shared.kernel.identifiers import is_npi


def _valid_npi(text: str) -> str:
    if text and not is_npi(text):
        raise ValueError("an NPI has ten digits and a valid check digit")
    return text


def _valid_units(text: str) -> str:
    if text and Decimal(text) <= 0:
        raise ValueError("units are more than zero")
    return text


Id = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
Text = Annotated[str, Field(min_length=1, max_length=120)]
Npi = Annotated[str, Field(max_length=10), AfterValidator(_valid_npi)]
Cents = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Units = Annotated[str, Field(pattern=r"^[0-9]{0,8}(\.[0-9]{1,3})?$", max_length=12), AfterValidator(_valid_units)]
Code = Annotated[str, Field(min_length=1, max_length=30)]
Reference = Annotated[str, Field(max_length=80)]
RevenueCode = Annotated[str, Field(pattern=r"^([0-9]{4})?$", description="Of an institutional line.")]


class AddressBody(Body):
    line_1: Text
    line_2: str = ""
    city: Text
    state: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    postal_code: Annotated[str, Field(pattern=r"^[0-9]{5}([0-9]{4})?$")]

    def value(self) -> Address:
        return Address(**self.model_dump())


class OrganizationBody(Body):
    name: Text
    npi: Npi
    tax_id: Annotated[str, Field(pattern=r"^[0-9]{9}$")]
    taxonomy: Annotated[str, Field(pattern=r"^[0-9A-Z]{9}X$")]
    address: AddressBody
    phone: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    contact: str = ""
    aliases: tuple[Text, ...] = ()


class ProviderBody(Body):
    npi: Npi
    last: Text
    first: Text
    taxonomy: Annotated[str, Field(pattern=r"^[0-9A-Z]{9}X$")]
    organization_id: Id
    aliases: tuple[Text, ...] = ()


class FacilityBody(Body):
    name: Text
    place_of_service: Annotated[str, Field(pattern=r"^[0-9]{2}$")]
    npi: Npi = ""
    address: AddressBody
    organization_id: Id
    aliases: tuple[Text, ...] = ()


class PriceBody(Body):
    code: Code
    amount_cents: Cents
    procedure_code: Annotated[str, Field(max_length=5)] = ""
    modifiers: tuple[Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")], ...] = ()
    revenue_code: RevenueCode = ""


class PriceListBody(Body):
    effective_on: date
    prices: Annotated[tuple[PriceBody, ...], Field(max_length=5000)]


class SourceBody(Body):
    """Where the raw message is kept, and the part of it that says this."""

    document_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    place: Annotated[str, Field(max_length=80)] = ""

    def value(self) -> DocumentReference:
        return DocumentReference(document_id=self.document_id, place=self.place)


class FindingBody(Body):
    rule: Annotated[str, Field(max_length=200)]
    place: Annotated[str, Field(max_length=80)]
    message: Annotated[str, Field(max_length=300)]
    value: Annotated[str, Field(max_length=80)] = ""
    severity: Literal["error", "warning"] = "error"

    def as_finding(self) -> Finding:
        return Finding(rule=self.rule, place=self.place, message=self.message, value=self.value, severity=self.severity)


class OpenBody(Body):
    encounter_id: Id
    patient_id: Id
    visit_class: Annotated[str, Field(max_length=2)] = ""
    started_at: datetime | None = None
    service_on: date | None = None
    discharged_at: datetime | None = None
    facility_reference: Reference = ""
    attending_reference: Reference = ""
    referring_reference: Reference = ""
    source: SourceBody | None = None
    kind: ClaimKind | None = Field(default=None, description="Of the claim. Absent: as before, at first professional.")
    operating_reference: Reference = ""
    stay: StayBody | None = None
    dental: DentalCaseBody | None = None


class ChargeBody(Body):
    charge_id: Id
    source_key: Annotated[str, Field(min_length=1, max_length=200)]
    service_on: date
    service_to_on: date | None = None
    code: Annotated[str, Field(max_length=30, description="May be empty where a revenue code says what it was.")] = ""
    code_system: Annotated[str, Field(max_length=80)] = ""
    modifiers: Annotated[tuple[Annotated[str, Field(max_length=10)], ...], Field(max_length=10)] = ()
    units: Units = "1"
    charged_cents: Cents | None = None
    diagnoses: Annotated[tuple[Code, ...], Field(max_length=30)] = ()
    rendering_reference: Reference = ""
    place_of_service: Annotated[str, Field(max_length=2)] = ""
    national_drug_code: Annotated[str, Field(max_length=20)] = ""
    findings: Annotated[tuple[FindingBody, ...], Field(max_length=50)] = ()
    is_from_procedure: bool = False
    replaces: Annotated[tuple[Id, ...], Field(max_length=50)] = ()
    source: SourceBody | None = None
    revenue_code: RevenueCode = ""
    unit: Annotated[Literal["UN", "DA"], Field(description="What `units` counts: units or days.")] = "UN"
    rate_cents: Cents | None = None
    non_covered_cents: Cents = 0
    dental: DentalServiceBody | None = None

    @model_validator(mode="after")
    def _says_what_was_done(self) -> Self:
        if not self.code and not self.revenue_code:
            raise ValueError("a charge has a code or a revenue code")
        return self


class CreditBody(Body):
    source_key: Annotated[str, Field(min_length=1, max_length=200)]
    charge_id: Annotated[str, Field(max_length=80)] = ""
    code: Annotated[str, Field(max_length=30)] = ""
    service_on: date | None = None
    modifiers: tuple[str, ...] = ()
    units: Units = ""
    credited_cents: Cents | None = None
    reason: Text = "credited by the sender"
    is_of_procedure: bool = False
    source: SourceBody | None = None


class PostBody(Body):
    patient_id: Id
    charges: Annotated[tuple[ChargeBody, ...], Field(max_length=500)] = ()
    credits: Annotated[tuple[CreditBody, ...], Field(max_length=500)] = ()
    diagnoses: Annotated[tuple[Code, ...], Field(max_length=30)] = ()
    coder: Annotated[str, Field(max_length=80)] = ""
    source: SourceBody | None = None


class DiagnosesBody(Body):
    diagnoses: Annotated[tuple[Code, ...], Field(min_length=1, max_length=30)]
    coder: Annotated[str, Field(max_length=80)] = ""
    source: SourceBody | None = None
    hospital: HospitalCodingBody | None = Field(default=None, description="Absent: what was said before stands.")


class CancelBody(Body):
    reason: Text
    source: SourceBody | None = None


class OverrideBody(Body):
    rule: Annotated[str, Field(pattern=r"^[A-Z]{3}-[0-9]{3}$")]
    reason: Text


class BillBody(Body):
    """Charges that go on a bill of their own. Without coverages the patient's coverages answer as for any visit."""

    charge_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=500)]
    coverage_ids: Annotated[tuple[Id, ...], Field(max_length=3, description="The first payer first.")] = ()


class BillsBody(Body):
    bills: Annotated[
        tuple[BillBody, ...],
        Field(max_length=20, description="Empty: everything on one bill again, as far as it fits."),
    ]
    reason: Text


class JoinBody(Body):
    encounter_ids: Annotated[
        tuple[Id, ...],
        Field(max_length=49, description="All visits that go on this one's bill. Empty: it is billed by itself again."),
    ]
    days_before_admission: Literal[1, 3] = Field(
        default=3,
        description="Outpatient services of so many days before an admission go on the inpatient bill: 3, or 1 for hospitals outside of the inpatient prospective payment system.",
    )
    reason: Text


class JointFinding(BaseModel):
    rule: str
    place: str
    value: str
    message: str
    fix: str
    severity: Literal["error", "warning"]


class JointBillView(BaseModel):
    """The bill as it would be."""

    encounter_id: str
    encounter_ids: list[str]
    version: int  # of the visit's stream; a choice that names it is refused when something happened since
    lines: int
    diagnoses: list[str]
    charged_cents: int
    service_on: date | None
    service_to_on: date | None
    findings: list[JointFinding]  # what stands against it, and warnings; no error: the visits may be joined

    @classmethod
    def of(cls, command: JoinVisits, bill: JointBill, *, version: int) -> Self:
        return cls(
            encounter_id=command.encounter_id,
            encounter_ids=list(command.encounter_ids),
            version=version,
            lines=bill.lines,
            diagnoses=list(bill.diagnoses),
            charged_cents=bill.charged_cents,
            service_on=bill.service_on,
            service_to_on=bill.service_to_on,
            findings=[
                JointFinding(
                    rule=each.rule,
                    place=each.place,
                    value=each.value,
                    message=each.message,
                    fix=each.fix,
                    severity=each.severity,
                )
                for each in bill.findings
            ],
        )


class EncounterRow(BaseModel):
    encounter_id: str
    account_id: str | None
    patient_id: str | None
    visit_class: str | None
    kind: str = "professional"
    service_on: date | None
    state: str | None
    held_reason: str | None
    findings: list[dict[str, Any]] | None
    diagnoses: list[str] | None
    stay: dict[str, Any] | None = None
    coding: dict[str, Any] | None = None
    dental: dict[str, Any] | None = None
    charge_count: int
    late_count: int
    chosen: list[dict[str, Any]] | None = None
    joined: list[str] | None = None  # visits that go on this one's bill
    billed_with: str | None = None  # the visit whose bill has this one's charges
    release: int | None
    released_cents: int | None
    changed_at: datetime | None


class ChargeLineRow(BaseModel):
    charge_id: str
    service_on: date | None
    code: str | None
    modifiers: list[str] | None
    units: str | None
    charged_cents: int | None
    credited_cents: int
    rendering_reference: str | None
    revenue_code: str | None = None
    unit: str | None = None
    dental: dict[str, Any] | None = None
    is_late: bool | None


class BillRow(BaseModel):
    account_id: str
    bill: int
    charge_ids: list[str]
    diagnoses: list[str]
    coverage_ids: list[str]
    released_cents: int
    release: int


class EncounterDetail(BaseModel):
    encounter: EncounterRow
    lines: list[ChargeLineRow]
    bills: list[BillRow]
    positions: dict[str, str]


class ListedItem(BaseModel):
    kind: str
    item_id: str
    item: dict[str, Any]


class Listing(BaseModel):
    items: list[ListedItem]
    positions: dict[str, str]
