"""What an engineer on call is told of readers, leases, rebuilds and streams, over HTTP, while things go right and wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.services import build_of
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

API = "/api/eligibility"
READER = "eligibility.payers"


@pytest_asyncio.fixture(loop_scope="session")
async def running(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Hosted]:
    async with hosted(postgres_server, {"eligibility": build_of("eligibility")}, tmp_path) as made:
        await list_payer(made, "northern")
        await made.settle()
        yield made


async def list_payer(running: Hosted, payer_id: str, name: str = "NORTHERN HEALTH") -> Any:
    payer = {"name": name, "electronic_id": payer_id.upper()}
    return await running.ask("PUT", f"{API}/payers/{payer_id}", payer)


@contextlib.asynccontextmanager
async def owner_of(running: Hosted) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(running.platform.settings.dsn("eligibility", "owner"))
    try:
        yield connection
    finally:
        await connection.close()


async def until(running: Hosted, path: str, holds: Callable[[Any], bool]) -> Any:
    give_up = time.monotonic() + 20
    while not holds(answer := await running.ask("GET", f"{API}{path}")):
        assert time.monotonic() < give_up, f"{path}: {answer}"
        await asyncio.sleep(0.05)
    return answer


async def test_a_reader_that_stands_still_is_behind_until_it_goes_on(running: Hosted) -> None:
    fresh = await running.ask("GET", f"{API}/ops/freshness")
    [*_, last] = await running.events("eligibility")
    assert fresh == {"head": str(last.position), "behind": {}}
    async with owner_of(running) as owner:
        take = "update readers set owner = 'idle', epoch = epoch + 1, lease_until = now() + interval '1 hour'"
        await owner.execute(f"{take} where reader = $1", READER)
        await list_payer(running, "southern")
        behind = await until(running, "/ops/freshness", lambda told: set(told["behind"]) == {READER})
        assert behind["behind"][READER] >= 1
        [row] = [each for each in (await running.ask("GET", f"{API}/ops/lag"))["readers"] if each["name"] == READER]
        assert (row["owner"], row["behind"] >= 1, row["lease_until"] is not None) == ("idle", True, True)
        give = "update readers set owner = null, lease_until = '-infinity' where reader = $1"
        await owner.execute(give, READER)
    await until(running, "/ops/freshness", lambda told: told["behind"] == {})


async def test_every_reader_and_task_has_a_row_with_its_lease(running: Hosted) -> None:
    told = await running.ask("GET", f"{API}/ops/lag")
    host = running.hosts["eligibility"]
    readers = {each.name for each in (*host.projections, *host.parts.policies, *host.parts.timers)}
    rows = {row["name"]: row for row in told["readers"]}
    assert told["feed"] == "postgres"
    assert readers <= rows.keys()
    assert {row["behind"] for name, row in rows.items() if name in readers} == {0}
    assert {name for name, row in rows.items() if row["head"] is None} == rows.keys() - readers != set()
    assert all(row["lease_epoch"] >= 1 for row in rows.values())


async def test_a_rebuild_tells_how_far_it_is_and_what_differed(running: Hosted) -> None:
    async with owner_of(running) as owner:
        await owner.execute("select set_config('app.tenant', $1, false)", TENANT)
        assert await owner.execute("update payers set listing = '{}'") == "UPDATE 1"
    result = await running.ask("POST", f"{API}/ops/rebuild", {"projection": READER})
    assert (result["rows"], result["differences"], result["differs_in"]) == (1, 1, ["payers: listing"])
    [progress] = await running.ask("GET", f"{API}/ops/rebuilds")
    assert (progress["projection"], progress["state"], progress["phase"]) == (READER, "done", "swap")
    assert (progress["percent"], progress["result"]) == (100, result)
    again = await running.ask("POST", f"{API}/ops/rebuild", {"projection": READER})
    assert (again["differences"], again["differs_in"]) == (0, [])


async def test_a_stream_is_told_whole_in_order_and_with_its_actors(running: Hosted) -> None:
    stream = (await list_payer(running, "northern", "NORTHERN HEALTH PLAN"))["stream"]
    told = await running.ask("GET", f"{API}/streams/{stream}")
    assert (told["stream"], told["is_whole"], told["broken_at"]) == (stream, True, None)
    assert [event["streamversion"] for event in told["events"]] == [1, 2]
    assert {(event["type"], event["actor"]) for event in told["events"]} == {
        ("eligibility.PayerListed.v1", "user:tester")
    }


async def test_a_stream_in_which_a_byte_was_changed_says_where_it_breaks(running: Hosted) -> None:
    stream = (await list_payer(running, "northern", "NORTHERN HEALTH PLAN"))["stream"]
    async with owner_of(running) as owner:
        await owner.execute("alter table events disable trigger user")
        changed = await owner.execute(
            "update events set data = convert_to(replace(convert_from(data, 'UTF8'), 'PLAN', 'PLAY'), 'UTF8')"
            " where stream = $1 and version = 2",
            stream,
        )
        assert changed == "UPDATE 1"
    told = await running.ask("GET", f"{API}/streams/{stream}")
    assert (told["is_whole"], told["broken_at"]) == (False, 2)


async def test_a_stream_of_another_tenant_and_one_that_is_not_there_look_the_same(running: Hosted) -> None:
    stream = (await list_payer(running, "northern"))["stream"]
    other = local_token(running.platform.settings, [Role.ADMIN], "other", subject="eve")
    theirs = {"Authorization": f"Bearer {other}"}
    hidden = await running.ask("GET", f"{API}/streams/{stream}", status=404, headers=theirs)
    absent = await running.ask("GET", f"{API}/streams/{stream}-x", status=404)
    assert {**hidden, "trace_id": ""} == {**absent, "trace_id": ""}
    await running.ask("GET", f"{API}/streams/Payer/northern", status=422)
    operator = local_token(running.platform.settings, [Role.OPERATOR], TENANT, subject="operator")
    await running.ask("GET", f"{API}/streams/{stream}", status=403, headers={"Authorization": f"Bearer {operator}"})
