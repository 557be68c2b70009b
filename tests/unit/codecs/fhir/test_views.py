"""Each resource says what billing needs of it, exact to the cent, with what is wrong named by its FHIRPath."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from shared.codecs.code_systems import CodeSystem
from shared.codecs.fhir.charge import ChargeView
from shared.codecs.fhir.claim import ClaimView
from shared.codecs.fhir.clinical import AccountView, DiagnosisView, EncounterView, ProcedureView
from shared.codecs.fhir.coverage import CoverageView
from shared.codecs.fhir.findings import IssueType
from shared.codecs.fhir.parties import Organization, Person, Practitioner, RelatedPerson
from shared.codecs.fhir.reading import read
from shared.codecs.fhir.values import Address, Identifier, Period, PersonName
from shared.codecs.moments import Moment
from tests.unit.codecs.fhir.resources import (
    ALL,
    CHARGE,
    CLAIM,
    CONDITION,
    COVERAGE,
    ENCOUNTER,
    ORGANIZATION,
    PATIENT,
    PRACTITIONER,
    PROCEDURE,
    SNOMED,
    bundle,
    changed,
    one,
    places,
)


def test_a_complete_transaction_reads_without_a_finding() -> None:
    document = read(bundle(*ALL))
    assert (document.bundle_type, document.findings, document.ignored) == ("transaction", (), ())
    assert [type(view) for view in document.views] == [
        Person,
        CoverageView,
        Organization,
        Practitioner,
        EncounterView,
        DiagnosisView,
        ProcedureView,
        ChargeView,
        ClaimView,
    ]
    assert document.views[0].origin.place == "Bundle.entry[0].resource"
    assert document.views[0].origin.method == "POST"


def test_a_patient_is_known_by_the_medical_record_number_and_the_official_name() -> None:
    person = one(PATIENT).views[0]
    assert isinstance(person, Person)
    assert person.record_number == Identifier(number="4711", system="urn:oid:1.2.3.4", type="MR")
    assert person.name == PersonName(family="Rivera", given="Ana", middle="M")
    assert (person.birth_on, person.gender) == (date(1980, 2, 29), "female")
    assert person.address == Address(line_1="12 Elm St", line_2="Apt 4", city="Austin", state="TX", postal_code="78701")
    assert (person.phone, person.email) == ("512-555-0100", "ana@example.org")
    assert (person.is_active, person.is_deceased) == (True, False)


def test_a_patient_record_that_was_given_up_names_the_one_that_stays() -> None:
    text = changed(PATIENT, link=[{"type": "replaced-by", "other": {"reference": "Patient/p2"}}], active=False)
    person = one(text).views[0]
    assert isinstance(person, Person)
    assert [reference.id for reference in person.replaced_by] == ["p2"]
    assert not person.is_active


def test_a_year_of_birth_is_no_birth_date() -> None:
    document = one(changed(PATIENT, birthDate="1980"))
    assert isinstance(document.views[0], Person)
    assert document.views[0].birth_on is None
    assert places(document.warnings) == ["Patient.birthDate"]


def test_a_patient_without_id_and_identifier_cannot_be_used() -> None:
    document = one(changed(PATIENT, id=None, identifier=None))
    assert (document.views, places(document.errors)) == ((), ["Patient.identifier"])


def test_a_coverage_names_payer_member_and_plan() -> None:
    coverage = read(bundle(COVERAGE, ORGANIZATION)).views[0]
    assert isinstance(coverage, CoverageView)
    assert (coverage.status, coverage.rank, coverage.relationship) == ("active", 1, "self")
    assert (coverage.member_number, coverage.subscriber_number) == ("XYZ123456", "XYZ")
    assert (coverage.group_number, coverage.plan_number, coverage.plan_name) == ("GRP-5", "GOLD", "Blue Gold")
    assert coverage.period == Period(start=Moment(on=date(2026, 1, 1)), end=Moment(on=date(2026, 12, 31)))
    payor = coverage.payors[0]
    assert (payor.name, payor.place, [each.number for each in payor.identifiers]) == (
        "Blue Cross",
        "Bundle.entry[1].resource",
        ["66001"],
    )
    assert coverage.beneficiary.url == "Patient/p1"


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"status": "maybe"}, "Coverage.status", IssueType.CODE_INVALID),
        ({"payor": []}, "Coverage.payor", IssueType.REQUIRED),
        ({"payor": None}, "Coverage.payor", IssueType.REQUIRED),
        ({"order": 0}, "Coverage.order", IssueType.VALUE),
        ({"beneficiary": {"display": "Ana Rivera"}}, "Coverage.beneficiary", IssueType.REQUIRED),
        ({"beneficiary": {"reference": "Group/g1"}}, "Coverage.beneficiary.reference", IssueType.BUSINESS_RULE),
        ({"period": {"start": "soon"}}, "Coverage.period.start", IssueType.VALUE),
        ({"colour": "blue"}, "Coverage.colour", IssueType.STRUCTURE),
    ],
)
def test_a_coverage_that_cannot_be_used_says_where_and_why(
    changes: dict[str, Any], place: str, code: IssueType
) -> None:
    document = one(changed(COVERAGE, **changes))
    assert document.views == ()
    assert place in [each.place for each in document.errors if each.code is code]


def test_an_encounter_tells_class_period_people_and_diagnoses() -> None:
    encounter = read(bundle(ENCOUNTER, PRACTITIONER, CONDITION)).views[0]
    assert isinstance(encounter, EncounterView)
    assert (encounter.status, encounter.encounter_class) == ("finished", "AMB")
    assert encounter.period.start == Moment(on=date(2026, 3, 2), clock=time(9), offset_minutes=-300)
    attender = encounter.participants[0]
    assert (attender.roles, attender.who.npi) == (("ATND",), "1234567893")
    assert [(each.condition.id, each.rank) for each in encounter.diagnoses] == [("x1", 1)]
    assert [code.code for code in encounter.types] == ["99213"]


def test_a_diagnosis_has_one_code_for_billing_among_all_its_codings() -> None:
    diagnosis = one(CONDITION).views[0]
    assert isinstance(diagnosis, DiagnosisView)
    assert [code.system for code in diagnosis.codes] == [CodeSystem.SNOMED, CodeSystem.ICD_10_CM]
    assert diagnosis.billing_code is not None and diagnosis.billing_code.bare == "E119"
    assert (diagnosis.verification_status, diagnosis.is_entered_in_error) == ("confirmed", False)


def test_a_diagnosis_in_snomed_alone_is_kept_and_reported() -> None:
    document = one(changed(CONDITION, code={"coding": [{"system": SNOMED, "code": "44054006"}]}))
    diagnosis = document.views[0]
    assert isinstance(diagnosis, DiagnosisView) and diagnosis.billing_code is None
    assert [(each.place, each.value) for each in document.warnings] == [("Condition.code", "SNOMED 44054006")]


def test_a_procedure_is_told_apart_by_code_system() -> None:
    procedure = one(PROCEDURE).views[0]
    assert isinstance(procedure, ProcedureView)
    assert procedure.billing_code is not None and procedure.billing_code.system is CodeSystem.CPT
    assert procedure.performed.start == Moment(on=date(2026, 3, 2))
    vaccine = {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]}
    assert [each.value for each in one(changed(PROCEDURE, code=vaccine)).warnings] == ["CVX 140"]


def test_a_charge_is_exact_and_names_whom_what_when_and_by_whom() -> None:
    charge = read(bundle(CHARGE, PRACTITIONER)).views[0]
    assert isinstance(charge, ChargeView)
    assert (charge.is_billable, charge.is_reversal) == (True, False)
    assert charge.billing_code is not None and charge.billing_code.code == "99213"
    assert (charge.price_cents, charge.quantity) == (150_10, Decimal("2.50"))
    assert charge.served == Period(start=Moment(on=date(2026, 3, 2)), end=Moment(on=date(2026, 3, 2)))
    assert [performer.npi for performer in charge.performers] == ["1234567893"]
    assert [code.bare for code in charge.diagnoses] == ["E119"]
    assert charge.encounter is not None and charge.encounter.id == "e1"


def test_a_charge_entered_in_error_takes_back_the_charge_of_its_identifier() -> None:
    document = one(changed(CHARGE, status="entered-in-error", occurrenceDateTime=None))
    charge = document.views[0]
    assert isinstance(charge, ChargeView)
    assert charge.is_reversal
    assert charge.identifiers == (Identifier(number="TX-1", system="urn:charges"),)
    assert document.findings == ()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"priceOverride": {"value": 12.345, "currency": "USD"}}, "ChargeItem.priceOverride.value"),
        ({"priceOverride": {"value": 10, "currency": "EUR"}}, "ChargeItem.priceOverride.currency"),
        ({"priceOverride": {"currency": "USD"}}, "ChargeItem.priceOverride.value"),
        ({"priceOverride": {"value": -5}}, "ChargeItem.priceOverride"),
        ({"quantity": {"value": -1}}, "ChargeItem.quantity"),
        ({"quantity": {"value": 0}}, "ChargeItem.quantity"),
        ({"occurrenceDateTime": None}, "ChargeItem.occurrenceDateTime"),
        ({"occurrenceDateTime": "2026-03"}, "ChargeItem.occurrenceDateTime"),
        ({"status": "free"}, "ChargeItem.status"),
        ({"status": "entered-in-error", "id": None, "identifier": None}, "ChargeItem.identifier"),
        ({"code": {"text": "a visit"}}, "ChargeItem.code"),
        ({"subject": {"reference": "#nobody"}}, "ChargeItem.subject.reference"),
    ],
)
def test_a_charge_that_cannot_be_used_says_where(changes: dict[str, Any], place: str) -> None:
    document = one(changed(CHARGE, **changes))
    assert document.views == ()
    assert place in places(document.errors)


@pytest.mark.parametrize(
    ("value", "cents"),
    [("0.10", 10), ("150", 150_00), ("150.000", 150_00), ("1e2", 100_00), ("99999999.99", 9_999_999_999)],
)
def test_money_is_exact_however_the_number_is_written(value: str, cents: int) -> None:
    charge = one(CHARGE.replace("150.10", value)).views[0]
    assert isinstance(charge, ChargeView) and charge.price_cents == cents


def test_a_claim_gives_lines_diagnoses_people_and_insurance() -> None:
    claim = read(bundle(*ALL)).views[-1]
    assert isinstance(claim, ClaimView)
    assert (claim.type, claim.use, claim.asks_for_payment, claim.total_cents) == ("professional", "claim", True, 160_00)
    visit, drug = claim.items
    assert (visit.modifiers, visit.net_cents, visit.unit_price_cents, visit.place_of_service) == (
        ("25",),
        150_00,
        150_00,
        "11",
    )
    assert (visit.diagnosis_sequences, visit.care_team_sequences) == ((1, 2), (1,))
    assert (drug.quantity, drug.unit_price_cents, drug.net_cents) == (4, 2_50, 10_00)
    assert drug.served == Period(start=Moment(on=date(2026, 3, 2)), end=Moment(on=date(2026, 3, 4)))
    codes = [each.billing_code.bare for each in claim.diagnoses if each.billing_code]
    assert codes == ["E119", "I10"]  # the first through the Condition that came along
    assert [(each.role, each.provider.npi) for each in claim.care_team] == [("primary", "1234567893")]
    insurance = claim.insurance[0]
    assert (insurance.is_focal, insurance.coverage.place, insurance.authorization_numbers) == (
        True,
        "Bundle.entry[1].resource",
        ("A-1",),
    )


def test_a_preauthorization_asks_for_no_payment() -> None:
    claim = one(changed(CLAIM, use="preauthorization")).views[0]
    assert isinstance(claim, ClaimView) and not claim.asks_for_payment


def test_a_claim_that_does_not_add_up_is_kept_and_reported() -> None:
    text = CLAIM.replace('"total": {"value": 160.00', '"total": {"value": 161.00').replace(
        '"net": {"value": 10}', '"net": {"value": 11}'
    )
    document = one(text)
    assert len(document.views) == 1
    assert places(document.warnings) == ["Claim.item[1].net"]
    document = one(CLAIM.replace('"total": {"value": 160.00', '"total": {"value": 160.01'))
    assert places(document.warnings) == ["Claim.total"]


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ('"diagnosisSequence": [1, 2]', '"diagnosisSequence": [3]', "Claim.item[0].diagnosisSequence"),
        ('"careTeamSequence": [1]', '"careTeamSequence": [9]', "Claim.item[0].careTeamSequence"),
        ('"sequence": 2, "productOrService"', '"sequence": 1, "productOrService"', "Claim.item"),
        ('"value": 150.00,', '"value": 150.001,', "Claim.item[0].net.value"),
        ('"use": "claim"', '"use": "gift"', "Claim.use"),
    ],
)
def test_a_claim_that_cannot_be_used_says_where(before: str, after: str, place: str) -> None:
    document = one(CLAIM.replace(before, after))
    assert document.views == ()
    assert places(document.errors) == [place]


def test_a_practitioners_number_that_is_no_npi_stays_an_identifier() -> None:
    document = one(PRACTITIONER.replace("1234567893", "9941339108"))
    practitioner = document.views[0]
    assert isinstance(practitioner, Practitioner)
    assert (practitioner.npi, practitioner.identifiers[0].number) == ("", "9941339108")
    assert places(document.warnings) == ["Practitioner.identifier"]


def test_related_people_and_accounts_are_read() -> None:
    related = one(
        '{"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p1"}, "name": [{"family": "Rivera"}],'
        ' "relationship": [{"coding": [{"code": "SPS"}]}], "birthDate": "1979-01-01"}'
    ).views[0]
    assert isinstance(related, RelatedPerson)
    assert (related.relationships, related.patient.id, related.birth_on) == (("SPS",), "p1", date(1979, 1, 1))
    account = one(
        '{"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/p1"}],'
        ' "coverage": [{"coverage": {"reference": "Coverage/c1"}, "priority": 1}],'
        ' "guarantor": [{"party": {"reference": "RelatedPerson/g1"}}]}'
    ).views[0]
    assert isinstance(account, AccountView)
    assert [(each.id, priority) for each, priority in account.coverages] == [("c1", 1)]
    assert [each.type for each in account.guarantors] == ["RelatedPerson"]
