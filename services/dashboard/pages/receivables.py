"""Accounts receivable: who owes how much, how old it is, and, for any figure, what it is the sum of, down to the events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.charts import stacked
from services.dashboard.exports import table_file
from services.dashboard.pages.denials import payer_names
from services.dashboard.rendering import dollars, query, words
from services.dashboard.visits import Page, Visit

AGES = ("0-30", "31-60", "61-90", "91-120", "120+")
BASES = (
    ("responsibility", "since the party owes it"),
    ("service", "since the service"),
    ("bill", "since the first bill"),
)
_ROWS = 100
_COLUMNS = {"account": "account_id", "party": "party", "age": "bucket", "aged_on": "aged_on", "cents": "cents"}


def party_name(party: str) -> str:
    """`payer:1` as people say it."""
    kind, _, rank = party.partition(":")
    ranks = {"1": "Primary payers", "2": "Secondary payers", "3": "Tertiary payers"}
    if kind == "payer":
        return ranks.get(rank, f"Payers of rank {rank}")
    return {"patient": "Patients", "agency": "Agencies", "unassigned": "Not assigned yet"}.get(party, words(party))


def _clocks(visit: Visit) -> dict[str, str]:
    return {name: value for name in ("basis", "as_of", "known_at") if (value := visit.asked(name))}


async def aging(visit: Visit) -> Response:
    clocks = _clocks(visit)
    pair = {name: value for name, value in clocks.items() if name != "basis"}
    found, balances, by_payer, fresh, names = await asyncio.gather(
        visit.get("/api/payments/aging", **clocks),
        visit.get("/api/payments/balances", **pair),
        visit.get("/api/payments/balances", by="payer", **pair),
        visit.get_if("ops:read-freshness", "/api/payments/ops/freshness"),
        payer_names(visit),
    )
    can_open = visit.may("payments:read-ledger")

    def into(party: str, age: str) -> str:
        return query("/receivables/accounts", clocks, party=party, bucket=age) if can_open else ""

    rows = sorted(found["parties"].items(), key=lambda row: -sum(row[1].values()))
    values: dict[str, Any] = {
        "found": found,
        "balances": balances,
        "by_payer": sorted(by_payer["parties"].items(), key=lambda row: -row[1]),
        "names": names,
        "clocks": clocks,
        "rows": rows,
        "ages": AGES,
        "bases": BASES,
        "over_90": sum(found["buckets"].get(age, 0) for age in AGES[3:]),
        "into": into,
        "can_open": can_open,
        "party_name": party_name,
        "behind": (fresh or {}).get("behind", {}).get("payments.postings", 0),
        "chart": stacked(
            rows,
            AGES,
            title=lambda party, age, cents: f"{party_name(party)}, {age} days: {dollars(cents)}",
            href=into,
            label=party_name,
        ),
    }
    return visit.show("receivables/_aging.html" if visit.is_fragment else "receivables/aging.html", **values)


def _wanted(visit: Visit) -> dict[str, str]:
    return _clocks(visit) | {name: value for name in ("party", "bucket") if (value := visit.asked(name))}


async def accounts(visit: Visit) -> Response:
    """The accounts behind one figure. The figure is read with the same clocks, so that both say the same."""
    wanted, cursor = _wanted(visit), visit.asked("cursor")
    found = await visit.get("/api/payments/aging/accounts", **wanted, limit=_ROWS, cursor=cursor)
    base = dict(wanted)
    if visit.is_fragment and cursor:
        return visit.show("receivables/_accounts_rows.html", found=found, base=base, party_name=party_name)
    whole = await visit.get("/api/payments/aging", **_clocks(visit))
    return visit.show(
        "receivables/accounts.html",
        found=found,
        base=base,
        figure_cents=_figure(whole, wanted),
        shown_cents=sum(row["cents"] for row in found["items"]),
        party_name=party_name,
        wanted=wanted,
        whole=whole,
    )


def _figure(whole: Mapping[str, Any], wanted: Mapping[str, str]) -> int:
    parties: Mapping[str, Mapping[str, int]] = whole["parties"]
    return sum(
        cents
        for party, amounts in parties.items()
        for age, cents in amounts.items()
        if wanted.get("party") in (None, party) and wanted.get("bucket") in (None, age)
    )


async def export(visit: Visit) -> Response:
    return await table_file(visit, "receivables", "/api/payments/aging/accounts", _wanted(visit), _COLUMNS)


# --- one account ------------------------------------------------------------------------------------------------------


async def account(visit: Visit) -> Response:
    """How an account stands and every posting that made it so; one ledger account of it where one is named."""
    account_id, ledger = visit.path("account_id"), visit.asked("ledger")
    detail, stream, claims = await asyncio.gather(
        visit.get(f"/api/payments/accounts/{account_id}"),
        visit.get_if("events:read-stream", f"/api/payments/streams/claim-account/{account_id}"),
        visit.get_if("claims:read-claims", "/api/claims/claims", account_id=account_id, limit=50),
    )
    history = _postings(stream["events"]) if stream else detail["history"]
    ledgers = sorted({posting["ledger"] for posting in history})
    sums = {name: sum(each["amount_cents"] for each in history if each["ledger"] == name) for name in ledgers}
    return visit.show(
        "receivables/account.html",
        detail=detail,
        claims=(claims or {}).get("items", []),
        ledger=ledger,
        sums=sums,
        history=_running(history, ledger),
        party_name=party_name,
    )


def _postings(stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every leg of every event of the account, in the order of its stream."""
    return [
        {
            "event": event["type"].split(".")[1],
            "recorded_at": event["recordedat"],
            "reason": event["data"].get("reason", ""),
            "ledger": posting["account"],
            "line_id": posting.get("line_id", ""),
            "amount_cents": posting["amount_cents"],
        }
        for event in stream
        for posting in event["data"].get("postings") or ()
    ]


def _running(history: list[dict[str, Any]], ledger: str) -> list[dict[str, Any]]:
    """The postings, of one ledger account with the sum after each."""
    sum_cents = 0
    rows: list[dict[str, Any]] = []
    for posting in history:
        if ledger and posting["ledger"] != ledger:
            continue
        sum_cents += posting["amount_cents"]
        rows.append({**posting, "sum_cents": sum_cents})
    return rows


async def adjust(visit: Visit) -> Response:
    """Ask to let a party off; a second person agrees or not."""
    account_id = visit.path("account_id")
    body = {
        "adjustment_id": visit.form["key"],
        "party": visit.form.get("party", ""),
        "reason": visit.form.get("reason", ""),
        "amount_cents": cents_or_text(visit.form.get("amount", "")),
    }
    done = await visit.do(f"/api/payments/accounts/{account_id}/adjustments", body)
    return await _back(visit, account_id, done["after"])


async def approve(visit: Visit) -> Response:
    return await _settled(visit, "approve")


async def reverse(visit: Visit) -> Response:
    return await _settled(visit, "reverse")


async def _settled(visit: Visit, deed: str) -> Response:
    account_id = visit.path("account_id")
    path = f"/api/payments/accounts/{account_id}/adjustments/{visit.path('adjustment_id')}/{deed}"
    return await _back(visit, account_id, (await visit.do(path))["after"])


async def _back(visit: Visit, account_id: str, after: str | None) -> Response:
    await visit.settled(f"/api/payments/accounts/{account_id}", after)
    return Response(headers={"HX-Redirect": f"/accounts/{account_id}"})


PAGES = (
    Page(path="/receivables", action="payments:read-balances", handler=aging),
    Page(path="/receivables/accounts", action="payments:read-ledger", handler=accounts),
    Page(path="/receivables/export", action="payments:read-ledger", handler=export),
    Page(path="/accounts/{account_id}", action="payments:read-ledger", handler=account),
    Page(path="/accounts/{account_id}/adjustments", action="payments:adjust-account", handler=adjust, method="POST"),
    Page(
        path="/accounts/{account_id}/adjustments/{adjustment_id}/approve",
        action="payments:approve-adjustment",
        handler=approve,
        method="POST",
    ),
    Page(
        path="/accounts/{account_id}/adjustments/{adjustment_id}/reverse",
        action="payments:approve-adjustment",
        handler=reverse,
        method="POST",
    ),
)
