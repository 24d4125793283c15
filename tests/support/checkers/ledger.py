"""Check that the ledger is the RFC 6962 tree over the events, in their order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from support.clients.calls import Connection
from support.models.naive_tree import NaiveTree

LEAVES = "select e.id, evident.leaf_hash(e) from evident.event_store as e order by e.id"
HEADS = """
select h.tree_size, h.root_hash, h.last_event_id
from evident.tree_head as h
order by h.number
"""
TILES = "select t.level, t.index, t.hashes from evident.ledger_tile as t order by 1, 2"
PROBLEMS = "select v.problem from evident.verify_ledger() as v limit 5"


def ledger_violations(observer: Connection, *, is_complete: bool = True) -> list[str]:
    """Name tree heads and tiles that are not those of a naive tree, and left-outs."""
    # Sealers and writers may be at work: one snapshot for all of it.
    with observer.transaction():
        observer.execute("set transaction isolation level repeatable read")
        return list(_violations(observer, is_complete))


def _violations(observer: Connection, is_complete: bool) -> Iterator[str]:
    rows = observer.execute(LEAVES).fetchall()
    ids = [0, *(row[0] for row in rows)]
    tree = NaiveTree([row[1] for row in rows])
    heads = observer.execute(HEADS).fetchall()
    size = heads[-1][0]
    if is_complete and size != len(rows):
        yield f"{size} of {len(rows)} events are leaves"
    for one, two in itertools.pairwise(heads):
        if one[0] >= two[0]:
            yield f"a tree of {two[0]} leaves after one of {one[0]}"
    for count, root, last in heads:
        if count > len(rows) or (root, last) != (tree.root(0, count), ids[count]):
            yield f"the tree head of {count} leaves is not that of the events"
    if size > len(rows):
        return
    expected = [
        (level, index, tree.tile(level, index, 256))
        for level in range(3)
        for index in range(size >> 8 * (level + 1))
    ]
    if observer.execute(TILES).fetchall() != expected:
        yield "the full tiles are not those of the events"
    for (problem,) in observer.execute(PROBLEMS).fetchall():
        yield f"verify_ledger: {problem}"
