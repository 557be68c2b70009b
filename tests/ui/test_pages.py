"""Is every page whole: no finding of axe in either theme, nothing on the console, nothing wider than the screen?"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.ui.conftest import PICTURES, System

WIDTHS = (1440, 1024, 390)


def paths(system: System) -> dict[str, str]:
    """Every page that there is, by a name for its picture."""
    claim = system.denied[0]
    patient = system.client.get("/api/collections/worklist", limit=1)["items"]
    remittance = system.client.get("/api/payments/remittances", status="posted", limit=1)["items"][0]
    found = {
        "claims": "/claims",
        "claims-closed": "/claims?status=closed",
        "claim": f"/claims/{claim['claim_id']}?v=4",
        "denials": "/denials",
        "remittances": "/remittances",
        "remittance": f"/remittances/{remittance['remittance_id']}",
        "held": f"/remittances/{system.held_remittance_id}",
        "held-claims": "/remittances?view=held-claims",
        "receivables": "/receivables?basis=service",
        "receivables-accounts": "/receivables/accounts",
        "account": f"/accounts/{claim['account_id']}",
        "collections": "/collections",
        "kpis": "/kpis",
        "projections": "/system",
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
