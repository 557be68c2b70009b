"""Does `verify` catch a consumer that is wrong? This one writes rows and position in two transactions, and dies between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.charges.main import build
from services.charges.projections import encounters
from shared.runtime.codec import EventCodec
from shared.runtime.projector import ProjectionSink
from shared.runtime.transaction import PostgresTransaction
from shared.testing.hosting import Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.charges.test_charges_service import charge, list_everything, post


@pytest_asyncio.fixture(loop_scope="session")
async def charges(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Hosted]:
    async with hosted(postgres_server, {"charges": build}, tmp_path) as running:
        yield running


async def apply_without_moving(charges: Hosted) -> None:
    """What the bad consumer does: its rows are committed, its position is not."""
    wanted = encounters.projection.reads["charges"]
    names = {f"charges.{each.__name__}.v1" for each in wanted}
    events = [stored for stored in await charges.events("charges") if stored.type in names]
    connection = await asyncpg.connect(charges.platform.settings.dsn("charges"))
    try:
        async with connection.transaction():
            await ProjectionSink(encounters.projection, EventCodec()).apply(PostgresTransaction(connection), events)
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_a_consumer_that_applies_twice_is_caught_and_its_row_is_named(charges: Hosted) -> None:
    await list_everything(charges)
    await post(charges, charge(1), charge(2))
    await charges.settle()
    assert (await charges.ask("GET", "/api/charges/ops/verify"))["ok"] is True
    await apply_without_moving(charges)
    report = await charges.ask("GET", "/api/charges/ops/verify")
    assert report["ok"] is False
    [check] = [each for each in report["checks"] if each["violations"]]
    assert check["name"] == "charges.encounters equals a fresh fold"
    assert "visit-1" in check["violations"][0]["where"]
    assert "charge_count" in check["violations"][0]["found"]


@pytest.mark.asyncio
async def test_a_rebuild_makes_such_a_read_model_right_again(charges: Hosted) -> None:
    await list_everything(charges)
    await post(charges, charge(1))
    await charges.settle()
    await apply_without_moving(charges)
    rebuilt = await charges.ask("POST", "/api/charges/ops/rebuild", {"projection": "charges.encounters"})
    assert rebuilt["differences"] == 1
    assert (await charges.ask("GET", "/api/charges/ops/verify"))["ok"] is True
