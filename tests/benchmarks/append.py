"""How fast are decided events stored, and whole commands done?

Against pgbench's single-row insert rate with 16 clients, on the same server with the same fsync, before and after.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Cause
from shared.runtime.handler import CommandHandler
from shared.runtime.store.append import Append, Appended, Head, NewEvent
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.hashing import FIRST
from shared.testing.stores import ServiceDatabase
from shared.testing.vault import MemoryVault
from tests.benchmarks.account import BALANCE
from tests.benchmarks.measurement import Row, bench_database, percentile, pgbench_insert_rate, run_alone
from tests.benchmarks.sampling import profiled

CALLERS = 256
SECONDS = 5
STREAM_LENGTH = 20
_DATA = b'{"patient_id":"%s"}' % (b"x" * 580)  # 600 bytes, the size of the event log's baselines


async def run(dsn: str, *, seconds: float = SECONDS) -> list[Row]:
    async with bench_database(dsn, "collections") as database:
        before = await pgbench_insert_rate(database.superuser, clients=16, seconds=seconds)
        appended, append_times = await rate(database, append_decided, CALLERS, seconds)
        alone, alone_times = await rate(database, append_decided, 16, seconds)
        between = await pgbench_insert_rate(database.superuser, clients=16, seconds=seconds)
        commanded, command_times = await rate(database, handle_commands, CALLERS, seconds)
        after = await pgbench_insert_rate(database.superuser, clients=16, seconds=seconds)
        with profiled() as profile:
            await rate(database, append_decided, CALLERS, min(seconds, 2))
    first, second = (before + between) / 2, (between + after) / 2
    return [
        replace(
            _row(f"decided events, {CALLERS} callers", appended, append_times, first, goal=1.5), parts=profile.shares()
        ),
        p99_row(f"decided events, {CALLERS} callers: p99", append_times, milliseconds_max=50),
        _row("decided events, 16 callers", alone, alone_times, first, goal=1.0),
        _row(f"whole commands, {CALLERS} callers", commanded, command_times, second, goal=0.3),
    ]


def _row(name: str, rate: float, times: list[float], yardstick: float, *, goal: float) -> Row:
    p50, p99 = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    return Row(
        name=name,
        measured=f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        yardstick=f"pgbench, 16 clients: {yardstick:,.0f}/s",
        ratio=rate / yardstick,
        goal=goal,
    )


def p99_row(name: str, times: list[float], *, milliseconds_max: float) -> Row:
    p50, p99 = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    return Row(
        name=name,
        measured=f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(times):,}",
        yardstick=f"{milliseconds_max:g} ms at p99",
        ratio=milliseconds_max / p99,
        goal=1.0,
    )


Caller = Callable[[EventStore, CommandHandler, list[float], float], Awaitable[None]]


async def rate(
    database: ServiceDatabase, caller: Caller, callers: int, seconds: float, *, remembered_max: int = 20_000
) -> tuple[float, list[float]]:
    """Calls a second, and how long each took. `remembered_max` 0 has every command load its stream."""
    clock = SystemClock()
    store = await EventStore.open(database.app, service=database.service, clock=clock)
    handler = CommandHandler(store, EventCodec(), MemoryVault(), clock, database.service, remembered_max=remembered_max)
    await asyncio.gather(*(caller(store, handler, [], time.perf_counter() + 0.5) for _ in range(callers)))  # warm up
    times: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(caller(store, handler, times, began + seconds) for _ in range(callers)))
    took = time.perf_counter() - began
    await store.close()
    return len(times) / took, times


async def append_decided(store: EventStore, _: CommandHandler, times: list[float], until: float) -> None:
    while time.perf_counter() < until:
        stream = f"guarantor-account/{uuid4()}"
        head = Head(version=0, hash=FIRST, recorded_at=None)
        for _ordinal in range(STREAM_LENGTH):
            began = time.perf_counter()
            result = await store.append(_append(stream, head, command_id=uuid4()))
            times.append(time.perf_counter() - began)
            assert isinstance(result, Appended)
            head = result.head
            if began > until:
                return


def _append(stream: str, head: Head, *, command_id: UUID) -> Append:
    return Append(
        tenant="bench",
        stream=stream,
        head=head,
        events=(NewEvent(event_id=uuid4(), type="collections.PatientBalanceNoted.v1", data=_DATA),),
        business_keys=frozenset(),
        command_id=command_id,
        fingerprint=b"",
        occurred_at=None,
        actor="client:bench",
        correlation_id=str(command_id),
        causation_id=None,
        traceparent=None,
    )


async def handle_commands(_: EventStore, handler: CommandHandler, times: list[float], until: float) -> None:
    while time.perf_counter() < until:
        key = str(uuid4())
        for _ordinal in range(STREAM_LENGTH):
            began = time.perf_counter()
            command_id = uuid4()
            cause = Cause(tenant="bench", actor="client:bench", command_id=command_id, correlation_id=str(command_id))
            await handler.handle(BALANCE, key, 1, cause)
            times.append(time.perf_counter() - began)
            if began > until:
                return


if __name__ == "__main__":
    run_alone(run)
