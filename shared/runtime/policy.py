"""How does an event lead to a command, and how does time?

Both run in the service that acts and command only it. The command's id is derived from the cause, so a repeat has one effect.
A refusal is recorded as `ReactionRefused`. A policy never takes "not heard yet" for "is not so".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from shared.events.base import EventType
from shared.events.envelope import Recorded
from shared.runtime.command import Aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """One command to one stream of the acting service. `occurred_at` None: that of the cause."""

    aggregate: Aggregate
    key: str
    command: Any
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`react` yields the commands for one event, always the same ones in the same order for the same event."""

    name: str  # service.purpose
    reads: Mapping[str, tuple[EventType, ...]]
    react: Callable[[Recorded[Any]], Awaitable[Sequence[Reaction]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """At business time `due_at` the timer fires once; setting the same key again moves it."""

    key: str
    due_at: datetime
    note: str = ""  # ids for `fire`, never personal data


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTimer:
    key: str


TimerChange: TypeAlias = SetTimer | CancelTimer


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTimer:
    tenant: str
    key: str
    due_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Durable timers, derived from events (so a replay gives the same due dates) and fired as commands."""

    name: str  # service.purpose
    reads: Mapping[str, tuple[EventType, ...]]
    plan: Callable[[Recorded[Any]], Iterable[TimerChange]]
    fire: Callable[[DueTimer], Sequence[Reaction]]
