"""Members who are paid for by the month, over HTTP: contract, list, remittance, and what came against what should have come."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.events.eligibility import CoverageSelected, PayerListed
from shared.runtime.vault import member_index
from shared.testing.hosting import TENANT
from tests.integration.payments.test_contracts import AMOUNTS, TERMS, answered, load
from tests.integration.payments.test_payments_service import CLAIM, World, covered, released, remittance, world

__all__ = ["world"]

RATES = [
    {"category": "CHILD", "amount_cents": 12_50, "age_to": 17},
    {"category": "ADULT", "amount_cents": 30_00, "age_from": 18},
]
# 99212 is carved out and paid by its fee; everything else is paid by the member.
CONTRACT: dict[str, Any] = {
    **TERMS,
    "contract_id": "hmo",
    "name": "Aetna HMO",
    "terms": [
        {"rule": "schedule", "schedule_id": "aetna-2026", "procedure_codes": ["99212"]},
        {"rule": "capitated", "schedule_id": "aetna-2026", "rates": RATES},
    ],
}
MEMBERS = b"member_number,category,age\nw 123-1,ADULT,\nW2,,9\n"
# The visit of a member: 99211 capitated, and of the carve-out 90.00 of a fee of 100.00.
VISIT = answered(
    "0**1~DTM*472*20260302~CAS*CO*24*150",
    "90**1~DTM*472*20260302~CAS*CO*45*10",
    paid="90",
    patient="0",
)


async def contracted(world: World) -> None:
    await world.say("eligibility", PayerListed(payer_id="aetna", name="Aetna", electronic_id="60054"))
    await world.settle()
    await load(world, AMOUNTS)
    await world.ask("POST", "/payers/aetna/contracts", CONTRACT)
    await world.settle()


async def visited(world: World, number: str = "W123-1") -> None:
    """The patient is covered under this number."""
    selected = covered(("aetna", "60054"))
    index = await member_index(world.running.platform.vault, TENANT, number)
    [snapshot] = selected.coverages
    changed = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__} | {"member_index": index}
    told = {name: getattr(selected, name) for name in selected.__struct_fields__}
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", CoverageSelected(**{**told, "coverages": (type(snapshot)(**changed),)}))
    await world.settle()


async def hand_in(
    world: World, content: bytes, month: str = "2026-03", *, kind: str = "whole", status: int = 201
) -> Any:
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "text/csv"}
    path = f"/api/payments/payers/aetna/contracts/hmo/rosters/{month}?kind={kind}"
    answer = await world.running.http.post(path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    await world.settle()
    return answer.json()


async def months(world: World, query: str = "") -> list[dict[str, Any]]:
    return list((await world.ask("GET", f"/capitation{query}"))["items"])


@pytest.mark.asyncio
async def test_what_members_should_bring_is_held_against_what_came_and_what_was_done(world: World) -> None:
    await contracted(world)
    taken = await hand_in(world, MEMBERS)
    assert (taken["lines"], taken["is_new"]) == (2, True)
    await visited(world)
    plb = "PLB*1999999984*20261231*CT:MARCH*-40~"
    [received] = await world.send(remittance(VISIT + plb, "130"))
    [month] = await months(world)
    figures = ("members", "expected_cents", "paid_cents", "variance_cents", "services", "equivalent_cents", "flagged")
    assert [month[name] for name in figures] == [2, 42_50, 0, 42_50, 1, 130_00, 0]
    [variance] = (await world.ask("GET", "/variances"))["items"]
    assert (variance["line_id"], variance["expected_cents"], variance["allowed_cents"]) == ("L2", 100_00, 90_00)
    assert (await world.ask("GET", "/variances/not-priced"))["items"] == []
    assert await world.running.events("payments", "ClaimDeniedByPayer") == []
    [waits] = (await world.ask("GET", "/capitation/payments?is_open=true"))["items"]
    assert (waits["reference"], waits["paid_cents"], waits["open_cents"]) == ("MARCH", 40_00, 40_00)
    payment = f"/capitation/payments/{received['remittance_id']}/{waits['ordinal']}"
    body = {"payer_id": "aetna", "contract_id": "hmo", "month": "2026-03", "amount_cents": 40_00}
    more = await world.ask("POST", f"{payment}/assign", {**body, "amount_cents": 40_01}, status=409)
    assert (more["code"], more["facts"]["open_cents"]) == ("more-than-the-payment", 40_00)
    await world.ask("POST", f"{payment}/assign", body)
    await world.settle()
    [month] = await months(world, "?payer_id=aetna&contract_id=hmo&from_month=2026-03&to_month=2026-03")
    assert (month["paid_cents"], month["variance_cents"]) == (40_00, 2_50)
    detail = await world.ask("GET", "/capitation/months/aetna/hmo/2026-03")
    assert detail["month"] == month
    assert [(each["category"], each["members"], each["expected_cents"]) for each in detail["categories"]] == [
        ("ADULT", 1, 30_00),
        ("CHILD", 1, 12_50),
    ]
    assert [(each["amount_cents"], each["reference"]) for each in detail["payments"]] == [(40_00, "MARCH")]
    [service] = (await world.ask("GET", "/capitation/services?payer_id=aetna&month=2026-03"))["items"]
    assert (service["claim_id"], service["line_id"], service["equivalent_cents"], service["flag"]) == (
        CLAIM,
        "L1",
        130_00,
        "",
    )
    await world.ask("POST", f"{payment}/undo", {"part": 1, "reason": "wrong-month"})
    await world.settle()
    assert (await months(world))[0]["paid_cents"] == 0
    trial = await world.trial()
    assert trial["capitation"] == -40_00
    await world.verify()


@pytest.mark.asyncio
async def test_who_is_added_afterwards_was_a_member_and_who_is_taken_off_was_none(world: World) -> None:
    await contracted(world)
    await hand_in(world, b"member_number,category\nW2,CHILD\n")
    await visited(world)
    await world.send(remittance(VISIT, "90"))
    [month] = await months(world)
    assert (month["services"], month["flagged"], month["expected_cents"]) == (0, 1, 12_50)
    [strange] = (await world.ask("GET", "/capitation/services?flagged=true"))["items"]
    assert (strange["line_id"], strange["flag"]) == ("L1", "not-a-member")
    added = b"member_number,category,action\nW123-1,ADULT,add\n"
    await hand_in(world, added, kind="changes")
    [month] = await months(world)
    assert (month["services"], month["flagged"], month["expected_cents"], month["lists"]) == (1, 0, 42_50, 2)
    assert (await hand_in(world, added, kind="changes"))["is_new"] is False
    await hand_in(world, b"member_number,action\nW123-1,remove\n", kind="changes")
    assert (await months(world))[0]["flagged"] == 1
    await world.verify()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("line", "paid", "flag"),
    [
        ("120**1~DTM*472*20260302~CAS*CO*45*30", "210", "paid"),
        ("0**1~DTM*472*20260302~CAS*CO*97*150", "90", "denied"),
    ],
)
async def test_a_members_service_that_is_not_answered_as_capitated_is_flagged(
    world: World, line: str, paid: str, flag: str
) -> None:
    await contracted(world)
    await hand_in(world, MEMBERS)
    await visited(world)
    claim = answered(line, "90**1~DTM*472*20260302~CAS*CO*45*10", paid=paid, patient="0")
    [received] = await world.send(remittance(claim, paid))
    [found] = (await world.ask("GET", "/capitation/services?flagged=true"))["items"]
    assert (found["line_id"], found["flag"]) == ("L1", flag)
    await world.ask("POST", f"/remittances/{received['remittance_id']}/claims/1/unpost")
    await world.settle()
    assert (await world.ask("GET", "/capitation/services"))["items"] == []
    await world.verify()


@pytest.mark.asyncio
async def test_a_wrong_list_is_refused_whole_and_no_member_number_is_quoted(world: World) -> None:
    await contracted(world)
    refused = await hand_in(world, b"member_number,category\nSECRET1,NONE\n", status=422)
    assert (refused["code"], refused["facts"]["problems"]) == ("roster-refused", 1)
    assert "SECRET1" not in str(refused)
    assert await months(world) == []
    outside = await hand_in(world, MEMBERS, "2025-12", status=409)
    assert outside["code"] == "outside-of-contract"
    await world.ask(
        "POST", "/payers/aetna/contracts/hmo/amend", {**TERMS, "effective_from": "2026-06-01", "reason": "x"}
    )
    await world.settle()
    assert (await hand_in(world, MEMBERS, "2026-06", status=409))["code"] == "not-capitated"
    for event in await world.running.events("payments", "RosterMembersListed"):
        assert "W123-1" not in str(event.data)


@pytest.mark.asyncio
async def test_cash_that_came_on_paper_is_a_capitation_payment_too(world: World) -> None:
    await contracted(world)
    paper = {
        "payer_identifier": "1512345678",
        "payer_name": "AETNA",
        "trace_number": "CHK1",
        "payment_on": "2026-03-05",
        "payment_cents": 42_50,
        "claims": [],
        "provider_adjustments": [{"reason": "CT", "reference": "MAR", "amount_cents": -42_50}],
    }
    await world.ask("POST", "/remittances/paper", paper)
    await world.settle()
    [waits] = (await world.ask("GET", "/capitation/payments?is_open=true"))["items"]
    assert (waits["trace_number"], waits["open_cents"]) == ("CHK1", 42_50)
    await world.verify()
