"""Is a payer asked before a person calls, and does what it says lead to the right next step?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from msgspec import structs

from deploy.sandbox.realtime import answer as sandbox_answer
from services.claims.main import build
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
    claims = partial(build, realtime=httpx.MockTransport(payer))
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
