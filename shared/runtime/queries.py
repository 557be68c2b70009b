"""How are read models read: one tenant's rows, in pages, up to a known position?

Reads run as the application role with `app.tenant` set for the transaction only, so row-level security decides what is seen even
where a statement forgot to ask for the tenant. A read is one snapshot (repeatable read): rows and positions belong together.

    async with reads.read(who.tenant) as connection:
        found = await page(connection, sa.select(queue), order=[desc(queue.c.expected_cents), asc(queue.c.claim_id)],
                           limit=limit, cursor=cursor)
        return Page[QueueRow].of(found, await reads.positions(connection, "claims.denial-queue"))
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from shared.events.envelope import Position
from shared.kernel.errors import DomainError, Malformed
from shared.runtime.availability import StoreUnavailable, is_outage, outage_means
from shared.runtime.feed import Partition

Covering: TypeAlias = Callable[[str, Position | None], Awaitable[Mapping[Partition, Position]]]

_READ: Final = sa.text(
    "select set_config('app.tenant', :tenant, true), set_config('transaction_read_only', 'on', true)"
)
_WRITE: Final = sa.text("select set_config('app.tenant', :tenant, true)")
_READERS: Final = sa.table(
    "readers",
    sa.column("reader", sa.Text),
    sa.column("service", sa.Text),
    sa.column("partition", sa.Integer),
    sa.column("position_epoch", sa.Integer),
    sa.column("position_tx", sa.BigInteger),
    sa.column("position_pos", sa.BigInteger),
    sa.column("watermark", sa.DateTime(timezone=True)),
)
_PARKED: Final = sa.table(
    "parked", sa.column("reader", sa.Text), sa.column("stream", sa.Text), sa.column("status", sa.Text)
)
_LOOK_AGAIN_SECONDS = 0.01
_WHAT = "the database of the read models"


class NotYet(DomainError):
    """What is to be read does not yet include what the caller wrote: ask again in a moment."""

    code = "not-yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a reader has come in one partition of a service's log."""

    partition: Partition
    position: Position
    watermark: datetime | None  # everything recorded up to then is in it


class ReadDatabase:
    """One service's read models, as the application role. `covering` is the feed's, where there is one."""

    def __init__(
        self,
        dsn: str,
        *,
        covering: Covering | None = None,
        connections_max: int = 8,
        statement_seconds_max: float = 15.0,
    ) -> None:
        self._covering = covering
        milliseconds = str(int(statement_seconds_max * 1000))
        self._engine = create_async_engine(
            make_url(dsn).set(drivername="postgresql+asyncpg"),
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=5.0,
            pool_pre_ping=False,
            hide_parameters=True,  # error texts must not quote values
            isolation_level="REPEATABLE READ",
            connect_args={
                "timeout": 5.0,
                "server_settings": {
                    "statement_timeout": milliseconds,
                    "idle_in_transaction_session_timeout": milliseconds,
                    "application_name": "ledgerline-read",
                },
            },
        )

    @asynccontextmanager
    async def read(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """One read-only snapshot of a tenant's rows. Raises StoreUnavailable."""
        async with self._transaction(_READ, tenant) as connection:
            yield connection

    @asynccontextmanager
    async def write(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """A transaction on rows that are a service's own and no read model, such as control numbers. Raises StoreUnavailable."""
        async with self._transaction(_WRITE, tenant) as connection:
            yield connection

    async def reaches(self, connection: AsyncConnection, reader: str) -> Sequence[Reach]:
        """How far the reader behind a table has come, by service and partition."""
        found = await rows(connection, sa.select(_READERS).where(_READERS.c.reader == reader))
        return [
            Reach(
                partition=Partition(row["service"], row["partition"]),
                position=Position(row["position_epoch"], row["position_tx"], row["position_pos"]),
                watermark=row["watermark"],
            )
            for row in found
        ]

    async def parked(self, connection: AsyncConnection, reader: str) -> Sequence[str]:
        """Streams of the tenant of which the reader behind a table lacks events, because it could not take them in."""
        held = sa.and_(_PARKED.c.reader == reader, _PARKED.c.status == "parked")
        found = await rows(connection, sa.select(_PARKED.c.stream).distinct().where(held).order_by(_PARKED.c.stream))
        return [row["stream"] for row in found]

    async def positions(self, connection: AsyncConnection, *readers: str) -> dict[str, str]:
        """How far all of these readers have come, for an answer to name: by service, or by service/partition where the
        service's log has several (they move independently)."""
        least: dict[Partition, Position] = {}
        for reader in readers:
            for reach in await self.reaches(connection, reader):
                least[reach.partition] = min(reach.position, least.get(reach.partition, reach.position))
        numbers = Counter(partition.service for partition in least)
        return {
            service if numbers[service] == 1 else f"{service}/{number}": str(position)
            for (service, number), position in sorted(least.items())
        }

    async def wait_for(self, reader: str, after: str | None, *, within_seconds: float = 2.0) -> None:
        """Wait until a reader has applied what a write answered as `after` ("payments:1.123.45", several with commas).

        Raises NotYet when it takes longer, Malformed for another text.
        """
        wanted = [
            needed for service, position in parse_after(after) for needed in await self._needed(service, position)
        ]
        await self._wait(reader, wanted, within_seconds, after=after)

    async def wait_for_all(self, reader: str, service: str, *, within_seconds: float = 2.0) -> None:
        """Wait until a reader has applied everything that a service has said up to now: before a read model's silence is an answer.

        Raises NotYet when it takes longer.
        """
        if self._covering is not None:
            heads = await self._covering(service, None)
            await self._wait(reader, list(heads.items()), within_seconds, after=service)

    async def _wait(
        self, reader: str, wanted: Sequence[tuple[Partition, Position]], within_seconds: float, *, after: str | None
    ) -> None:
        time = asyncio.get_running_loop().time
        until = time() + within_seconds
        while wanted and not await self._has_reached(reader, wanted):
            if time() >= until:
                raise NotYet("what was written is not in this answer yet: ask again", after=after, reader=reader)
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self, begin: sa.TextClause, tenant: str) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            with outage_means(StoreUnavailable, _WHAT):
                connection = await stack.enter_async_context(self._engine.connect())
                await stack.enter_async_context(connection.begin())
                await connection.execute(begin, {"tenant": tenant})
            try:
                yield connection
            except DBAPIError as error:
                if is_outage(error):
                    raise StoreUnavailable(f"{_WHAT} does not answer") from error
                raise

    async def _needed(self, service: str, position: Position) -> list[tuple[Partition, Position]]:
        """Where a reader must be: the feed knows in which partitions; without one there is one partition a service."""
        if self._covering is None:
            return [(Partition(service, 0), position)]
        return list((await self._covering(service, position)).items())

    async def _has_reached(self, reader: str, wanted: Sequence[tuple[Partition, Position]]) -> bool:
        async with self.read("") as connection:  # readers are nobody's in particular
            reached = {reach.partition: reach.position for reach in await self.reaches(connection, reader)}
        # A reader that does not read the service at all has nothing to wait for.
        services = {partition.service for partition in reached}
        return all(
            partition.service not in services or reached.get(partition, Position(0, 0, 0)) >= position
            for partition, position in wanted
        )


def parse_after(text: str | None) -> list[tuple[str, Position]]:
    """Service and position for each part of an `after` text. Raises Malformed."""
    try:
        parts = [part.split(":") for part in (text or "").split(",") if part]
        return [(service, Position.parse(position)) for service, position in parts]
    except ValueError:
        raise Malformed("after is service:epoch.tx.pos, several of them with commas between") from None


# --- rows -----------------------------------------------------------------------------------------------------------


async def rows(connection: AsyncConnection, statement: sa.Executable) -> Sequence[sa.RowMapping]:
    """All rows of a statement, as mappings."""
    return (await connection.execute(statement)).mappings().all()


async def row(connection: AsyncConnection, statement: sa.Executable) -> sa.RowMapping | None:
    """The one row of a statement, or None. Raises sqlalchemy.exc.MultipleResultsFound for more."""
    return (await connection.execute(statement)).mappings().one_or_none()


async def value(connection: AsyncConnection, statement: sa.Executable) -> Any:
    """The first column of the first row, or None."""
    return (await connection.execute(statement)).scalar()


# --- pages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One column of an order. It may not hold nulls; the last column of an order makes it unique."""

    column: sa.ColumnElement[Any]
    is_descending: bool = False


def asc(column: sa.ColumnElement[Any]) -> Order:
    return Order(column=column)


def desc(column: sa.ColumnElement[Any]) -> Order:
    return Order(column=column, is_descending=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some rows of a list, and the cursor of those behind them."""

    rows: Sequence[sa.RowMapping]
    next: str | None


async def page(
    connection: AsyncConnection,
    statement: sa.Select[Any],
    *,
    order: Sequence[Order],
    limit: int,
    cursor: str | None = None,
) -> Slice:
    """The next `limit` rows behind the cursor, in this order. Raises Malformed for a cursor of another list.

    The columns of the order must be selected. The cursor holds their values in the last row, so personal values cannot be ordered by.
    """
    if cursor is not None:
        statement = statement.where(_behind(order, _decode(cursor, order)))
    by = [one.column.desc() if one.is_descending else one.column.asc() for one in order]
    found = await rows(connection, statement.order_by(None).order_by(*by).limit(limit + 1))
    if len(found) <= limit:
        return Slice(rows=found, next=None)
    last = found[limit - 1]
    return Slice(rows=found[:limit], next=_encode([last[_name(one)] for one in order]))


def _behind(order: Sequence[Order], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows behind these values. One direction is a row comparison, which an index answers; mixed ones are spelled out."""
    if len({one.is_descending for one in order}) == 1:
        left = sa.tuple_(*(one.column for one in order))
        right = sa.tuple_(*(_bound(one, value) for one, value in zip(order, values, strict=True)))
        return left < right if order[0].is_descending else left > right
    first, value = order[0], _bound(order[0], values[0])
    beyond = first.column < value if first.is_descending else first.column > value
    # The first condition lets the index begin at the right place; the second leaves out what was already shown.
    within = first.column <= value if first.is_descending else first.column >= value
    return sa.and_(within, sa.or_(beyond, sa.and_(first.column == value, _behind(order[1:], values[1:]))))


def _bound(one: Order, value: Any) -> sa.ColumnElement[Any]:
    return sa.literal(value, one.column.type)


def _name(one: Order) -> str:
    name = getattr(one.column, "key", None) or getattr(one.column, "name", None)
    if not isinstance(name, str):
        raise TypeError("a list is ordered by named columns: give the expression a label")
    return name


def _encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def _decode(cursor: str, order: Sequence[Order]) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw, type=list[Any])
        if len(values) != len(order):
            raise ValueError("not of this order")
        return [msgspec.convert(value, one.column.type.python_type) for value, one in zip(values, order, strict=True)]
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise Malformed("the cursor does not belong to this list: begin without one") from None
