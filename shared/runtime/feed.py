"""How does a reader follow the events of a service, from any position, over either feed?

A feed splits a service's events into partitions; order holds within a stream, which lies in one partition. The postgres
feed has one partition a service, the kafka feed those of its topic. A cursor is opaque text, kept by the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from shared.events.envelope import Position, Stored
from shared.kernel.errors import DomainError


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


class EventsGivenUp(DomainError):
    """The log was put back to an earlier moment than the cursor's: events that were read behind `kept` are no longer in it.

    Nothing that is in the log now was passed over, and `cursor` goes on with the first event since.
    """

    code = "events-given-up"

    def __init__(self, partition: Partition, *, kept: Position, cursor: str) -> None:
        super().__init__(
            "the log was restored to an earlier moment: events behind the position that is kept are no longer in it; "
            "drop what came of them and go on from the cursor of this answer",
            service=partition.service,
            partition=partition.number,
            kept=str(kept),
            cursor=cursor,
        )
        self.partition = partition
        self.kept = kept
        self.cursor = cursor


class AnotherLog(DomainError):
    """The cursor is of an epoch that this log never had: it was taken from another copy of it."""

    code = "another-log"


class Kept(NamedTuple):
    """When `epoch` began, the log of those before ended at `position`."""

    epoch: int
    position: Position


EPOCHS = "select epoch, kept_epoch, kept_tx, kept_pos from epochs order by epoch"


def epochs_in(rows: Iterable[Any]) -> tuple[Kept, ...]:
    """What a store answers to EPOCHS."""
    return tuple(Kept(row["epoch"], Position(row["kept_epoch"], row["kept_tx"], row["kept_pos"])) for row in rows)


def kept_of(position: Position, epochs: Iterable[Kept]) -> Position | None:
    """Up to where a log is still as it was for a reader at `position`; None when all of it is."""
    ends = [kept.position for kept in epochs if kept.epoch > position.epoch]
    return min(ends) if ends and min(ends) < position else None


class Feed(Protocol):
    async def partitions(self, service: str) -> Sequence[Partition]: ...

    async def read(self, partition: Partition, cursor: str | None, limit: int, wait_seconds: float = 0.0) -> Page:
        """Up to `limit` events behind the cursor (None: from the start), waiting for the first at most so long.

        Raises EventsGivenUp, AnotherLog for a cursor that a restore left behind, ValueError for one that is none.
        """
        ...

    async def covering(self, service: str, position: Position | None) -> Mapping[Partition, Position]:
        """Where readers must be so that everything up to `position` (None: the store's present head) is applied.

        On kafka this waits until the relay has published that far. A partition that holds nothing is left out.
        """
        ...

    async def close(self) -> None: ...
