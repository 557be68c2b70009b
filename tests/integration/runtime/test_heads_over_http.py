"""Does an operator go on after a restore over HTTP, and only then?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.services import build_of
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTINUE = "/api/eligibility/ops/heads/continue"
BECAUSE = {"because": "disk lost, restored to noon"}


@pytest_asyncio.fixture(loop_scope="session")
async def running(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Hosted]:
    async with hosted(postgres_server, {"eligibility": build_of("eligibility")}, tmp_path) as made:
        for number in (1, 2):
            payer = {"name": "NORTHERN HEALTH", "electronic_id": f"NORTH{number}"}
            await made.ask("PUT", f"/api/eligibility/payers/northern-{number}", payer)
            await made.hosts["eligibility"].sealer.seal()
        yield made


async def test_heads_are_given_up_after_a_restore_and_not_otherwise(running: Hosted) -> None:
    assert "no head of eligibility" in (await running.ask("POST", CONTINUE, BECAUSE, status=409))["detail"]
    owner = await asyncpg.connect(running.platform.settings.dsn("eligibility", "owner"))
    try:
        for table in ("head_copies", "heads"):
            await owner.execute(f"alter table {table} disable trigger user")
            await owner.execute(f"delete from {table} where number > 1")
    finally:
        await owner.close()
    assert await running.ask("POST", CONTINUE, BECAUSE) == {"head": 3, "continues": 1, "size": 2}
    report = await running.ask("GET", "/api/eligibility/ops/verify")
    checks = {check["name"]: check["violations"] for check in report["checks"]}
    assert checks["restored: head 3 goes on from head 1: disk lost, restored to noon (user:tester)"] == []
    assert checks["heads are signed, extend one another and are in both places"] == []
    assert checks["events are those that the heads vouch for"] == []


async def test_only_an_operator_gives_heads_up(running: Hosted) -> None:
    manager = local_token(running.platform.settings, [Role.MANAGER], TENANT, subject="manager")
    problem = await running.ask("POST", CONTINUE, BECAUSE, status=403, headers={"Authorization": f"Bearer {manager}"})
    assert problem["code"] == "forbidden"
