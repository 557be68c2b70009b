"""How does a page of events become rows, exactly once?

Decode what is wanted, let the projection say what changes, fold to one change per key, and write rows and position in one
transaction. A projector that was stopped and wakes up finds its epoch gone and writes nothing.

An event that cannot be decoded, or on which `apply` raises, parks its key. When the database refuses a value, the page is halved
until the event to blame is found; everything else of the page is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg
from opentelemetry import trace

from shared.events.envelope import Stored
from shared.runtime.codec import EventCodec
from shared.runtime.faults import is_worth_retrying
from shared.runtime.feed import Partition
from shared.runtime.folding import Fold, TableWriter, writers_for
from shared.runtime.held import Held
from shared.runtime.parked import WorkerCrashed, park, parked_keys, split_parked
from shared.runtime.projection import Change, Projection
from shared.runtime.transaction import Place, TableRows, Transaction

_tracer = trace.get_tracer(__name__)

Failed = list[tuple[Stored, Exception]]


class _ParkedChanged(Exception):
    """A key was replayed or dismissed since the page was folded."""


@dataclass(slots=True, kw_only=True)
class _Folded:
    """A page, folded while `keys` were parked. `error`: its changes could not be folded together."""

    events: Sequence[Stored]
    keys: frozenset[str]
    free: list[Stored]
    failed: Failed
    fold: Fold
    unfit: Failed = field(default_factory=list)
    error: Exception | None = None


class ProjectionSink:
    """Takes pages of one projection in."""

    def __init__(self, projection: Projection, codec: EventCodec) -> None:
        self.projection = projection
        self._codec = codec
        self._ahead: dict[Partition, _Folded] = {}
        self._writers: Mapping[str, TableWriter] = writers_for(projection.tables)

    def look_at(self, held: Held, events: Sequence[Stored]) -> None:
        """Fold the page that comes next, while the database writes the one before."""
        self._ahead[held.partition] = self._folded(events, parked_keys(held.state))

    async def take(self, held: Held, place: Place, events: Sequence[Stored], *, suspect: Stored | None = None) -> None:
        """Write the page's rows and the position together, once. Raises Fenced and what is worth retrying."""
        attributes: dict[str, str | int] = {
            "ledgerline.reader": held.reader,
            "ledgerline.service": held.partition.service,
            "ledgerline.partition": held.partition.number,
            "ledgerline.events": len(events),
        }
        with _tracer.start_as_current_span(f"project {self.projection.name}", attributes=attributes):
            while True:
                try:
                    return await self._take(held, place, events, suspect)
                except _ParkedChanged:
                    continue  # the row was read again with the failed attempt

    async def apply(self, transaction: Transaction, events: Sequence[Stored]) -> None:
        """Write the rows of these events, in the caller's transaction. Raises what an event is to blame for."""
        fold = self.new_fold()
        for stored in events:
            fold.take(stored.tenant, self._changes(stored))
        await self.write(transaction, fold)

    async def write(self, transaction: Transaction, fold: Fold, *, suffix: str = "") -> None:
        """Tenants and tables in order, so that nobody waits for each other. `suffix` names tables beside the live ones."""
        for tenant in sorted(fold.tenants):
            tables = [
                TableRows(self._writers[table], rows, table + suffix if suffix else None)
                for table, rows in sorted(fold.tenants[tenant].items())
            ]
            await transaction.write_rows(tenant, tables)

    def fold_into(self, fold: Fold, events: Sequence[Stored], stopped_before: Collection[str] = ()) -> Failed:
        """Fold a page; the events whose keys must be parked, with those behind them and behind keys that stopped before."""
        failed, stopped = Failed(), set(stopped_before)
        for stored in events:
            if stopped and stored.key in stopped:
                failed += split_parked([stored], stopped)[1]
                continue
            try:
                changes = self._changes(stored)
            except Exception as error:  # noqa: BLE001  the projection is pure: whatever it raises, it will raise again
                failed.append((stored, error))
                stopped.add(stored.key)
            else:
                fold.take(stored.tenant, changes)
        return failed

    def _changes(self, stored: Stored) -> Sequence[Change]:
        changes = self.projection.apply(self._codec.decode(stored))
        return changes if isinstance(changes, tuple) else list(changes)  # all of them before any is folded

    def new_fold(self) -> Fold:
        """An empty fold for the tables of this projection."""
        return Fold(self._writers)

    async def _take(self, held: Held, place: Place, events: Sequence[Stored], suspect: Stored | None) -> None:
        keys = parked_keys(held.state)
        folded = self._ahead.pop(held.partition, None)
        if folded is None or folded.events is not events or folded.keys != keys or suspect is not None:
            folded = self._folded(events, keys, suspect)
        try:
            if folded.error is not None:
                raise folded.error
            await self._write_page(held, place, folded)
        except Exception as error:
            if is_worth_retrying(error) or not _is_about_data(error):
                raise
            await self._write_page_with_care(held, place, folded)

    def _folded(self, events: Sequence[Stored], keys: frozenset[str], suspect: Stored | None = None) -> _Folded:
        """What the page comes to, while these keys are parked."""
        free, failed = split_parked(events, keys)
        if suspect is not None and suspect in free:
            free.remove(suspect)
            failed.append((suspect, WorkerCrashed()))
        folded = _Folded(events=events, keys=keys, free=free, failed=failed, fold=self.new_fold())
        try:
            folded.unfit = self.fold_into(folded.fold, free)
        except Exception as error:  # noqa: BLE001  changes that do not fit together: found when it is written with care
            folded.error = error
        return folded

    async def _write_page(self, held: Held, place: Place, folded: _Folded) -> None:
        async with held.moving(place) as transaction:
            if parked_keys(held.state) != folded.keys:
                raise _ParkedChanged
            await self.write(transaction, folded.fold)
            if failed := folded.failed + folded.unfit:
                await park(transaction, held, failed)

    async def _write_page_with_care(self, held: Held, place: Place, folded: _Folded) -> None:
        """The same in halves, each under a savepoint, to find the event that the database refuses."""
        async with held.moving(place) as transaction:
            if parked_keys(held.state) != folded.keys:
                raise _ParkedChanged
            failed, stopped = list(folded.failed), set[str]()
            await self._write_halves(transaction, folded.free, failed, stopped)
            await park(transaction, held, failed)

    async def _write_halves(
        self, transaction: Transaction, events: Sequence[Stored], failed: Failed, stopped: set[str]
    ) -> None:
        events, behind = split_parked(events, stopped)
        failed += behind
        if not events:
            return
        try:
            async with transaction.savepoint():
                await self.apply(transaction, events)
        except Exception as error:
            if is_worth_retrying(error):
                raise
            if len(events) == 1:
                failed.append((events[0], error))
                stopped.add(events[0].key)
                return
            middle = len(events) // 2
            await self._write_halves(transaction, events[:middle], failed, stopped)
            await self._write_halves(transaction, events[middle:], failed, stopped)


def _is_about_data(error: Exception) -> bool:
    return isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | ValueError | TypeError | OverflowError)
