"""How is a run of the benches told to a person, and kept for a program?"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from tests.benchmarks.measurement import Row

_FOLDER = Path(".bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it ran. `load` is of all users over a minute, before and after: a shared machine shows here."""

    processor: str
    cores: int
    python: str
    system: str
    commit: str
    load_before: float
    load_after: float


def this_machine(*, load_before: float) -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 0,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        commit=_commit(),
        load_before=load_before,
        load_after=os.getloadavg()[0],
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def table_of(rows: Mapping[str, Sequence[Row]], *, with_parts: bool = True) -> Table:
    table = Table(show_lines=False, pad_edge=False, title="Speed, each row beside its yardstick in the same run")
    table.add_column("work", overflow="fold")
    table.add_column("measured", overflow="fold")
    table.add_column("yardstick", overflow="fold")
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("rounds", justify="right", no_wrap=True)
    table.add_column("goal", justify="right", no_wrap=True)
    for of_bench in rows.values():
        for row in of_bench:
            table.add_row(row.name, row.measured, row.yardstick, _ratio(row.ratio), _spread(row), _goal(row))
            for part, share in row.parts.items() if with_parts else ():
                table.add_row(f"  {part}", share, style="dim")
        table.add_section()
    return table


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}x"


def _spread(row: Row) -> str:
    return f"{min(row.ratios):.2f}-{max(row.ratios):.2f}" if len(row.ratios) > 1 else ""


def _goal(row: Row) -> str:
    if row.goal is None:
        return "none"
    return f"[green]{row.goal:.2f}x reached[/]" if row.is_reached else f"[red]{row.goal:.2f}x missed[/]"


def write_json(
    rows: Mapping[str, Sequence[Row]],
    skipped: Mapping[str, str],
    machine: Machine,
    *,
    at: datetime,
    options: Mapping[str, Any],
) -> Path:
    """`.bench/<timestamp>.json`."""
    content = {
        "at": at,
        "machine": machine,
        "options": options,
        "skipped": skipped,
        "rows": [
            {"bench": bench, **msgspec.to_builtins(row), "is_reached": row.is_reached}
            for bench, of_bench in rows.items()
            for row in of_bench
        ],
    }
    _FOLDER.mkdir(exist_ok=True)
    file = _FOLDER / f"{at:%Y%m%dT%H%M%SZ}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return file


def console() -> Console:
    """Wide enough for a whole row where nobody looks."""
    found = Console()
    return found if found.is_terminal else Console(width=200)
