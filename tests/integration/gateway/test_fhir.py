"""Does the FHIR door take what billing needs, name what is wrong, and say 2xx only when all is committed?"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fhir.resources.R4B.account import Account
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.claimresponse import ClaimResponse
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.integration.gateway.conftest import MakeEdge
from tests.integration.gateway.test_files_over_intake import OUTCOMES, take

pytestmark = pytest.mark.asyncio(loop_scope="session")

MRN = {"type": {"coding": [{"code": "MR"}]}, "system": "urn:oid:1.2.3", "value": "MRN-1"}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "pat-1",
    "identifier": [MRN],
    "name": [{"family": "Everywoman", "given": ["Eve"]}],
    "gender": "female",
    "birthDate": "1980-04-01",
}
COVERAGE: dict[str, Any] = {
    "resourceType": "Coverage",
    "id": "cov-1",
    "status": "active",
    "beneficiary": {"reference": "Patient/pat-1"},
    "subscriberId": "MEMBER1",
    "payor": [{"display": "PAYER ONE", "identifier": {"value": "PAYER1"}}],
}
ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "enc-1",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "subject": {"reference": "Patient/pat-1"},
    "period": {"start": "2026-03-02T10:30:00Z", "end": "2026-03-02T11:00:00Z"},
    "location": [{"location": {"display": "MAIN"}}],
}
CONDITION: dict[str, Any] = {
    "resourceType": "Condition",
    "id": "con-1",
    "subject": {"reference": "Patient/pat-1"},
    "encounter": {"reference": "Encounter/enc-1"},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}]},
}
CHARGE: dict[str, Any] = {
    "resourceType": "ChargeItem",
    "id": "chg-1",
    "identifier": [{"system": "urn:ehr:charges", "value": "T1"}],
    "status": "billable",
    "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]},
    "subject": {"reference": "Patient/pat-1"},
    "context": {"reference": "Encounter/enc-1"},
    "occurrenceDateTime": "2026-03-02",
    "priceOverride": {"value": 120.00, "currency": "USD"},
}


PROCEDURE: dict[str, Any] = {
    "resourceType": "Procedure",
    "id": "pro-1",
    "status": "completed",
    "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "36415"}]},
    "subject": {"reference": "Patient/pat-1"},
    "encounter": {"reference": "Encounter/enc-1"},
    "performedDateTime": "2026-03-02T10:40:00Z",
    "performer": [{"actor": {"identifier": {"value": "ADAMS1"}}}],
    "reasonReference": [{"reference": "Condition/con-1"}],
}


def bundle(*resources: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


async def post(client: httpx.AsyncClient, resource: dict[str, Any], path: str = "/fhir") -> httpx.Response:
    headers = {"Content-Type": "application/fhir+json"}
    return await client.post(path, content=json.dumps(resource), headers=headers)


def issues(answer: httpx.Response) -> list[dict[str, Any]]:
    OperationOutcome.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["issue"]
    return found


async def test_a_transaction_becomes_commands_and_each_entry_is_answered(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        answer = await post(client, bundle(PATIENT, COVERAGE, ENCOUNTER, CONDITION, CHARGE))
    assert answer.status_code == 200, answer.text
    Bundle.model_validate(answer.json())
    assert answer.json()["type"] == "transaction-response"
    statuses = [entry["response"]["status"] for entry in answer.json()["entry"]]
    assert statuses == ["201 Created", "201 Created", "201 Created", "200 OK", "200 OK"]
    [patient] = edge.services.bodies("/patients")
    assert (patient["person"]["last"], patient["person"]["sex"], patient["authority"]) == ("Everywoman", "F", "1.2.3")
    [coverage] = edge.services.bodies("/coverages")
    assert (coverage["payer_reference"], coverage["member_number"]) == ("PAYER1", "MEMBER1")
    [encounter] = edge.services.bodies("/encounters")
    assert (encounter["service_on"], encounter["facility_reference"]) == (date(2026, 3, 2), "MAIN")
    [posted] = edge.services.bodies("/charges")
    assert (posted["charges"][0]["code"], posted["charges"][0]["charged_cents"]) == ("99213", 12000)
    assert posted["diagnoses"] == ("E119",)


async def test_a_patient_is_the_same_by_hl7_and_by_fhir(make_edge: MakeEdge) -> None:
    from tests.unit.gateway.messages import A04

    edge = make_edge()
    async with edge.http() as client:
        await take(client, A04.replace(b"MRN-1^^^RIVER^MR", b"MRN-1^^^RIVER&1.2.3&ISO^MR"))
        await post(client, PATIENT, "/fhir/Patient")
    first, second = edge.services.bodies("/patients")
    assert first["patient_id"] == second["patient_id"]


async def test_a_resource_sent_alone_may_refer_to_the_senders_own_ids(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        created = await post(client, PATIENT, "/fhir/Patient")
        assert created.status_code == 201
        for resource in (COVERAGE, ENCOUNTER, CHARGE):
            answer = await post(client, resource, f"/fhir/{resource['resourceType']}")
            assert answer.is_success, answer.text
    [patient] = edge.services.bodies("/patients")
    assert created.headers["Location"] == f"/fhir/Patient/{patient['patient_id']}"
    [path] = [path for path, _ in edge.services.commands if path.endswith("/coverages")]
    assert patient["patient_id"] in path
    [encounter] = edge.services.bodies("/encounters")
    [posted] = [path for path, _ in edge.services.commands if path.endswith("/charges")]
    assert encounter["encounter_id"] in posted


async def test_a_reference_to_nobody_is_refused_by_name(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        answer = await post(client, COVERAGE, "/fhir/Coverage")
    assert answer.status_code == 422
    assert issues(answer)[0]["expression"] == ["Coverage.beneficiary"]
    assert edge.services.commands == []


async def test_one_wrong_resource_refuses_a_transaction_and_only_itself_in_a_batch(make_edge: MakeEdge) -> None:
    edge = make_edge()
    wrong = {**CHARGE, "status": "nonsense"}
    async with edge.http() as client:
        whole = await post(client, bundle(PATIENT, ENCOUNTER, wrong))
        assert whole.status_code == 422
        assert any(issue["expression"] == ["Bundle.entry[2].resource.status"] for issue in issues(whole))
        assert edge.services.commands == []
        batch = await post(client, bundle(PATIENT, ENCOUNTER, wrong, kind="batch"))
    assert batch.status_code == 200
    statuses = [entry["response"]["status"] for entry in batch.json()["entry"]]
    assert statuses == ["201 Created", "201 Created", "422 Unprocessable Entity"]
    assert len(edge.services.bodies("/encounters")) == 1


async def test_the_same_document_again_has_no_second_effect(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        first = await post(client, bundle(PATIENT, ENCOUNTER, CHARGE))
        commands = len(edge.services.commands)
        again = await post(client, bundle(PATIENT, ENCOUNTER, CHARGE))
    assert again.json() == first.json()
    assert len(edge.services.commands) == commands


async def test_while_a_service_is_down_the_answer_is_503_and_a_resend_finishes(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.down.add("charges")
    async with edge.http() as client:
        answer = await post(client, bundle(PATIENT, ENCOUNTER, CHARGE))
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        edge.services.down.clear()
        assert (await post(client, bundle(PATIENT, ENCOUNTER, CHARGE))).status_code == 200
    assert len(edge.services.bodies("/charges")) == 1


async def test_a_part_that_a_service_refuses_is_named(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.refusals["/charges"] = "charge-changed"
    async with edge.http() as client:
        answer = await post(client, bundle(PATIENT, ENCOUNTER, CHARGE))
    assert answer.status_code == 409
    assert issues(answer)[0]["expression"] == ["Bundle.entry[2].resource"]
    assert "charge-changed" in issues(answer)[0]["diagnostics"]


async def test_a_charge_entered_in_error_takes_back_what_was_charged_under_its_identifier(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        await post(client, bundle(PATIENT, ENCOUNTER, CHARGE))
        await post(client, bundle(PATIENT, ENCOUNTER, {**CHARGE, "status": "entered-in-error"}))
    charged, taken_back = edge.services.bodies("/charges")
    assert taken_back["credits"][0]["charge_id"] == charged["charges"][0]["charge_id"]
    assert taken_back["charges"] == ()


async def test_what_billing_does_not_use_is_passed_over_with_the_reason(make_edge: MakeEdge) -> None:
    edge = make_edge()
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}}
    async with edge.http() as client:
        answer = await post(client, observation, "/fhir/Observation")
    assert answer.status_code == 200
    assert issues(answer)[0]["severity"] == "information"
    assert edge.services.commands == []


async def test_no_json_and_a_wrong_url_are_told_as_operation_outcomes(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        broken = await client.post("/fhir", content=b"{", headers={"Content-Type": "application/fhir+json"})
        wrong = await post(client, PATIENT, "/fhir/Coverage")
        renamed = await client.put("/fhir/Patient/other", json=PATIENT)
    assert [broken.status_code, wrong.status_code, renamed.status_code] == [400, 400, 400]
    assert all(issues(answer) for answer in (broken, wrong, renamed))


async def test_the_capability_statement_is_valid_and_names_what_is_here(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        told = (await client.get("/fhir/metadata")).json()
    CapabilityStatement.model_validate(told)
    resources = {each["type"] for each in told["rest"][0]["resource"]}
    assert resources == {
        "Patient",
        "Coverage",
        "Encounter",
        "Condition",
        "Procedure",
        "ChargeItem",
        "Claim",
        "ClaimResponse",
        "Account",
    }


async def test_coverages_are_read_back_by_the_senders_own_id_of_the_patient(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        await post(client, bundle(PATIENT, COVERAGE))
        [path] = [path for path, _ in edge.services.commands if path.endswith("/coverages")]
        patient_id = path.split("/")[4]
        told = {"coverage_id": "c1", "patient_id": patient_id, "payer_reference": "PAYER1", "payer_name": "PAYER ONE"}
        told |= {"payer_id": None, "rank": 1, "relationship": "18", "member_number": "MEMBER1", "group_number": None}
        told |= {"plan": "STD", "effective_on": "2025-01-01", "terminated_on": None}
        edge.services.patients[patient_id] = {"coverages": [told]}
        found = (await client.get("/fhir/Coverage", params={"beneficiary": "Patient/pat-1"})).json()
        nobody = (await client.get("/fhir/Coverage", params={"beneficiary": "Patient/nobody"})).json()
    Bundle.model_validate(found)
    [entry] = found["entry"]
    assert entry["resource"]["subscriberId"] == "MEMBER1"
    assert entry["resource"]["payor"] == [{"display": "PAYER ONE"}]
    assert nobody["total"] == 0


async def test_an_ehr_reads_where_a_patients_claims_are(make_edge: MakeEdge) -> None:
    edge = make_edge()
    claim = dict.fromkeys(("last_answer_at", "moved_at"), None) | {
        "claim_id": "A1",
        "patient_id": "p1",
        "payer_id": "northern",
        "payer_name": "NORTHERN",
        "payer_control_number": "ICN1",
        "status": "adjudicated",
        "is_open": True,
        "charged_cents": 12001,
        "paid_cents": 8005,
        "submitted_at": "2026-03-03T12:00:00Z",
        "service_on": "2026-03-02",
    }
    edge.services.reads["/api/claims/claims"] = {"items": [claim], "next": "c2"}
    async with edge.http() as client:
        answer = await client.get("/fhir/ClaimResponse", params={"patient": "Patient/p1"})
    Bundle.model_validate_json(answer.content)
    [entry] = answer.json()["entry"]
    ClaimResponse.model_validate(entry["resource"])
    assert (entry["resource"]["outcome"], entry["resource"]["disposition"]) == ("complete", "adjudicated")
    assert b'"value":80.05' in answer.content
    assert answer.json()["link"][0]["url"] == "/fhir/ClaimResponse?patient=p1&_count=50&_cursor=c2"


async def test_an_ehr_reads_what_is_owed_and_by_whom(make_edge: MakeEdge) -> None:
    edge = make_edge()
    told = {"account_id": "ACC1", "patient_id": "p1", "service_on": "2026-03-02", "owed_cents": 4000}
    parties = [{"party": "patient", "owed_cents": 1500}, {"party": "payer:1", "owed_cents": 2500}]
    edge.services.reads["/api/payments/accounts"] = {"items": [told], "next": None}
    edge.services.reads["/api/payments/accounts/ACC1"] = {"account": told, "parties": parties}
    async with edge.http() as client:
        listed = await client.get("/fhir/Account", params={"patient": "p1"})
        one = await client.get("/fhir/Account/ACC1")
        nobody = await client.get("/fhir/Account/NOBODY")
    Bundle.model_validate_json(listed.content)
    Account.model_validate_json(one.content)
    balances = [
        {part["url"]: part for part in each["extension"]}
        for each in json.loads(one.content, parse_float=str)["extension"]
    ]
    assert [each["amount"]["valueMoney"]["value"] for each in balances] == ["40.00", "15.00", "25.00"]
    assert nobody.status_code == 404
    assert issues(nobody)[0]["code"] == "not-found"


async def test_a_claim_charges_its_items_and_points_to_its_diagnoses(make_edge: MakeEdge) -> None:
    edge = make_edge()
    claim = {
        "resourceType": "Claim",
        "id": "clm-1",
        "status": "active",
        "type": {"coding": [{"code": "professional"}]},
        "use": "claim",
        "patient": {"reference": "Patient/pat-1"},
        "created": "2026-03-02",
        "provider": {"identifier": {"value": "RIVER"}},
        "priority": {"coding": [{"code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "PAYER ONE"}}],
        "diagnosis": [
            {
                "sequence": 1,
                "diagnosisCodeableConcept": {
                    "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}]
                },
            }
        ],
        "item": [
            {
                "sequence": 1,
                "productOrService": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]},
                "servicedDate": "2026-03-02",
                "diagnosisSequence": [1],
                "encounter": [{"reference": "Encounter/enc-1"}],
                "net": {"value": 99.5, "currency": "USD"},
            }
        ],
    }
    async with edge.http() as client:
        answer = await post(client, bundle(PATIENT, ENCOUNTER, claim))
    assert answer.status_code == 200, answer.text
    [posted] = edge.services.bodies("/charges")
    assert (posted["charges"][0]["charged_cents"], posted["charges"][0]["diagnoses"]) == (9950, ("E119",))


async def test_a_procedure_is_charged_as_it_was_done_and_names_no_price(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        answer = await post(client, bundle(PATIENT, ENCOUNTER, CONDITION, PROCEDURE))
    assert answer.status_code == 200, answer.text
    [posted] = edge.services.bodies("/charges")
    [line] = posted["charges"]
    assert (line["code"], line["service_on"], line["charged_cents"]) == ("36415", date(2026, 3, 2), None)
    assert (line["is_from_procedure"], line["rendering_reference"]) == (True, "ADAMS1")
    assert line["diagnoses"] == ("E119",)


@pytest.mark.parametrize("apart", ["together", "procedure first", "charge first"])
async def test_a_charge_names_the_procedure_that_it_is_for_in_one_document_or_in_two(
    make_edge: MakeEdge, apart: str
) -> None:
    edge = make_edge()
    charge = {**CHARGE, "service": [{"reference": "Procedure/pro-1"}]}
    documents = {
        "together": [bundle(PATIENT, ENCOUNTER, PROCEDURE, charge)],
        "procedure first": [bundle(PATIENT, ENCOUNTER, PROCEDURE), bundle(charge)],
        "charge first": [bundle(PATIENT, ENCOUNTER, charge), bundle(PROCEDURE)],
    }[apart]
    async with edge.http() as client:
        for document in documents:
            answer = await post(client, document)
            assert answer.status_code == 200, answer.text
    lines = [line for body in edge.services.bodies("/charges") for line in body["charges"]]
    [done] = [line for line in lines if line["is_from_procedure"]]
    [charged] = [line for line in lines if not line["is_from_procedure"]]
    assert charged["replaces"] == (done["charge_id"],)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"status": "in-progress"}, "only a completed procedure"),
        (
            {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "73761001"}]}},
            "without a CPT or HCPCS code",
        ),
        ({"encounter": None}, "names no encounter"),
        ({"performedDateTime": None}, "names no day"),
    ],
)
async def test_a_procedure_that_is_no_charge_is_passed_over_with_the_reason(
    make_edge: MakeEdge, change: dict[str, Any], rule: str
) -> None:
    edge = make_edge()
    procedure = {name: value for name, value in {**PROCEDURE, **change}.items() if value is not None}
    async with edge.http() as client:
        answer = await post(client, bundle(PATIENT, ENCOUNTER, procedure))
    assert answer.status_code == 200, answer.text
    assert rule in str(answer.json()["entry"][2]["response"]["outcome"])
    assert edge.services.bodies("/charges") == []


async def test_a_procedure_of_a_visit_that_nobody_knows_is_refused_by_name(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        await post(client, PATIENT, "/fhir/Patient")
        answer = await post(client, PROCEDURE, "/fhir/Procedure")
    assert answer.status_code == 422
    assert issues(answer)[0]["expression"] == ["Procedure.encounter"]


def with_request(resource: dict[str, Any], **request: str) -> dict[str, Any]:
    told = bundle(resource)
    told["entry"][0]["request"] |= request
    return told


OWN_NUMBER = "identifier=urn:oid:1.2.3|MRN-1"


async def test_a_patient_that_is_there_is_not_overwritten_by_a_create_if_there_is_none(make_edge: MakeEdge) -> None:
    edge = make_edge()
    renamed = {**PATIENT, "name": [{"family": "Other"}]}
    create = {"method": "POST", "url": "Patient"}
    async with edge.http() as client:
        first = await post(client, with_request(PATIENT, ifNoneExist=OWN_NUMBER, **create))
        again = await post(client, with_request(renamed, ifNoneExist=OWN_NUMBER.replace("|", "%7C"), **create))
    responses = [answer.json()["entry"][0]["response"] for answer in (first, again)]
    assert [each["status"] for each in responses] == ["201 Created", "200 OK"]
    assert responses[0]["location"] == responses[1]["location"]
    [registered] = edge.services.bodies("/patients")
    assert registered["person"]["last"] == "Everywoman"


async def test_an_update_by_the_resources_own_identifier_is_taken(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        answer = await post(client, with_request(PATIENT, url=f"Patient?{OWN_NUMBER}"))
    assert answer.status_code == 200, answer.text
    assert len(edge.services.bodies("/patients")) == 1


@pytest.mark.parametrize(
    ("resource", "request_", "place", "rule"),
    [
        (PATIENT, {"url": "Patient?name=Everywoman"}, "url", "one of the resource's own identifiers"),
        (PATIENT, {"url": "Patient?identifier=urn:oid:1.2.3|MRN-2"}, "url", "one of the resource's own identifiers"),
        (PATIENT, {"method": "POST", "ifNoneExist": "birthdate=1980-04-01"}, "ifNoneExist", "own identifiers"),
        (COVERAGE, {"method": "POST", "ifNoneExist": "identifier=a|b"}, "ifNoneExist", "for Patient only"),
        (PATIENT, {"ifMatch": 'W/"3"'}, "ifMatch", "no version"),
    ],
)
async def test_a_condition_that_is_not_honoured_is_refused_by_its_rule(
    make_edge: MakeEdge, resource: dict[str, Any], request_: dict[str, str], place: str, rule: str
) -> None:
    edge = make_edge()
    async with edge.http() as client:
        answer = await post(client, with_request(resource, **request_))
    assert answer.status_code == 422
    assert issues(answer)[0]["expression"] == [f"Bundle.entry[0].request.{place}"]
    assert (issues(answer)[0]["code"], rule in issues(answer)[0]["diagnostics"]) == ("not-supported", True)
    assert "MRN-2" not in answer.text and "1980" not in answer.text
    assert edge.services.commands == []


async def test_conditions_on_a_single_resource_are_refused_by_their_rule(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        created = await client.post("/fhir/Patient", json=PATIENT, headers={"If-None-Exist": OWN_NUMBER})
        updated = await client.put("/fhir/Patient?identifier=a|b", json=PATIENT)
        matched = await client.put("/fhir/Patient/pat-1", json=PATIENT, headers={"If-Match": 'W/"1"'})
    assert [created.status_code, updated.status_code, matched.status_code] == [400, 400, 400]
    assert "transaction" in issues(created)[0]["diagnostics"] and "transaction" in issues(updated)[0]["diagnostics"]
    assert edge.services.commands == []


async def test_every_sample_document_ends_accepted_held_refused_or_ignored_with_a_reason(
    make_edge: MakeEdge, samples: Path
) -> None:
    edge = make_edge()
    seen: dict[str, int] = {}
    async with edge.http() as client:
        for file in sorted((samples / "fhir").rglob("*.json")):
            for told in await take(client, file.read_bytes(), file.name):
                seen[told["outcome"]] = seen.get(told["outcome"], 0) + 1
                assert told["outcome"] == "accepted" or told["findings"], told
                malformed = [each for each in told["findings"] if each["value"] == "malformed"]
                assert not malformed, malformed
    assert seen.keys() <= OUTCOMES
    assert seen["accepted"] >= 10, seen
