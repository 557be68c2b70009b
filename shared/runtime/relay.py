"""How does the log of a service get to Kafka?

One relay a service, under a lease, never sharded. It reads the store in commit order and writes each page in one Kafka transaction,
waits for every acknowledgement, commits, and then moves its position. A crash in between writes the page again, in the same order;
readers skip positions they have applied. So delivery is at least once and nothing is ever passed over.

The transaction is for fencing, not for offsets: starting a producer with the relay's transactional id shuts out an older relay that
was stopped and wakes up, whatever it had in flight. Any error of the producer leads to a new producer, which begins at the position.

When the topic was made just now, or holds less than was published (it was deleted), the relay starts from the beginning under a
new generation; `republish` asks for the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from opentelemetry import trace

from shared.events.envelope import START, Stored
from shared.runtime import reader_metrics
from shared.runtime.broker import Broker
from shared.runtime.codec import EventCodec
from shared.runtime.deadlines import within
from shared.runtime.feed import EPOCHS, Feed, Kept, Partition, epochs_in, kept_of
from shared.runtime.held import Held, Keeper
from shared.runtime.kafka_log import Last, last_records
from shared.runtime.leases import Fenced
from shared.runtime.progress import Progress
from shared.runtime.readers import Found, Reader, Selection
from shared.runtime.records import headers_of, key_of
from shared.runtime.transaction import Place

PAGE_EVENTS = 1_000
WATERMARK_SECONDS = 1.0  # how often a quiet service says how far in time its log reaches
PUBLISH_SECONDS = 30.0  # how long a page may stay unacknowledged
_BEGIN_SECONDS = 120.0  # how long finding, making or replacing the topics and starting a producer may take
_FAREWELL_SECONDS = 1.0  # how long anybody waits for a producer to end

_GENERATIONS_OF_AN_EPOCH = 1_000

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)


def relay_of(service: str) -> str:
    """The name under which the relay keeps its position."""
    return f"{service}.relay"


class StartAgain(Fenced):
    """The position was put back to the start: read it again."""


class RelaySink:
    """Writes pages to the service's topic, then moves the position."""

    def __init__(self, service: str, broker: Broker, *, publish_seconds: float = PUBLISH_SECONDS) -> None:
        self.service = service
        self._broker = broker
        self._publish_seconds = publish_seconds
        self._producer: AIOKafkaProducer | None = None
        self._leaving: set[asyncio.Task[None]] = set()  # producers that are ending
        self._told_at = 0.0
        self._epochs: tuple[Kept, ...] = ()  # that restores began

    def look_at(self, held: Held, events: Sequence[Stored]) -> None:
        """A page is published as it is."""

    async def take(self, held: Held, place: Place, events: Sequence[Stored], *, suspect: Stored | None = None) -> None:
        """Publish a page. Nothing is ever left out, so a suspect is published like any other."""
        attributes: dict[str, str | int] = {"ledgerline.service": self.service, "ledgerline.events": len(events)}
        with _tracer.start_as_current_span(
            f"relay {self.service}", kind=trace.SpanKind.PRODUCER, attributes=attributes
        ):
            await self.publish(held, events)
            async with held.moving(place):
                pass

    async def publish(self, held: Held, events: Sequence[Stored]) -> None:
        """Write a page in one transaction; it is durable in Kafka when this returns. Raises KafkaError, TimeoutError."""
        producer = await self._ready(held)
        generation = generation_in(held)
        topic = self._broker.events_topic(self.service)
        async with self._transaction(producer):
            sent = [
                await producer.send(
                    topic,
                    value=stored.data,
                    key=key_of(stored),
                    headers=headers_of(stored, generation, self._epochs),
                    timestamp_ms=int(stored.recorded_at.timestamp() * 1000),
                )
                for stored in events
            ]
            await asyncio.gather(*sent)

    async def tell_watermark(self, held: Held, place: Place) -> None:
        """Say that all recorded up to the watermark is in the topic, at most once a second."""
        if place.watermark is None or time.monotonic() - self._told_at < WATERMARK_SECONDS:
            return
        producer = await self._ready(held)
        value = msgspec.json.encode({"watermark": place.watermark, "position": str(place.position)})
        async with self._transaction(producer):
            await producer.send_and_wait(self._broker.watermarks_topic(self.service), value=value, key=b"watermark")
        self._told_at = time.monotonic()

    async def close(self) -> None:
        """Let go of the producer; the next page starts another one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._let_go(producer)

    async def _let_go(self, producer: AIOKafkaProducer) -> None:
        """What it was about to send is given up. Its end is not waited for: requests under way may take long, and the next one shuts it out."""
        leaving = asyncio.create_task(_stop(producer), name=f"farewell of {self.service}'s producer")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await asyncio.wait([leaving], timeout=_FAREWELL_SECONDS)

    @contextlib.asynccontextmanager
    async def _transaction(self, producer: AIOKafkaProducer) -> AsyncIterator[None]:
        """A transaction that is not aborted when it fails, because that too may wait for ever: the next producer does it."""
        try:
            async with asyncio.timeout(self._publish_seconds):
                await producer.begin_transaction()
                yield
                await producer.commit_transaction()
        except BaseException:
            await self.close()
            raise

    async def _ready(self, held: Held) -> AIOKafkaProducer:
        if self._producer is None:
            what = f"start of {self.service}'s producer"
            self._producer = await within(_BEGIN_SECONDS, self._started(held), what=what)
        return self._producer

    async def _started(self, held: Held) -> AIOKafkaProducer:
        await held.confirm()  # so that a relay that slept does not shut out the one that took over
        await self._begin(held)
        producer = self._broker.relay_producer(self.service)
        try:
            async with asyncio.timeout(self._publish_seconds):
                await producer.start()
        except BaseException:
            await self._let_go(producer)
            raise
        reader_metrics.PRODUCERS.labels(self.service).inc()
        return producer

    async def _begin(self, held: Held) -> None:
        """Find out whether the topic holds what was published, and nothing else. Raises StartAgain when it does not."""
        self._epochs = epochs_in(await held.ask(EPOCHS))
        is_new = await self._broker.ensure_topics(self.service)
        end = await self._topic_end()
        if kept_of(end.position, self._epochs) is not None:
            _log.warning("topic holds what a restore gave up, replacing it", extra={"service": self.service})
            await self._broker.replace_topics(self.service)
            is_new = True
        generation = generation_in(held)
        # An epoch has numbers of its own: a restored row does not know how often the topic was written since.
        least = self._epochs[-1].epoch * _GENERATIONS_OF_AN_EPOCH if self._epochs else 1
        has_published = held.place.position > START
        if (is_new and generation < least) or (has_published and (is_new or end.position < held.place.position)):
            _log.warning("topic was replaced, publishing from the start", extra={"service": self.service})
            beginning = Place(cursor=None, position=START, watermark=None)
            async with held.moving(beginning) as transaction:
                fresh = max(generation + 1, end.generation + 1, least)
                await held.write_state(transaction, {**held.state, "generation": fresh})
            reader_metrics.REPUBLISHED.labels(self.service).inc()
            raise StartAgain

    async def _topic_end(self) -> Last:
        numbers = await self._broker.partition_numbers(self.service)
        async with self._broker.consumer() as consumer:
            found = await last_records(consumer, self._broker, self.service, numbers)
        return max(found.values(), key=lambda last: last.position)


class Relay(Reader):
    """The reader that writes to Kafka."""

    def __init__(
        self,
        *,
        service: str,
        feed: Feed,
        keeper: Keeper,
        progress: Progress,
        broker: Broker,
        page_events: int = PAGE_EVENTS,
        publish_seconds: float = PUBLISH_SECONDS,
    ) -> None:
        self.sink = RelaySink(service, broker, publish_seconds=publish_seconds)
        super().__init__(
            name=relay_of(service),
            partition=Partition(service, 0),
            feed=feed,
            keeper=keeper,
            progress=progress,
            selection=Selection(EventCodec(), None),
            sink=self.sink,
            page_events=page_events,
        )

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            await self.sink.close()

    async def _take(self, held: Held, found: Found) -> None:
        await super()._take(held, found)
        if found.page.is_head:
            await self.sink.tell_watermark(held, held.place)


async def _stop(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError, OSError):
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await producer.stop()
        except TimeoutError:
            # `stop` sends what there is first, however long that takes. The client has no other way to end.
            await producer._sender.close()
            producer._message_accumulator.fail_all(KafkaError("given up"))
            await producer.client.close()


def generation_in(held: Held) -> int:
    """How often the log was written from the start, as the relay's row says."""
    state: Any = held.state
    return int(state.get("generation", 1))


async def republish(pool: asyncpg.Pool, service: str) -> None:
    """Have the relay write the whole log again, under a new generation. Readers skip what they have applied."""
    await pool.execute(
        "UPDATE readers SET cursor = NULL, position_epoch = 0, position_tx = 0, position_pos = 0, epoch = epoch + 1,"
        " owner = NULL, state = state || jsonb_build_object('generation', coalesce((state->>'generation')::integer, 1) + 1)"
        " WHERE reader = $1",
        relay_of(service),
    )
