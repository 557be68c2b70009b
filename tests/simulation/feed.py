"""How do simulated events reach those who read them?

A service's log has one partition, as in PostgreSQL, or several, as in Kafka: the order of a stream is kept, nothing else is. An event can
be read a while after it was committed, and nothing behind it in its partition before it.
"""

from __future__ import annotations

import asyncio
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.events.envelope import START, Position, Stored
from shared.runtime.feed import Page, Partition
from tests.simulation.log import Tells
from tests.simulation.weather import Weather

_TICK = 1e-6  # a timer may come that much early


@dataclass(slots=True)
class _Part:
    events: list[Stored] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    told_at: list[float] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    nudges: int = 0

    def told(self, now: float) -> int:
        """How many events can be read."""
        return bisect_right(self.told_at, now + _TICK)


class SimulatedFeed(Tells):
    """Implements `shared.runtime.feed.Feed`."""

    def __init__(self, weather: Weather, partitions: Mapping[str, int]) -> None:
        self.weather = weather
        self._parts = {
            Partition(service, number): _Part() for service, count in partitions.items() for number in range(count)
        }
        self._counts = dict(partitions)
        self._heads: dict[str, dict[Partition, Position]] = {service: {} for service in partitions}

    def appended(self, service: str, events: Sequence[Stored]) -> None:
        loop, climate = asyncio.get_running_loop(), self.weather.climate
        touched: dict[Partition, float] = {}
        for stored in self.in_order(events):
            partition = self.partition_of(stored)
            part = self._parts[partition]
            if partition not in touched:  # what was appended together is told together
                at = loop.time() + self.weather.dice.random() * climate.news_seconds_max
                touched[partition] = max(at, part.told_at[-1]) if part.told_at else at
            part.events.append(stored)
            part.positions.append(stored.position)
            part.told_at.append(touched[partition])
            self._heads[partition.service][partition] = stored.position
        for partition, at in touched.items():
            loop.call_at(at, self.nudge, partition)

    def in_order(self, events: Sequence[Stored]) -> Sequence[Stored]:
        """In the order of their commits."""
        return events

    def partition_of(self, stored: Stored) -> Partition:
        return Partition(stored.service, zlib.crc32(stored.key.encode()) % self._counts[stored.service])

    async def partitions(self, service: str) -> Sequence[Partition]:
        return [partition for partition in self._parts if partition.service == service]

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        """As the port says, but who may wait waits until there is something, or until `nudge`: silence costs nothing here.
        A nudge on the way here counts, since whoever lost the partition meanwhile would wait for ever."""
        part = self._parts[partition]
        nudges = part.nudges
        await self.weather.before("feed")
        after = Position.parse(cursor) if cursor else START
        first = bisect_right(part.positions, after)
        if wait_seconds > 0 and part.told(_now()) <= first and part.nudges == nudges:
            news = asyncio.get_running_loop().create_future()
            part.waiting.append(news)
            await news
        told = part.told(_now())
        if self.weather.climate.page_max is not None:
            limit = min(limit, self.weather.dice.randint(1, self.weather.climate.page_max))
        last = min(told, first + limit)
        events = part.events[first:last]
        position = events[-1].position if events else after
        return Page(events=events, cursor=str(position), position=position, is_head=last == told, watermark=None)

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        return self.heads(service, position)

    def heads(self, service: str, position: Position | None = None) -> dict[Partition, Position]:
        """The last event of each partition at or before a position; what is not told yet, too."""
        if position is None:
            return self._heads[service]
        found: dict[Partition, Position] = {}
        for partition, part in self._parts.items():
            count = bisect_right(part.positions, position)
            if partition.service == service and count:
                found[partition] = part.positions[count - 1]
        return found

    async def close(self) -> None:
        """Nothing is open."""

    def nudge(self, partition: Partition) -> None:
        """Whoever waits looks again, and is told if there is nothing."""
        part = self._parts[partition]
        part.nudges += 1
        waiting, part.waiting = part.waiting, []
        for news in waiting:
            if not news.done():
                news.set_result(None)


def _now() -> float:
    return asyncio.get_running_loop().time()
