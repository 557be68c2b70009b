"""Do the real services take what the edge sends, from an EHR's first message to released charges with a coverage?"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.encounter import Encounter as FhirEncounter
from fhir.resources.R4B.patient import Patient as FhirPatient
from starlette.applications import Starlette
from starlette.routing import Mount

from deploy.demo import population
from deploy.demo.messages import appointment, charges, registration
from services.charges import main as charges_service
from services.eligibility import main as eligibility_service
from services.gateway.main import GatewayRuntime, build
from services.gateway.receipts import create_gateway_schema
from services.gateway.settings import GatewaySettings
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.store.migrate import APP, OWNER
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from shared.testing.stores import PASSWORD
from tests.integration.gateway.conftest import Edge, MemoryDocuments, StandIns, own_database
from tests.integration.gateway.test_fhir import CHARGE, CONDITION, COVERAGE, ENCOUNTER, PATIENT, PROCEDURE, bundle, post
from tests.integration.gateway.test_messages_over_mllp import code, rules
from tests.unit.gateway.messages import A04, A40, DFT, with_control_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

SENT_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def test_what_the_demo_ehr_sends_is_committed_by_the_services(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    builds = {"charges": charges_service.build, "eligibility": eligibility_service.build}
    practice = population.invent(patients=3, first_day=date(2026, 2, 23), days=3, seed=1)
    async with own_database(postgres_server) as name, hosted(postgres_server, builds, tmp_path) as running:
        edge, client = await _edge(postgres_server, name, running)
        try:
            async with edge.listening() as sender:
                for visit in practice.visits[:2]:
                    for message in (appointment, registration, charges):
                        answer = await sender.ask(message(visit, SENT_AT))
                        assert code(answer) == "AA", answer
            await running.settle()
        finally:
            await edge.parts.close()
            await client.aclose()
        captured = await running.events("charges", "ChargeCaptured")
        assert len(captured) == sum(len(visit.services) for visit in practice.visits[:2])
        registered = await running.events("eligibility", "PatientRegistered")
        assert len(registered) == len({visit.patient.record_number for visit in practice.visits[:2]})
        assert await running.events("eligibility", "AppointmentBooked")


async def _edge(server: PostgresServer, name: str, running: Hosted) -> tuple[Edge, httpx.AsyncClient]:
    platform = running.platform
    settings = platform.settings
    app = Starlette(routes=[Mount(f"/api/{service}", app=host.app) for service, host in running.hosts.items()])
    token = local_token(settings, [Role.INTEGRATION], TENANT, subject="edge")
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://ledgerline",
        headers={"Authorization": f"Bearer {token}"},
    )
    owner = server.dsn(name, OWNER, password=PASSWORD)
    await create_gateway_schema(owner)
    runtime = GatewayRuntime(
        settings=settings.model_copy(update={"mllp_tenant": TENANT, "mllp_port": 0}),
        documents=platform.documents,
        vault=platform.vault,
        clock=platform.clock,
        client=client,
        database_dsn=server.dsn(name, APP, password=PASSWORD),
        owner_dsn=owner,
    )
    parts = build(runtime, GatewaySettings())
    return Edge(parts=parts, services=StandIns(), documents=MemoryDocuments(), runtime=runtime), client


async def test_after_a_merge_a_visit_takes_charges_under_either_number_and_under_no_third(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Each message right behind the one before it: no answer may hang on how far a reader has come."""
    builds = {"charges": charges_service.build, "eligibility": eligibility_service.build}
    under_retired, under_another = (
        told.replace(b"MRN-1", number) for told, number in ((A04, b"MRN-2"), (DFT, b"MRN-9"))
    )
    later_visit = with_control_id(A04.replace(b"V1^^^RIVER", b"V2^^^RIVER"), "ADT-2")
    later_charge = DFT.replace(b"MRN-1", b"MRN-2").replace(b"V1^^^RIVER", b"V2^^^RIVER").replace(b"|T", b"|U")
    async with own_database(postgres_server) as name, hosted(postgres_server, builds, tmp_path) as running:
        edge, client = await _edge(postgres_server, name, running)
        try:
            async with edge.listening() as sender:
                assert code(await sender.ask(under_retired)) == "AA"
                assert code(await sender.ask(with_control_id(under_another, "D-0"))) == "AE"
                before = await sender.ask(with_control_id(DFT, "D-1"))
                assert (code(before), "belongs to another patient" in rules(before)[0]) == ("AE", True)
                pairs = A40.split(b"PID|1||MRN-3")[0]
                survivor = with_control_id(A04.replace(b"V1^^^RIVER", b"V3^^^RIVER"), "ADT-3")
                for message in (survivor, pairs, DFT, later_visit, with_control_id(later_charge, "D-2")):
                    assert code(await sender.ask(message)) == "AA", message
                assert code(await sender.ask(with_control_id(under_another, "D-3"))) == "AE"
            await running.settle()
        finally:
            await edge.parts.close()
            await client.aclose()
        opened = await running.events("charges", "EncounterOpened")
        captured = await running.events("charges", "ChargeCaptured")
        first, _, later = (each.key for each in opened)
        assert [each.key for each in captured] == [first] * 2 + [later] * 2
        assert len(await running.events("eligibility", "PatientRetired")) == 1


async def test_a_fhir_transaction_is_committed_by_the_services_and_coverage_reads_back(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    builds = {"charges": charges_service.build, "eligibility": eligibility_service.build}
    async with own_database(postgres_server) as name, hosted(postgres_server, builds, tmp_path) as running:
        edge, client = await _edge(postgres_server, name, running)
        try:
            async with edge.http() as http:
                answer = await post(http, bundle(PATIENT, COVERAGE, ENCOUNTER, CONDITION, CHARGE))
                assert answer.status_code == 200, answer.text
                taken_back = await post(http, bundle(PATIENT, ENCOUNTER, {**CHARGE, "status": "entered-in-error"}))
                assert taken_back.status_code == 200, taken_back.text
                found = await http.get("/fhir/Coverage", params={"beneficiary": "Patient/pat-1"})
                patient = await http.get("/fhir/Patient/pat-1")
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                searched = await http.post(
                    "/fhir/Patient/_search", content="identifier=urn:oid:1.2.3|MRN-1", headers=form
                )
                by_url = await http.get("/fhir/Patient", params={"identifier": "urn:oid:1.2.3|MRN-1"})
                await running.settle()
                visit = await http.get("/fhir/Encounter/enc-1")
                nobody = await http.get("/fhir/Encounter/enc-2")
        finally:
            await edge.parts.close()
            await client.aclose()
        FhirPatient.model_validate_json(patient.content)
        FhirEncounter.model_validate_json(visit.content)
        assert (patient.json()["name"][0]["family"], patient.json()["identifier"][0]["value"]) == (
            "Everywoman",
            "MRN-1",
        )
        assert [each["resource"] for each in searched.json()["entry"]] == [patient.json()]
        assert (by_url.status_code, "_search" in by_url.text, nobody.status_code) == (400, True, 404)
        assert visit.json()["subject"]["reference"] == f"Patient/{patient.json()['id']}"
        assert (visit.json()["class"]["code"], visit.json()["period"]["start"]) == ("AMB", "2026-03-02")
        Bundle.model_validate_json(found.content)
        assert [entry["resource"]["subscriberId"] for entry in found.json()["entry"]] == ["MEMBER1"]
        assert len(await running.events("charges", "ChargeCaptured", "ChargeCredited")) == 2
        assert await running.events("charges", "DiagnosesCoded")


@pytest.mark.parametrize("charge_is_first", [True, False])
async def test_a_procedure_and_the_charge_for_it_are_one_charge_in_either_order(
    postgres_server: PostgresServer, tmp_path: Path, charge_is_first: bool
) -> None:
    builds = {"charges": charges_service.build, "eligibility": eligibility_service.build}
    told = [{**CHARGE, "service": [{"reference": "Procedure/pro-1"}]}, PROCEDURE]
    async with own_database(postgres_server) as name, hosted(postgres_server, builds, tmp_path) as running:
        edge, client = await _edge(postgres_server, name, running)
        try:
            async with edge.http() as http:
                first = await post(http, bundle(PATIENT, ENCOUNTER, CONDITION))
                for resource in told if charge_is_first else reversed(told):
                    answer = await post(http, resource, f"/fhir/{resource['resourceType']}")
                    assert answer.is_success, answer.text
            await running.settle()
        finally:
            await edge.parts.close()
            await client.aclose()
        visit = first.json()["entry"][1]["response"]["location"].removeprefix("Encounter/")
        lines = (await running.ask("GET", f"/api/charges/encounters/{visit}"))["lines"]
        report = await running.ask("GET", "/api/charges/ops/verify")
        credited = await running.events("charges", "ChargeCredited")
    captured = {line["code"]: line["charged_cents"] for line in lines}
    done = {} if charge_is_first else {"36415": None}
    assert (captured, len(credited), report["ok"]) == ({"99213": 12000, **done}, len(done), True)
