"""How is a command said, and what comes of it?

A command goes to one stream of one aggregate, with its cause. The runtime (`handler.py`) loads, decides and appends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from shared.events.base import Event
from shared.events.envelope import Position, Recorded
from shared.kernel.decider import Decider
from shared.kernel.errors import DomainError


class BusinessKey(NamedTuple):
    """A fact of the trade that may exist once per tenant, such as (trace, "payer|TRN02|BPR16|BPR02")."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One kind of stream: its name (the stream's first part), its decider, and the business keys that its events claim."""

    name: str
    decider: Decider[Any, Any, Any]
    business_keys: Callable[[Event], Iterable[BusinessKey]] = lambda event: ()

    def stream(self, key: str) -> str:
        return f"{self.name}/{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who asked, for which tenant, because of what. The command id makes the command idempotent."""

    tenant: str
    actor: str  # user:…, client:…, policy:…, timer:…
    command_id: UUID
    correlation_id: str
    causation_id: str | None = None
    occurred_at: datetime | None = None  # business time of what happened; None: when it is recorded
    expected_version: int | None = None  # of the stream, as the asker saw it; None: whatever it is now
    fingerprint: bytes = b""  # hash of the request; the same id with another fingerprint is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command led to. A repeated command has the outcome of the first, with `is_repeat`."""

    stream: str
    version: int
    position: Position | None  # of the last event appended; None when nothing was
    events: tuple[Recorded[Any], ...] = ()
    is_repeat: bool = False
    event_ids: tuple[UUID, ...] = field(default=())


class IdempotencyKeyReused(DomainError):
    """The same key came with another body."""

    code = "idempotency-key-reused"


class ChangedMeanwhile(DomainError):
    """Something happened on the stream since the version that the asker saw. `facts` has both versions."""

    code = "changed-meanwhile"


class BusinessKeyTaken(DomainError):
    """Another stream already claimed this fact of the trade. `facts` has kind and stream."""

    code = "business-key-taken"


class EventTooLarge(DomainError):
    """An event over 256 KiB: bulk belongs in the document store."""

    code = "event-too-large"


class TooBusy(DomainError):
    """The queue of the store is full: try again in a moment (503 with Retry-After)."""

    code = "too-busy"


class Commands(Protocol):
    """What policies, timers and edges see of the command runtime."""

    async def handle(self, aggregate: Aggregate, key: str, command: Any, cause: Cause) -> Outcome:
        """Load, decide, append; conflicts are tried again three times.

        Raises DomainError (a refusal, ChangedMeanwhile among them), Conflict, IdempotencyKeyReused, BusinessKeyTaken, TooBusy, EventTooLarge.
        """
        ...

    async def state(self, aggregate: Aggregate, tenant: str, key: str) -> Any:
        """What the decider would remember now (the initial state when the stream is empty)."""
        ...

    async def recorded_stream(self, tenant: str, stream: str) -> Sequence[Recorded[Any]]:
        """Every event of a stream and what it says, in order; none when nothing has happened there."""
        ...
