"""Rules of escalation and checklists through the store, the timers and HTTP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from shared.runtime.clock import FileClock
from shared.testing.infrastructure import PostgresServer
from tests.integration.claims.conftest import Exchange, exchanging
from tests.integration.claims.test_appeals import deny
from tests.integration.claims.test_status_questions import NOON


@pytest.mark.asyncio
async def test_what_nobody_works_on_goes_up_and_comes_down_when_somebody_does(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    clock = FileClock(tmp_path / "clock", start=NOON)
    async with exchanging(postgres_server, tmp_path, clock="driven") as exchange:
        await _goes_up_and_comes_down(exchange, clock)


async def _goes_up_and_comes_down(exchange: Exchange, clock: FileClock) -> None:
    old = (await deny(exchange, 46))["denial_id"]
    rule = {"rule_id": "all", "workdays": 1, "supervisor": "user:sue"}
    await exchange.ask("POST", "/escalation-rules", {"rules": [rule, {**rule, "rule_id": "other"}]})
    twice = await exchange.ask("POST", "/escalation-rules", {"rules": [rule, rule]}, status=409)
    assert twice["code"] == "escalation-rules-malformed"
    waiting = await exchange.until(f"/denials/{old}", lambda row: row["escalates_on"] is not None)
    new = (await deny(exchange, 47))["denial_id"]
    await exchange.until(f"/denials/{new}", lambda row: row["escalates_on"] is not None)
    await exchange.ask("POST", f"/denials/{new}/note", {"outcome_code": "other", "next_action_on": "2099-01-01"})

    clock.advance_to(datetime.fromisoformat(f"{waiting['escalates_on']}T12:00:00+00:00"))
    up = await exchange.until("/denials?is_escalated=true", lambda answer: len(answer["items"]) == 1)
    [row] = up["items"]
    assert (row["denial_id"], row["escalated_to"]) == (old, "user:sue")
    assert row["escalated_on"] == waiting["escalates_on"]
    worked = await exchange.ask("POST", f"/denials/{old}/checklist/get-the-record", {})
    assert (await exchange.ask("GET", f"/denials?is_escalated=true&after={worked['after']}"))["items"] == []
    found = await exchange.ask("GET", f"/denials/{old}/checklist?after={worked['after']}")
    done = [step for step in found["steps"] if step["is_done"]]
    assert [(step["step_id"], step["done_by"][:5]) for step in done] == [("get-the-record", "user:")]
    assert found["open_steps"] == len(found["steps"]) - 1

    own = {"steps": [{"step_id": "get-the-record", "text": "Get it"}, {"step_id": "call", "text": "Call"}]}
    await exchange.ask("POST", "/denial-checklists/medical-necessity", own)
    found = await exchange.ask("GET", f"/denials/{old}/checklist")
    assert (found["version"], found["open_steps"], len(found["steps"])) == (1, 1, 2)
