"""Ten thousand visits are released: until each is in an 837 that lies at the partner's, by part.

The whole claims service on a durable server: claims made, scrubbed, released, gathered, written, checked, read back, stored, sent to
a folder. The yardstick is reading the files that left, alone.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.claims.main import build
from shared.codecs.x12.claim_837p import read_837p
from shared.testing.hosting import TENANT, Hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks.measurement import Row, run_alone
from tests.benchmarks.neighbours import PARTNER, Neighbourhood, neighbourhood
from tests.benchmarks.rounds import seconds_of
from tests.benchmarks.sampling import Profile, profiled

CLAIMS = 10_000
_LOOK_SECONDS = 0.1
_GIVE_UP_SECONDS = 1_800.0
_LISTING = {"name": "Bench Clearing", "transport": "folder", "sender_id": "PRACTICE", "receiver_id": "BENCHCLEAR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Seconds since the first visit was released."""

    released: float  # the last visit
    sent: float  # the last claim
    read: float  # of the files that left, alone
    files: int
    last_recorded: Mapping[str, tuple[int, float]]  # by event type: how many, and when the last
    profile: Profile


async def run(dsn: str, *, claims: int = CLAIMS, tell: Callable[[str], None] = lambda phase: None) -> list[Row]:
    server = PostgresServer(url=dsn, backend="the server of the benches")
    try:
        async with neighbourhood(server, "claims", build) as around:
            outbox = _connect(around.home)
            await around.running.ask("PUT", f"/api/claims/partners/{PARTNER}", _LISTING)
            tell(f"{claims:,} visits are released")
            sending = await _sent(around, outbox, claims)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return [_row(sending, claims)]


def _connect(home: Path) -> Path:
    folder = home / "bench-clearing"
    connection = {"transport": "folder", "outbox": str(folder / "outbox"), "inbox": str(folder / "inbox")}
    (home / "partners.json").write_text(json.dumps({TENANT: {PARTNER: connection}}))
    return folder / "outbox"


async def _sent(around: Neighbourhood, outbox: Path, claims: int) -> Sending:
    with profiled() as profile:
        began, began_at = time.perf_counter(), datetime.now(UTC)
        await around.tell_visits(claims)
        released = time.perf_counter() - began
        await _until_all_are_sent(around.running, claims, give_up_at=began + _GIVE_UP_SECONDS)
        sent = time.perf_counter() - began
    contents = [path.read_bytes() for path in sorted(outbox.glob("*.837"))]
    assert sum(_claims_in(content) for content in contents) == claims
    return Sending(
        released=released,
        sent=sent,
        read=seconds_of(lambda: [_claims_in(content) for content in contents]),
        files=len(contents),
        last_recorded=await _recorded_since(around.running, began_at),
        profile=profile,
    )


def _claims_in(content: bytes) -> int:
    return sum(len(batch.claims) for batch in read_837p(content))


async def _until_all_are_sent(running: Hosted, claims: int, *, give_up_at: float) -> None:
    while await _submitted(running) < claims:
        if time.perf_counter() > give_up_at:
            raise TimeoutError("not every claim was sent")
        await asyncio.sleep(_LOOK_SECONDS)


async def _submitted(running: Hosted) -> int:
    found: Mapping[str, Sequence[Mapping[str, Any]]] = await running.ask("GET", "/api/claims/claims/summary")
    return sum(each["claims"] for each in found["items"] if each["status"] == "submitted")


async def _recorded_since(running: Hosted, began_at: datetime) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, float]] = {}
    for stored in await running.events("claims"):
        name, seconds = stored.type.split(".")[1], (stored.recorded_at - began_at).total_seconds()
        count, last = found.get(name, (0, 0.0))
        found[name] = (count + 1, max(last, seconds))
    return dict(sorted(found.items(), key=lambda each: each[1][1]))


def _row(sending: Sending, claims: int) -> Row:
    return Row(
        name=f"{claims:,} released visits: to 837s at the partner's",
        measured=f"{sending.sent:.1f} s ({claims / sending.sent:,.0f} claims/s)",
        yardstick=f"reading the {sending.files} files alone: {sending.read:.2f} s of CPU",
        ratio=sending.read / sending.sent,
        goal=None,
        parts={
            "the last visit released": f"{sending.released:.1f} s",
            **{f"last {name} ({count:,})": f"{at:.1f} s" for name, (count, at) in sending.last_recorded.items()},
            **sending.profile.shares(),
        },
    )


if __name__ == "__main__":
    run_alone(run)
