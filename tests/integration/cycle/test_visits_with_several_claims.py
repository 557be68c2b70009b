"""A visit that fits on no single claim becomes several; each is billed, answered and balanced by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.codecs.x12.claim_837p import read_837p
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import Practice, practice


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    async with practice(postgres_server, tmp_path) as made:
        yield made


CODES = [f"99{number}" for number in range(201, 261)]


@pytest.mark.asyncio
async def test_a_visit_of_sixty_lines_is_paid_on_two_claims(clinic: Practice) -> None:
    await clinic.register("iris", "blue-plains")
    await clinic.charge("long", "iris", *((code, 100_00) for code in CODES))
    await clinic.settle()
    assert await clinic.balances() == {"payer:1": 6_000_00}
    await clinic.live(days=16)
    claims = (await clinic.system.ask("GET", "/api/claims/claims"))["items"]
    assert sorted(claim["charged_cents"] for claim in claims) == [1_000_00, 5_000_00]
    assert len({claim["claim_id"] for claim in claims}) == 2
    archive = clinic.inbox.parent / "archive"
    written = [
        claim
        for file in sorted(archive.glob("*.837"))
        for batch in read_837p(file.read_bytes())
        for claim in batch.claims
    ]
    assert sorted(len(claim.lines) for claim in written) == [10, 50]
    assert len(await clinic.system.events("payments", "ClaimPaymentPosted")) == 2
    assert await clinic.violations() == []


@pytest.mark.asyncio
async def test_charges_billed_apart_before_sending_go_to_the_coverage_that_was_named(clinic: Practice) -> None:
    await clinic.register("noah", "blue-plains", "silver-supplement")
    await clinic.charge("injury", "noah", ("99213", 120_00), ("73610", 80_00), ("29515", 60_00))
    apart = {"charge_ids": ["injury-2", "injury-3"], "coverage_ids": ["noah-silver-supplement"]}
    path = "/api/charges/encounters/injury/bills"
    await clinic.system.ask("POST", path, {"bills": [apart], "reason": "work accident"})
    await clinic.system.ask("POST", path, {"bills": [apart], "reason": "work accident"})
    await clinic.settle()
    claims = (await clinic.system.ask("GET", "/api/claims/claims"))["items"]
    live = {claim["payer_name"]: claim["charged_cents"] for claim in claims if claim["rank"] == 1}
    assert sorted(live.values()) == [120_00, 140_00]
    visit = await clinic.system.ask("GET", "/api/charges/encounters/injury")
    assert [(bill["bill"], bill["released_cents"]) for bill in visit["bills"]] == [(1, 120_00), (2, 140_00)]
    assert visit["encounter"]["released_cents"] == 260_00
    assert await clinic.balances() == {"payer:1": 260_00}
    await clinic.system.ask("POST", path, {"bills": [], "reason": "no accident after all"})
    await clinic.live(days=2)
    visit = await clinic.system.ask("GET", "/api/charges/encounters/injury")
    assert [bill["released_cents"] for bill in visit["bills"]] == [260_00]
    assert await clinic.violations() == []
