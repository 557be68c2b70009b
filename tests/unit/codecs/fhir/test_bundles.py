"""A Bundle is read entry by entry, references are followed inside it, and nothing in it is passed over in silence."""

import json

import pytest

from shared.codecs.fhir.charge import ChargeView
from shared.codecs.fhir.claim import ClaimView
from shared.codecs.fhir.coverage import CoverageView
from shared.codecs.fhir.findings import Finding, IssueType, Severity
from shared.codecs.fhir.outcome import failure, operation_outcome, operation_outcome_json
from shared.codecs.fhir.parties import Organization, Person
from shared.codecs.fhir.reading import read
from shared.codecs.fhir.references import Reference
from tests.unit.codecs.fhir.resources import (
    ALL,
    CHARGE,
    CLAIM,
    COVERAGE,
    ORGANIZATION,
    PATIENT,
    PRACTITIONER,
    bundle,
    changed,
    one,
    places,
)


def entries(*texts: str, type_: str = "transaction") -> bytes:
    return f'{{"resourceType": "Bundle", "type": "{type_}", "entry": [{", ".join(texts)}]}}'.encode()


def beneficiary(full_url: str, url: str) -> tuple[Reference, tuple[Finding, ...]]:
    coverage = changed(COVERAGE, beneficiary={"reference": url}, subscriber=None)
    document = read(
        entries(
            f'{{"fullUrl": "{full_url}", "resource": {PATIENT}}}', f'{{"resource": {coverage}}}', type_="collection"
        )
    )
    view = document.views[-1]
    return (view.beneficiary if isinstance(view, CoverageView) else Reference()), document.errors


@pytest.mark.parametrize(
    ("full_url", "url"),
    [
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ("https://ehr.example.org/Patient/p1", "https://ehr.example.org/Patient/p1"),
        ("https://ehr.example.org/Patient/p1", "Patient/p1"),
        ("https://ehr.example.org/Patient/p1", "Patient/p1/_history/3"),
    ],
)
def test_a_reference_finds_the_resource_that_came_along(full_url: str, url: str) -> None:
    reference, errors = beneficiary(full_url, url)
    assert errors == ()
    assert (reference.place, reference.type, reference.id) == ("Bundle.entry[0].resource", "Patient", "p1")
    assert "4711" in [each.number for each in reference.identifiers]


def test_a_reference_to_a_resource_elsewhere_keeps_its_type_and_id() -> None:
    reference, errors = beneficiary("urn:uuid:1", "https://other.example.org/fhir/Patient/77")
    assert errors == ()
    assert (reference.place, reference.type, reference.id) == ("", "Patient", "77")


def test_a_urn_that_nothing_answers_to_is_an_error() -> None:
    _, errors = beneficiary("urn:uuid:1", "urn:uuid:2")
    assert [(each.place, each.code) for each in errors] == [
        ("Bundle.entry[1].resource.beneficiary.reference", IssueType.NOT_FOUND)
    ]


def test_a_contained_resource_is_found_by_its_fragment() -> None:
    coverage = changed(COVERAGE, contained=[json.loads(ORGANIZATION)], payor=[{"reference": "#o1"}])
    view = one(coverage).views[0]
    assert isinstance(view, CoverageView)
    assert (view.payors[0].name, view.payors[0].place) == ("Blue Cross", "Coverage.contained[0]")


def test_a_conditional_reference_gives_its_identifier() -> None:
    url = "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1234567893"
    view = one(changed(CHARGE, performer=[{"actor": {"reference": url}}])).views[0]
    assert isinstance(view, ChargeView)
    assert (view.performers[0].npi, view.performers[0].type) == ("1234567893", "Practitioner")


def test_a_reference_may_be_an_identifier_alone() -> None:
    identifier = {"system": "urn:oid:1.2.3.4", "value": "4711"}
    view = one(changed(CHARGE, subject={"identifier": identifier})).views[0]
    assert isinstance(view, ChargeView)
    assert view.subject.identifiers[0].key == ("urn:oid:1.2.3.4", "4711")


def test_the_role_of_a_practitioner_stands_for_the_practitioner() -> None:
    role = '{"resourceType": "PractitionerRole", "id": "role1", "practitioner": {"reference": "Practitioner/d1"}}'
    charge = changed(CHARGE, performer=[{"actor": {"reference": "PractitionerRole/role1"}}])
    view = read(bundle(charge, role, PRACTITIONER)).views[0]
    assert isinstance(view, ChargeView)
    assert (view.performers[0].npi, view.performers[0].type) == ("1234567893", "PractitionerRole")


def test_what_billing_does_not_use_is_listed_with_its_reason() -> None:
    observation = '{"resourceType": "Observation", "id": "b1", "status": "final", "code": {"text": "pulse"}}'
    answer = '{"resourceType": "ExplanationOfBenefit", "id": "b2"}'
    document = read(bundle(PATIENT, observation, answer, type_="searchset"))
    assert document.is_usable
    assert [(each.place, each.resource_type) for each in document.ignored] == [
        ("Bundle.entry[1].resource", "Observation"),
        ("Bundle.entry[2].resource", "ExplanationOfBenefit"),
    ]
    assert document.ignored[1].reason == "what a payer answered comes from its 835"


def test_a_resource_with_an_error_spoils_a_transaction_and_no_other_view() -> None:
    document = read(bundle(PATIENT, changed(CLAIM, patient=None), ORGANIZATION))
    assert [type(view) for view in document.views] == [Person, Organization]
    assert not document.is_usable
    assert places(document.errors) == ["Bundle.entry[1].resource.patient"]


@pytest.mark.parametrize("type_", ["message", "document", "history", "transaction-response", ""])
def test_a_bundle_that_brings_nothing_in_is_refused(type_: str) -> None:
    document = read(bundle(PATIENT, type_=type_))
    assert document.views == ()
    assert [(each.place, each.code) for each in document.errors] == [("Bundle.type", IssueType.NOT_SUPPORTED)]


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ('{"request": {"method": "GET", "url": "Patient/1"}}', "Bundle.entry[0].request.method"),
        ('{"request": {"method": "DELETE", "url": "Patient/1"}}', "Bundle.entry[0].request.method"),
        ('{"request": {"method": "POST", "url": "Patient"}}', "Bundle.entry[0].resource"),
        ('{"resource": {"id": "1"}}', "Bundle.entry[0].resource"),
        ("{}", "Bundle.entry[0].resource"),
    ],
)
def test_an_entry_that_writes_nothing_is_refused_by_name(entry: str, place: str) -> None:
    assert places(read(entries(entry)).errors) == [place]


@pytest.mark.parametrize("entry", ["1", "null", "[]", f'{{"resource": {PATIENT}}}, "x"'])
def test_an_entry_that_is_no_object_is_not_passed_over(entry: str) -> None:
    assert places(read(entries(entry)).errors) == ["Bundle.entry"]


def test_a_full_url_comes_once() -> None:
    assert [each.code for each in read(bundle(PATIENT, PATIENT)).errors] == [IssueType.DUPLICATE]


def test_several_faults_are_all_named_at_once() -> None:
    document = read(bundle(changed(COVERAGE, status="x", payor=[]), changed(CHARGE, status="y", quantity={"value": 0})))
    assert places(document.errors) == [
        "Bundle.entry[0].resource.status",
        "Bundle.entry[0].resource.payor",
        "Bundle.entry[1].resource.status",
        "Bundle.entry[1].resource.quantity",
    ]


def test_no_value_of_a_patient_is_in_a_finding() -> None:
    broken = changed(
        PATIENT, birthDate="Ana 1980", gender="Rivera", name="Ana Rivera", telecom=[{"system": "Ana", "rank": "Rivera"}]
    )
    claim = changed(CLAIM, status="Ana Rivera", total={"value": "Ana"}, patient={"reference": "Ana Rivera"})
    document = read(bundle(broken, claim, changed(COVERAGE, status="Ana Rivera", period={"start": "Rivera"})))
    assert len(document.errors) >= 4
    text = operation_outcome_json(document.findings).decode()
    assert not any(personal in text for personal in ("Ana", "Rivera", "1980", "4711", "555-0100", "Elm"))


def test_an_outcome_names_severity_code_place_and_rule_with_errors_first() -> None:
    findings = [
        Finding(place="Claim.total", rule="is not the sum of the items", severity=Severity.WARNING),
        Finding(place="Claim.use", rule="is one of claim", code=IssueType.CODE_INVALID, value="gift"),
    ]
    assert operation_outcome(findings) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "code-invalid",
                "diagnostics": "Claim.use: is one of claim (found: gift)",
                "expression": ["Claim.use"],
            },
            {
                "severity": "warning",
                "code": "business-rule",
                "diagnostics": "Claim.total: is not the sum of the items",
                "expression": ["Claim.total"],
            },
        ],
    }


def test_an_outcome_without_findings_says_that_all_is_well() -> None:
    assert json.loads(operation_outcome_json(())) == {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational", "diagnostics": "Accepted"}],
    }


def test_a_failure_of_ours_names_the_parts_that_it_hit() -> None:
    outcome = failure("charges is down; send again", code=IssueType.TRANSIENT, places=["Bundle.entry[2]"])
    assert outcome["issue"] == [
        {
            "severity": "error",
            "code": "transient",
            "diagnostics": "charges is down; send again",
            "expression": ["Bundle.entry[2]"],
        }
    ]


def test_a_claim_alone_reads_like_a_claim_in_a_bundle() -> None:
    alone, together = one(CLAIM).views[0], read(bundle(*ALL)).views[-1]
    assert isinstance(alone, ClaimView) and isinstance(together, ClaimView)
    assert [item.net_cents for item in alone.items] == [item.net_cents for item in together.items]
    assert alone.diagnoses[0].codes == ()
    assert together.diagnoses[0].codes != ()
