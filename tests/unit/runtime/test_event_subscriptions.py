"""Does a subscriber get every event of its tenant once, in order, from any position, and nothing of another's?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from shared.events.envelope import Position, Stored
from shared.runtime.feed import EventsGivenUp, Page, Partition
from shared.runtime.identity import Role, TokenVerifier
from shared.runtime.identity.issuer import LocalIssuer
from shared.runtime.identity.keys import IssuerKeys
from shared.runtime.settings import Settings
from shared.runtime.web import create_app, events_router
from shared.runtime.web.events import EventReader, Wanted, read_cursor, write_cursor

pytestmark = pytest.mark.asyncio

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stored(number: int, tenant: str, kind: str = "ClaimPaymentPosted", aggregate: str = "claim-account") -> Stored:
    return Stored(
        service="payments",
        tenant=tenant,
        stream=f"{aggregate}/{number % 3}",
        version=number,
        event_id=UUID(int=number),
        type=f"payments.{kind}.v1",
        occurred_at=NOON,
        recorded_at=NOON + timedelta(seconds=number),
        actor="user:anna",
        command_id=UUID(int=number),
        correlation_id="c",
        causation_id=None,
        traceparent=None,
        clock="real",
        data=b'{"paid_cents":%d,"name":{"s":"p1","t":"c2VhbGVk"}}' % number,
        previous_hash=bytes(32),
        hash=bytes(32),
        position=Position(0, number, 1),
    )


class ListFeed:
    """A feed over lists: what the Feed port promises, in memory."""

    def __init__(self, *partitions: Sequence[Stored]) -> None:
        self.logs = [list(events) for events in partitions]

    async def partitions(self, service: str) -> Sequence[Partition]:
        return [Partition(service, number) for number in range(len(self.logs))]

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        start = int(cursor or "0")
        log = self.logs[partition.number]
        if start > len(log):
            raise EventsGivenUp(partition, kept=log[-1].position, cursor=str(len(log)))
        events = log[start : start + limit]
        end = start + len(events)
        last = log[end - 1].position if end else Position(0, 0, 0)
        return Page(events=events, cursor=str(end), position=last, is_head=end == len(log), watermark=None)

    def restore(self, *, kept: int) -> None:
        """To the moment at which the log held so many events."""
        del self.logs[0][kept:]

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        raise NotImplementedError

    async def close(self) -> None: ...


async def follow(reader: EventReader, wanted: Wanted, limit: int) -> list[int]:
    """Everything, page by page, through the text that a client keeps."""
    cursor, found = "", list[int]()
    while True:
        reading = await reader.read(wanted, read_cursor(cursor), limit, 0)
        assert len(reading.events) <= limit
        found.extend(event.version for event in reading.events)
        cursor = write_cursor(reading.cursors)
        if reading.is_head and not reading.events:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("partitions", [1, 3])
async def test_pages_of_any_size_give_every_event_of_the_tenant_once_and_in_order(limit: int, partitions: int) -> None:
    events = [stored(number, "north" if number % 4 else "south") for number in range(1, 60)]
    logs = [[event for event in events if event.version % partitions == part] for part in range(partitions)]
    found = await follow(EventReader("payments", ListFeed(*logs)), Wanted(tenant="north"), limit)
    assert sorted(found) == [event.version for event in events if event.tenant == "north"]
    for log in logs:
        mine = [event.version for event in log if event.tenant == "north"]
        assert [version for version in found if version in mine] == mine


async def test_only_the_wanted_types_and_aggregates_come() -> None:
    log = [stored(1, "north"), stored(2, "north", "RefundIssued"), stored(3, "north", aggregate="deposit")]
    reader = EventReader("payments", ListFeed(log))
    by_type = Wanted(tenant="north", types=frozenset({"payments.RefundIssued.v1"}))
    by_aggregate = Wanted(tenant="north", aggregates=frozenset({"deposit"}))
    assert await follow(reader, by_type, 10) == [2]
    assert await follow(reader, by_aggregate, 10) == [3]


async def test_a_long_stretch_of_others_events_moves_the_cursor_on() -> None:
    log = [stored(number, "south") for number in range(1, 30_001)] + [stored(30_001, "north")]
    reader = EventReader("payments", ListFeed(log))
    first = await reader.read(Wanted(tenant="north"), {}, 10, 0)
    assert (list(first.events), first.is_head) == ([], False)
    second = await reader.read(Wanted(tenant="north"), first.cursors, 10, 0)
    assert [event.version for event in second.events] == [30_001]


class Subscriber:
    def __init__(self, home: Path) -> None:
        self.feed = ListFeed([stored(number, "north" if number % 2 else "south") for number in range(1, 8)])
        self.issuer = LocalIssuer(Settings(home=home))
        app = create_app(
            "payments",
            settings=Settings(home=home),
            verifier=TokenVerifier(IssuerKeys(self.issuer.key_set), issuer=self.issuer.issuer, audience="ledgerline"),
            version="1",
            routers=[events_router("payments", self.feed)],
            ready=self._ready,
            description="",
        )
        self.app: FastAPI = app
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")

    async def _ready(self) -> Mapping[str, bool]:
        return {}

    def headers(self, role: Role = Role.INTEGRATION, seconds: int = 60, **more: str) -> dict[str, str]:
        token = self.issuer.sign("ehr", "ehr", {"north": [role]}, seconds)
        return {"Authorization": f"Bearer {token}"} | more


@pytest_asyncio.fixture
async def subscriber(tmp_path: Path) -> AsyncIterator[Subscriber]:
    made = Subscriber(tmp_path)
    yield made
    await made.client.aclose()


async def test_events_come_as_cloud_events_with_the_stored_bytes_and_sealed_values(subscriber: Subscriber) -> None:
    answer = await subscriber.client.get("/events?limit=2", headers=subscriber.headers())
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    first, third = answer.json()
    assert (first["specversion"], first["id"], first["source"]) == ("1.0", str(UUID(int=1)), "/ledgerline/payments")
    assert (first["type"], first["subject"], first["position"]) == (
        "payments.ClaimPaymentPosted.v1",
        "claim-account/1",
        "0.1.1",
    )
    assert first["data"] == {"paid_cents": 1, "name": {"s": "p1", "t": "c2VhbGVk"}}
    assert third["streamversion"] == 3
    assert b'"data":{"paid_cents":1,"name":' in answer.content
    assert {event["tenant"] for event in (first, third)} == {"north"}
    assert answer.headers["ledgerline-head"] == "false"
    after = answer.headers["ledgerline-cursor"]
    rest = await subscriber.client.get(f"/events?after={after}", headers=subscriber.headers())
    assert [event["streamversion"] for event in rest.json()] == [5, 7]
    assert rest.headers["ledgerline-head"] == "true"


async def test_a_question_waits_for_the_next_event_and_then_answers_at_once(subscriber: Subscriber) -> None:
    after = (await subscriber.client.get("/events", headers=subscriber.headers())).headers["ledgerline-cursor"]
    empty = await subscriber.client.get(f"/events?after={after}&wait=0.3", headers=subscriber.headers())
    assert empty.json() == []
    subscriber.feed.logs[0].append(stored(9, "north"))
    found = await subscriber.client.get(f"/events?after={after}&wait=30", headers=subscriber.headers())
    assert [event["streamversion"] for event in found.json()] == [9]


async def test_a_stream_of_server_sent_events_names_the_cursor_to_go_on_from(subscriber: Subscriber) -> None:
    scope_headers = subscriber.headers(Accept="text/event-stream")
    lines = await first_lines(subscriber.app, scope_headers, until="\nid: ")
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    ids = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
    assert [event["streamversion"] for event in data] == [1, 3, 5, 7]
    rest = await subscriber.client.get(f"/events?after={ids[-1]}", headers=subscriber.headers())
    assert rest.json() == []


async def test_a_stream_ends_with_the_token_that_began_it(subscriber: Subscriber) -> None:
    answer = await subscriber.client.get("/events", headers=subscriber.headers(seconds=1, Accept="text/event-stream"))
    assert answer.text.count("data: ") == 4  # httpx returns when the stream has ended


async def first_lines(app: FastAPI, headers: Mapping[str, str], until: str) -> list[str]:
    """What a client has read when it goes away at `until`; httpx's in-memory transport would wait for the end, which never comes."""
    text = ""

    has_enough = asyncio.Event()

    async def receive() -> dict[str, object]:
        await has_enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, object]) -> None:
        nonlocal text
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        text += body.decode()
        if until in text:
            has_enough.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/events",
        "raw_path": b"/events",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("x", 80),
    }
    await app(scope, receive, send)
    return text.splitlines()


@pytest.mark.parametrize("after", ["x", "e30x", "AAAA", "eyIwIjoxfQ", "'; drop table events; --"])
async def test_a_cursor_that_we_did_not_give_is_refused(subscriber: Subscriber, after: str) -> None:
    answer = await subscriber.client.get("/events", params={"after": after}, headers=subscriber.headers())
    assert answer.status_code == 422


async def test_a_cursor_that_the_feed_does_not_understand_is_refused(subscriber: Subscriber) -> None:
    after = write_cursor({0: "not-a-number"})
    answer = await subscriber.client.get("/events", params={"after": after}, headers=subscriber.headers())
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_who_is_ahead_of_a_log_that_was_restored_is_told_what_is_kept_and_where_to_go_on(
    subscriber: Subscriber, accept: str
) -> None:
    whole = await subscriber.client.get("/events", headers=subscriber.headers())
    subscriber.feed.restore(kept=4)
    after, headers = whole.headers["ledgerline-cursor"], subscriber.headers(Accept=accept)
    answer = await subscriber.client.get("/events", params={"after": after}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (410, "events-given-up")
    assert answer.json()["facts"]["kept"] == "0.4.1"
    cursor = answer.headers["ledgerline-cursor"]
    assert answer.json()["facts"]["cursor"] == cursor
    subscriber.feed.logs[0].append(stored(9, "north"))
    rest = await subscriber.client.get("/events", params={"after": cursor}, headers=subscriber.headers())
    assert [event["streamversion"] for event in rest.json()] == [9]


async def test_only_those_who_may_read_events_do(subscriber: Subscriber) -> None:
    assert (await subscriber.client.get("/events", headers=subscriber.headers(Role.BILLER))).status_code == 403
    assert (await subscriber.client.get("/events", headers=subscriber.headers(Role.AUDITOR))).status_code == 200
