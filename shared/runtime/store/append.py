"""What is handed to the store, and what comes back?"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from shared.events.envelope import Position, Stored
from shared.runtime.command import BusinessKey

EVENT_BYTES_MAX = 256 * 1024


class StreamMoved(Exception):
    """The stream is no longer at the version at which the command was decided: load and decide again."""


class AppendFailed(Exception):
    """The database refused the events. `sqlstate` says why; its own words may quote rows, so they are left out."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"the append was refused with {sqlstate}")
        self.sqlstate = sqlstate


class NewEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event that was decided, encoded and sealed."""

    event_id: UUID
    type: str
    data: bytes


class Head(Struct, frozen=True, kw_only=True, gc=False):
    """Where a stream stood when a command was decided."""

    version: int
    hash: bytes
    recorded_at: datetime | None  # of its last event; None: it has none


class Append(Struct, frozen=True, kw_only=True, gc=False):
    """One command's events for one stream. Without events it still makes the command's answer stable."""

    tenant: str
    stream: str
    head: Head
    events: tuple[NewEvent, ...]
    business_keys: frozenset[BusinessKey]
    command_id: UUID
    fingerprint: bytes
    occurred_at: datetime | None  # None: when it is recorded
    actor: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None


class Appended(Struct, frozen=True, kw_only=True, gc=False):
    """Committed: the events as they lie in the store (none, when nothing was decided), and the head behind them."""

    events: tuple[Stored, ...]
    head: Head


class Answer(Struct, frozen=True, kw_only=True, gc=False):
    """What a command led to the first time it came."""

    stream: str
    version: int  # of the stream behind it
    events: int  # how many it appended
    position: Position | None  # of the last one
    fingerprint: bytes


AppendResult: TypeAlias = Appended | Answer
