"""How are hundreds of streams loaded at once?

As they are written: callers ask for one stream each, and what is asked for while a query runs goes into the next one. An 835 of
ten thousand claims needs ten thousand streams that nobody remembers; one round trip for each would cost more than the appends.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from shared.events.envelope import Stored
from shared.runtime.availability import StoreUnavailable, outage_means
from shared.runtime.faults import is_trouble
from shared.runtime.store.rows import COLUMNS, stored_events

_STREAMS_MAX = 100
_QUERIES_MAX = 2  # at a time
_READ = f"select {COLUMNS} from stream_events($1, $2::text[], $3::int[]) e"


@dataclass(slots=True, eq=False)
class _Wanted:
    stream: str
    after: int
    found: asyncio.Future[list[Stored]]


class StreamLoader:
    """Reads streams of one service for any number of tasks of the same event loop."""

    def __init__(self, pool: asyncpg.Pool, service: str) -> None:
        self._pool = pool
        self._service = service
        self._wanted: OrderedDict[str, deque[_Wanted]] = OrderedDict()  # by tenant; the first is served next
        self._queries: set[asyncio.Task[None]] = set()  # those that will still look at what is wanted

    async def load(self, tenant: str, stream: str, after: int) -> list[Stored]:
        """The events of a stream behind a version, in order."""
        wanted = _Wanted(stream, after, asyncio.get_running_loop().create_future())
        self._wanted.setdefault(tenant, deque()).append(wanted)
        if len(self._queries) < _QUERIES_MAX:
            query = asyncio.create_task(self._read_all(), name=f"{self._service}.loader")
            self._queries.add(query)
        return await wanted.found

    async def _read_all(self) -> None:
        query = asyncio.current_task()
        assert query is not None
        try:
            await self._read_wanted()
        finally:  # in the turn in which nothing was wanted: a callback of the task comes later, and who asks until then is not seen
            self._queries.discard(query)

    async def _read_wanted(self) -> None:
        while self._wanted:
            tenant, batch = self._next_batch()
            try:
                found = await self._read(tenant, batch)
            except BaseException as error:
                if not is_trouble(error):
                    _leave_none_behind(batch)
                    raise
                _fail(batch, error if isinstance(error, Exception) else StoreUnavailable("the store did not answer"))
            else:
                for wanted in batch:
                    if not wanted.found.done():
                        wanted.found.set_result(found[wanted.stream])
            await asyncio.sleep(0)  # who was answered may ask for more

    def _next_batch(self) -> tuple[str, list[_Wanted]]:
        """What is wanted of the next tenant, each stream once."""
        tenant, queue = self._wanted.popitem(last=False)
        batch: dict[str, _Wanted] = {}
        left: list[_Wanted] = []
        while queue and len(batch) < _STREAMS_MAX:
            wanted = queue.popleft()
            if wanted.stream in batch:
                left.append(wanted)
            else:
                batch[wanted.stream] = wanted
        queue.extendleft(reversed(left))
        if queue:
            self._wanted[tenant] = queue
        return tenant, list(batch.values())

    async def _read(self, tenant: str, batch: Sequence[_Wanted]) -> dict[str, list[Stored]]:
        streams = [wanted.stream for wanted in batch]
        with outage_means(StoreUnavailable, "the store"):
            rows = await self._pool.fetch(_READ, tenant, streams, [wanted.after for wanted in batch])
        found: dict[str, list[Stored]] = {stream: [] for stream in streams}
        for stored in stored_events(self._service, rows):
            found[stored.stream].append(stored)
        return found


def _fail(batch: Sequence[_Wanted], error: Exception) -> None:
    for wanted in batch:
        if not wanted.found.done():
            wanted.found.set_exception(error)


def _leave_none_behind(batch: Sequence[_Wanted]) -> None:
    for wanted in batch:
        wanted.found.cancel()
