"""How much memory does a rebuild need, and a comparison, when the log or the read model is eight times as large?

Two read models of the same log: one with a row an account, one with a row an event. The peak of the process (VmHWM, Linux) above what it
held before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa

from shared.events.envelope import Recorded
from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.projection import Change, Projection, Put
from shared.runtime.rebuild import Rebuilder
from shared.testing.stores import ServiceDatabase
from tests.benchmarks.balances import PROJECTION, SERVICE, fill
from tests.benchmarks.measurement import Row, bench_database, run_alone

EVENTS = 1_000_000
_SHARE = 8
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

changes = sa.Table(
    "bench_changes",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("change_cents", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
)


def _apply(recorded: Recorded[Any]) -> Iterable[Change]:
    values = {"change_cents": recorded.event.change_cents, "recorded_at": recorded.recorded_at}
    return (Put(table=changes.name, key=(recorded.event.account_id, recorded.version), values=values),)


A_ROW_AN_EVENT = Projection(
    name="collections.bench-changes", version=1, tables=(changes,), reads=PROJECTION.reads, apply=_apply
)


async def run(dsn: str, *, events: int = EVENTS) -> list[Row]:
    small = await _peaks(dsn, events // _SHARE)
    large = await _peaks(dsn, events)
    return [
        Row(
            name=f"memory: {what}, {events:,} events",
            measured=f"{large[what]:,.0f} MiB at its peak",
            yardstick=f"{events // _SHARE:,} events: {small[what]:,.0f} MiB",
            ratio=small[what] / large[what],
            goal=None,
        )
        for what in large
    ]


async def _peaks(dsn: str, events: int) -> dict[str, float]:
    """In MiB."""
    found = {}
    async with bench_database(dsn, SERVICE, f"memory_{events}") as database:
        await fill(database, events)
        for rows, projection in (("an account", PROJECTION), ("an event", A_ROW_AN_EVENT)):
            feed = PostgresFeed({SERVICE: database.feed}, SystemClock())
            rebuilder = Rebuilder(feed=feed, codec=EventCodec(), owner_dsn=database.owner)
            await rebuilder.prepare(projection)
            found[f"rebuild of a row {rows}"] = await _peak(rebuilder.rebuild(projection))
            await _stand_at_the_head(database, projection, events)
            found[f"comparison of a row {rows}"] = await _peak(rebuilder.compare(projection))
            await feed.close()
    return found


async def _peak(work: Awaitable[Any]) -> float:
    """The most that the process held meanwhile, above what it held before."""
    _CLEAR.write_text("5")  # forget the peak so far
    before = _kib("VmRSS")
    done = await work
    assert getattr(done, "difference_count", 0) == 0
    return (_kib("VmHWM") - before) / 1024


def _kib(name: str) -> int:
    return int(next(line for line in _STATUS.read_text().splitlines() if line.startswith(name)).split()[1])


async def _stand_at_the_head(database: ServiceDatabase, projection: Projection, events: int) -> None:
    connection = await asyncpg.connect(database.superuser)
    standing = await connection.fetchval(
        "select position_pos from readers where reader = $1 and service = $2", projection.name, SERVICE
    )
    await connection.close()
    assert standing == events - 1


if __name__ == "__main__":
    run_alone(run)
