"""The Merkle tree of RFC 6962: roots of growing trees, and strict checks of proofs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32

# The perfect subtrees that a tree consists of, from left to right: (height, root).
Peaks = list[tuple[int, bytes]]


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours into their parent."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Compute the root over 1, 2, 4, 8 … hashes of one height."""
    level = hashes
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return level[0]


def push(peaks: Peaks, height: int, root: bytes) -> list[tuple[int, bytes]]:
    """Put a perfect subtree to the right of a tree.

    Returns the subtrees that it completed, itself first, from low to high.
    """
    done = [(height, root)]
    while peaks and peaks[-1][0] == height:
        root = node_hash(peaks.pop()[1], root)
        height += 1
        done.append((height, root))
    peaks.append((height, root))
    return done


def fold(peaks: Peaks) -> bytes:
    """Compute the root of the tree that consists of these subtrees."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        root = node_hash(left, root)
    return root


def tree_root(hashes: Iterable[bytes]) -> bytes:
    """Compute the root over leaf hashes (RFC 6962, 2.1)."""
    peaks: Peaks = []
    for each in hashes:
        push(peaks, 0, each)
    return fold(peaks)


def proves_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Say whether a proof leads from a leaf hash to the root (RFC 6962, 2.1.1).

    The proof goes from the leaf's sibling upwards and has exactly as many hashes as
    the position asks for.
    """
    if not 0 <= index < size or not _are_hashes([leaf, root, *proof]):
        return False
    last = size - 1
    current = leaf
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            current = node_hash(sibling, current)
            # A last node without a sibling is its own parent.
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            current = node_hash(current, sibling)
        index >>= 1
        last >>= 1
    return last == 0 and current == root


def proves_consistency(
    size1: int, root1: bytes, size2: int, root2: bytes, proof: Sequence[bytes]
) -> bool:
    """Say whether a proof shows one tree as the beginning of another (2.1.2).

    The empty tree is the beginning of every tree; equal sizes take an empty proof.
    """
    if not 0 <= size1 <= size2 or not _are_hashes([root1, root2, *proof]):
        return False
    if size1 == 0:
        # Two empty trees have one root; nothing can be wrong with a larger one.
        is_empty = root1 == EMPTY_ROOT and (size2 > 0 or root2 == EMPTY_ROOT)
        return is_empty and not proof
    if size1 == size2:
        return root1 == root2 and not proof
    index, last = size1 - 1, size2 - 1
    while index & 1:
        index >>= 1
        last >>= 1
    rest = list(proof)
    if index == 0:
        # The first tree is perfect: it is a node of the second.
        rest.insert(0, root1)
    if not rest:
        return False
    old = new = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        index >>= 1
        last >>= 1
    return last == 0 and old == root1 and new == root2


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in values)
