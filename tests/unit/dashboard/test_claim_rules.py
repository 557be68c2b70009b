"""The page of the customer's own rules: what it shows, what its form says to the service, and what a trial answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from services.claims.api.rule_bodies import PropertyRow, RuleBookAnswer, RuleDetail
from services.claims.api.what_if import WhatIfAnswer
from services.claims.domain.rule_book.properties import PROPERTIES as PROPERTIES_OF_CLAIMS
from services.dashboard.pages.claim_rules import rows_of
from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULE: dict[str, Any] = {
    "rule_id": "own-needs-25",
    "version": 2,
    "name": "A visit <needs> 25",
    "order": 10,
    "scope": "claim",
    "when": {
        "all": [
            {"property": "coverage.payer_id", "operator": "one-of", "value": ["blue", "green"]},
            {"not": {"any_line": {"property": "line.modifiers", "operator": "includes", "value": "25"}}},
        ]
    },
    "action": "hold",
    "message": "no modifier",
    "fix": "Add it.",
    "tag": "",
    "steps": [],
    "effective_by": "service",
    "from_on": "2026-01-01",
    "to_on": None,
}
PROPERTIES = [
    {"name": "claim.charged_cents", "kind": "cents", "operators": {"more-than": "one", "between": "pair"}},
    {"name": "claim.service_to_on", "kind": "date", "operators": {"absent": "nothing"}},
    {"name": "coverage.payer_id", "kind": "text", "operators": {"is": "one", "one-of": "list"}},
    {"name": "line.modifiers", "kind": "codes", "operators": {"includes": "one"}},
    {"name": "organization.is_person", "kind": "flag", "operators": {"is": "one"}},
]
STREAM = {
    "events": [
        {
            "type": "claims.ClaimRuleDisabled.v1",
            "actor": "user:mia",
            "recordedat": "2026-05-01T09:00:00Z",
            "streamversion": 8,
            "data": {"rule_id": "own-needs-25", "version": 2, "reason": "payer-changed"},
        }
    ]
}
DONE = {"event_ids": ["e"], "version": 8, "after": "p1", "stream": "rule-book/claims"}
NOUGHT = {"claims": 0, "cents": 0}
TRIED = {
    "rule_set": "ab" * 32,
    "from_on": "2026-01-01",
    "to_on": "2026-03-31",
    "until": "1.2.3",
    "claims": 6,
    "never_sent": 0,
    "changed": 0,
    "caught": {"claims": 2, "cents": 200_00},
    "wrongly_held": {"claims": 1, "cents": 80_00},
    "undecided": NOUGHT,
    "missed": NOUGHT,
    "passed": NOUGHT,
    "tags": {},
    "examples": [{"claim_id": "C1", "verdict": "caught", "cents": 100_00, "places": ["own-needs-25: claim"]}],
    "next": None,
}


async def opened(world: World, role: str, path: str = "/claim-rules", *, is_enabled: bool = False) -> str:
    described = [{"value": "", "operations": [], "meaning": ""} | each for each in PROPERTIES]
    world.answers |= {
        "GET /api/claims/claim-rules": {
            "rules": [{"rule": RULE, "is_enabled": is_enabled}],
            "version": 7,
            "rule_set": "cd" * 32,
        },
        "GET /api/claims/rules": [{"id": "units", "version": 1, "severity": "error", "fix": "Enter the units."}],
        "GET /api/claims/claim-rules/properties": described,
        "GET /api/claims/claim-rules/own-needs-25": {
            "rule": RULE,
            "is_enabled": is_enabled,
            "versions": [RULE, RULE | {"version": 1, "message": "in other words"}],
            "book_version": 7,
        },
        "GET /api/claims/streams/rule-book/claims": STREAM,
    }
    await world.log_in(role)
    return (await world.browser.get(path)).text


async def post(world: World, path: str, **form: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data={"key": "k1", "version": "7", **form}, headers=headers)


def sent(world: World) -> Any:
    return json.loads(world.asked[-1].body)


async def test_what_the_services_answer_here_is_what_claims_answers(world: World) -> None:
    await opened(world, "manager")
    shapes = {
        "GET /api/claims/claim-rules": RuleBookAnswer,
        "GET /api/claims/claim-rules/own-needs-25": RuleDetail,
    }
    for path, shape in shapes.items():
        assert shape.model_validate(world.answers[path], extra="forbid").model_fields_set
    rows = world.answers["GET /api/claims/claim-rules/properties"]
    assert [PropertyRow.model_validate(row, extra="forbid").name for row in rows] == [row["name"] for row in rows] != []
    assert WhatIfAnswer.model_validate(TRIED, extra="forbid").model_fields_set


async def test_every_property_of_a_claim_is_offered(world: World) -> None:
    await opened(world, "manager")
    world.answers["GET /api/claims/claim-rules/properties"] = [
        PropertyRow.of(known).model_dump() for known in PROPERTIES_OF_CLAIMS.values()
    ]
    page = (await world.browser.get("/claim-rules/new")).text
    assert [name for name in PROPERTIES_OF_CLAIMS if f'<option value="{name}">' not in page] == []
    assert '<option value="line.modifiers">upper-case, trim, letters-and-digits, add, remove</option>' in page
    assert ">Save</button>" in page


async def test_the_book_lists_rules_and_managers_may_switch_them(world: World) -> None:
    page = await opened(world, "manager")
    assert "A visit &lt;needs&gt; 25" in page
    assert 'hx-post="/claim-rules/own-needs-25/enable"' in page
    assert "Enter the units." in page
    assert 'hx-post="/claim-rules/own-needs-25/disable"' in await opened(world, "manager", is_enabled=True)
    assert 'hx-post="/claim-rules' not in await opened(world, "biller")


async def test_a_rule_is_shown_with_its_rows_its_history_and_its_earlier_versions(world: World) -> None:
    page = await opened(world, "manager", "/claim-rules/own-needs-25")
    assert 'value="blue, green"' in page
    assert '<option value="any_line" selected>' in page
    assert "Version 2 disabled by mia, 2026-05-01 09:00 UTC: payer changed" in page
    assert "Version 1: hold, in other words" in page
    assert 'name="version" value="7"' in page
    biller = await opened(world, "biller", "/claim-rules/own-needs-25")
    assert ">Save</button>" not in biller
    assert "Try it on past claims" in biller


async def test_the_form_says_what_the_service_takes_in_its_kinds(world: World) -> None:
    await opened(world, "manager")
    world.answers["POST /api/claims/claim-rules/own-new"] = DONE
    answer = await post(
        world,
        "/claim-rules/write",
        rule_id="own-new",
        name="New",
        order="5",
        scope="claim",
        action="edit",
        effective_by="service",
        joined="any",
        property_1="claim.charged_cents",
        operator_1="between",
        value_1="100, 20000",
        property_2="organization.is_person",
        operator_2="is",
        value_2="false",
        not_2="not",
        property_3="line.modifiers",
        operator_3="includes",
        value_3="25",
        where_3="all_lines",
        property_5="claim.service_to_on",
        operator_5="absent",
        property_6="",
        step_property_1="facility.place_of_service",
        step_operation_1="set",
        step_value_1="11",
        step_property_2="",
    )
    assert answer.headers["HX-Redirect"] == "/claim-rules/own-new"
    assert sent(world)["when"] == {
        "any": [
            {"property": "claim.charged_cents", "operator": "between", "value": [100, 20_000]},
            {"not": {"property": "organization.is_person", "operator": "is", "value": False}},
            {"all_lines": {"property": "line.modifiers", "operator": "includes", "value": "25"}},
            {"property": "claim.service_to_on", "operator": "absent"},
        ]
    }
    assert sent(world)["steps"] == [{"property": "facility.place_of_service", "operation": "set", "value": "11"}]
    assert (sent(world)["order"], sent(world)["from_on"]) == (5, None)
    assert world.asked[-1].headers["ledgerline-expected-version"] == "7"


async def test_json_is_taken_in_the_place_of_rows(world: World) -> None:
    await opened(world, "manager")
    world.answers["POST /api/claims/claim-rules/own-new"] = DONE
    when = {"not": {"all": [{"property": "claim.rank", "operator": "equals", "value": 1}]}}
    await post(world, "/claim-rules/write", rule_id="own-new", when_json=json.dumps(when), property_1="claim.rank")
    assert sent(world)["when"] == when
    await post(world, "/claim-rules/write", rule_id="own-new", when_json="{not json")
    assert list(sent(world)["when"]) == ["not JSON"]


async def test_a_condition_goes_into_rows_and_what_takes_more_does_not() -> None:
    rows = rows_of(RULE["when"])
    assert rows is not None
    assert [(row["where"], row["not"], row["value"]) for row in rows] == [
        ("", "", "blue, green"),
        ("any_line", "not", "25"),
    ]
    test = {"property": "claim.rank", "operator": "equals", "value": 1}
    assert rows_of(test) == rows_of({"all": [test]})
    assert rows_of({"all": [{"any": [test]}]}) is None
    assert rows_of({"all": [test | {"minus": "claim.lines"}]}) is None


async def test_who_comes_second_is_told_and_a_refusal_is_shown(world: World) -> None:
    await opened(world, "manager")
    facts = {"expected_version": 7, "version": 8}
    world.answers["POST /api/claims/claim-rules/own-needs-25/enable"] = JSONResponse(
        {"code": "changed-meanwhile", "detail": "look again", "facts": facts}, 409
    )
    second = await post(world, "/claim-rules/own-needs-25/enable")
    assert second.status_code == 409
    assert "claim rule disabled" in second.text
    world.answers["POST /api/claims/claim-rules/own-x"] = JSONResponse(
        {"code": "rule-malformed", "detail": "when.property: found 'x'"}, 422
    )
    refused = await post(world, "/claim-rules/write", rule_id="own-x")
    assert "when.property" in refused.text
    assert (await post(world, "/claim-rules/write", rule_id="../partners/x")).status_code == 404
    assert world.asked[-1].path == "/api/claims/claim-rules/___partners_x"


async def test_a_trial_shows_what_would_have_been_caught_and_held_wrongly(world: World) -> None:
    await opened(world, "biller")
    world.answers["POST /api/claims/what-if/claim-rules"] = TRIED
    page = (await post(world, "/claim-rules/try", name="N", tried_from="2026-01-01", tried_to="2026-03-31")).text
    assert sent(world)["rules"][0]["rule_id"] == "own-draft"
    assert "Caught: 2" in page
    assert "$200.00" in page
    assert "Held wrongly: 1" in page
    assert 'href="/claims/C1"' in page
    assert (await post(world, "/claim-rules/write", rule_id="own-x")).status_code == 403
