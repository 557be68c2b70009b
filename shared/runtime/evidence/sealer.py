"""How do heads come to be?

Every so often what was recorded since the last head is read, up to the safe horizon of the feed, and taken into the tree; the new
root is signed, written to the database and then kept in the second place. A head is made in one transaction that nobody else can be in,
so there is never more than one of a number; a crash before it is kept in the second place is made good by the next round, which
recomputes the listing and refuses when the log has changed meanwhile.

Nothing is signed that does not extend what was signed before: the tree that goes on must have the root of the last head, whose
signature must hold and which must be the one in the second place. Otherwise `HeadsDisagree` says what was found, and no head is made
until somebody has looked (`ledgerline verify` names the events).

Cost: a handful of hashes for an event, never a second look at the log; who takes over reads the events behind the last full tile, at
most 255.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256

import asyncpg

from shared.events.envelope import START, Position, Stored
from shared.runtime.evidence import book
from shared.runtime.evidence.heads import (
    HEAD_PREFIX,
    Head,
    Kept,
    SignedHead,
    Unreadable,
    encoded,
    event_leaf,
    listing_of,
)
from shared.runtime.evidence.keys import PublicKeys, SigningKeys, load_signing_keys
from shared.runtime.evidence.merkle import Tile, Tree
from shared.runtime.evidence.places import AnotherIsKept, HeadPlace
from shared.runtime.feed import Feed, Partition
from shared.runtime.settings import Settings

EVENTS_A_HEAD = 20_000  # most; more events get several heads at once
HORIZON_SECONDS = 5.0  # how long events that are under a head already may be above the horizon of another process
_PAGE_EVENTS = 2_000

_log = logging.getLogger(__name__)


class HeadsDisagree(Exception):
    """The log, its heads and the second place do not fit together, so nothing more is signed. The text says what was found."""


class Sealer:
    """Makes the heads of one service. Any number of processes may; they take turns."""

    def __init__(self, service: str, *, pool: asyncpg.Pool, store: Feed, place: HeadPlace, settings: Settings) -> None:
        """`pool` is the application's; `store` the service's own store, as the feed role sees it."""
        self._service = service
        self._pool = pool
        self._store = store
        self._place = place
        self._settings = settings
        self._one = asyncio.Lock()
        self._known: tuple[SignedHead | None, Tree] | None = None  # the last head of this process, and its tree
        self._next_round_at = 0.0

    async def step(self) -> bool:
        """One round of the background task, when it is time for one. It leads to no events, so it never counts as work left."""
        now = time.monotonic()
        if now >= self._next_round_at:
            self._next_round_at = now + self._settings.heads_seconds
            while await self.seal() == EVENTS_A_HEAD:
                pass
        return False

    async def seal(self) -> int:
        """Make a head over what was recorded since the last one. Returns how many events that was.

        Raises HeadsDisagree, NoSigningKey, OSError while the second place cannot be reached (the head is kept there later).
        """
        keys = load_signing_keys(self._settings)
        async with self._one:
            for key, content in keys.certificates().items():
                await self._place.keep_key(key, content)
            async with self._pool.acquire() as connection:
                async with connection.transaction():
                    await book.alone(connection)
                    before, tree = await self._last(connection)
                    kept = await self._next(connection, keys, before, tree)
                if kept is None:
                    return 0
                self._known = kept.signed, tree
                head = kept.signed.read()
                await self._keep(connection, head.number, kept)
                return kept.listing.count(b"\n")

    async def continue_after_restore(self, because: str) -> Head:
        """Go on from the last head of a database that was restored to an earlier moment.

        The heads that only the second place has are given up, by a signed head that says so and why; nothing is taken away.
        Raises HeadsDisagree when there is nothing to give up, or the log does not have the root of its own last head.
        """
        keys = load_signing_keys(self._settings)
        async with self._one, self._pool.acquire() as connection:
            async with connection.transaction():
                await book.alone(connection)
                live = await book.last_head(connection)
                tree = await self._tree_behind(connection, live)
                given_up = await self._take_over(connection, 0 if live is None else _read(live).number)
                kept = await self._next(connection, keys, live, tree, given_up=given_up, because=because)
            assert kept is not None
            self._known = kept.signed, tree
            head = kept.signed.read()
            await self._keep(connection, head.number, kept)
            return head

    async def keep_again(self) -> int:
        """Keep in the second place the heads behind its last one, whatever is noted of them. Returns how many that were.

        For a second place that was put back to an earlier moment than the database. Reads the events of those heads. Raises
        HeadsDisagree when the log is not the one that they were made over, OSError.
        """
        async with self._one, self._pool.acquire() as connection:
            last = await self._place.last(self._service)
            newest = await book.last_number(connection)
            for missing in range(last + 1, newest + 1):
                await self._keep(connection, missing, await self._listed_again(connection, missing))
            return max(0, newest - last)

    async def _take_over(self, connection: asyncpg.Connection, number: int) -> SignedHead:
        """Write the heads behind a number that only the second place has into the database. Returns the last."""
        if (last := await self._place.last(self._service)) <= number:
            raise HeadsDisagree(f"the second place has no head of {self._service} that the database does not have")
        taken: SignedHead | None = None
        for each in range(number + 1, last + 1):
            content = await self._place.read(self._service, each)
            if content is None:
                raise HeadsDisagree(f"head {each} of {self._service} is missing in the second place")
            taken = Kept.of_content(content).signed
            head = _read(taken)
            keys = PublicKeys(await self._place.keys(), head.key)
            if (head.service, head.number) != (self._service, each) or not keys.is_signed(taken, head.key):
                raise HeadsDisagree(
                    f"head {each} of {self._service} in the second place is signed by no key that is believed"
                )
            await book.write_head(connection, each, taken)
            await book.note_copy(connection, each)
        assert taken is not None
        return taken

    async def _last(self, connection: asyncpg.Connection) -> tuple[SignedHead | None, Tree]:
        """The last head and the tree behind it, after making sure that both places have it."""
        last = await book.last_head(connection)
        if self._known is None or last != self._known[0]:
            tree = await self._tree_behind(connection, last)
        else:
            tree = self._known[1]
        number = 0 if last is None else _read(last).number
        if (kept := await self._place.last(self._service)) > number:
            raise HeadsDisagree(f"the second place has head {kept} of {self._service}, the database {number or 'none'}")
        for missing in range(await book.last_copied(connection) + 1, number + 1):
            await self._keep(connection, missing, await self._listed_again(connection, missing))
        self._known = last, tree
        return last, tree.copy()

    async def _tree_behind(self, connection: asyncpg.Connection, last: SignedHead | None) -> Tree:
        """The tree of the last head, from stored tiles and the events behind them. Raises HeadsDisagree."""
        tree, position = await book.tree_of_tiles(connection)
        if last is None:
            return tree
        head = _read(last)
        await self._refuse_forged(connection, last, head)
        async for stored in self._events(position, Position.parse(head.position)):
            tree.append(event_leaf(stored))
        if (tree.size, tree.root().hex()) != (head.size, head.root):
            raise HeadsDisagree(f"the log of {self._service} does not have the root of its head {head.number}")
        return tree

    async def _refuse_forged(self, connection: asyncpg.Connection, last: SignedHead, head: Head) -> None:
        content = await self._place.read(self._service, head.number)
        if content is not None:
            try:
                is_same = Kept.of_content(content).signed == last
            except Unreadable:
                is_same = False
            if not is_same:
                raise HeadsDisagree(f"head {head.number} of {self._service} is another one in the second place")
        first = await book.head(connection, 1)
        keys = PublicKeys(await self._place.keys(), "" if first is None else _read(first).key)
        if head.service != self._service or not keys.is_signed(last, head.key):
            raise HeadsDisagree(f"head {head.number} of {self._service} is signed by no key that is believed")

    async def _next(
        self,
        connection: asyncpg.Connection,
        keys: SigningKeys,
        live: SignedHead | None,
        tree: Tree,
        *,
        given_up: SignedHead | None = None,
        because: str | None = None,
    ) -> Kept | None:
        """The next head behind `live`, written in this transaction; None when nothing was recorded. The tree moves on with it.

        `given_up`: the last head of those that a restore made void; then there is a head in any case.
        """
        previous = None if live is None else _read(live)
        before = given_up or live
        taken: list[tuple[Stored, bytes]] = []
        tiles: list[tuple[Tile, Position]] = []
        after = START if previous is None else Position.parse(previous.position)
        async for stored in self._events(after, None):
            leaf = event_leaf(stored)
            tiles += [(tile, stored.position) for tile in tree.append(leaf)]
            taken.append((stored, leaf))
            if len(taken) == EVENTS_A_HEAD:
                break
        if not taken and given_up is None:
            return None
        listing = listing_of(taken)
        head = Head(
            service=self._service,
            number=1 if before is None else _read(before).number + 1,
            size=tree.size,
            root=tree.root().hex(),
            position=str(taken[-1][0].position if taken else after),
            listing=sha256(listing).hexdigest(),
            previous="" if before is None else before.digest,
            made_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            key=keys.newest,
            continues=None if given_up is None else 0 if previous is None else previous.number,
            because=because,
        )
        body = encoded(head)
        signed = SignedHead(body, keys.sign(HEAD_PREFIX, body))
        await book.write_tiles(connection, tiles)
        await book.write_head(connection, head.number, signed)
        return Kept(signed, listing)

    async def _keep(self, connection: asyncpg.Connection, number: int, kept: Kept) -> None:
        """Keep a head in the second place, and note that it is."""
        try:
            await self._place.keep(self._service, number, kept.content())
        except AnotherIsKept:  # or the same, which another version compressed
            content = await self._place.read(self._service, number)
            if content is None or Kept.of_content(content) != kept:
                raise HeadsDisagree(f"head {number} of {self._service} is another one in the second place") from None
        await book.note_copy(connection, number)

    async def _listed_again(self, connection: asyncpg.Connection, number: int) -> Kept:
        """What must be kept of a head that is in the database only. Raises HeadsDisagree when the log has changed since."""
        signed = await book.head(connection, number)
        if signed is None:
            raise HeadsDisagree(f"the database misses head {number} of {self._service}")
        head = _read(signed)
        goes_on_from = number - 1 if head.continues is None else head.continues
        before = await book.head(connection, goes_on_from)
        if before is None and goes_on_from > 0:
            raise HeadsDisagree(f"the database misses head {goes_on_from} of {self._service}")
        after = START if before is None else Position.parse(_read(before).position)
        events = [stored async for stored in self._events(after, Position.parse(head.position))]
        kept = Kept(signed, listing_of((stored, event_leaf(stored)) for stored in events))
        if sha256(kept.listing).hexdigest() != head.listing:
            raise HeadsDisagree(f"the events of head {number} of {self._service} are not those that it was made over")
        _log.info("a head is kept in the second place now", extra={"service": self._service, "head": number})
        return kept

    async def _events(self, after: Position, until: Position | None) -> AsyncIterator[Stored]:
        """Events behind a position, up to another or to the safe horizon of this moment."""
        partition = Partition(self._service, 0)
        cursor: str | None = str(after)
        while until is None or after < until:
            page = await self._store.read(partition, cursor, _PAGE_EVENTS, 0.0 if until is None else HORIZON_SECONDS)
            for stored in page.events:
                if until is not None and stored.position > until:
                    return
                yield stored
            if not page.events or (page.is_head if until is None else page.position >= until):
                return
            cursor = page.cursor


def _read(signed: SignedHead) -> Head:
    try:
        return signed.read()
    except Unreadable as error:
        raise HeadsDisagree(str(error)) from None
