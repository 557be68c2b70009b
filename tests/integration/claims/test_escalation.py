"""Rules of escalation and checklists through the store, the timers and HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.runtime.clock import FileClock
from shared.testing.infrastructure import PostgresServer
from tests.integration.claims.conftest import Exchange, exchanging
from tests.integration.claims.test_appeals import deny
from tests.integration.claims.test_status_questions import NOON

pytestmark = pytest.mark.asyncio(loop_scope="session")
RULE = {"rule_id": "all", "workdays": 1, "supervisor": "user:sue"}


@dataclass(slots=True, kw_only=True)
class Office:
    exchange: Exchange
    clock: FileClock

    async def denial(self, number: int) -> Any:
        """One that is due to go up, because a rule says so."""
        denial_id = (await deny(self.exchange, number))["denial_id"]
        return await self.exchange.until(f"/denials/{denial_id}", lambda row: row["escalates_on"] is not None)

    def noon_of(self, day: str) -> None:
        self.clock.advance_to(datetime.fromisoformat(f"{day}T12:00:00+00:00"))


@pytest_asyncio.fixture(loop_scope="session")
async def office(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Office]:
    clock = FileClock(tmp_path / "clock", start=NOON)
    async with exchanging(postgres_server, tmp_path, clock="driven") as exchange:
        await exchange.ask("POST", "/escalation-rules", {"rules": [RULE]})
        yield Office(exchange=exchange, clock=clock)


async def test_what_nobody_works_on_goes_up_and_comes_down_when_somebody_does(office: Office) -> None:
    exchange = office.exchange
    left, noted = await office.denial(46), await office.denial(47)
    note = {"outcome_code": "other", "next_action_on": "2099-01-01"}
    await exchange.ask("POST", f"/denials/{noted['denial_id']}/note", note)

    office.noon_of(left["escalates_on"])
    [row] = (await exchange.until("/denials?is_escalated=true", lambda answer: answer["items"] != []))["items"]
    assert (row["denial_id"], row["escalated_to"]) == (left["denial_id"], "user:sue")
    assert row["escalated_on"] == left["escalates_on"]

    worked = await exchange.ask("POST", f"/denials/{left['denial_id']}/checklist/get-the-record", {})
    assert (await exchange.ask("GET", f"/denials?is_escalated=true&after={worked['after']}"))["items"] == []


async def test_two_rules_of_one_name_are_refused(office: Office) -> None:
    refused = await office.exchange.ask("POST", "/escalation-rules", {"rules": [RULE, RULE]}, status=409)
    assert refused["code"] == "escalation-rules-malformed"


async def test_a_step_of_a_checklist_is_done_once_and_stays_done_in_the_practices_own(office: Office) -> None:
    exchange = office.exchange
    path = f"/denials/{(await office.denial(46))['denial_id']}/checklist"
    worked = await exchange.ask("POST", f"{path}/get-the-record", {})
    usual = await exchange.ask("GET", f"{path}?after={worked['after']}")
    done = [step for step in usual["steps"] if step["is_done"]]
    assert [(step["step_id"], step["done_by"][:5]) for step in done] == [("get-the-record", "user:")]
    assert usual["open_steps"] == len(usual["steps"]) - 1

    steps = [{"step_id": "get-the-record", "text": "Get it"}, {"step_id": "call", "text": "Call"}]
    await exchange.ask("POST", "/denial-checklists/medical-necessity", {"steps": steps})
    own = await exchange.ask("GET", path)
    assert (own["version"], own["open_steps"], len(own["steps"])) == (1, 1, 2)
