"""What the claims worklist tells of days, errors and coverage, and how it is narrowed down."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.dashboard.conftest import ORIGIN, World
from tests.unit.dashboard.test_follow_up import ROW

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTED: dict[str, Any] = {
    "paid_cents": 0,
    "denied_cents": 0,
    "file_by_on": None,
    "filing_days_left": None,
    "days_since_service": 21,
    "rendering_name": "Shah, Meera",
    "organization_name": "Elm Street Practice",
    "facility_name": "Elm Street",
    "error_rules": [],
    "coverage_check": None,
}
_COUNT = {"payer_id": "aetna", "payer_name": "AETNA", "charged_cents": 100_00, "is_open": True}


def _listing(world: World, *rows: dict[str, Any]) -> None:
    told = [{**ROW, **LISTED, **row} for row in rows]
    world.answers["GET /api/claims/claims"] = {"items": told, "next": None, "positions": {"claims": "0.1.1207"}}
    world.answers["GET /api/claims/claims/summary"] = {
        "items": [{**_COUNT, "status": "held", "claims": 3}, {**_COUNT, "status": "submitted", "claims": 4}],
        "positions": {},
    }
    world.answers["GET /api/claims/rules"] = [{"id": "npi-missing"}]
    world.answers["GET /api/charges/directory"] = {"items": []}


async def test_the_list_says_how_near_the_filing_limit_of_what_was_not_sent_is(world: World) -> None:
    days = {"held": -1, "released": 5, "rejected": 20, "batched": 200, "submitted": None}
    _listing(
        world,
        *(
            {"claim_id": each, "status": each, "file_by_on": "2026-04-01", "filing_days_left": days[each]}
            for each in days
        ),
    )
    await world.log_in("biller")
    text = (await world.browser.get("/claims")).text
    told = {
        row.split("<", 1)[0]: re.findall(r"chip (?:bad|warn)\">(past|\d+ days)<", row)
        for row in text.split('class="mono">')[1:]
    }
    assert told == {"held": ["past"], "released": ["5 days"], "rejected": ["20 days"], "batched": [], "submitted": []}
    assert "21 d</span>" in text
    assert ">1,207</span> of claims" in text


@pytest.mark.parametrize(
    ("check", "word"),
    [
        ("active", "verified"),
        ("inactive", "not covered"),
        ("unknown", "unclear"),
        ("rejected", "unclear"),
        (None, "not verified"),
    ],
)
async def test_a_row_says_whether_the_payer_vouched_for_coverage_on_the_day(
    world: World, check: str | None, word: str
) -> None:
    _listing(world, {"coverage_check": check})
    await world.log_in("biller")
    assert f">{word}</span>" in (await world.browser.get("/claims")).text


async def test_a_row_names_who_rendered_where_and_which_edits_found_errors_and_no_patient(world: World) -> None:
    _listing(world, {"status": "held", "error_rules": ["npi-missing", "own-late"]})
    await world.log_in("biller")
    text = (await world.browser.get("/claims")).text
    for told in ("Shah, Meera", "Elm Street Practice", 'title="npi-missing, own-late">2 errors<'):
        assert told in text
    assert 'hx-post="/patients/p1/name"' in text  # the name is opened one by one, on the record
    assert not [asked for asked in world.asked if asked.path.startswith("/api/eligibility/patients")]


async def test_filters_of_the_address_narrow_the_list_its_counts_and_its_export_alike(world: World) -> None:
    _listing(world, {})
    narrowing = {
        "payer_id": "aetna",
        "provider_id": "shah",
        "organization_id": "elm",
        "facility_id": "main",
        "service_from_on": "2026-03-01",
        "service_to_on": "2026-03-31",
        "error_rule": "npi-missing",
        "file_within_days": "30",
        "owner": "billing",
    }
    await world.log_in("biller")
    text = (await world.browser.get("/claims", params={"status": "held", **narrowing})).text
    lists = [asked.query for asked in world.asked if asked.path == "/api/claims/claims"]
    counts = [asked.query for asked in world.asked if asked.path == "/api/claims/claims/summary"]
    assert lists == [{"status": "held", **narrowing, "limit": "50"}]
    assert {tuple(sorted(each.items())) for each in counts} == {(), tuple(sorted(narrowing.items()))}
    assert '<a href="/claims?payer_id=aetna' in text and "status=submitted" in text  # a status keeps the other filters
    world.asked.clear()
    exported = await world.browser.get("/claims/export", params=narrowing)
    assert world.asked[0].query == {**narrowing, "limit": "500"}
    head, row = exported.text.splitlines()[:2]
    assert "rendering,billing,facility" in head and "coverage,file_by_on,filing_days_left,owner" in head
    assert '"Shah, Meera",Elm Street Practice,Elm Street' in row


CLAIM, OTHER = "PNY0HP5K2ZF9VE0Y2", "PNY0HP5K2ZF9VE0Y1"


def _told(*items: dict[str, Any]) -> dict[str, Any]:
    results = [each["result"] for each in items]
    counted = {name: results.count(name) for name in ("done", "unchanged", "refused")}
    return {**counted, "is_preview": False, "done_cents": 100_00, "items": list(items), "after": None}


async def test_what_becomes_of_many_claims_is_looked_at_and_then_done_to_what_was_seen(world: World) -> None:
    clean = {
        "claim_id": CLAIM,
        "result": "done",
        "becomes": "released",
        "charged_cents": 100_00,
        "version": 6,
        "code": "",
    }
    wrong = {**clean, "claim_id": OTHER, "result": "refused", "becomes": "", "code": "claim-has-errors"}
    wrong["detail"] = "mend these first: npi-missing"
    world.answers["POST /api/claims/claims/bulk/release"] = _told({**clean, "detail": ""}, wrong)
    await world.log_in("biller")
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}

    async def post(path: str, **form: str) -> str:
        answer = await world.browser.post(path, data={"key": "k", **form}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    form = await post("/claims/bulk/release", ids=f"{CLAIM},{OTHER}")
    assert "2 claims" in form and 'hx-post="/claims/bulk/release/look"' in form
    looked = await post("/claims/bulk/release/look", ids=f"{CLAIM},{OTHER}")
    assert "mend these first: npi-missing" in looked and "$100.00 charged" in looked
    assert f'name="seen" value="{CLAIM}:6"' in looked and 'hx-post="/claims/bulk/release/do"' in looked
    done = await post("/claims/bulk/release/do", seen=f"{CLAIM}:6")
    assert "1 of 2 released: they go out with the next batch." in done and "claim-has-errors" in done
    assert "Undo" not in done
    asked = [json.loads(each.body) for each in world.asked if each.method == "POST" and "bulk" in each.path]
    assert asked == [
        {"claims": [{"claim_id": CLAIM}, {"claim_id": OTHER}], "is_preview": True},
        {"claims": [{"claim_id": CLAIM, "version": 6}]},
    ]
    hold = await post("/claims/bulk/hold", ids=CLAIM)
    assert 'name="reason"' in hold and "waiting-for-the-chart" in hold


async def test_only_who_may_hold_or_release_selects_claims(world: World) -> None:
    _listing(world, {})
    for role, may in (("biller", True), ("poster", False)):
        await world.log_in(role)
        text = (await world.browser.get("/claims")).text
        assert ('name="pick"' in text) is may
        assert ('data-key="s"' in text) is may
