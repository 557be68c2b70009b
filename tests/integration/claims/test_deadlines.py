"""Everything that falls due in one list: it pages, its sums are it, and a changed rule of a payer tells what it moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.claims.domain.filing import is_workday, on_workday
from shared.events.eligibility import FilingLimit, PayerListed
from tests.integration.claims.conftest import Exchange
from tests.integration.claims.test_appeals import deny
from tests.integration.claims.test_claims_service import release


async def list_payer(exchange: Exchange, days: int, **limit: Any) -> None:
    limits = tuple(FilingLimit(kind=kind, days=days, **limit) for kind in ("original", "corrected", "secondary"))
    listing = PayerListed(payer_id="payer-1", name="P", electronic_id="60001", filing_limits=limits)
    await exchange.tell("eligibility", "payer/payer-1", listing)


async def every(exchange: Exchange, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        told = await exchange.ask("GET", f"/deadlines/due?limit=1{query}{cursor}")
        found += told["items"]
        if not told["next"]:
            return found
        cursor = f"&cursor={told['next']}"


@pytest.mark.asyncio
async def test_what_falls_due_is_one_list_with_its_sums_and_a_changed_rule_tells_what_it_moved(
    exchange: Exchange,
) -> None:
    await list_payer(exchange, 20_000)
    await exchange.running.settle()
    denial = await deny(exchange, 51)
    await exchange.ask(
        "POST", f"/denials/{denial['denial_id']}/note", {"outcome_code": "other", "next_action_on": "2099-05-05"}
    )
    waiting = await release(exchange, 52)
    await exchange.until(f"/claims/{waiting}", lambda answer: answer["claim"]["status"] == "submitted", seconds=120)
    await exchange.running.settle()

    found = await every(exchange)
    kinds = {(each["kind"], each["claim_id"]): each for each in found}
    filing = kinds["timely-filing", waiting]
    claim = await exchange.ask("GET", f"/claims/{waiting}")
    assert filing["due_on"] == claim["claim"]["file_by_on"] and filing["at_risk_cents"] == 100_00
    appeal = kinds["appeal", denial["claim_id"]]
    assert (appeal["due_on"], appeal["owner"]) == (denial["appeal_by_on"], "denials")
    assert kinds["denial-follow-up", denial["claim_id"]]["due_on"] == "2099-05-05"
    silences = [each for each in found if (each["kind"], each["claim_id"]) == ("no-response", waiting)]
    assert {each["what"] for each in silences} == {"no answer: 277CA", "no answer: 835"}
    order = [(each["due_on"], each["deadline_id"]) for each in found]
    assert order == sorted(order) and len(set(order)) == len(order)
    for by in ("day", "week"):
        sums = await exchange.ask("GET", f"/deadlines/due/summary?by={by}")
        assert (sums["deadlines"], sums["at_risk_cents"]) == (len(found), sum(each["at_risk_cents"] for each in found))
    only = await every(exchange, "&kind=appeal&from_on=2099-01-01")
    assert [each["kind"] for each in only] == ["appeal"]

    assert (await exchange.ask("GET", "/deadlines/moved"))["items"] == []
    service_on = date.fromisoformat(claim["claim"]["service_on"])
    days = next(days for days in range(19_000, 19_010) if not is_workday(service_on + timedelta(days=days)))
    await list_payer(exchange, days)
    moved = await exchange.until("/deadlines/moved", lambda answer: len(answer["items"]) == 1)
    [row] = moved["items"]
    assert (row["claim_id"], row["previous_on"], row["rule_version"]) == (waiting, filing["due_on"], 2)
    assert row["last_on"] == (service_on + timedelta(days=days)).isoformat()
    assert [each["due_on"] for each in await every(exchange, "&kind=timely-filing")] == [row["last_on"]]
    near = next(days for days in range(400, 410) if not is_workday(service_on + timedelta(days=days)))
    await list_payer(exchange, near, moves_to_workday=True)
    expected = on_workday(service_on + timedelta(days=near)).isoformat()
    moved = await exchange.until("/deadlines/moved?rule_version=3", lambda answer: len(answer["items"]) == 1)
    assert moved["items"][0]["last_on"] == expected
    assert (await exchange.ask("GET", f"/claims/{waiting}"))["claim"]["file_by_on"] == expected
