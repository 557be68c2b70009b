"""The page of the books shows a period whose figures add up, and each list of it leaves as a file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.dashboard.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


def row(party: str, **cents: int) -> dict[str, Any]:
    names = ("opening", "charges", "payer_payments", "patient_payments", "contractual", "write_offs", "refunds")
    all_names = (*names, "transfers", "brought_in", "other", "closing", "late")
    return {"party": party, **{f"{name}_cents": cents.get(name, 0) for name in all_names}}


PATIENT = row("patient", opening=64_00, patient_payments=30_00, closing=34_00, late=-10_00)
ROLLED = {
    "period": "2026-04",
    "from_on": "2026-04-01",
    "through_on": "2026-04-30",
    "known_at": "2026-04-03T12:00:00Z",
    "is_closed": False,
    "items": [PATIENT],
    "total": PATIENT | {"party": ""},
    "positions": {},
}
LEDGER = {
    "as_of": "2026-04-30T23:59:59Z",
    "items": [{"ledger": "cash", "debit_cents": 116_00, "credit_cents": 0, "balance_cents": 116_00}],
    "debit_cents": 116_00,
    "credit_cents": 116_00,
    "total_cents": 0,
}
CLOSING = {
    "number": 1,
    "kind": "closed",
    "period": "2026-03",
    "receivable_cents": 64_00,
    "reason": "",
    "decided_by": "user:mia",
    "recorded_at": "2026-04-02T08:00:00Z",
}


async def opened(world: World, role: str) -> str:
    world.answers |= {
        "GET /api/payments/roll-forward": ROLLED,
        "GET /api/payments/trial-balance": LEDGER,
        "GET /api/payments/periods": {"items": [CLOSING], "next": None},
        "GET /api/payments/postings": {"items": [{"event": "PaymentApplied", "amount_cents": -10_00}], "next": None},
    }
    await world.log_in(role)
    return (await world.browser.get("/books")).text


async def test_the_month_of_today_is_shown_with_its_trial_balance_and_what_was_closed(world: World) -> None:
    page = await opened(world, "manager")
    asked = [(each.path, each.query) for each in world.asked if each.path.startswith("/api/payments/")]
    assert ("/api/payments/roll-forward", {}) in asked
    assert ("/api/payments/trial-balance", {"as_of": "2026-04-30", "basis": "posted"}) in asked
    assert "Receivables from 2026-04-01 to 2026-04-30" in page
    assert "movement=patient-payments" in page
    assert "is_late=true" in page
    assert 'href="/books?period=2026-03"' in page


async def test_a_figure_and_the_reports_leave_as_files(world: World) -> None:
    await opened(world, "poster")
    rolled = await world.browser.get("/books/roll-forward?period=2026-04")
    assert rolled.text.splitlines()[0].startswith("\ufeffparty,opening_cents,charges_cents")
    assert rolled.text.splitlines()[1] == "patient,6400,0,0,3000,0,0,0,0,0,0,3400,-1000"
    ledger = await world.browser.get("/books/trial-balance?as_of=2026-04-30&basis=posted&format=xlsx")
    assert ledger.headers["content-disposition"] == 'attachment; filename="trial-balance.xlsx"'
    behind = await world.browser.get("/books/postings?period=2026-04&party=patient&is_late=true")
    assert "PaymentApplied" in behind.text
    [asked] = [each for each in world.asked if each.path == "/api/payments/postings"]
    assert asked.query == {"period": "2026-04", "party": "patient", "is_late": "true", "limit": "500"}


async def test_who_does_not_read_the_ledger_has_no_books(world: World) -> None:
    await world.log_in("operator")
    assert (await world.browser.get("/books")).status_code == 403
