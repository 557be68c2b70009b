"""How does a reader follow a service's log in Kafka?

Partitions are assigned by hand and the reader keeps its own place: a cursor is the generation it reads under, the next offset, and
the position of the last event it was given. Events at or before that position are passed over, so an event that was published
twice is read once.

A topic that was deleted and written again has other offsets. The reader notices, by an end before its offset or by a record of a
later generation, and starts at the beginning; what it has applied it passes over, so nothing is lost and nothing applied twice.

A log that was restored to an earlier moment is told by its records (`ce_kept`): a reader that was further is told once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from aiokafka.errors import OffsetOutOfRangeError

from shared.events.envelope import START, Position, Stored
from shared.runtime.broker import Broker
from shared.runtime.feed import EventsGivenUp, Page, Partition, kept_of
from shared.runtime.kafka_log import Behind, LogRecord, PartitionLog, Tail

StoreHead: TypeAlias = Callable[[str], Awaitable[Position | None]]

_LOOK_SECONDS = 0.05


class Cursor(NamedTuple):
    """Where a reader goes on."""

    generation: int
    offset: int
    position: Position

    def __str__(self) -> str:
        return f"{self.generation}:{self.offset}:{self.position}"

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """The reverse of `str`; None is the start. Raises ValueError for anything else."""
        if text is None:
            return cls(0, 0, START)
        generation, offset, position = text.split(":")
        return cls(int(generation), int(offset), Position.parse(position))

    def from_the_start(self, generation: int | None = None) -> Cursor:
        """At the beginning of the topic, knowing what was applied."""
        return Cursor(self.generation if generation is None else generation, 0, self.position)


class KafkaFeed:
    """Implements `shared.runtime.feed.Feed` over Kafka. `store_head`, where the stores can be seen, tells their heads."""

    def __init__(self, broker: Broker, *, store_head: StoreHead | None = None) -> None:
        self._tail = Tail(broker)
        self._behind = Behind(broker)
        self._store_head = store_head

    async def partitions(self, service: str) -> Sequence[Partition]:
        return await self._tail.partitions(service)

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        await self._tail.partitions(partition.service)
        log = self._tail.log(partition)
        at = Cursor.parse(cursor)
        give_up_at = asyncio.get_running_loop().time() + wait_seconds
        while True:
            if log.low <= at.offset < log.next:  # there is news, and what else there may be can wait
                return self._page_of(partition, at, *log.behind(at.offset, limit), end=None)
            end = (await self._tail.ends())[self._tail.place(partition)]
            if end < at.offset:
                at = at.from_the_start()
            page = await self._page(partition, log, at, limit, end)
            left = give_up_at - asyncio.get_running_loop().time()
            if page.events or not page.is_head or left <= 0:
                return page
            at = Cursor.parse(page.cursor)
            await _change_within(log, at.offset, left)

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        partitions = await self._tail.partitions(service)
        if position is None and self._store_head is not None:
            position = await self._store_head(service)
        while True:
            ends = await self._tail.ends()
            logs = {partition: self._tail.log(partition) for partition in partitions}
            lasts = {partition: log.last for partition, log in logs.items() if log.last > START}
            is_read = all(log.next >= ends[self._tail.place(partition)] for partition, log in logs.items())
            if is_read and (position is None or position <= max(lasts.values(), default=START)):
                return lasts
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        await self._tail.close()
        await self._behind.close()

    async def _page(self, partition: Partition, log: PartitionLog, at: Cursor, limit: int, end: int) -> Page:
        if at.offset >= log.low and log.next < end:
            await _change_within(log, at.offset, _LOOK_SECONDS)
        if at.offset >= log.low:
            records, next_offset = log.behind(at.offset, limit)
        else:
            try:
                records, next_offset = await self._behind.read(
                    partition.service, self._tail.place(partition), at.offset, limit, end
                )
            except OffsetOutOfRangeError:
                records, next_offset, at = [], 0, at.from_the_start()
        return self._page_of(partition, at, records, next_offset, end)

    def _page_of(
        self, partition: Partition, at: Cursor, records: Sequence[LogRecord], next_offset: int, end: int | None
    ) -> Page:
        """What of these records is new to the reader. `end` None: whether there is more was not asked."""
        generation = at.generation
        events: list[Stored] = []
        position = at.position
        for record in records:
            if record.generation > generation:
                if at.offset > 0 and not events:
                    return _page(at.from_the_start(record.generation), [], is_head=False)
                if at.offset > 0:
                    return _page(Cursor(generation, record.offset, position), events, is_head=False)
                generation = record.generation
            if record.stored.position.epoch > position.epoch and (kept := kept_of(position, record.epochs)) is not None:
                if events:
                    return _page(Cursor(generation, record.offset, position), events, is_head=False)
                raise EventsGivenUp(partition, kept=kept, cursor=str(Cursor(generation, record.offset, kept)))
            if record.stored.position > position:
                events.append(record.stored)
                position = record.stored.position
        is_head = end is not None and next_offset >= end
        watermark = self._tail.watermark(partition, next_offset) if is_head else None
        return Page(
            events=events,
            cursor=str(Cursor(generation, next_offset, position)),
            position=position,
            is_head=is_head,
            watermark=watermark,
        )


def _page(cursor: Cursor, events: Sequence[Stored], *, is_head: bool) -> Page:
    return Page(events=events, cursor=str(cursor), position=cursor.position, is_head=is_head, watermark=None)


async def _change_within(log: PartitionLog, offset: int, seconds: float) -> None:
    """Wait until the log holds something behind the offset, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            while log.next <= offset:
                await log.change()
    except TimeoutError:
        return
