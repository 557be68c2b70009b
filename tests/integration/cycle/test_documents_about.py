"""Does whoever destroys a patient's key learn of every raw document that still says something about the patient?"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from shared.events.registry import SERVICES
from shared.runtime.vault import Opener
from shared.testing.hosting import TENANT
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import Practice, practice

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Practice]:
    async with practice(postgres_server, tmp_path_factory.mktemp("about")) as made:
        await made.set_up()
        for patient in ("iris", "hugo"):
            await made.register(patient, "blue-plains")
            await made.charge(f"visit-{patient}", patient, ("99213", 150_14))
        await made.live(days=12)
        yield made


async def listed(clinic: Practice, patient: str) -> dict[str, bool]:
    """Document -> whether it is about others too."""
    found: dict[str, bool] = {}
    for service in SERVICES:
        answer = await clinic.system.ask("GET", f"/api/{service}/documents-about/{patient}")
        found |= {item["document_id"]: item["is_about_others"] for item in answer["items"]}
    return found


async def naming(clinic: Practice, text: bytes) -> set[str]:
    """By opening every document that there is."""
    platform = clinic.system.platform
    connection = await asyncpg.connect(platform.settings.dsn("documents"))
    try:
        await connection.execute("select set_config('app.tenant', $1, false)", TENANT)
        ids = [row["document_id"] for row in await connection.fetch("select document_id from documents")]
    finally:
        await connection.close()
    opener = Opener(actor="user:tester", purpose="test")
    return {each for each in ids if text in (await platform.documents.get(TENANT, each, opener)).content.upper()}


async def test_every_document_that_names_the_patient_is_listed(clinic: Practice) -> None:
    for patient in ("iris", "hugo"):
        truth = await naming(clinic, f"BLU{patient.upper()}".encode())  # the member number
        found = await listed(clinic, patient)
        assert truth  # the 837 at least
        assert truth <= found.keys()
        assert any(found[each] for each in truth)  # both patients' claims went in one batch


async def test_nothing_is_listed_for_nobody(clinic: Practice) -> None:
    assert await listed(clinic, "nobody-at-all") == {}
