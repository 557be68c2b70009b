"""Resources that the tests of this folder share: written for them, about people who do not exist."""

import json
from typing import Any

from shared.codecs.fhir.findings import Finding
from shared.codecs.fhir.reading import Document, read

CPT = "http://www.ama-assn.org/go/cpt"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
NPI = "http://hl7.org/fhir/sid/us-npi"

PATIENT = """{"resourceType": "Patient", "id": "p1",
 "identifier": [
  {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-00-1111", "type": {"coding": [{"code": "SS"}]}},
  {"system": "urn:oid:1.2.3.4", "value": "4711", "type": {"coding": [{"code": "MR"}]}}],
 "name": [{"use": "old", "family": "Stone"}, {"use": "official", "family": "Rivera", "given": ["Ana", "M"]}],
 "birthDate": "1980-02-29", "gender": "female",
 "address": [{"use": "home", "line": ["12 Elm St", "Apt 4"], "city": "Austin", "state": "TX", "postalCode": "78701"}],
 "telecom": [{"system": "email", "value": "ana@example.org"}, {"system": "phone", "value": "512-555-0100"}]}"""

COVERAGE = """{"resourceType": "Coverage", "id": "c1", "status": "active",
 "identifier": [{"type": {"coding": [{"code": "MB"}]}, "value": "XYZ123456"}], "subscriberId": "XYZ",
 "beneficiary": {"reference": "Patient/p1"}, "subscriber": {"reference": "Patient/p1"},
 "relationship": {"coding": [{"code": "self"}]}, "period": {"start": "2026-01-01", "end": "2026-12-31"},
 "payor": [{"reference": "Organization/o1"}], "order": 1,
 "class": [{"type": {"coding": [{"code": "group"}]}, "value": "GRP-5", "name": "Group Five"},
           {"type": {"coding": [{"code": "plan"}]}, "value": "GOLD", "name": "Blue Gold"}]}"""

ORGANIZATION = """{"resourceType": "Organization", "id": "o1", "name": "Blue Cross",
 "identifier": [{"system": "urn:naic", "value": "66001"}]}"""

PRACTITIONER = f"""{{"resourceType": "Practitioner", "id": "d1",
 "identifier": [{{"system": "{NPI}", "value": "1234567893"}}], "name": [{{"family": "Stone", "given": ["Lee"]}}]}}"""

ENCOUNTER = f"""{{"resourceType": "Encounter", "id": "e1", "status": "finished",
 "identifier": [{{"system": "urn:visits", "value": "V-77"}}], "class": {{"code": "AMB"}},
 "type": [{{"coding": [{{"system": "{CPT}", "code": "99213"}}]}}],
 "subject": {{"reference": "Patient/p1"}},
 "period": {{"start": "2026-03-02T09:00:00-05:00", "end": "2026-03-02T09:30:00-05:00"}},
 "participant": [{{"type": [{{"coding": [{{"code": "ATND"}}]}}], "individual": {{"reference": "Practitioner/d1"}}}}],
 "diagnosis": [{{"condition": {{"reference": "Condition/x1"}}, "rank": 1}}]}}"""

CONDITION = f"""{{"resourceType": "Condition", "id": "x1", "subject": {{"reference": "Patient/p1"}},
 "encounter": {{"reference": "Encounter/e1"}}, "onsetDateTime": "2026-03-02",
 "verificationStatus": {{"coding": [{{"code": "confirmed"}}]}},
 "code": {{"coding": [{{"system": "{SNOMED}", "code": "44054006"}}, {{"system": "{ICD_10_CM}", "code": "E11.9"}}]}}}}"""

PROCEDURE = f"""{{"resourceType": "Procedure", "id": "r1", "status": "completed", "subject": {{"reference": "Patient/p1"}},
 "code": {{"coding": [{{"system": "{CPT}", "code": "45380"}}]}}, "performedDateTime": "2026-03-02",
 "performer": [{{"actor": {{"reference": "Practitioner/d1"}}}}]}}"""

CHARGE = f"""{{"resourceType": "ChargeItem", "id": "i1", "status": "billable",
 "identifier": [{{"system": "urn:charges", "value": "TX-1"}}],
 "code": {{"coding": [{{"system": "{CPT}", "code": "99213"}}]}},
 "subject": {{"reference": "Patient/p1"}}, "context": {{"reference": "Encounter/e1"}},
 "occurrenceDateTime": "2026-03-02", "quantity": {{"value": 2.50}},
 "priceOverride": {{"value": 150.10, "currency": "USD"}},
 "performer": [{{"actor": {{"reference": "Practitioner/d1"}}}}],
 "reason": [{{"coding": [{{"system": "{ICD_10_CM}", "code": "E11.9"}}]}}]}}"""

CLAIM = f"""{{"resourceType": "Claim", "id": "k1", "status": "active", "use": "claim",
 "type": {{"coding": [{{"code": "professional"}}]}}, "patient": {{"reference": "Patient/p1"}}, "created": "2026-03-03",
 "insurer": {{"reference": "Organization/o1"}}, "provider": {{"reference": "Practitioner/d1"}},
 "priority": {{"coding": [{{"code": "normal"}}]}},
 "careTeam": [{{"sequence": 1, "provider": {{"reference": "Practitioner/d1"}}, "role": {{"coding": [{{"code": "primary"}}]}}}}],
 "diagnosis": [{{"sequence": 1, "diagnosisReference": {{"reference": "Condition/x1"}}}},
               {{"sequence": 2, "diagnosisCodeableConcept": {{"coding": [{{"system": "{ICD_10_CM}", "code": "I10"}}]}}}}],
 "insurance": [{{"sequence": 1, "focal": true, "coverage": {{"reference": "Coverage/c1"}}, "preAuthRef": ["A-1"]}}],
 "item": [
  {{"sequence": 1, "productOrService": {{"coding": [{{"system": "{CPT}", "code": "99213"}}]}},
   "modifier": [{{"coding": [{{"code": "25"}}]}}], "servicedDate": "2026-03-02", "diagnosisSequence": [1, 2],
   "careTeamSequence": [1], "locationCodeableConcept": {{"coding": [{{"code": "11"}}]}},
   "quantity": {{"value": 1}}, "unitPrice": {{"value": 150, "currency": "USD"}}, "net": {{"value": 150.00, "currency": "USD"}}}},
  {{"sequence": 2, "productOrService": {{"coding": [{{"system": "{CPT}", "code": "J1100"}}]}},
   "servicedPeriod": {{"start": "2026-03-02", "end": "2026-03-04"}},
   "quantity": {{"value": 4}}, "unitPrice": {{"value": 2.5}}, "net": {{"value": 10}}}}],
 "total": {{"value": 160.00, "currency": "USD"}}}}"""

ALL = (PATIENT, COVERAGE, ORGANIZATION, PRACTITIONER, ENCOUNTER, CONDITION, PROCEDURE, CHARGE, CLAIM)


def bundle(*resources: str, type_: str = "transaction") -> bytes:
    """Entries with POST requests, each named by the url of its resource."""
    entries = []
    for text in resources:
        resource = json.loads(text)
        name = f"{resource['resourceType']}/{resource['id']}"
        request = f'{{"method": "POST", "url": "{resource["resourceType"]}"}}'
        entries.append(f'{{"fullUrl": "https://ehr.example.org/{name}", "resource": {text}, "request": {request}}}')
    return f'{{"resourceType": "Bundle", "type": "{type_}", "entry": [{", ".join(entries)}]}}'.encode()


def changed(text: str, **changes: Any) -> str:
    """The resource with top-level elements replaced; None takes one away."""
    resource = json.loads(text) | changes
    return json.dumps({name: value for name, value in resource.items() if value is not None})


def one(text: str) -> Document:
    return read(text.encode())


def places(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.place for finding in findings]
