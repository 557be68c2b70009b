"""Every behaviour of a payer that the sandbox knows, lived through by one practice at the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.kernel.identifiers import account_id_of
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import Practice, practice

DAYS = 45
# visit -> payers, cents of the one charge; the last two digits ask the sandbox for a behaviour
STORIES: dict[str, tuple[tuple[str, ...], int]] = {
    "paid": (("blue-plains",), 150_14),
    "rejected-by-clearinghouse": (("blue-plains",), 150_01),
    "rejected-by-payer": (("blue-plains",), 150_02),
    "silent": (("blue-plains",), 150_03),
    "denied": (("prairie-hmo",), 150_05),
    "reversed": (("prairie-hmo",), 150_08),
    "short": (("prairie-hmo",), 150_09),
    "doubled": (("state-medicaid",), 150_11),
    "interest": (("state-medicaid",), 150_12),
    "not-covered": (("state-medicaid",), 150_13),
    "secondary": (("medicare-b", "silver-supplement"), 150_14),
    "self-pay": ((), 150_14),
}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def clinic(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Practice]:
    home: Path = tmp_path_factory.mktemp("stories")
    async with practice(postgres_server, home) as made:
        for story, (payers, cents) in STORIES.items():
            await made.register(story, *payers)
            await made.charge(f"visit-{story}", story, ("99213", cents))
        await made.live(days=DAYS)
        yield made


async def parties(clinic: Practice, story: str) -> dict[str, int]:
    """Who owes what on the story's account."""
    account = await clinic.system.ask("GET", f"/api/payments/accounts/{account_id_of(f'visit-{story}')}")
    return {party["party"]: party["owed_cents"] for party in account["parties"] if party["owed_cents"]}


async def claims(clinic: Practice, story: str) -> list[dict[str, Any]]:
    found = await clinic.system.ask("GET", "/api/claims/claims", params={"patient_id": story, "limit": 50})
    return list(found["items"])


@pytest.mark.asyncio
async def test_a_payer_pays_and_the_copay_is_the_patients(clinic: Practice) -> None:
    assert await parties(clinic, "paid") == {"patient": 25_00}


@pytest.mark.asyncio
@pytest.mark.parametrize("story", ["rejected-by-clearinghouse", "rejected-by-payer"])
async def test_a_rejected_claim_comes_back_to_work_and_the_payer_still_owes(clinic: Practice, story: str) -> None:
    [claim] = await claims(clinic, story)
    assert claim["is_open"] is True
    assert claim["next_action"] != ""
    assert await parties(clinic, story) == {"payer:1": STORIES[story][1]}


@pytest.mark.asyncio
async def test_a_silent_claim_is_followed_up_by_itself(clinic: Practice) -> None:
    found = await clinic.system.ask("GET", "/api/claims/follow-up")
    assert account_id_of("visit-silent") in {row["account_id"] for row in found["items"]}


@pytest.mark.asyncio
async def test_a_denial_is_opened_with_its_amount_and_is_not_written_off(clinic: Practice) -> None:
    found = await clinic.system.ask("GET", "/api/claims/denials")
    [denial] = [row for row in found["items"] if row["account_id"] == account_id_of("visit-denied")]
    assert (denial["denied_cents"], denial["reason_group"], denial["reason"]) == (150_05, "CO", "197")
    assert denial["expected_recovery_cents"] == denial["denied_cents"] * denial["win_chance_percent"] // 100
    assert await parties(clinic, "denied") == {"payer:1": 150_05}


@pytest.mark.asyncio
async def test_a_reversal_and_its_correction_leave_the_patients_share_alone(clinic: Practice) -> None:
    assert await parties(clinic, "reversed") == {"patient": 30_00}


@pytest.mark.asyncio
async def test_a_remittance_that_is_a_cent_short_is_held_and_posts_nothing(clinic: Practice) -> None:
    found = await clinic.system.ask("GET", "/api/payments/remittances", params={"status": "held"})
    assert len(found["items"]) == 1
    assert await parties(clinic, "short") == {"payer:1": 150_09}


@pytest.mark.asyncio
async def test_the_same_835_in_two_files_is_posted_once(clinic: Practice) -> None:
    assert await parties(clinic, "doubled") == {}
    posted = [
        event
        for event in await clinic.system.events("payments", "ClaimPaymentPosted")
        if event.stream_key == account_id_of("visit-doubled")
    ]
    assert len(posted) == 1


@pytest.mark.asyncio
async def test_interest_is_not_a_payment_on_the_claim(clinic: Practice) -> None:
    assert await parties(clinic, "interest") == {}
    trial = await clinic.system.ask("GET", "/api/payments/trial-balance")
    assert trial["total_cents"] == 0


@pytest.mark.asyncio
async def test_what_is_not_covered_is_the_patients(clinic: Practice) -> None:
    assert await parties(clinic, "not-covered") == {"patient": 150_13}


@pytest.mark.asyncio
async def test_what_medicare_left_goes_to_the_supplement_and_the_rest_to_the_patient(clinic: Practice) -> None:
    allowed = 150_14 * 58 // 100
    left = allowed * 20 // 100
    assert await parties(clinic, "secondary") == {"patient": left - left * 9 // 10}
    assert sorted((claim["rank"], claim["is_open"]) for claim in await claims(clinic, "secondary")) == [
        (1, False),
        (2, False),
    ]


@pytest.mark.asyncio
async def test_without_coverage_the_patient_owes_the_charge_and_no_claim_is_made(clinic: Practice) -> None:
    assert await parties(clinic, "self-pay") == {"patient": 150_14}
    assert await claims(clinic, "self-pay") == []


@pytest.mark.asyncio
async def test_nothing_is_violated_and_nothing_was_refused_or_parked(clinic: Practice) -> None:
    assert await clinic.violations() == []
    for service in clinic.system.hosts:
        assert (await clinic.system.ask("GET", f"/api/{service}/ops/refused"))["items"] == [], service
        assert await clinic.system.ask("GET", f"/api/{service}/ops/parked") == [], service
