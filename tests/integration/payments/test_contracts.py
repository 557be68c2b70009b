"""Contracts over HTTP: what a payer allowed is held against them line by line, and what differs is worked on until it is over."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from shared.events.eligibility import PayerListed
from shared.runtime.vault import Opener
from shared.testing.hosting import TENANT
from tests.integration.payments.test_payments_service import CLAIM, World, covered, released, remittance, world
from tests.unit.payments.test_fee_schedules import MEDICARE

__all__ = ["world"]
AMOUNTS = b"procedure_code,modifiers,place,amount\n99211,,non-facility,130.00\n99211,,facility,99.00\n99212,,,100.00\n"
VALUES = b"procedure_code,work_rvu,non_facility_pe_rvu,facility_pe_rvu,mp_rvu\n99211,1.30,1.37,0.57,0.10\n"
FACTORS = {
    "conversion_factor": "32.3465",
    "work_gpci": "1.010",
    "expense_gpci": "0.987",
    "malpractice_gpci": "0.725",
}
TERMS: dict[str, Any] = {
    "effective_from": "2026-01-01",
    "terms": [{"rule": "schedule", "schedule_id": "aetna-2026"}],
    "tolerance_cents": 100,
    "tolerance_percent": "0",
}
CONTRACT: dict[str, Any] = {**TERMS, "contract_id": "c1", "name": "Aetna PPO"}


def answered(first: str, second: str, *, paid: str, patient: str, status: str = "1") -> str:
    """An answer to the claim of 150.00 and 100.00, with the adjustments of its lines."""
    return (
        f"CLP*{CLAIM}*{status}*250*{paid}*{patient}*12*ICN1*11*1~"
        f"SVC*HC:99211*150*{first}~REF*6R*L1~SVC*HC:99212*100*{second}~REF*6R*L2~"
    )


# L1: paid 96 of 120 allowed (24 coinsurance), 130 expected: 10.00 short. L2: all of its 100.00 is the deductible.
SHORT = answered(
    "96**1~DTM*472*20260302~CAS*CO*45*30~CAS*PR*2*24",
    "0**1~DTM*472*20260302~CAS*PR*1*100",
    paid="96",
    patient="124",
)
# The same with sequestration of 2.60 and everything else as the contract says.
RIGHT = answered(
    "103.4**1~DTM*472*20260302~CAS*CO*45*20*1*253*2.6~CAS*PR*2*24",
    "0**1~DTM*472*20260302~CAS*PR*1*100",
    paid="103.4",
    patient="124",
)
BACK = (
    f"CLP*{CLAIM}*22*-250*-96**12*ICN1*11*1~"
    "SVC*HC:99211*-150*-96~CAS*CO*45*-30~CAS*PR*2*-24~REF*6R*L1~SVC*HC:99212*-100*0~CAS*PR*1*-100~REF*6R*L2~"
)


async def load(
    world: World,
    content: bytes,
    *,
    to: str = "aetna-2026/amounts",
    status: int = 201,
    since: str = "2026-01-01",
    **more: str,
) -> Any:
    query = urlencode({"name": "Aetna 2026", "effective_from": since, **more})
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "text/csv"}
    answer = await world.running.http.post(
        f"/api/payments/fee-schedules/{to}?{query}", content=content, headers=headers
    )
    assert answer.status_code == status, answer.text
    await world.settle()
    return answer.json()


async def contracted(world: World, **changed: Any) -> None:
    await world.say("eligibility", PayerListed(payer_id="aetna", name="Aetna", electronic_id="60054"))
    await world.settle()
    await load(world, AMOUNTS)
    await world.ask("POST", "/payers/aetna/contracts", {**CONTRACT, **changed})
    await world.settle()


async def visited(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()


async def variances(world: World, **wanted: Any) -> list[dict[str, Any]]:
    """Every page, one row at a time."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        query = urlencode({**wanted, "limit": 1, **({"cursor": cursor} if cursor else {})})
        found = await world.ask("GET", f"/variances?{query}")
        items += found["items"]
        if not (cursor := found["next"] or ""):
            return items


async def act(
    world: World, variance_id: str, deed: str, body: Any, *, status: int = 200, version: int | None = None
) -> Any:
    headers = {"Idempotency-Key": str(uuid4())}
    if version is not None:
        headers["Ledgerline-Expected-Version"] = str(version)
    path = f"/api/payments/variances/{variance_id}/{deed}"
    answer = await world.running.http.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    await world.settle()
    return answer.json()


@pytest.mark.asyncio
async def test_a_line_that_is_short_of_the_contract_opens_with_its_figures(world: World) -> None:
    await contracted(world)
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    assert {name: found[name] for name in ("kind", "state", "payer_name", "claim_id", "line_id", "procedure_code")} == {
        "kind": "underpayment",
        "state": "open",
        "payer_name": "Aetna",
        "claim_id": CLAIM,
        "line_id": "L1",
        "procedure_code": "99211",
    }
    cents = ("charged_cents", "expected_cents", "allowed_cents", "variance_cents", "tolerance_cents")
    assert [found[name] for name in cents] == [150_00, 130_00, 120_00, 10_00, 1_00]
    basis = found["basis"]
    assert (basis["contract_id"], basis["contract_version"], basis["schedule_version"]) == ("c1", 1, 1)
    assert {each["name"]: each["value"] for each in basis["inputs"]} == {
        "procedure_code": "99211",
        "place": "non-facility",
        "fee_cents": "13000",
        "units": "1",
    }
    assert await variances(world, kind="overpayment") == []
    assert await variances(world, variance_cents_min=10_01) == []
    assert await variances(world, payer_id="nobody") == []
    [group] = (await world.ask("GET", "/variances/by-payer"))["items"]
    assert (group["payer_id"], group["open_items"], group["open_cents"], group["oldest_on"]) == (
        "aetna",
        1,
        10_00,
        "2026-03-20",
    )
    assert (await world.ask("GET", "/variances/not-priced"))["items"] == []
    await world.verify()


@pytest.mark.asyncio
async def test_sequestration_and_what_is_within_the_tolerance_open_nothing(world: World) -> None:
    await contracted(world)
    await visited(world)
    await world.send(remittance(RIGHT, "103.4"))
    assert await variances(world) == []
    [compared] = await world.running.events("payments", "ClaimPaymentCompared")
    told = json.loads(compared.data)
    assert [(each["outcome"], each["allowed_cents"]) for each in told["lines"]] == [
        ("as-expected", 130_00),
        ("as-expected", 100_00),
    ]
    await world.verify()


@pytest.mark.asyncio
async def test_the_payers_reversal_closes_it_and_its_correction_is_compared_anew(world: World) -> None:
    await contracted(world)
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    await act(world, found["variance_id"], "dispute", {"reference": "REF-1", "disputed_on": "2026-04-01"})
    await world.send(remittance(BACK + RIGHT, "7.4", trace="TRACE2"))
    [closed] = await variances(world)
    assert (closed["variance_id"], closed["state"], closed["reason"]) == (found["variance_id"], "withdrawn", "payer")
    assert closed["reference"] == "REF-1"
    refused = await act(world, found["variance_id"], "resolve", {"outcome": "accepted", "reason": "x"}, status=409)
    assert (refused["code"], refused["facts"]["state"]) == ("variance-not-open", "withdrawn")
    await world.verify()


@pytest.mark.asyncio
async def test_what_is_unposted_closes_and_opens_again_when_it_is_posted_again(world: World) -> None:
    await contracted(world)
    await visited(world)
    [received] = await world.send(remittance(SHORT, "96"))
    claim = f"/remittances/{received['remittance_id']}/claims/1"
    await world.ask("POST", f"{claim}/unpost")
    await world.settle()
    [closed] = await variances(world)
    assert (closed["state"], closed["reason"]) == ("withdrawn", "unposted")
    today = await world.ask("GET", f"/variances/{closed['variance_id']}/today")
    assert (today["stands"], today["found_cents"], today["outcome"]) == (False, 10_00, None)
    await world.ask("POST", f"{claim}/retry")
    await world.settle()
    [again] = await variances(world)
    assert (again["state"], again["reason"], again["variance_cents"]) == ("open", "", 10_00)
    assert again["variance_id"] == closed["variance_id"] and again["version"] > closed["version"]
    await world.verify()


@pytest.mark.asyncio
async def test_a_later_contract_does_not_change_what_was_found_and_says_what_would_be_found_today(
    world: World,
) -> None:
    await contracted(world)
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    half = {**TERMS, "terms": [{"rule": "percent-of-charge", "percent": "80"}], "reason": "negotiated"}
    await world.ask("POST", "/payers/aetna/contracts/c1/amend", half)
    await world.settle()
    assert await variances(world) == [found]
    today = await world.ask("GET", f"/variances/{found['variance_id']}/today")
    assert (today["stands"], today["outcome"], today["expected_cents"]) == (True, "as-expected", 120_00)
    assert (today["found_cents"], today["variance_cents"], today["basis"]["contract_version"]) == (10_00, 0, 2)
    versions = (await world.ask("GET", "/contracts?payer_id=aetna&on=2026-03-02"))["items"]
    assert [(each["version"], each["terms"][0]["rule"], each["reason"]) for each in versions] == [
        (1, "schedule", ""),
        (2, "percent-of-charge", "negotiated"),
    ]


@pytest.mark.asyncio
async def test_a_contract_does_not_reach_back(world: World) -> None:
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    await contracted(world)
    assert await variances(world) == []
    assert await world.running.events("payments", "ClaimPaymentCompared") == []
    await world.verify()


@pytest.mark.asyncio
async def test_medicares_way_is_priced_by_relative_values(world: World) -> None:
    await world.say("eligibility", PayerListed(payer_id="aetna", name="Aetna", electronic_id="60054"))
    await world.settle()
    loaded = await load(world, VALUES, to="mpfs/relative-values", **FACTORS)
    assert (loaded["rates"], loaded["is_new"]) == (1, True)
    terms = [{"rule": "percent-of-schedule", "schedule_id": "mpfs", "percent": "150"}]
    await world.ask("POST", "/payers/aetna/contracts", {**CONTRACT, "terms": terms})
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    # 88.55 x 150 % is 132.825, so 132.83.
    assert (found["expected_cents"], found["variance_cents"]) == (132_83, 12_83)
    figures = {each["name"]: each["value"] for each in found["basis"]["inputs"]}
    assert (figures["work_rvu"], figures["conversion_factor"], figures["fee_cents"]) == ("1.30", "32.3465", "8855")
    [silent] = (await world.ask("GET", "/variances/not-priced?payer_id=aetna"))["items"]
    assert (silent["line_id"], silent["reason"], silent["value"]) == ("L2", "code-not-in-contract", "99212")
    query = urlencode({"procedure_code": "99211", "service_on": "2026-03-02", "charged_cents": 150_00})
    tried = await world.ask("GET", f"/payers/aetna/expected?{query}&place_of_service=22")
    assert tried["expected_cents"] == 94_52  # 63.01 x 150 %, half up
    untold = await world.ask("GET", f"/payers/aetna/expected?{query}")
    assert (untold["expected_cents"], untold["reason"]) == (None, "place-of-service-unknown")
    rates = await world.ask("GET", "/fee-schedules/mpfs/rates?procedure_code=99211&service_on=2026-03-02")
    assert (rates["version"], rates["items"][0]["work_rvu"]) == (1, "1.30")
    await world.verify()


@pytest.mark.asyncio
async def test_a_person_disputes_and_resolves_once_on_the_version_that_was_seen(world: World) -> None:
    await contracted(world)
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    body = {"reference": "REF-1", "disputed_on": "2026-04-01", "note": "Called Ms Stone at the payer."}
    done = await act(world, found["variance_id"], "dispute", body, version=found["version"])
    late = await act(world, found["variance_id"], "dispute", body, version=found["version"], status=409)
    assert late["code"] == "changed-meanwhile"
    [disputed] = await variances(world, state="disputed")
    assert (disputed["reference"], disputed["disputed_on"], disputed["has_note"]) == ("REF-1", "2026-04-01", True)
    assert disputed["version"] == done["version"]
    note = await world.ask("GET", f"/variances/{found['variance_id']}/note")
    assert note == {"text": "Called Ms Stone at the payer."}
    [stored] = await world.running.events("payments", "VarianceDisputed")
    assert b"Stone" not in stored.data
    too_much = {"outcome": "recovered", "reason": "paid", "recovered_cents": 10_01}
    refused = await act(world, found["variance_id"], "resolve", too_much, status=409)
    assert refused["facts"]["recovered_cents_max"] == 10_00
    await act(world, found["variance_id"], "resolve", {**too_much, "recovered_cents": 9_00})
    [over] = await variances(world, state="resolved")
    assert (over["outcome"], over["reason"], over["recovered_cents"], over["decided_by"]) == (
        "recovered",
        "paid",
        9_00,
        "user:tester",
    )
    [group] = (await world.ask("GET", "/variances/by-payer"))["items"]
    assert (group["over_items"], group["recovered_cents"], group["open_cents"], group["oldest_on"]) == (
        1,
        9_00,
        0,
        None,
    )
    await act(world, found["variance_id"], "reopen", {"reason": "never-came"})
    assert [each["state"] for each in await variances(world)] == ["disputed"]
    nobody = await act(world, "nobody-1", "dispute", body, status=404)
    assert nobody["code"] == "not-found"
    await world.verify()


@pytest.mark.asyncio
async def test_the_same_decision_under_the_same_key_has_one_effect(world: World) -> None:
    await contracted(world)
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    body = {"outcome": "accepted", "reason": "small"}
    path = f"/api/payments/variances/{found['variance_id']}/resolve"
    asked = [world.running.http.post(path, json=body, headers={"Idempotency-Key": "one"}) for _ in range(3)]
    answers = await asyncio.gather(*asked)
    assert [each.status_code for each in answers] == [200] * 3
    assert len({tuple(each.json()["event_ids"]) for each in answers}) == 1
    assert len(await world.running.events("payments", "VarianceResolved")) == 1


@pytest.mark.asyncio
async def test_a_list_with_a_wrong_line_is_kept_and_nothing_of_it_is_used(world: World) -> None:
    wrong = b"procedure_code,amount\n99211,130.00\n99212,-1.00\n9921,1\n99211,7\n"
    refused = await load(world, wrong, status=422)
    assert refused["code"] == "fee-schedule-refused"
    assert (refused["facts"]["problems"], refused["facts"]["problem_1"]) == (
        3,
        "line 3, amount: a price is never negative; found -1.00",
    )
    assert refused["facts"]["problem_3"].startswith("line 5, procedure_code: a procedure has one price")
    opener = Opener(actor="test", purpose="posting")
    kept = await world.running.platform.documents.get(TENANT, refused["facts"]["document_id"], opener)
    assert kept.content == wrong
    assert (await world.ask("GET", "/fee-schedules"))["items"] == []


@pytest.mark.asyncio
async def test_what_is_unknown_or_overlaps_is_refused_by_name(world: World) -> None:
    unknown = await world.ask("POST", "/payers/aetna/contracts", CONTRACT, status=404)
    assert unknown["code"] == "not-found"
    await world.say("eligibility", PayerListed(payer_id="aetna", name="Aetna", electronic_id="60054"))
    await world.settle()
    missing = await world.ask("POST", "/payers/aetna/contracts", CONTRACT, status=409)
    assert (missing["code"], missing["facts"]["schedule_id"]) == ("schedule-not-loaded", "aetna-2026")
    await load(world, AMOUNTS)
    assert (await load(world, AMOUNTS))["is_new"] is False
    overlapping = await load(world, AMOUNTS.replace(b"130", b"131"), status=409)
    assert (overlapping["code"], overlapping["facts"]["version"]) == ("dates-overlap", 1)
    await load(world, AMOUNTS.replace(b"130", b"131"), since="2026-07-01")
    await world.ask("POST", "/payers/aetna/contracts", CONTRACT)
    twin = await world.ask("POST", "/payers/aetna/contracts", {**CONTRACT, "contract_id": "c2"}, status=409)
    assert (twin["code"], twin["facts"]["contract_id"]) == ("dates-overlap", "c1")
    for name, value in (("tolerance_cents", -1), ("tolerance_percent", "-1"), ("terms", []), ("billing_npi", "123")):
        malformed = await world.ask("POST", "/payers/aetna/contracts", {**CONTRACT, name: value}, status=422)
        assert malformed["errors"][0]["place"] == f"body.{name}"
    await world.ask("POST", "/payers/aetna/contracts/c1/end", {"last_on": "2026-06-30", "reason": "terminated"})
    await world.ask(
        "POST", "/payers/aetna/contracts", {**CONTRACT, "contract_id": "c2", "effective_from": "2026-07-01"}
    )
    await world.ask("POST", "/fee-schedules/aetna-2026/versions/1/withdraw", {"reason": "wrong-file"})
    gone = await world.ask("POST", "/fee-schedules/aetna-2026/versions/9/withdraw", {"reason": "x"}, status=404)
    assert gone["code"] == "not-found"
    await world.settle()
    schedules = (await world.ask("GET", "/fee-schedules?schedule_id=aetna-2026"))["items"]
    assert [(each["version"], each["effective_from"], each["withdrawn_reason"]) for each in schedules] == [
        (1, "2026-01-01", "wrong-file"),
        (2, "2026-07-01", ""),
    ]
    await world.verify()


@pytest.mark.asyncio
async def test_medicares_own_file_prices_services_and_lists_say_which_version_of_the_stream_was_seen(
    world: World,
) -> None:
    await world.say("eligibility", PayerListed(payer_id="aetna", name="Aetna", electronic_id="60054"))
    await world.settle()
    loaded = await load(world, MEDICARE, to="medicare-2026/medicare-file", **FACTORS)
    assert (loaded["rates"], loaded["is_new"]) == (2, True)
    assert (await load(world, MEDICARE, to="medicare-2026/medicare-file", **FACTORS))["is_new"] is False
    [row] = (await world.ask("GET", "/fee-schedules?schedule_id=medicare-2026"))["items"]
    assert (row["rates"], row["stream_version"]) == (2, 2)
    terms = [{"rule": "schedule", "schedule_id": "medicare-2026"}]
    await world.ask("POST", "/payers/aetna/contracts", {**CONTRACT, "terms": terms})
    await world.settle()
    query = "procedure_code=99211&service_on=2026-03-02&charged_cents=15000&place_of_service=11"
    assert (await world.ask("GET", f"/payers/aetna/expected?{query}"))[
        "expected_cents"
    ] == 23_04  # (0.18 × 1.010 + 0.53 × 0.987 + 0.01 × 0.725) × 32.3465
    [contract] = (await world.ask("GET", "/contracts?payer_id=aetna&contract_id=c1"))["items"]
    assert contract["stream_version"] == 1
    assert (await world.ask("GET", "/contracts?contract_id=c2"))["items"] == []
    refused = await load(
        world, MEDICARE.replace(b"0.18", b"x"), to="medicare-2026/medicare-file", status=422, **FACTORS
    )
    assert refused["facts"]["problem_1"].startswith("line 5, work_rvu")
