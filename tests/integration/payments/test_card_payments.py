"""Payments by card, with the sandbox's processor running as the program that it is: taken once, refunded, disputed, settled."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.payments.adapters.card_webhooks import signature_of
from services.payments.main import build
from services.payments.settings import PaymentsSettings
from shared.runtime.clock import FileClock
from shared.runtime.identity import Role
from shared.runtime.service import ServiceRuntime
from shared.testing.hosting import TENANT, hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.payments.test_payments_service import (
    ACCOUNT,
    NEIGHBOURS,
    World,
    _neighbour,
    released,
    self_pay,
)


@pytest_asyncio.fixture(loop_scope="session")
async def processor(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a sandbox processor of its own."""
    FileClock(tmp_path / "clock", datetime(2026, 4, 2, 12, tzinfo=UTC))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--state", str(tmp_path / "cards"), "--http-port", str(port)]
    arguments += ["--clock-file", str(tmp_path / "clock"), "--slow-seconds", "3"]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.sandbox.cards", *arguments, env=os.environ
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(120), httpx.AsyncClient() as http:
            while True:
                try:
                    if (await http.get(f"{url}/health")).is_success:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield url
    finally:
        program.terminate()
        await program.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path: Path, processor: str) -> AsyncIterator[World]:
    """At noon of 2 April 2026, until it is moved on."""
    settings = PaymentsSettings(
        card_processor_urls={TENANT: processor}, card_answer_seconds_max=1.0, card_poll_seconds=0.2
    )
    async with living(postgres_server, tmp_path, settings) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def patient_world(postgres_server: PostgresServer, tmp_path: Path, processor: str) -> AsyncIterator[World]:
    """The same, which asks the processor for its news once an hour."""
    keys = {TENANT: (SecretStr("the new key"), SecretStr("the old key"))}
    settings = PaymentsSettings(
        card_processor_urls={TENANT: processor}, card_poll_seconds=3600.0, card_webhook_keys=keys
    )
    async with living(postgres_server, tmp_path, settings) as world:
        yield world


@asynccontextmanager
async def living(server: PostgresServer, tmp_path: Path, settings: PaymentsSettings) -> AsyncIterator[World]:
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _neighbour(name, known) for name in NEIGHBOURS}
    parts = {**builds, "payments": partial(build, settings=settings)}
    async with hosted(server, parts, tmp_path, clock="driven") as running:
        yield World(running, known)


async def at_the_processor(url: str) -> list[tuple[str, int, int]]:
    async with httpx.AsyncClient() as http:
        found = (await http.get(f"{url}/payments")).json()["items"]
    return [(each["status"], each["amount_cents"], each["refunded_cents"]) for each in found]


async def take(world: World, cents: int, token: str, number: str = "c1", *, status: int = 201, **more: Any) -> Any:
    body = {"card_payment_id": number, "patient_id": "patient-1", "amount_cents": cents, "token": token, **more}
    return await world.ask("POST", "/card-payments", body, status=status)


async def paid(world: World, number: str = "c1") -> dict[str, Any]:
    found: dict[str, Any] = (await world.ask("GET", f"/card-payments/{number}"))["payment"]
    return found


async def until(world: World, number: str = "c1", **wanted: Any) -> dict[str, Any]:
    """The processor is asked, and tells, in the background."""
    give_up = time.monotonic() + 60
    while not wanted.items() <= (found := await paid(world, number)).items():
        assert time.monotonic() < give_up, found
        await asyncio.sleep(0.2)
    await world.settle()
    return found


async def visit(world: World, cents: int) -> None:
    await world.say("charges", released(cents, encounter="encounter-1"))
    await world.say("eligibility", self_pay("encounter-1"))
    await world.settle()


@pytest.mark.asyncio
async def test_a_card_pays_a_visit_is_refunded_disputed_and_won_and_every_cent_is_posted(
    world: World, processor: str
) -> None:
    await visit(world, 100_00)
    done = await take(world, 120_00, "tok_won")
    assert (await world.ask("GET", f"/card-payments/c1?after={done['after']}"))["payment"]["status"] == "captured"
    await world.settle()
    assert await world.trial() == {"cash": 120_00, "charges": -100_00, "unapplied": -20_00}
    path, whose = "/patient-payments/card:c1/refunds", {"patient_id": "patient-1"}
    await world.ask("POST", path, {**whose, "refund_id": "r1", "amount_cents": 20_00})
    await world.as_another(Role.MANAGER, "POST", f"{path}/r1/approve", whose)
    await world.settle()
    await until(world, refunded_cents=20_00)
    assert await at_the_processor(processor) == [("captured", 120_00, 20_00)]
    await world.move_to(datetime(2026, 4, 4, 12, tzinfo=UTC))
    fee = 3_78  # 2.9 % of 120.00 and 30 cents
    await until(world, settled_on="2026-04-03", fee_cents=fee)
    books = {"card-fees": fee, "charges": -100_00, "refunds": -20_00}
    assert await world.trial() == {**books, "cash": 120_00 - fee}
    await world.move_to(datetime(2026, 4, 13, 12, tzinfo=UTC))
    assert (await until(world, status="charged-back"))["charged_back_cents"] == 100_00
    assert await world.trial() == {**books, "cash": 20_00 - fee, "receivable:patient": 100_00}
    assert (await world.ask("GET", f"/accounts/{ACCOUNT}"))["account"]["owed_cents"] == 100_00
    await world.move_to(datetime(2026, 5, 4, 12, tzinfo=UTC))
    assert (await until(world, status="won"))["charged_back_cents"] == 0
    assert await world.trial() == {**books, "cash": 120_00 - fee}
    assert (await world.ask("GET", f"/accounts/{ACCOUNT}"))["account"]["owed_cents"] == 0
    await world.verify()


@pytest.mark.asyncio
async def test_an_answer_that_is_late_or_lost_is_asked_for_again_and_the_card_is_charged_once(
    world: World, processor: str
) -> None:
    for number, token in (("c1", "tok_slow"), ("c2", "tok_lost")):
        await take(world, 30_00, token, number)
    for number in ("c1", "c2"):
        await until(world, number, status="captured")
    assert await at_the_processor(processor) == [("captured", 30_00, 0), ("captured", 30_00, 0)]
    assert len(await world.running.events("payments", "CardAnswerMissed")) >= 1
    assert len(await world.running.events("payments", "CardPaymentCaptured", "PatientPaymentReceived")) == 4
    again = await take(world, 30_00, "tok_slow")
    assert again["event_ids"] == []
    refused = await take(world, 31_00, "tok_slow", status=409)
    assert refused["code"] == "payment-number-reused"
    assert await world.trial() == {"cash": 60_00, "unapplied": -60_00}
    await world.verify()


@pytest.mark.asyncio
async def test_a_declined_card_moves_nothing_and_a_refund_that_a_card_does_not_take_waits_again(
    world: World, processor: str
) -> None:
    await take(world, 30_00, "tok_declined")
    await until(world, status="declined", code="insufficient-funds", payment_id="")
    assert await world.trial() == {}
    refused = await take(world, 30_00, "4111 1111 1111 1111", "c9", status=422)
    assert "4111" not in str(refused)
    await take(world, 30_00, "tok_norefund", "c2")
    await world.settle()
    path, whose = "/patient-payments/card:c2/refunds", {"patient_id": "patient-1"}
    await world.ask("POST", path, {**whose, "refund_id": "r1", "amount_cents": 30_00})
    await world.as_another(Role.MANAGER, "POST", f"{path}/r1/approve", whose)
    await world.settle()
    give_up = time.monotonic() + 60
    while not (found := (await world.ask("GET", "/refunds?status=reversed"))["items"]):
        assert time.monotonic() < give_up
        await asyncio.sleep(0.2)
    assert (found[0]["reversal_reason"], found[0]["amount_cents"]) == ("card-refund-failed", 30_00)
    await world.settle()
    assert await world.trial() == {"cash": 30_00, "unapplied": -30_00}
    assert await at_the_processor(processor) == [("declined", 30_00, 0), ("captured", 30_00, 0)]
    await world.verify()


async def charged_elsewhere(url: str, cents: int) -> None:
    """A payment that the same merchant took at a terminal: the processor tells of it, and nobody here asked for it."""
    async with httpx.AsyncClient(base_url=url) as http:
        body = {"amount_cents": cents, "currency": "USD", "token": "tok_good", "merchant_reference": "terminal-7"}
        taken = (await http.post("/payments", json=body, headers={"idempotency-key": "t1"})).raise_for_status().json()
        captured = await http.post(
            f"/payments/{taken['id']}/capture",
            json={"amount_cents": cents, "currency": "USD"},
            headers={"idempotency-key": "t2"},
        )
        assert captured.json()["status"] == "captured"


@pytest.mark.asyncio
async def test_news_that_fit_no_payment_wait_for_a_person_and_hold_up_nothing_behind_them(
    world: World, processor: str
) -> None:
    await charged_elsewhere(processor, 70_00)
    await take(world, 40_00, "tok_good")
    await world.move_to(datetime(2026, 4, 4, 12, tzinfo=UTC))
    await until(world, settled_on="2026-04-03")
    found = (await world.ask("GET", "/card-news?is_open=true"))["items"]
    assert [(row["kind"], row["card_payment_id"], row["amount_cents"]) for row in found] == [
        ("settled", "terminal-7", 70_00)
    ]
    number = found[0]["news_number"]
    path = f"/card-news/{number}/deal-with"
    done = await world.ask("POST", path, {"reason": "recorded-otherwise"})
    assert (await world.ask("GET", f"/card-news?is_open=true&after={done['after']}"))["items"] == []
    [kept] = (await world.ask("GET", "/card-news"))["items"]
    assert (kept["reason"], kept["is_open"]) == ("recorded-otherwise", False)
    assert kept["dealt_with_by"] != ""
    assert (await world.ask("POST", path, {"reason": "recorded-otherwise"}))["event_ids"] == []
    unknown = await world.ask("POST", "/card-news/999/deal-with", {"reason": "not-ours"}, status=404)
    assert unknown["code"] == "not-found"
    assert await world.trial() == {"card-fees": 1_46, "cash": 38_54, "unapplied": -40_00}
    await world.verify()


@pytest.mark.asyncio
async def test_a_signed_webhook_makes_the_news_be_read_at_once_and_another_one_nothing(patient_world: World) -> None:
    world = patient_world
    await visit(world, 100_00)
    await take(world, 100_00, "tok_good")
    await world.move_to(datetime(2026, 4, 4, 12, tzinfo=UTC))
    body, moment = b'{"number": 1}', str(int(time.time()))

    async def told(key: str, signed_at: str = moment) -> httpx.Response:
        signature = f"t={signed_at},v1={signature_of(body, signed_at, SecretStr(key))}"
        headers = {"Card-Signature": signature, "Content-Type": "application/json"}
        return await world.running.http.post("/api/payments/card-news/webhook", content=body, headers=headers)

    for key, signed_at in (("somebody's key", moment), ("the new key", str(int(moment) - 3600))):
        refused = await told(key, signed_at)
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook-not-signed")
    assert (await paid(world))["settled_on"] is None
    taken = await told("the old key")
    assert (taken.status_code, taken.json()) == (200, {"were_news": True})
    await world.settle()
    assert (await paid(world))["settled_on"] is not None
    assert (await told("the new key")).json() == {"were_news": False}
    await world.verify()
