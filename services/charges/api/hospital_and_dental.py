"""What do callers say of a hospital's stay and of a dentist's work? Forms only: code lists are licensed and not shipped."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from services.charges.api.body import Body
from shared.events.claim_kinds import (
    DentalCase,
    DentalService,
    HospitalCoding,
    HospitalProcedure,
    HospitalStay,
    Occurrence,
    OccurrenceSpan,
    PresentOnAdmission,
    Tooth,
    ValueAmount,
)

Two = Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]
One = Annotated[str, Field(pattern=r"^[0-9A-Z]?$")]
Time = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3])[0-5][0-9])?$", description="HHMM")]
Diagnosis = Annotated[str, Field(min_length=1, max_length=10)]
ToothCode = Annotated[str, Field(min_length=1, max_length=2)]
_AMOUNT_MAX = 10**12


class OccurrenceBody(Body):
    code: Two
    occurred_on: date


class SpanBody(Body):
    code: Two
    first_on: date
    last_on: date


class ValueBody(Body):
    code: Two
    amount_cents: Annotated[int, Field(ge=0, le=_AMOUNT_MAX, strict=True)]


class StayBody(Body):
    """The whole stay as it is now known: what was told before is replaced."""

    bill_type: Annotated[
        str, Field(pattern=r"^([1-9][1-9])?$", description="Facility and care, without frequency.")
    ] = ""
    statement_from_on: date | None = None
    statement_through_on: date | None = None
    admitted_on: date | None = None
    admitted_time: Time = ""
    admission_type: One = ""
    admission_source: One = ""
    discharged_time: Time = ""
    patient_status: Annotated[str, Field(pattern=r"^([0-9]{2})?$")] = ""
    occurrences: Annotated[tuple[OccurrenceBody, ...], Field(max_length=24)] = ()
    spans: Annotated[tuple[SpanBody, ...], Field(max_length=24)] = ()
    values: Annotated[tuple[ValueBody, ...], Field(max_length=24)] = ()
    conditions: Annotated[tuple[Two, ...], Field(max_length=24)] = ()

    def value(self) -> HospitalStay:
        plain = self.model_dump(exclude={"occurrences", "spans", "values"})
        return HospitalStay(
            **plain,
            occurrences=tuple(Occurrence(**each.model_dump()) for each in self.occurrences),
            spans=tuple(OccurrenceSpan(**each.model_dump()) for each in self.spans),
            values=tuple(ValueAmount(**each.model_dump()) for each in self.values),
        )


class ProcedureBody(Body):
    code: Annotated[str, Field(min_length=1, max_length=10, description="ICD-10-PCS")]
    performed_on: date


class HospitalCodingBody(Body):
    """The whole coding beside the diagnoses: what was told before is replaced."""

    present_on_admission: Annotated[
        dict[Diagnosis, Literal["Y", "N", "U", "W"]],
        Field(default_factory=dict, max_length=37, description="By diagnosis; one that is not named is exempt."),
    ]
    admitting_diagnosis: Annotated[str, Field(max_length=10)] = ""
    reasons_for_visit: Annotated[tuple[Diagnosis, ...], Field(max_length=3)] = ()
    external_causes: Annotated[tuple[Diagnosis, ...], Field(max_length=12)] = ()
    procedures: Annotated[tuple[ProcedureBody, ...], Field(max_length=25)] = ()
    drg: Annotated[str, Field(pattern=r"^[0-9A-Z]{0,4}$")] = ""

    def value(self) -> HospitalCoding:
        plain = self.model_dump(exclude={"present_on_admission", "procedures"})
        return HospitalCoding(
            **plain,
            present_on_admission=tuple(
                PresentOnAdmission(code=code, indicator=indicator)
                for code, indicator in self.present_on_admission.items()
            ),
            procedures=tuple(HospitalProcedure(**each.model_dump()) for each in self.procedures),
        )


class ToothBody(Body):
    code: ToothCode
    surfaces: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z]$")], ...], Field(max_length=5)] = ()


class DentalServiceBody(Body):
    teeth: Annotated[tuple[ToothBody, ...], Field(max_length=32)] = ()
    oral_areas: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9A-Z]{1,2}$")], ...], Field(max_length=5)] = ()
    prosthesis: Annotated[Literal["", "I", "R"], Field(description="Initial or replacement.")] = ""
    prior_placement_on: date | None = None

    def value(self) -> DentalService:
        plain = self.model_dump(exclude={"teeth"})
        return DentalService(**plain, teeth=tuple(Tooth(**each.model_dump()) for each in self.teeth))


class DentalCaseBody(Body):
    """The whole treatment as it is now known: what was told before is replaced."""

    orthodontic_months: Annotated[int, Field(ge=0, le=999)] | None = None
    orthodontic_months_left: Annotated[int, Field(ge=0, le=999)] | None = None
    appliance_placed_on: date | None = None
    missing_teeth: Annotated[tuple[ToothCode, ...], Field(max_length=35)] = ()

    def value(self) -> DentalCase:
        return DentalCase(**self.model_dump())
