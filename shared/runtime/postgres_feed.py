"""How does a reader follow the stores themselves, on one machine without a broker?

It reads each service's events in commit order, as a role that may select events and nothing else. This is the only code that
opens another service's database.

Nothing is passed by: pages end below the horizon (`feed_head` in the schema says why none can appear below it later).

Watermark. A reader at the head may say "all that was recorded up to w has been read" for the largest w such that no event
that it has not read is recorded at or before it. `feed_head` reads the database's clock (read_at), then takes a snapshot, then
lists the registered writers, then looks at the events. One that it has not read is either
- committed, but above the horizon, which somebody else's transaction holds: unread_from is the earliest of them; or
- of a writer that is listed, or that registers after read_at. With a real clock an append is refused when its stamp is more
  than 5 seconds behind the database's clock once it has registered (append_batch), so who registers after a moment stamps no
  earlier than 5 seconds before it. A writer that is listed now and was not at an earlier reading registered after that reading.
  One that is listed at the first reading of all may be any age: until it is gone there is no watermark.
  A driven clock stands still while anything is at work, so what is still to come is stamped at its present moment, read before
  all this, or later; and there is no watermark while a writer is listed.
`recorded_at` may be later than the stamp (never below the stream's last), not earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from shared.events.envelope import START, Position, Stored
from shared.runtime.clock import Clock
from shared.runtime.feed import EPOCHS, AnotherLog, EventsGivenUp, Kept, Page, Partition, epochs_in, kept_of
from shared.runtime.store.rows import COLUMNS, prepare_connection, stored_events

_STAMP_AGE_MAX = timedelta(seconds=5)  # as in append_batch
_POLL_SECONDS = 0.02
_POLL_IDLE_SECONDS = 0.05
_KEPT_EVENTS = 20_000  # of each service: most readers of a process ask for the same pages within a moment
_KEPT_PAGES = 64
CONNECTION_SETTINGS = {
    "default_transaction_isolation": "read committed",
    "application_name": "ledgerline-feed",
    # A page is a walk along events_feed, whatever the statistics of a young table make the planner believe.
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
PAGE = (
    f"select {COLUMNS} from events e"
    " where (e.epoch, e.tx, e.pos) > ($1::smallint, $2::xid8, $3::bigint)"
    " and (e.epoch, e.tx, e.pos) < ($4::smallint, $5::xid8, 0::bigint)"
    " order by e.epoch, e.tx, e.pos limit $6"
)
_LAST = "select e.epoch, e.tx, e.pos from events e order by e.epoch desc, e.tx desc, e.pos desc limit 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """How far a service's events could be read at one moment."""

    epoch: int
    horizon: int
    last: Position  # of the last event below the horizon
    watermark: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetching:
    """A page that is being fetched, or was."""

    limit: int
    task: asyncio.Task[list[Stored]]

    @property
    def is_over(self) -> bool:
        return self.task.done()

    @property
    def events(self) -> Sequence[Stored]:
        """What was fetched; nothing while it is not there, or when it failed."""
        if not self.task.done() or self.task.cancelled() or self.task.exception() is not None:
            return ()
        return self.task.result()

    def serves(self, limit: int) -> bool:
        """Whether it is as much as somebody who asks for so many would be given."""
        if not self.task.done():
            return self.limit >= limit
        return bool(self.events) and (self.limit >= limit or len(self.events) < self.limit)


class PostgresFeed:
    """Implements `shared.runtime.feed.Feed` over the stores. `dsns`: by service, as the feed role."""

    def __init__(self, dsns: Mapping[str, str], clock: Clock, *, connections_max: int = 4) -> None:
        self._stores = {
            service: _StoreReader(service, dsn, clock, connections_max=connections_max) for service, dsn in dsns.items()
        }

    async def partitions(self, service: str) -> Sequence[Partition]:
        return (Partition(service, 0),)

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        """The next events behind the cursor, which is a position as text."""
        after = Position.parse(cursor) if cursor else START
        return await self._stores[partition.service].read(after, limit, wait_seconds)

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        if position is None:
            position = await self._stores[service].last()
        return {} if position is None or position == START else {Partition(service, 0): position}

    async def close(self) -> None:
        for store in self._stores.values():
            await store.close()


class _StoreReader:
    """One service's store as the feed sees it. All readers of a process that wait at its head share one poll."""

    def __init__(self, service: str, dsn: str, clock: Clock, *, connections_max: int) -> None:
        self._service = service
        self._dsn = dsn
        self._clock = clock
        self._connections_max = connections_max
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._one_reading = asyncio.Lock()
        self._writers = _Writers()
        self._latest: _Head | None = None
        self._epochs: tuple[Kept, ...] = ()  # those that restores began
        self._next_poll: asyncio.Task[_Head] | None = None
        self._reading: asyncio.Task[_Head] | None = None
        self._pages: dict[Position, _Fetching] = {}  # by what they come after, the latest used last
        self._pause = _POLL_SECONDS

    async def read(self, after: Position, limit: int, wait_seconds: float) -> Page:
        if self._latest is not None and self._latest.last > after:  # catching up needs no new reading for every page
            self._refuse_what_was_given_up(after, self._latest)
            return _page(after, await self._events(after, self._latest, limit), head=None)
        give_up_at = asyncio.get_running_loop().time() + wait_seconds
        head = await self._fresh_head()
        self._refuse_what_was_given_up(after, head)
        while head.last <= after and asyncio.get_running_loop().time() < give_up_at:
            head = await self._wait_for_poll()
        events = await self._events(after, head, limit) if head.last > after else []
        reached = events[-1].position if events else after
        return _page(after, events, head=head if reached >= head.last else None)

    def _refuse_what_was_given_up(self, after: Position, head: _Head) -> None:
        if after.epoch > head.epoch:
            raise AnotherLog("the cursor is of another copy of this log", service=self._service)
        kept = kept_of(after, self._epochs)
        if kept is not None:
            raise EventsGivenUp(Partition(self._service, 0), kept=kept, cursor=str(kept))

    async def last(self) -> Position | None:
        """Of the last event that is committed, also above the horizon."""
        row = await (await self._connections()).fetchrow(_LAST)
        return None if row is None else Position(row["epoch"], row["tx"], row["pos"])

    async def close(self) -> None:
        waited_for = (self._next_poll, self._reading)
        tasks: list[asyncio.Task[Any]] = [
            *(page.task for page in self._pages.values()),
            *(task for task in waited_for if task is not None),
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()

    async def _events(self, after: Position, head: _Head, limit: int) -> list[Stored]:
        """A page behind `after`. Behind a full one the database already works on the next."""
        events = await self._fetched(after, head, limit)
        if len(events) >= limit and head.last > events[limit - 1].position:
            self._fetch(events[limit - 1].position, head, limit)
            await asyncio.sleep(0)  # let the task send its query
        return events[:limit] if len(events) > limit else events

    async def _fetched(self, after: Position, head: _Head, limit: int) -> list[Stored]:
        """What lies behind `after`, as it was fetched for whichever reader asked first: a log does not change."""
        page = self._fetch(after, head, limit)
        try:
            return await asyncio.shield(page.task)
        except BaseException:
            if page.is_over and self._pages.get(after) is page:
                del self._pages[after]
            raise

    def _fetch(self, after: Position, head: _Head, limit: int) -> _Fetching:
        page = self._pages.pop(after, None)
        if page is None or not page.serves(limit):
            task = asyncio.create_task(self._rows(after, head, limit), name=f"{self._service}.feed-page")
            page = _Fetching(limit=limit, task=task)
        self._pages[after] = page
        self._forget_pages()
        return page

    def _forget_pages(self) -> None:
        """Keep the pages used last, up to a number of events."""
        kept = 0
        for number, (after, page) in enumerate(reversed(list(self._pages.items()))):
            kept += len(page.events)
            if page.is_over and number > 0 and (kept > _KEPT_EVENTS or number >= _KEPT_PAGES):
                del self._pages[after]

    async def _rows(self, after: Position, head: _Head, limit: int) -> list[Stored]:
        rows = await (await self._connections()).fetch(PAGE, *after, head.epoch, head.horizon, limit)
        return stored_events(self._service, rows)

    async def _fresh_head(self) -> _Head:
        """A reading that began no earlier than this call. Whoever asks while one is under way shares the next."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_head(), name=f"{self._service}.feed-head")
        return await asyncio.shield(self._reading)

    async def _wait_for_poll(self) -> _Head:
        if self._next_poll is None or self._next_poll.done():
            self._next_poll = asyncio.create_task(self._poll(), name=f"{self._service}.feed-poll")
        return await asyncio.shield(self._next_poll)

    async def _poll(self) -> _Head:
        last = self._latest.last if self._latest else START
        await asyncio.sleep(self._pause)
        head = await self._fresh_head()
        self._pause = _POLL_SECONDS if head.last > last else min(self._pause * 1.25, _POLL_IDLE_SECONDS)
        return head

    async def _read_head(self) -> _Head:
        pool = await self._connections()
        async with self._one_reading:  # each is compared with the one before
            business_now = self._clock.now()
            row = await pool.fetchrow("select *, pg_snapshot_xmax(pg_current_snapshot()) as next_tx from feed_head()")
            head = _Head(
                epoch=row["at_epoch"],
                horizon=row["horizon"],
                last=START if row["last_tx"] is None else Position(row["last_epoch"], row["last_tx"], row["last_pos"]),
                watermark=self._watermark(business_now, row),
            )
            if head.epoch > 0 and (not self._epochs or self._epochs[-1].epoch != head.epoch):
                self._epochs = epochs_in(await pool.fetch(EPOCHS))
                self._pages.clear()  # they may hold what was given up
            latest = self._latest
            if latest is not None and head.epoch == latest.epoch and head.horizon < latest.horizon <= row["next_tx"]:
                # A transaction that was known to write no events ends and is counted again for a moment. What could be
                # read before still can.
                # A server that died gives out again the ids that it had not written down, none of them an event's. Then
                # the next id itself is below the horizon, and the horizon goes back with it.
                head = replace(latest, watermark=head.watermark)
            self._latest = head
            return head

    def _watermark(self, business_now: datetime, row: Any) -> datetime | None:
        oldest = self._writers.oldest_registration(row["read_at"], row["writers"])
        if self._clock.kind == "driven":
            to_come = None if row["writers"] else business_now
        else:
            to_come = None if oldest is None else oldest - _STAMP_AGE_MAX
        if to_come is None:
            return None
        return min(to_come, row["unread_from"] or to_come) - timedelta(microseconds=1)

    async def _connections(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=1,
                    max_size=self._connections_max,
                    server_settings=CONNECTION_SETTINGS,
                    init=prepare_connection,
                    reset=_nothing_to_reset,
                )
            return self._pool


class _Writers:
    """Since when, at the latest reading, the listed writers may have been registered."""

    def __init__(self) -> None:
        self._registered_after: dict[str, datetime | None] = {}  # None: any time
        self._read_at: datetime | None = None

    def oldest_registration(self, read_at: datetime, listed: Sequence[str]) -> datetime | None:
        """No writer whose events are still to come registered before this. None: that is not known."""
        before = self._read_at
        self._registered_after = {writer: self._registered_after.get(writer, before) for writer in listed}
        self._read_at = read_at
        oldest = read_at
        for registered_after in self._registered_after.values():
            if registered_after is None:
                return None
            oldest = min(oldest, registered_after)
        return oldest


def _page(after: Position, events: list[Stored], *, head: _Head | None) -> Page:
    """`head` when the page ends there; None when there is more, or may be."""
    position = events[-1].position if events else after
    return Page(
        events=events,
        cursor=str(position),
        position=position,
        is_head=head is not None,
        watermark=head.watermark if head else None,
    )


async def _nothing_to_reset(connection: Any) -> None:
    return None
