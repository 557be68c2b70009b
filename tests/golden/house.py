"""Services with everything around them in memory: where a story is played without a database.

What comes in goes the way that it goes in production: document store, codec, adapter, deciders, events, policies, projections.
Only the places where things are kept are simulated (`tests/simulation`), in a world without trouble.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid5

from services.payments.adapters.remittance_files import RemittanceFiles
from shared.events.base import Event
from shared.events.envelope import Recorded, Stored
from shared.events.registry import SERVICES
from shared.runtime.clock import DrivenClock
from shared.runtime.command import Cause, Outcome
from shared.runtime.handler import CommandHandler
from shared.runtime.verify import check_store
from tests.golden import said
from tests.golden.found import Row
from tests.golden.story import Charges
from tests.simulation import loop
from tests.simulation.feed import SimulatedFeed
from tests.simulation.log import ServiceLog, SimulatedStore
from tests.simulation.outside import Clearinghouse, PlainVault, SimulatedDocuments
from tests.simulation.process import CODEC, TENANT, Ground, Process, tasks_by_process
from tests.simulation.rows import Mirrors, ServiceRows
from tests.simulation.weather import CALM, Weather

T = TypeVar("T")
MORNING = datetime(2026, 4, 15, 9, tzinfo=UTC)
_LOOK_SECONDS = 0.25
_MIRRORS = Mirrors()
_IDS = UUID("6f1b3a52-7f0c-4bd5-9a43-5a0b0f7c1d2e")


class House:
    """One process of each of these services, and neighbours that say what a story tells them to."""

    def __init__(self, *services: str, weather: Weather | None = None) -> None:
        weather, clock = weather or Weather(random.Random(1), CALM), DrivenClock(MORNING)
        self.clock = clock
        self.feed = SimulatedFeed(weather, dict.fromkeys(SERVICES, 1))
        self.ground = Ground(
            weather=weather,
            clock=clock,
            feed=self.feed,
            logs={service: ServiceLog(service) for service in SERVICES},
            rows={service: ServiceRows(service) for service in SERVICES},
            vault=PlainVault(),
            documents=SimulatedDocuments(weather, clock),
            clearinghouse=Clearinghouse(weather, clock, seed=1),
            mirrors=_MIRRORS,
        )
        self.gone: set[str] = set()
        self.processes = {service: Process(self.ground, service, f"{service}-1", self.gone) for service in services}
        self.neighbours = {
            service: CommandHandler(
                SimulatedStore(self.ground.logs[service], self.feed, weather, clock),
                CODEC,
                self.ground.vault,
                clock,
                service,
            )
            for service in said.NEIGHBOURS
        }
        self.asked = 0

    # --- what happens ---

    async def crash(self, service: str) -> None:
        """A process stops where it is, and another one takes over."""
        before, number = self.processes[service], len(self.gone) + 2
        self.gone.add(before.owner)
        self.processes[service] = Process(self.ground, service, f"{service}-{number}", self.gone)
        await before.kill()
        await self.processes[service].start()

    async def say(self, service: str, event: Event) -> None:
        """A neighbour says something."""
        await self.neighbours[service].handle(said.told, "x", event, self.cause())
        await self.settle()

    async def charge(self, charges: Charges) -> None:
        for service, event in said.of(charges):
            await self.say(service, event)

    @property
    def files(self) -> RemittanceFiles:
        payments = self.processes["payments"]
        return RemittanceFiles(
            commands=payments.commands,
            documents=self.ground.documents,
            clock=self.clock,
            remittances=payments.aggregates["remittance"],
        )

    async def send_835(self, content: bytes) -> None:
        await self.processes["payments"].call(lambda _: self.files.receive(content, self.cause()))
        await self.settle()

    async def handle(self, service: str, aggregate: str, key: str, command: Any, actor: str = "user:poster") -> Outcome:
        cause = self.cause(actor)
        return await self.processes[service].call(
            lambda process: process.commands.handle(process.aggregates[aggregate], key, command, cause)
        )

    def cause(self, actor: str = "user:poster") -> Cause:
        self.asked += 1
        number = uuid5(_IDS, str(self.asked))
        return Cause(tenant=TENANT, actor=actor, command_id=number, correlation_id=str(number))

    async def settle(self) -> None:
        """Until nothing goes on any more. The loop's clock jumps, so to wait takes no time."""
        is_quiet = False
        while not is_quiet:
            await asyncio.sleep(_LOOK_SECONDS)
            is_quiet = await self._is_quiet()

    async def _is_quiet(self) -> bool:
        """Every process at rest and without work, and still at rest after that was asked."""
        processes = self.processes.values()
        return (
            all([await process.is_at_rest() for process in processes])
            and all([await process.has_no_work() for process in processes])
            and all([await process.is_at_rest() for process in processes])
        )

    async def wait_until(self, moment: datetime) -> None:
        """Let time pass, and whatever falls due on the way happen when it is due."""
        while (due_at := await self._next_due()) is not None and due_at <= moment:
            self.clock.advance_to(max(due_at, self.clock.now()))
            await self.settle()
        self.clock.advance_to(moment)
        await self.settle()

    async def _next_due(self) -> datetime | None:
        due = [await timers.next_due() for process in self.processes.values() for timers in process.timers]
        return min((moment for moment in due if moment is not None), default=None)

    # --- what is found ---

    def stored(self, service: str) -> Sequence[Stored]:
        return self.ground.logs[service].events

    def recorded(self, service: str) -> list[Recorded[Event]]:
        return [CODEC.decode(stored) for stored in self.stored(service)]

    def table(self, service: str, name: str) -> list[Row]:
        return list(self.ground.rows[service].tables[name].rows.values())

    async def violations(self) -> list[str]:
        """What `ledgerline verify` finds in the logs, and what no reader could apply."""
        found = [
            f"{check.name}: {each.where}: {each.expected}, found {each.found}"
            for service, process in self.processes.items()
            for check in await check_store(self.feed, service, CODEC, process.parts.invariants)
            for each in check.violations
        ]
        parked = [
            f"parked by {reader}: {code}"
            for service in self.processes
            for (reader, _), (_, code) in self.ground.rows[service].parked.items()
        ]
        return [*found, *parked]


H = TypeVar("H", bound=House)


def in_house(make: Callable[[], H], work: Callable[[H], Awaitable[T]]) -> T:
    """Do something in a house of its own, from its opening until everything has come to rest."""

    async def whole() -> T:
        asyncio.get_running_loop().set_task_factory(tasks_by_process)
        _MIRRORS.clear()
        house = make()
        for process in house.processes.values():
            await process.start()
        try:
            return await work(house)
        finally:
            house.ground.clearinghouse.book.close()

    return loop.run(whole())
