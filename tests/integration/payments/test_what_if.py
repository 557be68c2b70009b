"""A month of real remittances is read with another matrix: what would differ is told to the cent, and the ledger does not move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from services.payments.main import build
from shared.runtime.clock import FileClock
from shared.runtime.identity import Role
from shared.runtime.service import ServiceRuntime
from shared.testing.hosting import hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.payments.test_contracts import AMOUNTS, SHORT, TERMS, contracted, load, variances, visited
from tests.integration.payments.test_payments_service import (
    ACCOUNT,
    NEIGHBOURS,
    WORKED,
    World,
    _neighbour,
    covered,
    released,
    remittance,
)

TERMS_ALONE = {name: value for name, value in TERMS.items() if name != "effective_from"}


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[World]:
    FileClock(tmp_path / "clock", datetime(2026, 4, 2, 12, tzinfo=UTC))
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _neighbour(name, known) for name in NEIGHBOURS}
    async with hosted(postgres_server, {**builds, "payments": build}, tmp_path, clock="driven") as running:
        yield World(running, known)


@pytest.mark.asyncio
async def test_a_month_read_otherwise_differs_to_the_cent_and_nothing_moves(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    await world.send(remittance(WORKED, "96"))
    trial = await world.trial()
    events = len(await world.running.events("payments"))
    rules = [{"group": "CO", "reason": "45", "meaning": "denial"}, {"group": "PR", "reason": "1", "meaning": "denial"}]
    question = {"period": "2026-03", "rules": rules}
    told = await world.ask("POST", "/what-if/posting", question)
    assert (told["accounts"], told["accounts_that_differ"], told["left_out"]) == (1, 1, 0)
    assert told["ledger"] == {"contractual": -70_00, "receivable:patient": -60_00, "receivable:payer:1": 130_00}
    assert told["items"] == [{"account_id": ACCOUNT, "ledger": told["ledger"]}]
    again = await world.ask("POST", "/what-if/posting", {**question, "rules": rules[::-1]})
    assert (again["question_hash"], again["answer_hash"]) == (told["question_hash"], told["answer_hash"])
    elsewhere = await world.ask("POST", "/what-if/posting", {**question, "period": "2026-02"})
    assert (elsewhere["accounts"], elsewhere["ledger"]) == (0, {})
    other = [{**rule, "payer_id": "another"} for rule in rules]
    assert (await world.ask("POST", "/what-if/posting", {**question, "rules": other}))["accounts_that_differ"] == 0
    assert await world.trial() == trial
    assert len(await world.running.events("payments")) == events
    await world.as_another(Role.BILLER, "POST", "/what-if/posting", question, status=403)
    wrong = [{"group": "ZZ", "reason": "45", "meaning": "denial"}]
    await world.ask("POST", "/what-if/posting", {"period": "2026-03", "rules": wrong}, status=422)
    await world.verify()


@pytest.mark.asyncio
async def test_what_happened_after_the_days_or_the_position_is_not_seen(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    await world.send(remittance(WORKED, "96"))
    question = {"period": "2026-03", "rules": [{"group": "CO", "reason": "45", "meaning": "denial"}]}
    before = await world.ask("POST", "/what-if/posting", question)
    [row] = (await world.ask("GET", "/remittances"))["items"]
    await world.ask("POST", f"/remittances/{row['remittance_id']}/unpost")
    await world.settle()
    now = await world.ask("POST", "/what-if/posting", question)
    assert (now["ledger"], now["answer_hash"]) == (before["ledger"], before["answer_hash"])
    april = await world.ask("POST", "/what-if/posting", {**question, "period": "2026-04"})
    assert april["accounts"] == 0
    then = await world.ask("POST", "/what-if/posting", {**question, "until": before["until"]})
    assert (then["answer_hash"], then["until"]) == (before["answer_hash"], before["until"])
    nothing_yet = await world.ask("POST", "/what-if/posting", {**question, "until": "0.0.0"})
    assert (nothing_yet["accounts"], nothing_yet["ledger"]) == (0, {})


@pytest.mark.asyncio
async def test_a_month_is_held_against_another_contract_and_nothing_moves(world: World) -> None:
    await contracted(world)
    await load(world, AMOUNTS.replace(b"130.00", b"120.00"), to="aetna-2027/amounts", since="2027-01-01")
    await visited(world)
    await world.send(remittance(SHORT, "96"))
    [found] = await variances(world)
    events = len(await world.running.events("payments"))
    question = {
        "period": "2026-03",
        "payer_id": "aetna",
        "instead": [{"schedule_id": "aetna-2026", "read": "aetna-2027"}],
    }
    told = await world.ask("POST", "/what-if/contracts", {**question, "prices_on": "2027-01-01"})
    assert (told["total"]["expected_before_cents"], told["total"]["expected_after_cents"]) == (230_00, 220_00)
    assert (told["total"]["underpaid_before_cents"], told["total"]["underpaid_after_cents"]) == (10_00, 0)
    [row] = told["items"]
    assert (row["account_id"], row["vanish"], row["appear"]) == (ACCOUNT, [found["variance_id"]], [])
    again = await world.ask(
        "POST", "/what-if/contracts", {**question, "prices_on": "2027-01-01", "until": told["until"]}
    )
    assert (again["question_hash"], again["answer_hash"]) == (told["question_hash"], told["answer_hash"])
    same = {"period": "2026-03", "payer_id": "aetna", "contract_id": "c1", "terms": TERMS_ALONE}
    assert (await world.ask("POST", "/what-if/contracts", same))["accounts_that_differ"] == 0
    await world.ask("POST", "/what-if/contracts", {"period": "2026-03", "payer_id": "aetna"}, status=422)
    unknown = {**question, "instead": [{"schedule_id": "aetna-2026", "read": "nowhere"}]}
    assert (await world.ask("POST", "/what-if/contracts", unknown, status=409))["code"] == "schedule-not-loaded"
    assert len(await world.running.events("payments")) == events
    await world.as_another(Role.BILLER, "POST", "/what-if/contracts", same, status=403)
    for price in ("110.00", "100.00"):  # what was loaded a moment ago is known
        year = f"aetna-{price[:3]}"
        await load(world, AMOUNTS.replace(b"130.00", price.encode()), to=f"{year}/amounts", since="2026-01-01")
        newest = {**question, "instead": [{"schedule_id": "aetna-2026", "read": year}]}
        assert (await world.ask("POST", "/what-if/contracts", newest))["accounts_that_differ"] == 1
