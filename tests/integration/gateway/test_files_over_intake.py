"""Is any file told apart by its content, and is each message of it answered by name?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.codecs.hl7v2.mllp import frame
from tests.integration.gateway.conftest import MakeEdge
from tests.unit.codecs.bank.statements import EFT, bai2
from tests.unit.gateway.messages import A04, DFT, ORU

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTCOMES = {"accepted", "held", "refused", "ignored"}
ISA = "ISA*00*          *00*          *ZZ*PAYER          *ZZ*PROVIDER       *260302*1200*^*00501*000000001*0*P*:~"


def interchange(group: str, *segments: str) -> bytes:
    gs = f"GS*{group}*PAYER*PROVIDER*20260302*1200*1*X*005010X221A1~"
    return (ISA + gs + "".join(f"{segment}~" for segment in segments) + "GE*1*1~IEA*1*000000001~").encode()


ERA = interchange("HP", "ST*835*0001", "BPR*I*0*C*NON************20260302", "SE*3*0001")


async def take(client: httpx.AsyncClient, content: bytes, name: str = "file", key: str = "k") -> list[dict[str, Any]]:
    headers = {"Idempotency-Key": key, "X-File-Name": name, "Content-Type": "application/octet-stream"}
    answer = await client.post("/intake", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()
    return told


async def test_each_message_of_a_file_is_answered_for_itself(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        told = await take(client, A04 + DFT + ORU, "morning.hl7")
    assert [(each["message"], each["type"], each["outcome"]) for each in told] == [
        ("ADT-1", "ADT^A04", "accepted"),
        ("DFT-1", "DFT^P03", "accepted"),
        ("ORU-1", "ORU^R01", "ignored"),
    ]
    assert {each["file"] for each in told} == {"morning.hl7"}


async def test_a_recorded_mllp_stream_is_a_file_too(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        told = await take(client, frame(A04) + frame(DFT))
    assert [each["outcome"] for each in told] == ["accepted", "accepted"]


async def test_the_same_file_again_has_no_second_effect(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        first = await take(client, DFT)
        commands = len(edge.services.commands)
        assert await take(client, DFT, key="another") == first
    assert len(edge.services.commands) == commands


async def test_a_refusal_names_place_value_and_rule_and_quotes_nobody(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        [told] = await take(client, DFT.replace(b"|CG|", b"|XX|").replace(b"EVERYWOMAN", b"ZEBULON"))
    assert told["outcome"] == "refused"
    [place] = [each["place"] for each in told["findings"] if each["value"] == "XX"][:1]
    assert place == "FT1-6"
    assert "ZEBULON" not in str(told)


async def test_an_835_goes_to_payments_and_a_999_to_claims(make_edge: MakeEdge) -> None:
    edge = make_edge()
    acknowledgement = interchange("FA", "ST*999*0001*005010X231A1", "AK1*HC*1*005010X222A1", "AK9*A*1*1*1", "SE*4*0001")
    async with edge.http() as client:
        [era] = await take(client, ERA, "payer.835")
        [answer] = await take(client, acknowledgement)
    assert (era["type"], era["outcome"]) == ("835", "accepted")
    assert (answer["type"], answer["outcome"]) == ("999", "accepted")
    assert [path for path, _ in edge.services.files] == ["/api/payments/remittances", "/api/claims/acknowledgements"]
    assert edge.services.files[0][1] == ERA


async def test_a_claim_file_is_refused_by_name(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        [told] = await take(client, interchange("HC", "ST*837*0001*005010X222A1", "SE*2*0001"))
    assert (told["type"], told["outcome"]) == ("837", "refused")
    assert told["findings"][0]["rule"] == "a claim is not taken in here"


async def test_an_835_that_payments_holds_is_answered_as_held_with_the_findings_of_payments(
    make_edge: MakeEdge,
) -> None:
    edge = make_edge()
    finding = {"rule": "balance", "place": "BPR02", "message": "does not balance", "value": "1", "severity": "error"}
    edge.services.file_answers["/api/payments/remittances"] = [
        {"control_number": "0001", "outcome": "held", "findings": [finding]}
    ]
    async with edge.http() as client:
        [told] = await take(client, ERA)
    assert told["outcome"] == "held"
    assert ("BPR02", "1", "does not balance") in {
        (each["place"], each["value"], each["rule"]) for each in told["findings"]
    }


async def test_a_file_that_a_service_refuses_is_checked_to_its_last_segment(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.refusals["/remittances"] = "no-remittance"
    async with edge.http() as client:
        [told] = await take(client, ERA.replace(b"SE*3*0001", b"SE*9*0001"))
    assert told["outcome"] == "held"
    assert any(each["place"].endswith("SE01") for each in told["findings"]), told


async def test_an_empty_file_is_malformed(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        answer = await client.post(
            "/intake", content=b" \n", headers={"Idempotency-Key": "k", "Content-Type": "application/octet-stream"}
        )
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


async def test_a_file_waits_while_a_service_is_down(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.down.add("payments")
    async with edge.http() as client:
        [told] = await take(client, ERA)
        assert told["outcome"] == "held"
        edge.services.down.clear()
        [again] = await take(client, ERA)
    assert again["outcome"] == "accepted"


async def test_every_sample_message_ends_accepted_held_refused_or_ignored_with_a_reason(
    make_edge: MakeEdge, samples: Path
) -> None:
    edge = make_edge()
    seen: dict[str, int] = {}
    async with edge.http() as client:
        for file in sorted((samples / "hl7v2").iterdir()):
            content = file.read_bytes()
            if not content.strip():
                continue
            for told in await take(client, content, file.name):
                seen[told["outcome"]] = seen.get(told["outcome"], 0) + 1
                is_explained = told["outcome"] == "accepted" or bool(told["findings"])
                assert is_explained, told
                malformed = [each for each in told["findings"] if each["value"] == "malformed"]
                assert not malformed, told
    assert seen.keys() <= OUTCOMES
    assert seen["accepted"] > 20, seen


DEPOSITS = b"deposited_on,amount,trace_number,payer_identifier\n2026-03-02,96.00,TRACE1,1512345678\n"


async def test_a_banks_file_goes_to_payments_whichever_format_it_has(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        [statement] = await take(client, bai2(EFT), "bank.bai")
        [listed] = await take(client, DEPOSITS, "bank.csv")
        assert (await take(client, bai2(EFT), key="another"))[0]["receipt_id"] == statement["receipt_id"]
    assert [(each["type"], each["outcome"]) for each in (statement, listed)] == [
        ("BAI2", "accepted"),
        ("deposit list", "accepted"),
    ]
    path = "/api/payments/deposits/files"
    assert edge.services.files == [(path, bai2(EFT)), (path, DEPOSITS)]


async def test_a_banks_file_that_does_not_add_up_is_refused_with_each_problem_and_no_name(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.http() as client:
        [short] = await take(client, bai2(EFT).replace(b"16,165,9600", b"16,165,9601"))
        [named] = await take(client, DEPOSITS.replace(b"96.00", b"JANE DOE"))
    assert (short["outcome"], named["outcome"]) == ("refused", "refused")
    assert "a trailer says what is above it" in short["findings"][0]["rule"]
    assert named["findings"][0]["place"] == "record 2 amount"
    assert "JANE" not in str(named)
    assert edge.services.files == []


async def test_what_the_bank_does_not_say_is_told_and_the_file_is_done_with(make_edge: MakeEdge) -> None:
    edge = make_edge()
    line = {"record": 4, "outcome": "unidentified", "reason": "trace-number-missing", "amount_cents": 96_00}
    edge.services.file_answers["/api/payments/deposits/files"] = {"lines": [line, {**line, "outcome": "waits"}]}
    async with edge.http() as client:
        [told] = await take(client, bai2(EFT))
        assert (await client.get("/intake/messages")).json()["items"] == []
    assert told["outcome"] == "accepted"
    assert [(each["place"], each["value"], each["severity"]) for each in told["findings"]] == [
        ("record 4", "trace-number-missing", "warning")
    ]
