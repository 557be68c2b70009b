"""Who said what about which stream, when it happened and when we knew?

The attributes are those of CloudEvents 1.0 (id, source, type, subject, time) in our words, plus what an event log needs.
`occurred_at` is business time, `recorded_at` the time at which we knew: the two clocks of every as-of answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from shared.events.base import Event

E_co = TypeVar("E_co", bound=Event, covariant=True)


class Position(NamedTuple):
    """A place in the feed of one service; positions of one service compare in commit order.

    `epoch` counts restores from a dump (transaction ids start again), `tx` is the transaction, `pos` the row in it.
    """

    epoch: int
    tx: int
    pos: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.tx}.{self.pos}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The reverse of `str`. Raises ValueError for anything else."""
        epoch, tx, pos = text.split(".")
        return cls(int(epoch), int(tx), int(pos))


START = Position(0, 0, 0)


class Stored(Struct, frozen=True, gc=False):
    """An event as it lies in the store and on the wire: envelope and exact bytes, personal values sealed.

    A struct, not a dataclass: readers make hundreds of thousands of them a second, and a struct is made five times faster.
    Make it by keyword; only a row of the store, which has the columns in this order, is taken by position.
    """

    service: str
    tenant: str
    stream: str  # aggregate/key
    version: int  # gapless from 1 in its stream
    event_id: UUID
    type: str  # service.Name.vN
    occurred_at: datetime
    recorded_at: datetime
    actor: str  # user:…, client:…, policy:…, timer:…
    command_id: UUID
    correlation_id: str
    causation_id: str | None  # the event or request that led here
    traceparent: str | None
    clock: str  # "real" or "driven"
    data: bytes  # JSON, as hashed
    previous_hash: bytes  # 32 bytes; zeros before version 1
    hash: bytes
    position: Position  # START until the append has committed

    @property
    def key(self) -> str:
        """Tenant and stream: the Kafka key and the unit of order."""
        return f"{self.tenant}/{self.stream}"

    @property
    def aggregate(self) -> str:
        return self.stream.partition("/")[0]

    @property
    def stream_key(self) -> str:
        return self.stream.partition("/")[2]


class Recorded(Struct, Generic[E_co], frozen=True, kw_only=True, gc=False):
    """A stored event together with what it says."""

    stored: Stored
    event: E_co

    @property
    def tenant(self) -> str:
        return self.stored.tenant

    @property
    def stream(self) -> str:
        return self.stored.stream

    @property
    def stream_key(self) -> str:
        return self.stored.stream_key

    @property
    def version(self) -> int:
        return self.stored.version

    @property
    def event_id(self) -> UUID:
        return self.stored.event_id

    @property
    def occurred_at(self) -> datetime:
        return self.stored.occurred_at

    @property
    def recorded_at(self) -> datetime:
        return self.stored.recorded_at

    @property
    def position(self) -> Position:
        return self.stored.position
