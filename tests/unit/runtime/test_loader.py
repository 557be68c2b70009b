"""Is every stream that somebody asks for read, whenever they ask?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.runtime.availability import StoreUnavailable
from shared.runtime.store.loader import StreamLoader

pytestmark = pytest.mark.asyncio


class Pool:
    """A database without events, which answers when the gate is opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def fetch(self, *_: Any) -> list[Any]:
        await self.gate.wait()
        return []


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(6))
async def test_who_asks_in_the_turn_in_which_the_last_queries_end_is_answered(turns: int) -> None:
    pool: Any = Pool()
    loader = StreamLoader(pool, "claims")

    async def asks_again() -> list[Any]:
        await loader.load("clinic", "claim/1", 0)
        for _ in range(turns):
            await asyncio.sleep(0)
        return await loader.load("clinic", "claim/2", 0)

    asking = [asyncio.create_task(asks_again())]
    await settled()
    asking.append(asyncio.create_task(loader.load("clinic", "claim/3", 0)))
    await settled()  # now each has a query, and both end in the same turn
    pool.gate.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*asking) == [[], []]


async def test_a_query_that_was_cancelled_by_nobody_is_an_outage_to_who_waits_and_the_next_is_answered() -> None:
    class Stumbling(Pool):
        async def fetch(self, *_: Any) -> list[Any]:
            if not self.gate.is_set():
                self.gate.set()
                under_it = asyncio.get_running_loop().create_future()
                under_it.cancel()
                await under_it
            return []

    pool: Any = Stumbling()
    loader = StreamLoader(pool, "claims")
    with pytest.raises(StoreUnavailable):
        await loader.load("clinic", "claim/1", 0)
    assert await loader.load("clinic", "claim/1", 0) == []
