"""Is everything that happened still there, unchanged and in order, and does it add up?

One pass over a service's store as it lies there: versions gapless from 1, every hash recomputed and chained, no command and no
business key twice; and each event shown to the service's own invariants. Read models are compared with a fresh fold by `rebuild.py`.
Events are streamed; what must be remembered of every stream and id spills to disk, so memory is what the service's invariants keep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from shared.events.envelope import Recorded, Stored
from shared.runtime.codec import EventCodec
from shared.runtime.evidence.check import HeadsCheck
from shared.runtime.feed import Feed
from shared.runtime.invariants import VIOLATIONS_MAX, CheckResult, Invariant, Violation, note
from shared.runtime.remembered import Remembered
from shared.runtime.store.hashing import FIRST, hash_of

PAGE_EVENTS = 2_000
HORIZON_SECONDS = 5.0  # how long what is committed may still be above the horizon, which a foreign transaction holds


class VersionsGapless:
    """Every stream's versions are 1, 2, 3, … in the order of the feed."""

    def __init__(self) -> None:
        self._result = CheckResult(name="stream versions are gapless")
        self._versions = Remembered()

    def see(self, stored: Stored) -> None:
        self._result.checked += 1
        key = stored.key.encode()
        expected = int(self._versions.get(key) or 0) + 1
        if stored.version != expected:
            note(self._result, where_of(stored), f"version {expected}", f"version {stored.version}")
        self._versions.put(key, b"%d" % stored.version)

    def result(self) -> CheckResult:
        self._versions.close()
        return self._result


class HashChain:
    """Every event holds the hash of the one before it, and of its own envelope and bytes."""

    def __init__(self) -> None:
        self._result = CheckResult(name="hash chains recompute")
        self._last = Remembered()

    def see(self, stored: Stored) -> None:
        self._result.checked += 1
        key = stored.key.encode()
        if stored.previous_hash != (self._last.get(key) or FIRST):
            note(self._result, where_of(stored), "the hash of the event before", "another")
        if stored.hash != hash_of(stored):
            note(self._result, where_of(stored), "the hash of its own envelope and bytes", "another")
        self._last.put(key, stored.hash)

    def result(self) -> CheckResult:
        self._last.close()
        return self._result


class EventIdsUnique:
    """No event id twice in a tenant, so no command had its effect twice."""

    def __init__(self) -> None:
        self._result = CheckResult(name="event ids are unique")
        self._seen = Remembered()

    def see(self, stored: Stored) -> None:
        self._result.checked += 1
        identity = stored.event_id.bytes + stored.tenant.encode()
        if self._seen.get(identity) is not None:
            note(self._result, where_of(stored), "an id of its own", "the id of an earlier event")
        self._seen.put(identity)

    def result(self) -> CheckResult:
        self._seen.close()
        return self._result


class EventsReadable:
    """Every event is of a known type and reads in today's shape."""

    def __init__(self, codec: EventCodec) -> None:
        self._codec = codec
        self._result = CheckResult(name="events are readable")

    def read(self, stored: Stored) -> Recorded[Any] | None:
        self._result.checked += 1
        try:
            return self._codec.decode(stored)
        except Exception as error:  # noqa: BLE001  whatever keeps it from being read is the finding
            note(self._result, where_of(stored), stored.type, type(error).__name__)
            return None

    def result(self) -> CheckResult:
        return self._result


class Watched:
    """An invariant as verification asks it: what it stumbles over, as when an event that it builds on is gone, is its finding."""

    def __init__(self, invariant: Invariant) -> None:
        self._invariant = invariant
        self._stumbles: list[Violation] = []

    def see(self, recorded: Recorded[Any]) -> None:
        try:
            self._invariant.see(recorded)
        except Exception as error:  # noqa: BLE001  a log that was changed can break it anywhere, and the others go on
            if len(self._stumbles) < VIOLATIONS_MAX:
                found = f"{recorded.stored.type}, {type(error).__name__}"
                self._stumbles.append(
                    Violation(where=where_of(recorded.stored), expected="what it builds on", found=found)
                )

    def result(self) -> CheckResult:
        result = self._invariant.result()
        for stumble in self._stumbles:
            note(result, stumble.where, stumble.expected, stumble.found)
        return result


def where_of(stored: Stored) -> str:
    return f"{stored.service}: {stored.key} version {stored.version}"


async def every_event(store: Feed, service: str) -> AsyncIterator[Stored]:
    """All of a service's events as they lie in its store, in feed order, up to the head when this began."""
    heads = await store.covering(service, None)
    for partition in await store.partitions(service):
        head = heads.get(partition)
        cursor: str | None = None
        while head is not None:
            page = await store.read(partition, cursor, PAGE_EVENTS, HORIZON_SECONDS)
            for stored in page.events:
                if stored.position <= head:
                    yield stored
            if page.position >= head or not page.events:
                break
            cursor = page.cursor


async def check_store(
    store: Feed,
    service: str,
    codec: EventCodec,
    invariants: Iterable[Callable[[], Invariant]],
    heads: HeadsCheck | None = None,
) -> Sequence[CheckResult]:
    """The results of every check of one service's events. `store` must read them afresh, not from what it read before."""
    structural = (VersionsGapless(), HashChain(), EventIdsUnique())
    readable = EventsReadable(codec)
    own = [Watched(make()) for make in invariants]
    if heads is not None:
        await heads.begin()
    async for stored in every_event(store, service):
        for check in structural:
            check.see(stored)
        if heads is not None:
            await heads.see(stored)
        if (recorded := readable.read(stored)) is not None:
            for invariant in own:
                invariant.see(recorded)
    results = [*(check.result() for check in structural), readable.result(), *(invariant.result() for invariant in own)]
    return results if heads is None else [*results, *await heads.results()]
