"""Patients' money that went in comes out again: taken back by the bank, given back by two persons, owed as a credit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.payments.main import build
from shared.events.values import CoverageSnapshot
from shared.kernel.identifiers import account_id_of, claim_id_of
from shared.runtime.clock import FileClock
from shared.runtime.identity import Role
from shared.runtime.service import ServiceRuntime
from shared.testing.hosting import hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.payments.test_payments_service import (
    ACCOUNT,
    CLAIM,
    NEIGHBOURS,
    World,
    _neighbour,
    covered,
    released,
    remittance,
    self_pay,
)


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[World]:
    """At noon of 2 April 2026, until it is moved on."""
    FileClock(tmp_path / "clock", datetime(2026, 4, 2, 12, tzinfo=UTC))
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _neighbour(name, known) for name in NEIGHBOURS}
    async with hosted(postgres_server, {**builds, "payments": build}, tmp_path, clock="driven") as running:
        yield World(running, known)


async def visit(world: World, cents: int, encounter: str = "encounter-1") -> None:
    """A visit that no insurance covers."""
    await world.say("charges", released(cents, encounter=encounter))
    await world.say("eligibility", self_pay(encounter))
    await world.settle()


async def pay(world: World, cents: int, on: str = "2026-04-01", payment: str = "payment-1", **more: Any) -> None:
    body = {
        "payment_id": payment,
        "patient_id": "patient-1",
        "amount_cents": cents,
        "method": "check",
        "received_on": on,
        **more,
    }
    await world.ask("POST", "/patient-payments", body)
    await world.settle()


async def take_back(world: World, on: str = "2026-04-02", *, status: int = 201, **more: Any) -> Any:
    body = {"patient_id": "patient-1", "reason": "returned-by-bank", "taken_back_on": on, **more}
    found = await world.ask("POST", "/patient-payments/payment-1/take-back", body, status=status)
    await world.settle()
    return found


async def payments(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.ask("GET", "/patient-payments?patient_id=patient-1"))["items"]
    return found


@pytest.mark.asyncio
async def test_a_check_that_bounces_is_owed_again_and_every_figure_follows(world: World) -> None:
    await visit(world, 100_00)
    before = await world.trial()
    aged = await world.ask("GET", "/aging?as_of=2026-06-20")
    await pay(world, 120_00)
    assert await world.balances() == {}
    assert (await world.trial())["unapplied"] == -20_00
    await take_back(world)
    await take_back(world)
    assert await world.trial() == before == {"charges": -100_00, "receivable:patient": 100_00}
    assert (await world.ask("GET", "/aging?as_of=2026-06-20"))["parties"] == aged["parties"]
    account = (await world.ask("GET", f"/accounts/{ACCOUNT}"))["account"]
    assert (account["paid_by_patient_cents"], account["owed_cents"]) == (0, 100_00)
    [row] = await payments(world)
    assert (row["taken_back_cents"], row["taken_back_on"], row["unapplied_cents"]) == (120_00, "2026-04-02", 0)
    assert (await world.ask("GET", "/unapplied"))["items"] == []
    rolled = (await world.ask("GET", "/roll-forward?period=2026-04"))["total"]
    assert (rolled["patient_payments_cents"], rolled["closing_cents"]) == (0, 100_00)
    assert len(await world.running.events("payments", "PaymentTakenBack", "PatientPaymentReversed")) == 2
    await world.verify()


@pytest.mark.asyncio
async def test_a_closed_day_stands_and_what_bounced_in_it_is_a_late_entry(world: World) -> None:
    await visit(world, 100_00)
    await pay(world, 100_00, on="2026-04-01")
    await world.move_to(datetime(2026, 4, 3, 12, tzinfo=UTC))
    assert (await world.ask("GET", "/periods/2026-04-02"))["obstacles"] == []
    await world.ask("POST", "/periods/2026-04-02/close", {})
    await world.settle()
    closed = await world.ask("GET", "/trial-balance?as_of=2026-04-02&basis=posted")
    refused = await take_back(world, on="2026-04-02", status=409)
    assert (refused["code"], refused["facts"]["first_open_on"]) == ("day-is-closed", "2026-04-03")
    await take_back(world, on="2026-04-02", late_entry=True)
    again = await world.ask("GET", "/trial-balance?as_of=2026-04-02&basis=posted")
    assert again["accounts"] == closed["accounts"]
    legs = (await world.ask("GET", "/postings?period=2026-04-03&is_late=true"))["items"]
    assert {(each["event"], each["happened_on"], each["posted_on"]) for each in legs} == {
        (event, "2026-04-02", "2026-04-03")
        for event in ("AllocationTakenBack", "PaymentTakenBack", "PatientPaymentReversed")
    }
    await world.verify()


@pytest.mark.asyncio
async def test_what_was_refunded_and_charged_back_is_made_good_by_the_next_payment(world: World) -> None:
    await pay(world, 50_00)
    path = "/patient-payments/payment-1/refunds"
    await world.ask("POST", path, {"patient_id": "patient-1", "refund_id": "r1", "amount_cents": 20_00})
    await world.settle()
    [waiting] = (await world.ask("GET", "/queues/refunds"))["items"]
    assert (waiting["payment_id"], waiting["requested_by"], waiting["status"]) == (
        "payment-1",
        "user:tester",
        "requested",
    )
    agree = f"{path}/r1/approve"
    same = await world.ask("POST", agree, {"patient_id": "patient-1"}, status=409)
    assert same["code"] == "same-person"
    await world.as_another(Role.POSTER, "POST", agree, {"patient_id": "patient-1"}, status=403)
    await world.as_another(Role.MANAGER, "POST", agree, {"patient_id": "patient-1"})
    await world.settle()
    assert (await world.ask("GET", "/queues/refunds"))["items"] == []
    refused = await take_back(world, status=409)
    assert (refused["code"], refused["facts"]["refunded_cents"]) == ("payment-was-refunded", 20_00)
    await take_back(world, reason="chargeback", refunded_too=True)
    assert await world.trial() == {"overdrawn": 20_00, "refunds": -20_00}
    await pay(world, 25_00, on="2026-04-02", payment="payment-2")
    assert await world.trial() == {"cash": 25_00, "refunds": -20_00, "unapplied": -5_00}
    first, second = await payments(world)
    assert (first["overdrawn_cents"], first["still_overdrawn_cents"]) == (20_00, 0)
    assert (second["covering_cents"], second["unapplied_cents"]) == (20_00, 5_00)
    await world.verify()


@pytest.mark.asyncio
async def test_a_refund_of_money_that_is_no_longer_there_is_refused_with_what_is_left(world: World) -> None:
    await pay(world, 50_00)
    path = "/patient-payments/payment-1/refunds"
    await world.ask("POST", path, {"patient_id": "patient-1", "refund_id": "r1", "amount_cents": 50_00})
    await visit(world, 30_00)
    refused = await world.as_another(
        Role.MANAGER, "POST", f"{path}/r1/approve", {"patient_id": "patient-1"}, status=409
    )
    assert (refused["code"], refused["facts"]["unapplied_cents"]) == ("exceeds-unapplied", 20_00)


def medicare() -> Any:
    told = covered(("medicare-b", "60054"))
    first: CoverageSnapshot = msgspec.structs.replace(told.coverages[0], filing_indicator="MB")
    return msgspec.structs.replace(told, coverages=(first,))


@pytest.mark.asyncio
async def test_credits_say_whose_they_are_since_when_and_by_when_a_federal_payer_has_its_own(world: World) -> None:
    await world.say("charges", released(100_00))
    await world.say("eligibility", medicare())
    await world.say("charges", released(40_00, encounter="encounter-2"))
    await world.say("eligibility", covered(("aetna", "11111"), encounter="encounter-2"))
    await world.settle()
    second = claim_id_of(account_id_of("encounter-2"), 1)
    await world.send(remittance(f"CLP*{CLAIM}*1*100*80**12*ICN1~CAS*CO*45*20~", "80"))
    await world.move_to(datetime(2026, 4, 10, 12, tzinfo=UTC))
    await world.send(remittance(f"CLP*{CLAIM}*1*100*80**12*ICN2~CAS*CO*45*20~", "80", trace="TRACE2"))
    for number in (3, 4):
        paid = f"CLP*{second}*1*40*40**12*ICN{number}~"
        await world.send(remittance(paid, "40", trace=f"TRACE{number}", payer="11111"))
    await world.move_to(datetime(2026, 6, 9, 12, tzinfo=UTC))
    found = (await world.ask("GET", "/credits"))["items"]
    assert {(each["payer_id"], each["credit_cents"], each["since_on"], each["days"]) for each in found} == {
        ("medicare-b", 80_00, "2026-04-10", 60),
        ("aetna", 40_00, "2026-04-10", 60),
    }
    [federal] = (await world.ask("GET", "/credits?is_federal=true"))["items"]
    assert (federal["filing_indicator"], federal["due_on"], federal["is_overdue"]) == ("MB", "2026-06-09", False)
    await world.move_to(datetime(2026, 6, 10, 12, tzinfo=UTC))
    [overdue] = (await world.ask("GET", "/credits?is_overdue=true"))["items"]
    sums = await world.ask("GET", "/credits/summary")
    listed = (await world.ask("GET", "/credits"))["items"]
    assert (sums["credits"], sums["credit_cents"]) == (2, sum(each["credit_cents"] for each in listed))
    assert sums["overdue_cents"] == overdue["credit_cents"] == 80_00
    refund = {"refund_id": "r1", "to_party": "payer:1", "amount_cents": 80_00}
    await world.ask("POST", f"/accounts/{ACCOUNT}/refunds", refund)
    await world.as_another(Role.MANAGER, "POST", f"/accounts/{ACCOUNT}/refunds/r1/approve")
    await world.settle()
    assert [each["payer_id"] for each in (await world.ask("GET", "/credits"))["items"]] == ["aetna"]
    assert (await world.ask("GET", "/credits/summary"))["overdue_cents"] == 0
    await world.move_to(datetime(2026, 6, 12, 12, tzinfo=UTC))
    await world.ask("POST", f"/accounts/{ACCOUNT}/refunds/r1/reverse", {"reason": "check-voided"})
    await world.settle()
    [again] = (await world.ask("GET", "/credits?is_overdue=true"))["items"]
    assert {name: again[name] for name in ("credit_cents", "since_on", "due_on")} == {
        name: overdue[name] for name in ("credit_cents", "since_on", "due_on")
    }
    await world.verify()


@pytest.mark.asyncio
async def test_the_number_of_a_card_is_no_token_and_is_not_repeated(world: World) -> None:
    body = {
        "payment_id": "payment-1",
        "patient_id": "patient-1",
        "amount_cents": 5_00,
        "method": "card",
        "received_on": "2026-04-01",
        "token": "4111-1111-1111-1111",
    }
    refused = await world.ask("POST", "/patient-payments", body, status=422)
    assert "4111" not in str(refused)
    assert await world.running.events("payments", "PatientPaymentReceived") == []
    await world.ask("POST", "/patient-payments", {**body, "token": "tok_1PqR4111111111111112"})


@pytest.mark.asyncio
async def test_a_refund_is_declined_or_reversed_and_the_list_says_what_became_of_each(world: World) -> None:
    await pay(world, 50_00)
    path = "/patient-payments/payment-1/refunds"
    whose = {"patient_id": "patient-1"}
    for number in ("r1", "r2"):
        await world.ask("POST", path, {**whose, "refund_id": number, "amount_cents": 20_00})
    await world.as_another(Role.POSTER, "POST", f"{path}/r1/decline", {**whose, "reason": "not-owed"}, status=403)
    await world.as_another(Role.MANAGER, "POST", f"{path}/r1/decline", {**whose, "reason": "not-owed"})
    await world.as_another(Role.MANAGER, "POST", f"{path}/r2/approve", whose)
    again = await world.as_another(Role.MANAGER, "POST", f"{path}/r1/approve", whose, status=409)
    assert again["code"] == "refund-was-declined"
    await world.settle()
    assert await world.trial() == {"cash": 50_00, "refunds": -20_00, "unapplied": -30_00}
    back = {**whose, "reason": "check-voided"}
    await world.as_another(Role.FRONT_DESK, "POST", f"{path}/r2/reverse", back, status=403)
    await world.as_another(Role.POSTER, "POST", f"{path}/r2/reverse", back)
    await world.settle()
    listed = (await world.ask("GET", "/refunds?payment_id=payment-1"))["items"]
    assert [(each["refund_id"], each["status"]) for each in listed] == [("r1", "declined"), ("r2", "reversed")]
    assert (listed[0]["decline_reason"], listed[1]["reversal_reason"]) == ("not-owed", "check-voided")
    assert (await world.ask("GET", "/refunds?status=issued"))["items"] == []
    [waiting] = (await world.ask("GET", "/unapplied"))["items"]
    assert (waiting["unapplied_cents"], waiting["received_on"]) == (50_00, "2026-04-01")
    assert await world.trial() == {"cash": 50_00, "unapplied": -50_00}
    await world.verify()


@pytest.mark.asyncio
async def test_a_credit_goes_to_another_account_of_the_patient_and_comes_back(world: World) -> None:
    other = account_id_of("encounter-2")
    await visit(world, 100_00)
    await pay(world, 120_00, accounts=[{"account_id": ACCOUNT, "amount_cents": 100_00}])
    await world.say("charges", released(60_00, release=2))
    await visit(world, 70_00, "encounter-2")
    before = await world.trial()
    assert before["receivable:patient"] == -40_00 + 70_00 - 20_00  # what waited was used for the second visit
    body = {"move_id": "move-1", "amount_cents": 40_00}
    await world.as_another(Role.BILLER, "POST", f"/accounts/{ACCOUNT}/credit/move", body, status=403)
    await world.ask("POST", f"/accounts/{ACCOUNT}/credit/move", body)
    await world.settle()
    assert (await world.ask("GET", f"/accounts/{other}"))["account"]["owed_cents"] == 10_00
    assert (await world.ask("GET", f"/accounts/{ACCOUNT}"))["account"]["owed_cents"] == 0
    [moved] = (await world.ask("GET", "/patient-payments?patient_id=patient-1"))["moves"]
    assert (moved["from_account_id"], moved["account_id"], moved["applied_cents"]) == (ACCOUNT, other, 40_00)
    assert await world.trial() == before
    await world.verify()

    await world.ask("POST", f"/accounts/{other}/moves/move-1/undo")
    await world.settle()
    assert (await world.ask("GET", f"/accounts/{ACCOUNT}"))["account"]["owed_cents"] == -40_00
    assert (await world.ask("GET", "/patient-payments?patient_id=patient-1"))["moves"] == []
    assert await world.trial() == before
    more = {**body, "move_id": "move-2", "amount_cents": 41_00}
    refused = await world.ask("POST", f"/accounts/{ACCOUNT}/credit/move", more, status=409)
    assert (refused["code"], refused["facts"]["credit_cents"]) == ("exceeds-credit", 40_00)
    elsewhere = {**body, "move_id": "move-3", "to_account_id": "NOWHERE"}
    await world.ask("POST", f"/accounts/{ACCOUNT}/credit/move", elsewhere, status=404)
    await world.verify()
