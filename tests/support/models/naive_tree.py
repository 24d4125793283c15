"""The Merkle tree of RFC 6962, section 2.1, as the RFC writes it: slow and plain."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(count: int) -> int:
    """Give k of the RFC: the largest power of two smaller than the count, above 1."""
    k = 1
    while 2 * k < count:
        k *= 2
    return k


@dataclass
class NaiveTree:
    """Leaf hashes, and the trees over their slices D[first:end]."""

    leaves: Sequence[bytes]
    # Slices come back in every larger tree.
    _roots: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def root(self, first: int, end: int) -> bytes:
        """Give MTH(D[first:end])."""
        if first == end:
            return hashlib.sha256(b"").digest()
        if end - first == 1:
            return self.leaves[first]
        if (first, end) not in self._roots:
            middle = first + split(end - first)
            self._roots[first, end] = node_hash(
                self.root(first, middle), self.root(middle, end)
            )
        return self._roots[first, end]

    def path(self, leaf: int, first: int, end: int) -> list[bytes]:
        """Give PATH(leaf, D[first:end]); the leaf counts from 0 over all."""
        if end - first == 1:
            return []
        middle = first + split(end - first)
        if leaf < middle:
            return [*self.path(leaf, first, middle), self.root(middle, end)]
        return [*self.path(leaf, middle, end), self.root(first, middle)]

    def inclusion(self, leaf: int, size: int) -> list[bytes]:
        return self.path(leaf, 0, size)

    def consistency(self, size1: int, size2: int) -> list[bytes]:
        """Give PROOF(size1, D[size2]), 0 < size1 <= size2."""
        return self._subproof(size1, 0, size2, is_known=True)

    def _subproof(self, size: int, first: int, end: int, is_known: bool) -> list[bytes]:
        if size == end - first:
            return [] if is_known else [self.root(first, end)]
        middle = first + split(end - first)
        if size <= middle - first:
            proof = self._subproof(size, first, middle, is_known)
            return [*proof, self.root(middle, end)]
        proof = self._subproof(size - (middle - first), middle, end, is_known=False)
        return [*proof, self.root(first, middle)]

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Give a tile of C2SP tlog-tiles: roots of 256 ** level leaves each."""
        span = 256**level
        first = index * 256 * span
        return b"".join(
            self.root(first + i * span, first + (i + 1) * span) for i in range(width)
        )
