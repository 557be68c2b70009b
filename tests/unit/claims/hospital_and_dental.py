"""A day in the emergency room, a stay with surgery, and a visit to the dentist, as claim stories begin with them. All are made up."""

from __future__ import annotations

from datetime import date
from typing import Any

from msgspec import structs

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
from shared.events.claims import ClaimCreated
from shared.events.values import ChargeLine, ProviderIdentity
from tests.unit.claims.examples import SERVICES, VISIT, coverage, created

ADMITTED_ON, LEFT_ON = date(2026, 3, 2), date(2026, 3, 5)
SURGEON = ProviderIdentity(provider_id="prov-2", npi="1679576722", last_or_organisation="KERR", first="JUNE")
EMERGENCY = structs.replace(VISIT, line_id="L1", revenue_code="0450", procedure_code="99283", diagnosis_pointers=())
PHARMACY = ChargeLine(
    line_id="L2",
    charge_id="c-2",
    service_on=ADMITTED_ON,
    procedure_code="",
    revenue_code="0250",
    units="3",
    charged_cents=45_50,
)
ROOM = ChargeLine(
    line_id="L1",
    charge_id="c-1",
    service_on=ADMITTED_ON,
    service_to_on=LEFT_ON,
    procedure_code="",
    revenue_code="0120",
    units="3",
    unit="DA",
    rate_cents=1_500_00,
    charged_cents=4_500_00,
    non_covered_cents=100_00,
)

OUTPATIENT = structs.replace(
    SERVICES,
    kind="institutional",
    stay=HospitalStay(
        bill_type="13",
        statement_from_on=ADMITTED_ON,
        statement_through_on=ADMITTED_ON,
        admission_type="1",
        admission_source="1",
        patient_status="01",
    ),
    coding=HospitalCoding(reasons_for_visit=("R0789",)),
    attending=SERVICES.rendering,
    lines=(EMERGENCY, PHARMACY),
    charged_cents=145_50,
)
INPATIENT = structs.replace(
    SERVICES,
    kind="institutional",
    service_to_on=LEFT_ON,
    stay=HospitalStay(
        bill_type="11",
        statement_from_on=ADMITTED_ON,
        statement_through_on=LEFT_ON,
        admitted_on=ADMITTED_ON,
        admitted_time="0815",
        admission_type="3",
        admission_source="1",
        discharged_time="1130",
        patient_status="01",
        occurrences=(Occurrence(code="11", occurred_on=date(2026, 2, 20)),),
        spans=(OccurrenceSpan(code="72", first_on=date(2026, 2, 20), last_on=date(2026, 2, 22)),),
        values=(ValueAmount(code="A1", amount_cents=1_600_00), ValueAmount(code="80", amount_cents=3_00)),
        conditions=("C5",),
    ),
    coding=HospitalCoding(
        admitting_diagnosis="K3580",
        present_on_admission=(
            PresentOnAdmission(code="K3580", indicator="Y"),
            PresentOnAdmission(code="T8140XA", indicator="N"),
        ),
        external_causes=("Y838",),
        procedures=(
            HospitalProcedure(code="0DTJ4ZZ", performed_on=ADMITTED_ON),
            HospitalProcedure(code="0W9G30Z", performed_on=date(2026, 3, 4)),
        ),
        drg="341",
    ),
    attending=SERVICES.rendering,
    operating=SURGEON,
    diagnoses=("K3580", "T8140XA", "Z87891"),
    lines=(ROOM, structs.replace(PHARMACY, service_on=date(2026, 3, 4))),
    charged_cents=4_545_50,
)
DENTAL = structs.replace(
    SERVICES,
    kind="dental",
    diagnoses=(),
    dental=DentalCase(
        orthodontic_months=24, orthodontic_months_left=20, appliance_placed_on=date(2025, 11, 3), missing_teeth=("1",)
    ),
    lines=(
        structs.replace(
            VISIT,
            procedure_code="D2392",
            diagnosis_pointers=(),
            dental=DentalService(teeth=(Tooth(code="14", surfaces=("M", "O")),)),
        ),
        structs.replace(
            VISIT,
            line_id="L2",
            charge_id="c-2",
            procedure_code="D6740",
            charged_cents=900_00,
            diagnosis_pointers=(),
            dental=DentalService(
                teeth=(Tooth(code="30"),), oral_areas=("40",), prosthesis="R", prior_placement_on=date(2014, 5, 6)
            ),
        ),
    ),
    charged_cents=1_000_00,
)


def institutional(**changes: Any) -> ClaimCreated:
    """An outpatient claim to Medicare's part A."""
    return created(services=OUTPATIENT, coverages=(coverage(filing_indicator="MA"),), **changes)


def inpatient(**changes: Any) -> ClaimCreated:
    return created(services=INPATIENT, **changes)


def dental(**changes: Any) -> ClaimCreated:
    return created(services=DENTAL, coverages=(coverage(filing_indicator="17"),), **changes)
