"""What has been committed to the topics, as this process sees it?

Most readers of a process stand at the end of the log, and there are many of them. One consumer follows the ends of all topics and
keeps the last records in memory, decoded once for all (`Tail`). Whoever is further back reads through one of a few consumers that
are borrowed for a page and stay where they were left (`Behind`).

Offsets count transaction markers too, so the end of a partition is an offset, not a number of records, and the last record lies
somewhere before it. All ends are those of committed transactions (the last stable offset).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from shared.events.envelope import START, Position, Stored
from shared.runtime.broker import Broker
from shared.runtime.deadlines import within
from shared.runtime.faults import end_if_cancelled
from shared.runtime.feed import Kept, Partition
from shared.runtime.lasting import lasting
from shared.runtime.records import epochs_of, generation_of, stored_of

KEPT_RECORDS = 2_000  # of each partition
READ_SECONDS = 10.0  # how long a page further back may take to come
FOLLOW_SECONDS = 60.0  # how long the topics of a service may take to be found, or made
STANDS_SECONDS = 30.0  # after which a consumer that brings nothing of what is there is replaced
_ANSWER_SECONDS = 45.0  # how long a consumer may take for anything: longer than it gives each of its requests
_FAREWELL_SECONDS = 5.0  # how long one may take to end
CONSUMERS_MAX = 4  # for readers further back
_KEPT_WATERMARKS = 8
_PAUSE_SECONDS = 0.5  # before the topics are read again
_BACK = 16  # offsets before the end at which the search for the last record begins

_log = logging.getLogger(__name__)

T = TypeVar("T")


class LogRecord(NamedTuple):
    offset: int
    generation: int
    stored: Stored
    epochs: tuple[Kept, ...] = ()  # that restores began


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watermark:
    """All that was recorded up to `moment` lies before these ends."""

    moment: datetime
    ends: Mapping[TopicPartition, int]


def log_records(service: str, records: Iterable[Any]) -> list[LogRecord]:
    """The events in these records. A record that no relay wrote is no event: it is named in the log and passed over."""
    found = []
    for record in records:
        try:
            headers = record.headers
            found.append(
                LogRecord(record.offset, generation_of(headers), stored_of(service, record), epochs_of(headers))
            )
        except (KeyError, ValueError, UnicodeDecodeError):
            _log.error("record is not an event", extra={"service": service, "partition": record.partition})
    return found


class PartitionLog:
    """The last records of one partition. Complete from `low` up to `next`."""

    def __init__(self, service: str, start: int, last: Position) -> None:
        self.service = service
        self.low = self.next = start
        self.last = last
        self.end = start  # up to where it is known to be committed
        self.moved_at = time.monotonic()  # when it last went on, or had nowhere to go
        self.generation = 0
        self._records: deque[LogRecord] = deque()
        self._changed = asyncio.Event()

    def take(self, records: Sequence[Any], next_offset: int) -> None:
        """Add what was read. Records that were read before are passed over."""
        for record in log_records(self.service, (record for record in records if record.offset >= self.next)):
            self._add(record)
        self.next = max(self.next, next_offset)
        self.moved_at = time.monotonic()
        while len(self._records) > KEPT_RECORDS:
            self.low = self._records.popleft().offset + 1
        self._tell()

    def ends_at(self, end: int) -> None:
        """Note up to where the partition is committed."""
        if self.next >= self.end:
            self.moved_at = time.monotonic()
        self.end = end

    @property
    def stands(self) -> bool:
        """Whether there is more, and has been for a while, and nothing of it came."""
        return self.next < self.end and time.monotonic() - self.moved_at > STANDS_SECONDS

    def restart(self, offset: int) -> None:
        """The topic was replaced: nothing of what is kept is in it."""
        self._records.clear()
        self.low = self.next = offset
        self._tell()

    def behind(self, offset: int, limit: int) -> tuple[list[LogRecord], int]:
        """Up to `limit` records from an offset that is not before `low`, and where to go on."""
        found = [record for record in self._records if record.offset >= offset]
        if len(found) > limit:
            return found[:limit], found[limit].offset
        return found, max(self.next, offset)

    async def change(self) -> None:
        """Return when something was read or replaced after this call."""
        await self._changed.wait()

    def _add(self, record: LogRecord) -> None:
        if record.generation > self.generation:
            if self.generation:
                self.restart(record.offset)
            self.generation = record.generation
        self._records.append(record)
        self.last = max(self.last, record.stored.position)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Where the topics of a service end: the last record of each partition, and the place and end of what is said of them."""

    lasts: Mapping[int, Last]
    said: TopicPartition
    said_to: int


class Stands(Exception):
    """A consumer brings nothing, and there is something: it has stopped working inside."""


class Tail:
    """Follows the ends of the topics of every service that is read in this process.

    Whoever asks may give up waiting; what was begun for them goes on for the next one. A consumer that fails, or that brings nothing
    where there is something, is replaced by another one, which goes on behind what is kept.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._consumer: AIOKafkaConsumer | None = None
        self._is_broken = False  # the consumer
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._partitions: dict[str, tuple[Partition, ...]] = {}
        self._watermarks: dict[str, deque[_Watermark]] = {}
        self._watermark_offsets: dict[TopicPartition, int] = {}
        self._services: dict[str, str] = {}  # by topic of watermarks
        self._turn = asyncio.Lock()  # to change what is followed, and by which consumer
        self._followings: dict[str, asyncio.Task[None]] = {}  # by service
        self._reading: asyncio.Task[None] | None = None
        self._reading_ends: asyncio.Task[Mapping[TopicPartition, int]] | None = None
        self._farewells: set[asyncio.Task[None]] = set()  # of consumers that were replaced

    async def partitions(self, service: str) -> tuple[Partition, ...]:
        """The partitions of a service's topic, which is made if it is missing, and is followed from now on."""
        while service not in self._partitions:
            await asyncio.shield(self._following(service))
        return self._partitions[service]

    def log(self, partition: Partition) -> PartitionLog:
        """The end of a partition. Call `partitions` of its service first."""
        return self._logs[self.place(partition)]

    def place(self, partition: Partition) -> TopicPartition:
        """What Kafka calls it."""
        return TopicPartition(self._broker.events_topic(partition.service), partition.number)

    async def ends(self) -> Mapping[TopicPartition, int]:
        """Up to where each partition is committed: a reading that began no earlier than this call."""
        if self._reading_ends is not None:
            await asyncio.wait([self._reading_ends])
        if self._reading_ends is None or self._reading_ends.done():
            self._reading_ends = _begun("ends of topics", self._read_ends())
        return await asyncio.shield(self._reading_ends)

    def watermark(self, partition: Partition, offset: int) -> datetime | None:
        """Everything recorded up to then lies before this offset of the partition, as far as the relay has said."""
        place = self.place(partition)
        reached = [known.moment for known in self._watermarks[partition.service] if known.ends[place] <= offset]
        return reached[-1] if reached else None

    async def close(self) -> None:
        begun = (self._reading, self._reading_ends, *self._followings.values(), *self._farewells)
        tasks: list[asyncio.Task[Any]] = [task for task in begun if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._consumer is not None:
            await _leave(self._consumer)

    def _following(self, service: str) -> asyncio.Task[None]:
        task = self._followings.get(service)
        if task is None or task.done():
            task = self._followings[service] = _begun(f"topics of {service}", self._follow(service))
        return task

    async def _follow(self, service: str) -> None:
        async with self._turn:
            found = await within(FOLLOW_SECONDS, self._found(service), what=f"topics of {service}")
            self._logs |= {
                self.place(Partition(service, number)): PartitionLog(service, last.offset, last.position)
                for number, last in found.lasts.items()
            }
            self._watermark_offsets[found.said] = max(0, found.said_to - _BACK)
            self._watermarks[service] = deque(maxlen=_KEPT_WATERMARKS)
            self._services[found.said.topic] = service
            await self._assign()
            self._partitions[service] = tuple(Partition(service, number) for number in found.lasts)
        if self._reading is None:
            self._reading = _begun("tail of topics", lasting({"tail of topics": self._run}))

    async def _found(self, service: str) -> _Found:
        await self._broker.ensure_topics(service)
        numbers = await self._broker.partition_numbers(service)
        said = TopicPartition(self._broker.watermarks_topic(service), 0)
        async with self._broker.consumer() as consumer:
            lasts = await last_records(consumer, self._broker, service, numbers)
            consumer.assign([said])
            return _Found(lasts=lasts, said=said, said_to=(await consumer.end_offsets([said]))[said])

    async def _assign(self) -> None:
        """Let the consumer read all that is followed, from behind what is kept."""
        if self._consumer is None:
            self._consumer = await within(_ANSWER_SECONDS, self._started(), what="consumer of the tail")
        consumer: Any = self._consumer
        places = self._kept()
        consumer.assign(list(places))
        for place, offset in places.items():
            consumer.seek(place, offset)

    async def _started(self) -> AIOKafkaConsumer:
        consumer = self._broker.consumer(fetch_max_wait_ms=100)
        try:
            await consumer.start()
        except BaseException:
            await _leave(consumer)
            raise
        return consumer

    async def _run(self) -> None:
        """Readers wait for this, so it never ends."""
        while True:
            end_if_cancelled()
            try:
                await self._replace_broken()
                await within(_ANSWER_SECONDS, self._read_on(), what="news of the topics")
            except (KafkaError, TimeoutError, Stands) as error:
                _log.warning("topics cannot be read", extra={"error": type(error).__name__})
                await self._rest()
            except Exception:  # noqa: BLE001  whatever it is
                _log.exception("topics are read again from where they were kept")
                await self._rest()

    async def _rest(self) -> None:
        self._is_broken = True
        await asyncio.sleep(_PAUSE_SECONDS)

    async def _replace_broken(self) -> None:
        """It may have gone on past what it gave out, kept or not, and nobody can look into it. Raises KafkaError, TimeoutError."""
        if not self._is_broken:
            return
        async with self._turn:
            former, self._consumer = self._consumer, None
            self._is_broken = False
            if former is not None:
                farewell = _begun("farewell of a consumer", _leave_after(former, self._reading_ends))
                self._farewells.add(farewell)
                farewell.add_done_callback(self._farewells.discard)
            await self._assign()

    async def _read_on(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        try:
            await self._take(consumer, await consumer.getmany(timeout_ms=100))
        except OffsetOutOfRangeError as error:
            await self._restart(consumer, list(error.args[0]))
        if any(log.stands for log in self._logs.values()):
            raise Stands

    def _kept(self) -> Mapping[TopicPartition, int]:
        """Where to read on, by topic and partition."""
        return {place: log.next for place, log in self._logs.items()} | self._watermark_offsets

    async def _take(self, consumer: AIOKafkaConsumer, batch: Mapping[TopicPartition, Sequence[Any]]) -> None:
        for place, log in list(self._logs.items()):  # another service may be followed meanwhile
            # Markers of transactions move the position, too, and come without records.
            next_offset = await consumer.position(place)
            if place in batch or next_offset > log.next:
                log.take(batch.get(place, ()), next_offset)
        for place in batch.keys() & self._watermark_offsets.keys():
            service, newest = self._services[place.topic], batch[place][-1]
            try:
                said = msgspec.json.decode(newest.value, type=_Said)
            except msgspec.DecodeError:
                _log.error("record is not a watermark", extra={"service": service})  # no relay wrote it: passed over
            else:
                # The relay said so after it had committed all of it, so the ends as they are now lie behind it.
                self._watermarks[service].append(_Watermark(moment=said.watermark, ends=await self.ends()))
            self._watermark_offsets[place] = newest.offset + 1

    async def _restart(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, ends[place])
            if (log := self._logs.get(place)) is not None:
                log.restart(ends[place])
            else:
                self._watermark_offsets[place] = ends[place]

    async def _read_ends(self) -> Mapping[TopicPartition, int]:
        try:
            ends = await within(_ANSWER_SECONDS, self._asked_ends(), what="ends of topics")
        except BaseException:
            self._is_broken = True
            raise
        for place, log in self._logs.items():
            if place in ends:
                log.ends_at(ends[place])
        return ends

    async def _asked_ends(self) -> Mapping[TopicPartition, int]:
        while self._consumer is None:  # noqa: ASYNC110  it is being replaced, which ends soon or in an error
            await asyncio.sleep(_PAUSE_SECONDS)
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(list(self._logs))
        return ends


class _Said(msgspec.Struct):
    watermark: datetime
    position: str


class Behind:
    """A few consumers for readers that are not at the end."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._room = asyncio.Semaphore(CONSUMERS_MAX)
        self._idle: list[_Borrowed] = []

    async def read(
        self, service: str, place: TopicPartition, offset: int, limit: int, end: int
    ) -> tuple[list[LogRecord], int]:
        """Up to `limit` records from an offset and before the end, and where to go on. Raises OffsetOutOfRangeError."""
        async with self._room:
            borrowed = await within(_ANSWER_SECONDS, self._borrow(place, offset), what="consumer further back")
            try:
                records, next_offset = await borrowed.read(place, offset, limit, end)
            except BaseException:
                await _leave(borrowed.consumer)
                raise
            if next_offset >= end:
                await _leave(borrowed.consumer)  # from here on the tail serves
            else:
                self._idle.append(borrowed)
        return log_records(service, records), next_offset

    async def close(self) -> None:
        while self._idle:
            await _leave(self._idle.pop().consumer)

    async def _borrow(self, place: TopicPartition, offset: int) -> _Borrowed:
        for index, idle in enumerate(self._idle):
            if (idle.place, idle.next) == (place, offset):
                return self._idle.pop(index)
        if len(self._idle) >= CONSUMERS_MAX:
            await _leave(self._idle.pop(0).consumer)
        consumer = self._broker.consumer()
        try:
            await consumer.start()
        except BaseException:
            await _leave(consumer)
            raise
        return _Borrowed(consumer)


class _Borrowed:
    """A consumer of one partition, and where it stands."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.place: TopicPartition | None = None
        self.next = 0

    async def read(self, place: TopicPartition, offset: int, limit: int, end: int) -> tuple[list[Any], int]:
        if (self.place, self.next) != (place, offset):
            self.consumer.assign([place])
            self.consumer.seek(place, offset)
            self.place, self.next = place, offset
        records: list[Any] = []
        async with asyncio.timeout(READ_SECONDS):
            while len(records) < limit and self.next < end:
                got = await self.consumer.getmany(place, timeout_ms=200, max_records=limit - len(records))
                records += got.get(place, [])
                self.next = await self.consumer.position(place)
        return records, self.next


async def _leave_after(consumer: AIOKafkaConsumer, asked: asyncio.Task[Any] | None) -> None:
    """Let go of a consumer when it has answered: one that is stopped meanwhile never does."""
    try:
        if asked is not None:
            await asyncio.wait([asked])
    finally:
        await _leave(consumer)


async def _leave(consumer: AIOKafkaConsumer) -> None:
    """Let go of a consumer, in time."""
    with contextlib.suppress(KafkaError, OSError):  # TimeoutError is one
        await within(_FAREWELL_SECONDS, consumer.stop(), what="farewell of a consumer")


def _begun(name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Work whose error is for whoever waits for it, and for nobody when nobody does."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
    return task


# --- the last record of each partition --------------------------------------------------------------------------------


class Last(NamedTuple):
    """The last record of a partition; where there is none, the partition's end, START and 0."""

    offset: int
    position: Position
    generation: int


async def last_records(
    consumer: AIOKafkaConsumer, broker: Broker, service: str, numbers: Sequence[int]
) -> Mapping[int, Last]:
    """By partition, in their order."""
    places = [TopicPartition(broker.events_topic(service), number) for number in numbers]
    consumer.assign(places)
    ends = await consumer.end_offsets(places)
    starts = await consumer.beginning_offsets(places)
    return {
        place.partition: await _last_record(consumer, service, place, starts[place], ends[place]) for place in places
    }


async def _last_record(consumer: AIOKafkaConsumer, service: str, place: TopicPartition, start: int, end: int) -> Last:
    reader, back = _Borrowed(consumer), _BACK
    while start < end:
        offset = max(start, end - back)
        records, _ = await reader.read(place, offset, back, end)
        if events := log_records(service, records):
            return Last(events[-1].offset, events[-1].stored.position, events[-1].generation)
        if offset == start:
            break
        back *= 8
    return Last(end, START, 0)
