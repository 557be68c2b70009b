"""Several visits of one patient share a claim: it is sent, answered and balanced once, and taken apart while that is possible."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837i import read_837i
from shared.codecs.x12.claim_837p import read_837p
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import PERSON, Practice, practice

MONDAY, THURSDAY = date(2026, 5, 25), date(2026, 5, 28)  # of the week before


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    async with practice(postgres_server, tmp_path) as made:
        yield made


async def _charge(clinic: Practice, visit: str, on: date, *lines: dict[str, Any], patient: str = "iris") -> None:
    charges = [
        {
            "charge_id": f"{visit}-{line.get('number', number)}",
            "source_key": f"EHR|{visit}-{line.pop('number', number)}",
            "service_on": on.isoformat(),
            "code": "99213",
            "charged_cents": 135_00,
            "diagnoses": ["J069"],
            "rendering_reference": "ADAMS1",
            **line,
        }
        for number, line in enumerate(lines, start=1)
    ]
    body = {"patient_id": patient, "charges": charges}
    await clinic.system.ask("POST", f"/api/charges/encounters/{visit}/charges", body)


async def _join(clinic: Practice, visit: str, *others: str, **options: Any) -> Any:
    body = {"encounter_ids": list(others), "reason": "one week"}
    return await clinic.system.ask("POST", f"/api/charges/encounters/{visit}/joined-visits", body, **options)


async def _visit(clinic: Practice, visit: str) -> Any:
    return await clinic.system.ask("GET", f"/api/charges/encounters/{visit}")


async def _claims(clinic: Practice) -> list[dict[str, Any]]:
    found = (await clinic.system.ask("GET", "/api/claims/claims"))["items"]
    return sorted(found, key=lambda claim: str(claim["claim_id"]))


def _sent(clinic: Practice) -> list[bytes]:
    """Every file that left; the codec finds nothing in any."""
    files = [file.read_bytes() for file in sorted((clinic.inbox.parent / "archive").glob("*.837"))]
    assert [check(content, npi="error") for content in files] == [[] for _ in files]
    return files


async def _register(clinic: Practice, **person: Any) -> None:
    """Claims wait for as long as the birth date is not known."""
    told = {"patient_id": "iris", "medical_record_number": "MRN-iris", "person": {**PERSON, "birth_on": None, **person}}
    await clinic.system.ask("POST", "/api/eligibility/patients", told)


async def _cover(clinic: Practice) -> None:
    await _register(clinic)
    coverage = {"coverage_id": "iris-blue", "payer_reference": "blue-plains", "member_number": "BLUIRIS"}
    body = {**coverage, "effective_on": "2020-01-01"}
    await clinic.system.ask("POST", "/api/eligibility/patients/iris/coverages", body)


async def _birth_date_is_told(clinic: Practice) -> None:
    await _register(clinic, birth_on=PERSON["birth_on"])


async def _two_visits(clinic: Practice) -> None:
    await _cover(clinic)
    await _charge(clinic, "monday", MONDAY, {}, {"code": "93000", "charged_cents": 65_00})
    await _charge(clinic, "thursday", THURSDAY, {"place_of_service": "12", "diagnoses": ["M545", "J069"]})
    await clinic.system.settle()


@pytest.mark.asyncio
async def test_two_visits_are_paid_on_one_claim_and_balance_to_nothing(clinic: Practice) -> None:
    await _two_visits(clinic)
    path = "/api/charges/encounters/monday/joined-visits/preview"
    shown = await clinic.system.ask("GET", path, params={"visit": "thursday", "days_before_admission": 1})
    assert (shown["lines"], shown["charged_cents"], shown["findings"]) == (3, 335_00, [])
    assert (shown["service_on"], shown["service_to_on"]) == (MONDAY.isoformat(), THURSDAY.isoformat())
    once = {"headers": {"Idempotency-Key": "join-1"}}
    first, again = [await _join(clinic, "monday", "thursday", **once) for _ in range(2)]
    assert (again["event_ids"], again["is_repeat"]) == (first["event_ids"], True)
    await clinic.system.settle()
    monday, thursday = await _visit(clinic, "monday"), await _visit(clinic, "thursday")
    assert monday["encounter"]["joined"] == ["thursday"]
    assert (thursday["encounter"]["billed_with"], thursday["bills"]) == ("monday", [])
    assert [bill["released_cents"] for bill in monday["bills"]] == [335_00]
    assert await clinic.balances() == {"payer:1": 335_00}
    await _birth_date_is_told(clinic)
    await clinic.live(days=16)
    [file] = _sent(clinic)
    [claim] = [claim for batch in read_837p(file) for claim in batch.claims]
    assert [(line.service_on, line.place_of_service, line.pointers) for line in claim.lines] == [
        (MONDAY, "", (1,)),
        (MONDAY, "", (1,)),
        (THURSDAY, "12", (2, 1)),
    ]
    assert claim.charged_cents == 335_00
    assert len(await clinic.system.events("payments", "ClaimPaymentPosted")) == 1
    assert {each["charged_cents"] for each in await _claims(clinic) if each["status"] != "voided"} == {335_00}
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_claims_that_were_sent_are_replaced_by_the_joint_one_and_the_others_voided(clinic: Practice) -> None:
    await _two_visits(clinic)
    await _birth_date_is_told(clinic)
    await clinic.live(days=2)
    sent = [claim for file in _sent(clinic) for batch in read_837p(file) for claim in batch.claims]
    assert sorted(claim.charged_cents for claim in sent) == [135_00, 200_00]
    await _join(clinic, "monday", "thursday")
    await clinic.live(days=4)
    later = [claim for file in _sent(clinic) for batch in read_837p(file) for claim in batch.claims][len(sent) :]
    assert {claim.frequency: claim.charged_cents for claim in later} == {"7": 335_00, "8": 135_00}
    assert await clinic.violations() == []
    await clinic.live(days=16)
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_taken_apart_before_it_is_sent_each_visit_has_its_own_claim_again(clinic: Practice) -> None:
    await _two_visits(clinic)
    await _join(clinic, "monday", "thursday")
    await clinic.system.settle()
    await _charge(clinic, "thursday", THURSDAY, {"number": 2, "code": "36415", "charged_cents": 18_00})
    await clinic.system.settle()
    assert [bill["released_cents"] for bill in (await _visit(clinic, "monday"))["bills"]] == [353_00]
    await _join(clinic, "monday")
    await clinic.system.settle()
    await _birth_date_is_told(clinic)
    await clinic.live(days=16)
    sent = [claim for file in _sent(clinic) for batch in read_837p(file) for claim in batch.claims]
    assert sorted(claim.charged_cents for claim in sent) == [153_00, 200_00]
    assert (await _visit(clinic, "thursday"))["encounter"]["billed_with"] is None
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_what_may_not_share_a_claim_is_refused_by_the_name_of_the_rule(clinic: Practice) -> None:
    await _two_visits(clinic)
    await clinic.register("noah", "blue-plains")
    await _charge(clinic, "noahs", THURSDAY, {}, patient="noah")
    await clinic.system.settle()
    refusal = await _join(clinic, "monday", "noahs", status=409)
    assert refusal["code"] == "visits-cannot-be-joined"
    assert refusal["facts"] == {"rule": "CHG-801", "place": "visit noahs"}
    path = "/api/charges/encounters/monday/joined-visits/preview"
    version = (await clinic.system.ask("GET", path, params={"visit": "thursday"}))["version"]
    await _charge(clinic, "monday", MONDAY, {"number": 3, "code": "36415", "charged_cents": 18_00})
    seen = {"Ledgerline-Expected-Version": str(version)}
    refusal = await _join(clinic, "monday", "thursday", status=409, headers=seen)
    assert refusal["code"] == "changed-meanwhile"
    unknown = "/api/charges/encounters/nobody/joined-visits/preview"
    await clinic.system.ask("GET", unknown, status=404)
    listed = await clinic.system.ask("GET", "/api/charges/encounters", params={"patient_id": "iris"})
    assert {row["encounter_id"] for row in listed["items"]} == {"monday", "thursday"}


@pytest.mark.asyncio
async def test_therapies_of_a_month_share_one_statement(clinic: Practice) -> None:
    await _cover(clinic)
    for visit, on in (("first", date(2026, 5, 4)), ("second", date(2026, 5, 18))):
        stay = {"bill_type": "13", "patient_status": "30", "admission_type": "3", "admission_source": "1"}
        body = {"encounter_id": visit, "patient_id": "iris", "attending_reference": "ADAMS1"}
        await clinic.system.ask("POST", "/api/charges/encounters", {**body, "kind": "institutional", "stay": stay})
        await clinic.system.ask("POST", f"/api/charges/encounters/{visit}/diagnoses", {"diagnoses": ["M545"]})
        await _charge(clinic, visit, on, {"code": "97110", "revenue_code": "0420", "modifiers": ["GP"]})
    await clinic.system.settle()
    await _join(clinic, "first", "second")
    await clinic.system.settle()
    await _birth_date_is_told(clinic)
    await clinic.live(days=16)
    [file] = _sent(clinic)
    [claim] = [claim for batch in read_837i(file) for claim in batch.claims]
    assert [line.service_on for line in claim.lines] == [date(2026, 5, 4), date(2026, 5, 18)]
    assert claim.statement is not None
    assert (claim.statement.first_on, claim.statement.last_on) == (date(2026, 5, 4), date(2026, 5, 18))
    assert await clinic.violations() == []
