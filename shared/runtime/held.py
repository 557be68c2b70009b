"""What does this process read, and up to where?

The rows of `leases.py` as a process lives with them. A position moves in the transaction that writes what was read
(`Held.moving`). Where a page held nothing of interest it moves in memory only (`Held.skip_to`), and the `Keeper` writes all such
moves of the process, with the renewals, in one statement: a hundred quiet readers cost one small write a second, not a hundred.

Several processes of one service share its readers out: each says that it is there by a lease of its own, and who holds more than
an equal share gives some back.

An owner that dies on a page leaves a lease that runs out. Who takes it over counts that, and with every further death takes smaller
pages; single events are counted before they are tried, so that the one that kills is found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from shared.runtime.faults import end_if_cancelled, is_worth_retrying
from shared.runtime.feed import Partition
from shared.runtime.leases import Fenced, Lease, Leases
from shared.runtime.transaction import Place, PostgresTransactions, ReaderKey, Transaction, Transactions

BEAT_SECONDS = 0.25
WATERMARK_SECONDS = 1.0  # how old a written watermark may be
TAKE_OVER_SECONDS = 1.0  # how often a process looks for leases that ran out
SHARE_SECONDS = 5.0  # how often a process looks whether it holds more than its share
PRESENCE = "(process)"  # the reader name under which a process says that it is there; the service is its owner's name
CRASHES_MAX = 2  # owners that may die before pages become smaller


# A server that was killed may have lost the last page, and with it the position that this process remembers: the row is then behind
# `rows_at`, where rows were last written. Going on from memory would leave that page out for ever.
_KEEPS_ROWS = "(r.position_epoch, r.position_tx, r.position_pos) >= (h.rows_e, h.rows_tx, h.rows_pos)"
# Judged on the row as it is when it is written, so that a move by the reader itself in this moment is never undone.
_IS_AHEAD = "(r.position_epoch, r.position_tx, r.position_pos) <= (h.e, h.tx, h.pos)"
_BEAT = f"""
WITH held AS (
  SELECT h.* FROM unnest($3::text[], $4::text[], $5::integer[], $6::bigint[], $7::text[],
                         $8::smallint[], $9::bigint[], $10::bigint[], $11::timestamptz[],
                         $12::smallint[], $13::bigint[], $14::bigint[])
         AS h (reader, service, partition, epoch, cursor, e, tx, pos, watermark, rows_e, rows_tx, rows_pos)
    JOIN readers r USING (reader, service, partition)
   WHERE r.epoch = h.epoch AND r.owner = $1 AND {_KEEPS_ROWS}
   FOR UPDATE OF r SKIP LOCKED)  -- one that is locked is being written by its own reader, which renews it
UPDATE readers r
   SET lease_until = clock_timestamp() + $2, updated_at = clock_timestamp(),
       cursor = CASE WHEN {_IS_AHEAD} THEN h.cursor ELSE r.cursor END,
       position_epoch = CASE WHEN {_IS_AHEAD} THEN h.e ELSE r.position_epoch END,
       position_tx = CASE WHEN {_IS_AHEAD} THEN h.tx ELSE r.position_tx END,
       position_pos = CASE WHEN {_IS_AHEAD} THEN h.pos ELSE r.position_pos END,
       watermark = CASE WHEN {_IS_AHEAD} THEN greatest(r.watermark, h.watermark) ELSE r.watermark END
  FROM held h
 WHERE (r.reader, r.service, r.partition, r.epoch) = (h.reader, h.service, h.partition, h.epoch)
"""
_LOST = f"""
SELECT h.n FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::smallint[], $6::bigint[], $7::bigint[])
                WITH ORDINALITY AS h (reader, service, partition, epoch, rows_e, rows_tx, rows_pos, n)
 WHERE NOT EXISTS (SELECT FROM readers r WHERE r.reader = h.reader AND r.service = h.service AND r.partition = h.partition
                                           AND r.epoch = h.epoch AND {_KEEPS_ROWS})
"""

_SHARES = """
SELECT count(*) FILTER (WHERE reader = $1) AS processes, count(*) FILTER (WHERE reader <> $1) AS held,
       count(*) FILTER (WHERE reader <> $1 AND owner = $2) AS mine
  FROM readers WHERE lease_until > now()
"""
_FORGET = "DELETE FROM readers WHERE reader = $1 AND (lease_until < now() - interval '1 hour' OR service = $2)"


class Held:
    """One partition that this process reads for one reader. Used by one task at a time."""

    def __init__(self, transactions: Transactions, lease: Lease, duration: timedelta) -> None:
        self.lease = lease
        self.reader = lease.reader
        self.partition = lease.partition
        self.epoch = lease.epoch
        self.place = Place(
            cursor=lease.progress.cursor, position=lease.progress.position, watermark=lease.progress.watermark
        )
        self.state = lease.progress.state
        self.is_held = True
        self.crashes = int(self.state.get("crashes", 0))
        self._transactions = transactions
        self._duration = duration
        self.rows_at = self.place.position  # behind the last page whose rows this process has written
        self._written = self.place
        self._written_at = time.monotonic()

    @property
    def key(self) -> ReaderKey:
        return ReaderKey(self.reader, self.partition.service, self.partition.number)

    @asynccontextmanager
    async def moving(self, place: Place) -> AsyncIterator[Transaction]:
        """A transaction that moves the position to `place`, for everything that must be written with it.

        Its first statement locks the row and checks the epoch and that the rows of the page before are still there; `state` is
        then what the row says. Raises Fenced. When it raises anything else, it is unknown whether it was committed: take the
        lease again to find out.
        """
        async with self._transactions.begin() as transaction:
            self.state = msgspec.json.decode(await self._move(transaction, place))
            await self._forget_attempts(transaction)
            yield transaction
        self.rows_at = place.position
        self._is_at(place)

    @property
    def goes_carefully(self) -> bool:
        """Whether so many owners died hereabouts that a page may be to blame."""
        return self.crashes >= CRASHES_MAX

    def page_events(self, most: int) -> int:
        """How many events to read at once: an eighth with each further death, down to one, so that few deaths find the one."""
        return max(1, most >> (3 * (1 + self.crashes - CRASHES_MAX))) if self.goes_carefully else most

    def is_safe_again(self) -> None:
        """The place where owners died lies behind; the row forgets them with the next page."""
        self.crashes = 0

    def skip_to(self, place: Place) -> None:
        """Move past events that lead to nothing. It is written soon, by `Leases.run` or with the next page."""
        self.place = place

    async def write_state(self, transaction: Transaction, state: Mapping[str, Any]) -> None:
        """Replace the row's state, in the transaction of `moving`."""
        await transaction.write_state(self.key, msgspec.json.encode(state).decode())
        self.state = state

    async def confirm(self) -> None:
        """Make sure that nobody has taken over so far. Raises Fenced."""
        async with self._transactions.begin() as transaction:
            self.state = msgspec.json.decode(await self._move(transaction, self.place))

    async def ask(self, question: str) -> Sequence[Any]:
        """Read something of the database in which the lease lies."""
        return await self._transactions.ask(question)

    async def count_attempt(self, event_id: UUID) -> int:
        """Note, durably and before it is made, that an event is tried on its own. Returns which attempt it is."""
        async with self._transactions.begin() as transaction:
            self.state = msgspec.json.decode(await self._move(transaction, self.place))
            trying = self.state.get("trying", {})
            attempt = int(trying["attempt"]) + 1 if trying.get("event") == str(event_id) else 1
            await self.write_state(transaction, {**self.state, "trying": {"event": str(event_id), "attempt": attempt}})
            return attempt

    @property
    def is_to_be_written(self) -> bool:
        """Whether the row is behind this by a position or a worthwhile piece of time, or must be renewed."""
        age_seconds = time.monotonic() - self._written_at
        if age_seconds > self._duration.total_seconds() / 3 or self.place.position != self._written.position:
            return True
        return age_seconds > WATERMARK_SECONDS and self.place != self._written

    def is_written(self, place: Place) -> None:
        """The row says so now."""
        self._written, self._written_at = place, time.monotonic()

    async def _move(self, transaction: Transaction, place: Place) -> str:
        state = await transaction.move(self.key, self.epoch, place, rows_at=self.rows_at, lease_for=self._duration)
        if state is None:
            self.is_held = False
            raise Fenced(f"{self.reader} of {self.partition.service}/{self.partition.number}")
        return state

    async def _forget_attempts(self, transaction: Transaction) -> None:
        """A page was taken in, so nobody died of it. While going carefully, earlier deaths still count."""
        over = {"trying"} if self.goes_carefully else {"trying", "crashes"}
        if over & self.state.keys():
            await self.write_state(transaction, {name: self.state[name] for name in self.state.keys() - over})

    def _is_at(self, place: Place) -> None:
        if place.watermark is None:
            place = replace(place, watermark=self.place.watermark)
        self.place = place
        self.is_written(place)


class Keeper:
    """What one process holds in one service's database. `owner` names the process, uniquely."""

    def __init__(self, pool: asyncpg.Pool, owner: str, *, seconds: float = 15.0) -> None:
        self.owner = owner
        self.leases = Leases(pool, owner, seconds=seconds)
        self._pool = pool
        self._transactions = PostgresTransactions(pool)
        self._duration = timedelta(seconds=seconds)
        self._held: dict[ReaderKey, Held] = {}
        self._wanted: dict[ReaderKey, asyncio.Future[Held]] = {}
        self._given_back: dict[ReaderKey, float] = {}  # until when it is left to the others

    async def acquire(self, reader: str, partition: Partition) -> Held:
        """The lease, as soon as nobody else has it. `run` must be running for one that is taken now."""
        key = ReaderKey(reader, *partition)
        if not self._is_left_to_others(key) and (held := await self.try_acquire(reader, partition)) is not None:
            return held
        self._wanted[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._wanted[key]
        finally:
            self._wanted.pop(key, None)

    async def try_acquire(self, reader: str, partition: Partition) -> Held | None:
        """The lease, with the position as it is written, unless another owner has it. One's own is taken afresh."""
        lease = await self.leases.acquire(reader, partition)
        if lease is None:
            return None
        held = Held(self._transactions, lease, self._duration)
        if (before := self._held.get(held.key)) is not None:
            before.is_held = False
        self._held[held.key] = held
        return held

    async def release(self, held: Held) -> None:
        """Give the lease back, so that another process need not wait until it runs out."""
        self._let_go(held)
        await self.leases.release(held.lease)

    async def run(self) -> None:
        """Renew what is held, write what was skipped, take what became free, keep to an equal share. Until cancelled."""
        next_take = next_share = 0.0
        while True:
            try:
                await self.beat()
                if self._wanted and time.monotonic() >= next_take:
                    next_take = time.monotonic() + TAKE_OVER_SECONDS
                    await self._take_wanted()
                if time.monotonic() >= next_share:
                    next_share = time.monotonic() + SHARE_SECONDS
                    await self.share_out()
            except Exception as error:
                if not is_worth_retrying(error):
                    raise
            end_if_cancelled()
            await asyncio.sleep(BEAT_SECONDS)

    async def close(self) -> None:
        """Write what was skipped and give everything back."""
        await self.beat()
        for held in list(self._held.values()):
            await self.release(held)
        await self._pool.execute(_FORGET, PRESENCE, self.owner)

    async def share_out(self) -> int:
        """Say that this process is there, and give back what it holds beyond an equal share. Returns how much that was."""
        if ReaderKey(PRESENCE, self.owner, 0) not in self._held:
            await self._pool.execute(_FORGET, PRESENCE, self.owner)
            await self.try_acquire(PRESENCE, Partition(self.owner, 0))
        row = await self._pool.fetchrow(_SHARES, PRESENCE, self.owner)
        share = -(-row["held"] // max(1, row["processes"]))
        surplus = sorted(key for key in self._held if key[0] != PRESENCE)[: max(0, row["mine"] - share)]
        for key in surplus:
            self._given_back[key] = time.monotonic() + 2 * SHARE_SECONDS
            await self.release(self._held[key])
        return len(surplus)

    async def beat(self) -> None:
        """Renew what is due and write what was skipped, in one statement."""
        due = [(held, held.place) for held in self._held.values() if held.is_held and held.is_to_be_written]
        if not due:
            return
        keys = _columns([held.key for held, _ in due])
        epochs = [held.epoch for held, _ in due]
        places = [place for _, place in due]
        rows_at = _columns([held.rows_at for held, _ in due])
        await self._pool.execute(
            _BEAT,
            self.owner,
            self._duration,
            *keys,
            epochs,
            [place.cursor for place in places],
            *_columns([place.position for place in places]),
            [place.watermark for place in places],
            *rows_at,
        )
        lost = {row["n"] - 1 for row in await self._pool.fetch(_LOST, *keys, epochs, *rows_at)}
        for index, (held, place) in enumerate(due):
            if index in lost:
                self._let_go(held)
            else:
                held.is_written(place)

    def _let_go(self, held: Held) -> None:
        """Renew it no longer. What was taken afresh in its place meanwhile is kept."""
        held.is_held = False
        if self._held.get(held.key) is held:
            del self._held[held.key]

    def _is_left_to_others(self, key: ReaderKey) -> bool:
        until = self._given_back.get(key)
        if until is not None and until <= time.monotonic():
            del self._given_back[key]
            return False
        return until is not None

    async def _take_wanted(self) -> None:
        for key, future in list(self._wanted.items()):
            if self._is_left_to_others(key):
                continue
            held = await self.try_acquire(key[0], Partition(key[1], key[2]))
            if held is None:
                continue
            if future.done():
                await self.release(held)
            else:
                future.set_result(held)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
