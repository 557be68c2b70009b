from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import Practice, practice


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    async with practice(postgres_server, tmp_path) as made:
        yield made


@pytest.mark.asyncio
async def test_a_visit_becomes_a_claim_an_answer_and_a_balance(clinic: Practice) -> None:
    await clinic.register("iris", "blue-plains")
    await clinic.charge("visit-1", "iris", ("99213", 150_14))  # marked: the sandbox pays it
    await clinic.settle()
    assert await clinic.balances() == {"payer:1": 150_14}
    await clinic.live(days=20)
    assert await clinic.balances() == {"patient": 25_00}
    assert await clinic.violations() == []
