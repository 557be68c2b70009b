"""Is a payer asked before a person calls, and does what it says lead to the right next step?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from msgspec import structs

from deploy.sandbox.realtime import answer as sandbox_answer
from services.claims.domain.claim.numbering import replacement_of
from services.claims.main import build
from services.claims.settings import ClaimsSettings
from shared.codecs.x12.check import check
from shared.codecs.x12.claim_status_276_277 import read_276, read_277, write_277
from shared.codecs.x12.status import Status, StatusCode
from shared.runtime.clock import FileClock
from shared.testing.infrastructure import PostgresServer
from tests.integration.claims.conftest import Exchange, exchanging
from tests.integration.claims.test_claims_service import acknowledged_277ca, release

NOON = datetime(2026, 3, 23, 17, tzinfo=UTC)


@dataclass(slots=True)
class Payer:
    """Answers as the sandbox does, with another status when one is set; or it is down."""

    status: Status | None = None
    claim_id: str = ""  # instead of the one asked about
    is_down: bool = False
    questions: list[bytes] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.questions.append(request.content)
        if self.is_down:
            raise httpx.ConnectError("nobody there")
        told = sandbox_answer(request.content, len(self.questions), NOON)
        if self.status is None and not self.claim_id:
            return httpx.Response(200, content=told)
        [transaction] = read_277(told)
        [entry] = transaction.entries
        changes: dict[str, Any] = {"statuses": (self.status,)} if self.status else {}
        if self.claim_id:
            changes |= {"claim_id": self.claim_id}
        changed = structs.replace(transaction, entries=(structs.replace(entry, **changes),))
        return httpx.Response(200, content=write_277([changed]))


@dataclass(slots=True, kw_only=True)
class Practice:
    exchange: Exchange
    payer: Payer
    clock: FileClock

    async def later(self, **duration: float) -> None:
        """Business time passes, and what becomes due is done."""
        self.clock.advance_to(self.clock.now() + timedelta(**duration))
        await self.exchange.running.settle()

    async def claim(self, claim_id: str) -> dict[str, Any]:
        return dict((await self.exchange.ask("GET", f"/claims/{claim_id}"))["claim"])

    async def sent(self, number: int) -> str:
        claim_id = await release(self.exchange, number)
        await self.exchange.claim_with(claim_id, "submitted")
        await self.exchange.running.settle()
        return claim_id

    async def told(self, claim_id: str) -> list[str]:
        timeline = await self.exchange.ask("GET", f"/claims/{claim_id}/timeline")
        return [row["event"] for row in timeline["items"]]


@pytest_asyncio.fixture(loop_scope="session")
async def practice(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    payer = Payer()
    clock = FileClock(tmp_path / "clock", start=NOON)
    claims = partial(build, settings=ClaimsSettings(attachment_bytes_max=200), realtime=httpx.MockTransport(payer))
    async with exchanging(
        postgres_server, tmp_path, claims, realtime_url="https://northern.example/realtime", clock="driven"
    ) as exchange:
        yield Practice(exchange=exchange, payer=payer, clock=clock)


@pytest.mark.asyncio
async def test_a_silent_claim_is_asked_about_and_pending_means_wait(practice: Practice) -> None:
    claim_id = await practice.sent(1)
    await practice.exchange.send_file(acknowledged_277ca(claim_id, "A2", number="PCN7"))
    await practice.later(days=31)
    [question] = practice.payer.questions
    assert [found for found in check(question) if found.severity == "error"] == []
    [asked] = read_276(question)
    [entry] = asked.entries
    assert (entry.claim_id, entry.payer_control_number, entry.charged_cents) == (claim_id, "PCN7", 100_00)
    assert entry.subscriber is not None
    assert (entry.subscriber.name, entry.subscriber.id) == ("DOE", "M001")
    claim = await practice.claim(claim_id)
    assert (claim["last_answer"], claim["owner"], claim["waiting_for"]) == (
        "status reported: P1:20:PR",
        "ledgerline",
        "",
    )
    assert claim["waits_until"][:10] == "2026-05-07"
    [document] = [row for row in await rows(practice, claim_id) if row["event"] == "ClaimStatusReported"]
    assert document["document_id"]
    await practice.later(days=14)
    assert len(practice.payer.questions) == 2


async def rows(practice: Practice, claim_id: str) -> list[dict[str, Any]]:
    return list((await practice.exchange.ask("GET", f"/claims/{claim_id}/timeline"))["items"])


@pytest.mark.asyncio
async def test_a_payer_that_is_down_is_asked_three_times_and_then_a_person_calls(practice: Practice) -> None:
    practice.payer.is_down = True
    claim_id = await practice.sent(2)
    await practice.later(days=2, minutes=1)  # no 277CA
    for _ in range(8):
        await practice.later(minutes=16)
    assert len(practice.payer.questions) == 3
    claim = await practice.claim(claim_id)
    assert (claim["waiting_for"], claim["owner"]) == ("277CA", "payer follow-up")
    follow_up = await practice.exchange.ask("GET", "/follow-up")
    assert [row["claim_id"] for row in follow_up["items"]] == [claim_id]


@pytest.mark.asyncio
async def test_a_claim_that_the_payer_does_not_find_is_sent_again_by_a_person(practice: Practice) -> None:
    practice.payer.status = Status(codes=(StatusCode(category="A4", code="35", entity="PR"),), effective_on=NOON.date())
    claim_id = await practice.sent(3)
    await practice.exchange.ask("POST", f"/claims/{claim_id}/send-again", status=409)
    await practice.exchange.ask("POST", f"/claims/{claim_id}/ask-status")
    await practice.exchange.running.settle()
    claim = await practice.claim(claim_id)
    assert (claim["waiting_for"], claim["owner"]) == ("a person", "payer follow-up")
    await practice.exchange.ask("POST", f"/claims/{claim_id}/send-again")
    await practice.exchange.running.settle()
    claim = await practice.claim(claim_id)
    assert (claim["status"], claim["version"], claim["waiting_for"]) == ("submitted", 2, "")


@pytest.mark.asyncio
async def test_a_payer_that_has_paid_sends_somebody_to_look_for_the_remittance(practice: Practice) -> None:
    practice.payer.status = Status(
        codes=(StatusCode(category="F1", code="65"),), effective_on=NOON.date(), paid_cents=80_00, payment_number="EFT9"
    )
    claim_id = await practice.sent(4)
    await practice.exchange.ask("POST", f"/claims/{claim_id}/ask-status")
    await practice.exchange.running.settle()
    claim = await practice.claim(claim_id)
    assert claim["next_action"] == "the payer says it paid: find the remittance of payment EFT9"


@pytest.mark.asyncio
async def test_a_277_about_a_claim_that_is_not_ours_is_kept_and_the_question_stays_open(practice: Practice) -> None:
    practice.payer.claim_id = "ZZZZZZZZZZZZZZZZZ"
    claim_id = await practice.sent(5)
    await practice.exchange.ask("POST", f"/claims/{claim_id}/ask-status")
    await practice.exchange.running.settle()
    [held] = (await practice.exchange.ask("GET", "/acknowledgements/held"))["items"]
    assert [finding["rule"] for finding in held["findings"]] == ["claim-unknown"]
    refusal = await practice.exchange.ask("POST", f"/claims/{claim_id}/ask-status", status=409)
    assert refusal["code"] == "status-already-asked"
    assert (await practice.claim(claim_id))["next_action"] == "the payer is asked for the status"


PDF = b"%PDF-1.7 an operative note"


async def upload(practice: Practice, claim_id: str, content: bytes, **wanted: Any) -> httpx.Response:
    path = f"/api/claims/claims/{claim_id}/attachments?report_type=OB&transmission=FX"
    headers = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/octet-stream"}
    return await practice.exchange.running.http.post(path, content=content, headers=headers, **wanted)


async def follow_up(practice: Practice, claim_id: str) -> dict[str, Any]:
    await practice.exchange.running.settle()
    return dict(await practice.exchange.ask("GET", f"/claims/{claim_id}/follow-up"))


@pytest.mark.asyncio
async def test_what_a_payer_wants_is_sent_with_a_number_and_proof_and_then_waited_for(practice: Practice) -> None:
    practice.payer.status = Status(codes=(StatusCode(category="R4", code="294"),), effective_on=NOON.date())
    claim_id = await practice.sent(6)
    await practice.exchange.ask("POST", f"/claims/{claim_id}/ask-status")
    found = await follow_up(practice, claim_id)
    [question], [request] = found["questions"], found["requests"]
    assert (question["outcome"], request["codes"], request["due_on"]) == ("information", ["R4:294"], "2026-04-22")
    claim = await practice.claim(claim_id)
    assert (claim["next_action"], claim["owner"]) == ("send the payer what it wants by 2026-04-22", "payer follow-up")

    await practice.later(days=31)
    listed = await practice.exchange.ask("GET", "/requests?is_overdue=true")
    assert [row["claim_id"] for row in listed["items"]] == [claim_id]

    assert (await upload(practice, claim_id, PDF)).status_code == 201
    [attachment] = (await follow_up(practice, claim_id))["attachments"]
    number = attachment["attachment_id"]
    assert number == f"{claim_id}A1"
    today = practice.clock.now().date().isoformat()
    sent = {"method": "fax", "sent_on": today, "proof_number": "FX-1"}
    answer = {"how": "attachments", "attachment_ids": [number]}
    answering = f"/claims/{claim_id}/requests/{request['request_id']}/answer"
    assert (await practice.exchange.ask("POST", answering, answer, status=404))["code"] == "attachment-unknown"
    await practice.exchange.ask("POST", f"/claims/{claim_id}/attachments/{number}/sent", sent)
    await practice.exchange.ask("POST", answering, answer)
    found = await follow_up(practice, claim_id)
    assert (found["requests"][0]["is_open"], found["attachments"][0]["proof_number"]) == (False, "FX-1")
    claim = await practice.claim(claim_id)
    assert (claim["owner"], claim["request_due_on"]) == ("ledgerline", None)
    assert claim["waits_until"] is not None

    await practice.exchange.ask("POST", f"/claims/{claim_id}/correct", {"reason": "recoded", "diagnoses": ["E119"]})
    replacement = replacement_of(claim_id)
    [carried] = (await follow_up(practice, replacement))["attachments"]
    assert (carried["attachment_id"], carried["carried_from"], carried["proof_number"]) == (number, claim_id, "FX-1")
    drop = f"/claims/{replacement}/attachments/{number}/remove"
    await practice.exchange.ask("POST", drop, {"reason": "not-of-this-claim"})
    assert (await follow_up(practice, replacement))["attachments"][0]["is_removed"]
    assert not (await follow_up(practice, claim_id))["attachments"][0]["is_removed"]


@pytest.mark.asyncio
async def test_a_document_goes_out_under_its_number_with_the_claim(practice: Practice) -> None:
    practice.payer.status = Status(codes=(StatusCode(category="A4", code="35"),), effective_on=NOON.date())
    claim_id = await practice.sent(7)
    assert (await upload(practice, claim_id, PDF)).status_code == 201
    await practice.exchange.ask("POST", f"/claims/{claim_id}/ask-status")
    await practice.exchange.running.settle()
    await practice.exchange.ask("POST", f"/claims/{claim_id}/send-again")
    await practice.exchange.running.settle()
    first, again = [path.read_bytes() for path in practice.exchange.outbox()]
    assert b"PWK*" not in first
    assert f"~PWK*OB*FX***AC*{claim_id}A1~".encode() in again.replace(b"\n", b"")


@pytest.mark.asyncio
async def test_a_document_that_cannot_be_one_is_refused_with_the_rule(practice: Practice) -> None:
    claim_id = await practice.sent(8)
    for content, rule in (
        (b"", "empty"),
        (b"MZ not a document", "PDF, TIFF, JPEG or PNG"),
        (PDF + bytes(200), "at most"),
    ):
        answer = await upload(practice, claim_id, content)
        assert (answer.status_code, answer.json()["code"]) == (422, "attachment-unreadable")
        assert rule in answer.json()["detail"]
    assert (await follow_up(practice, claim_id))["attachments"] == []
    assert (await upload(practice, "ZZZZZZZZZZZZZZZZZ", PDF)).status_code == 404


@pytest.mark.asyncio
async def test_a_call_is_on_the_claim_with_its_number_and_its_words_are_sealed(practice: Practice) -> None:
    claim_id = await practice.sent(9)
    await practice.exchange.send_file(acknowledged_277ca(claim_id, "A2"))
    call = {
        "called_on": "2026-03-23",
        "outcome": "pending",
        "reference_number": "C-77",
        "spoke_with": "Gwendolyn",
        "note": "says that Gwendolyn has it",
        "next_action_on": "2026-03-25",
    }
    await practice.exchange.ask("POST", f"/claims/{claim_id}/calls", call)
    [row] = (await follow_up(practice, claim_id))["calls"]
    assert (row["reference_number"], row["called_by"]) == ("C-77", "user:tester")
    claim = await practice.claim(claim_id)
    assert (claim["next_action"], claim["waits_until"][:10]) == ("wait until the day agreed on the phone", "2026-03-25")
    [stored] = await practice.exchange.running.events("claims", "CallRecorded")
    assert b"Gwendolyn" not in stored.data
    said = await practice.exchange.ask("GET", f"/claims/{claim_id}/follow-up/words")
    assert said == [
        {"about": row["call_id"], "field": "note", "text": "says that Gwendolyn has it"},
        {"about": row["call_id"], "field": "spoke_with", "text": "Gwendolyn"},
    ]
    await practice.later(days=2)
    claim = await practice.claim(claim_id)
    assert (claim["waiting_for"], claim["owner"]) == ("a person", "payer follow-up")
