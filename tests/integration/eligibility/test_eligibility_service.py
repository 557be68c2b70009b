"""Does the service say who pays, on a real database, whatever comes first?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.charges.main import build as build_charges
from services.eligibility.main import build as build_eligibility
from services.eligibility.settings import EligibilitySettings
from shared.kernel.identifiers import account_id_of
from shared.testing.hosting import Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.charges.test_charges_service import charge, list_everything

VISIT = "visit-1"
ACCOUNT = account_id_of(VISIT)
AETNA = {"name": "Aetna", "electronic_id": "60054", "aliases": ["A1"], "partner_id": "house"}
ANN = {
    "medical_record_number": "MRN-4711",
    "authority": "RIVERSIDE",
    "person": {
        "last": "Poe",
        "first": "Ann",
        "birth_on": "1980-04-02",
        "sex": "F",
        "address": {"line_1": "5 Elm St", "city": "Springfield", "state": "IL", "postal_code": "62704"},
    },
}
COVERAGE = {"coverage_id": "c1", "payer_reference": "A1", "rank": 1, "member_number": "MEM001"}


@pytest_asyncio.fixture(loop_scope="session")
async def practice(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Hosted]:
    eligibility = partial(build_eligibility, settings=EligibilitySettings(realtime_urls={}))
    async with hosted(postgres_server, {"charges": build_charges, "eligibility": eligibility}, tmp_path) as running:
        await list_everything(running)
        yield running


async def ask(practice: Hosted, method: str, path: str, body: Any = None, **options: Any) -> Any:
    return await practice.ask(method, f"/api/eligibility{path}", body, **options)


async def register(practice: Hosted, **changes: Any) -> str:
    answer = await ask(practice, "POST", "/patients", {**ANN, **changes})
    return str(answer["stream"]).removeprefix("patient/")


async def release(practice: Hosted, patient_id: str, visit: str = VISIT, number: int = 1) -> None:
    body = {"patient_id": patient_id, "charges": [charge(number)]}
    await practice.ask("POST", f"/api/charges/encounters/{visit}/charges", body)
    await practice.settle()


async def selections(practice: Hosted, state: str) -> list[dict[str, Any]]:
    found = await ask(practice, "GET", f"/coverage-selections?state={state}")
    return list(found["items"])


@pytest.mark.asyncio
async def test_released_charges_of_a_covered_patient_lead_to_the_coverages_that_pay(practice: Hosted) -> None:
    await ask(practice, "PUT", "/payers/aetna", AETNA)
    patient_id = await register(practice)
    await ask(practice, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await release(practice, patient_id)
    [row] = await selections(practice, "selected")
    assert (row["account_id"], row["patient_id"]) == (ACCOUNT, patient_id)
    assert [coverage["payer_id"] for coverage in row["coverages"]] == ["aetna"]
    [stored] = await practice.events("eligibility", "CoverageSelected")
    for personal in (b"Poe", b"MEM001", b"1980", b"Elm"):
        assert personal not in stored.data


@pytest.mark.asyncio
async def test_a_payers_filing_limits_are_listed_and_one_that_makes_no_sense_is_refused(practice: Hosted) -> None:
    limit = {"kind": "secondary", "days": 60, "counts_from": "primary-answer"}
    await ask(practice, "PUT", "/payers/aetna", {**AETNA, "filing_limits": [limit]})
    await practice.settle()
    [listed] = [each for each in (await ask(practice, "GET", "/payers"))["items"] if each["payer_id"] == "aetna"]
    assert listed["filing_limits"] == [{**limit, "months": 0, "moves_to_workday": False}]
    for wrong in (
        [{"kind": "original"}],
        [{"kind": "original", "days": 90, "months": 3}],
        [{"kind": "original", "days": 90, "counts_from": "primary-answer"}],
        [{"kind": "original", "days": 90}, {"kind": "original", "months": 12}],
        [{"kind": "appeal", "days": 90}],
    ):
        body = {**AETNA, "filing_limits": wrong}
        answer = await practice.http.put("/api/eligibility/payers/aetna", json=body, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 422, answer.text


@pytest.mark.asyncio
async def test_a_payers_appeal_levels_are_listed_in_their_order(practice: Hosted) -> None:
    address = {"line_1": "PO BOX 1", "city": "Toledo", "state": "OH", "postal_code": "43604"}
    first = {"name": "first", "days": 60, "sent_by": ["mail", "fax"], "address": address}
    second = {"name": "second", "days": 30, "counts": "business-days", "counts_from": "receipt", "receipt_days": 3}
    await ask(practice, "PUT", "/payers/aetna", {**AETNA, "appeal_levels": [first, second]})
    await practice.settle()
    [listed] = [each for each in (await ask(practice, "GET", "/payers"))["items"] if each["payer_id"] == "aetna"]
    assert [level["name"] for level in listed["appeal_levels"]] == ["first", "second"]
    assert listed["appeal_levels"][0]["address"] == {**address, "line_2": ""}
    assert listed["appeal_levels"][1] == {**second, "moves_to_workday": False, "sent_by": [], "address": None}
    wrong = {**AETNA, "appeal_levels": [{"name": "first", "days": 0}]}
    answer = await practice.http.put("/api/eligibility/payers/aetna", json=wrong, headers={"Idempotency-Key": "k2"})
    assert answer.status_code == 422, answer.text


@pytest.mark.asyncio
async def test_a_patient_nobody_registered_is_held_and_chosen_for_when_they_are_registered(practice: Hosted) -> None:
    patient_id = await register(practice)
    await release(practice, "patient-later")
    [row] = await selections(practice, "held")
    assert row["reason"] == "patient-unknown"
    await register(practice, patient_id="patient-later", medical_record_number="MRN-9")
    await practice.settle()
    assert await selections(practice, "held") == []
    [row] = await selections(practice, "none")
    assert row["patient_id"] == "patient-later" != patient_id
    await ask(practice, "PUT", "/payers/aetna", AETNA)
    await ask(practice, "POST", "/patients/patient-later/coverages", COVERAGE)
    await practice.settle()
    assert len(await selections(practice, "selected")) == 1


@pytest.mark.asyncio
async def test_an_unlisted_payer_holds_the_choice_until_it_is_listed(practice: Hosted) -> None:
    patient_id = await register(practice)
    await ask(practice, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await release(practice, patient_id)
    [row] = await selections(practice, "held")
    assert (row["reason"], row["references"]) == ("unknown-payer", ["A1"])
    await ask(practice, "PUT", "/payers/aetna", AETNA)
    await practice.settle()
    assert await selections(practice, "held") == []
    assert len(await practice.events("eligibility", "CoverageSelected")) == 1


@pytest.mark.asyncio
async def test_the_same_registration_and_coverage_again_under_other_keys_are_no_news(practice: Hosted) -> None:
    for _ in range(3):
        patient_id = await register(practice)
        await ask(practice, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    assert len(await practice.events("eligibility")) == 2


@pytest.mark.asyncio
async def test_a_merged_registration_brings_its_coverage_to_the_survivor(practice: Hosted) -> None:
    await ask(practice, "PUT", "/payers/aetna", AETNA)
    survivor = await register(practice)
    retired = await register(practice, medical_record_number="MRN-0815")
    await ask(practice, "POST", f"/patients/{retired}/coverages", COVERAGE)
    await release(practice, survivor)
    assert len(await selections(practice, "none")) == 1
    merge = {"retired_patient_id": retired}
    await ask(practice, "POST", f"/patients/{survivor}/merge", merge)
    await ask(practice, "POST", f"/patients/{survivor}/merge", merge)
    await practice.settle()
    assert len(await selections(practice, "selected")) == 1
    assert (await ask(practice, "GET", f"/patients/{retired}"))["patient_id"] == survivor
    back = {"retired_patient_id": survivor}
    assert (await ask(practice, "POST", f"/patients/{retired}/merge", back, status=409))["code"] == "merge-goes-round"


@pytest.mark.asyncio
async def test_what_was_booked_and_authorised_under_a_retired_registration_is_changed_under_the_survivor(
    practice: Hosted,
) -> None:
    survivor, retired = await register(practice), await register(practice, medical_record_number="MRN-0815")
    booked = {"appointment_id": "visit-1", "patient_id": retired, "starts_at": "2026-07-01T09:00:00Z"}
    granted = {
        "authorization_id": "auth-1",
        "patient_id": retired,
        "payer_id": "aetna",
        "number": "A77",
        "units": 3,
        "valid_from_on": "2026-01-01",
        "valid_to_on": "2026-12-31",
    }
    moved = booked | {"patient_id": survivor, "starts_at": "2026-07-02T09:00:00Z"}
    raised = granted | {"patient_id": survivor, "units": 5}
    await ask(practice, "POST", "/appointments", booked)
    await ask(practice, "POST", "/authorizations", granted)
    refused = await ask(practice, "POST", "/appointments", moved, status=409)
    assert refused["code"] == "appointment-of-another-patient"
    assert (await ask(practice, "POST", "/authorizations", raised, status=409))["code"].startswith("authorization-of")
    await ask(practice, "POST", f"/patients/{survivor}/merge", {"retired_patient_id": retired})
    await ask(practice, "POST", "/appointments", moved)
    await ask(practice, "POST", "/authorizations", raised)
    booking, authorization = "appointment/visit-1", "authorization/auth-1"
    told = [each.stream for each in await practice.events("eligibility", "AppointmentBooked", "AuthorizationRecorded")]
    assert told == [booking, authorization, booking, authorization]


@pytest.mark.asyncio
async def test_whatever_comes_first_every_account_ends_with_its_coverage(practice: Hosted) -> None:
    visits = [f"visit-{number}" for number in range(12)]

    async def visit_and_charge(number: int, visit: str) -> None:
        body = {"patient_id": f"patient-{number}", "charges": [charge(number, code="99213")]}
        await practice.ask("POST", f"/api/charges/encounters/{visit}/charges", body)

    async def patient_and_coverage(number: int) -> None:
        patient_id = f"patient-{number}"
        await register(practice, patient_id=patient_id, medical_record_number=f"MRN-{number}")
        await ask(practice, "POST", f"/patients/{patient_id}/coverages", COVERAGE)

    stories = [visit_and_charge(number, visit) for number, visit in enumerate(visits)]
    stories += [patient_and_coverage(number) for number in range(len(visits))]
    listing = ask(practice, "PUT", "/payers/aetna", AETNA)
    await asyncio.gather(*stories[::2], listing, *stories[1::2])
    await practice.settle()
    chosen = await selections(practice, "selected")
    assert {row["account_id"] for row in chosen} == {account_id_of(visit) for visit in visits}
    assert await practice.events("eligibility", "ReactionRefused") == []


@pytest.mark.asyncio
async def test_a_patient_is_shown_in_the_clear_and_found_without_the_number_in_a_url(practice: Hosted) -> None:
    patient_id = await register(practice)
    await ask(practice, "POST", f"/patients/{patient_id}/coverages", {**COVERAGE, "group_number": "G7"})
    await practice.settle()
    [hit] = await ask(
        practice, "POST", "/patients/search", {"medical_record_number": "mrn-4711", "authority": "Riverside"}
    )
    assert hit["patient_id"] == patient_id
    [hit] = await ask(practice, "POST", "/patients/search", {"last": "poe", "first": "ANN", "birth_on": "1980-04-02"})
    shown = await ask(practice, "GET", f"/patients/{hit['patient_id']}")
    assert (shown["medical_record_number"], shown["person"]["last"]) == ("MRN-4711", "Poe")
    [coverage] = shown["coverages"]
    assert (coverage["member_number"], coverage["group_number"], coverage["payer_id"]) == ("MEM001", "G7", None)


@pytest.mark.asyncio
async def test_a_malformed_registration_is_refused_by_place_and_rule_without_quoting_it(practice: Hosted) -> None:
    person = {**ANN["person"], "birth_on": "April 2nd"}  # type: ignore[dict-item]
    problem = await ask(practice, "POST", "/patients", {**ANN, "person": person}, status=422)
    assert "birth_on" in str(problem)
    assert "April" not in str(problem)


@pytest.mark.asyncio
async def test_what_a_claim_will_need_and_nobody_said_is_listed(practice: Hosted) -> None:
    patient_id = await register(practice, person={"last": "Poe"})
    [row] = (await ask(practice, "GET", "/patients/gaps", params={"after": await _after(practice)}))["items"]
    assert row["patient_id"] == patient_id
    assert {"birth-date", "street"} <= set(row["missing"])


async def _after(practice: Hosted) -> str:
    stored = (await practice.events("eligibility"))[-1]
    return f"eligibility:{stored.position}"


@pytest.mark.asyncio
async def test_coverage_on_a_date_keeps_not_asked_apart_from_not_covered(practice: Hosted) -> None:
    await ask(practice, "PUT", "/payers/aetna", AETNA)
    patient_id = await register(practice)
    await ask(practice, "POST", f"/patients/{patient_id}/coverages", {**COVERAGE, "terminated_on": "2026-05-31"})
    await practice.settle()
    found = await ask(practice, "GET", f"/patients/{patient_id}/coverage?on=2026-06-01")
    [coverage] = found["coverages"]
    assert (coverage["is_recorded_active"], coverage["payer_says"], coverage["benefits"]) == (False, "not-asked", [])


@pytest.mark.asyncio
async def test_an_authorisation_is_used_up_and_no_further(practice: Hosted) -> None:
    body = {
        "authorization_id": "auth-1",
        "patient_id": "patient-1",
        "payer_id": "aetna",
        "number": "A77",
        "units": 3,
        "valid_from_on": "2026-01-01",
        "valid_to_on": "2026-12-31",
    }
    await ask(practice, "POST", "/authorizations", body)
    await ask(practice, "POST", "/authorizations/auth-1/use", {"account_id": "account-1", "units": 2})
    problem = await ask(
        practice, "POST", "/authorizations/auth-1/use", {"account_id": "account-2", "units": 2}, status=409
    )
    assert (problem["code"], problem["facts"]["left"]) == ("authorization-used-up", 1)
    await practice.settle()
    [row] = (await ask(practice, "GET", "/authorizations/running-out?units=1"))["items"]
    assert (row["units"], row["units_used"]) == (3, 2)


@pytest.mark.asyncio
async def test_what_the_service_recorded_verifies(practice: Hosted) -> None:
    await ask(practice, "PUT", "/payers/aetna", AETNA)
    patient_id = await register(practice)
    await ask(practice, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await release(practice, patient_id)
    report = await ask(practice, "GET", "/ops/verify")
    assert report["ok"], [check for check in report["checks"] if check["violations"]]
    checked = {check["name"]: check["checked"] for check in report["checks"]}
    assert checked["eligibility: selected coverages are ranked 1, 2, …, each once"] == 1
