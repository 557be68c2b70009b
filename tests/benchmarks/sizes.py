"""Does the X12 codec stay as fast and as small with files of 1, 10 and 100 MB, and how do others do on the same bytes?

Every measurement is a process of its own, so that its peak memory is its own too: `tests.benchmarks.sizes_worker` for us and
the plain loop, `tests/benchmarks/peers.py` in the environment of a peer (`.deploy/peers/NAME`, made with pip when first asked for;
what does not install is left out with the reason). Time is CPU time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from tests.benchmarks import files
from tests.benchmarks.measurement import Row, median_rows, show

Tell: TypeAlias = Callable[[str], None]

MEGABYTE = 1_000_000
SIZES = (1, 10, 100)
ROUNDS = 3
PEERS_ROOT = Path(".deploy/peers")
_PEER_MEGABYTES = 1
_SECONDS_MAX = 900

# what pip installs, and which sets it reads
PEERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "pyx12": ("pyx12==4.0.0", ("835", "837P")),
    "edi-835-parser": ("edi-835-parser", ("835",)),
    "openx12": ("openx12", ("835", "837P")),
    "linuxforhealth-x12": ("linuxforhealth-x12", ("835", "837P")),
}


class Measured(Struct, frozen=True):
    """What one process did with one file."""

    claims: int
    seconds: float  # CPU, without starting Python
    peak_kib: int  # of the whole process, Python and its modules included
    start_kib: int  # before the file was touched

    def said(self, size: int) -> str:
        rate = f"{size / MEGABYTE / self.seconds:.1f} MB/s, {self.claims / self.seconds:,.0f} claims/s"
        return f"{rate}, {(self.peak_kib - self.start_kib) / 1024:.0f} MiB beyond {self.start_kib / 1024:.0f}"


def run(*, sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, tell: Tell = lambda _: None) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-sizes-") as folder:
        return [row for kind in ("835", "837P") for row in _of_kind(kind, Path(folder), sizes, rounds, tell)]


def _of_kind(kind: str, folder: Path, sizes: Sequence[int], rounds: int, tell: Tell) -> Iterator[Row]:
    made = {size: _file(kind, size, folder) for size in sizes}
    seen: dict[int, Measured] = {}
    for size, file in made.items():
        tell(f"{kind} of {size} MB")
        times = rounds if size < 100 else 1
        pairs = [(_worker("read", kind, file), _worker("split", kind, file)) for _ in range(times)]
        seen[size] = min((ours for ours, _ in pairs), key=lambda each: each.seconds)
        name = f"{kind} of {size} MB: " + ("typed, exact, balanced" if kind == "835" else "typed, exact")
        yield median_rows([[_beside(name, ours, loop, "plain loop", file, goal=0.5)] for ours, loop in pairs])[0]
        if size < 100:
            pairs = [(_worker("write", kind, file), _worker("split", kind, file)) for _ in range(times)]
            rows = [
                [_beside(f"{kind} of {size} MB: written", ours, loop, "plain loop reading it", file, goal=0.3)]
                for ours, loop in pairs
            ]
            yield median_rows(rows)[0]
    small, large = min(sizes), max(sizes)
    yield from _flat(kind, seen[small], seen[large], small, large)
    yield from _peers(kind, made.get(_PEER_MEGABYTES) or _file(kind, _PEER_MEGABYTES, folder), tell)


def _flat(kind: str, few: Measured, many: Measured, small: int, large: int) -> Iterator[Row]:
    yield Row(
        name=f"{kind}: time for a claim, {large} MB against {small} MB",
        measured=f"{1e6 * many.seconds / many.claims:.0f} µs",
        yardstick=f"{small} MB: {1e6 * few.seconds / few.claims:.0f} µs",
        ratio=(few.seconds / few.claims) / (many.seconds / many.claims),
        goal=0.8,
    )
    yield Row(
        name=f"{kind}: peak memory of the process, {large} MB against {small} MB",
        measured=f"{many.peak_kib / 1024:.0f} MiB",
        yardstick=f"{small} MB: {few.peak_kib / 1024:.0f} MiB",
        ratio=few.peak_kib / many.peak_kib,
        goal=0.8,
    )


def _peers(kind: str, file: Path, tell: Tell) -> Iterator[Row]:
    ours = {"read": _worker("read", kind, file), "check": _worker("check", kind, file)}
    for name, (requirement, kinds) in PEERS.items():
        if kind not in kinds:
            continue
        tell(f"{kind}: {name}")
        what = "check" if name == "pyx12" else "read"
        title = f"{kind} of {_PEER_MEGABYTES} MB: " + ("full check" if what == "check" else "typed")
        try:
            theirs = _measured([str(_environment(name, requirement)), "tests/benchmarks/peers.py", name, str(file)])
        except NotMeasured as reason:
            yield Row(
                name=title,
                measured=ours[what].said(file.stat().st_size),
                yardstick=f"{name}: {reason}",
                ratio=None,
                goal=None,
            )
            continue
        yield _beside(title, ours[what], theirs, name, file, goal=3.0 if what == "check" else None)


def _beside(name: str, ours: Measured, theirs: Measured, whose: str, file: Path, *, goal: float | None) -> Row:
    size = file.stat().st_size
    assert theirs.claims == ours.claims, (whose, theirs.claims, ours.claims)
    return Row(
        name=name,
        measured=ours.said(size),
        yardstick=f"{whose}: {theirs.said(size)}",
        ratio=theirs.seconds / ours.seconds,
        goal=goal,
    )


class NotMeasured(Exception):
    """A peer could not be installed, or did not read the file."""


def _worker(what: str, kind: str, file: Path) -> Measured:
    return _measured([sys.executable, "-m", "tests.benchmarks.sizes_worker", what, kind, str(file)])


def _measured(command: Sequence[str]) -> Measured:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"not done after {_SECONDS_MAX} s") from None
    if done.returncode:
        raise NotMeasured((done.stderr.strip().splitlines() or ["it failed"])[-1][:120])
    return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))


def _environment(name: str, requirement: str) -> Path:
    """The Python of a peer's own environment."""
    python = PEERS_ROOT / name / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS_ROOT / name)], check=True, capture_output=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
    try:
        done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"not installed after {_SECONDS_MAX} s") from None
    if done.returncode:
        raise NotMeasured(f"does not install: {(done.stderr.strip().splitlines() or ['?'])[-1][:100]}")
    return python


def _file(kind: str, megabytes: int, folder: Path) -> Path:
    """A file of about this size, written piece by piece."""
    file = folder / f"{megabytes}.{kind}"
    one = len(files.remittance(files.claim_numbers(100)) if kind == "835" else files.claims(100)) / 100
    count = int(megabytes * MEGABYTE / one)
    with file.open("wb") as out:
        out.writelines(
            files.written_remittance(files.claim_numbers(count)) if kind == "835" else files.written_claims(count)
        )
    return file


if __name__ == "__main__":
    show(run(sizes=tuple(int(each) for each in sys.argv[1:]) or SIZES, tell=lambda phase: print(phase, flush=True)))
