"""Denials propose a rule, a person takes it in, and it is watched until it falls: through the store, the policies and HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
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


@pytest.mark.asyncio
async def test_a_rule_is_proposed_scored_taken_in_and_falls(postgres_server: PostgresServer, tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock", start=NOON)
    heard: list[Commands] = []
    async with hosted(postgres_server, {"claims": listening(heard)}, tmp_path, clock="driven") as running:
        await _proposed_taken_in_and_fallen(running, heard[0], clock)


async def _proposed_taken_in_and_fallen(running: Hosted, commands: Commands, clock: FileClock) -> None:
    async def ask(method: str, path: str, body: Any = None, **options: Any) -> Any:
        return await running.ask(method, f"/api/claims{path}", body, **options)

    await weeks(commands, 100)
    clock.advance_to(NOON + timedelta(days=30))
    await weeks(commands, 200)
    await running.settle()
    cut_off_on = (NOON + timedelta(days=10)).date().isoformat()
    to_on = (NOON + timedelta(days=60)).date().isoformat()
    asked = {"from_on": NOON.date().isoformat(), "to_on": to_on, "cut_off_on": cut_off_on}
    told = await ask("POST", "/what-if/learned-rules", asked)
    assert (told["training_claims"], told["later_claims"]) == (40, 40)
    [proposal] = told["proposals"]
    assert (proposal["reason"], proposal["later"]["precision_percent"], proposal["later"]["recall_percent"]) == (
        "4",
        100,
        100,
    )
    assert proposal["later"]["caught_cents"] == proposal["later"]["caught"] * 100_00
    assert len(proposal["examples"]) == 20 and proposal["examples"][0]["outcome"] == "caught"

    take_in = {
        **asked,
        "until": told["until"],
        "rule_hash": proposal["rule_hash"],
        "action": "hold",
        "floor_percent": 60,
    }
    other = await ask("POST", "/learned-rules", {**take_in, "rule_hash": "0" * 64}, status=409)
    assert other["code"] == "not-proposed"
    await ask("POST", "/learned-rules", take_in)
    rule_id = proposal["rule"]["rule_id"]
    [rule] = await ask("GET", "/learned-rules")
    assert (rule["rule"]["rule_id"], rule["rule"]["action"], rule["is_enabled"]) == (rule_id, "hold", True)
    assert (rule["back_test"]["caught"], rule["live_precision_percent"]) == (proposal["later"]["caught"], None)

    for number in range(300, 300 + CASES_MIN):
        await happened(commands, claim_of(number, procedure="99214", is_denied=False, finding=rule_id))
    await running.settle()
    [rule] = await ask("GET", "/learned-rules")
    assert (rule["has_fallen"], rule["live_cases"], rule["live_precision_percent"]) == (True, CASES_MIN, 0)
    assert (rule["rule"]["action"], rule["is_enabled"], rule["rule"]["version"]) == ("warn", True, 2)
    again = await ask("POST", "/what-if/learned-rules", {**asked, "until": told["until"]})
    again["proposals"][0]["is_taken_in"] = False
    assert again == told
    unknown = await ask("POST", "/learned-rules/own-learned-x/wrong", {"claim_id": "0" * 17}, status=404)
    assert unknown["code"] == "learned-rule-unknown"
