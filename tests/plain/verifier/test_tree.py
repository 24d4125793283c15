"""Roots and proofs against the definitions of RFC 6962, written down naively."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_evident.verifier.formats import merkle
from pg_evident.verifier.growth import Trees
from support.models import exports

pytestmark = pytest.mark.promise(12)

LEAVES = [exports.leaf(b"%d" % number) for number in range(600)]
ROOTS = [exports.mth(LEAVES[:size]) for size in range(601)]
LARGE = [exports.leaf(b"%d" % number) for number in range(65_600)]

Prove = Callable[[bytes, int, int, list[bytes], bytes], bool]


def sides(index: int, size: int) -> str:
    """The sides of the siblings on a path, from the leaf upwards."""
    if size == 1:
        return ""
    k = exports.split(size)
    if index < k:
        return sides(index, k) + "r"
    return sides(index - k, size - k) + "l"


def test_every_root_up_to_600_is_that_of_the_definition() -> None:
    assert hashlib.sha256(b"").digest() == merkle.EMPTY_ROOT
    for size in range(601):
        assert merkle.tree_root(LEAVES[:size]) == ROOTS[size]


def test_a_perfect_root_is_that_of_the_definition() -> None:
    for height in range(10):
        leaves = LEAVES[: 1 << height]
        assert merkle.perfect_root(leaves) == exports.mth(leaves)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 65_600])
def test_roots_around_65536_grow_bundle_by_bundle(size: int) -> None:
    nodes: dict[tuple[int, int], set[bytes]] = {}

    def keep(level: int, index: int, found: set[bytes]) -> None:
        nodes[level, index] = found

    trees = Trees(2, keep)
    roots: set[bytes] = set()
    for start in range(0, size, 256):
        bundle = LARGE[start : min(start + 256, size)]
        end = start + len(bundle)
        roots = trees.grow([bundle, list(bundle)], [end])[end]
    assert roots == {exports.mth(LARGE[:size])}
    assert [index for level, index in sorted(nodes) if level == 1] == list(
        range(size // 256)
    )
    assert nodes[1, 3] == {exports.mth(LARGE[768:1024])}
    assert ((2, 0) in nodes) == (size >= 65_536)
    if size >= 65_536:
        assert nodes[2, 0] == {exports.mth(LARGE[:65_536])}


def test_roots_at_sizes_within_a_bundle_are_those_of_the_definition() -> None:
    trees = Trees(1, lambda *_: None)
    for start in range(0, 600, 256):
        end = min(start + 256, 600)
        wanted = range(start + 1, end + 1)
        roots = trees.grow([LEAVES[start:end]], wanted)
        assert roots == {size: {ROOTS[size]} for size in wanted}


def test_trees_that_differ_in_one_leaf_have_roots_of_their_own_from_there() -> None:
    other = [*LEAVES[:300], exports.leaf(b"another"), *LEAVES[301:]]
    trees = Trees(3, lambda *_: None)
    for start in range(0, 600, 256):
        end = min(start + 256, 600)
        sources = [LEAVES[start:end], other[start:end], LEAVES[start:end]]
        roots = trees.grow(sources, range(start + 1, end + 1))
        for size, found in roots.items():
            assert found == {ROOTS[size], exports.mth(other[:size])}
            assert len(found) == (1 if size <= 300 else 2)


def test_every_inclusion_proof_up_to_64_is_accepted() -> None:
    for size in range(1, 65):
        for index in range(size):
            proof = exports.path(index, LEAVES[:size])
            assert merkle.proves_inclusion(
                LEAVES[index], index, size, proof, ROOTS[size]
            )


def test_every_consistency_proof_up_to_64_is_accepted() -> None:
    for size in range(1, 65):
        for first in range(1, size + 1):
            proof = exports.consistency(first, LEAVES[:size])
            assert merkle.proves_consistency(
                first, ROOTS[first], size, ROOTS[size], proof
            )


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 600])
def test_proofs_of_larger_trees_are_accepted(size: int) -> None:
    leaves = LEAVES[:size]
    for index in {0, 1, size // 3, size // 2, 254, size - 2, size - 1}:
        proof = exports.path(index, leaves)
        assert merkle.proves_inclusion(LEAVES[index], index, size, proof, ROOTS[size])
        if index:
            proof = exports.consistency(index, leaves)
            assert merkle.proves_consistency(
                index, ROOTS[index], size, ROOTS[size], proof
            )


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537])
def test_proofs_around_65536_are_accepted_and_no_bit_may_differ(size: int) -> None:
    leaves = LARGE[:size]
    root = exports.mth(leaves)
    for index in (0, 65_534, size - 1):
        proof = exports.path(index, leaves)
        assert merkle.proves_inclusion(leaves[index], index, size, proof, root)
        for bad in mutations(proof):
            assert not merkle.proves_inclusion(leaves[index], index, size, bad, root)
    proof = exports.consistency(40_000, leaves)
    old = exports.mth(leaves[:40_000])
    assert merkle.proves_consistency(40_000, old, size, root, proof)
    for bad in mutations(proof):
        assert not merkle.proves_consistency(40_000, old, size, root, bad)


def mutations(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Every proof that differs in one step: a bit, a hash less, more or elsewhere."""
    for at, each in enumerate(proof):
        flipped = bytes([each[0] ^ 1]) + each[1:]
        yield [*proof[:at], flipped, *proof[at + 1 :]]
        yield [*proof[:at], each[:31] + bytes([each[31] ^ 128]), *proof[at + 1 :]]
        yield [*proof[:at], each[:31], *proof[at + 1 :]]
        yield [*proof[:at], each + b"\0", *proof[at + 1 :]]
        yield proof[:at] + proof[at + 1 :]
        yield [*proof[:at], each, *proof[at:]]
        if at:
            yield [*proof[: at - 1], each, proof[at - 1], *proof[at + 1 :]]
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]
    yield [*proof, *proof] if proof else [b""]


def refuses_every_mutation(prove: Prove) -> None:
    """Require that no false inclusion proof up to 40 leaves is accepted."""
    for size in range(1, 41):
        leaves, root = LEAVES[:size], ROOTS[size]
        for index in range(size):
            proof, leaf = exports.path(index, leaves), leaves[index]
            for bad in mutations(proof):
                assert not prove(leaf, index, size, bad, root)
            for other in {index - 1, index + 1, index ^ 1, index + size, -1, size}:
                if other != index:
                    assert not prove(leaf, other, size, proof, root)
            for other in {0, -1, size - 1, size + 1, 2 * size, size ^ 1}:
                if other == size:
                    continue
                if 0 < other <= 600:
                    assert not prove(leaf, index, other, proof, ROOTS[other])
                shape = sides(index, other) if index < other else None
                if shape != sides(index, size):
                    # With the same path, nothing but the root tells the sizes apart.
                    assert not prove(leaf, index, other, proof, root)
            # A node above, passed off as a leaf of a shorter path.
            node = leaf
            for at, side in enumerate(sides(index, size)):
                left, right = (proof[at], node) if side == "l" else (node, proof[at])
                node = merkle.node_hash(left, right)
                for claimed in {index, index >> (at + 1)}:
                    assert not prove(node, claimed, size, proof[at + 1 :], root)


def test_every_mutated_inclusion_proof_is_refused() -> None:
    refuses_every_mutation(merkle.proves_inclusion)


@pytest.mark.twin_of(12)
def test_a_verifier_without_the_length_check_is_caught() -> None:
    def without_length(
        leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
    ) -> bool:
        last = size - 1
        for sibling in proof:
            if len(sibling) != 32:
                return False
            if index & 1 or index == last:
                leaf = merkle.node_hash(sibling, leaf)
                while not index & 1 and index:
                    index, last = index >> 1, last >> 1
            else:
                leaf = merkle.node_hash(leaf, sibling)
            index, last = index >> 1, last >> 1
        return leaf == root

    with pytest.raises(AssertionError):
        refuses_every_mutation(without_length)


def test_every_mutated_consistency_proof_is_refused() -> None:
    for size in range(2, 41):
        for first in range(1, size):
            proof = exports.consistency(first, LEAVES[:size])
            old, new = ROOTS[first], ROOTS[size]

            def proves(
                first: int, old: bytes, size: int, new: bytes, proof: list[bytes]
            ) -> bool:
                return merkle.proves_consistency(first, old, size, new, proof)

            for bad in mutations(proof):
                assert not proves(first, old, size, new, bad)
            other = exports.leaf(b"another")
            assert not proves(first, other, size, new, proof)
            assert not proves(first, old, size, other, proof)
            assert not proves(size, new, first, old, proof)
            assert not proves(-first, old, size, new, proof)
            assert not proves(first, ROOTS[first - 1], size, new, proof)
            for wrong in {first - 1, first + 1} - {size}:
                assert not proves(wrong, ROOTS[wrong], size, new, proof)
            for wrong in {size - 1, size + 1} - {first}:
                assert not proves(first, old, wrong, ROOTS[wrong], proof)


def test_consistency_with_the_empty_tree_and_with_itself_takes_no_hashes() -> None:
    empty = ROOTS[0]
    assert merkle.proves_consistency(0, empty, 7, ROOTS[7], [])
    assert merkle.proves_consistency(0, empty, 0, empty, [])
    assert merkle.proves_consistency(7, ROOTS[7], 7, ROOTS[7], [])
    assert not merkle.proves_consistency(0, empty, 7, ROOTS[7], [LEAVES[0]])
    assert not merkle.proves_consistency(0, ROOTS[1], 7, ROOTS[7], [])
    assert not merkle.proves_consistency(0, empty, 0, ROOTS[1], [])
    assert not merkle.proves_consistency(7, ROOTS[7], 7, ROOTS[6], [])
    assert not merkle.proves_consistency(7, ROOTS[7], 7, ROOTS[7], [LEAVES[0]])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_of_any_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 600))
    index = data.draw(st.integers(0, size - 1))
    proof = exports.path(index, LEAVES[:size])
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = int.from_bytes(proof[at], "big") ^ (1 << bit)
    bad = [*proof[:at], changed.to_bytes(32, "big"), *proof[at + 1 :]]
    assert not merkle.proves_inclusion(LEAVES[index], index, size, bad, ROOTS[size])
    shuffled = data.draw(st.permutations(proof))
    if shuffled != proof:
        assert not merkle.proves_inclusion(
            LEAVES[index], index, size, shuffled, ROOTS[size]
        )
    other = data.draw(st.integers(-5, 700).filter(lambda x: x != index))
    assert not merkle.proves_inclusion(LEAVES[index], other, size, proof, ROOTS[size])
