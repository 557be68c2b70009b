"""A hospital's and a dentist's visit go the whole way: charges over the API, an 837I or 837D, its answers, a closed claim."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.codecs.x12.claim_837d import read_837d
from shared.codecs.x12.claim_837i import InstitutionalClaim, read_837i
from shared.codecs.x12.envelope import read_transactions
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import MORNING, Practice, practice

TODAY = MORNING.date().isoformat()


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    async with practice(postgres_server, tmp_path) as made:
        yield made


def _sent(clinic: Practice) -> dict[str, list[bytes]]:
    """Every claim file that left, by kind of set."""
    found: dict[str, list[bytes]] = {}
    archive = clinic.inbox.parent / "archive"
    for file in sorted(archive.glob("*.837")):
        kinds = {each.kind for each in read_transactions(file.read_bytes())}
        assert len(kinds) == 1, "a file holds claims of one kind"
        found.setdefault(kinds.pop(), []).append(file.read_bytes())
    return found


async def _open(clinic: Practice, visit: str, patient: str, **told: Any) -> None:
    body = {"encounter_id": visit, "patient_id": patient, "attending_reference": "ADAMS1", **told}
    await clinic.system.ask("POST", "/api/charges/encounters", body)


async def _charge(clinic: Practice, visit: str, patient: str, *lines: dict[str, Any]) -> None:
    charges = [
        {
            "charge_id": f"{visit}-{number}",
            "source_key": f"EHR|{visit}-{number}",
            "service_on": TODAY,
            **line,
        }
        for number, line in enumerate(lines, start=1)
    ]
    await clinic.system.ask(
        "POST", f"/api/charges/encounters/{visit}/charges", {"patient_id": patient, "charges": charges}
    )


async def _code(clinic: Practice, visit: str, *diagnoses: str, **hospital: Any) -> None:
    body: dict[str, Any] = {"diagnoses": list(diagnoses)}
    if hospital:
        body["hospital"] = hospital
    await clinic.system.ask("POST", f"/api/charges/encounters/{visit}/diagnoses", body)


async def _claims(clinic: Practice) -> dict[int, dict[str, Any]]:
    await clinic.settle()
    answer = await clinic.system.ask("GET", "/api/claims/claims")
    return {each["rank"]: each for each in answer["items"]}


OUTPATIENT_STAY = {"bill_type": "13", "admission_type": "1", "admission_source": "1", "patient_status": "01"}


@pytest.mark.asyncio
async def test_an_outpatient_visit_is_billed_on_an_837i_and_paid_by_revenue_code(clinic: Practice) -> None:
    await clinic.register("iris", "blue-plains")
    await _open(clinic, "er-1", "iris", kind="institutional", stay=OUTPATIENT_STAY)
    await _code(clinic, "er-1", "R0789", reasons_for_visit=["R0789"])
    await _charge(
        clinic,
        "er-1",
        "iris",
        {"code": "99283", "revenue_code": "0450", "charged_cents": 800_00},
        {"revenue_code": "0250", "units": "3", "charged_cents": 45_14},  # the total is marked: the sandbox pays it
    )
    await clinic.settle()
    assert await clinic.balances() == {"payer:1": 845_14}
    await clinic.live(days=16)
    [claim] = (await _claims(clinic)).values()
    assert (claim["status"], claim["kind"], claim["charged_cents"]) == ("closed", "institutional", 845_14)
    assert await clinic.balances() == {"patient": 25_00}
    printed = await clinic.system.http.get(f"/api/claims/claims/{claim['claim_id']}/printed")
    assert (printed.status_code, printed.content[:4]) == (200, b"%PDF")
    sent = _sent(clinic)
    assert list(sent) == ["837I"]
    [batch] = read_837i(sent["837I"][0])
    [written] = batch.claims
    assert (written.facility_type, written.patient_status) == ("13", "01")
    assert [(line.revenue_code, line.procedure and line.procedure.code) for line in written.lines] == [
        ("0450", "99283"),
        ("0250", None),
    ]
    posted = await clinic.system.events("payments", "ClaimPaymentPosted")
    assert len(posted) == 1
    assert b'"revenue_code":"0250"' in posted[0].data
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_a_stay_with_surgery_goes_to_two_payers(clinic: Practice) -> None:
    await clinic.register("noah", "blue-plains", "silver-supplement")
    stay = {
        "bill_type": "11",
        "admitted_on": TODAY,
        "admitted_time": "0015",
        "admission_type": "3",
        "admission_source": "1",
        "conditions": ["C5"],
        "values": [{"code": "80", "amount_cents": 3_00}],
    }
    await _open(clinic, "stay-1", "noah", kind="institutional", operating_reference="BROOK1", stay=stay)
    await _charge(
        clinic,
        "stay-1",
        "noah",
        {"revenue_code": "0120", "unit": "DA", "units": "3", "rate_cents": 1_500_00, "charged_cents": 4_500_00},
        {"revenue_code": "0360", "charged_cents": 6_000_14},
    )
    await _code(
        clinic,
        "stay-1",
        "K3580",
        "Z87891",
        admitting_diagnosis="K3580",
        present_on_admission={"K3580": "Y"},
        procedures=[{"code": "0DTJ4ZZ", "performed_on": TODAY}],
    )
    await clinic.settle()
    told = await clinic.system.ask("GET", "/api/charges/encounters/stay-1")
    assert (told["encounter"]["state"], told["encounter"]["held_reason"]) == ("held", "edits-failed")
    assert {finding["rule"] for finding in told["encounter"]["findings"]} == {"CHG-602"}  # nobody said how it ended
    discharged = {**stay, "discharged_time": "1100", "patient_status": "01"}
    await _open(clinic, "stay-1", "noah", stay=discharged)
    await clinic.live(days=32)
    claims = await _claims(clinic)
    assert [(claims[rank]["status"], claims[rank]["kind"]) for rank in (1, 2)] == [("closed", "institutional")] * 2
    balances = await clinic.balances()
    assert list(balances) == ["patient"]
    written: list[InstitutionalClaim] = [
        claim for content in _sent(clinic)["837I"] for batch in read_837i(content) for claim in batch.claims
    ]
    primary, secondary = sorted(written, key=lambda claim: claim.subscriber.responsibility)
    assert primary.codes.principal is not None
    assert primary.codes.principal.present_on_admission == "Y"
    assert primary.operating is not None
    assert primary.operating.name == "BROOK"
    assert (primary.stay.admitted_time, primary.stay.discharged_time) == ("0015", "1100")
    assert secondary.other_coverages[0].paid_cents is not None
    assert [[each.revenue_code for each in line.adjudications] for line in secondary.lines] == [["0120"], ["0360"]]
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_a_dental_visit_is_billed_on_an_837d_beside_a_doctors(clinic: Practice) -> None:
    await clinic.register("elsa", "prairie-hmo")
    await _open(clinic, "tooth-1", "elsa", kind="dental")
    await _charge(
        clinic,
        "tooth-1",
        "elsa",
        {"code": "D2392", "charged_cents": 190_00, "dental": {"teeth": [{"code": "14", "surfaces": ["M", "O"]}]}},
        {"code": "D4341", "charged_cents": 220_14, "dental": {"oral_areas": ["10"]}},
    )
    await clinic.charge("visit-1", "elsa", ("99213", 150_14))
    await clinic.live(days=16)
    answer = await clinic.system.ask("GET", "/api/claims/claims")
    assert sorted((each["status"], each["kind"]) for each in answer["items"]) == [
        ("closed", "dental"),
        ("closed", "professional"),
    ]
    sent = _sent(clinic)
    assert sorted(sent) == ["837D", "837P"]
    [batch] = read_837d(sent["837D"][0])
    [claim] = batch.claims
    assert [[(tooth.code, tooth.surfaces) for tooth in line.teeth] for line in claim.lines] == [
        [("14", ("M", "O"))],
        [],
    ]
    assert [line.areas for line in claim.lines] == [(), ("10",)]
    assert list(await clinic.balances()) == ["patient"]
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_what_is_no_stay_is_refused_by_place_value_and_rule(clinic: Practice) -> None:
    body = {
        "encounter_id": "er-2",
        "patient_id": "iris",
        "kind": "institutional",
        "stay": {"bill_type": "0131", "admitted_time": "2500"},
    }
    refused = await clinic.system.ask("POST", "/api/charges/encounters", body, status=422)
    assert [each["place"] for each in refused["errors"]] == ["body.stay.bill_type", "body.stay.admitted_time"]
    assert all(each["rule"] for each in refused["errors"])
    assert [stored.key for stored in await clinic.system.events("charges", "EncounterOpened")] == []
