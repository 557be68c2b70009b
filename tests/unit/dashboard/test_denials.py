"""Work on a denial as the page sends it on: under its key, on the version that was seen, with what was refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "0123456789ABCDEF1-0123456789AB"
API = f"/api/claims/denials/{ID}"
ROW: dict[str, Any] = {
    "denial_id": ID,
    "claim_id": "0123456789ABCDEF1",
    "payer_id": "p1",
    "status": "open",
    "is_open": True,
    "denied_cents": 100_00,
    "opened_at": "2026-04-01T00:00:00Z",
    "reason_group": "CO",
    "reason": "197",
    "remarks": None,
    "category": "authorization",
    "origin": "scheduling",
    "appeal_by_on": None,
    "appeal_clock": None,
    "no_appeal_because": "",
    "assignee": "",
    "assigned_until_on": None,
    "snoozed_until_on": None,
    "snoozed_because": "",
    "is_snoozed": False,
    "escalates_on": None,
    "escalated_to": "",
    "escalated_on": None,
    "write_off_requested_by": "",
    "write_off_reason": "",
    "version": 4,
    "last_outcome": "",
    "next_action": "Ask for authorisation.",
    "next_action_on": None,
    "win_chance_percent": 45,
    "win_chance_because": "it depends",
    "usual_win_percent": 45,
    "measured_win_percent": None,
    "measured_cases": 0,
    "is_chance_measured": False,
    "expected_recovery_cents": 45_00,
    "urgency_percent": 100,
    "score_cents": 45_00,
    "appeal_level": 0,
}
PAYERS = {"GET /api/eligibility/payers": {"items": []}}
DONE = {"version": 5, "after": "claims:0.1.9"}


async def post(world: World, role: str, path: str, **form: str) -> Any:
    await world.log_in(role)
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data={"key": "k", **form}, headers=headers)


def commands(world: World) -> list[Any]:
    return [asked for asked in world.asked if asked.method == "POST"]


async def test_a_note_goes_to_the_service_on_the_version_that_was_seen_and_can_be_undone(world: World) -> None:
    world.answers |= {f"POST {API}/note": DONE, f"GET {API}": ROW} | PAYERS
    answer = await post(world, "biller", f"/denials/{ID}/note", outcome_code="other", note="Called.", version="4")
    [command] = commands(world)
    assert command.headers["ledgerline-expected-version"] == "4"
    assert json.loads(command.body)["note"] == "Called."
    assert f'hx-post="/denials/{ID}/undo"' in answer.text and 'name="done" value="5"' in answer.text


async def test_what_changed_nothing_offers_no_undo(world: World) -> None:
    world.answers |= {f"POST {API}/assign": DONE | {"after": None}, f"GET {API}": ROW} | PAYERS
    answer = await post(world, "denial-specialist", f"/denials/{ID}/assign", version="4")
    assert "/undo" not in answer.text


async def test_an_undo_names_the_version_that_it_takes_back(world: World) -> None:
    world.answers |= {f"POST {API}/undo": DONE, f"GET {API}": ROW} | PAYERS
    await post(world, "biller", f"/denials/{ID}/undo", done="5")
    [command] = commands(world)
    assert json.loads(command.body) == {"version": 5}
    assert "ledgerline-expected-version" not in command.headers


async def test_a_step_is_ticked_on_the_version_that_was_seen_and_the_panel_is_drawn_anew(world: World) -> None:
    step = {"step_id": "call", "text": "Call the payer", "is_done": False, "done_by": "", "done_at": None}
    done = {
        "step_id": "read",
        "text": "Read it",
        "is_done": True,
        "done_by": "user:ann",
        "done_at": "2026-04-02T09:00:00Z",
    }
    found = {"denial_id": ID, "category": "authorization", "version": 2, "steps": [step, done], "open_steps": 1}
    world.answers |= PAYERS | {
        f"GET {API}/checklist": {**found, "denial_version": 4, "escalates_on": None},
        f"POST {API}/checklist/call": DONE,
        f"GET {API}": ROW,
    }
    await world.log_in("biller")
    shown = (await world.browser.get(f"/denials/{ID}/checklist")).text
    assert "1 of 2 steps are open" in shown and "by ann on 2026-04-02" in shown
    answer = await post(world, "biller", f"/denials/{ID}/checklist/call", is_done="yes", version="4")
    [command] = commands(world)
    assert (json.loads(command.body), command.headers["ledgerline-expected-version"]) == ({"is_done": True}, "4")
    assert "checklist?after=claims" in answer.text


async def test_escalation_rules_are_added_and_removed_by_managers(world: World) -> None:
    rule = {
        "rule_id": "all",
        "payer_id": "",
        "category": "",
        "denied_cents_min": 0,
        "workdays": 5,
        "supervisor": "user:sue",
    }
    steps = [{"step_id": "call", "text": "Call the payer"}]
    world.answers |= PAYERS | {
        "GET /api/claims/escalation-rules": {"version": 3, "rules": [rule], "by": "user:boss"},
        "POST /api/claims/escalation-rules": DONE,
        "GET /api/claims/denial-checklists": [{"category": "coding", "version": 0, "steps": steps, "by": ""}],
        "POST /api/claims/denial-checklists/coding": DONE,
    }
    await world.log_in("biller")
    seen = (await world.browser.get("/denials/rules")).text
    assert "Call the payer" in seen and "Add the rule" not in seen
    added = {
        "rule_id": "large",
        "denied_from": "1,000.00",
        "workdays": "2",
        "supervisor": "user:max",
        "version": "3",
    }
    await post(world, "manager", "/denials/rules/escalation", **added)
    await post(world, "manager", "/denials/rules/escalation/remove", rule_id="all", version="3")
    await post(world, "manager", "/denials/rules/checklists/coding", steps="call: Call: twice\n\nask: Ask", version="0")
    first, second, third = (json.loads(command.body) for command in commands(world))
    large = {"rule_id": "large", "payer_id": "", "category": "", "denied_cents_min": 100000, "workdays": 2}
    assert first == {"rules": [rule, {**large, "supervisor": "user:max"}]}
    assert second == {"rules": []}
    assert third == {"steps": [{"step_id": "call", "text": "Call: twice"}, {"step_id": "ask", "text": "Ask"}]}


OTHER = ID.replace("0123456789AB", "BA9876543210")


def item(denial_id: str, **told: Any) -> dict[str, Any]:
    plain = {"denial_id": denial_id, "result": "done", "becomes": "assigned", "denied_cents": 100_00, "version": 5}
    return {**plain, "code": "", "detail": "", **told}


def many(*items: dict[str, Any], is_preview: bool = False) -> dict[str, Any]:
    results = [each["result"] for each in items]
    counted = {name: results.count(name) for name in ("done", "unchanged", "refused")}
    return {**counted, "is_preview": is_preview, "done_cents": 100_00, "items": list(items), "after": None}


async def test_many_are_undone_in_one_request_and_one_that_is_refused_is_told(world: World) -> None:
    refused = item(OTHER, result="refused", becomes="", code="not-to-undo", detail="something happened since")
    world.answers |= {"POST /api/claims/denials/bulk/undo": many(item(ID, becomes="taken-back"), refused)}
    answer = await post(world, "manager", "/denials/undo", seen=f"{ID}:5,{OTHER}:7")
    assert "1 of 2 taken back." in answer.text and "not-to-undo" in answer.text
    [command] = commands(world)
    named = [{"denial_id": ID, "version": 5}, {"denial_id": OTHER, "version": 7}]
    assert json.loads(command.body) == {"denials": named}


async def test_many_are_assigned_in_one_request_and_can_be_undone(world: World) -> None:
    world.answers |= {"POST /api/claims/denials/bulk/assign": many(item(ID), item(OTHER, version=8))}
    answer = await post(world, "denial-specialist", "/denials/assign", ids=f"{ID},{OTHER}")
    assert "2 of 2 assigned to you." in answer.text and f'value="{ID}:5,{OTHER}:8"' in answer.text
    [command] = commands(world)
    assert json.loads(command.body) == {"denials": [{"denial_id": ID}, {"denial_id": OTHER}]}


async def test_what_would_become_of_many_is_shown_before_it_is_done_to_what_was_seen(world: World) -> None:
    path = "POST /api/claims/denials/bulk/write-off"
    refused = item(OTHER, result="refused", becomes="", code="write-off-already-requested", detail="another decides")
    world.answers |= {path: many(item(ID, becomes="write-off-requested", version=4), refused, is_preview=True)}
    form = (await post(world, "biller", "/denials/bulk/write-off", ids=f"{ID},{OTHER}")).text
    assert 'hx-post="/denials/bulk/write-off/look"' in form and 'name="reason"' in form and commands(world) == []
    looked = await post(world, "biller", "/denials/bulk/write-off/look", ids=f"{ID},{OTHER}", reason="past-the-limit")
    assert "write off requested" in looked.text and "another decides" in looked.text
    assert f'name="seen" value="{ID}:4"' in looked.text
    world.answers |= {path: many(item(ID, becomes="write-off-requested"))}
    await post(world, "biller", "/denials/bulk/write-off/do", seen=f"{ID}:4", reason="past-the-limit")
    asked, done = (json.loads(command.body) for command in commands(world))
    assert asked == {
        "denials": [{"denial_id": ID}, {"denial_id": OTHER}],
        "is_preview": True,
        "reason": "past-the-limit",
    }
    assert done == {"denials": [{"denial_id": ID, "version": 4}], "reason": "past-the-limit"}


async def test_a_deed_on_many_needs_its_own_right_and_must_exist(world: World) -> None:
    assert (await post(world, "biller", "/denials/bulk/approve", ids=ID)).status_code == 403
    assert (await post(world, "biller", "/denials/bulk/burn", ids=ID)).status_code == 404
    assert commands(world) == []


async def test_who_comes_second_is_told_what_the_first_did_and_the_form_stays(world: World) -> None:
    facts = {"expected_version": 4, "version": 5}
    world.answers |= {
        f"POST {API}/note": JSONResponse({"code": "changed-meanwhile", "detail": "look again", "facts": facts}, 409),
        f"GET /api/claims/streams/denial/{ID}": {
            "events": [
                {"streamversion": 4, "type": "claims.DenialAssigned.v1", "actor": "user:a", "recordedat": "2026-04-01"},
                {
                    "streamversion": 5,
                    "type": "claims.AppealFiled.v1",
                    "actor": "user:k.novak",
                    "recordedat": "2026-04-02",
                },
            ]
        },
    }
    answer = await post(world, "biller", f"/denials/{ID}/note", outcome_code="other", note="Mine", version="4")
    assert answer.status_code == 409
    assert (answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == ("#conflict-words", "innerHTML")
    assert json.loads(answer.headers["hx-trigger"]) == {"conflict": {"version": 5}}
    assert "appeal filed</strong> by k.novak" in answer.text
    assert "assigned" not in answer.text


async def test_who_asked_for_a_write_off_is_not_offered_to_approve_it(world: World) -> None:
    world.answers |= PAYERS
    world.answers[f"GET {API}"] = ROW | {"write_off_requested_by": "user:manager", "write_off_reason": "too-late"}
    await world.log_in("manager")
    own = (await world.browser.get(f"/denials/{ID}/peek")).text
    assert "/write-off/approve" not in own and "Another person" in own
    world.answers[f"GET {API}"] = ROW | {"write_off_requested_by": "user:biller", "write_off_reason": "too-late"}
    anothers = (await world.browser.get(f"/denials/{ID}/peek")).text
    assert f'hx-post="/denials/{ID}/write-off/approve"' in anothers and "too late" in anothers
    await world.log_in("biller")
    assert "/write-off/approve" not in (await world.browser.get(f"/denials/{ID}/peek")).text


async def test_approving_needs_the_managers_right(world: World) -> None:
    world.answers |= {f"POST {API}/write-off/approve": DONE, f"GET {API}": ROW | {"is_open": False}} | PAYERS
    assert (await post(world, "denial-specialist", f"/denials/{ID}/write-off/approve")).status_code == 403
    assert commands(world) == []
    assert (await post(world, "manager", f"/denials/{ID}/write-off/approve", version="4")).status_code == 200
    [command] = commands(world)
    assert command.headers["ledgerline-expected-version"] == "4"


async def test_the_panel_says_which_level_can_be_filed_until_when_and_by_which_rule(world: World) -> None:
    clock = {"level": 1, "name": "redetermination", "days": 120, "counts": "calendar-days", "from_on": "2026-04-01"}
    clocked = {"appeal_by_on": "2026-08-04", "appeal_clock": clock | {"receipt_days": 5}}
    world.answers |= PAYERS | {f"GET {API}": ROW | clocked}
    await world.log_in("denial-specialist")
    shown = (await world.browser.get(f"/denials/{ID}/peek")).text
    assert "2026-08-04" in shown and "120 calendar days from the notice of 2026-04-01, received 5 days later" in shown
    assert f'hx-post="/denials/{ID}/appeal"' in shown and "late_because" not in shown
    world.answers[f"GET {API}"] = ROW | clocked | {"urgency_percent": 25}
    assert 'name="late_because"' in (await world.browser.get(f"/denials/{ID}/peek")).text


async def test_a_denial_without_a_right_to_appeal_offers_none(world: World) -> None:
    world.answers |= PAYERS | {f"GET {API}": ROW | {"no_appeal_because": "medicare-timely-filing"}}
    await world.log_in("denial-specialist")
    shown = (await world.browser.get(f"/denials/{ID}/peek")).text
    assert "no right to appeal: medicare timely filing" in shown and "/appeal" not in shown.replace("/appeals", "")


async def test_an_appeal_goes_on_with_the_day_it_was_sent_and_its_cause_for_being_late(world: World) -> None:
    world.answers |= {f"POST {API}/appeal": DONE, f"GET {API}": ROW} | PAYERS
    said = {"level": "1", "filed_on": "2026-09-01", "late_because": "records-destroyed", "version": "4"}
    await post(world, "denial-specialist", f"/denials/{ID}/appeal", **said)
    [command] = commands(world)
    assert json.loads(command.body) == {
        "level": 1,
        "filed_on": "2026-09-01",
        "due_on": None,
        "late_because": "records-destroyed",
    }


async def test_a_decision_goes_on_with_the_date_of_its_notice(world: World) -> None:
    world.answers |= {f"POST {API}/decide": DONE, f"GET {API}": ROW} | PAYERS
    said = {"level": "1", "outcome": "dismissed", "decided_on": "2026-06-01", "version": "4"}
    await post(world, "denial-specialist", f"/denials/{ID}/decide", **said)
    [command] = commands(world)
    assert json.loads(command.body) == {"level": 1, "outcome": "dismissed", "decided_on": "2026-06-01"}


async def test_the_panel_shows_the_measured_chance_with_its_cases_beside_the_usual_one(world: World) -> None:
    few = {"measured_win_percent": 66, "measured_cases": 3}
    world.answers |= PAYERS | {f"GET {API}": ROW | few}
    await world.log_in("biller")
    assert "3 appeals were decided, 66 % won: too few" in (await world.browser.get(f"/denials/{ID}/peek")).text
    many = {"measured_win_percent": 61, "measured_cases": 40, "is_chance_measured": True, "win_chance_percent": 61}
    world.answers[f"GET {API}"] = ROW | many
    shown = (await world.browser.get(f"/denials/{ID}/peek")).text
    assert "61 % of 40 decided appeals" in shown and "The usual one is 45 %" in shown


async def test_every_figure_of_the_report_leads_to_what_it_is_the_sum_of(world: World) -> None:
    cause = {"payer_id": "p1", "reason_group": "CO", "reason": "197", "category": "authorization"}
    sums = {"origin": "scheduling", "denials": 7, "denied_cents": 700_00, "recovered_cents": 0}
    rate = {"payer_id": "p1", "category": "authorization", "level": 1, "overturned": 2, "partly_overturned": 0}
    money = {"upheld": 1, "dismissed": 0, "denied_cents": 300_00, "won_cents": 200_00, "won_percent": 66}
    world.answers |= PAYERS | {
        "GET /api/claims/denials/causes": [cause | sums],
        "GET /api/claims/denials/overturn-rates": [rate | money],
    }
    await world.log_in("manager")
    shown = (await world.browser.get("/denials/report")).text
    listed = (
        "payer_id=p1&amp;reason_group=CO&amp;reason=197&amp;category=authorization&amp;origin=scheduling&amp;every=yes"
    )
    assert f'href="/denials?{listed}"' in shown
    assert "payer_id=p1&amp;category=authorization&amp;level=1&amp;outcome=overturned" in shown
    assert "66 %" in shown


async def test_the_list_behind_a_cause_has_closed_ones_too(world: World) -> None:
    world.answers |= PAYERS
    await world.log_in("manager")
    await world.browser.get("/denials?payer_id=p1&reason=197&origin=scheduling&every=yes")
    [asked] = [each for each in world.asked if each.path == "/api/claims/denials"]
    told = {"payer_id": "p1", "reason": "197", "origin": "scheduling", "with_closed": "true"}
    assert told.items() <= asked.query.items()


async def test_where_a_denial_began_is_told_with_its_event(world: World) -> None:
    origin = {"step": "eligibility", "because": "coverage was asked for another day", "service": "eligibility"}
    event = {"event": "EligibilityAnswered", "event_id": "e-1", "stream": "eligibility-check/c", "version": 2}
    times = {"occurred_at": "2026-03-01T12:00:00Z", "correlation_id": "k-1", "causation_id": None}
    world.answers |= {f"GET {API}/origin": origin | event | times}
    await world.log_in("biller")
    shown = (await world.browser.get(f"/denials/{ID}/origin")).text
    assert "another day" in shown and "e-1" in shown and "k-1" in shown
    world.answers[f"GET {API}/origin"] = origin | event | times | {"event_id": ""}
    assert "Nothing on record tells" in (await world.browser.get(f"/denials/{ID}/origin")).text
