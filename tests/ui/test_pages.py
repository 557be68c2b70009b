"""Is every page whole: no finding of axe in either theme, nothing on the console, nothing wider than the screen?"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.ui.conftest import PICTURES, System

WIDTHS = (1440, 1024, 390)


def paths(system: System) -> dict[str, str]:
    """Every page that there is, by a name for its picture."""
    claim = system.denied[0]
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
        "claims": "/claims",
        "claims-closed": "/claims?status=closed",
        "claim": f"/claims/{claim['claim_id']}?v=4",
        "paper-claims": "/paper-claims",
        "denials": "/denials",
        "denials-to-approve": "/denials?to_approve=yes",
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
        findings = Axe().run(page).response["violations"]
        picture(page, f"{name}-1440-{theme}")
        told = [(each["id"], [node["target"] for node in each["nodes"]]) for each in findings]
        if told or person.complaints:
            wrong[path] = (told, list(person.complaints))
        person.complaints.clear()
    assert wrong == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_dialog_has_a_finding_of_axe(system: System, people: Any, theme: str) -> None:
    page = people("admin", color_scheme=theme).go("/denials")
    for dialog in ("keys", "conflict", "lock"):
        page.evaluate("name => document.getElementById(name).showModal()", dialog)
        findings = Axe().run(page).response["violations"]
        picture(page, f"dialog-{dialog}-{theme}")
        page.evaluate("name => document.getElementById(name).close()", dialog)
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in findings] == [], dialog


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


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
