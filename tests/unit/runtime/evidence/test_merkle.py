"""Is the tree that of RFC 6962, and does no proof prove anything else?"""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.evidence.merkle import (
    EMPTY_ROOT,
    TILE_LEAVES,
    Node,
    Tile,
    Tree,
    consistency_nodes,
    folded,
    inclusion_nodes,
    is_consistent,
    joined,
    leaf_hash,
    root_by_path,
    root_of,
)

# The leaves and the roots of the first n of them in the reference tests of Certificate Transparency.
KNOWN_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(first: int, leaves: list[bytes], *, is_whole: bool = True) -> list[bytes]:
    """RFC 6962, 2.1.2: SUBPROOF."""
    if first == len(leaves):
        return [] if is_whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if first <= k:
        return [*naive_proof(first, leaves[:k], is_whole=is_whole), naive_root(leaves[k:])]
    return [*naive_proof(first - k, leaves[k:], is_whole=False), naive_root(leaves[:k])]


def some_leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def made(nodes: list[list[Node]], leaves: list[bytes]) -> list[bytes]:
    """The hashes of a proof, each subtree from its own leaves."""
    return [joined([folded(leaves[n.number << n.height : (n.number + 1) << n.height]) for n in part]) for part in nodes]


@pytest.mark.parametrize("count", range(1, 9))
def test_the_roots_are_those_of_the_reference(count: int) -> None:
    assert root_of(map(leaf_hash, KNOWN_LEAVES[:count])).hex() == KNOWN_ROOTS[count - 1]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY_ROOT == sha256().digest()


def test_the_audit_paths_are_those_of_the_reference() -> None:
    """Leaf 2 of three, and leaf 1 of five, as the reference lists them."""
    leaves = [leaf_hash(leaf) for leaf in KNOWN_LEAVES]
    assert [h.hex() for h in made(inclusion_nodes(2, 3), leaves)] == [KNOWN_ROOTS[1]]
    assert [h.hex() for h in made(inclusion_nodes(1, 5), leaves)] == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]


@given(st.integers(0, 1_100))
def test_a_grown_tree_has_the_root_of_the_definition(count: int) -> None:
    tree = Tree()
    for leaf in some_leaves(count):
        tree.append(leaf)
    assert (tree.size, tree.root()) == (count, naive_root(some_leaves(count)))


def test_each_size_around_a_tile_has_the_root_of_the_definition() -> None:
    tree, leaves = Tree(), some_leaves(2 * TILE_LEAVES + 2)
    for count, leaf in enumerate(leaves, start=1):
        tree.append(leaf)
        if count % TILE_LEAVES in (0, 1, 2, TILE_LEAVES - 1):
            assert tree.root() == naive_root(leaves[:count])


def test_a_tree_of_two_levels_of_tiles_goes_on_from_its_tiles() -> None:
    """65,536 leaves fill a tile of tiles; a tree made anew from what was handed out has the same root."""
    tree, tiles = Tree(), list[Tile]()
    leaves = some_leaves(TILE_LEAVES * TILE_LEAVES + 2 * TILE_LEAVES + 3)
    for leaf in leaves:
        tiles += tree.append(leaf)
    again = Tree(
        [
            leaves[-3:],
            [tile.root for tile in tiles if tile.level == 0][-2:],
            [tile.root for tile in tiles if tile.level == 1],
        ],
        [TILE_LEAVES + 2, 1],
    )
    assert (again.size, again.root()) == (tree.size, tree.root()) == (len(leaves), naive_root(leaves))


@given(st.data())
def test_a_path_leads_from_its_leaf_to_the_root_and_from_no_other_place(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    leaves = some_leaves(size)
    path = made(inclusion_nodes(index, size), leaves)
    root = naive_root(leaves)
    assert path == naive_path(index, leaves)
    assert root_by_path(leaves[index], index, size, path) == root
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert root_by_path(leaves[index], other, size, path) != root
        assert root_by_path(leaves[other], index, size, path) != root
    assert root_by_path(leaves[index], index, size, [*path, root]) is None
    if path:
        assert root_by_path(leaves[index], index, size, path[:-1]) != root


@given(st.data())
def test_an_older_tree_is_the_beginning_of_a_newer_one_and_another_is_not(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, 300))
    first = data.draw(st.integers(1, second))
    leaves = some_leaves(second)
    proof = made(consistency_nodes(first, second), leaves)
    old, new = naive_root(leaves[:first]), naive_root(leaves)
    assert proof == naive_proof(first, leaves)
    assert is_consistent(first, old, second, new, proof)
    changed = [leaf_hash(b"changed"), *leaves[1:]]
    assert not is_consistent(first, naive_root(changed[:first]), second, new, proof)
    if first != second:
        assert not is_consistent(first, old, second, naive_root(changed), proof)
        assert not is_consistent(first, old, second, new, [*proof, new])
        assert not is_consistent(first, old, second, new, proof[:-1])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 3)])
def test_there_is_no_path_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_nodes(index, size)
    assert root_by_path(leaf_hash(b""), index, size, []) is None


@pytest.mark.parametrize(("first", "second"), [(0, 4), (5, 4)])
def test_a_tree_is_not_the_beginning_of_a_smaller_one(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="is not the beginning"):
        consistency_nodes(first, second)
    assert not is_consistent(first, EMPTY_ROOT, second, EMPTY_ROOT, [])
