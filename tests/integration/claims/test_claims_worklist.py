"""The claims worklist by what people look for, and the same counted: each filter over HTTP, from what the services said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from shared.events.eligibility import EligibilityAnswered, EligibilityRejected, FilingLimit, PayerListed, Rejection271
from tests.integration.claims.conftest import Exchange
from tests.integration.claims.test_claims_service import release
from tests.unit.claims.examples import FACILITY, PATIENT, RENDERING, SERVICE_ON, SOURCE, coverage

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHER = structs.replace(RENDERING, provider_id="other", last_or_organisation="OTHER", first="OLGA")
ANNEX = structs.replace(FACILITY, facility_id="annex", name="ANNEX")


async def found(exchange: Exchange, **filters: Any) -> list[str]:
    """The numbers of the listed claims; the same filters count the same."""
    listed = (await exchange.ask("GET", "/claims", params=filters))["items"]
    counted = (await exchange.ask("GET", "/claims/summary", params=filters))["items"]
    assert sum(each["claims"] for each in counted) == len(listed)
    assert sum(each["charged_cents"] for each in counted) == sum(each["charged_cents"] for each in listed)
    return [each["claim_id"] for each in listed]


async def test_claims_are_found_by_provider_place_day_error_and_whose_turn_it_is(exchange: Exchange) -> None:
    clean = await release(exchange, 1)
    held = await release(exchange, 2, rendering=OTHER, facility=ANNEX, diagnoses=())
    for claim_id, status in ((clean, "submitted"), (held, "held")):
        await exchange.claim_with(claim_id, status)
    assert await found(exchange, provider_id=RENDERING.provider_id) == [clean]
    assert await found(exchange, provider_id="other") == [held]
    assert await found(exchange, facility_id="annex") == [held]
    assert set(await found(exchange, organization_id="nobody")) == set()
    assert await found(exchange, error_rule="diagnoses") == [held]
    assert await found(exchange, error_rule="npi") == []
    assert await found(exchange, owner="billing") == [held]
    assert await found(exchange, owner="ledgerline") == [clean]
    assert sorted(await found(exchange, service_from_on=SERVICE_ON, service_to_on=SERVICE_ON)) == sorted([clean, held])
    assert await found(exchange, service_from_on=SERVICE_ON + timedelta(days=1)) == []
    assert await found(exchange, service_to_on=SERVICE_ON - timedelta(days=1)) == []
    row = (await exchange.ask("GET", "/claims", params={"provider_id": "other"}))["items"][0]
    assert (row["rendering_name"], row["facility_name"]) == ("OTHER, OLGA", "ANNEX")
    assert row["error_rules"] == ["diagnoses", "diagnosis-pointers"]
    assert row["days_since_service"] == (datetime.now(UTC).date() - SERVICE_ON).days
    await exchange.ask("POST", f"/claims/{held}/correct", {"reason": "coded", "diagnoses": ["J0190"]})
    await exchange.claim_with(held, "submitted")
    assert await found(exchange, error_rule="diagnoses") == []
    bad = await exchange.running.http.get("/api/claims/claims", params={"file_within_days": "soon"})
    assert bad.status_code == 422


async def test_a_filing_limit_that_is_near_finds_what_was_not_sent_and_moves_with_workdays(exchange: Exchange) -> None:
    today = datetime.now(UTC).date()
    saturday = today + timedelta(days=(5 - today.weekday()) % 7 + 14)
    monday_or_later = saturday + timedelta(days=2)  # a holiday on it moves it further
    service_on = saturday - timedelta(days=30)
    payer = coverage(1).payer_id
    limit = FilingLimit(kind="original", days=30, counts_from="service-begin", moves_to_workday=True)
    listing = PayerListed(
        payer_id=payer, name="Payer", electronic_id="60054", filing_limits=(limit,), partner_id="northern"
    )
    await exchange.tell("eligibility", f"payer/{payer}", listing)
    held = await release(exchange, 3, service_on=service_on, diagnoses=())
    sent = await release(exchange, 4, service_on=service_on)
    await exchange.claim_with(held, "held")
    await exchange.claim_with(sent, "submitted")
    [row] = (await exchange.ask("GET", "/claims", params={"status": "held"}))["items"]
    last_on = date.fromisoformat(row["file_by_on"])
    assert last_on >= monday_or_later
    assert row["filing_days_left"] == (last_on - today).days
    assert await found(exchange, file_within_days=row["filing_days_left"]) == [held]
    assert (
        await found(exchange, file_within_days=row["filing_days_left"] - 1) == []
    )  # the Saturday itself is no last day
    assert (await exchange.ask("GET", f"/claims/{sent}"))["claim"]["filing_days_left"] is None


async def test_a_claim_says_what_the_payer_answered_last_about_its_own_day(exchange: Exchange) -> None:
    claim_id = await release(exchange, 5)
    await exchange.claim_with(claim_id, "submitted")
    assert (await exchange.ask("GET", f"/claims/{claim_id}"))["claim"]["coverage_check"] is None
    about = {"check_id": "check-1", "patient_id": PATIENT, "coverage_id": coverage(1).coverage_id}
    elsewhere = {**about, "service_on": SERVICE_ON + timedelta(days=1)}
    secondary = {**about, "coverage_id": coverage(2).coverage_id, "service_on": SERVICE_ON}
    for told in (elsewhere, secondary):
        await exchange.tell("eligibility", "check/1", EligibilityAnswered(**told, status="inactive", source=SOURCE))
    rejection = Rejection271(loop="2100C", reason="75")
    own = {**about, "service_on": SERVICE_ON, "source": SOURCE}
    await exchange.tell("eligibility", "check/1", EligibilityRejected(**own, rejections=(rejection,), may_retry=True))

    async def says(check: str) -> None:
        await exchange.until(f"/claims/{claim_id}", lambda answer: answer["claim"]["coverage_check"] == check)

    await says("rejected")
    await exchange.tell("eligibility", "check/1", EligibilityAnswered(**own, status="active"))
    await says("active")
