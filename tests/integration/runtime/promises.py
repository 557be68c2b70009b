"""A real aggregate in small, for tests of the store: what patients promised to pay. Everything under it is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID, uuid4

import asyncpg

from shared.events.base import Event
from shared.events.collections import ContactLogged, PromiseKept, PromiseMade
from shared.kernel.decider import Decider
from shared.kernel.errors import DomainError
from shared.runtime.clock import Clock, DrivenClock, SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Aggregate, BusinessKey, Cause
from shared.runtime.handler import CommandHandler
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.store.append import Append, Head, NewEvent
from shared.runtime.store.event_store import EventStore
from shared.runtime.store.hashing import FIRST
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from shared.testing.stores import ServiceDatabase, service_database
from shared.testing.vault import MemoryVault

T = TypeVar("T")

SERVICE = "collections"
TENANT = "clinic"
TYPE = "collections.PromiseMade.v1"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EMPTY = Head(version=0, hash=FIRST, recorded_at=None)


class PromiseUnknown(DomainError):
    code = "promise-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    promise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPromise:
    promise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Whatever these events say happens."""

    events: tuple[Event, ...]


Command: TypeAlias = Promise | KeepPromise | Say


def decide(command: Command, promises: frozenset[str]) -> Sequence[Event]:
    match command:
        case Promise(promise=promise):
            return [] if promise in promises else [promised(promise)]
        case KeepPromise(promise=promise):
            if promise not in promises:
                raise PromiseUnknown("nobody promised that", promise=promise)
            return [PromiseKept(patient_id="p", promise_id=promise)]
        case Say(events=events):
            return events


def evolve(promises: frozenset[str], event: Event) -> frozenset[str]:
    match event:
        case PromiseMade(promise_id=promise):
            return promises | {promise}
        case PromiseKept(promise_id=promise):
            return promises - {promise}
        case _:
            return promises


def business_keys(event: Event) -> Iterator[BusinessKey]:
    if isinstance(event, ContactLogged) and event.reference_number:
        yield BusinessKey("call-reference", event.reference_number)


ACCOUNT = Aggregate(
    name="guarantor-account",
    decider=Decider(decide=decide, evolve=evolve, initial=frozenset[str]()),
    business_keys=business_keys,
)


def promised(promise: str) -> PromiseMade:
    return PromiseMade(patient_id="p", promise_id=promise, amount_cents=10_00, by_on=date(2026, 4, 1))


def cause(command_id: UUID | None = None, *, tenant: str = TENANT, fingerprint: bytes = b"") -> Cause:
    return Cause(
        tenant=tenant,
        actor="user:collector",
        command_id=command_id or uuid4(),
        correlation_id="request-1",
        fingerprint=fingerprint,
    )


def append(
    stream: str,
    head: Head = EMPTY,
    *,
    events: int = 1,
    data: bytes = b"{}",
    tenant: str = TENANT,
    command_id: UUID | None = None,
    **more: Any,
) -> Append:
    """Decided events for a stream, as the store takes them."""
    fields: dict[str, Any] = {
        "tenant": tenant,
        "stream": stream,
        "head": head,
        "events": tuple(NewEvent(event_id=uuid4(), type=TYPE, data=data) for _ in range(events)),
        "business_keys": frozenset(),
        "command_id": command_id or uuid4(),
        "fingerprint": b"",
        "occurred_at": None,
        "actor": "user:collector",
        "correlation_id": "request-1",
        "causation_id": None,
        "traceparent": None,
    }
    return Append(**(fields | more))


@dataclass(slots=True)
class Promises:
    """One service's database, and as many processes on it as a test wants."""

    database: ServiceDatabase
    clock: Clock
    vault: MemoryVault = field(default_factory=MemoryVault)
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def store(self, dsn: str | None = None, **options: Any) -> EventStore:
        """The store as another process would open it."""
        store = await EventStore.open(dsn or self.database.app, service=SERVICE, clock=self.clock, **options)
        self._closing.push_async_callback(store.close)
        return store

    async def commands(self, store: EventStore | None = None, **options: Any) -> CommandHandler:
        """The command runtime of another process."""
        return CommandHandler(store or await self.store(), EventCodec(), self.vault, self.clock, SERVICE, **options)

    def feed(self) -> PostgresFeed:
        feed = PostgresFeed({SERVICE: self.database.feed}, self.clock)
        self._closing.push_async_callback(feed.close)
        return feed

    async def connect(self, dsn: str | None = None) -> asyncpg.Connection:
        """A connection of one's own, as superuser unless a DSN is given."""
        connection = await asyncpg.connect(dsn or self.database.superuser)
        self._closing.push_async_callback(_close, connection)
        return connection

    async def close(self) -> None:
        await self._closing.aclose()


async def eventually(ask: Callable[[], Awaitable[T]]) -> T:
    """The first answer that is something, within ten seconds."""
    for _ in range(1_000):
        if answer := await ask():
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


async def _close(connection: asyncpg.Connection) -> None:
    connection.terminate()


@asynccontextmanager
async def promises_service(
    server: PostgresServer, fresh: FreshDatabase, *, driven: bool = False
) -> AsyncIterator[Promises]:
    clock = DrivenClock(NOON) if driven else SystemClock()
    service = Promises(await service_database(server, fresh, SERVICE), clock)
    try:
        yield service
    finally:
        await service.close()
