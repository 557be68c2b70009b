"""One run: the services, the world around them, a story, and the trouble that a seed makes."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.claims.adapters.x12_acknowledgements import read_acknowledgements
from services.claims.policies.take_acknowledgements import Streams, TakeAcknowledgements
from services.claims.projections import directories
from services.payments.adapters.remittance_files import RemittanceFiles
from shared.codecs.x12.envelope import sniff
from shared.events.registry import SERVICES
from shared.kernel.errors import DomainError
from shared.runtime.clock import DrivenClock
from shared.runtime.command import Outcome
from shared.runtime.faults import JITTER, is_worth_retrying
from tests.simulation import loop
from tests.simulation.feed import SimulatedFeed
from tests.simulation.log import ServiceLog
from tests.simulation.outside import Clearinghouse, PlainVault, SimulatedDocuments
from tests.simulation.practice import MORNING, Ask, Story, cause_of, generated, set_up
from tests.simulation.process import Died, Ground, Process, tasks_by_process
from tests.simulation.rows import Mirrors, ServiceRows
from tests.simulation.weather import CALM, Broken, Climate, Weather, climate_of

_MIRRORS = Mirrors()
_SETTLE_SECONDS = 120.0  # of the loop: a world that is busy for longer will never be quiet
_TROUBLE_SECONDS = 10.0  # from then on nothing more goes wrong until the world is quiet
_LOOK_SECONDS = 0.25


class NeverQuiet(Exception):
    """Something goes on and on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run left behind."""

    seed: int
    story: Story
    climate: Climate
    ground: Ground
    processes: Mapping[str, Process]
    acknowledged: Mapping[str, Outcome]
    refused: Mapping[str, str]
    contradictions: tuple[str, ...]
    trace: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


@dataclass(slots=True)
class World:
    ground: Ground
    dice: random.Random
    make: type[Process] = Process
    processes: dict[str, list[Process]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    acknowledged: dict[str, Outcome] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    kills_left: int = 0
    zombies_left: int = 0
    started: int = 0

    @property
    def weather(self) -> Weather:
        return self.ground.weather

    # --- processes ---

    async def start(self, service: str) -> None:
        for _ in range(self.weather.climate.replicas):
            self.started += 1
            process = self.make(self.ground, service, f"{service}-{self.started}", self.gone)
            self.weather.note("start", process.owner)
            await process.start()
            self.processes.setdefault(service, []).append(process)

    async def kill(self, process: Process) -> None:
        self.weather.note("kill", process.owner)
        self.processes[process.service].remove(process)
        await process.kill()
        self.gone.add(process.owner)

    async def trouble(self) -> None:
        """Perhaps a process dies a moment from now, or is taken for dead."""
        if self.kills_left and self.dice.random() < 0.3:
            self.kills_left -= 1
            await asyncio.sleep(self.dice.random() * 2)
            service = self.dice.choice(SERVICES)
            for process in list(self.processes[service]):
                await self.kill(process)
            await asyncio.sleep(self.dice.random() * 3)
            await self.start(service)
        elif self.zombies_left and self.dice.random() < 0.3:
            self.zombies_left -= 1
            await asyncio.sleep(self.dice.random() * 2)
            service = self.dice.choice(SERVICES)
            zombies = list(self.processes[service])
            self.gone.update(zombie.owner for zombie in zombies)
            await self.start(service)
            await asyncio.sleep(self.dice.random() * 3)
            for zombie in zombies:
                await self.kill(zombie)

    # --- clients ---

    async def ask_all(self, asks: Sequence[Ask]) -> None:
        for ask in asks:
            await self.ask(ask)

    async def ask(self, ask: Ask) -> None:
        """Until there is an answer. What is worth asking again is asked again, word for word."""
        climate, is_again = self.weather.climate, False
        while True:
            try:
                outcome = await self._once(ask)
            except (Died, Broken) as broken:
                self.weather.note("no answer", ask.name, type(broken).__name__)
            except DomainError as refusal:
                if not is_worth_retrying(refusal):
                    self.weather.note("refused", ask.name, refusal.code)
                    self.refused[ask.name] = refusal.code
                    return
                self.weather.note("no answer", ask.name, refusal.code)
            else:
                if self.weather.happens(climate.answer_lost):
                    self.weather.note("answer lost", ask.name)
                else:
                    self._acknowledge(ask, outcome)
                    if is_again or not self.weather.happens(climate.repeated):
                        return
                    is_again = True
            await asyncio.sleep(0.05 + self.dice.random() * 0.2)

    async def _once(self, ask: Ask) -> Any:
        running = self.processes[ask.service]
        if not running:
            raise Died(ask.service)
        return await self.dice.choice(running).call(ask.work)

    def _acknowledge(self, ask: Ask, outcome: Any) -> None:
        self.weather.note("acknowledged", ask.name)
        if not isinstance(outcome, Outcome):
            return
        before = self.acknowledged.setdefault(ask.name, outcome)
        if before.event_ids != outcome.event_ids:
            self.contradictions.append(f"{ask.name} was answered in two ways")

    async def deliver(self) -> bool:
        """Hand what the clearinghouse left to the service it is for, as the gateway does. Whether there was anything."""
        house = self.ground.clearinghouse
        names = await house.waiting()
        for name in names:
            content = await house.fetch(name)
            for copy in range(1 + self.weather.happens(self.weather.climate.repeated)):
                await self.ask(file_of(f"{name}/{copy}", content))
            await house.mark_done(name)
        return bool(names)

    # --- time ---

    async def next_moment(self, planned: Iterable[datetime]) -> datetime:
        """When something happens next: somebody asks, a timer is due, or the clearinghouse speaks."""
        running = [process for processes in self.processes.values() for process in processes]
        timers = [await timers.next_due() for process in running for timers in process.timers]
        return min(moment for moment in (*planned, *timers, self.ground.clearinghouse.next_at()) if moment is not None)

    async def day(self, asks: Iterable[Sequence[Ask]]) -> None:
        """What is asked at the same time, and everything that follows from it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.trouble())
            for in_order in asks:
                group.create_task(self.ask_all(in_order))
        await self.settle()
        while self.ground.clearinghouse.speak() | await self.deliver():
            await self.trouble()
            await self.settle()

    async def is_quiet(self) -> bool:
        """As `Host.is_quiet`, of all processes at once: at rest, without work, and still at rest after that was asked."""
        running = [process for processes in self.processes.values() for process in processes]
        return (
            all([await process.is_at_rest() for process in running])
            and all([await process.has_no_work() for process in running])
            and all([await process.is_at_rest() for process in running])
        )

    async def settle(self) -> None:
        """Until nothing goes on any more. Raises NeverQuiet."""
        time = asyncio.get_running_loop().time
        calm_at, give_up = time() + _TROUBLE_SECONDS, time() + _SETTLE_SECONDS
        while not await self.is_quiet():
            if time() > give_up:
                raise NeverQuiet
            self.weather.is_over = time() > calm_at
            await asyncio.sleep(_LOOK_SECONDS)
        self.weather.is_over = False


def file_of(name: str, content: bytes) -> Ask:
    """A file of the clearinghouse."""
    if sniff(content) == "835":

        async def post(process: Process) -> Any:
            files = RemittanceFiles(
                commands=process.commands,
                documents=process.ground.documents,
                clock=process.ground.clock,
                remittances=process.aggregates["remittance"],
            )
            await files.receive(content, cause_of(f"file {name}"))

        return Ask(name=f"file {name}", service="payments", work=post)

    async def take(process: Process) -> Any:
        aggregates = process.aggregates
        acknowledgements = TakeAcknowledgements(
            commands=process.commands,
            documents=process.ground.documents,
            read=read_acknowledgements,
            partners=directories.PartnerReads(process.reads),
            streams=Streams(
                claim=aggregates["claim"], batch=aggregates["batch"], held_message=aggregates["held-message"]
            ),
            clock=process.ground.clock,
            status_wait_days=14,
            information_days=30,
        )
        await acknowledgements.take(content, cause_of(f"file {name}"))

    return Ask(name=f"file {name}", service="claims", work=take)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """What a run is made of; a test breaks one."""

    process: type[Process] = Process
    feed: type[SimulatedFeed] = SimulatedFeed
    log: type[ServiceLog] = ServiceLog


WHOLE = Pieces()


def run(seed: int, *, is_calm: bool = False, pieces: Pieces = WHOLE) -> Run:
    """The run of a seed; or its story without any trouble."""
    dice = random.Random(seed)
    story = generated(dice)
    climate = climate_of(dice)
    JITTER.seed(dice.getrandbits(64))
    return loop.run(_run(seed, story, CALM if is_calm else climate, dice, pieces))


async def _run(seed: int, story: Story, climate: Climate, dice: random.Random, pieces: Pieces) -> Run:
    asyncio.get_running_loop().set_task_factory(tasks_by_process)
    weather, clock = Weather(dice, climate), DrivenClock(MORNING)
    _MIRRORS.clear()
    partitions = {service: dice.randint(1, climate.partitions_max) for service in SERVICES}
    ground = Ground(
        weather=weather,
        clock=clock,
        feed=pieces.feed(weather, partitions),
        logs={service: pieces.log(service) for service in SERVICES},
        rows={service: ServiceRows(service) for service in SERVICES},
        vault=PlainVault(),
        documents=SimulatedDocuments(weather, clock),
        clearinghouse=Clearinghouse(weather, clock, seed=seed),
        mirrors=_MIRRORS,
    )
    world = World(ground, dice, pieces.process, kills_left=climate.kills, zombies_left=climate.zombies)
    for service in SERVICES:
        await world.start(service)
    await world.day([ask] for ask in set_up(story.payers))
    asks = {MORNING + timedelta(days=day): asks for day, asks in sorted(story.asks.items())}
    end = MORNING + timedelta(days=story.days)
    await world.day(asks.pop(MORNING, []))
    while (moment := await world.next_moment([*asks, end])) < end:
        clock.advance_to(moment)
        await world.day(asks.pop(moment, []))
    ground.clearinghouse.book.close()
    return Run(
        seed=seed,
        story=story,
        climate=climate,
        ground=ground,
        processes={service: processes[-1] for service, processes in world.processes.items()},
        acknowledged=world.acknowledged,
        refused=world.refused,
        contradictions=tuple(world.contradictions),
        trace=tuple(weather.trace),
    )
