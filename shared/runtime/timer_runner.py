"""How does something happen because time has passed?

Timers are rows that events set, move and cancel: planned like a read model, so a replay gives the same due dates. When business
time reaches one it is fired as commands whose ids are derived from name, tenant, key and due time: firing again after a crash has
one effect. Only then is it marked.

Trouble in the world is waited out. A timer that is to blame itself is tried a few times with growing pauses and then parked on the
desk of parked events (`parked.py`), as if it were the only event of a stream `timer/<key>`; from there a person fires it, or leaves
it out. Setting it again gives it another time, which comes whatever became of this one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa
from opentelemetry import trace

from shared.events.envelope import START, Recorded, Stored
from shared.events.platform import ReactionRefused
from shared.kernel.errors import DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Cause, Commands
from shared.runtime.faults import Pause, end_if_cancelled, is_worth_retrying
from shared.runtime.feed import Partition
from shared.runtime.held import Held, Keeper
from shared.runtime.leases import Fenced
from shared.runtime.parked import park
from shared.runtime.policy import CancelTimer, DueTimer, Reaction, SetTimer, Timers
from shared.runtime.policy_runner import Reactions
from shared.runtime.projection import Change, Projection, Put, Remove
from shared.runtime.transaction import PostgresTransaction, Transaction

FIRED_AT_ONCE = 64
PAGE_TIMERS = 500
ATTEMPTS_MAX = 5  # before a timer that is to blame itself is parked
FIRING = ".fire"  # what the lease for firing is called, behind the timers' name

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)

TIMERS = sa.Table(
    "timers",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("due_at", sa.DateTime(timezone=True)),
    sa.Column("fired_at", sa.DateTime(timezone=True)),
    sa.Column("set_by", sa.Uuid),
    sa.Column("note", sa.Text),
)


def plan_of(timers: Timers) -> Projection:
    """The plan as a projection onto the table of timers (which the store's schema has)."""

    def apply(recorded: Recorded[Any]) -> Iterator[Change]:
        for change in timers.plan(recorded):
            match change:
                case SetTimer():
                    values = {
                        "due_at": change.due_at,
                        "note": change.note,
                        "fired_at": None,
                        "set_by": recorded.event_id,
                    }
                    yield Put(table=TIMERS.name, key=(timers.name, change.key), values=values)
                case CancelTimer():
                    yield Remove(table=TIMERS.name, key=(timers.name, change.key))

    return Projection(name=timers.name, version=1, tables=(TIMERS,), reads=timers.reads, apply=apply)


@dataclass(slots=True)
class _Failing:
    """A timer that is to blame itself for not firing."""

    pause: Pause = field(default_factory=lambda: Pause(first_seconds=0.1))
    attempts: int = 0
    not_before: float = 0.0

    @property
    def is_hopeless(self) -> bool:
        return self.attempts >= ATTEMPTS_MAX

    def count(self, now: float) -> None:
        self.attempts += 1
        self.not_before = now + self.pause.next_seconds()


class TimerRows(Protocol):
    """The table of timers, as far as firing needs it."""

    async def due(self, name: str, now: datetime, limit: int) -> Sequence[DueTimer]:
        """Timers of a name that are due and were not fired, the earliest first."""
        ...

    async def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        """Fired, unless the plan has moved it meanwhile."""
        ...

    async def next_due(self, name: str | None, tenant: str | None) -> datetime | None: ...


class PostgresTimerRows:
    """Implements `TimerRows` in a service's database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def due(self, name: str, now: datetime, limit: int) -> Sequence[DueTimer]:
        rows = await self._pool.fetch("SELECT * FROM due_timers($1, $2, $3)", name, now, limit)
        return [DueTimer(tenant=row["tenant"], key=row["key"], due_at=row["due_at"], note=row["note"]) for row in rows]

    async def mark_fired(self, name: str, timer: DueTimer, at: datetime) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await PostgresTransaction(connection).mark_fired(name, timer, at)

    async def next_due(self, name: str | None, tenant: str | None) -> datetime | None:
        found: datetime | None = await self._pool.fetchval("SELECT next_timer($1, $2)", name, tenant)
        return found


class TimerRunner:
    """Fires the timers of one name when business time reaches them, under a lease of its own."""

    def __init__(
        self,
        timers: Timers,
        *,
        service: str,
        rows: TimerRows,
        keeper: Keeper,
        commands: Commands,
        clock: Clock,
        poll_seconds: float = 0.25,
    ) -> None:
        self.timers = timers
        self.name = timers.name + FIRING
        self.partition = Partition(service, 0)
        self.keeper = keeper
        self._rows = rows
        self._reactions = Reactions(commands)
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._firing = 0
        self._failing: dict[DueTimer, _Failing] = {}
        self._parking = asyncio.Lock()  # the lease's row is written by one at a time

    async def run(self) -> None:
        """Fire what becomes due, until cancelled."""
        pause = Pause()
        while True:
            end_if_cancelled()
            try:
                held = await self.keeper.acquire(self.name, self.partition)
                while held.is_held:
                    if not await self.fire_due(held):
                        await asyncio.sleep(self._poll_seconds)
                    end_if_cancelled()
                    pause.reset()
            except Fenced:
                continue
            except Exception as error:  # noqa: BLE001  a timer is never dropped: it stays due and is tried again
                _log.log(
                    logging.WARNING if is_worth_retrying(error) else logging.ERROR,
                    "timers will be tried again",
                    extra={"timers": self.timers.name, "error": type(error).__name__},
                    exc_info=not is_worth_retrying(error),
                )
                await pause.rest()

    async def fire_due(self, held: Held) -> int:
        """Fire what is due now, under this lease; how many that was. Raises what is worth retrying, after all others were fired."""
        now = self._clock.now()
        due = await self._rows.due(self.timers.name, now, PAGE_TIMERS)
        self._failing = {timer: self._failing[timer] for timer in due if timer in self._failing}
        due = [timer for timer in due if not self._waits(timer)]
        if not due:
            return 0
        room = asyncio.Semaphore(FIRED_AT_ONCE)
        self._firing += len(due)
        try:
            results = await asyncio.gather(*(self._fire(held, timer, room) for timer in due), return_exceptions=True)
            _raise_first(results)
        finally:
            self._firing -= len(due)
        return len(due)

    async def apply(self, _transaction: Transaction, parked: Sequence[Stored]) -> None:
        """Fire timers from the desk. Raises what a timer is to blame for."""
        for stored in parked:
            await self._send(msgspec.json.decode(stored.data, type=DueTimer))

    async def next_due(self, tenant: str | None = None) -> datetime | None:
        """When the next timer of this name is due; None when none is set."""
        return await self._rows.next_due(self.timers.name, tenant)

    async def idle(self) -> bool:
        """Nothing is being fired, and nothing is due at the present business time."""
        next_due = await self.next_due()
        return not self._firing and (next_due is None or next_due > self._clock.now())

    async def _fire(self, held: Held, timer: DueTimer, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                await self._send(timer)
            except Exception as error:
                if is_worth_retrying(error):
                    raise
                await self._blame(held, timer, error)
            else:
                await self._rows.mark_fired(self.timers.name, timer, self._clock.now())

    async def _send(self, timer: DueTimer) -> None:
        with _tracer.start_as_current_span(f"fire {self.timers.name}"):
            for ordinal, reaction in enumerate(self.timers.fire(timer)):
                cause = self._cause(timer, reaction, ordinal)
                await self._reactions.send(reaction, cause, partial(self._refusal, timer, reaction))

    def _waits(self, timer: DueTimer) -> bool:
        failing = self._failing.get(timer)
        return failing is not None and asyncio.get_running_loop().time() < failing.not_before

    async def _blame(self, held: Held, timer: DueTimer, error: Exception) -> None:
        """Count the attempt; after the last one park the timer."""
        failing = self._failing.setdefault(timer, _Failing())
        failing.count(asyncio.get_running_loop().time())
        _log.error(
            "timer is parked" if failing.is_hopeless else "timer will be tried again",
            extra={"timers": self.timers.name, "error": type(error).__name__},
            exc_info=error,
        )
        if failing.is_hopeless:
            async with self._parking, held.moving(held.place) as transaction:
                await park(transaction, held, [(self._as_event(timer), error)])
                await transaction.mark_fired(self.timers.name, timer, self._clock.now())

    def _as_event(self, timer: DueTimer) -> Stored:
        """A timer as the desk keeps it: an event that no log has."""
        fired = self._fired(timer)
        return Stored(
            service=self.partition.service,
            tenant=timer.tenant,
            stream=f"timer/{timer.key}",
            version=1,
            event_id=fired,
            type=self.timers.name,
            occurred_at=timer.due_at,
            recorded_at=self._clock.now(),
            actor=f"timer:{self.timers.name}",
            command_id=fired,
            correlation_id=str(fired),
            causation_id=None,
            traceparent=None,
            clock="",
            data=msgspec.json.encode(timer),
            previous_hash=b"",
            hash=b"",
            position=START,
        )

    def _fired(self, timer: DueTimer) -> UUID:
        return derived_id(self.timers.name, timer.tenant, timer.key, timer.due_at.isoformat())

    def _cause(self, timer: DueTimer, reaction: Reaction, ordinal: int) -> Cause:
        fired = self._fired(timer)
        return Cause(
            tenant=timer.tenant,
            actor=f"timer:{self.timers.name}",
            command_id=derived_id(fired, ordinal),
            correlation_id=str(fired),
            causation_id=None,
            occurred_at=reaction.occurred_at or timer.due_at,
        )

    def _refusal(self, timer: DueTimer, reaction: Reaction, error: DomainError) -> ReactionRefused:
        return ReactionRefused(
            policy=self.timers.name,
            cause_event_id="",
            cause_type="timer",
            cause_stream=timer.key,
            aggregate=reaction.aggregate.name,
            key=reaction.key,
            code=error.code,
            message=error.message,
        )


async def next_due(pool: asyncpg.Pool, tenant: str | None = None) -> datetime | None:
    """When the next timer of any name in this service is due."""
    return await PostgresTimerRows(pool).next_due(None, tenant)


def _raise_first(results: Sequence[BaseException | None]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result
