"""How are two pieces of plain Python compared?

One after the other, several times, and the round with the median ratio counts. Time is CPU time of this thread: on a shared machine
the clock on the wall would measure the neighbours.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.measurement import Row, median_rows

ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something to time, and what it is called."""

    name: str
    do: Callable[[], object]


def compared(work: Work, yardstick: Work, *, things: int, of: str, goal: float | None, rounds: int = ROUNDS) -> Row:
    """How often the work is done while the yardstick is done once. Both deal with as many `things`."""
    work.do()
    yardstick.do()
    rows = [_round(work, yardstick, things=things, of=of, goal=goal) for _ in range(rounds)]
    return median_rows([[row] for row in rows])[0]


def _round(work: Work, yardstick: Work, *, things: int, of: str, goal: float | None) -> Row:
    took, yardstick_took = seconds_of(work.do), seconds_of(yardstick.do)
    return Row(
        name=work.name,
        measured=f"{things / took:,.0f} {of}/s",
        yardstick=f"{yardstick.name}: {things / yardstick_took:,.0f}/s",
        ratio=yardstick_took / took,
        goal=goal,
    )


def seconds_of(do: Callable[[], object]) -> float:
    """CPU seconds."""
    gc.collect()
    began = time.thread_time()
    result = do()
    took = time.thread_time() - began
    del result  # what it takes to let go of it is not its work
    return took
