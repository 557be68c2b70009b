"""Is a page deep in a worklist as quick as the first?

The claims service over HTTP (in this process, without a socket) with 100,000 rows in its worklist; the first page and one that lies
behind nine tenths of them, in turns.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg

from services.claims.main import build
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks.measurement import Row, percentile, run_alone

ROWS = 100_000
PAGES = 100
_LIMIT = 50
_STEP = 200  # rows a page on the way down
_PATH = "/api/claims/claims"
FILL = """
insert into claims_worklist (tenant, claim_id, account_id, patient_id, encounter_id, payer_id, payer_name, rank, frequency, status,
                             is_open, charged_cents, paid_cents, patient_responsibility_cents, denied_cents, service_on, version,
                             partner_id, batch_id, payer_control_number, last_answer, hold_reason, next_action, owner,
                             waiting_for, next_claim_id, close_reason, moved_at, rendering_id, facility_id, error_count)
select $1, 'BENCH' || lpad(n::text, 8, '0'), 'account-' || n, 'patient-' || n / 3, 'encounter-' || n, 'payer-' || n % 40,
       'Payer ' || n % 40, 1, '1', (array['held', 'submitted', 'accepted', 'denied'])[1 + n % 4], true, 10000 + n % 5000, 0, 0, 0,
       date '2026-01-01' + (n % 200)::integer, 3, 'house', 'batch-' || n / 500, '', '', '', 'wait', 'ledgerline', '', '', '', now(), 'provider-' || n % 60, 'facility-' || n % 7, (n % 50 = 0)::integer
  from generate_series(1, $2::bigint) n"""


async def run(dsn: str, *, count: int = ROWS, pages: int = PAGES) -> list[Row]:
    server = PostgresServer(url=dsn, backend="the server of the benches")
    try:
        async with _claims(server, count) as running:
            deep = await _cursor_behind(running, count * 9 // 10)
            first_times: list[float] = []
            deep_times: list[float] = []
            for number in range(pages + 5):
                first, further = await _page_seconds(running, None), await _page_seconds(running, deep)
                if number >= 5:  # the first ones prepare statements
                    first_times.append(first)
                    deep_times.append(further)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return _rows(count, first_times, deep_times)


def _rows(count: int, first: list[float], deep: list[float]) -> list[Row]:
    first_p50, deep_p50 = (percentile(times, 0.5) * 1000 for times in (first, deep))
    return [
        Row(
            name=f"worklist of {count:,} claims: a deep page against the first",
            measured=f"p50 {deep_p50:.1f} ms",
            yardstick=f"first page: p50 {first_p50:.1f} ms",
            ratio=first_p50 / deep_p50,
            goal=0.8,
        ),
        _p95_row(f"worklist of {count:,} claims: the first page, p95", first),
        _p95_row(f"worklist of {count:,} claims: a deep page, p95", deep),
    ]


def _p95_row(name: str, times: list[float]) -> Row:
    p95 = percentile(times, 0.95) * 1000
    return Row(
        name=name,
        measured=f"p95 {p95:.1f} ms of {len(times)}",
        yardstick="50 ms at p95",
        ratio=50 / p95,
        goal=1.0,
    )


@contextlib.asynccontextmanager
async def _claims(server: PostgresServer, count: int) -> AsyncIterator[Hosted]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-home-") as home:
        async with hosted(server, {"claims": build}, Path(home)) as running:
            # Its rows cannot come from events here: a hundred thousand claims would take longer than all other benches.
            connection = await asyncpg.connect(as_superuser(server, running))
            await connection.execute(FILL, TENANT, count)
            await connection.execute("vacuum analyze claims_worklist")
            await connection.close()
            yield running


def as_superuser(server: PostgresServer, running: Hosted) -> str:
    return server.dsn(running.platform.settings.dsn("claims").rpartition("/")[2].partition("?")[0])


async def _cursor_behind(running: Hosted, rows: int) -> str:
    """The cursor that a reader has who went page by page past as many rows."""
    cursor: str | None = None
    for _ in range(rows // _STEP):
        cursor = (await _page(running, cursor, _STEP))["next"]
    assert cursor is not None
    return cursor


async def _page_seconds(running: Hosted, cursor: str | None) -> float:
    began = time.perf_counter()
    found = await _page(running, cursor, _LIMIT)
    took = time.perf_counter() - began
    assert len(found["items"]) == _LIMIT
    return took


async def _page(running: Hosted, cursor: str | None, limit: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
    found: dict[str, Any] = await running.ask("GET", _PATH, params=parameters)
    return found


if __name__ == "__main__":
    run_alone(run)
