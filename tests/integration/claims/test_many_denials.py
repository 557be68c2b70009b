"""Many denials in one request: looked at first, each by itself, and the same request twice is one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.claims.conftest import Exchange
from tests.integration.claims.test_appeals import deny

NOBODYS = "0" * 17 + "-" + "0" * 12


async def ask(exchange: Exchange, deed: str, ids: list[str], key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key or uuid4().hex}
    named = {"denials": [{"denial_id": each} for each in ids], **body}
    answer = await exchange.running.http.post(f"/api/claims/denials/bulk/{deed}", json=named, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer: Any) -> dict[str, tuple[str, str, str]]:
    return {each["denial_id"]: (each["result"], each["becomes"], each["code"]) for each in answer["items"]}


@pytest.mark.asyncio
async def test_each_of_many_is_looked_at_first_and_one_that_is_refused_stops_no_other(exchange: Exchange) -> None:
    first, second, closed = [(await deny(exchange, number))["denial_id"] for number in (41, 42, 43)]
    await exchange.ask("POST", f"/denials/{closed}/resolve", {"outcome": "not-workable"})
    ids = [first, closed, NOBODYS, second]
    before = len(await exchange.running.events("claims", "DenialWriteOffRequested"))

    looked = await ask(exchange, "write-off", ids, is_preview=True, reason="past-the-limit")
    assert (looked["done"], looked["refused"], looked["done_cents"], looked["after"]) == (2, 2, 200_00, None)
    assert told(looked)[closed] == ("refused", "", "denial-already-resolved")
    assert told(looked)[NOBODYS] == ("refused", "", "denial-unknown")
    assert told(looked)[first] == ("done", "write-off-requested", "")
    assert len(await exchange.running.events("claims", "DenialWriteOffRequested")) == before

    done = await ask(exchange, "write-off", ids, key="many-1", reason="past-the-limit")
    assert told(done) == told(looked)
    again = await ask(exchange, "write-off", ids, key="many-1", reason="past-the-limit")
    assert told(again) == told(done)
    assert len(await exchange.running.events("claims", "DenialWriteOffRequested")) == before + 2
    listed = await exchange.ask("GET", f"/denials?awaits_approval=true&after={done['after']}")
    assert {row["denial_id"] for row in listed["items"]} == {first, second}
    own = await ask(exchange, "write-off/approve", [first])
    assert told(own)[first] == ("refused", "", "write-off-needs-another")


@pytest.mark.asyncio
async def test_many_are_assigned_noted_put_off_and_taken_back_on_the_version_that_was_seen(exchange: Exchange) -> None:
    ids = [(await deny(exchange, number))["denial_id"] for number in (44, 45)]
    given = await ask(exchange, "assign", [*ids, ids[0]], assignee="user:ann")
    assert [each["becomes"] for each in given["items"]] == ["assigned", "assigned"]
    assert told(await ask(exchange, "note", ids, outcome_code="no-answer"))[ids[0]][2] == "denial-assigned-to-another"
    undone = {"denials": [{"denial_id": each["denial_id"], "version": each["version"]} for each in given["items"]]}
    taken = await exchange.ask("POST", "/denials/bulk/undo", undone)
    assert [each["becomes"] for each in taken["items"]] == ["taken-back", "taken-back"]
    noted = await ask(exchange, "note", ids, outcome_code="no-answer", reference_number="R-1", note="Rang twice.")
    assert noted["done"] == 2
    for stored in await exchange.running.events("claims", "DenialNoted"):
        assert b"Rang" not in stored.data
    stale = {"denials": [{"denial_id": ids[0], "version": 1}, {"denial_id": ids[1]}], "until_on": "2099-12-31"}
    snoozed = await exchange.ask("POST", "/denials/bulk/snooze", stale)
    assert told(snoozed) == {ids[0]: ("refused", "", "changed-meanwhile"), ids[1]: ("done", "put-off", "")}
    looked = await exchange.ask("POST", "/denials/bulk/snooze", {**stale, "is_preview": True})
    assert told(looked) == {ids[0]: ("refused", "", "changed-meanwhile"), ids[1]: ("unchanged", "", "")}


@pytest.mark.asyncio
async def test_the_counts_of_the_views_are_those_of_their_lists_in_one_order(exchange: Exchange) -> None:
    ids = [(await deny(exchange, number))["denial_id"] for number in (46, 47, 48, 49)]
    await ask(exchange, "assign", ids[:1])
    await ask(exchange, "snooze", ids[1:2], until_on="2099-12-31")
    last = await ask(exchange, "write-off", ids[2:3], reason="past-the-limit")
    views = await exchange.ask("GET", f"/denials/views?after={last['after']}")
    mine = (await exchange.ask("GET", f"/denials/{ids[0]}"))["assignee"]
    lists = {
        "worth_most": "",
        "mine": f"assignee={mine}",
        "nobodys": "assignee=",
        "put_off": "is_snoozed=true",
        "to_approve": "awaits_approval=true",
        "escalated": "is_escalated=true",
    }
    listed = {name: (await exchange.ask("GET", f"/denials?{query}"))["items"] for name, query in lists.items()}
    assert {name: len(rows) for name, rows in listed.items()} == {name: views[name] for name in lists}
    assert {
        name: {row["denial_id"] for row in listed[name]} & set(ids) for name in ("mine", "put_off", "to_approve")
    } == {
        "mine": {ids[0]},
        "put_off": {ids[1]},
        "to_approve": {ids[2]},
    }
    ranks = [(-row["score_cents"], row["denial_id"]) for row in listed["worth_most"]]
    assert ranks == sorted(ranks)
    for row in listed["worth_most"]:
        expected = row["denied_cents"] * row["win_chance_percent"] // 100
        assert (row["expected_recovery_cents"], row["score_cents"]) == (
            expected,
            expected * row["urgency_percent"] // 100,
        )
    pages, cursor = [], None
    while cursor != "":
        part = await exchange.ask("GET", "/denials?limit=1" + (f"&cursor={cursor}" if cursor else ""))
        pages += [row["denial_id"] for row in part["items"]]
        cursor = part["next"] or ""
    assert pages == [row["denial_id"] for row in listed["worth_most"]]
