"""The edits name the rule, the field and the fix, and never what is personal."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.claim.scrubbing import RULES, has_errors, scrub
from shared.events.base import Sealed
from shared.events.claims import ClaimCreated
from shared.events.values import Address, Finding
from tests.unit.claims.examples import (
    FACILITY,
    ORGANIZATION,
    PATIENT,
    RENDERING,
    SERVICE_ON,
    SERVICES,
    TODAY,
    VISIT,
    adjustment,
    answer,
    coverage,
    created,
)


def _with_services(**changes: Any) -> ClaimCreated:
    return created(services=structs.replace(SERVICES, **changes))


def _with_line(**changes: Any) -> ClaimCreated:
    line = structs.replace(VISIT, **changes)
    return _with_services(lines=(line,), charged_cents=line.charged_cents)


def _with_address(**changes: Any) -> ClaimCreated:
    address = structs.replace(ORGANIZATION.address, **changes)
    return _with_services(organization=structs.replace(ORGANIZATION, address=address))


def test_a_complete_claim_has_no_finding() -> None:
    assert scrub(created(), TODAY) == ()


def test_every_rule_has_an_id_of_its_own_a_version_and_a_fix() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.version >= 1 and rule.fix.endswith(".") for rule in RULES)


@pytest.mark.parametrize(
    ("claim", "rule", "place"),
    [
        (_with_services(rendering=structs.replace(RENDERING, npi="1245319590")), "npi-check-digit", "rendering.npi"),
        (_with_services(facility=structs.replace(FACILITY, npi="1234567890")), "npi-check-digit", "facility.npi"),
        (_with_address(line_1=""), "billing-address", "organization.address.line_1"),
        (_with_address(postal_code="55802"), "billing-address", "organization.address.postal_code"),
        (_with_address(line_1="P.O. Box 12"), "billing-address-street", "organization.address.line_1"),
        (_with_address(line_2="LOCKBOX 7"), "billing-address-street", "organization.address.line_1"),
        (
            _with_services(facility=structs.replace(FACILITY, address=Address(line_1="1 ELM ST"))),
            "facility-address",
            "facility.address.city",
        ),
        (
            _with_services(
                organization=structs.replace(ORGANIZATION, taxonomy=""),
                rendering=structs.replace(RENDERING, taxonomy=""),
            ),
            "taxonomy",
            "organization.taxonomy",
        ),
        (
            _with_services(organization=structs.replace(ORGANIZATION, taxonomy="207Q")),
            "taxonomy",
            "organization.taxonomy",
        ),
        (_with_services(organization=structs.replace(ORGANIZATION, tax_id="12-34")), "tax-id", "organization.tax_id"),
        (_with_services(diagnoses=()), "diagnoses", "diagnoses"),
        (_with_services(diagnoses=tuple(f"J01{n:02d}" for n in range(13))), "diagnoses", "diagnoses"),
        (_with_services(diagnoses=("J0190", "J0190")), "diagnoses", "diagnoses"),
        (_with_services(diagnoses=("J01.90",)), "diagnoses", "diagnoses[1]"),
        (_with_line(diagnosis_pointers=(2,)), "diagnosis-pointers", "lines[1].diagnosis_pointers"),
        (_with_line(diagnosis_pointers=()), "diagnosis-pointers", "lines[1].diagnosis_pointers"),
        (_with_line(units="0"), "units", "lines[1].units"),
        (_with_line(units="one"), "units", "lines[1].units"),
        (_with_line(procedure_code="9921"), "procedure-and-modifiers", "lines[1].procedure_code"),
        (_with_line(modifiers=("25", "59", "LT", "RT", "76")), "procedure-and-modifiers", "lines[1].modifiers"),
        (_with_line(modifiers=("25", "25")), "procedure-and-modifiers", "lines[1].modifiers"),
        (_with_services(lines=(), charged_cents=0), "lines", "lines"),
        (_with_services(lines=(VISIT, VISIT), charged_cents=200_00), "lines", "lines"),
        (_with_services(charged_cents=100_01), "amounts", "charged_cents"),
        (_with_line(charged_cents=-1), "amounts", "lines[1].charged_cents"),
        (_with_services(service_on=date(2027, 1, 1)), "service-dates", "service_on"),
        (_with_line(service_to_on=date(2026, 3, 1)), "service-dates", "lines[1].service_on"),
        (created(coverages=(coverage(2),)), "payer", "coverages"),
        (created(coverages=(coverage(filing_indicator="XX"),)), "payer", "coverage.filing_indicator"),
        (created(coverages=(coverage(payer_electronic_id=""),)), "payer", "coverage.payer_electronic_id"),
        (
            created(coverages=(coverage(member_number=Sealed.fresh(PATIENT, "member_number", " ")),)),
            "subscriber",
            "coverages[1].member_number",
        ),
        (created(coverages=(coverage(relationship="19"),)), "subscriber", "coverages[1].subscriber"),
        (created(coverages=(coverage(relationship="99"),)), "subscriber", "coverages[1].relationship"),
        (
            _with_services(facility=structs.replace(FACILITY, place_of_service="98")),
            "place-of-service",
            "facility.place_of_service",
        ),
        (_with_line(place_of_service="1"), "place-of-service", "lines[1].place_of_service"),
        (
            _with_services(submitter_phone="", organization=structs.replace(ORGANIZATION, phone="")),
            "submitter-contact",
            "submitter_phone",
        ),
        (created(frequency="7"), "frequency", "replaces_payer_control_number"),
        (
            created(frequency="7", replaces_payer_control_number="P1", coverages=(coverage(filing_indicator="MB"),)),
            "medicare-frequency",
            "frequency",
        ),
        (created(rank=2), "earlier-payers", "prior[1]"),
        (
            created(rank=2, prior=(answer(48_00, adjustment("CO", "45", 40_00)),)),
            "coordination-of-benefits",
            "prior[1]",
        ),
    ],
)
def test_a_broken_rule_names_its_field(claim: ClaimCreated, rule: str, place: str) -> None:
    findings = scrub(claim, TODAY)
    assert (rule, place) in {(finding.rule, finding.place) for finding in findings}
    assert has_errors(findings)
    assert all(finding.fix and finding.rule_version for finding in findings)


def test_a_service_of_today_is_not_in_the_future() -> None:
    assert scrub(created(), SERVICE_ON) == ()


def test_a_balanced_answer_of_the_primary_lets_the_secondary_claim_pass() -> None:
    told = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))
    assert scrub(created(rank=2, prior=(told,)), TODAY) == ()


def test_warnings_are_for_people_to_read_and_hold_nothing() -> None:
    warning = Finding(rule="any", place="anywhere", message="worth a look", severity="warning")
    assert not has_errors((warning,))


def test_findings_never_show_who_the_patient_is() -> None:
    claim = created(
        coverages=(coverage(relationship="99", member_number=Sealed.fresh(PATIENT, "member_number", "SECRET99")),)
    )
    assert "SECRET99" not in repr(scrub(claim, TODAY))
