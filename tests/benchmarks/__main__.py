"""How fast is it, beside what it can be compared with? `make bench`, or `python -m tests.benchmarks --help`.

Starts a durable PostgreSQL and, where Java and Maven are there, a Kafka of its own; runs the benches one after the other; prints a
table and writes `.bench/<timestamp>.json`. Every ratio is of two things measured in the same run. It is no test: a missed goal is told
and nothing fails. The exit code is 1 when a bench itself could not be run.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from shared.runtime.native import kafka, postgres
from shared.testing.infrastructure import KAFKA_JARS, KAFKA_POM, native_kafka
from tests.benchmarks.catalogue import BENCHES, Bench, Stage
from tests.benchmarks.measurement import Row
from tests.benchmarks.report import Machine, console, table_of, this_machine, write_json

_CHECKPOINT_SECONDS = 2.0  # for the disk to come to rest between two benches


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(each.name for each in BENCHES)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer events and one round: does all of it work?")] = False,
    events: Annotated[
        int | None, typer.Option(min=1_000, help="How many events the large store of `growth` holds; 10 M take long.")
    ] = None,
) -> None:
    """Measure speed as ratios."""
    wanted = _wanted(only or [])
    out, at, load = console(), datetime.now(UTC), os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_durable_postgres())
        bootstrap, no_kafka = "", ""
        if any(bench.needs_kafka for bench in wanted):
            bootstrap, no_kafka = stack.enter_context(_kafka())
        rows, skipped, failed = _run_all(out, wanted, server, bootstrap, no_kafka, is_quick=quick, events=events)
        # Told before the servers are stopped: what was measured is not lost when they do not stop well.
        machine = this_machine(load_before=load)
        options = {"quick": quick, "events": events, "only": only or []}
        file = write_json(rows, skipped, machine, at=at, options=options)
        _tell(out, rows, skipped, machine, file)
    raise typer.Exit(1 if failed else 0)


def _tell(
    out: Console, rows: Mapping[str, Sequence[Row]], skipped: Mapping[str, str], machine: Machine, file: Path
) -> None:
    out.print(table_of(rows))
    for name, reason in skipped.items():
        out.print(f"{name}: not run, {reason}")
    load = f"load {machine.load_before:.1f} before and {machine.load_after:.1f} after"
    out.print(f"{machine.processor}, {machine.cores} cores, {load}; {file}")


def _wanted(names: Sequence[str]) -> Sequence[Bench]:
    known = {bench.name: bench for bench in BENCHES}
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"no bench {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or BENCHES


def _run_all(
    out: Console,
    benches: Sequence[Bench],
    server: str,
    bootstrap: str,
    no_kafka: str,
    *,
    is_quick: bool,
    events: int | None,
) -> tuple[dict[str, list[Row]], dict[str, str], list[str]]:
    rows: dict[str, list[Row]] = {}
    skipped: dict[str, str] = {}
    failed: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=out, refresh_per_second=1) as progress:
        task = progress.add_task("", total=len(benches))
        for bench in benches:

            def tell(phase: str, name: str = bench.name) -> None:
                progress.update(task, description=f"{name}: {phase}")

            progress.update(task, description=bench.name)
            stage = Stage(postgres=server, kafka=bootstrap, is_quick=is_quick, events=events, tell=tell)
            if bench.needs_kafka and not bootstrap:
                skipped[bench.name] = no_kafka
            else:
                try:
                    rows[bench.name] = bench.run(stage)
                except Exception:  # noqa: BLE001  one that cannot be run is told, and the others go on
                    failed.append(bench.name)
                    skipped[bench.name] = "it failed"
                    out.print(traceback.format_exc(), markup=False)
            time.sleep(_CHECKPOINT_SECONDS)
            progress.advance(task)
    return rows, skipped, failed


@contextlib.contextmanager
def _durable_postgres() -> Iterator[str]:
    """A server of its own that flushes to disk like a real one."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerline-bench-"))
    try:
        with postgres.attached(folder, durable=True) as server:
            yield server.dsn()
    finally:
        postgres.destroy(folder)


@contextlib.contextmanager
def _kafka() -> Iterator[tuple[str, str]]:
    """Bootstrap servers of a node of its own, or why there is none."""
    try:
        distribution = kafka.prepare(KAFKA_POM, KAFKA_JARS)
    except kafka.KafkaUnavailable as reason:
        yield "", str(reason)
        return
    with native_kafka(distribution, nodes=1) as cluster:
        yield cluster.bootstrap_servers, ""


if __name__ == "__main__":
    typer.run(main)
