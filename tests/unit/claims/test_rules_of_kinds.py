"""Hospitals and dentists have rules of their own; a rule speaks of claims of its kinds only."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.claim.scrubbing import RULES, has_errors, scrub
from shared.events.claim_kinds import (
    DentalCase,
    DentalService,
    HospitalProcedure,
    OccurrenceSpan,
    PresentOnAdmission,
    Tooth,
    ValueAmount,
)
from shared.events.claims import ClaimCreated, ServicesBilled
from tests.unit.claims.examples import SERVICES, TODAY, VISIT, coverage, created
from tests.unit.claims.hospital_and_dental import (
    DENTAL,
    INPATIENT,
    OUTPATIENT,
    PHARMACY,
    ROOM,
    dental,
    inpatient,
    institutional,
)


def _claim(services: ServicesBilled, **changes: Any) -> ClaimCreated:
    return created(services=structs.replace(services, **changes))


def _stay(services: ServicesBilled = INPATIENT, **changes: Any) -> ClaimCreated:
    assert services.stay is not None
    return _claim(services, stay=structs.replace(services.stay, **changes))


def _coding(**changes: Any) -> ClaimCreated:
    assert INPATIENT.coding is not None
    return _claim(INPATIENT, coding=structs.replace(INPATIENT.coding, **changes))


def _room(**changes: Any) -> ClaimCreated:
    room = structs.replace(ROOM, **changes)
    return _claim(INPATIENT, lines=(room,), charged_cents=room.charged_cents)


def _tooth(dental_service: DentalService, **changes: Any) -> ClaimCreated:
    return _claim(
        DENTAL, lines=(structs.replace(DENTAL.lines[0], dental=dental_service, **changes),), charged_cents=100_00
    )


@pytest.mark.parametrize("claim", [institutional(), inpatient(), dental()])
def test_a_complete_claim_of_each_kind_has_no_finding(claim: ClaimCreated) -> None:
    assert scrub(claim, TODAY) == ()


@pytest.mark.parametrize(
    ("claim", "rule", "place"),
    [
        (_claim(OUTPATIENT, stay=None), "type-of-bill", "stay.bill_type"),
        (_stay(bill_type="0111"), "type-of-bill", "stay.bill_type"),
        (_stay(bill_type="01"), "type-of-bill", "stay.bill_type"),
        (
            _claim(OUTPATIENT, organization=structs.replace(SERVICES.organization, is_person=True)),
            "billing-organization",
            "organization",
        ),
        (_stay(statement_from_on=None), "statement-period", "stay.statement_from_on"),
        (_stay(statement_from_on=date(2026, 3, 3)), "statement-period", "lines[1].service_on"),
        (_stay(statement_through_on=date(2026, 3, 4)), "statement-period", "lines[1].service_on"),
        (_stay(statement_through_on=date(2026, 3, 1)), "statement-period", "stay.statement_through_on"),
        (_stay(statement_through_on=date(2027, 1, 1)), "statement-period", "stay.statement_through_on"),
        (_stay(OUTPATIENT, patient_status=""), "patient-status", "stay.patient_status"),
        (_stay(patient_status="1"), "patient-status", "stay.patient_status"),
        (_stay(admitted_on=None), "admission", "stay.admitted_on"),
        (_stay(admitted_on=date(2026, 3, 6)), "admission", "stay.admitted_on"),
        (_stay(admission_type=""), "admission", "stay.admission_type"),
        (_stay(admission_type="11"), "admission", "stay.admission_type"),
        (_stay(admission_source=""), "admission", "stay.admission_source"),
        (_stay(admitted_time=""), "admission", "stay.admitted_time"),
        (_stay(admitted_time="2460"), "admission", "stay.admitted_time"),
        (_stay(discharged_time=""), "admission", "stay.discharged_time"),
        (_coding(admitting_diagnosis=""), "admission", "coding.admitting_diagnosis"),
        (_claim(OUTPATIENT, attending=None), "attending", "attending"),
        (_claim(OUTPATIENT, attending=SERVICES.organization), "attending", "attending"),
        (_claim(OUTPATIENT, diagnoses=()), "hospital-diagnoses", "diagnoses"),
        (_claim(OUTPATIENT, diagnoses=tuple(f"A{n:02}" for n in range(26))), "hospital-diagnoses", "diagnoses"),
        (_claim(OUTPATIENT, diagnoses=("J0190", "J0190")), "hospital-diagnoses", "diagnoses"),
        (_coding(admitting_diagnosis="K35.80"), "hospital-diagnoses", "coding.admitting_diagnosis"),
        (_coding(reasons_for_visit=("R0789", "R11", "R55", "R51")), "hospital-diagnoses", "coding.reasons_for_visit"),
        (
            _coding(present_on_admission=(PresentOnAdmission(code="I10", indicator="Y"),)),
            "present-on-admission",
            "coding.present_on_admission",
        ),
        (
            _coding(procedures=(HospitalProcedure(code="0DTJ4Z", performed_on=date(2026, 3, 2)),)),
            "hospital-procedures",
            "coding.procedures[1].code",
        ),
        (
            _coding(procedures=(HospitalProcedure(code="0DTJ4ZI", performed_on=date(2026, 3, 2)),)),
            "hospital-procedures",
            "coding.procedures[1].code",
        ),
        (
            _coding(procedures=(HospitalProcedure(code="0DTJ4ZZ", performed_on=date(2026, 3, 9)),)),
            "hospital-procedures",
            "coding.procedures[1].performed_on",
        ),
        (_stay(conditions=("C5", "7")), "stay-codes", "stay.conditions[2]"),
        (
            _stay(spans=(OccurrenceSpan(code="72", first_on=date(2026, 3, 2), last_on=date(2026, 3, 1)),)),
            "stay-codes",
            "stay.spans[1].last_on",
        ),
        (_stay(values=(ValueAmount(code="A1", amount_cents=-1),)), "stay-codes", "stay.values[1].amount_cents"),
        (_stay(conditions=tuple(f"{n:02}" for n in range(25))), "stay-codes", "stay.conditions"),
        (_room(revenue_code=""), "revenue-codes", "lines[1].revenue_code"),
        (_room(revenue_code="120"), "revenue-codes", "lines[1].revenue_code"),
        (_room(revenue_code="0001"), "revenue-codes", "lines[1].revenue_code"),
        (_room(modifiers=("25",)), "revenue-codes", "lines[1].modifiers"),
        (_room(non_covered_cents=4_500_01), "revenue-codes", "lines[1].non_covered_cents"),
        (_room(rate_cents=1_499_99), "room-rate", "lines[1].rate_cents"),
        (_room(procedure_code="9928"), "procedure-and-modifiers", "lines[1].procedure_code"),
        (
            _claim(OUTPATIENT, operating=structs.replace(SERVICES.rendering, npi="1")),
            "npi-check-digit",
            "operating.npi",
        ),
        (_tooth(DentalService(), procedure_code="99213"), "cdt-codes", "lines[1].procedure_code"),
        (_tooth(DentalService(teeth=(Tooth(code="33"),))), "teeth", "lines[1].teeth"),
        (_tooth(DentalService(teeth=(Tooth(code="3"), Tooth(code="3")))), "teeth", "lines[1].teeth"),
        (_tooth(DentalService(teeth=(Tooth(code="3", surfaces=("X",)),))), "teeth", "lines[1].teeth"),
        (_tooth(DentalService(teeth=(Tooth(code="3", surfaces=("M", "M")),))), "teeth", "lines[1].teeth"),
        (_tooth(DentalService(oral_areas=("50",))), "oral-areas", "lines[1].oral_areas"),
        (_tooth(DentalService(prosthesis="R")), "prosthesis", "lines[1].prior_placement_on"),
        (_claim(DENTAL, dental=DentalCase(missing_teeth=("U",))), "teeth", "dental.missing_teeth"),
        (
            _claim(DENTAL, dental=DentalCase(orthodontic_months=6, orthodontic_months_left=7)),
            "orthodontics",
            "dental.orthodontic_months_left",
        ),
        (_claim(DENTAL, diagnoses=("K021", "K022", "K023", "K029", "K030")), "dental-diagnoses", "diagnoses"),
        (_tooth(DentalService(), diagnosis_pointers=(1,)), "dental-diagnoses", "lines[1].diagnosis_pointers"),
    ],
)
def test_what_is_wrong_is_named_with_its_rule_and_place(claim: ClaimCreated, rule: str, place: str) -> None:
    found = scrub(claim, TODAY)
    assert (rule, place) in {(finding.rule, finding.place) for finding in found}
    assert has_errors(found)
    assert all(finding.fix and finding.rule_version for finding in found)


def test_a_surgical_procedure_without_an_operating_provider_is_only_remarked() -> None:
    found = scrub(_claim(INPATIENT, operating=None), TODAY)
    assert [finding.rule for finding in found] == ["operating"]
    assert not has_errors(found)


def test_medicares_part_a_is_told_why_a_claim_is_replaced() -> None:
    def remarks(*conditions: str, frequency: str = "7", payer: str = "MA") -> list[str]:
        assert OUTPATIENT.stay is not None
        services = structs.replace(OUTPATIENT, stay=structs.replace(OUTPATIENT.stay, conditions=conditions))
        claim = created(
            services=services,
            frequency=frequency,
            replaces_payer_control_number="P1",
            coverages=(coverage(filing_indicator=payer),),
        )
        return [finding.rule for finding in scrub(claim, TODAY)]

    assert remarks() == ["claim-change-reason"]
    assert remarks("C5") == ["claim-change-reason"]
    assert remarks("D1") == remarks("E0", frequency="8") == remarks(payer="CI") == []


def test_a_patient_who_is_still_there_has_no_discharge_hour() -> None:
    assert scrub(_stay(patient_status="30", discharged_time=""), TODAY) == ()


@pytest.mark.parametrize(
    ("services", "line", "most"),
    [(SERVICES, VISIT, 50), (OUTPATIENT, PHARMACY, 999), (DENTAL, DENTAL.lines[0], 50)],
)
def test_each_kind_of_claim_has_its_number_of_lines(services: ServicesBilled, line: Any, most: int) -> None:
    def with_lines(count: int) -> set[str]:
        lines = tuple(structs.replace(line, line_id=f"N{n}") for n in range(count))
        claim = _claim(services, lines=lines, charged_cents=line.charged_cents * count)
        return {finding.rule for finding in scrub(claim, TODAY)}

    assert with_lines(most) == set()
    assert with_lines(most + 1) == {"lines"}


def test_what_is_asked_of_one_kind_is_not_asked_of_another() -> None:
    asked = {rule.id: rule.kinds for rule in RULES}
    assert asked["type-of-bill"] == {"institutional"}
    assert asked["diagnosis-pointers"] == {"professional"}
    assert asked["cdt-codes"] == {"dental"}
    assert len(asked["payer"]) == 3
