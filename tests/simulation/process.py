"""One process of one service: what `shared/runtime/host.py` makes of its parts, over simulated places."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from services.charges import main as charges
from services.claims import main as claims
from services.claims.settings import ClaimsSettings
from services.collections import main as collections
from services.collections.settings import CollectionsSettings
from services.eligibility import main as eligibility
from services.eligibility.settings import EligibilitySettings
from services.payments import main as payments
from services.payments.settings import PaymentsSettings
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import DrivenClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Commands
from shared.runtime.feed import Partition
from shared.runtime.handler import CommandHandler
from shared.runtime.held import Held, Keeper
from shared.runtime.leases import Lease
from shared.runtime.leases import Progress as LeaseProgress
from shared.runtime.policy import Timers
from shared.runtime.progress import Progress, ReaderStatus
from shared.runtime.projection import Projection
from shared.runtime.readers import Reader, Readers
from shared.runtime.refusals import refusals_of
from shared.runtime.service import ServiceParts, ServiceRuntime, Task
from shared.runtime.settings import Settings
from shared.runtime.tasks import Right, TaskRunner
from shared.runtime.timer_runner import TimerRunner
from shared.runtime.transaction import ReaderKey
from tests.simulation.feed import SimulatedFeed
from tests.simulation.log import ServiceLog, SimulatedStore
from tests.simulation.outside import PARTNER, Clearinghouse, PlainVault, SimulatedDocuments
from tests.simulation.rows import (
    Mirrors,
    ReaderRow,
    ServiceRows,
    SimulatedReads,
    SimulatedTimers,
    SimulatedTransactions,
)
from tests.simulation.weather import Weather

T = TypeVar("T")
TENANT = "clinic"
CODEC = EventCodec()
_BEAT_SECONDS = 0.5
_TAKE_OVER_SECONDS = 3.0
_NEVER = datetime.min.replace(tzinfo=UTC)
_SETTINGS = Settings(mode="embedded", home=Path("/nowhere"))
_CLAIMS = ClaimsSettings(send_every_seconds=30.0)
_ELIGIBILITY = EligibilitySettings()
_COLLECTIONS = CollectionsSettings()
_PAYMENTS = PaymentsSettings()

_running_in: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Died(Exception):
    """The process that worked on this is gone, and nobody knows how far it came."""


def tasks_by_process(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """A task factory: every task is its process's, so that all of them end with it."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    context: contextvars.Context | None = options.get("context")
    process = context.get(_running_in) if context is not None else _running_in.get()
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(process.forget)
    return task


@dataclass(slots=True, kw_only=True)
class Ground:
    """What the processes of all services stand on."""

    weather: Weather
    clock: DrivenClock
    feed: SimulatedFeed
    logs: Mapping[str, ServiceLog]
    rows: Mapping[str, ServiceRows]
    vault: PlainVault
    documents: SimulatedDocuments
    clearinghouse: Clearinghouse
    mirrors: Mirrors
    partners: dict[str, Any] = field(default_factory=dict)  # beside the clearinghouse, while somebody is there
    batches: int = 0

    def next_batch(self) -> UUID:
        self.batches += 1
        return derived_id("simulated batch", self.batches)


class Silent(Progress):
    """Nobody asks how far readers are: the world sees their rows."""

    def __init__(self) -> None:
        """Without a database to ask."""

    def note(self, status: ReaderStatus) -> None:
        """Nobody waits."""


class SimulatedKeeper(Keeper):
    """Leases in the rows of `readers`. Those of a process that is known to be gone are free."""

    def __init__(
        self, ground: Ground, rows: ServiceRows, transactions: SimulatedTransactions, owner: str, gone: set[str]
    ) -> None:
        self.owner = owner
        self._rows = rows
        self._simulated = transactions
        self._weather = ground.weather
        self._feed = ground.feed
        self._gone = gone
        self.held: dict[ReaderKey, Held] = {}

    async def acquire(self, reader: str, partition: Partition) -> Held:
        key = ReaderKey(reader, *partition)
        row = self._rows.readers[key]
        while True:
            await self._weather.pass_time()
            async with row.lock:
                if row.owner in (None, self.owner) or row.owner in self._gone:
                    return self._take(key, row)
            await asyncio.sleep(_TAKE_OVER_SECONDS)

    async def release(self, held: Held) -> None:
        held.is_held = False
        self.held.pop(held.key, None)
        row = self._rows.readers[held.key]
        if row.epoch == held.epoch:
            row.owner = None

    async def run(self) -> None:
        """Write what was skipped, find out what was lost."""
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await self.beat()

    async def beat(self) -> None:
        for key, held in list(self.held.items()):
            row = self._rows.readers[key]
            if row.epoch != held.epoch or row.place.position < held.rows_at:
                held.is_held = False
                del self.held[key]
                self._feed.nudge(held.partition)
            elif not row.lock.locked():
                if held.place.position >= row.place.position:
                    row.place = held.place
                if self._weather.happens(self._weather.climate.stolen):
                    self._weather.note("stolen", *key)
                    row.owner, row.epoch = None, row.epoch + 1

    def _take(self, key: ReaderKey, row: ReaderRow) -> Held:
        state = msgspec.json.decode(row.state)
        if row.owner not in (None, self.owner):
            row.state = msgspec.json.encode(state | {"crashes": int(state.get("crashes", 0)) + 1}).decode()
        row.owner, row.epoch = self.owner, row.epoch + 1
        self._weather.note("lease", self.owner, *key)
        place = row.place
        partition = Partition(key.service, key.partition)
        progress = LeaseProgress(
            reader=key.reader,
            partition=partition,
            cursor=place.cursor,
            position=place.position,
            watermark=place.watermark,
            state=msgspec.json.decode(row.state),
            owner=self.owner,
            updated_at=_NEVER,
        )
        lease = Lease(reader=key.reader, partition=partition, owner=self.owner, epoch=row.epoch, progress=progress)
        held = Held(self._simulated, lease, timedelta(seconds=15))
        if (before := self.held.get(key)) is not None:
            before.is_held = False
        self.held[key] = held
        return held


class Process:
    """A service that runs, until it is killed."""

    def __init__(self, ground: Ground, service: str, owner: str, gone: set[str]) -> None:
        self.ground = ground
        self.service = service
        self.owner = owner
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._gone = gone
        self._context = contextvars.copy_context()
        self._context.run(_running_in.set, self)
        self._context.run(self._make)

    def _make(self) -> None:
        ground, service = self.ground, self.service
        rows = ground.rows[service]
        self.store = self.make_store()
        self.commands = CommandHandler(self.store, CODEC, ground.vault, ground.clock, service)
        self.reads = SimulatedReads(rows, ground.feed, ground.weather, ground.mirrors)
        self.parts = build(
            service,
            ServiceRuntime(
                name=service,
                commands=self.commands,
                vault=ground.vault,
                documents=ground.documents,
                reads=self.reads,
                clock=ground.clock,
                settings=_SETTINGS,
            ),
            ground,
        )
        rows.install(projections_of(service, self.parts))
        self.aggregates = {aggregate.name: aggregate for aggregate in self.parts.aggregates}
        self.keeper = SimulatedKeeper(ground, rows, self.make_transactions(), self.owner, self._gone)
        self.timers = [self._timer_runner(timers, rows) for timers in self.parts.timers]
        self._tasks = [TaskRunner(task, self._right_to(task)) for task in self.parts.tasks]
        self.readers: list[Reader] = []
        self._reading: list[tuple[Partition, ReaderKey]] = []

    def make_store(self) -> SimulatedStore:
        ground = self.ground
        return SimulatedStore(ground.logs[self.service], ground.feed, ground.weather, ground.clock)

    def commands_of_policies(self) -> Commands:
        return self.commands

    def make_transactions(self) -> SimulatedTransactions:
        return SimulatedTransactions(self.ground.rows[self.service], self.ground.weather)

    async def start(self) -> None:
        readers = Readers(feed=self.ground.feed, keeper=self.keeper, progress=Silent(), codec=CODEC)
        for projection in projections_of(self.service, self.parts):
            self.readers += await readers.for_projection(projection)
        for policy in self.parts.policies:
            self.readers += await readers.for_policy(policy, self.commands_of_policies())
        for timers in self.parts.timers:
            self.readers += await readers.for_timers(timers)
        self._reading = [(reader.partition, ReaderKey(reader.name, *reader.partition)) for reader in self.readers]
        self.spawn(self.keeper.run())
        for running in (*self.readers, *self.timers, *self._tasks):
            self.spawn(running.run())

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return asyncio.get_running_loop().create_task(coroutine, context=self._context.copy())

    def forget(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)

    async def call(self, work: Callable[[Process], Coroutine[Any, Any, T]]) -> T:
        """Have something done by this process. Raises Died, and whatever the work raises."""
        task = self.spawn(work(self))
        await asyncio.wait([task])
        if task.cancelled():
            raise Died(self.owner)
        return task.result()

    async def kill(self) -> None:
        """Everything in it stops where it is."""
        while self.tasks:
            for task in list(self.tasks):
                task.cancel()
            await asyncio.sleep(0)

    async def is_at_rest(self) -> bool:
        """No command is under way, every reader is at its head, no timer is due."""
        if not self.store.is_idle or not self.is_caught_up():
            return False
        return all([await timers.idle() for timers in self.timers])

    async def has_no_work(self) -> bool:
        """Asks the tasks that are ours."""
        return all([self._is_anothers(running.task) or await running.is_idle() for running in self._tasks])

    def _is_anothers(self, task: Task) -> bool:
        owner = self.ground.rows[self.service].readers[ReaderKey(task.name, self.service, 0)].owner
        return owner not in (None, self.owner) and owner not in self._gone

    def is_caught_up(self) -> bool:
        rows, held_by_key = self.ground.rows[self.service].readers, self.keeper.held
        for partition, key in self._reading:
            head = self.ground.feed.heads(partition.service).get(partition)
            held = held_by_key.get(key)
            place = rows[key].place if held is None else held.place
            if head is not None and place.position < head:
                return False
        return True

    def _timer_runner(self, timers: Timers, rows: ServiceRows) -> TimerRunner:
        return TimerRunner(
            timers,
            service=self.service,
            rows=SimulatedTimers(rows, self.ground.weather),
            keeper=self.keeper,
            commands=self.commands,
            clock=self.ground.clock,
            poll_seconds=1.0,
        )

    def _right_to(self, task: Task) -> Callable[[], Awaitable[Right]]:
        async def acquire() -> Right:
            return await self.keeper.acquire(task.name, Partition(self.service, 0))

        return acquire


def projections_of(service: str, parts: ServiceParts) -> Sequence[Projection]:
    return (*parts.projections, refusals_of(service))


def build(service: str, runtime: ServiceRuntime, ground: Ground) -> ServiceParts:
    """The production parts. Payers are asked for nothing in real time; claims leave to the simulated clearinghouse."""

    async def routes() -> Any:
        return {TENANT: {PARTNER: ground.clearinghouse, **ground.partners}}

    match service:
        case "eligibility":
            return eligibility.build(runtime, _ELIGIBILITY)
        case "claims":
            return claims.build(runtime, _CLAIMS, routes, ground.next_batch)
        case "collections":
            return collections.build(runtime, _COLLECTIONS)
        case "payments":
            return payments.build(runtime, _PAYMENTS)
        case _:
            return charges.build(runtime)
