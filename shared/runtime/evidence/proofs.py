"""How is one event shown to be under a head, without reading the log?

Its place in the tree is looked up in the tile that holds its position; the hashes beside the way to the root come from stored tiles,
and from the events behind the last full tile (at most those of one tile and what was recorded since).
"""

from __future__ import annotations

import asyncpg

from shared.events.envelope import Position, Stored
from shared.kernel.errors import DomainError
from shared.runtime.evidence import book
from shared.runtime.evidence.heads import Head, event_leaf
from shared.runtime.evidence.merkle import (
    TILE_HEIGHT,
    TILE_LEAVES,
    Node,
    folded,
    inclusion_nodes,
    joined,
    root_by_path,
)
from shared.runtime.evidence.sealer import HORIZON_SECONDS
from shared.runtime.feed import Feed, Partition

_PAGE_EVENTS = 1_000


class NotUnderTheHead(DomainError):
    """The event is not what was sealed: the log or its tiles were changed. `ledgerline verify` says more."""

    code = "not-under-the-head"


class Proofs:
    """The ways from events to one head. Make it with `begin`, within one read-only transaction that sees one moment."""

    def __init__(self, connection: asyncpg.Connection, head: Head, tiles: int, behind: list[bytes]) -> None:
        self._connection = connection
        self._head = head
        self._full = tiles * TILE_LEAVES
        self._behind = behind  # the leaves that no full tile holds
        self._tiles: dict[int, list[bytes]] = {}

    @classmethod
    async def begin(cls, connection: asyncpg.Connection, store: Feed, head: Head) -> Proofs:
        """`store` is the service's own, to read what lies behind the last full tile."""
        tree, last = await book.tree_of_tiles(connection)
        behind: list[bytes] = []
        cursor, until = str(last), Position.parse(head.position)
        while Position.parse(cursor) < until:
            page = await store.read(Partition(head.service, 0), cursor, _PAGE_EVENTS, HORIZON_SECONDS)
            behind += [event_leaf(stored) for stored in page.events if stored.position <= until]
            if not page.events:
                break
            cursor = page.cursor
        return cls(connection, head, tree.size // TILE_LEAVES, behind)

    async def of(self, stored: Stored) -> tuple[int, list[bytes]]:
        """The place of an event from 0, and the hashes beside its way to the root, from the leaf up. Raises NotUnderTheHead."""
        leaf = event_leaf(stored)
        tile = await book.tile_of(self._connection, stored.position)
        begin, leaves = (self._full, self._behind) if tile is None else (tile[0] * TILE_LEAVES, tile[1])
        if leaf in leaves and (index := begin + leaves.index(leaf)) < self._head.size:
            path = [await self._joined(nodes) for nodes in inclusion_nodes(index, self._head.size)]
            root = root_by_path(leaf, index, self._head.size, path)
            if root is not None and root.hex() == self._head.root:
                return index, path
        raise NotUnderTheHead(
            "an event is not what was sealed: `ledgerline verify` says more",
            stream=stored.stream,
            version=stored.version,
            head=self._head.number,
        )

    async def _joined(self, nodes: list[Node]) -> bytes:
        return joined([await self._node(node) for node in nodes])

    async def _node(self, node: Node) -> bytes:
        level, height = divmod(node.height, TILE_HEIGHT)
        begin = node.number << height
        hashes = await self._hashes(level, begin, begin + (1 << height))
        if len(hashes) != 1 << height:
            raise NotUnderTheHead(
                "a tile of the tree is missing: `ledgerline verify` says more", head=self._head.number
            )
        return folded(hashes)

    async def _hashes(self, level: int, begin: int, end: int) -> list[bytes]:
        """Neighbours of one level, within one tile."""
        if level > 0:
            return await book.roots(self._connection, level - 1, begin, end)
        if begin >= self._full:
            return self._behind[begin - self._full : end - self._full]
        index, within = divmod(begin, TILE_LEAVES)
        if index not in self._tiles:
            self._tiles[index] = await book.leaves_of_tile(self._connection, index) or []
        return self._tiles[index][within : within + end - begin]
