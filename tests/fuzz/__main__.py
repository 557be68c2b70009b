"""Fuzzes every set for its share of the time: `python -m tests.fuzz CORPUS SECONDS`. Exit code 1 when an input failed."""

import json
import subprocess
import sys
from pathlib import Path


def main(corpus: Path, seconds: int) -> int:
    folders = sorted(folder for folder in corpus.iterdir() if folder.is_dir())
    failed, inputs = 0, 0
    for folder in folders:
        share = max(seconds // len(folders), 1)
        command = [sys.executable, "-m", "tests.fuzz.target", str(folder), str(share)]
        folder.with_suffix(".report").unlink(missing_ok=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        report = folder.with_suffix(".report")
        seen = json.loads(report.read_text()) if report.exists() else {}
        inputs += seen.get("inputs", 0)
        failed += done.returncode != 0
        slowest = seen.get("slowest", 0.0)
        verdict = "sound" if done.returncode == 0 else f"FAILED\n{done.stderr[-3000:]}"
        print(f"{folder.name}: {seen.get('inputs', 0):,} inputs, slowest {slowest:.3f} s, {verdict}", flush=True)
    print(f"{inputs:,} inputs, {failed} sets failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
