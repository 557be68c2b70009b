"""Are the worklists quick as pages, not only as answers of the API?

The dashboard over the claims service (both in this process, without a socket), with 100,000 denials and 100,000 claims: the rows of a
first page and of one that lies behind nine tenths of them, in turns; and a filter with all its counts, none of them remembered.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from deploy.services import build_of
from services.dashboard.main import build as build_pages
from services.dashboard.settings import DashboardSettings
from shared.runtime.identity.directory import Directory
from shared.runtime.identity.issuer import LocalIssuer, issuer_router
from shared.runtime.platform import verifier_of
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks import worklist
from tests.benchmarks.measurement import Row, percentile, run_alone

ROWS = 100_000
PAGES = 60
_WARM_UP = 5
_STEP = 500  # rows a page on the way down
_USER = "manager"
_FILL = """
insert into denial_queue (tenant, denial_id, claim_id, account_id, payer_id, remittance_id, category, origin, reason_group, reason,
                          denied_cents, win_chance_percent, win_chance_because, expected_recovery_cents, appeal_by_on, opened_at,
                          assignee, status, is_open, appeal_level, last_outcome, reference_number, next_action, recovered_cents,
                          write_off_requested_by, write_off_reason, version, moved_at)
select $1, 'BENCH' || lpad(n::text, 8, '0'), 'BENCH' || n, 'account-' || n, 'payer-' || n % 40, 'remittance-' || n / 50,
       (array['coding', 'authorization', 'eligibility', 'bundling'])[1 + n % 4], 'billing', 'CO', (10 + n % 80)::text,
       1000 + (n * 7919) % 90000, 10 + n % 80, 'it depends', (1000 + (n * 7919) % 90000) * (10 + n % 80) / 100,
       current_date + ((n % 120) - 10)::integer, now(), (array['', 'user:ann', 'user:bob'])[1 + n % 3], 'open', true, 0, '', '',
       'Send to a coder.', 0, '', '', 1, now()
  from generate_series(1, $2::bigint) n"""


@dataclass(slots=True, kw_only=True)
class Times:
    """Seconds of each kind of answer of one list."""

    first: list[float] = field(default_factory=list)
    deep: list[float] = field(default_factory=list)
    counted: list[float] = field(default_factory=list)


async def run(dsn: str, *, count: int = ROWS, pages: int = PAGES) -> list[Row]:
    server = PostgresServer(url=dsn, backend="the server of the benches")
    try:
        async with _served(server, count) as (running, browser):
            denials = await _measured(running, browser, "/denials", "/api/claims/denials", count, pages)
            claims = await _measured(running, browser, "/claims", "/api/claims/claims", count, pages)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return [*_rows("denials", count, denials), *_rows("claims", count, claims)]


def _rows(name: str, count: int, times: Times) -> list[Row]:
    told = f"page of {count:,} {name}"
    return [
        _row(f"{told}: first rows, p95", times.first, 50),
        _row(f"{told}: rows behind nine tenths, p95", times.deep, 50),
        _row(f"{told}: a filter with its counts, p95", times.counted, 300),
    ]


def _row(name: str, times: list[float], goal_ms: int) -> Row:
    p95 = percentile(times, 0.95) * 1000
    return Row(
        name=name,
        measured=f"p95 {p95:.1f} ms of {len(times)}",
        yardstick=f"{goal_ms} ms at p95",
        ratio=goal_ms / p95,
        goal=1.0,
    )


async def _measured(running: Hosted, browser: httpx.AsyncClient, page: str, path: str, count: int, pages: int) -> Times:
    deep = await _cursor_behind(running, path, count * 9 // 10)
    beginning = await _cursor_behind(running, path, 1)
    times = Times()
    for number in range(pages + _WARM_UP):
        first = await _seconds(browser, page, {"cursor": beginning})
        further = await _seconds(browser, page, {"cursor": deep})
        counted = await _seconds(browser, page, {"payer_id": f"payer-{number % 40}"})
        if number >= _WARM_UP:
            times.first.append(first)
            times.deep.append(further)
            times.counted.append(counted)
    return times


async def _seconds(browser: httpx.AsyncClient, page: str, query: dict[str, str]) -> float:
    began = time.perf_counter()
    answer = await browser.get(page, params=query, headers={"HX-Request": "true"})
    took = time.perf_counter() - began
    assert answer.status_code == 200, answer.text[:500]
    assert answer.text.count("<tr ") >= 50
    return took


async def _cursor_behind(running: Hosted, path: str, rows: int) -> str:
    """The cursor that a page has whose reader went past as many rows."""
    cursor: str | None = None
    for _ in range(max(rows // _STEP, 1)):
        query = {"limit": str(min(rows, _STEP))} | ({"cursor": cursor} if cursor else {})
        cursor = (await running.ask("GET", path, params=query))["next"]
    assert cursor is not None
    return cursor


@contextlib.asynccontextmanager
async def _served(server: PostgresServer, count: int) -> AsyncIterator[tuple[Hosted, httpx.AsyncClient]]:
    """The services with their rows, and somebody who is logged in."""
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-home-") as home:
        builds = {name: build_of(name) for name in ("claims", "eligibility")}
        limits = {"requests_per_second_per_caller": 1e9, "requests_per_second_per_tenant": 1e9}
        async with hosted(server, builds, Path(home), **limits) as running:
            await _fill(server, running, count)
            password = secrets.token_urlsafe(12)
            directory = Directory(Path(home))
            directory.add_tenant(TENANT)
            directory.add_user(_USER, password, TENANT, [_USER])
            async with _browser(running) as browser:
                form = {"user": _USER, "password": password}
                answer = await browser.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
                assert answer.status_code == 303, answer.text[:500]
                yield running, browser


async def _fill(server: PostgresServer, running: Hosted, count: int) -> None:
    connection = await asyncpg.connect(worklist.as_superuser(server, running))
    for statement, table in ((_FILL, "denial_queue"), (worklist.FILL, "claims_worklist")):
        await connection.execute(statement, TENANT, count)
        await connection.execute(f"vacuum analyze {table}")
    await connection.close()


@contextlib.asynccontextmanager
async def _browser(running: Hosted) -> AsyncIterator[httpx.AsyncClient]:
    settings = running.platform.settings
    issuer = FastAPI()
    issuer.include_router(issuer_router(LocalIssuer(settings)))
    services = [Mount(f"/api/{name}", app=host.app) for name, host in running.hosts.items()]
    door = httpx.ASGITransport(app=Starlette(routes=[*services, Mount("/", app=issuer)]))
    async with httpx.AsyncClient(transport=door, base_url="http://door") as http:
        own = DashboardSettings(counts_seconds=0)  # nothing that was counted before is taken for an answer
        pages = httpx.ASGITransport(app=build_pages(settings, http, verifier_of(settings), own))
        async with httpx.AsyncClient(transport=pages, base_url="http://pages") as browser:
            yield browser


if __name__ == "__main__":
    run_alone(run)
