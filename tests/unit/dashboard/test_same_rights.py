"""Can a page do what the API cannot, or under another right? Every page is opened and every form sent, and what it asks is looked up."""

from __future__ import annotations

import re
from functools import cache

import pytest

from deploy.schemas.openapi import edge
from services.dashboard.deeds import KINDS
from services.dashboard.main import PAGES
from services.dashboard.visits import Page
from shared.events.registry import SERVICES
from shared.runtime.web.application import actions_of
from tests.architecture.checkout import host
from tests.unit.dashboard.conftest import ORIGIN, Asked, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Filled in as far as a page itself reads what was typed; what the services make of it is not asked here.
TYPED = {
    "key": "k",
    "ids": "1",
    "done": "1:1",
    "account_id": "1",
    "payer_id": "1",
    "contract_id": "1",
    "schedule_id": "1",
    "kind": "amounts",
    "period": "2026-06",
    "month": "2026-06",
    "rules": "CO-97 patient",
    "as_of_on": "2026-06-30",
    "control": "1",
    "lines": "1",
    "place": "1",
}
FILE = {"file": ("any.txt", b"any")}
KNOWN = {
    "GET /api/payments/remittances/1": {"remittance": {"image_id": "1"}, "claims": []},
    "GET /api/eligibility/patients/1/coverage": {
        "coverages": [{"patient_id": "1", "coverage_id": "1", "is_recorded_active": True}]
    },
    "GET /api/claims/claim-rules/properties": [],
    "GET /api/claims/escalation-rules": {"version": 0, "rules": []},
    "GET /api/charges/encounters/1": {"encounter": {"chosen": [], "joined": [], "patient_id": "1"}, "positions": {}},
    "GET /api/claims/batches/1": {"batch": {"document_id": "1"}},
}
# Draw a form, or add up what is typed into one: what they ask for at most is what may be chosen.
DEEDS_ON_MANY = {f"{kind.path}/bulk/{name}" for kind in KINDS for name in kind.deeds}
FORMS = DEEDS_ON_MANY | {"/remittances/paper", "/remittances/paper/more", "/remittances/paper/totals", "/what-if"}


@cache
def operations() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Method, pattern of its path behind the front door, and action of every operation of the API, as the router tries them."""
    applications = [(f"/api/{service}", host(service).app) for service in SERVICES] + [("", edge())]
    return tuple(
        (method, re.compile(prefix + re.sub(r"\\\{\w+(:\w+)?\\\}", "[^/]+", re.escape(path)) + r"\Z"), action)
        for prefix, app in applications
        for method, path, action in actions_of(app)
        if action is not None
    )


def action_of(asked: Asked) -> str:
    return next(
        (action for method, path, action in operations() if method == asked.method and path.match(asked.path)),
        f"no operation: {asked.method} {asked.path}",
    )


def opened() -> list[Page]:
    """Every page that asks a service for something and ends: streams end with the session only."""
    return [page for page in PAGES if not page.action.startswith("dashboard:") and not page.is_background]


async def operations_asked(world: World, page: Page, csrf: str) -> set[tuple[str, str]]:
    """Method and action of what a page asks the API for."""
    world.asked.clear()
    headers = {**ORIGIN, "X-CSRF-Token": csrf, "HX-Request": "true"}
    path = re.sub(r"\{\w+(:int)?\}", "1", page.path.replace("{service}", "claims"))
    if page.method == "GET":
        await world.browser.get(path, headers=headers)
    else:
        await world.browser.post(path, data=TYPED, files=FILE, headers=headers)
    return {(asked.method, action_of(asked)) for asked in world.asked}


async def test_every_right_of_a_page_is_one_of_the_api() -> None:
    of_the_api = {action for _, _, action in operations()}
    of_pages = {page.action for page in PAGES if not page.action.startswith("dashboard:")}
    assert of_pages - of_the_api == set()


async def test_what_a_page_does_the_api_does_under_the_same_right(world: World) -> None:
    world.answers |= KNOWN
    await world.log_in("admin")
    csrf, wrong, forms = await world.csrf(), {}, set()
    for page in opened():
        found = await operations_asked(world, page, csrf)
        writes = {action for method, action in found if method != "GET" and ":read-" not in action}
        if not writes <= {page.action}:
            wrong[f"{page.method} {page.path} under {page.action}"] = found
        elif page.action not in {action for _, action in found}:
            forms.add(page.path)
    assert wrong == {}
    assert forms == FORMS
