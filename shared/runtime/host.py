"""How does a service run?

A `Host` opens one service on a platform: its store, command runtime, readers, timers, background tasks and HTTP application. Several
hosts run in one event loop (the embedded mode) or each in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import asyncpg
from fastapi import FastAPI

from shared.events.envelope import Position, Stored
from shared.events.registry import SERVICES
from shared.runtime.codec import EventCodec
from shared.runtime.evidence.account import AccountEvidence
from shared.runtime.evidence.check import HeadsCheck
from shared.runtime.evidence.keys import load_signing_keys
from shared.runtime.evidence.places import place_of
from shared.runtime.evidence.sealer import Sealer
from shared.runtime.faults import Pause, is_worth_retrying
from shared.runtime.feed import Partition
from shared.runtime.handler import CommandHandler
from shared.runtime.held import Keeper
from shared.runtime.lasting import lasting
from shared.runtime.operations import Operations, operations_router
from shared.runtime.parked import ParkedDesk
from shared.runtime.platform import Platform, answers, broker_of
from shared.runtime.policy_runner import PolicySink
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.progress import Progress
from shared.runtime.projection import Projection
from shared.runtime.projector import ProjectionSink
from shared.runtime.queries import ReadDatabase
from shared.runtime.readers import Reader, Readers
from shared.runtime.rebuild import Rebuilder
from shared.runtime.refusals import refusals_of
from shared.runtime.relay import Relay
from shared.runtime.service import ServiceParts, ServiceRuntime, Task
from shared.runtime.store.event_store import EventStore
from shared.runtime.tasks import Right, TaskRunner
from shared.runtime.timer_runner import PostgresTimerRows, TimerRunner, plan_of
from shared.runtime.web import create_app, documents_about_router, events_router, evidence_router, streams_router

VERSION = "0.1.0"
HEADS_POLL_SECONDS = 1.0  # how often the task looks whether it is time for a head
_HEADS_SECONDS = 5.0  # how long a relay may need to say how far the log reaches
_log = logging.getLogger(__name__)

Build = Callable[[ServiceRuntime], ServiceParts]


class Host:
    """One service of one process. Make it with `open_host`."""

    def __init__(
        self,
        platform: Platform,
        name: str,
        parts: ServiceParts,
        *,
        store: EventStore,
        commands: CommandHandler,
        pool: asyncpg.Pool,
        reads: ReadDatabase,
        codec: EventCodec,
    ) -> None:
        self.name = name
        self.parts = parts
        self._platform = platform
        self._store = store
        self._commands = commands
        self._pool = pool
        self._reads = reads
        self._codec = codec
        self._keeper = Keeper(pool, platform.process, seconds=platform.settings.lease_seconds)
        self.progress = Progress(pool)
        self.projections: tuple[Projection, ...] = (*parts.projections, refusals_of(name))
        self._readers = Readers(feed=platform.feed, keeper=self._keeper, progress=self.progress, codec=codec)
        self._timers = [
            TimerRunner(
                timers,
                service=name,
                rows=PostgresTimerRows(pool),
                keeper=self._keeper,
                commands=commands,
                clock=platform.clock,
                poll_seconds=platform.settings.timer_poll_ms / 1000,
            )
            for timers in parts.timers
        ]
        self.store_feed = self._open_store()
        self.place = place_of(platform.settings)
        self.sealer = Sealer(name, pool=pool, store=self.store_feed, place=self.place, settings=platform.settings)
        heads = Task(name=f"{name}.heads", step=self.sealer.step, every_seconds=HEADS_POLL_SECONDS)
        self._tasks = [self._task(task) for task in (*parts.tasks, heads)]
        self._names: dict[str, frozenset[str]] = {}  # reader -> services it reads, once all are known
        self._desk = self._parked_desk()
        self._rebuilder = Rebuilder(feed=platform.feed, codec=codec, owner_dsn=platform.settings.dsn(name, "owner"))
        self.app = self._application()

    # --- running ---

    async def run(self) -> None:
        """Until cancelled. What fails is logged and tried again; only a bug ends it."""
        readers = await self._patiently_all_readers()
        if self._platform.settings.feed == "kafka":
            readers.append(self._relay())
        await lasting(
            {
                f"{self.name} readers": lambda: self._readers.run(readers),
                **{runner.name: runner.run for runner in self._timers},
                **{runner.task.name: runner.run for runner in self._tasks},
            }
        )

    async def close(self) -> None:
        await self.store_feed.close()
        await self._store.close()
        await self._reads.close()
        await self._pool.close()

    async def prepare(self) -> None:
        """Make read models that are not there, and rebuild those of another version; then take in what was parked because an earlier
        release did not know its type. Raises ShapeChanged, RebuildFailed."""
        for projection in self.projections:
            await self._rebuilder.prepare(projection)
        await self._desk.replay_known(self._codec)

    def _open_store(self) -> PostgresFeed:
        """The service's own store, with nothing read from it yet."""
        dsn = self._platform.settings.dsn(self.name, "feed")
        return PostgresFeed({self.name: dsn}, self._platform.clock, connections_max=1)

    def _relay(self) -> Relay:
        return Relay(
            service=self.name,
            feed=self.store_feed,
            keeper=self._keeper,
            progress=self.progress,
            broker=broker_of(self._platform.settings),
        )

    async def _patiently_all_readers(self) -> list[Reader]:
        """Once the partitions of every service's log are known; brokers may be down when this process starts."""
        pause = Pause()
        while True:
            try:
                return await self._all_readers()
            except Exception as error:
                if not is_worth_retrying(error):
                    raise
                _log.warning("logs cannot be found yet", extra={"service": self.name, "error": type(error).__name__})
                await pause.rest()

    async def _all_readers(self) -> list[Reader]:
        readers: list[Reader] = []
        names: dict[str, frozenset[str]] = {}
        for projection in self.projections:
            readers += await self._readers.for_projection(projection)
            names[projection.name] = frozenset(projection.reads)
        for policy in self.parts.policies:
            readers += await self._readers.for_policy(policy, self._commands)
            names[policy.name] = frozenset(policy.reads)
        for timers in self.parts.timers:
            readers += await self._readers.for_timers(timers)
            names[timers.name] = frozenset(timers.reads)
        self._names = names
        return readers

    def _task(self, task: Task) -> TaskRunner:
        async def acquire() -> Right:
            return await self._keeper.acquire(task.name, Partition(self.name, 0))

        return TaskRunner(task, acquire)

    # --- what operators ask ---

    async def busy(self) -> list[str]:
        """What is going on: commands under way, readers behind their heads, timers that are due, tasks with work. The
        first kind that is found, as the others follow from it; nothing when the service is quiet."""
        if not self._store.is_idle:
            return ["commands"]
        if behind := await self.behind():
            return behind
        if due := [timers.timers.name for timers in self._timers if not await timers.idle()]:
            return due
        idle = await asyncio.gather(*(running.is_idle() for running in self._tasks))
        return [running.task.name for running, is_idle in zip(self._tasks, idle, strict=True) if not is_idle]

    async def behind(self, wait_seconds: float = 0.0) -> list[str]:
        """Readers of this service that have not taken in all that is in the stores now; all that read a service whose
        head cannot be told in time."""
        if not self._names:
            return ["readers that are not running yet"]
        names: list[str] = []
        try:
            async with asyncio.timeout(wait_seconds + _HEADS_SECONDS):
                for service in SERVICES:
                    names = [name for name, services in self._names.items() if service in services]
                    heads = await self._platform.feed.covering(service, None) if names else {}
                    if not await self.progress.wait_for(names, heads, wait_seconds):
                        return [name for name in names if not self.progress.is_reached((name,), heads)]
        except TimeoutError:
            return names
        return []

    async def _covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        return await self._platform.feed.covering(service, position)

    async def _stored_stream(self, tenant: str, stream: str) -> Sequence[Stored]:
        return await self._store.stored_stream(tenant, stream)

    # --- HTTP ---

    def _application(self) -> FastAPI:
        operations = Operations(
            service=self.name,
            parts=self.parts,
            projections=self.projections,
            open_store=self._open_store,
            signed_heads=lambda: HeadsCheck(self.name, pool=self._pool, place=self.place),
            continue_heads=self.sealer.continue_after_restore,
            codec=self._codec,
            progress=self.progress,
            desk=self._desk,
            rebuilder=self._rebuilder,
            reads=self._reads,
            busy=self.busy,
            behind=self.behind,
            covering=self._covering,
            feed_name=self._platform.settings.feed,
            store_covering=self.store_feed.covering,
        )
        evidence = AccountEvidence(
            self.name,
            pool=self._pool,
            open_store=self._open_store,
            sealer=self.sealer,
            place=self.place,
            vault=self._platform.vault,
            settings=self._platform.settings,
        )
        routers = (
            *self.parts.routers(),
            events_router(self.name, self._platform.feed),
            streams_router(self._stored_stream),
            evidence_router(evidence),
            documents_about_router(self._pool),
            operations_router(operations),
        )
        return create_app(
            self.name,
            settings=self._platform.settings,
            verifier=self._platform.verifier,
            emergencies=self._platform.emergencies,
            version=VERSION,
            routers=routers,
            ready=self._ready,
            description=f"The {self.name} service of Ledgerline.",
        )

    def _parked_desk(self) -> ParkedDesk:
        sinks = {projection.name: ProjectionSink(projection, self._codec) for projection in self.projections}
        sinks |= {timers.name: ProjectionSink(plan_of(timers), self._codec) for timers in self.parts.timers}
        policies = {policy.name: PolicySink(policy, self._codec, self._commands) for policy in self.parts.policies}
        return ParkedDesk(
            self._pool,
            {name: sink.apply for name, sink in sinks.items()}
            | {name: sink.apply for name, sink in policies.items()}
            | {timers.name: timers.apply for timers in self._timers},
        )

    async def _ready(self) -> Mapping[str, bool]:
        settings = self._platform.settings
        return {
            "store": await answers(settings.dsn(self.name)),
            "readers": bool(self._names),
        }


@contextlib.asynccontextmanager
async def open_host(platform: Platform, name: str, build: Build) -> AsyncIterator[Host]:
    """A service, opened and with its read models in place, not yet running. Raises NoSigningKey, NoSecondPlace."""
    settings = platform.settings
    load_signing_keys(settings)  # found out now, not when the first head is due
    codec = EventCodec()
    store = await EventStore.open(
        settings.dsn(name), service=name, clock=platform.clock, queue_max=settings.committer_queue_max
    )
    try:
        pool = await asyncpg.create_pool(settings.dsn(name), min_size=1, max_size=settings.pool_connections_max)
    except BaseException:
        await store.close()
        raise
    commands = CommandHandler(store, codec, platform.vault, platform.clock, name)
    reads = ReadDatabase(
        settings.dsn(name),
        covering=platform.feed.covering,
        connections_max=settings.pool_connections_max,
        statement_seconds_max=settings.statement_seconds_max,
    )
    parts = build(
        ServiceRuntime(
            name=name,
            commands=commands,
            vault=platform.vault,
            documents=platform.documents,
            reads=reads,
            clock=platform.clock,
            settings=settings,
        )
    )
    host = Host(platform, name, parts, store=store, commands=commands, pool=pool, reads=reads, codec=codec)
    try:
        await host.prepare()
        yield host
    finally:
        await host.close()
