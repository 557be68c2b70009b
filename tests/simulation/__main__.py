"""`make simulate`: many seeds, one after the other; the first that fails is named, with the command that plays it again."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import time
from collections import Counter

from tests.simulation.checks import violations
from tests.simulation.world import Run, run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trace", action="store_true", help="print what happened")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # readers say of every trouble that they will try again
    gc.freeze()  # what was imported stays, and need not be looked at again and again
    gc.set_threshold(100_000, 20, 100)
    began, events, troubles = time.monotonic(), 0, Counter[str]()
    for seed in range(asked.first, asked.first + asked.seeds):
        troubled, found = played(seed)
        if troubled:
            events += sum(len(log.events) for log in troubled.ground.logs.values())
            troubles += troubled.ground.weather.troubles
            if asked.trace:
                print("\n".join(troubled.trace))
        if found:
            print(f"seed {seed} fails; again: .venv/bin/python -m tests.simulation --trace --first {seed}")
            print("\n".join(f"  {each}" for each in found))
            return 1
    seconds, of_processor = time.monotonic() - began, time.process_time()
    took = f"{seconds:.0f} s, {of_processor:.0f} s of processor"
    print(f"{asked.seeds} seeds from {asked.first}: nothing violated; {events} events, {took}")
    print("trouble:", ", ".join(f"{word} {count}" for word, count in sorted(troubles.items())))
    return 0


def played(seed: int) -> tuple[Run | None, list[str]]:
    """The run of a seed, and what is wrong with it."""
    try:
        troubled = run(seed)
        return troubled, violations(troubled, run(seed, is_calm=True))
    except Exception as error:  # noqa: BLE001  whatever ends a run is what is wrong with it
        return None, [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    sys.exit(main())
