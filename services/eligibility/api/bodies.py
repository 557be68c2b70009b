"""What do callers of the eligibility service send, and what do they get?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.events.values import Address, DocumentReference, Person, PersonName


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


Id = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
Text = Annotated[str, Field(min_length=1, max_length=120)]
OptionalText = Annotated[str, Field(max_length=120)]
Number = Annotated[str, Field(max_length=80)]
Days = Annotated[int, Field(ge=1, le=9999, strict=True)]
Units = Annotated[int, Field(ge=0, le=100_000, strict=True)]


class SourceBody(Body):
    document_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    place: Annotated[str, Field(max_length=80)] = ""

    def value(self) -> DocumentReference:
        return DocumentReference(document_id=self.document_id, place=self.place)


class AddressBody(Body):
    line_1: OptionalText = ""
    line_2: OptionalText = ""
    city: OptionalText = ""
    state: Annotated[str, Field(max_length=40)] = ""
    postal_code: Annotated[str, Field(max_length=15)] = ""
    country: Annotated[str, Field(max_length=40)] = ""


class PersonBody(Body):
    """Who somebody is, as far as the sender says. Only `last` is needed to register."""

    last: Text
    first: OptionalText = ""
    middle: OptionalText = ""
    suffix: OptionalText = ""
    birth_on: date | None = None
    sex: Literal["F", "M", "U"] = "U"
    address: AddressBody = AddressBody()
    phone: Annotated[str, Field(max_length=40)] = ""
    email: OptionalText = ""

    def value(self) -> Person:
        postal_code = "".join(filter(str.isdigit, self.address.postal_code))
        return Person(
            name=PersonName(last=self.last, first=self.first, middle=self.middle, suffix=self.suffix),
            birth_on=self.birth_on,
            sex=self.sex,
            address=Address(**{**self.address.model_dump(), "postal_code": postal_code}),
            phone=self.phone,
            email=self.email,
        )


class RegisterBody(Body):
    """`patient_id` absent: computed from the medical record number and who assigned it."""

    patient_id: Id | None = None
    medical_record_number: Annotated[str, Field(min_length=1, max_length=80)]
    authority: Annotated[str, Field(max_length=80)] = ""
    person: PersonBody
    guarantor: PersonBody | None = None
    source_at: AwareDatetime | None = None
    source: SourceBody | None = None


class SearchBody(Body):
    """By medical record number, or by last name, first name and birth date."""

    medical_record_number: Annotated[str, Field(max_length=80)] = ""
    authority: Annotated[str, Field(max_length=80)] = ""
    last: OptionalText = ""
    first: OptionalText = ""
    birth_on: date | None = None


class CoverageBody(Body):
    """`payer_reference` and `payer_name` as the sender names the payer: our id, electronic id, name, or an alias."""

    coverage_id: Id
    payer_reference: Text
    payer_name: OptionalText = ""
    rank: Annotated[int, Field(ge=1, le=99, strict=True)] = 1
    relationship: Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")] = "18"
    member_number: Number = ""
    group_number: Number = ""
    subscriber: PersonBody | None = None
    plan: OptionalText = ""
    effective_on: date | None = None
    terminated_on: date | None = None
    source_at: AwareDatetime | None = None
    source: SourceBody | None = None


class TerminateBody(Body):
    coverage_id: Id
    terminated_on: date
    reason: Text


class OrderBody(Body):
    coverage_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=20)]
    effective_on: date | None = None
    reason: Text


class MergeBody(Body):
    retired_patient_id: Id
    source: SourceBody | None = None


class FilingLimitBody(Body):
    """Exactly one of `days` and `months`."""

    kind: Literal["original", "corrected", "secondary"]
    days: Annotated[int, Field(ge=0, le=3_660, strict=True)] = 0
    months: Annotated[int, Field(ge=0, le=120, strict=True)] = 0
    counts_from: Literal["service-begin", "service-end", "primary-answer"] = "service-begin"
    moves_to_workday: bool = False

    @model_validator(mode="after")
    def _is_days_or_months(self) -> Self:
        if bool(self.days) == bool(self.months):
            raise ValueError("a filing limit has days or months, one of both")
        if self.counts_from == "primary-answer" and self.kind == "original":
            raise ValueError("an original claim has no primary answer to count from")
        return self


class PostalAddressBody(Body):
    line_1: Text
    line_2: OptionalText = ""
    city: Text
    state: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    postal_code: Annotated[str, Field(pattern=r"^[0-9]{5}([0-9]{4})?$")]


class AppealLevelBody(Body):
    """Within how many days of a decision it is appealed at this level, and where the appeal is sent."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
    days: Annotated[int, Field(ge=1, le=3_660, strict=True)]
    counts: Literal["calendar-days", "business-days"] = "calendar-days"
    counts_from: Literal["notice", "receipt"] = "notice"
    receipt_days: Annotated[int, Field(ge=0, le=30, strict=True)] = 5
    moves_to_workday: bool = False
    sent_by: tuple[Literal["mail", "fax", "portal"], ...] = ()
    address: PostalAddressBody | None = None


class PayerBody(Body):
    name: Text
    electronic_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,20}$")]
    filing_indicator: Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")] = "CI"
    aliases: Annotated[tuple[Text, ...], Field(max_length=200)] = ()
    partner_id: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9._-]{0,39})?$")] = ""
    timely_filing_days: Days = 365
    answer_days: Days = 30
    filing_limits: Annotated[tuple[FilingLimitBody, ...], Field(max_length=3)] = ()
    appeal_levels: Annotated[tuple[AppealLevelBody, ...], Field(max_length=5)] = ()

    @field_validator("filing_limits")
    @classmethod
    def _has_one_of_a_kind(cls, limits: tuple[FilingLimitBody, ...]) -> tuple[FilingLimitBody, ...]:
        if len({limit.kind for limit in limits}) < len(limits):
            raise ValueError("a kind of claim has one filing limit")
        return limits


class AppointmentBody(Body):
    appointment_id: Id
    patient_id: Id
    starts_at: AwareDatetime
    service_on: date | None = None  # absent: the day of `starts_at` as sent
    provider_id: Annotated[str, Field(max_length=80)] = ""
    source: SourceBody | None = None


class CancelAppointmentBody(Body):
    reason: Literal["cancelled", "discontinued", "deleted", "no-show"] = "cancelled"


class CheckBody(Body):
    patient_id: Id
    coverage_id: Id
    service_on: date
    service_types: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9A-Z]{1,2}$")], ...], Field(min_length=1, max_length=20)
    ] = ("30",)


class AuthorizationBody(Body):
    authorization_id: Id
    patient_id: Id
    payer_id: Id
    number: Annotated[str, Field(min_length=1, max_length=50)]
    procedure_codes: Annotated[tuple[Annotated[str, Field(max_length=5)], ...], Field(max_length=50)] = ()
    units: Units
    valid_from_on: date
    valid_to_on: date


class UseBody(Body):
    """`units` is what the account has used altogether, so that saying it twice counts once."""

    account_id: Id
    units: Units


class SelectAgainBody(Body):
    """`accepts_inactive`: bill the coverages although their payer called one inactive on that date."""

    accepts_inactive: bool = False


# --- answers ----------------------------------------------------------------------------------------------------------


class PersonView(BaseModel):
    last: str
    first: str
    middle: str
    suffix: str
    birth_on: date | None
    sex: str
    address: AddressBody
    phone: str
    email: str

    @classmethod
    def of(cls, person: Person) -> PersonView:
        return cls(
            last=person.name.last,
            first=person.name.first,
            middle=person.name.middle,
            suffix=person.name.suffix,
            birth_on=person.birth_on,
            sex=person.sex,
            address=AddressBody(
                line_1=person.address.line_1,
                line_2=person.address.line_2,
                city=person.address.city,
                state=person.address.state,
                postal_code=person.address.postal_code,
                country=person.address.country,
            ),
            phone=person.phone,
            email=person.email,
        )


class CoverageView(BaseModel):
    """A coverage as it stands. `payer_id` is null while nobody listed the payer that the sender names."""

    coverage_id: str
    patient_id: str
    payer_reference: str
    payer_name: str
    payer_id: str | None
    rank: int
    relationship: str
    member_number: str
    group_number: str | None
    subscriber: PersonView | None
    plan: str
    effective_on: date | None
    terminated_on: date | None
    missing: list[str]


class PatientView(BaseModel):
    """`patient_id` is the survivor where the one asked for was merged away."""

    patient_id: str
    also_known_as: list[str]
    medical_record_number: str
    person: PersonView
    guarantor: PersonView | None
    missing: list[str]
    coverages: list[CoverageView]


class PatientHit(BaseModel):
    patient_id: str
    merged_into: str


class BenefitView(BaseModel):
    """A row of the payer's answer. Null is unknown, never zero."""

    check_id: str
    kind: str
    level: str | None
    service_types: list[str]
    plan: str | None
    period: str | None
    amount_cents: int | None
    patient_share: str | None
    quantity: str | None
    quantity_kind: str | None
    in_network: str | None
    authorization_required: str | None
    insurance_type: str | None


class CoveredOn(BaseModel):
    """What is known of one coverage on a date."""

    coverage_id: str
    patient_id: str
    rank: int
    payer_id: str | None
    payer_name: str
    is_recorded_active: bool  # by the dates that the sender gave
    payer_says: Literal["active", "inactive", "unknown", "not-asked", "no-answer-yet", "rejected", "unanswered"]
    checked_at: datetime | None
    benefits: list[BenefitView]


class CoverageOn(BaseModel):
    patient_id: str
    service_on: date
    coverages: list[CoveredOn]
    positions: dict[str, str]


class PayerView(BaseModel):
    payer_id: str
    name: str
    electronic_id: str
    filing_indicator: str
    aliases: list[str]
    partner_id: str
    timely_filing_days: int
    answer_days: int
    filing_limits: list[FilingLimitBody]
    appeal_levels: list[AppealLevelBody]


class AppointmentRow(BaseModel):
    appointment_id: str
    patient_id: str | None
    starts_at: datetime | None
    service_on: date
    provider_id: str | None
    state: str | None


class UncheckedRow(AppointmentRow):
    """An appointment for whose day no payer has answered."""

    check_id: str | None  # of the last question about that day; null: nobody asked
    check_state: str | None
    rejections: list[dict[str, Any]] | None


class CheckRow(BaseModel):
    check_id: str
    patient_id: str | None
    coverage_id: str | None
    payer_id: str | None
    service_on: date | None
    why: str | None
    attempt: int | None
    state: str | None
    status: str | None
    payer_trace: str | None
    rejections: list[dict[str, Any]] | None
    may_retry: bool | None
    document_id: str | None
    asked_at: datetime | None
    changed_at: datetime


class CheckDetail(BaseModel):
    check: CheckRow
    benefits: list[BenefitView]
    positions: dict[str, str]


class PayerResponse(BaseModel):
    payer_id: str | None
    asked: int
    open: int
    answered: int
    rejected: int
    unanswered: int
    seconds_on_average: float | None


class SelectionRow(BaseModel):
    account_id: str
    encounter_id: str | None
    patient_id: str | None
    service_on: date | None
    state: str | None
    reason: str | None
    references: list[str] | None
    coverages: list[dict[str, Any]] | None
    changed_at: datetime


class AuthorizationRow(BaseModel):
    authorization_id: str
    patient_id: str | None
    payer_id: str | None
    number: str | None
    procedure_codes: list[str] | None
    units: int | None
    units_used: int
    valid_from_on: date | None
    valid_to_on: date


class GapRow(BaseModel):
    """A registration that lacks something a claim will need."""

    patient_id: str
    missing: list[str]
    changed_at: datetime


class AnswerTaken(BaseModel):
    check_ids: list[str]
    problems: list[dict[str, str]]
