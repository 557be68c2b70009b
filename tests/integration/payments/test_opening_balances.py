"""Balances of another system over HTTP: tied to the cent, aged by their own dates, and accounts like any other afterwards."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.integration.payments.test_books import Office, office
from tests.integration.payments.test_payments_service import World, remittance, world

__all__ = ["office", "world"]
HEADER = "account,patient_id,responsible,original_on,amount,service_on,claim_number,payer_id,payer_name,payer_electronic_id\n"
INSURED = "A-1,patient-1,payer:1,2025-11-20,150.00,2025-11-02,OLD-1,aetna,Aetna,60054\n"
OWED = "A-2,patient-2,patient,2025-09-01,25.07,2025-06-30,,,,\n"
CREDIT = "A-3,patient-3,patient,2025-12-01,-5.00,,,,,\n"
FILE = HEADER + INSURED + OWED + CREDIT
TOTAL = 150_00 + 25_07 - 5_00


async def send(
    world: World, text: str = FILE, *, path: str = "", status: int = 201, key: str = "", **control: Any
) -> Any:
    wanted = {"as_of_on": "2025-12-31", "control_cents": TOTAL, "control_lines": 3, **control}
    headers = {"Idempotency-Key": key or str(uuid4()), "Content-Type": "text/csv"}
    url = f"/api/payments/opening-balances{path}?{urlencode(wanted)}"
    answer = await world.running.http.post(url, content=text.encode(), headers=headers)
    assert answer.status_code == status, answer.text
    await world.settle()
    return answer.json()


@pytest.mark.asyncio
async def test_what_was_open_elsewhere_is_open_here_to_the_cent_and_as_old_as_it_is(office: Office) -> None:
    taken = await send(office, key="one")
    assert (taken["import_id"], taken["accounts"], taken["total_cents"]) == ("opening-1", 3, TOTAL)
    assert (await send(office, key="one"))["done"]["is_repeat"]
    assert (await send(office))["import_id"] == "opening-1"
    assert await office.balances() == {"payer:1": 150_00, "patient": 20_07}
    trial = await office.trial()
    assert trial == {"receivable:payer:1": 150_00, "receivable:patient": 20_07, "opening-balance": -TOTAL}
    aging = await office.ask("GET", "/aging?as_of=2025-12-31")
    assert aging["parties"] == {"payer:1": {"31-60": 150_00}, "patient": {"120+": 25_07, "0-30": -5_00}}
    by_service = await office.ask("GET", "/aging?as_of=2025-12-31&basis=service")
    assert by_service["parties"]["payer:1"] == {"31-60": 150_00}
    rolled = await office.ask("GET", "/roll-forward?period=2025-12")
    assert (rolled["total"]["brought_in_cents"], rolled["total"]["closing_cents"]) == (TOTAL, TOTAL)
    assert rolled["total"]["other_cents"] == rolled["total"]["transfers_cents"] == 0
    [listed] = (await office.ask("GET", "/opening-balances"))["items"]
    assert (listed["status"], listed["control_cents"], listed["document_id"]) == (
        "taken-in",
        TOTAL,
        taken["document_id"],
    )
    accounts = (await office.ask("GET", "/accounts"))["items"]
    assert sorted((each["opening_cents"], each["owed_cents"]) for each in accounts) == [
        (-5_00, -5_00),
        (25_07, 25_07),
        (150_00, 150_00),
    ]
    await office.verify()


@pytest.mark.asyncio
async def test_remittances_and_payments_are_posted_on_what_was_brought_along(world: World) -> None:
    await send(world)
    [account] = [row for row in (await world.ask("GET", "/accounts"))["items"] if row["patient_id"] == "patient-1"]
    paid = "CLP*OLD-1*1*150*100*20*12*PCN1*11*1~CAS*CO*45*30~CAS*PR*2*20~"
    await world.send(remittance(paid, "100"))
    detail = await world.ask("GET", f"/accounts/{account['account_id']}")
    assert {each["party"]: each["owed_cents"] for each in detail["parties"] if each["owed_cents"]} == {"patient": 20_00}
    payment = {"payment_id": "p1", "patient_id": "patient-2", "amount_cents": 25_07, "method": "check"}
    await world.ask("POST", "/patient-payments", {**payment, "received_on": "2026-01-10"}, status=201)
    await world.settle()
    assert await world.balances() == {"patient": 20_00 - 5_00}
    refused = await world.ask("POST", "/opening-balances/opening-1/take-back", {"reason": "wrong-file"}, status=409)
    assert (refused["code"], refused["facts"]["accounts"]) == ("opening-balances-touched", 2)
    await world.verify()


@pytest.mark.asyncio
async def test_a_whole_import_is_taken_back_and_can_come_again(world: World) -> None:
    await send(world)
    await world.ask("POST", "/opening-balances/opening-1/take-back", {"reason": "wrong-file"})
    await world.settle()
    again = await world.ask("POST", "/opening-balances/opening-1/take-back", {"reason": "wrong-file"})
    assert again["event_ids"] == []
    assert await world.trial() == {}
    assert (await world.ask("GET", "/accounts"))["items"] == []
    assert (await send(world))["import_id"] == "opening-2"
    assert await world.balances() == {"payer:1": 150_00, "patient": 20_07}
    assert (await world.ask("POST", "/opening-balances/opening-9/take-back", {"reason": "x"}, status=404))["code"]
    await world.verify()


@pytest.mark.asyncio
async def test_nothing_is_taken_in_unless_all_of_it_is_right(world: World) -> None:
    short = await send(world, status=409, control_cents=TOTAL - 1)
    assert (short["code"], short["facts"]["found_cents"]) == ("control-total-differs", TOTAL)
    assert (await send(world, status=409, control_lines=4))["code"] == "control-total-differs"
    wrong = FILE.replace("25.07", "JANE DOE").replace("2025-12-01", "2026-01-01").replace("payer:1", "payer:x")
    refused = await send(world, wrong, status=422)
    assert refused["code"] == "opening-balances-refused"
    seen = await send(world, wrong, path="/preview", status=200)
    assert [(each["line"], each["column"], each["value"]) for each in seen["problems"]] == [
        (2, "responsible", "7 characters"),
        (3, "amount", "8 characters"),
        (4, "original_on", "2026-01-01"),
    ]
    assert "JANE" not in json.dumps([refused, seen])
    differs = await send(world, path="/preview", status=200, control_cents=1)
    assert (differs["may_be_taken_in"], differs["total_cents"], differs["problems"][0]["column"]) == (
        False,
        TOTAL,
        "amount",
    )
    fine = await send(world, path="/preview", status=200)
    assert (fine["may_be_taken_in"], fine["parties"]) == (True, {"payer:1": 150_00, "patient": 20_07})
    await send(world, status=422, as_of_on="2999-01-01")
    assert await world.running.events("payments") == []


@pytest.mark.asyncio
async def test_a_line_of_another_file_is_refused_by_name(world: World) -> None:
    await send(world)
    other = HEADER + OWED + "A-9,patient-9,patient,2025-09-01,1.00,,,,,\n"
    refused = await send(world, other, status=409, control_cents=26_07, control_lines=2)
    assert (refused["code"], refused["facts"]["line_1"]) == ("opening-balance-known", "line 2 is of opening-1")
    seen = await send(world, other, path="/preview", status=200, control_cents=26_07, control_lines=2)
    assert [each["line"] for each in seen["problems"]] == [2]
    assert await world.balances() == {"payer:1": 150_00, "patient": 20_07}


@pytest.mark.asyncio
async def test_an_answer_that_came_before_the_balance_is_applied_to_it(world: World) -> None:
    await world.send(remittance("CLP*OLD-1*1*150*150*0*12*PCN1*11*1~", "150"))
    await send(world)
    assert await world.balances() == {"patient": 20_07}
    await world.verify()


@pytest.mark.asyncio
async def test_a_closed_day_takes_balances_only_as_a_late_entry(office: Office) -> None:
    await office.until(4, 2)
    await office.close("2026-03")
    assert (await send(office, status=409))["code"] == "day-is-closed"
    await send(office, late_entry="true")
    assert (await office.ask("GET", "/roll-forward?period=2026-04"))["total"]["late_cents"] == TOTAL
    refused = await office.ask("POST", "/opening-balances/opening-1/take-back", {"reason": "x"}, status=409)
    assert refused["code"] == "day-is-closed"
    await office.verify()
