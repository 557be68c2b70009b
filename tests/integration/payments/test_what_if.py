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
