"""What does one line of the bench say, and which server does it run on?

A ratio of two rates taken in the same run on the same server: absolute numbers say more about the machine than about the code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from shared.runtime import process
from shared.runtime.native import postgres
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, migrate, prepare_roles, role_dsn
from shared.testing.stores import ServiceDatabase

_PASSWORD = "only-for-benches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`measured` and `yardstick` say what they are in words with a number; `goal` is the least ratio, None for information."""

    name: str
    measured: str
    yardstick: str
    ratio: float | None
    goal: float | None
    parts: Mapping[str, str] = field(default_factory=dict)  # where the time goes, in words with a number
    ratios: tuple[float, ...] = ()  # of every round, when this row is the median of several

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None or self.ratio is None else self.ratio >= self.goal


def median_rows(rounds: Sequence[Sequence[Row]]) -> list[Row]:
    """Of several rounds of the same rows, for each row the round with the median ratio."""
    return [_median_row(of_one) for of_one in zip(*rounds, strict=True)]


def _median_row(rounds: Sequence[Row]) -> Row:
    ordered = sorted(rounds, key=lambda row: row.ratio or 0.0)
    ratios = tuple(row.ratio for row in rounds if row.ratio is not None)
    return replace(ordered[(len(ordered) - 1) // 2], ratios=ratios)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def resident_bytes() -> int:
    """Memory of this process that is in use now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.asynccontextmanager
async def bench_database(dsn: str, service: str, purpose: str = "one") -> AsyncIterator[ServiceDatabase]:
    """The store of a service on the superuser's server, made for one bench."""
    name = f"bench_{service}_{purpose}_{os.getpid()}"
    await prepare_roles(dsn, dict.fromkeys((OWNER, APP, FEED), _PASSWORD))
    await create_database(dsn, name)
    database = urlsplit(dsn)._replace(path=f"/{name}").geturl()
    try:
        await migrate(database, service)
        yield ServiceDatabase(
            service=service,
            superuser=database,
            owner=role_dsn(database, OWNER, _PASSWORD),
            app=role_dsn(database, APP, _PASSWORD),
            feed=role_dsn(database, FEED, _PASSWORD),
        )
    finally:
        connection = await asyncpg.connect(dsn)
        await connection.execute(f'drop database "{name}" with (force)')
        await connection.close()


async def pgbench_insert_rate(dsn: str, *, clients: int, seconds: float) -> float:
    """Single-row inserts a second, each its own commit, prepared, into a table with an event's size and indexes."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "drop table if exists yardstick; create table yardstick (pos bigserial, tx xid8 default pg_current_xact_id(),"
        " stream uuid, version int, event_id uuid, data bytea, primary key (stream, version), unique (event_id));"
        "create unique index on yardstick (tx, pos)"
    )
    await connection.close()
    script = (
        "insert into yardstick (stream, version, event_id, data)"
        " values (gen_random_uuid(), 1, gen_random_uuid(), convert_to(repeat('x', 600), 'UTF8'))"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [
            _pgbench(),
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            str(max(1, round(seconds))),
            "-f",
            file.name,
        ]
        done = await asyncio.create_subprocess_exec(*command, dsn, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = await done.communicate()
    found = re.search(r"tps = ([\d.]+)", output.decode())
    if found is None:
        raise RuntimeError(f"pgbench said nothing of its rate: {errors.decode()[-500:]}")
    return float(found[1])


def _pgbench() -> str:
    beside = postgres.find_binaries().bin / "pgbench"
    found = str(beside) if beside.exists() else shutil.which("pgbench")
    if found is None:
        raise RuntimeError("pgbench was found neither beside PostgreSQL nor on the PATH")
    return found


def show(rows: Sequence[Row]) -> None:
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        goal = "" if row.goal is None else f"goal {row.goal:.2f}x {'met' if (row.ratio or 0) >= row.goal else 'MISSED'}"
        print(f"{row.name:<60} {row.measured:<44} {row.yardstick:<40} {ratio:>8} {goal}", file=sys.stdout)


def run_alone(run: Callable[[str], Awaitable[list[Row]]]) -> None:
    """Run one bench on a server of its own, which flushes to disk like a real one, as a process of production runs."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerline-bench-"))
    try:
        with postgres.attached(folder, durable=True) as server:
            show(as_in_production(run(server.dsn())))
    finally:
        postgres.destroy(folder)


def as_in_production(rows: Awaitable[list[Row]]) -> list[Row]:
    """Run one bench as a process of production runs: its event loop, its collector of cycles."""

    async def wait() -> list[Row]:
        process.collect_seldom()
        return await rows

    return process.run(wait())
