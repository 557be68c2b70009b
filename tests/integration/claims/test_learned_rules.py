"""Denials propose a rule, a person takes it in, and it is watched until it falls: through the store, the policies and HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from msgspec import structs

from services.claims.domain.claim.decider import claim
from services.claims.domain.learned_rule.decider import CASES_MIN
from services.claims.main import build
from shared.events.base import Event
from shared.events.claims import ClaimAdjudicated, ClaimDenied, ClaimScrubbed
from shared.events.values import Finding
from shared.kernel.decider import Decider
from shared.runtime.clock import FileClock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.host import Build
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.claims.test_status_questions import NOON
from tests.unit.claims.examples import SENT, SERVICES, VISIT, created

pytestmark = pytest.mark.asyncio(loop_scope="session")
SPOKEN = Aggregate(
    name="claim", decider=Decider(decide=lambda event, _: [event], evolve=claim.evolve, initial=claim.initial)
)


def listening(heard: list[Commands]) -> Build:
    """The service, and its own commands beside it, so that a test says what happened to claims without sending any."""

    def build_and_listen(runtime: ServiceRuntime) -> ServiceParts:
        heard.append(runtime.commands)
        return build(runtime)

    return build_and_listen


def claim_of(number: int, *, procedure: str, is_denied: bool, finding: str = "") -> Sequence[Event]:
    claim_id = f"{number:017d}"
    line = structs.replace(VISIT, procedure_code=procedure)
    first = structs.replace(created(), claim_id=claim_id, services=structs.replace(SERVICES, lines=(line,)))
    events: list[Event] = [first]
    for event in SENT[1:]:
        said = structs.replace(event, claim_id=claim_id)
        if isinstance(said, ClaimScrubbed) and finding:
            found = Finding(rule=finding, severity="warning", place="claim", message="m", fix="f")
            said = structs.replace(said, findings=(found,))
        events.append(said)
    answer = ClaimAdjudicated(
        claim_id=claim_id,
        rank=1,
        remittance_id="remit-1",
        paid_cents=0 if is_denied else 80_00,
        patient_responsibility_cents=0,
        denied_cents=100_00 if is_denied else 0,
        adjudicated_on=NOON.date(),
    )
    denied = ClaimDenied(
        claim_id=claim_id,
        denial_id=f"{claim_id}-0123456789AB",
        remittance_id="remit-1",
        denied_cents=100_00,
        group="CO",
        reason="4",
    )
    return [*events, answer, *([denied] if is_denied else [])]


async def happened(commands: Commands, events: Sequence[Event]) -> None:
    for event in events:
        cause = Cause(tenant=TENANT, actor="user:test", command_id=uuid4(), correlation_id="test")
        await commands.handle(SPOKEN, event.claim_id, event, cause)  # type: ignore[attr-defined]


async def weeks(commands: Commands, first: int) -> None:
    """Forty visits, of which every 99214 is denied."""
    for number in range(first, first + 40):
        is_pattern = number % 3 == 0
        procedure = "99214" if is_pattern else "99213"
        await happened(commands, claim_of(number, procedure=procedure, is_denied=is_pattern))


@dataclass(slots=True, kw_only=True)
class Practice:
    """Two months of visits with one pattern in their denials, of which the first teaches and the second is held against it."""

    running: Hosted
    commands: Commands
    asked: dict[str, Any]

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        return await self.running.ask(method, f"/api/claims{path}", body, **options)

    async def told(self) -> Any:
        return await self.ask("POST", "/what-if/learned-rules", self.asked)

    def take_in(self, told: Any, **changes: Any) -> dict[str, Any]:
        [proposal] = told["proposals"]
        named = {"until": told["until"], "rule_hash": proposal["rule_hash"]}
        return self.asked | named | {"action": "hold", "floor_percent": 60} | changes


@pytest_asyncio.fixture(loop_scope="session")
async def practice(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    clock = FileClock(tmp_path / "clock", start=NOON)
    heard: list[Commands] = []
    async with hosted(postgres_server, {"claims": listening(heard)}, tmp_path, clock="driven") as running:
        await weeks(heard[0], 100)
        clock.advance_to(NOON + timedelta(days=30))
        await weeks(heard[0], 200)
        await running.settle()
        days = {"from_on": 0, "cut_off_on": 10, "to_on": 60}
        asked = {name: (NOON + timedelta(days=after)).date().isoformat() for name, after in days.items()}
        yield Practice(running=running, commands=heard[0], asked=asked)


async def test_a_pattern_in_denials_is_proposed_and_scored_on_what_came_later(practice: Practice) -> None:
    told = await practice.told()
    assert (told["training_claims"], told["later_claims"]) == (40, 40)
    [proposal] = told["proposals"]
    later = proposal["later"]
    assert (proposal["reason"], later["precision_percent"], later["recall_percent"]) == ("4", 100, 100)
    assert later["caught_cents"] == later["caught"] * 100_00
    assert len(proposal["examples"]) == 20 and proposal["examples"][0]["outcome"] == "caught"


async def test_a_rule_is_taken_in_as_it_was_proposed_and_falls_below_its_floor(practice: Practice) -> None:
    told = await practice.told()
    [proposal] = told["proposals"]
    await practice.ask("POST", "/learned-rules", practice.take_in(told))
    rule_id = proposal["rule"]["rule_id"]
    [rule] = await practice.ask("GET", "/learned-rules")
    assert (rule["rule"]["rule_id"], rule["rule"]["action"], rule["is_enabled"]) == (rule_id, "hold", True)
    assert (rule["back_test"]["caught"], rule["live_precision_percent"]) == (proposal["later"]["caught"], None)

    for number in range(300, 300 + CASES_MIN):
        await happened(practice.commands, claim_of(number, procedure="99214", is_denied=False, finding=rule_id))
    await practice.running.settle()
    [rule] = await practice.ask("GET", "/learned-rules")
    assert (rule["has_fallen"], rule["live_cases"], rule["live_precision_percent"]) == (True, CASES_MIN, 0)
    assert (rule["rule"]["action"], rule["is_enabled"], rule["rule"]["version"]) == ("warn", True, 2)

    again = await practice.ask("POST", "/what-if/learned-rules", practice.asked | {"until": told["until"]})
    assert again["proposals"] == [{**proposal, "is_taken_in": True}]
    assert {**again, "proposals": told["proposals"]} == told


async def test_a_rule_that_was_not_proposed_is_not_taken_in_nor_found(practice: Practice) -> None:
    told = await practice.told()
    body = practice.take_in(told, rule_hash="0" * 64)
    refused = await practice.ask("POST", "/learned-rules", body, status=409)
    assert refused["code"] == "not-proposed"
    unknown = await practice.ask("POST", "/learned-rules/own-learned-x/wrong", {"claim_id": "0" * 17}, status=404)
    assert unknown["code"] == "learned-rule-unknown"
