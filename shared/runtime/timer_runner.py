"""How does something happen because time has passed?

Timers are rows that events set, move and cancel: planned like a read model, so a replay gives the same due dates. When business
time reaches one it is fired as commands whose ids are derived from name, tenant, key and due time: firing again after a crash has
one effect. Only then is it marked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import sqlalchemy as sa
from opentelemetry import trace

from shared.events.envelope import Recorded
from shared.events.platform import ReactionRefused
from shared.kernel.errors import DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Cause, Commands
from shared.runtime.faults import Pause, is_worth_retrying
from shared.runtime.feed import Partition
from shared.runtime.held import Keeper
from shared.runtime.leases import Fenced
from shared.runtime.policy import CancelTimer, DueTimer, Reaction, SetTimer, Timers
from shared.runtime.policy_runner import Reactions
from shared.runtime.projection import Change, Projection, Put, Remove

FIRED_AT_ONCE = 64
PAGE_TIMERS = 500
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
_MARK = """
UPDATE timers SET fired_at = $5 WHERE tenant = $1 AND name = $2 AND key = $3 AND due_at = $4 AND fired_at IS NULL
"""


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


class TimerRunner:
    """Fires the timers of one name when business time reaches them, under a lease of its own."""

    def __init__(
        self,
        timers: Timers,
        *,
        service: str,
        pool: asyncpg.Pool,
        keeper: Keeper,
        commands: Commands,
        clock: Clock,
        poll_seconds: float = 0.25,
    ) -> None:
        self.timers = timers
        self._partition = Partition(service, 0)
        self._pool = pool
        self._keeper = keeper
        self._reactions = Reactions(commands)
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._firing = 0

    async def run(self) -> None:
        """Fire what becomes due, until cancelled."""
        pause = Pause()
        while True:
            try:
                held = await self._keeper.acquire(self.timers.name + FIRING, self._partition)
                while held.is_held:
                    if not await self.fire_due():
                        await asyncio.sleep(self._poll_seconds)
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
                await asyncio.sleep(pause.next_seconds())

    async def fire_due(self) -> int:
        """Fire what is due now; how many that was. Raises what is worth retrying, after all others were fired."""
        now = self._clock.now()
        rows = await self._pool.fetch("SELECT * FROM due_timers($1, $2, $3)", self.timers.name, now, PAGE_TIMERS)
        if not rows:
            return 0
        room = asyncio.Semaphore(FIRED_AT_ONCE)
        due = [DueTimer(tenant=row["tenant"], key=row["key"], due_at=row["due_at"], note=row["note"]) for row in rows]
        self._firing += len(due)
        try:
            results = await asyncio.gather(*(self._fire(timer, room) for timer in due), return_exceptions=True)
            _raise_first(results)
        finally:
            self._firing -= len(due)
        return len(due)

    async def next_due(self, tenant: str | None = None) -> datetime | None:
        """When the next timer of this name is due; None when none is set."""
        found: datetime | None = await self._pool.fetchval("SELECT next_timer($1, $2)", self.timers.name, tenant)
        return found

    async def idle(self) -> bool:
        """Nothing is being fired, and nothing is due at the present business time."""
        next_due = await self.next_due()
        return not self._firing and (next_due is None or next_due > self._clock.now())

    async def _fire(self, timer: DueTimer, room: asyncio.Semaphore) -> None:
        async with room:
            with _tracer.start_as_current_span(f"fire {self.timers.name}"):
                for ordinal, reaction in enumerate(self.timers.fire(timer)):
                    cause = self._cause(timer, reaction, ordinal)
                    await self._reactions.send(reaction, cause, partial(self._refusal, timer, reaction))
            await self._mark(timer)

    async def _mark(self, timer: DueTimer) -> None:
        """Fired, unless the plan has moved it meanwhile."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', $1, true)", timer.tenant)
            await connection.execute(_MARK, timer.tenant, self.timers.name, timer.key, timer.due_at, self._clock.now())

    def _cause(self, timer: DueTimer, reaction: Reaction, ordinal: int) -> Cause:
        fired = derived_id(self.timers.name, timer.tenant, timer.key, timer.due_at.isoformat())
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
    found: datetime | None = await pool.fetchval("SELECT next_timer(NULL, $1)", tenant)
    return found


def _raise_first(results: Sequence[BaseException | None]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result
