"""What would a month's answers be held against with other terms: does an account cost more when there are many, and what does it cost?

The whole payments service on a durable server: answers are posted, a contract and its price list come afterwards, and two questions of the
same kind are asked, of a day with few accounts and of one with many. The yardstick is reading the events of the same accounts in one query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import asyncpg

from services.payments.main import build
from shared.events.eligibility import PayerListed
from shared.kernel.identifiers import claim_id_of
from shared.runtime.command import Cause
from shared.testing.hosting import TENANT, Hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks import files
from tests.benchmarks.measurement import Row, run_alone
from tests.benchmarks.neighbours import Neighbourhood, account_of, neighbourhood, told
from tests.benchmarks.sampling import profiled

FEW, MANY = 1_000, 10_000
_DAYS = ("2026-03-20", "2026-03-21")
_GIVE_UP_SECONDS = 900.0
_PRICES = b"procedure_code,amount\n99211,100.00\n99212,60.00\n"
_TERMS: dict[str, Any] = {
    "terms": [{"rule": "schedule", "schedule_id": "bench"}],
    "tolerance_cents": 0,
    "tolerance_percent": "0",
}


async def run(dsn: str, *, claims: int = MANY, tell: Callable[[str], None] = lambda phase: None) -> list[Row]:
    server = PostgresServer(url=dsn, backend="the server of the benches")
    few = min(FEW, claims // 10)
    try:
        async with neighbourhood(server, "payments", build) as around:
            tell("charges and coverages are told, and answers posted")
            await around.tell_visits(few + claims, charged_as=lambda number: number if number < few else number - few)
            await around.running.settle(_GIVE_UP_SECONDS)
            await _answer(around.running, range(few), _DAYS[0])
            await _answer(around.running, range(few, few + claims), _DAYS[1])
            until = await _agree(around)
            tell("the question is asked")
            small = await _asked(around.running, _DAYS[0], few, until)
            with profiled() as profile:
                large = await _asked(around.running, _DAYS[1], claims, until)
            reading = await _read_at_once(around.running)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return [
        Row(
            name=f"what if of a contract, {claims:,} claims",
            measured=f"{large:.1f} s ({claims / large:,.0f} claims/s)",
            yardstick=f"every event of every account in one query: {reading:.2f} s",
            ratio=reading / large,
            goal=None,
            parts=dict(profile.shares()),
        ),
        Row(
            name=f"what if of a contract: time for a claim, {claims:,} against {few:,}",
            measured=f"{1e6 * large / claims:.0f} µs",
            yardstick=f"{few:,}: {1e6 * small / few:.0f} µs",
            ratio=(small / few) / (large / claims),
            goal=0.8,
        ),
    ]


async def _answer(running: Hosted, numbers: Sequence[int], day: str) -> None:
    claim_ids = [claim_id_of(account_of(number), 1) for number in numbers]
    content = files.remittance(claim_ids, trace=f"WHATIF{day}").replace(b"20260320", day.replace("-", "").encode())
    headers = {"Content-Type": "application/edi-x12"}
    await _sent(running, "/api/payments/remittances", content, headers)
    await running.settle(_GIVE_UP_SECONDS)


async def _agree(around: Neighbourhood) -> str:
    """The position of the log at which all that is asked about is known."""
    listed = PayerListed(payer_id="bench-health", name="BENCH HEALTH", electronic_id="60054")
    cause = Cause(tenant=TENANT, actor="bench", command_id=uuid4(), correlation_id="bench")
    await around.known["eligibility"].commands.handle(told, "payer", listed, cause)
    await around.running.settle(_GIVE_UP_SECONDS)
    path = "/api/payments/fee-schedules/bench/amounts?name=Bench&effective_from=2026-01-01"
    await _sent(around.running, path, _PRICES, {"Content-Type": "text/csv"})
    contract = {**_TERMS, "contract_id": "bench", "name": "Bench", "effective_from": "2026-01-01"}
    done = await around.running.ask("POST", "/api/payments/payers/bench-health/contracts", contract)
    return str(done["after"]).rpartition(":")[2]


async def _sent(running: Hosted, path: str, content: bytes, headers: dict[str, str]) -> None:
    whole = {"Idempotency-Key": str(uuid4()), **headers}
    answer = await running.http.post(path, content=content, headers=whole, timeout=_GIVE_UP_SECONDS)
    assert answer.status_code == 201, answer.text[:500]


async def _asked(running: Hosted, day: str, accounts: int, until: str) -> float:
    """Seconds. Half of the charge instead of the price list: every account differs."""
    terms = {**_TERMS, "terms": [{"rule": "percent-of-charge", "percent": "50"}]}
    body = {
        "period": day,
        "until": until,
        "payer_id": "bench-health",
        "contract_id": "bench",
        "terms": terms,
        "items_max": 10,
    }
    began = time.perf_counter()
    answer = await running.http.post("/api/payments/what-if/contracts", json=body, timeout=_GIVE_UP_SECONDS)
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text[:500]
    found = answer.json()
    assert (found["accounts"], found["accounts_that_differ"]) == (accounts, accounts), found["accounts"]
    return seconds


async def _read_at_once(running: Hosted) -> float:
    connection = await asyncpg.connect(running.platform.settings.dsn("payments", "feed"))
    try:
        began = time.perf_counter()
        await connection.fetch("select data from events where stream like 'claim-account/%' order by stream, version")
        return time.perf_counter() - began
    finally:
        await connection.close()


if __name__ == "__main__":
    run_alone(run)
