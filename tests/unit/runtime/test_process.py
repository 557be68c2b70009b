"""What is different about a process that runs for long?"""

from __future__ import annotations

import asyncio
import gc
import weakref

from shared.runtime import process


class _Ring:
    """Something that only the collector of cycles can find."""

    def __init__(self) -> None:
        self.itself = self


def test_work_runs_in_the_fast_event_loop_and_gives_its_result() -> None:
    async def work() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert process.run(work()).partition(".")[0] == "uvloop"


def test_what_is_there_is_set_aside_and_what_comes_later_is_still_collected() -> None:
    before = gc.get_threshold()
    try:
        process.collect_seldom()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > before[0]
        ring = _Ring()
        found = weakref.ref(ring)
        del ring
        kept = [[number] for number in range(2 * gc.get_threshold()[0])]  # no call of collect(): it comes by itself
        assert found() is None
        assert kept
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
