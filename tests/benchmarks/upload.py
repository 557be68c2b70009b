"""An 835 of thousands of claims, and a day of a hundred files: from the upload until the balances are right, by part.

The whole payments service on a durable server, its neighbours' facts told first. What may dominate is the ledger's appends. The
yardstick is reading the same bytes alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.payments.adapters.x12_remittance import read_remittances
from services.payments.main import build
from shared.kernel.identifiers import claim_id_of
from shared.testing.hosting import Hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks import files
from tests.benchmarks.measurement import Row, resident_bytes, run_alone
from tests.benchmarks.neighbours import account_of, neighbourhood
from tests.benchmarks.rounds import seconds_of
from tests.benchmarks.sampling import Profile, profiled

CLAIMS = 10_000
FILES, CLAIMS_A_FILE = 100, 50
_SETTLED_FILES = 10  # after so many the service has loaded what it loads once
_LOOK_SECONDS = 0.1
_GIVE_UP_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Seconds since the upload began."""

    answered: float
    balances_right: float
    quiet: float
    parse: float  # alone, before and after
    events: int
    last_recorded: Mapping[str, float]  # by event type
    profile: Profile


async def run(dsn: str, *, claims: int = CLAIMS, tell: Callable[[str], None] = lambda phase: None) -> list[Row]:
    server = PostgresServer(url=dsn, backend="the server of the benches")
    try:
        async with neighbourhood(server, "payments", build) as around:
            tell("charges and coverages are told")
            await around.tell_visits(claims)
            await _all_is_charged(around.running, claims, one_file=claims)
            tell("the 835 is posted")
            upload = await _uploaded(around.running, claims)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return [_row(upload, claims)]


async def run_day(dsn: str, *, files_a_day: int = FILES, tell: Callable[[str], None] = lambda phase: None) -> list[Row]:
    """A hundred files of fifty claims, one after the other as a folder gives them."""
    server = PostgresServer(url=dsn, backend="the server of the benches")
    claims = files_a_day * CLAIMS_A_FILE
    try:
        async with neighbourhood(server, "payments", build) as around:
            tell("charges and coverages are told")
            await around.tell_visits(claims, charged_as=lambda number: number % CLAIMS_A_FILE)
            await _all_is_charged(around.running, claims, one_file=CLAIMS_A_FILE)
            tell(f"{files_a_day} files are posted")
            day = await _day_posted(around.running, files_a_day)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return [_day_row(day, files_a_day)]


async def _all_is_charged(running: Hosted, claims: int, *, one_file: int) -> None:
    await running.settle(_GIVE_UP_SECONDS)
    charged = sum(sum(files.charges_of(number % one_file)) for number in range(claims))
    assert await _balances(running) == {"payer:1": charged}


def _row(upload: Upload, claims: int) -> Row:
    times = {name: f"{seconds:.1f} s" for name, seconds in upload.last_recorded.items()}
    return Row(
        name=f"an 835 of {claims:,} claims: upload to balances right",
        measured=f"{upload.balances_right:.1f} s ({claims / upload.balances_right:,.0f} claims/s)",
        yardstick=f"its parse alone: {upload.parse:.2f} s of CPU",
        ratio=upload.parse / upload.balances_right,
        goal=None,
        parts={
            "file kept, read, balanced, received; 201 answered": f"{upload.answered:.2f} s",
            **{f"last {name}": when for name, when in times.items()},
            "balances right": f"{upload.balances_right:.1f} s",
            "every reader quiet": f"{upload.quiet:.1f} s, {upload.events:,} events",
            **upload.profile.shares(),
        },
    )


# --- one large file ---------------------------------------------------------------------------------------------------


async def _uploaded(running: Hosted, claims: int) -> Upload:
    content = files.remittance([claim_id_of(account_of(number), 1) for number in range(claims)])
    right = {"patient": sum(files.shares_of(number)[1] for number in range(claims))}
    parsed = [seconds_of(lambda: read_remittances(content, "bench"))]
    with profiled() as profile:
        began, began_at = time.perf_counter(), datetime.now(UTC)
        await _post(running, content)
        answered = time.perf_counter() - began
        await _until(running, right, give_up_at=began + _GIVE_UP_SECONDS)
        balances_right = time.perf_counter() - began
    await running.settle(_GIVE_UP_SECONDS)
    quiet = time.perf_counter() - began
    parsed.append(seconds_of(lambda: read_remittances(content, "bench")))
    recorded = await _recorded_since(running, began_at)
    return Upload(
        answered=answered,
        balances_right=balances_right,
        quiet=quiet,
        parse=min(parsed),
        events=sum(len(each) for each in recorded.values()),
        last_recorded={f"{name} ({len(each):,})": max(each) for name, each in recorded.items()},
        profile=profile,
    )


# --- a day ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Seconds since the first upload began, and the memory of the process (with its services, without PostgreSQL)."""

    answered: float  # the last file
    balances_right: float
    parse: float  # of all files, alone
    settled_bytes: int  # after the first files
    last_bytes: int


async def _day_posted(running: Hosted, count: int) -> Day:
    contents = [_file_of_day(number) for number in range(count)]
    right = {"patient": count * sum(files.shares_of(number)[1] for number in range(CLAIMS_A_FILE))}
    parse = seconds_of(lambda: [read_remittances(content, "bench") for content in contents])
    began, settled_bytes = time.perf_counter(), 0
    for number, content in enumerate(contents, start=1):
        await _post(running, content)
        if number == min(_SETTLED_FILES, count):
            settled_bytes = resident_bytes()
    answered = time.perf_counter() - began
    await _until(running, right, give_up_at=began + _GIVE_UP_SECONDS)
    return Day(
        answered=answered,
        balances_right=time.perf_counter() - began,
        parse=parse,
        settled_bytes=settled_bytes,
        last_bytes=resident_bytes(),
    )


def _file_of_day(number: int) -> bytes:
    first = number * CLAIMS_A_FILE
    claim_ids = [claim_id_of(account_of(each), 1) for each in range(first, first + CLAIMS_A_FILE)]
    return files.remittance(claim_ids, trace=f"BENCHDAY{number:04d}")


def _day_row(day: Day, count: int) -> Row:
    claims = count * CLAIMS_A_FILE
    return Row(
        name=f"a day of {count} files of {CLAIMS_A_FILE} claims: uploads to balances right",
        measured=f"{day.balances_right:.1f} s ({claims / day.balances_right:,.0f} claims/s)",
        yardstick=f"their parse alone: {day.parse:.2f} s of CPU",
        ratio=day.parse / day.balances_right,
        goal=None,
        parts={
            "the last file kept, read, balanced, received; 201 answered": f"{day.answered:.1f} s",
            "balances right": f"{day.balances_right:.1f} s",
            f"memory after {min(_SETTLED_FILES, count)} files, and after all": (
                f"{day.settled_bytes / 2**20:,.0f} MiB, {day.last_bytes / 2**20:,.0f} MiB"
            ),
        },
    )


# --- both -------------------------------------------------------------------------------------------------------------


async def _post(running: Hosted, content: bytes) -> None:
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/edi-x12"}
    answer = await running.http.post(
        "/api/payments/remittances", content=content, headers=headers, timeout=_GIVE_UP_SECONDS
    )
    assert answer.status_code == 201, answer.text[:500]
    [received] = answer.json()
    assert received["outcome"] == "accepted", received["findings"][:3]


async def _until(running: Hosted, right: Mapping[str, int], *, give_up_at: float) -> None:
    while await _balances(running) != right:
        if time.perf_counter() > give_up_at:
            raise TimeoutError("the balances did not become right")
        await asyncio.sleep(_LOOK_SECONDS)


async def _balances(running: Hosted) -> dict[str, int]:
    found: dict[str, Any] = await running.ask("GET", "/api/payments/balances")
    return {party: cents for party, cents in found["parties"].items() if cents}


async def _recorded_since(running: Hosted, began_at: datetime) -> dict[str, Sequence[float]]:
    """Seconds since the upload began at which events were recorded, by type, in the order of their ends."""
    found: dict[str, list[float]] = {}
    for stored in await running.events("payments"):
        if stored.recorded_at >= began_at:
            found.setdefault(stored.type.split(".")[1], []).append((stored.recorded_at - began_at).total_seconds())
    return dict(sorted(found.items(), key=lambda each: max(each[1])))


if __name__ == "__main__":
    run_alone(run)
