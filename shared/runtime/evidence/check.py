"""Is the log still the one that its heads vouch for, and are the heads themselves whole?

Heads are walked in order from both places, events in feed order beside them. What the second place lists is compared event by event,
so each that was changed, removed, inserted or moved is named, also when whoever did it has made hashes and heads in the database anew.
Where only the database has a head, its events are judged together by its root.

Memory: one listing (`sealer.EVENTS_A_HEAD` lines), and what is named.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import asyncpg

from shared.events.envelope import START, Position, Stored
from shared.runtime.evidence import book
from shared.runtime.evidence.heads import Head, Kept, Listed, SignedHead, Unreadable, event_leaf
from shared.runtime.evidence.keys import PublicKeys
from shared.runtime.evidence.merkle import Tree
from shared.runtime.evidence.places import HeadPlace
from shared.runtime.invariants import VIOLATIONS_MAX, CheckResult, note

_HEADS_A_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """A head that holds, and what came with it; without a listing its events are judged together."""

    head: Head
    listing: Iterator[Listed] | None


@dataclass(slots=True, kw_only=True)
class _Gone:
    """Events of one stream that are not there any more."""

    head: int
    named: list[Listed] = field(default_factory=list)
    count: int = 0


class HeadsCheck:
    """One verification of one service. `begin`, then `see` every event of the feed, read afresh, then `results`."""

    def __init__(self, service: str, *, pool: asyncpg.Pool, place: HeadPlace) -> None:
        self._service = service
        self._pool = pool
        self._place = place
        self._heads = CheckResult(name="heads are signed, extend one another and are in both places")
        self._events = CheckResult(name="events are those that the heads vouch for")
        self._certificates: Sequence[bytes] = ()
        self._keys = PublicKeys([], "")
        self._last_number = 0
        self._last_copied = 0
        self._number = 0  # of the head that is at hand
        self._page: dict[int, SignedHead] = {}
        self._before: Head | None = None  # the last one that was not given up
        self._digest = ""  # of the last one
        self._restores: list[Head] = []  # heads that give up those before them
        self._expected: _Expected | None = None
        self._line: Listed | None = None
        self._tree = Tree()
        self._is_lost = False  # a root was wrong: those behind it cannot be right either
        self._gone: OrderedDict[tuple[str, str], _Gone] = OrderedDict()
        self._gone_count = 0
        self._ends_at = START

    async def begin(self) -> None:
        """Note how far heads reach. Must come before the feed is asked for its head, so that no head is ahead of the events."""
        in_place = await self._place.last(self._service)
        async with self._pool.acquire() as connection:
            last = await book.last_number(connection)
            self._last_copied = await book.last_copied(connection)
            continuing = await book.continuing_heads(connection)
        self._certificates = await self._place.keys()
        self._restores = list(filter(None, map(self._restore, continuing)))
        self._last_number = max(in_place, last)
        await self._next_head()

    async def see(self, stored: Stored) -> None:
        """Compare the next event with what is expected at its place."""
        self._ends_at = stored.position
        while self._expected is not None:
            if self._expected.listing is None:
                if stored.position <= Position.parse(self._expected.head.position):
                    self._tree.append(event_leaf(stored))
                    self._events.checked += 1
                    return
            elif self._line is not None:
                if self._line.place >= stored.position:
                    self._compare(self._line, stored, self._expected.head)
                    return
                self._note_gone(self._line, self._expected.head)
                self._take_line()
                continue
            self._finish_head(self._expected)
            await self._next_head()

    async def results(self) -> Sequence[CheckResult]:
        """What was found, behind the last event."""
        gone_before = self._gone_count
        while self._expected is not None:
            while self._line is not None:
                self._note_gone(self._line, self._expected.head)
                self._take_line()
            self._finish_head(self._expected)
            await self._next_head()
        if self._gone_count > gone_before and self._before is not None:
            last = self._before
            where = f"{self._service}: the end of the log"
            expected = f"{last.size} events up to {last.position}, as head {last.number} says"
            note(self._events, where, expected, f"it was cut: the last event is at {self._ends_at}")
        await self._name_gone()
        told = [f"head {head.number} goes on from head {head.continues}: {head.because}" for head in self._restores]
        return self._heads, self._events, *(CheckResult(name=f"restored: {text}", checked=1) for text in told)

    # --- events -------------------------------------------------------------------------------------------------------

    def _compare(self, line: Listed, stored: Stored, head: Head) -> None:
        self._events.checked += 1
        if line.place > stored.position:
            expected = f"no event at {stored.position}: head {head.number} has none there"
            note(self._events, _where(self._service, stored), expected, "an event that was inserted")
            return
        if (line.tenant, line.stream, line.version) != (stored.tenant, stored.stream, stored.version):
            found = f"another event in its place: {stored.key} version {stored.version}"
            note(self._events, _where(self._service, line), f"this event, as head {head.number} lists it", found)
        elif bytes.fromhex(line.leaf) != (leaf := event_leaf(stored)):
            expected = f"leaf {line.leaf[:16]}…, as head {head.number} lists it"
            note(self._events, _where(self._service, line), expected, f"changed: leaf {leaf.hex()[:16]}…")
        self._take_line()

    def _take_line(self) -> None:
        """The next line of the listing; what was at hand goes into the tree of what heads vouch for."""
        assert self._expected is not None and self._expected.listing is not None
        if self._line is not None:
            self._tree.append(bytes.fromhex(self._line.leaf))
        self._line = next(self._expected.listing, None)

    def _note_gone(self, line: Listed, head: Head) -> None:
        self._events.checked += 1
        self._gone_count += 1
        key = line.tenant, line.stream
        if key not in self._gone and len(self._gone) < VIOLATIONS_MAX:
            self._gone[key] = _Gone(head=head.number)
        if (gone := self._gone.get(key)) is not None:
            gone.count += 1
            if len(gone.named) < VIOLATIONS_MAX:
                gone.named.append(line)

    async def _name_gone(self) -> None:
        """A removed stream is named once, a removed event of a stream that is there by its version."""
        for (tenant, stream), gone in self._gone.items():
            if await self._is_there(tenant, stream):
                for line in gone.named:
                    note(
                        self._events,
                        _where(self._service, line),
                        f"this event, as head {gone.head} lists it",
                        "removed",
                    )
            else:
                expected = f"{gone.count} events, the first at {gone.named[0].position}, as head {gone.head} lists them"
                note(self._events, f"{self._service}: {tenant}/{stream}", expected, "the stream was removed")
        if (named := sum(len(gone.named) for gone in self._gone.values())) < self._gone_count:
            note(self._events, self._service, "every event", f"{self._gone_count} removed, {named} of them named")

    async def _is_there(self, tenant: str, stream: str) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select set_config('app.tenant', $1, true)", tenant)
            found = "select exists (select from events where tenant = $1 and stream = $2)"
            return bool(await connection.fetchval(found, tenant, stream))

    # --- heads --------------------------------------------------------------------------------------------------------

    def _finish_head(self, expected: _Expected) -> None:
        head = expected.head
        if (self._tree.size, self._tree.root().hex()) == (head.size, head.root) or self._is_lost:
            return
        self._is_lost = True
        if expected.listing is not None:
            found = f"a root that does not follow from head {head.number - 1} and the events it lists"
            note(self._heads, self._head(head.number), "to extend the head before it", found)
        else:
            where = f"{self._service}: the events up to {head.position}"
            note(self._events, where, f"{head.size} events under the root of head {head.number}", "another root")

    async def _next_head(self) -> None:
        """Go on to the next head that can be believed."""
        self._expected = self._line = None
        while self._expected is None and self._number < self._last_number:
            self._number += 1
            self._heads.checked += 1
            in_database = await self._of_database(self._number)
            kept = await self._of_place(self._number)
            self._compare_places(in_database, kept)
            for signed in filter(None, (kept.signed if kept else None, in_database)):
                if (head := self._judged(signed)) is not None:
                    self._digest = signed.digest
                    if self._is_given_up(head):
                        break
                    listing = kept.lines() if kept is not None and kept.signed == signed else None
                    if listing is not None and kept is not None and sha256(kept.listing).hexdigest() != head.listing:
                        note(self._heads, self._head(head.number), "its listing in the second place", "a changed one")
                        listing = None
                    self._before = head
                    self._expected = _Expected(head=head, listing=listing)
                    if listing is not None:
                        self._take_line()
                    break

    async def _of_database(self, number: int) -> SignedHead | None:
        if number not in self._page:
            async with self._pool.acquire() as connection:
                self._page = dict(await book.heads_after(connection, number - 1, _HEADS_A_PAGE))
        return self._page.get(number)

    async def _of_place(self, number: int) -> Kept | None:
        content = await self._place.read(self._service, number)
        try:
            return None if content is None else Kept.of_content(content)
        except Unreadable as error:
            note(self._heads, self._head(number), "a readable head in the second place", str(error))
            return None

    def _compare_places(self, in_database: SignedHead | None, kept: Kept | None) -> None:
        where = self._head(self._number)
        if in_database is None:
            note(self._heads, where, "the head in the database", "missing")
        if kept is None and (self._number <= self._last_copied or in_database is None):
            note(self._heads, where, "the head in the second place", "missing")
        if kept is not None and in_database is not None and kept.signed != in_database:
            note(self._heads, where, "the same head in both places", "the database has another one")

    def _judged(self, signed: SignedHead) -> Head | None:
        """The head, when it is signed by a key that is believed and follows from the one before it."""
        where = self._head(self._number)
        try:
            head = signed.read()
            position = Position.parse(head.position)
        except (Unreadable, ValueError):
            note(self._heads, where, "a head", "bytes that cannot be read")
            return None
        if not self._keys.contents:
            self._keys = PublicKeys(self._certificates, head.key)
        if not self._keys.is_signed(signed, head.key):
            note(self._heads, where, "a signature of a key that is believed", f"none of key {head.key}")
            return None
        if (head.service, head.number) != (self._service, self._number):
            note(self._heads, where, "this head", f"head {head.number} of {head.service}")
            return None
        if self._number > 1 and head.previous != self._digest:
            note(self._heads, where, f"to name the head before it, {self._digest[:16]}…", f"{head.previous[:16]}…")
        before = self._before
        if before is None or self._is_given_up(head) or head in self._restores:
            return head
        if head.size <= before.size or position <= Position.parse(before.position):
            found = f"{head.size} events up to {head.position}"
            note(self._heads, where, f"more than {before.size} events up to {before.position}", found)
        return head

    def _is_given_up(self, head: Head) -> bool:
        return any((each.continues or 0) < head.number < each.number for each in self._restores)

    def _restore(self, signed: SignedHead) -> Head | None:
        """A head that gives up those before it, when it is signed by a key that is believed."""
        try:
            head = signed.read()
        except Unreadable:
            return None
        is_one = head.service == self._service and head.continues is not None
        return head if is_one and PublicKeys(self._certificates, head.key).is_signed(signed, head.key) else None

    def _head(self, number: int) -> str:
        return f"{self._service}: head {number}"


def _where(service: str, event: Stored | Listed) -> str:
    return f"{service}: {event.tenant}/{event.stream} version {event.version} at {event.position}"
