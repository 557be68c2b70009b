"""The queues before the claim: each view asks its own list, and what is done goes to the service as the person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.dashboard.pages.eligibility import QUEUES
from tests.unit.dashboard.conftest import ORIGIN, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHECK: dict[str, Any] = {
    "check_id": "check-1",
    "patient_id": "patient-1",
    "payer_id": "p1",
    "service_on": "2026-06-01",
    "state": "rejected",
    "attempt": 2,
    "rejections": [{"loop": "2100C", "reason": "72"}, {"loop": "2100C", "reason": "ZZ"}],
    "may_retry": True,
}
HELD: dict[str, Any] = {
    "encounter_id": "visit-1",
    "account_id": "0123456789ABCDEF",
    "patient_id": "patient-1",
    "visit_class": "AMB",
    "service_on": "2026-06-01",
    "state": "held",
    "held_reason": "edits-failed",
    "findings": [{"rule": "CHG-502", "place": "charge c1", "message": "a procedure was done", "fix": "credit it"}],
    "diagnoses": ["J0190"],
    "charge_count": 1,
    "late_count": 0,
    "release": None,
    "released_cents": None,
    "changed_at": "2026-06-02T08:00:00Z",
}


def page(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "next": None, "positions": {"eligibility": "0.1.7"}}


async def post(world: World, path: str, **form: str) -> Any:
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    return await world.browser.post(path, data={"key": "k", **form}, headers=headers)


@pytest.mark.parametrize("view", list(QUEUES))
async def test_a_view_of_eligibility_without_anything_in_it_says_what_that_means(world: World, view: str) -> None:
    queue = QUEUES[view]
    world.answers |= {f"GET {queue.path}": page(), "GET /api/eligibility/payers": {"items": []}}
    await world.log_in("biller")
    answer = await world.browser.get(f"/eligibility?view={view}")
    assert answer.status_code == 200 and queue.empty in answer.text
    [asked] = [asked for asked in world.asked if asked.path == queue.path]
    assert queue.query.items() <= asked.query.items()


async def test_what_a_payer_could_not_look_up_is_told_in_words_and_may_be_asked_again(world: World) -> None:
    world.answers |= {"GET /api/eligibility/checks": page(CHECK), "GET /api/eligibility/payers": {"items": []}}
    await world.log_in("biller")
    text = (await world.browser.get("/eligibility?view=rejected")).text
    assert "the member number is wrong or missing" in text and "see the payer&#39;s guide" in text
    world.answers["POST /api/eligibility/checks/check-1/again"] = {"after": "eligibility:0.1.8"}
    answer = await post(world, "/eligibility/checks/check-1/again", view="rejected")
    assert answer.headers["hx-redirect"] == "/eligibility?view=rejected"


async def test_every_coverage_of_the_day_is_asked_about_once(world: World) -> None:
    def coverage(coverage_id: str, *, is_active: bool) -> dict[str, Any]:
        return {"coverage_id": coverage_id, "patient_id": "old-1", "is_recorded_active": is_active}

    covered = [coverage("c1", is_active=True), coverage("c2", is_active=False), coverage("c3", is_active=True)]
    world.answers |= {
        "GET /api/eligibility/patients/patient-1/coverage": {"coverages": covered},
        "POST /api/eligibility/checks": {"after": "eligibility:0.1.9"},
    }
    await world.log_in("biller")
    await post(world, "/eligibility/patients/patient-1/check", service_on="2026-06-01")
    sent = [asked for asked in world.asked if asked.method == "POST"]
    assert [json.loads(asked.body)["coverage_id"] for asked in sent] == ["c1", "c3"]
    assert {json.loads(asked.body)["patient_id"] for asked in sent} == {"old-1"}
    assert [asked.headers["idempotency-key"] for asked in sent] == ["k-c1", "k-c3"]


async def test_a_patient_without_coverage_has_nobody_to_ask(world: World) -> None:
    world.answers["GET /api/eligibility/patients/patient-1/coverage"] = {"coverages": []}
    await world.log_in("biller")
    answer = await post(world, "/eligibility/patients/patient-1/check", service_on="2026-06-01")
    assert "There is no payer to ask" in answer.text
    assert [asked for asked in world.asked if asked.method == "POST"] == []


async def test_held_charges_show_the_edits_that_failed(world: World) -> None:
    world.answers["GET /api/charges/queues/review"] = page(HELD)
    await world.log_in("biller")
    text = (await world.browser.get("/charges")).text
    assert "CHG-502" in text and "a procedure was done" in text and "edits failed" in text


LINE: dict[str, Any] = dict.fromkeys(("modifiers", "units", "service_on", "rendering_reference", "is_late"))


async def test_a_hospitals_visit_shows_its_stay_and_revenue_codes(world: World) -> None:
    stay = {
        "bill_type": "13",
        "statement_from_on": "2026-06-01",
        "statement_through_on": "2026-06-02",
        "conditions": ["C5"],
    }
    visit = HELD | {
        "kind": "institutional",
        "stay": stay,
        "coding": {"procedures": [{"code": "0DTJ4ZZ", "performed_on": "2026-06-01"}]},
    }
    room = LINE | {
        "charge_id": "c-1",
        "code": "",
        "revenue_code": "0120",
        "units": "3",
        "unit": "DA",
        "charged_cents": 450000,
        "credited_cents": 0,
    }
    world.answers |= {
        "GET /api/charges/encounters/visit-1": {"encounter": visit, "lines": [room], "bills": [], "positions": {}},
        "GET /api/charges/streams/encounter/visit-1": {"events": []},
    }
    await world.log_in("biller")
    text = (await world.browser.get("/charges/visit-1")).text
    for said in ("Institutional", "013x", "2026-06-01 to 2026-06-02", "C5", "0DTJ4ZZ", "0120", "3 days"):
        assert said in text


async def test_a_dentists_visit_shows_teeth_and_case(world: World) -> None:
    visit = HELD | {"kind": "dental", "dental": {"orthodontic_months": 24, "missing_teeth": ["1"]}}
    filling = LINE | {
        "charge_id": "c-1",
        "code": "D2392",
        "charged_cents": 19000,
        "credited_cents": 0,
        "dental": {"teeth": [{"code": "14", "surfaces": ["M", "O"]}]},
    }
    world.answers |= {
        "GET /api/charges/encounters/visit-1": {"encounter": visit, "lines": [filling], "bills": [], "positions": {}},
        "GET /api/charges/streams/encounter/visit-1": {"events": []},
    }
    await world.log_in("biller")
    text = (await world.browser.get("/charges/visit-1")).text
    for said in ("Dental", "24 months", "Missing teeth", "14MO"):
        assert said in text


async def test_an_edit_is_let_pass_with_a_reason_by_who_may(world: World) -> None:
    passed = {
        "type": "charges.EditOverridden.v1",
        "actor": "user:coder",
        "recordedat": "2026-06-02T09:00:00Z",
        "data": {"encounter_id": "visit-1", "rule": "CHG-501", "reason": "checked with the record"},
    }
    world.answers |= {
        "GET /api/charges/encounters/visit-1": {"encounter": HELD, "lines": [], "bills": [], "positions": {}},
        "GET /api/charges/streams/encounter/visit-1": {"events": [passed]},
        "POST /api/charges/encounters/visit-1/overrides": {"after": "charges:0.1.2"},
    }
    await world.log_in("biller")
    text = (await world.browser.get("/charges/visit-1")).text
    assert "CHG-501" in text and "let pass by coder" in text and "checked with the record" in text
    assert "/override" not in text  # a biller sees it, a manager decides
    assert (await post(world, "/charges/visit-1/override", rule="CHG-502", reason="no")).status_code == 403
    await world.log_in("manager")
    assert 'hx-post="/charges/visit-1/override"' in (await world.browser.get("/charges/visit-1")).text
    answer = await post(world, "/charges/visit-1/override", rule="CHG-502", reason="another charge covers it")
    assert answer.headers["hx-redirect"] == "/charges/visit-1"
    [command] = [asked for asked in world.asked if asked.method == "POST"]
    assert json.loads(command.body) == {"rule": "CHG-502", "reason": "another charge covers it"}


async def test_a_biller_bills_marked_charges_apart_and_together_again(world: World) -> None:
    lines = [
        LINE | {"charge_id": f"c-{number}", "code": "99213", "charged_cents": 100_00, "credited_cents": 0}
        for number in (1, 2, 3)
    ]
    bill = {
        "account_id": "ACCT",
        "bill": 2,
        "charge_ids": ["c-1", "c-2"],
        "diagnoses": ["J069"],
        "coverage_ids": ["wc"],
    }
    visit = HELD | {
        "patient_id": "rosa",
        "service_on": "2026-06-01",
        "chosen": [{"charge_ids": ["c-1", "c-2"], "coverage_ids": ["wc"]}],
    }
    detail = {"encounter": visit, "lines": lines, "bills": [bill | {"released_cents": 300_00}], "positions": {}}
    world.answers |= {
        "GET /api/charges/encounters/visit-1": detail,
        "GET /api/charges/streams/encounter/visit-1": {"events": []},
        "GET /api/eligibility/patients/rosa/coverage": {
            "coverages": [{"coverage_id": "wc", "payer_name": "State Fund"}]
        },
        "POST /api/charges/encounters/visit-1/bills": {"after": "charges:0.1.2"},
    }
    await world.log_in("auditor")
    assert "bill-apart" not in (await world.browser.get("/charges/visit-1")).text
    await world.log_in("biller")
    text = (await world.browser.get("/charges/visit-1")).text
    for said in (
        "State Fund",
        "300.00",
        'hx-post="/charges/visit-1/bill-apart"',
        'hx-post="/charges/visit-1/bill-together"',
    ):
        assert said in text
    await post(world, "/charges/visit-1/bill-apart", charge="c-2,c-3", coverage="", reason="another injury")
    await post(world, "/charges/visit-1/bill-together", reason="one injury after all")
    apart, together = [json.loads(asked.body) for asked in world.asked if asked.method == "POST"]
    assert apart["bills"] == [
        {"charge_ids": ["c-1"], "coverage_ids": ["wc"]},
        {"charge_ids": ["c-2", "c-3"], "coverage_ids": []},
    ]
    assert together == {"bills": [], "reason": "one injury after all"}


async def test_a_biller_looks_at_a_joint_bill_and_joins_the_visits_and_takes_them_apart(world: World) -> None:
    visit = HELD | {"patient_id": "rosa", "state": "released", "joined": ["visit-3"], "kind": "institutional"}
    other = {"charge_count": 1, "released_cents": 80_00, "kind": "institutional", "state": "released"}
    looked = {
        "encounter_id": "visit-1",
        "encounter_ids": ["visit-2", "visit-3"],
        "version": 7,
        "lines": 3,
        "diagnoses": ["M545"],
        "charged_cents": 240_00,
        "service_on": "2026-06-01",
        "service_to_on": "2026-06-04",
        "findings": [],
    }
    preview = "GET /api/charges/encounters/visit-1/joined-visits/preview"
    world.answers |= {
        "GET /api/charges/encounters/visit-1": {"encounter": visit, "lines": [], "bills": [], "positions": {}},
        "GET /api/charges/streams/encounter/visit-1": {"events": []},
        "GET /api/charges/encounters": page(
            *(
                {"encounter_id": f"visit-{number}", "service_on": "2026-06-04", "billed_with": None} | other
                for number in (1, 2, 3)
            )
        ),
        preview: looked,
        "POST /api/charges/encounters/visit-1/joined-visits": {"after": "charges:0.1.2"},
    }
    await world.log_in("auditor")
    assert 'href="/charges/visit-1/join"' in (await world.browser.get("/charges/visit-1")).text
    path = "/charges/visit-1/join?look=1&visit=visit-2&visit=visit-3"
    assert 'hx-post="/charges' not in (await world.browser.get(path)).text
    await world.log_in("biller")
    text = (await world.browser.get(path)).text
    for said in (
        "$240.00",
        "to 2026-06-04",
        'value="visit-2,visit-3"',
        'value="7"',
        "three days",
        "Bill them together",
    ):
        assert said in text
    assert 'name="visit" value="visit-1"' not in text
    of_all = [("visit", "visit-2"), ("visit", "visit-3"), ("days_before_admission", "3")]
    assert [asked.every for asked in world.asked if f"GET {asked.path}" == preview] == [of_all] * 2
    finding = {
        "rule": "CHG-811",
        "place": "visit visit-2",
        "value": "",
        "message": "another month",
        "fix": "join others",
        "severity": "error",
    }
    world.answers[preview] = looked | {"findings": [finding]}
    text = (await world.browser.get(path)).text
    assert "CHG-811" in text and "Bill them together" not in text
    world.answers[preview] = looked | {"findings": [finding | {"severity": "warning"}]}
    assert "Bill them together" in (await world.browser.get(path)).text
    world.answers[preview] = looked | {"encounter_ids": []}
    assert "Bill it by itself again" in (await world.browser.get("/charges/visit-1/join?look=1")).text
    assert next(a.every for a in reversed(world.asked) if f"GET {a.path}" == preview) == of_all[2:]
    typed = {"visits": "visit-2,visit-3", "days_before_admission": "1", "version": "7", "reason": "one month"}
    answer = await post(world, "/charges/visit-1/join", **typed)
    assert answer.headers["hx-redirect"] == "/charges/visit-1"
    command = next(asked for asked in world.asked if asked.method == "POST")
    assert json.loads(command.body) == {
        "encounter_ids": ["visit-2", "visit-3"],
        "days_before_admission": 1,
        "reason": "one month",
    }
    assert command.headers["ledgerline-expected-version"] == "7"


async def test_a_visit_that_is_billed_with_another_one_says_so_and_is_not_divided(world: World) -> None:
    lines = [
        LINE | {"charge_id": f"c-{number}", "code": "99213", "charged_cents": 1_00, "credited_cents": 0}
        for number in (1, 2)
    ]
    visit = HELD | {"patient_id": "rosa", "state": "released", "billed_with": "visit-9"}
    world.answers |= {
        "GET /api/charges/encounters/visit-1": {"encounter": visit, "lines": lines, "bills": [], "positions": {}},
        "GET /api/charges/streams/encounter/visit-1": {"events": []},
    }
    await world.log_in("biller")
    text = (await world.browser.get("/charges/visit-1")).text
    assert 'href="/charges/visit-9/join"' in text and "bill-apart" not in text
