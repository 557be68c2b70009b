"""Is nobody kept waiting by what does not end?"""

from __future__ import annotations

import asyncio
import logging

import pytest

from shared.runtime import deadlines
from shared.runtime.deadlines import within

pytestmark = pytest.mark.asyncio


async def answer(cents: int) -> int:
    await asyncio.sleep(0)
    return cents


async def fail() -> None:
    raise ZeroDivisionError


async def wait_for_ever(*, cancellations: int) -> None:
    """Pass over so many cancellations."""
    for _ in range(cancellations):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()


async def test_what_ends_in_time_answers_or_fails_as_it_does() -> None:
    assert await within(5, answer(3), what="sum") == 3
    with pytest.raises(ZeroDivisionError):
        await within(5, fail(), what="sum")


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match="topics"):
        await within(0.01, wait_for_ever(cancellations=0), what="topics")
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "topics"] == []


async def test_what_does_not_end_when_it_is_told_to_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deadlines, "_FAREWELL_SECONDS", 0.01)
    with pytest.raises(TimeoutError), caplog.at_level(logging.ERROR):
        await within(0.01, wait_for_ever(cancellations=1), what="topics")
    assert [getattr(record, "task", None) for record in caplog.records] == ["topics"]
    (left,) = [task for task in asyncio.all_tasks() if task.get_name() == "topics"]
    left.cancel()
    await asyncio.wait([left])


async def test_a_cancellation_that_nobody_asked_for_is_no_answer_in_time() -> None:
    async def stray() -> None:
        somewhere = asyncio.get_running_loop().create_future()
        somewhere.cancel()  # as a library does with what it gave out
        await somewhere

    with pytest.raises(TimeoutError):
        await within(5, stray(), what="topics")


async def test_who_is_cancelled_ends_the_work_too() -> None:
    waiting = asyncio.create_task(within(60, wait_for_ever(cancellations=0), what="topics"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=5)
    assert waiting.cancelled()
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "topics"] == []
