"""How does another program follow a service's events, from any position?

`GET /events?after=<cursor>` answers pages of CloudEvents in the order of the log and, with `wait`, holds the question until there is
something to tell. The same path with `Accept: text/event-stream` streams them; the id of each message is the cursor to go on from.
Only the caller's tenant is told, personal fields stay sealed as they are stored. Nothing is forgotten: a new reader starts
without a cursor and reads everything.

Sources: CloudEvents 1.0 JSON format and HTTP batch; HTML Living Standard, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from shared.events.envelope import Stored
from shared.kernel.errors import Malformed
from shared.runtime.feed import EventsGivenUp, Feed, Page, Partition
from shared.runtime.identity import Caller
from shared.runtime.web.problems import RESPONSES
from shared.runtime.web.requests import caller, identity

MEDIA_TYPE = "application/cloudevents-batch+json"
GONE = {
    **RESPONSES[409],
    "description": "The log was restored to an earlier moment than the cursor's. Code events-given-up: fact `kept` is the last position"
    " that is still as it was, and the header Ledgerline-Cursor goes on. Code another-log: begin again without a cursor.",
}
_SCANNED_EVENTS = 1000  # read at a time; only some of them are the tenant's
_SCANS_MAX = 20  # in one answer: after so many the cursor moves on even when nothing was found
_WAIT_SECONDS_MAX = 30.0
_PAUSE_SECONDS = 0.2
_HEARTBEAT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events of the caller's tenant: all, or those of some types or of some aggregates."""

    tenant: str
    types: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()

    def includes(self, event: Stored) -> bool:
        if event.tenant != self.tenant:
            return False
        return (not self.types or event.type in self.types) and (
            not self.aggregates or event.aggregate in self.aggregates
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was found, and where to go on."""

    events: Sequence[Stored]
    cursors: Mapping[int, str]
    is_head: bool


class EventReader:
    """Reads a service's feed for one question at a time, over all of its partitions."""

    def __init__(self, service: str, feed: Feed) -> None:
        self._service = service
        self._feed = feed

    async def read(self, wanted: Wanted, cursors: Mapping[int, str], limit: int, wait_seconds: float) -> Reading:
        """Up to about `limit` events behind the cursors, waiting for the first at most so long. Raises EventsGivenUp."""
        try:
            return await self._read(wanted, cursors, limit, wait_seconds)
        except EventsGivenUp as cut:
            # Nothing of this answer was told, so the other partitions go on where the question said.
            cursor = write_cursor({**cursors, cut.partition.number: cut.cursor})
            raise EventsGivenUp(cut.partition, kept=cut.kept, cursor=cursor) from None

    async def _read(self, wanted: Wanted, cursors: Mapping[int, str], limit: int, wait_seconds: float) -> Reading:
        until = time.monotonic() + wait_seconds
        found: list[Stored] = []
        is_head = False
        for _ in range(_SCANS_MAX):
            reading = await self._scan(wanted, cursors, limit - len(found))
            found.extend(reading.events)
            cursors, is_head = reading.cursors, reading.is_head
            if len(found) >= limit or (is_head and (found or time.monotonic() >= until)):
                break
            if is_head:
                await asyncio.sleep(min(_PAUSE_SECONDS, max(until - time.monotonic(), 0)))
        return Reading(events=found, cursors=cursors, is_head=is_head)

    async def _scan(self, wanted: Wanted, cursors: Mapping[int, str], limit: int) -> Reading:
        moved = dict(cursors)
        found: list[Stored] = []
        is_head = True
        for partition in await self._feed.partitions(self._service):
            if len(found) >= limit:
                is_head = False
                break
            page = await self._page(partition, moved.get(partition.number), _SCANNED_EVENTS)
            mine = [event for event in page.events if wanted.includes(event)]
            if len(mine) > limit - len(found):
                mine, cursor = await self._first(partition, moved.get(partition.number), wanted, limit - len(found))
                moved[partition.number] = cursor
                is_head = False
            else:
                moved[partition.number] = page.cursor
                is_head = is_head and page.is_head
            found.extend(mine)
        return Reading(events=found, cursors=moved, is_head=is_head)

    async def _page(self, partition: Partition, cursor: str | None, limit: int) -> Page:
        try:
            return await self._feed.read(partition, cursor, limit)
        except ValueError:
            raise Malformed("after is a cursor that an earlier answer gave") from None

    async def _first(
        self, partition: Partition, cursor: str | None, wanted: Wanted, limit: int
    ) -> tuple[list[Stored], str]:
        """Exactly so many: the feed gives cursors by page, so the last page is read as short as it has to be."""
        found: list[Stored] = []
        while True:
            page = await self._page(partition, cursor, limit - len(found))
            found.extend(event for event in page.events if wanted.includes(event))
            cursor = page.cursor
            if len(found) >= limit or not page.events:
                return found, cursor


def events_router(service: str, feed: Feed) -> APIRouter:
    """`GET /events` of a service."""
    router = APIRouter(tags=["events"])
    reader = EventReader(service, feed)

    @router.get("/events", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}, 410: GONE})
    async def read_events(
        request: Request,
        who: Annotated[Caller, Depends(caller("events:read-events"))],
        after: Annotated[
            str | None, Query(max_length=4096, description="Cursor; absent: from the first event.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        wait: Annotated[
            float, Query(ge=0, le=_WAIT_SECONDS_MAX, description="Seconds to wait for the first event.")
        ] = 0,
        types: Annotated[
            str, Query(max_length=2048, pattern=r"^[A-Za-z0-9.,]*$", description="Only these, by comma.")
        ] = "",
        aggregates: Annotated[
            str, Query(max_length=1024, pattern=r"^[a-z0-9,-]*$", description="Only these, by comma.")
        ] = "",
        accept: Annotated[str, Header()] = "",
        last_event_id: Annotated[str | None, Header(max_length=4096)] = None,
    ) -> Response:
        """The events of the caller's tenant in the order of the log, each once and in the order of its stream."""
        wanted = Wanted(tenant=who.tenant, types=_listed(types), aggregates=_listed(aggregates))
        cursors = read_cursor(last_event_id or after)
        if "text/event-stream" in accept:
            await reader.read(wanted, cursors, 1, 0)  # what is wrong with the cursor is said before the stream begins
            return StreamingResponse(
                _stream(reader, wanted, cursors, limit, until=identity(request).expires_at),
                media_type="text/event-stream",
                headers={"X-Accel-Buffering": "no"},
            )
        reading = await reader.read(wanted, cursors, limit, wait)
        cursor = write_cursor(reading.cursors)
        return Response(
            b"[" + b",".join(map(cloud_event, reading.events)) + b"]",
            media_type=MEDIA_TYPE,
            headers={"Ledgerline-Cursor": cursor, "Ledgerline-Head": "true" if reading.is_head else "false"},
        )

    return router


async def _stream(
    reader: EventReader, wanted: Wanted, cursors: Mapping[int, str], limit: int, *, until: float
) -> AsyncIterator[bytes]:
    """It ends with the token, so that a withdrawn right ends too; the client goes on from the last id with a new one."""
    yield b": begun\n\n"
    while time.time() < until:
        reading = await reader.read(wanted, cursors, limit, min(_HEARTBEAT_SECONDS, until - time.time()))
        cursors = reading.cursors
        cursor = write_cursor(cursors).encode()
        for event in reading.events[:-1]:
            yield b"event: " + event.type.encode() + b"\ndata: " + cloud_event(event) + b"\n\n"
        for event in reading.events[-1:]:  # going on from the id must not skip: only the last of a page carries it
            yield b"id: " + cursor + b"\nevent: " + event.type.encode() + b"\ndata: " + cloud_event(event) + b"\n\n"
        if not reading.events:
            yield b"id: " + cursor + b"\n: still here\n\n"


def cloud_event(event: Stored) -> bytes:
    """An event in the JSON format of CloudEvents 1.0; `data` are the very bytes that were stored and hashed."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": f"/ledgerline/{event.service}",
        "type": event.type,
        "subject": event.stream,
        "time": event.occurred_at,
        "recordedat": event.recorded_at,
        "datacontenttype": "application/json",
        "tenant": event.tenant,
        "streamversion": event.version,
        "position": str(event.position),
        "actor": event.actor,
        "correlationid": event.correlation_id,
        "clock": event.clock,
    }
    if event.causation_id is not None:
        attributes["causationid"] = event.causation_id
    if event.traceparent is not None:
        attributes["traceparent"] = event.traceparent
    attributes["data"] = msgspec.Raw(event.data)
    return msgspec.json.encode(attributes)


def write_cursor(cursors: Mapping[int, str]) -> str:
    """Opaque text for where a reader is in every partition."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursors)).decode().rstrip("=")


def read_cursor(text: str | None) -> Mapping[int, str]:
    """The reverse of `write_cursor`; nothing is the start. Raises Malformed."""
    if not text:
        return {}
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=dict[int, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise Malformed("after is a cursor that an earlier answer gave") from None


def _listed(text: str) -> frozenset[str]:
    return frozenset(part for part in text.split(",") if part)
