"""Rules of the customer's own through HTTP and the store: written, enabled, obeyed, changed; and what was decided stays decided."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from tests.integration.claims.conftest import Exchange
from tests.integration.claims.test_claims_service import acknowledged_277ca, cas, paid, release
from tests.unit.claims.examples import VISIT

RULE = {
    "name": "A visit needs modifier 25",
    "when": {"not": {"any_line": {"property": "line.modifiers", "operator": "includes", "value": "25"}}},
    "action": "hold",
    "message": "this payer denies a visit without modifier 25",
    "fix": "Add modifier 25 to the visit.",
}
NEVER = {"property": "claim.rank", "operator": "more-than", "value": 9}


async def written(exchange: Exchange, rule_id: str, **changes: Any) -> Any:
    return await exchange.ask("POST", f"/claim-rules/{rule_id}", RULE | changes)


async def enabled(exchange: Exchange, rule_id: str, **changes: Any) -> None:
    await written(exchange, rule_id, **changes)
    await exchange.ask("POST", f"/claim-rules/{rule_id}/enable")


async def scrubs(exchange: Exchange, claim_id: str) -> list[dict[str, Any]]:
    """What every check of the claim found, as the log holds it."""
    stream = await exchange.ask("GET", f"/streams/claim/{claim_id}")
    assert stream["is_whole"]
    return [event["data"] for event in stream["events"] if event["type"] == "claims.ClaimScrubbed.v1"]


@pytest.mark.asyncio
async def test_a_claim_is_held_by_a_rule_and_leaves_when_it_is_corrected(exchange: Exchange) -> None:
    await written(exchange, "own-needs-25")
    free = await release(exchange, 1)
    await exchange.claim_with(free, "submitted")  # a proposed rule touches nothing

    await exchange.ask("POST", "/claim-rules/own-needs-25/enable")
    claim_id = await release(exchange, 2)
    held = await exchange.until(f"/claims/{claim_id}", lambda found: found["claim"]["status"] == "held")
    [finding] = held["findings"]
    assert (finding["rule"], finding["rule_version"], finding["severity"]) == ("own-needs-25", 1, "error")
    assert finding["fix"] == RULE["fix"]
    assert held["claim"]["hold_reason"] == "edits-failed"
    refused = await exchange.ask("POST", f"/claims/{claim_id}/release", status=409)
    assert refused["code"] == "claim-has-errors"
    [first] = await scrubs(exchange, claim_id)
    book = await exchange.ask("GET", "/claim-rules")
    assert first["rule_set"] == book["rule_set"]
    assert first["customer_rules"] == [{"rule_id": "own-needs-25", "version": 1}]

    changed = await written(exchange, "own-needs-25", message="put in other words")
    assert changed["version"] == first["rule_book_version"] + 1
    assert (await scrubs(exchange, claim_id)) == [first], "a change of a rule is no news for a claim"

    line = {"line_id": "2-1", "modifiers": ["25"]}
    await exchange.ask("POST", f"/claims/{claim_id}/correct", {"reason": "modifier", "lines": [line]})
    await exchange.claim_with(claim_id, "submitted")
    both = await scrubs(exchange, claim_id)
    assert both[0] == first
    assert both[1]["customer_rules"] == [{"rule_id": "own-needs-25", "version": 2}]
    assert both[1]["rule_set"] != first["rule_set"]
    checks = await exchange.ask("GET", f"/claims/{claim_id}/checks")
    assert [(check["is_same"], check["rule_book_version"]) for check in checks] == [(True, 2), (True, 3)]
    detail = await exchange.ask("GET", "/claim-rules/own-needs-25")
    assert [(each["version"], each["message"]) for each in detail["versions"]] == [
        (2, "put in other words"),
        (1, RULE["message"]),
    ]


@pytest.mark.asyncio
async def test_a_disabled_rule_lets_claims_go_and_frees_what_it_held(exchange: Exchange) -> None:
    await enabled(exchange, "own-needs-25")
    claim_id = await release(exchange, 1)
    await exchange.claim_with(claim_id, "held")
    await exchange.ask("POST", "/claim-rules/own-needs-25/disable", {"reason": "payer-took-it-back"})
    await exchange.ask("POST", f"/claims/{claim_id}/release")
    later = await release(exchange, 2)
    for each in (claim_id, later):
        assert (await exchange.claim_with(each, "submitted"))["hold_reason"] == ""
    checks = await exchange.ask("GET", f"/claims/{later}/checks")
    assert [(check["is_same"], check["is_clean"]) for check in checks] == [(True, True)]


@pytest.mark.asyncio
async def test_rules_tag_repair_and_edit_and_the_log_says_before_and_after(exchange: Exchange) -> None:
    quiet = {"message": "", "fix": ""}
    await enabled(exchange, "own-tag", action="tag", tag="no-modifier", **quiet)
    step = {"property": "line.modifiers", "operation": "add", "value": "25"}
    visit = {"property": "line.procedure_code", "operator": "is", "value": "99213"}
    await enabled(exchange, "own-add-25", action="edit", scope="line", when=visit, steps=[step], **quiet)
    letters = {"property": "claim.diagnoses", "operation": "letters-and-digits"}
    await enabled(exchange, "own-dots", action="repair", order=900, when={"not": NEVER}, steps=[letters], **quiet)

    line = structs.replace(VISIT, line_id="7-1")
    claim_id = await release(exchange, 7, diagnoses=("J01.90",), lines=(line,))
    await exchange.claim_with(claim_id, "submitted")
    found = await exchange.ask("GET", f"/claims/{claim_id}")
    assert (found["diagnoses"], found["lines"][0]["modifiers"], found["tags"]) == (["J0190"], ["25"], [])
    stream = await exchange.ask("GET", f"/streams/claim/{claim_id}")
    told = {event["type"].split(".")[1]: event["data"] for event in stream["events"]}
    assert told["ClaimRepaired"]["changes"] == [
        {"rule_id": "own-dots", "rule_version": 1, "place": "claim.diagnoses", "before": "J01.90", "after": "J0190"}
    ]
    assert told["ClaimEditedByRules"]["changes"] == [
        {"rule_id": "own-add-25", "rule_version": 1, "place": "lines[1].modifiers", "before": "", "after": "25"}
    ]
    [check] = await exchange.ask("GET", f"/claims/{claim_id}/checks")
    assert (check["is_same"], len(check["changes"]), len(check["rules"])) == (True, 2, 3)
    await exchange.running.settle()
    timeline = (await exchange.ask("GET", f"/claims/{claim_id}/timeline"))["items"]
    assert "Edited by own-add-25 1: lines[1].modifiers from nothing to 25" in [row["summary"] for row in timeline]

    await written(exchange, "own-tag", order=1, action="tag", tag="no-modifier", **quiet)  # before the edit now
    tagged = await release(exchange, 8)
    await exchange.claim_with(tagged, "submitted")
    assert (await exchange.ask("GET", f"/claims/{tagged}"))["tags"] == ["no-modifier"]
    assert [row["claim_id"] for row in (await exchange.ask("GET", "/claims?tag=no-modifier"))["items"]] == [tagged]


@pytest.mark.asyncio
async def test_who_comes_second_is_told_and_what_is_not_understood_is_refused(exchange: Exchange) -> None:
    first = await written(exchange, "own-a")
    await written(exchange, "own-b")
    seen = {"Ledgerline-Expected-Version": str(first["version"])}
    late = await exchange.ask("POST", "/claim-rules/own-a/enable", headers=seen, status=409)
    assert late["code"] == "changed-meanwhile"
    wrong = {"property": "claim.colour", "operator": "is", "value": "red"}
    refused = await exchange.ask("POST", "/claim-rules/own-c", RULE | {"when": wrong}, status=422)
    assert (refused["code"], refused["facts"]["place"]) == ("rule-malformed", "when.property")
    assert refused["facts"]["found"] == "claim.colour"
    await exchange.ask("GET", "/claim-rules/own-c", status=404)
    await exchange.ask("POST", "/claim-rules/own-c/enable", status=404)
    names = {row["name"] for row in await exchange.ask("GET", "/claim-rules/properties")}
    assert {"coverage.payer_id", "line.modifiers", "claim.days_since_service"} <= names


@pytest.mark.asyncio
async def test_rules_on_past_claims_say_what_a_count_by_hand_says_and_move_nothing(exchange: Exchange) -> None:
    """Four visits without modifier 25: one paid, one denied, one returned, one not answered; and two with it, one of them denied."""
    plain = [await release(exchange, number) for number in (1, 2, 3, 4)]
    modified = [
        await release(exchange, number, lines=(structs.replace(VISIT, line_id=f"{number}-1", modifiers=("25",)),))
        for number in (5, 6)
    ]
    for claim_id in (*plain, *modified):
        await exchange.claim_with(claim_id, "submitted")
    await exchange.send_file(acknowledged_277ca(plain[2], "A7", by="AY"))
    for number, paid_cents, denied_cents in ((1, 80_00, 0), (2, 0, 100_00), (5, 70_00, 0), (6, 30_00, 70_00)):
        told = paid(number, paid_cents, cas("CO", "45", 100_00 - paid_cents), denied_cents=denied_cents)
        await exchange.tell("payments", f"claim-account/{told.account_id}", told)
    await exchange.until("/claims?status=rejected", lambda found: len(found["items"]) == 1)
    await exchange.running.settle()

    draft = RULE | {"rule_id": "own-draft"}
    asked = {"rules": [draft], "from_on": "2020-01-01", "to_on": "2099-12-31"}
    before = await exchange.ask("GET", f"/streams/claim/{plain[0]}")
    found = await exchange.ask("POST", "/what-if/claim-rules", asked)
    sums = {name: (found[name]["claims"], found[name]["cents"]) for name in ("caught", "wrongly_held", "undecided")}
    assert sums == {"caught": (2, 200_00), "wrongly_held": (1, 80_00), "undecided": (1, 100_00)}
    assert (found["missed"], found["passed"]) == ({"claims": 1, "cents": 70_00}, {"claims": 1, "cents": 70_00})
    assert (found["claims"], found["never_sent"], found["next"]) == (6, 0, None)
    assert {each["claim_id"]: each["verdict"] for each in found["examples"]} == {
        plain[0]: "wrongly-held",
        plain[1]: "caught",
        plain[2]: "caught",
        plain[3]: "undecided",
    }
    assert await exchange.ask("GET", f"/streams/claim/{plain[0]}") == before
    assert (await exchange.ask("GET", "/claim-rules"))["version"] == 0

    part = await exchange.ask("POST", "/what-if/claim-rules", asked | {"claims_max": 4})
    rest = await exchange.ask(
        "POST", "/what-if/claim-rules", asked | {"claims_max": 4, "cursor": part["next"], "until": part["until"]}
    )
    assert part["caught"]["cents"] + rest["caught"]["cents"] == 200_00
    assert (part["claims"], rest["claims"], rest["next"]) == (4, 2, None)

    told = paid(4, 0, cas("CO", "197", 100_00), denied_cents=100_00)
    await exchange.tell("payments", f"claim-account/{told.account_id}", told)
    await exchange.claim_with(plain[3], "adjudicated")
    now = await exchange.ask("POST", "/what-if/claim-rules", asked)
    assert now["caught"] == {"claims": 3, "cents": 300_00}
    again = await exchange.ask("POST", "/what-if/claim-rules", asked | {"until": found["until"]})
    assert again == found
    other = await exchange.ask("POST", "/what-if/claim-rules", asked | {"rules": [draft | {"order": 7}]})
    assert other["rule_set"] != found["rule_set"]
    empty = await exchange.ask("POST", "/what-if/claim-rules", asked | {"rules": [], "from_on": "2099-01-01"})
    assert (empty["claims"], empty["rule_set"]) == (0, "")
    await exchange.ask("POST", "/what-if/claim-rules", asked | {"to_on": "2019-01-01"}, status=422)
