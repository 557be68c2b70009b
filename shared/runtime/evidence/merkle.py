"""How can many events be vouched for by one hash, and one event or an older log be shown to be in it?

The Merkle tree of RFC 6962, section 2.1: leaves and inner nodes are hashed under different prefixes, the left subtree of n leaves has
the largest power of two below n. A growing tree keeps its open right edge only, so an event costs O(1) hashes on average; full
tiles of 256 leaves are handed out to be stored, and proofs are put together from them without reading the log.

Source: RFC 6962 (Merkle tree, audit paths, consistency proofs); the checks of proofs are those of RFC 9162, 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_LEAVES = 1 << TILE_HEIGHT
EMPTY_ROOT = sha256().digest()


class Node(NamedTuple):
    """The full subtree of 2**height leaves that begins at leaf `number` << height."""

    height: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """256 neighbours of one level (level 0: leaves; above: roots of the tiles below), complete and never to change."""

    level: int
    index: int
    hashes: tuple[bytes, ...]
    root: bytes


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """The open right edge of a growing tree: at each level what no full tile has taken in yet, at most 255 hashes."""

    def __init__(self, levels: Sequence[Sequence[bytes]] = (), tiles: Sequence[int] = ()) -> None:
        """`levels`: the open hashes by level; `tiles`: how many full tiles each level has."""
        self._open = [list(level) for level in levels] or [[]]
        self._tiles = [*tiles, *[0] * (len(self._open) - len(tiles))]

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._tiles[0] * TILE_LEAVES + len(self._open[0])

    def copy(self) -> Tree:
        return Tree(self._open, self._tiles)

    def append(self, leaf: bytes) -> list[Tile]:
        """Take in the hash of the next leaf. Returns the tiles that it made full, lowest first."""
        full: list[Tile] = []
        level, new = 0, leaf
        while True:
            if level == len(self._open):
                self._open.append([])
                self._tiles.append(0)
            edge = self._open[level]
            edge.append(new)
            if len(edge) < TILE_LEAVES:
                return full
            tile = Tile(level=level, index=self._tiles[level], hashes=tuple(edge), root=folded(edge))
            full.append(tile)
            edge.clear()
            self._tiles[level] += 1
            level, new = level + 1, tile.root

    def root(self) -> bytes:
        """The hash of everything so far."""
        parts = [part for edge in reversed(self._open) for part in _perfect_parts(edge)]
        return joined(parts)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over 2**k neighbours of one level."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def joined(parts: Sequence[bytes]) -> bytes:
    """The root over full subtrees, largest first."""
    if not parts:
        return EMPTY_ROOT
    root = parts[-1]
    for part in reversed(parts[:-1]):
        root = node_hash(part, root)
    return root


def _perfect_parts(edge: Sequence[bytes]) -> Iterator[bytes]:
    begin = 0
    for bit in reversed(range(TILE_HEIGHT)):
        if len(edge) & 1 << bit:
            yield folded(edge[begin : begin + (1 << bit)])
            begin += 1 << bit


# --- what proofs are made of ------------------------------------------------------------------------------------------


def nodes_of(begin: int, end: int) -> list[Node]:
    """The full subtrees that make up the subtree over leaves [begin, end) of a tree, largest first."""
    nodes: list[Node] = []
    while begin < end:
        height = (end - begin).bit_length() - 1
        nodes.append(Node(height, begin >> height))
        begin += 1 << height
    return nodes


def inclusion_nodes(index: int, size: int) -> list[list[Node]]:
    """What an audit path is made of: each of its hashes as the subtrees to join, from the leaf up. Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[list[Node]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(nodes_of(middle, end))
            end = middle
        else:
            path.append(nodes_of(begin, middle))
            begin = middle
    return path[::-1]


def consistency_nodes(first: int, second: int) -> list[list[Node]]:
    """What a proof is made of that the tree of `first` leaves is the beginning of that of `second`. Raises ValueError."""
    if not 0 < first <= second:
        raise ValueError(f"a tree of {first} is not the beginning of one of {second}")
    proof: list[list[Node]] = []
    begin, end, is_whole = 0, second, True
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            proof.append(nodes_of(middle, end))
            end = middle
        else:
            proof.append(nodes_of(begin, middle))
            begin, is_whole = middle, False
    if not is_whole:
        proof.append(nodes_of(begin, end))
    return proof[::-1]


def _split(leaves: int) -> int:
    """The largest power of two below the number of leaves."""
    return 1 << (leaves - 1).bit_length() - 1


# --- checking proofs --------------------------------------------------------------------------------------------------


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to; None when the path does not fit the place."""
    if not 0 <= index < size:
        return None
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(sibling, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the first tree is the beginning of the second."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    hashes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not hashes:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
