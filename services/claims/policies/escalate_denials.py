"""Which rule of the practice counts for a denial, and when does it go up because nobody did anything about it?

Every open denial hears of rules that changed, and one that opens meanwhile hears of them once it stands in the queue, as in
`derive_deadlines`. The day itself stands in the denial's own events, so its timer is the same after a replay.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, get_args

from services.claims.domain.denial.commands import EscalateDenial, SetEscalation
from services.claims.domain.denial.escalation import Touched
from shared.events.denials import (
    DenialEscalated,
    DenialEscalationSet,
    DenialOpened,
    DenialResolved,
    EscalationRulesKept,
)
from shared.events.envelope import Recorded
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer, TimerChange

RULES = (EscalationRulesKept,)
OPENED = (DenialOpened,)
DAYS = (*get_args(Touched), DenialEscalationSet, DenialEscalated, DenialResolved)

Told = tuple[str, SetEscalation]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellRules:
    """Tells denials the rules as they are now."""

    rules: Callable[[str], Awaitable[EscalationRulesKept]]  # of a tenant, from the stream itself
    open_denials: Callable[[str], Awaitable[Sequence[str]]]
    caught_up: Callable[[str, Recorded[Any]], Awaitable[None]]  # a read model has seen an event
    denials_reader: str

    async def react_to_rules(self, recorded: Recorded[EscalationRulesKept]) -> list[Told]:
        """Every open denial."""
        await self.caught_up(self.denials_reader, recorded)
        command = await self._command(recorded)
        return [(denial_id, command) for denial_id in await self.open_denials(recorded.tenant)]

    async def react_to_denial(self, recorded: Recorded[DenialOpened]) -> list[Told]:
        """The denial itself, where there are rules at all."""
        command = await self._command(recorded)
        return [(recorded.event.denial_id, command)] if command.rules.version else []

    async def _command(self, recorded: Recorded[Any]) -> SetEscalation:
        return SetEscalation(on=recorded.recorded_at.date(), rules=await self.rules(recorded.tenant))


def plan(recorded: Recorded[Any]) -> Iterable[TimerChange]:
    """One timer a denial, at the beginning of the day that its last event names."""
    key = f"escalation/{recorded.event.denial_id}"
    day = getattr(recorded.event, "escalates_on", None)
    if day is None:
        yield CancelTimer(key=key)
    else:
        yield SetTimer(key=key, due_at=datetime.combine(day, time(tzinfo=UTC)))


def fire(due: DueTimer) -> list[tuple[str, EscalateDenial]]:
    """Whether nothing happened since is the denial's own decision."""
    return [(due.key.partition("/")[2], EscalateDenial(on=due.due_at.date()))]
