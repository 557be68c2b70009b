"""Fuzzes every set for its share of the time: `python -m tests.fuzz CORPUS SECONDS`. Exit code 1 when an input failed.

Two ways at once, which share the machine: with atheris, and without looking at what is reached (`tests.fuzz.target`). The set with
the fewest inputs goes first; the counts of earlier runs are kept beside the corpus and go on.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

STRETCH_SECONDS = 60
_WAYS = ("covered", "counted")


def main(corpus: Path, seconds: int) -> int:
    folders = sorted(folder for folder in corpus.iterdir() if folder.is_dir())
    failed: dict[str, str] = {}
    end = time.monotonic() + seconds
    running: dict[str, tuple[Path, subprocess.Popen[bytes]]] = {}
    while time.monotonic() < end and not failed:
        for way in _WAYS:
            if way not in running:
                folder = min(folders, key=lambda each: _seen(each)[way])
                running[way] = (folder, _started(folder, way))
        time.sleep(0.2)
        failed |= _ended(running)
    for _, process in running.values():
        process.wait()
    failed |= _ended(running)
    return _told(folders, failed)


def _started(folder: Path, way: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.fuzz.target", str(folder), str(STRETCH_SECONDS), way]
    with folder.with_suffix(f".{way}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _ended(running: dict[str, tuple[Path, subprocess.Popen[bytes]]]) -> dict[str, str]:
    """Takes out what has ended, and answers what was said by those that failed."""
    failed: dict[str, str] = {}
    for way, (folder, process) in list(running.items()):
        if process.poll() is not None:
            del running[way]
            if process.returncode:
                failed[f"{folder.name}, {way}"] = folder.with_suffix(f".{way}.log").read_text(errors="replace")[-3000:]
    return failed


def _seen(folder: Path) -> dict[str, float]:
    seen: dict[str, float] = dict.fromkeys((*_WAYS, "slowest"), 0)
    for way in _WAYS:
        report = folder.with_suffix(f".{way}.report")
        counts = json.loads(report.read_text()) if report.exists() else {}
        seen[way] = counts.get("inputs", 0)
        seen["slowest"] = max(seen["slowest"], counts.get("slowest", 0.0))
    return seen


def _told(folders: list[Path], failed: dict[str, str]) -> int:
    total = dict.fromkeys(_WAYS, 0)
    for folder in folders:
        seen = _seen(folder)
        for way in _WAYS:
            total[way] += int(seen[way])
        inputs = f"{int(seen['covered']):,} with atheris, {int(seen['counted']):,} without"
        print(f"{folder.name}: {inputs}, slowest {seen['slowest']:.3f} s of CPU", flush=True)
    print(f"{total['covered']:,} with atheris, {total['counted']:,} without, {sum(total.values()):,} in all")
    for name, said in failed.items():
        print(f"FAILED: {name}\n{said}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
