"""Is every page whole: no finding of axe in either theme, nothing on the console, nothing wider than the screen?"""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from services.dashboard.main import PAGES
from tests.ui.conftest import PICTURES, System

WIDTHS = (1440, 1024, 390)


def paths(system: System) -> dict[str, str]:
    """Every page that there is, by a name for its picture."""
    claim = system.denied[0]
    denial = system.client.get("/api/claims/denials", claim_id=claim["claim_id"], with_closed=True)["items"][0]
    payer_id = system.client.get(f"/api/payments/variances/{system.underpaid_id}")["payer_id"]
    patient = system.client.get("/api/collections/worklist", limit=1)["items"]
    visit = system.client.get("/api/charges/encounters", limit=1)["items"][0]
    remittance = system.client.get("/api/payments/remittances", status="posted", limit=1)["items"][0]
    found = {
        "eligibility": "/eligibility",
        "eligibility-rejected": "/eligibility?view=rejected",
        "eligibility-gaps": "/eligibility?view=gaps",
        "charges": "/charges",
        "charges-late": "/charges?view=late",
        "charge": f"/charges/{visit['encounter_id']}",
        "charge-joining": f"/charges/{visit['encounter_id']}/join",
        "claims": "/claims",
        "claims-closed": "/claims?status=closed",
        "claim": f"/claims/{claim['claim_id']}?v=4",
        "paper-claims": "/paper-claims",
        "denials": "/denials",
        "denials-to-approve": "/denials?to_approve=yes",
        "denials-report": "/denials/report",
        "denials-rules": "/denials/rules",
        "deadlines": "/deadlines",
        "deadlines-moved": "/deadlines/moved",
        "learned-rules": "/learned-rules",
        "denials-decisions": "/denials/decisions",
        "appeal": f"/denials/{denial['denial_id']}/appeal",
        "claim-rules": "/claim-rules",
        "claim-rule-new": "/claim-rules/new",
        "claim-rule": "/claim-rules/own-first",
        "claims-silent": "/claims?view=silent",
        "remittances": "/remittances",
        "remittance": f"/remittances/{remittance['remittance_id']}",
        "held": f"/remittances/{system.held_remittance_id}",
        "held-claims": "/remittances?view=held-claims",
        "receivables": "/receivables?basis=service",
        "receivables-accounts": "/receivables/accounts",
        "books": "/books",
        "bank": "/bank",
        "brought-along": "/brought-along",
        "underpayments": "/underpayments",
        "underpayment": f"/underpayments/{system.underpaid_id}",
        "contracts": "/contracts",
        "contract-new": "/contracts/new",
        "contract": f"/contracts/{payer_id}/whole",
        "capitation": "/capitation",
        "capitation-month": f"/capitation/{payer_id}/whole/2026-03",
        "fee-schedules": "/fee-schedules",
        "fee-schedule": "/fee-schedules/usual",
        "cards": "/cards",
        "refunds": "/refunds",
        "patient-payments": f"/patient-payments/{claim['patient_id']}",
        "what-if": "/what-if",
        "paper": "/remittances/paper",
        "account": f"/accounts/{claim['account_id']}",
        "collections": "/collections",
        "kpis": "/kpis",
        "projections": "/system",
        "lag": "/system/lag",
        "log": "/system/events",
        "parked": "/system/parked",
        "audit": "/system/audit",
        "help": "/help",
    }
    return found | ({"patient": f"/collections/{patient[0]['patient_id']}"} if patient else {})


# What a GET answers with that is no page: files, streams, and parts of pages.
PARTS = re.compile(
    r"/(export|by-payer|roll-forward|trial-balance|postings|rates|checklist|peek|origin|state|readiness|tail|live)\Z|/$"
)
DOCUMENTS = re.compile(
    r"/(letters|appeal-letters|statements|verify|expected-amounts)/\{\w+\}\Z|\}/(paper|printed|pages)\Z"
)


def test_every_page_that_there_is_is_looked_at(system: System) -> None:
    looked_at = {path.partition("?")[0] for path in paths(system).values()}
    there_is = {page.path for page in PAGES if page.method == "GET"}
    whole = {path for path in there_is if not PARTS.search(path) and not DOCUMENTS.search(path)}
    patterns = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z") for path in whole}
    assert {path for path, pattern in patterns.items() if not any(map(pattern.match, looked_at))} == set()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_door_a_dead_end_and_a_lock_have_no_finding_of_axe(system: System, people: Any, theme: str) -> None:
    person = people("poster", color_scheme=theme)
    page, wrong = person.page, {}
    for name, path, status in (
        ("nowhere", "/claims/X/nothing", 404),
        ("nowhere-at-all", "/nothing-here", 404),
        ("no-right", "/system", 403),
        ("gone", "/claims/00000000000000000", 404),
    ):
        answer = page.goto(f"{system.url}{path}")
        assert answer is not None and answer.status == status, path
        wrong[name] = findings(page)
        picture(page, f"{name}-1440-{theme}")
    person.go("/remittances")
    page.fill("#search", "NOBODY HAS THIS")
    page.press("#search", "Enter")
    expect(page.locator("main")).to_contain_text("Nothing has this number.")
    wrong["search"] = findings(page)
    picture(page, f"search-1440-{theme}")
    page.context.clear_cookies()
    page.goto(f"{system.url}/nothing-here")
    expect(page).to_have_url(f"{system.url}/login?next=%2Fnothing-here")
    person.go("/login")
    wrong["login"] = findings(page)
    picture(page, f"login-1440-{theme}")
    assert {name: told for name, told in wrong.items() if told} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_finding_of_axe_or_a_complaint_of_the_browser(system: System, people: Any, theme: str) -> None:
    person = people("admin", color_scheme=theme)
    wrong: dict[str, Any] = {}
    for name, path in paths(system).items():
        page = person.go(path)
        if name == "denials":
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            page.wait_for_selector("#peek dl")
        told = findings(page)
        picture(page, f"{name}-1440-{theme}")
        if told or person.complaints:
            wrong[path] = (told, list(person.complaints))
        person.complaints.clear()
    assert wrong == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_dialog_has_a_finding_of_axe(system: System, people: Any, theme: str) -> None:
    page = people("admin", color_scheme=theme).go("/denials")
    for dialog in ("keys", "palette", "conflict", "lock"):
        page.evaluate("name => document.getElementById(name).showModal()", dialog)
        told = findings(page)
        picture(page, f"dialog-{dialog}-{theme}")
        page.evaluate("name => document.getElementById(name).close()", dialog)
        assert told == [], dialog


def test_everybody_begins_at_a_page_that_they_may_see(system: System, people: Any) -> None:
    begins = {
        "front-desk": "/eligibility",
        "coder": "/charges",
        "biller": "/claims",
        "denial-specialist": "/denials",
        "poster": "/remittances",
        "collector": "/collections",
        "manager": "/receivables",
        "auditor": "/eligibility",
        "operator": "/kpis",
    }
    for role, path in begins.items():
        page = people(role).page
        assert page.url == f"{system.url}{path}", role
        expect(page.locator("h1")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_no_page_is_wider_than_the_screen(system: System, people: Any, width: int) -> None:
    person = people("admin", viewport={"width": width, "height": 900})
    wide = []
    for name, path in paths(system).items():
        page = person.go(path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)
        picture(page, f"{name}-{width}-light")
    assert wide == []


def findings(page: Page) -> list[tuple[str, list[Any]]]:
    """What axe finds, each with where."""
    violations = Axe().run(page).response["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations]


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
