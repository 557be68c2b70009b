"""What does the service's own database hold of its heads? Append-only tables: heads, which are copied, and tiles of the tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg

from shared.events.envelope import START, Position
from shared.runtime.evidence.heads import SignedHead
from shared.runtime.evidence.merkle import HASH_BYTES, TILE_LEAVES, Tile, Tree

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(77, 3)"  # for the transaction; 77, 1 are writers of events
_TILE = """
insert into head_tiles (level, index, root, leaves, last_epoch, last_tx, last_pos) values ($1, $2, $3, $4, $5, $6, $7)
"""
_TILE_OF = """
select index, leaves from head_tiles where level = 0 and (last_epoch, last_tx, last_pos) >= ($1::smallint, $2::bigint, $3::bigint)
 order by last_epoch, last_tx, last_pos limit 1
"""


async def alone(connection: asyncpg.Connection) -> None:
    """Until the transaction ends, nobody else makes a head of this service."""
    await connection.execute(_ONE_AT_A_TIME)


async def last_head(connection: asyncpg.Connection) -> SignedHead | None:
    """The newest head; None when there is none."""
    row = await connection.fetchrow("select body, signature from heads order by number desc limit 1")
    return None if row is None else SignedHead(row["body"], row["signature"])


async def last_number(connection: asyncpg.Connection) -> int:
    """The number of the newest head; 0 when there is none."""
    return int(await connection.fetchval("select coalesce(max(number), 0) from heads"))


async def head(connection: asyncpg.Connection, number: int) -> SignedHead | None:
    row = await connection.fetchrow("select body, signature from heads where number = $1", number)
    return None if row is None else SignedHead(row["body"], row["signature"])


async def heads_after(connection: asyncpg.Connection, number: int, limit: int) -> Sequence[tuple[int, SignedHead]]:
    """Heads behind a number, in order, with the number under which each lies."""
    rows = await connection.fetch(
        "select number, body, signature from heads where number > $1 order by number limit $2", number, limit
    )
    return [(row["number"], SignedHead(row["body"], row["signature"])) for row in rows]


async def continuing_heads(connection: asyncpg.Connection) -> Sequence[SignedHead]:
    """Heads that say that they do not go on from the one before them."""
    rows = await connection.fetch(
        "select body, signature from heads where position($1::bytea in body) > 0 order by number", b'"continues":'
    )
    return [SignedHead(row["body"], row["signature"]) for row in rows]


async def last_copied(connection: asyncpg.Connection) -> int:
    """The newest head that is known to be kept in the second place; 0: none."""
    return int(await connection.fetchval("select coalesce(max(number), 0) from head_copies"))


async def write_head(connection: asyncpg.Connection, number: int, signed: SignedHead) -> None:
    await connection.execute(
        "insert into heads (number, body, signature) values ($1, $2, $3)", number, signed.body, signed.signature
    )


async def note_copy(connection: asyncpg.Connection, number: int) -> None:
    await connection.execute("insert into head_copies (number) values ($1) on conflict do nothing", number)


async def write_tiles(connection: asyncpg.Connection, tiles: Iterable[tuple[Tile, Position]]) -> None:
    """Store full tiles, each with the position of the last event below it."""
    rows = [
        (tile.level, tile.index, tile.root)
        + ((b"".join(tile.hashes), *last) if tile.level == 0 else (None, None, None, None))
        for tile, last in tiles
    ]
    if rows:
        await connection.executemany(_TILE, rows)


async def tree_of_tiles(connection: asyncpg.Connection) -> tuple[Tree, Position]:
    """The tree over all full tiles of leaves, and the position of the last event in it."""
    tiles = [
        int(row["tiles"])
        for row in await connection.fetch(
            "select level, count(*) as tiles from head_tiles group by level order by level"
        )
    ]
    levels: list[list[bytes]] = [[]]
    for level, count in enumerate(tiles):
        taken_in = TILE_LEAVES * (tiles[level + 1] if level + 1 < len(tiles) else 0)
        levels.append(await roots(connection, level, taken_in, count))
    last = await connection.fetchrow(
        "select last_epoch, last_tx, last_pos from head_tiles where level = 0"
        " order by last_epoch desc, last_tx desc, last_pos desc limit 1"
    )
    return Tree(levels, tiles), START if last is None else Position(*last)


async def roots(connection: asyncpg.Connection, level: int, begin: int, end: int) -> list[bytes]:
    """The roots of the tiles [begin, end) of a level: what the level above consists of."""
    rows = await connection.fetch(
        "select root from head_tiles where level = $1 and index >= $2 and index < $3 order by index", level, begin, end
    )
    return [row["root"] for row in rows]


async def leaves_of_tile(connection: asyncpg.Connection, index: int) -> list[bytes] | None:
    """The leaves of a full tile; None when it is not full yet."""
    found = await connection.fetchval("select leaves from head_tiles where level = 0 and index = $1", index)
    return None if found is None else _split(found)


async def tile_of(connection: asyncpg.Connection, position: Position) -> tuple[int, list[bytes]] | None:
    """The full tile that holds the event at a position, as its index and leaves; None when it is not full yet."""
    row = await connection.fetchrow(_TILE_OF, *position)
    return None if row is None else (row["index"], _split(row["leaves"]))


def _split(leaves: bytes) -> list[bytes]:
    return [leaves[begin : begin + HASH_BYTES] for begin in range(0, len(leaves), HASH_BYTES)]
