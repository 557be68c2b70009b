"""What does a whole command cost when its stream has to be loaded, and where does the time go?

Load, decide, encode, hash, append: every command reads its stream anew, as in a process that has not met it before. Against
pgbench's single-row insert rate with 16 clients, before and after.
"""

from __future__ import annotations

from tests.benchmarks.append import CALLERS, SECONDS, handle_commands, rate
from tests.benchmarks.measurement import Row, bench_database, percentile, pgbench_insert_rate, run_alone
from tests.benchmarks.sampling import profiled


async def run(dsn: str, *, seconds: float = SECONDS) -> list[Row]:
    async with bench_database(dsn, "collections") as database:
        before = await pgbench_insert_rate(database.superuser, clients=16, seconds=seconds)
        commands, times = await rate(database, handle_commands, CALLERS, seconds, remembered_max=0)
        after = await pgbench_insert_rate(database.superuser, clients=16, seconds=seconds)
        with profiled() as profile:
            await rate(database, handle_commands, CALLERS, min(seconds, 2), remembered_max=0)
    yardstick = (before + after) / 2
    p50, p99 = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    return [
        Row(
            name=f"whole commands, stream loaded each time, {CALLERS} callers",
            measured=f"{commands:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            yardstick=f"pgbench, 16 clients: {yardstick:,.0f}/s",
            ratio=commands / yardstick,
            goal=0.3,
            parts=profile.shares(),
        )
    ]


if __name__ == "__main__":
    run_alone(run)
