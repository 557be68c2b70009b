"""How does a reader follow the events of a service, from any position, over either feed?

A feed splits a service's events into partitions; order holds within a stream, which lies in one partition. The postgres
feed has one partition a service, the kafka feed those of its topic. A cursor is opaque text, kept by the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.events.envelope import Position, Stored


class Partition(NamedTuple):
    service: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The next events of a partition. `cursor` goes on behind them; `position` is the last one's (or the reader's own)."""

    events: Sequence[Stored]
    cursor: str
    position: Position
    is_head: bool  # nothing more could be read when this page was read
    watermark: datetime | None  # at the head: everything recorded up to then is in what has been read


class Feed(Protocol):
    async def partitions(self, service: str) -> Sequence[Partition]: ...

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        """Up to `limit` events behind the cursor (None: from the start), waiting for the first at most so long."""
        ...

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        """Where readers must be so that everything up to `position` (None: the store's present head) is applied.

        On kafka this waits until the relay has published that far. A partition that holds nothing is left out.
        """
        ...

    async def close(self) -> None: ...
