"""About which moment is asked, and is everything that was known then already in the rows?"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Query

from services.payments.projections import books as read_model
from services.payments.projections import postings
from services.payments.projections.postings import Clocks, InBooks
from shared.kernel.errors import DomainError, Malformed
from shared.runtime.clock import Clock
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import Caller

POSTINGS = postings.projection.name
BOOKS = read_model.projection.name
NEVER = datetime.min.replace(tzinfo=UTC)

Moment = Annotated[
    str | None,
    Query(max_length=40, description="A date (its end) or a moment with its offset, as ISO 8601; absent: now."),
]


class NotKnownYet(DomainError):
    """Nobody can say yet what will have been recorded by then."""

    code = "not-known-yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The moments of requests to one service."""

    reads: ReadDatabase
    clock: Clock

    async def clocks(self, who: Caller, as_of: str | None, known_at: str | None, after: str | None) -> Clocks:
        """Raises NotKnownYet for a moment up to which the reader has not certainly read, NotYet, Malformed."""
        await self.reads.wait_for(POSTINGS, after)
        now = self.clock.now()
        happened = now if as_of is None else moment(as_of, "as_of")
        return Clocks(as_of=happened, known_at=await self._known(who.tenant, known_at, POSTINGS))

    async def in_books(self, who: Caller, through_on: date, known_at: str | None, after: str | None) -> InBooks:
        """The same of what stands in the books up to a day. Raises as `clocks`."""
        for reader in (POSTINGS, BOOKS):
            await self.reads.wait_for(reader, after)
        known = await self._known(who.tenant, known_at, POSTINGS, BOOKS)
        async with self.reads.read(who.tenant) as connection:
            found = read_model.books_of(await rows(connection, read_model.known(known)))
        return InBooks(through_on=through_on, known_at=known, books=found)

    async def _known(self, tenant: str, known_at: str | None, *readers: str) -> datetime:
        if known_at is None:
            return self.clock.now()
        known = moment(known_at, "known_at")
        if known > (sure := await sure_until(self.reads, tenant, *readers)):
            raise NotKnownYet("not everything up to then is known yet", known_until=sure.isoformat())
        return known


def moment(text: str, place: str) -> datetime:
    """A date is its end, in UTC. Raises Malformed."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{place} is a date or a moment, as ISO 8601") from None
    if found.tzinfo is None:
        raise Malformed(f"{place} is a moment with its offset, such as Z")
    return found.astimezone(UTC)


async def sure_until(reads: ReadDatabase, tenant: str, *readers: str) -> datetime:
    """Everything recorded up to then is in the rows of these readers; NEVER while nobody can say."""
    async with reads.read(tenant) as connection:
        reaches = [reach for reader in readers for reach in await reads.reaches(connection, reader)]
    return min((reach.watermark or NEVER for reach in reaches), default=NEVER)
