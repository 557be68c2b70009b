"""How does the log reach a read model, a policy, a timer or Kafka?

One loop for all: take the lease of a partition, read a page behind its position, give what is wanted to a sink, go on. The sink
moves the position: in the transaction of its rows, or after its effects. A page without anything wanted moves it in memory.

Trouble in the world is waited out, and the lease taken again, which reads the position as it was written. What the event itself is
to blame for, the sink parks by key; see `parked.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import asyncpg

from shared.events.base import EventType
from shared.events.envelope import Stored
from shared.runtime import reader_metrics
from shared.runtime.codec import EventCodec, UnknownEventType
from shared.runtime.command import Commands
from shared.runtime.faults import Pause, end_if_cancelled, is_worth_retrying
from shared.runtime.feed import EventsGivenUp, Feed, Page, Partition
from shared.runtime.held import Held, Keeper
from shared.runtime.lasting import lasting
from shared.runtime.leases import Fenced
from shared.runtime.policy import Policy, Timers
from shared.runtime.policy_runner import PolicySink
from shared.runtime.progress import Progress, ReaderStatus
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.timer_runner import plan_of
from shared.runtime.transaction import Place

PAGE_EVENTS = 5_000
POLICY_PAGE_EVENTS = 500
ATTEMPTS_MAX = 2  # times that a process may die on one event before its key is parked
WAIT_SECONDS = 2.0  # how long one read waits for news; the watermark of a quiet partition moves as often

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """What becomes of the events that a reader wants."""

    def look_at(self, held: Held, events: Sequence[Stored]) -> None:
        """The page whose turn comes next: a chance to work on it while the one before is being written."""
        ...

    async def take(self, held: Held, place: Place, events: Sequence[Stored], *, suspect: Stored | None = None) -> None:
        """Take a page in and move the reader to `place`. What it does before it raises may be done again.

        `suspect` is one of the events, on which processes have died: it is not to be tried again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page and what of it is wanted."""

    page: Page
    wanted: Sequence[Stored]


class OtherVersion(Exception):
    """A newer or older process owns this read model now; this one waits until it is replaced itself."""


class Selection:
    """Which events of a service a reader wants. A type that this code does not know is wanted: its key will be parked."""

    def __init__(self, codec: EventCodec, types: Iterable[EventType] | None) -> None:
        self._codec = codec
        self._types = None if types is None else frozenset(types)
        self._known: dict[str, bool] = {}

    def wanted(self, events: Sequence[Stored]) -> Sequence[Stored]:
        """Those that matter, in order."""
        if self._types is None:
            return events
        known = self._known
        try:
            return [stored for stored in events if known[stored.type]]
        except KeyError:
            for name in {stored.type for stored in events}:
                known[name] = self._is_wanted(name)
            return [stored for stored in events if known[stored.type]]

    def _is_wanted(self, name: str) -> bool:
        assert self._types is not None
        try:
            return self._codec.type_of(name) in self._types
        except UnknownEventType:
            return True


class Reader:
    """Reads one partition for one sink, for as long as it runs."""

    def __init__(
        self,
        *,
        name: str,
        partition: Partition,
        feed: Feed,
        keeper: Keeper,
        progress: Progress,
        selection: Selection,
        sink: Sink,
        page_events: int = PAGE_EVENTS,
        version: int | None = None,
    ) -> None:
        self.name = name
        self.partition = partition
        self._feed = feed
        self.keeper = keeper
        self._progress = progress
        self._selection = selection
        self._sink = sink
        self._page_events = page_events
        self._version = version
        self._carefully = 0  # events survived since owners died

    async def run(self) -> None:
        """Follow the partition until cancelled, whatever happens on the way."""
        pause = Pause()
        while True:
            end_if_cancelled()
            try:
                held = await self.keeper.acquire(self.name, self.partition)
                await self.refuse_other_version(held)
                self._tell(held)
                await self._follow(held, pause)
            except Fenced:
                reader_metrics.FENCED.labels(self.name).inc()
                _log.info("lease lost", extra={"reader": self.name, "partition": str(self.partition)})
            except Exception as error:  # noqa: BLE001  a reader never dies: it says why it stands and tries again
                reader_metrics.RETRIES.labels(self.name).inc()
                _log.log(
                    logging.WARNING if is_worth_retrying(error) else logging.ERROR,
                    "reader will try again",
                    extra={"reader": self.name, "partition": str(self.partition), "error": type(error).__name__},
                    exc_info=not is_worth_retrying(error),
                )
                await pause.rest()

    async def step(self, held: Held, *, wait_seconds: float = 0.0) -> Page:
        """Read one page and take it in."""
        found = await self._read(held, held.place.cursor, wait_seconds)
        await self._take(held, found)
        return found.page

    async def catch_up(self, held: Held) -> None:
        """Take in all there is now."""
        found = await self._read(held, held.place.cursor, 0.0)
        while not found.page.is_head:
            found = await self._take_and_read_on(held, found, 0.0)
        await self._take(held, found)

    async def _read(self, held: Held, cursor: str | None, wait_seconds: float) -> Found:
        limit = held.page_events(self._page_events)
        try:
            page = await self._feed.read(self.partition, cursor, limit, wait_seconds=wait_seconds)
        except EventsGivenUp as cut:
            # Only where the store of another service was put back and this one's was not. No event that there is now was missed.
            reader_metrics.GIVEN_UP.labels(self.name, self.partition.service).inc()
            _log.error(
                "the log was restored to an earlier moment: rebuild what was made of events that it gave up",
                extra={"reader": self.name, "partition": str(self.partition), "position": str(cut.kept)},
            )
            page = await self._feed.read(self.partition, cut.cursor, limit)
        return Found(page=page, wanted=self._selection.wanted(page.events))

    async def _take(self, held: Held, found: Found) -> None:
        page, wanted = found.page, found.wanted
        place = Place(cursor=page.cursor, position=page.position, watermark=page.watermark)
        if not wanted:
            held.skip_to(place)
        elif held.page_events(self._page_events) == 1:
            await self._take_alone(held, place, wanted[0])
        else:
            with reader_metrics.PAGE_SECONDS.labels(self.name).time():
                await self._sink.take(held, place, wanted)
        if held.goes_carefully:
            self._note_safe(held, page)
        self._measure(page)
        self._tell(held)

    async def _take_and_read_on(self, held: Held, found: Found, wait_seconds: float) -> Found:
        """Take a page in, and have the next one ready when that is done. At the head there is nothing to hurry for."""
        if found.page.is_head or held.goes_carefully:
            await self._take(held, found)
            return await self._read(held, held.place.cursor, wait_seconds)
        taking = asyncio.create_task(self._take(held, found))
        try:
            following = await self._read(held, found.page.cursor, 0.0)
            if following.wanted:
                self._sink.look_at(held, following.wanted)
        except asyncio.CancelledError:
            taking.cancel()  # it may be waiting for others of this process that have ended before it
            raise
        finally:
            await taking
        return following

    async def _take_alone(self, held: Held, place: Place, stored: Stored) -> None:
        """One event on its own, its attempt counted before it is made: processes have died hereabouts."""
        attempt = await held.count_attempt(stored.event_id)
        await self._sink.take(held, place, [stored], suspect=stored if attempt > ATTEMPTS_MAX else None)

    def _note_safe(self, held: Held, page: Page) -> None:
        """As many events as the largest page holds were survived, or all there are."""
        self._carefully += len(page.events)
        if page.is_head or self._carefully >= self._page_events:
            self._carefully = 0
            held.is_safe_again()

    async def refuse_other_version(self, held: Held) -> None:
        """Tables that were rebuilt for another version of the code are not written by this one."""
        installed = held.state.get("version", self._version)
        if installed != self._version:
            await self.keeper.release(held)
            raise OtherVersion(f"{self.name} is installed at version {installed}, not {self._version}")

    async def _follow(self, held: Held, pause: Pause) -> None:
        found = await self._read(held, held.place.cursor, WAIT_SECONDS)
        while held.is_held:
            found = await self._take_and_read_on(held, found, WAIT_SECONDS)
            end_if_cancelled()
            pause.reset()

    def _measure(self, page: Page) -> None:
        if not page.events:
            return
        reader_metrics.EVENTS.labels(self.name, self.partition.service).inc(len(page.events))
        last = page.events[-1]
        if last.clock == "real":
            age = datetime.now(UTC) - last.recorded_at
            reader_metrics.LAG_SECONDS.labels(self.name, *self.partition).set(max(0.0, age.total_seconds()))

    def _tell(self, held: Held) -> None:
        self._progress.note(
            ReaderStatus(
                name=self.name,
                partition=self.partition,
                position=held.place.position,
                watermark=held.place.watermark,
                owner=self.keeper.owner,
            )
        )


class Readers:
    """All readers of one service in one process: makes a `Reader` for each partition and keeps them running."""

    def __init__(self, *, feed: Feed, keeper: Keeper, progress: Progress, codec: EventCodec) -> None:
        self.feed = feed
        self.keeper = keeper
        self.progress = progress
        self.codec = codec

    async def of(
        self,
        name: str,
        reads: Mapping[str, Sequence[EventType] | None],
        sink: Callable[[Partition], Sink],
        *,
        page_events: int = PAGE_EVENTS,
        version: int | None = None,
    ) -> list[Reader]:
        """One reader for each partition of the services that are read (None: every type)."""
        return [
            Reader(
                name=name,
                partition=partition,
                feed=self.feed,
                keeper=self.keeper,
                progress=self.progress,
                selection=Selection(self.codec, types),
                sink=sink(partition),
                page_events=page_events,
                version=version,
            )
            for service, types in reads.items()
            for partition in await self.feed.partitions(service)
        ]

    async def for_projection(self, projection: Projection) -> list[Reader]:
        """The readers behind a read model. Its tables must be installed."""
        sink = ProjectionSink(projection, self.codec)
        return await self.of(projection.name, projection.reads, lambda partition: sink, version=projection.version)

    async def for_policy(self, policy: Policy, commands: Commands) -> list[Reader]:
        sink = PolicySink(policy, self.codec, commands)
        # Its position moves after the page, so a page is what may be sent again: short.
        return await self.of(policy.name, policy.reads, lambda partition: sink, page_events=POLICY_PAGE_EVENTS)

    async def for_timers(self, timers: Timers) -> list[Reader]:
        """The readers that set, move and cancel timers; a `TimerRunner` fires them."""
        return await self.for_projection(plan_of(timers))

    async def run(self, readers: Iterable[Reader]) -> None:
        """Run the readers and renew their leases, until cancelled; then give the leases back."""
        try:
            of_readers = {f"{reader.name} {reader.partition}": reader.run for reader in readers}
            await lasting({"leases": self.keeper.run, **of_readers})
        finally:
            # What cannot be given back now runs out by itself.
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self.keeper.close()
