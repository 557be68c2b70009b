"""The bank's files over HTTP: what came in finds its remittance, or waits, and what does not agree is listed to the cent."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from shared.runtime.vault import Opener
from shared.testing.hosting import TENANT
from tests.integration.payments.test_books import Office, office
from tests.integration.payments.test_payments_service import WORKED, World, covered, released, remittance, world
from tests.unit.codecs.bank.statements import EFT, Line, bai2

__all__ = ["office", "world"]
CHECK = Line("174", 50_00, "Z,,4711")
HEADER = "deposited_on,amount,trace_number,payer_identifier,reference\n"
PAYER = "1512345678"


async def take(world: World, content: bytes, *, status: int = 201, key: str = "", kind: str = "text/plain") -> Any:
    headers = {"Idempotency-Key": key or str(uuid4()), "Content-Type": kind}
    answer = await world.running.http.post("/api/payments/deposits/files", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    await world.settle()
    return answer.json()


async def listed(world: World, **wanted: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every page of the matches, two rows at a time, and the totals, which are those of the list."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        query = {**wanted, "limit": 2, **({"cursor": cursor} if cursor else {})}
        found = await world.ask("GET", f"/deposits/matches?{urlencode(query)}")
        items += found["items"]
        if not (cursor := found["next"] or ""):
            break
    assert {side: each["items"] for side, each in found["totals"].items()} == Counter(row["side"] for row in items)
    for side, sums in found["totals"].items():
        for name in ("deposited_cents", "announced_cents", "posted_cents", "difference_cents"):
            assert sums[name] == sum(row[name] or 0 for row in items if row["side"] == side)
    return items, found["totals"]


async def insured(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()


@pytest.mark.asyncio
async def test_a_statement_meets_its_remittance_and_tells_what_became_of_each_line(world: World) -> None:
    await insured(world)
    [received] = await world.send(remittance(WORKED, "96"))
    taken = await take(world, bai2(EFT, CHECK, Line("475", 12_00), Line("333", 1_00)))
    assert [(line["record"], line["outcome"], line["reason"], line["amount_cents"]) for line in taken["lines"]] == [
        (4, "matched", "", 96_00),
        (7, "unidentified", "trace-number-missing", 50_00),
        (9, "unidentified", "trace-number-missing", 1_00),
    ]
    assert (taken["format"], taken["lines_new"], taken["lines_cents"]) == ("bai2", 3, 147_00)
    assert taken["left_out"] == [{"record": 8, "reason": "debit", "type_code": "475", "amount_cents": 12_00}]
    assert taken["unknown_types"] == {"333": 1}
    [deposit] = (await world.ask("GET", f"/deposits?is_reconciled=true&after={taken['after']}"))["items"]
    assert (deposit["remittance_id"], deposit["deposited_cents"]) == (received["remittance_id"], 96_00)
    assert (deposit["document_id"], deposit["place"]) == (taken["document_id"], "record 4")
    waiting = (await world.ask("GET", "/deposits/unidentified"))["items"]
    assert {row["reference"]: (row["amount_cents"], row["kind"], row["account_ending"]) for row in waiting} == {
        "4711": (50_00, "check", "5678"),
        "": (1_00, "other", "5678"),
    }
    assert sum((await world.trial()).values()) == 0
    await world.verify()


@pytest.mark.asyncio
async def test_the_same_file_and_the_same_line_have_one_effect(world: World) -> None:
    file = bai2(EFT, CHECK, CHECK)
    first = await take(world, file, key="one")
    again = await take(world, file, key="one")
    other = await take(world, file, key="two")
    longer = await take(world, bai2(Line("115", 7_00), CHECK, EFT, CHECK))
    assert [each["lines_new"] for each in (first, again, other, longer)] == [3, 3, 0, 1]
    assert [line["outcome"] for line in other["lines"]] == ["waits", "unidentified", "unidentified"]
    assert all(line["done"]["is_repeat"] for line in again["lines"])
    assert len(await world.running.events("payments", "DepositRecorded")) == 1
    assert len(await world.running.events("payments", "UnidentifiedDepositRecorded")) == 3
    _, totals = await listed(world)
    assert totals["deposit-without-remittance"]["deposited_cents"] == 96_00 + 50_00 + 50_00 + 7_00
    await world.verify()


@pytest.mark.asyncio
async def test_a_person_names_the_payment_of_a_deposit_and_it_meets_its_remittance(world: World) -> None:
    await insured(world)
    await world.send(remittance(WORKED, "96"))
    taken = await take(world, bai2(Line("174", 96_00, "Z,,4711"), Line("174", 96_00, "Z,,4712")))
    first, second = (f"/deposits/{line['deposit_id']}" for line in taken["lines"])
    payment = {"trace_number": "TRACE1", "payer_identifier": PAYER}
    await world.ask("POST", f"{first}/identify", payment)
    await world.settle()
    [deposit] = (await world.ask("GET", "/deposits?is_reconciled=true"))["items"]
    assert deposit["deposited_cents"] == 96_00
    refused = await world.ask("POST", f"{second}/identify", payment, status=409)
    assert refused["code"] == "deposit-already-recorded"
    await world.ask("POST", f"{second}/set-aside", {"reason": "patient-check"})
    await world.settle()
    assert await listed(world) == ([], {})
    [aside] = (await world.ask("GET", "/deposits/unidentified?status=set-aside"))["items"]
    assert (aside["reference"], aside["set_aside_reason"]) == ("4712", "patient-check")
    again = await take(world, bai2(Line("174", 96_00, "Z,,4711"), Line("174", 96_00, "Z,,4712")))
    assert [line["outcome"] for line in again["lines"]] == ["identified", "set-aside"]
    assert (await world.ask("POST", "/deposits/nobody/identify", payment, status=404))["code"] == "not-found"
    await world.verify()


@pytest.mark.asyncio
async def test_of_two_deposits_that_are_named_alike_at_once_one_stays_unidentified(world: World) -> None:
    taken = await take(world, bai2(CHECK, CHECK, CHECK))
    payment = {"trace_number": "TRACE1", "payer_identifier": PAYER}
    asked = [
        world.running.http.post(
            f"/api/payments/deposits/{line['deposit_id']}/identify",
            json=payment,
            headers={"Idempotency-Key": str(uuid4())},
        )
        for line in taken["lines"]
    ]
    answers = await asyncio.gather(*asked)
    assert any(answer.status_code == 200 for answer in answers)
    await world.settle()
    assert len(await world.running.events("payments", "DepositRecorded")) == 1
    waiting = (await world.ask("GET", "/deposits/unidentified"))["items"]
    assert len(waiting) == 2
    _, totals = await listed(world)
    assert totals["deposit-without-remittance"] == {
        "items": 3,
        "deposited_cents": 150_00,
        "announced_cents": 0,
        "posted_cents": 0,
        "difference_cents": 150_00,
    }
    await world.verify()


@pytest.mark.asyncio
async def test_a_trace_number_with_another_amount_is_not_lost_and_not_guessed(world: World) -> None:
    await take(world, bai2(EFT))
    taken = await take(world, bai2(EFT._replace(cents=95_00)))
    [line] = taken["lines"]
    assert (line["outcome"], line["reason"], line["trace_number"]) == ("unidentified", "trace-number-used", "TRACE1")
    again = await take(world, bai2(EFT._replace(cents=95_00)))
    assert (again["lines"][0]["deposit_id"], again["lines_new"]) == (line["deposit_id"], 0)
    items, _ = await listed(world)
    assert sorted((row["deposited_cents"], row["is_identified"]) for row in items) == [(95_00, False), (96_00, True)]


@pytest.mark.asyncio
async def test_a_list_in_csv_is_taken_as_a_statement_is(world: World) -> None:
    await insured(world)
    rows = f"2026-03-21,96.00,TRACE1,{PAYER},A-1\n2026-03-22,0.07,TRACE2,,\n2026-03-22,-3.00,,,\n"
    taken = await take(world, (HEADER + rows).encode(), kind="text/csv")
    assert [(line["outcome"], line["reason"]) for line in taken["lines"]] == [
        ("waits", ""),
        ("unidentified", "payer-missing"),
    ]
    assert [(each["record"], each["reason"]) for each in taken["left_out"]] == [(4, "debit")]
    await world.send(remittance(WORKED, "96"))
    known = await take(world, (HEADER + rows).encode(), kind="text/csv")
    assert (known["lines"][0]["outcome"], known["lines_new"]) == ("matched", 0)


@pytest.mark.asyncio
async def test_a_file_that_does_not_add_up_is_kept_and_nothing_of_it_is_recorded(world: World) -> None:
    file = bai2(EFT, CHECK).replace(b"16,174,5000", b"16,174,5001")
    refused = await take(world, file, status=422)
    assert refused["code"] == "bank-file-refused"
    assert refused["facts"]["problem_1"] == (
        "record 8, account control total: a trailer says what is above it; expected 514601; found 514600"
    )
    opener = Opener(actor="test", purpose="posting")
    kept = await world.running.platform.documents.get(TENANT, refused["facts"]["document_id"], opener)
    assert kept.content == file
    worse = await take(world, f"{HEADER}2026-03-21,JANE DOE,,,\n".encode(), status=422)
    assert "JANE" not in json.dumps(worse)
    assert await world.running.events("payments") == []


NOT_MONEY = WORKED.replace("*96*", "*0*").replace("CO*45*30", "CO*45*126")


@pytest.mark.asyncio
async def test_what_does_not_agree_is_listed_by_side_with_its_age(world: World) -> None:
    await insured(world)
    await world.send(remittance(WORKED, "96", trace="ALONE"))  # the bank shows nothing
    await world.send(remittance(WORKED, "96", trace="DIFFERS"))
    [held] = await world.send(remittance(WORKED, "97", trace="HELD"))  # a dollar more than its claims
    await world.send(remittance(WORKED, "96", trace="AGREES"))
    await world.send(remittance(NOT_MONEY, "0", trace="NON").replace(b"*C*ACH*", b"*C*NON*"))
    assert held["outcome"] == "held"
    rows = [("DIFFERS", "95.00"), ("HELD", "97.00"), ("AGREES", "96.00"), ("NOBODY", "10.00"), ("", "20.00")]
    file = HEADER + "".join(f"2026-03-21,{amount},{trace},{PAYER},\n" for trace, amount in rows)
    assert [line["outcome"] for line in (await take(world, file.encode()))["lines"]] == [
        "differs",
        "waits",
        "matched",
        "waits",
        "unidentified",
    ]
    items, totals = await listed(world, on="2026-03-31")
    found = {
        row["trace_number"]: (
            row["side"],
            row["deposited_cents"],
            row["announced_cents"],
            row["posted_cents"],
            row["difference_cents"],
            row["age_days"],
        )
        for row in items
    }
    assert found == {
        "ALONE": ("remittance-without-deposit", None, 96_00, 96_00, -96_00, 11),
        "DIFFERS": ("amount-differs", 95_00, 96_00, 96_00, -1_00, 10),
        "HELD": ("posting-differs", 97_00, 97_00, 0, 97_00, 10),
        "NOBODY": ("deposit-without-remittance", 10_00, None, None, 10_00, 10),
        "": ("deposit-without-remittance", 20_00, None, None, 20_00, 10),
    }
    assert totals["deposit-without-remittance"]["difference_cents"] == 30_00
    agreed, _ = await listed(world, side="matched")
    assert [(row["trace_number"], row["difference_cents"]) for row in agreed] == [("AGREES", 0)]
    for wanted, traces in (
        ({"side": "deposit-without-remittance"}, {"NOBODY", ""}),
        ({"amount_cents": 96_00}, {"ALONE", "DIFFERS"}),
        ({"age_days_min": 11, "on": "2026-03-31"}, {"ALONE"}),
        ({"age_days_min": 1, "on": "2026-03-20"}, set[str]()),
        ({"payer_identifier": "9"}, set[str]()),
        ({"payer_identifier": PAYER}, {"ALONE", "DIFFERS", "HELD", "NOBODY", ""}),
    ):
        assert {row["trace_number"] for row in (await listed(world, **wanted))[0]} == traces
    await world.ask("POST", f"/remittances/{held['remittance_id']}/dismiss", {"reason": "sent-again"})
    await world.settle()
    [row] = [row for row in (await listed(world))[0] if row["trace_number"] == "HELD"]
    assert (row["side"], row["remittance_id"]) == ("deposit-without-remittance", None)
    await world.verify()


@pytest.mark.asyncio
async def test_a_second_remittance_under_a_used_trace_number_stands_alone(world: World) -> None:
    await insured(world)
    [first] = await world.send(remittance(WORKED, "96"))
    [twin] = await world.send(remittance(WORKED, "96", day="20260322"))
    assert twin["outcome"] == "held"
    await take(world, bai2(EFT))
    [row] = (await listed(world))[0]
    assert (row["side"], row["remittance_id"]) == ("remittance-without-deposit", twin["remittance_id"])
    [agreed] = (await listed(world, side="matched"))[0]
    assert agreed["remittance_id"] == first["remittance_id"]


@pytest.mark.asyncio
async def test_a_file_for_a_closed_day_is_taken(office: Office) -> None:
    await office.until(4, 2)
    await office.close("2026-03")
    taken = await take(office, bai2(EFT, CHECK))
    assert [line["outcome"] for line in taken["lines"]] == ["waits", "unidentified"]
    payment = {"trace_number": "TRACE9", "payer_identifier": PAYER}
    await office.ask("POST", f"/deposits/{taken['lines'][1]['deposit_id']}/identify", payment)
    await office.settle()
    shown = (await office.ask("GET", "/deposits"))["items"]
    assert sorted((row["trace_number"], row["deposited_on"]) for row in shown) == [
        ("TRACE1", "2026-03-21"),
        ("TRACE9", "2026-03-21"),
    ]
    await office.verify()


@pytest.mark.asyncio
async def test_a_wrong_identification_is_undone_and_the_deposit_meets_the_right_remittance(world: World) -> None:
    await insured(world)
    await world.send(remittance(WORKED, "96"))
    taken = await take(world, bai2(Line("174", 96_00, "Z,,4711")))
    path = f"/deposits/{taken['lines'][0]['deposit_id']}"
    await world.ask("POST", f"{path}/identify", {"trace_number": "WRONG", "payer_identifier": PAYER})
    await world.settle()
    [wrong] = (await world.ask("GET", "/deposits/unidentified?status=identified"))["items"]
    undoing = {"identified_as": wrong["identified_as"], "reason": "wrong-trace-number"}
    await world.ask("POST", f"{path}/undo-identification", undoing)
    again = await world.ask("POST", f"{path}/undo-identification", undoing)
    assert again["event_ids"] == []
    await world.settle()
    [waiting] = (await world.ask("GET", "/deposits/unidentified"))["items"]
    assert (waiting["status"], waiting["identified_as"], waiting["amount_cents"]) == ("open", "", 96_00)
    assert [row["expected_cents"] for row in (await world.ask("GET", "/deposits"))["items"]] == [96_00]
    _, totals = await listed(world)
    assert {side: each["items"] for side, each in totals.items()} == {
        "deposit-without-remittance": 1,
        "remittance-without-deposit": 1,
    }
    await world.ask("POST", f"{path}/identify", {"trace_number": "TRACE1", "payer_identifier": PAYER})
    await world.settle()
    assert await listed(world) == ([], {})
    refused = await world.ask("POST", f"{path}/undo-identification", {**undoing, "identified_as": "x"}, status=409)
    assert refused["code"] == "deposit-not-identified"
    await world.verify()


@pytest.mark.asyncio
async def test_an_identification_of_a_closed_day_is_undone_when_the_period_is_open_again(office: Office) -> None:
    await office.until(3, 22)
    taken = await take(office, bai2(Line("174", 96_00, "Z,,4711")))
    path = f"/deposits/{taken['lines'][0]['deposit_id']}"
    await office.ask("POST", f"{path}/identify", {"trace_number": "TRACE1", "payer_identifier": PAYER})
    await office.until(4, 2)
    await office.close("2026-03")
    [known] = (await office.ask("GET", "/deposits/unidentified?status=identified"))["items"]
    undoing = {"identified_as": known["identified_as"], "reason": "wrong-payer"}
    refused = await office.ask("POST", f"{path}/undo-identification", undoing, status=409)
    assert (refused["code"], refused["facts"]["period"]) == ("day-is-closed", "2026-03")
    await office.until(4, 3)
    await office.ask("POST", "/periods/2026-03/reopen", {"reason": "wrong-payer"})
    await office.settle()
    await office.ask("POST", f"{path}/undo-identification", undoing)
    await office.settle()
    [waiting] = (await office.ask("GET", "/deposits/unidentified"))["items"]
    assert waiting["amount_cents"] == 96_00
    await office.verify()
