"""The page of the books shows a period whose figures add up, and each list of it leaves as a file."""

from __future__ import annotations

import json
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
    assert "Patient payments</th>" in page
    assert "Write-offs</th>" not in page  # nothing moved there: the table stays as narrow as it can
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


READY: dict[str, Any] = {
    "period": "2026-04",
    "from_on": "2026-04-01",
    "through_on": "2026-04-30",
    "is_closed": False,
    "obstacles": [
        {"rule": "deposit-differs", "where": "dep-1", "cents": -100},
        {"rule": "remittance-not-answered", "where": "r1", "cents": 9600},
        {"rule": "payment-on-its-way", "where": "p1/A1", "cents": 100},
        {"rule": "posting-parked", "where": "claim-account/A1", "cents": 0},
        {"rule": "ledger-not-zero", "where": "books", "cents": 1},
    ],
    "entries": 4,
    "receivable_cents": 34_00,
    "cash_cents": 116_00,
}
DONE = {"event_ids": ["e"], "version": 2, "after": None, "stream": "books/ledger"}


async def test_what_stands_in_the_way_of_a_closing_is_listed_and_each_is_linked(world: World) -> None:
    await opened(world, "manager")
    world.answers["GET /api/payments/periods/2026-04"] = READY
    part = (await world.browser.get("/books/readiness?period=2026-04", headers={"HX-Request": "true"})).text
    for link in ("/bank?side=amount-differs#m-dep-1", "/remittances/r1", "/accounts/A1", "/system/parked"):
        assert f'href="{link}"' in part
    assert 'name="accept" value="dep-1"' in part
    assert 'hx-post="/books/close"' in part


async def test_a_manager_closes_and_reopens_a_period_and_others_do_not(world: World) -> None:
    await opened(world, "manager")
    world.answers["POST /api/payments/periods/2026-04/close"] = DONE
    world.answers["POST /api/payments/periods/2026-04/reopen"] = DONE
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    form = {"key": "k1", "period": "2026-04", "accept": ["dep-1", "dep-2"], "reason": "bank-error"}
    closed = await world.browser.post("/books/close", data=form, headers=headers)
    assert closed.headers["hx-redirect"] == "/books?period=2026-04"
    await world.browser.post("/books/reopen", data=form, headers=headers)
    bodies = [json.loads(each.body) for each in world.asked if each.method == "POST" and "/periods/" in each.path]
    assert bodies == [{"accept_deposits": ["dep-1", "dep-2"]}, {"reason": "bank-error"}]
    await world.log_in("poster")
    headers["X-CSRF-Token"] = await world.csrf()
    assert (await world.browser.post("/books/close", data=form, headers=headers)).status_code == 403
