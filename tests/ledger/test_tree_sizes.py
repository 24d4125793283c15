"""Promise 12: roots, proofs and tiles are those of RFC 6962, whatever the size."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from conftest import Database, fresh_database
from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.models.naive_tree import NaiveTree
from support.seeds import FULL, random_source, scaled

pytestmark = pytest.mark.promise(12)

# Around tiles of leaves, and around the first tile of tiles.
SMALL = 600
# Where a seal ends; root and proofs are asked for at every size all the same.
SOME = [*range(1, 36), *range(63, 66), *range(254, 260), *range(510, 515), SMALL]
ENDS = range(1, SMALL + 1) if FULL else SOME
# Below, proofs are asked for at each place of a tree; above, at so many places.
EVERY = scaled(34, 64, least=34)
SAMPLED = scaled(500, 1500, least=500)
LARGE = 256**2
AROUND_LARGE = [LARGE - 1, LARGE, LARGE + 1, LARGE + 255, LARGE + 256, LARGE + 257]

# With gaps between the ids, as rollbacks leave them. Inserted without an
# announcement, by whoever owns the table.
INSERT = """
insert into evident.event_store (
    id, aggregate_id, version, event_type, payload
)
overriding system value
select i.id, md5((i.id %% 10)::text)::uuid, i.id, 'Counted', '{"n": 1}'
from generate_series(%s::bigint, %s::bigint) as i (id)
where i.id %% 7 <> 0
"""
DRAWN = "select setval('evident.event_store_id_seq', %s)"
HEADS = "select h.tree_size, h.root_hash from evident.tree_head as h order by h.number"
LEAVES = """
select evident.leaf_hash(e), e.event_id
from evident.event_store as e
order by e.id
limit %s
"""


@dataclass
class Sealed:
    """A sealed store and the naive tree over the same leaves."""

    connection: Connection
    tree: NaiveTree
    events: list[str]

    @property
    def size(self) -> int:
        return len(self.tree.leaves)


def append(connection: Connection, count: int) -> None:
    """Append so many events in one go."""
    row = connection.execute("select last_value from evident.event_store_id_seq")
    (first,) = row.fetchone() or (0,)
    last = first + count * 7 // 6 + 7
    connection.execute(INSERT, [first + 1, last])
    connection.execute(DRAWN, [last])


def sealed_store(database: Database, sizes: Iterable[int]) -> Sealed:
    """Seal up to each of the sizes in turn, so that each has its tree head."""
    connection = database.connect(autocommit=True)
    sizes = list(sizes)
    append(connection, sizes[-1] + 256)
    size = 0
    for each in sizes:
        sealed = connection.execute("select evident.seal(%s)", [each - size])
        assert sealed.fetchone() == (each - size,)
        size = each
    rows = connection.execute(LEAVES, [size]).fetchall()
    return Sealed(connection, NaiveTree([row[0] for row in rows]), [r[1] for r in rows])


@pytest.fixture(scope="module")
def small(server: Server, template: str) -> Iterator[Sealed]:
    """Give a store of 600 leaves that was sealed one by one, or partly so."""
    with fresh_database(server, template) as database:
        yield sealed_store(database, ENDS)


@pytest.fixture(scope="module")
def large(server: Server, template: str) -> Iterator[Sealed]:
    """Give a store sealed in few strides, odd ones, to the first tile of tiles."""
    with fresh_database(server, template) as database:
        yield sealed_store(database, [1000, 40_001, *AROUND_LARGE])


def root_violations(sealed: Sealed, sizes: Iterable[int]) -> list[str]:
    """Name the sizes whose root is another than the naive tree's."""
    rows = sealed.connection.execute(
        "select s.size, evident.root_hash(s.size)"
        " from unnest(%s::bigint[]) as s (size)",
        [list(sizes)],
    )
    return [f"root of {n}" for n, root in rows if root != sealed.tree.root(0, n)]


def inclusion_violations(
    sealed: Sealed, places: Iterable[tuple[int, int]]
) -> list[str]:
    """Name the pairs of leaf and size whose audit path is another."""
    pairs = list(places)
    rows = sealed.connection.execute(
        "select s.leaf, p.leaf_index, p.tree_size, p.hashes"
        " from unnest(%s::bigint[], %s::uuid[], %s::bigint[]) as s (leaf, event, size)"
        " cross join lateral evident.inclusion_proof(s.event, s.size) as p",
        [
            [leaf for leaf, _ in pairs],
            [sealed.events[leaf] for leaf, _ in pairs],
            [size for _, size in pairs],
        ],
    ).fetchall()
    assert len(rows) == len(pairs)
    return [
        f"path of {leaf} in {size}"
        for leaf, index, size, hashes in rows
        if (index, hashes) != (leaf, sealed.tree.inclusion(leaf, size))
    ]


def consistency_violations(
    sealed: Sealed, sizes: Iterable[tuple[int, int]]
) -> list[str]:
    """Name the pairs of sizes whose proof is another."""
    pairs = list(sizes)
    rows = sealed.connection.execute(
        "select s.size1, s.size2, evident.consistency_proof(s.size1, s.size2)"
        " from unnest(%s::bigint[], %s::bigint[]) as s (size1, size2)",
        [[one for one, _ in pairs], [two for _, two in pairs]],
    )
    return [
        f"consistency of {one} and {two}"
        for one, two, hashes in rows
        if hashes != sealed.tree.consistency(one, two)
    ]


def tile_violations(sealed: Sealed, tiles: Iterable[tuple[int, int, int]]) -> list[str]:
    """Name the tiles whose bytes are others."""
    wanted = list(tiles)
    rows = sealed.connection.execute(
        "select s.level, s.index, s.width, evident.read_tile(s.level, s.index, s.width)"
        " from unnest(%s::integer[], %s::bigint[], %s::integer[])"
        " as s (level, index, width)",
        [[each[i] for each in wanted] for i in range(3)],
    )
    return [
        f"tile {level}/{index}.p/{width}"
        for level, index, width, hashes in rows
        if hashes != sealed.tree.tile(level, index, width)
    ]


def some_pairs(
    rng: random.Random, least: int, sizes: list[int], count: int
) -> list[tuple[int, int]]:
    """Give pairs (smaller, size) at random."""
    chosen = [rng.choice(sizes) for _ in range(count)]
    return [(rng.randint(least, size - 1), size) for size in chosen]


def widths(count: int) -> Iterator[tuple[int, int]]:
    """Give index and width of every tile of a level that has so many entries."""
    for index in range(count // 256):
        yield from ((index, width) for width in (1, 127, 255, 256))
    yield from ((count // 256, width) for width in range(1, count % 256 + 1))


def test_every_root_is_the_naive_one(small: Sealed) -> None:
    assert small.size == SMALL
    assert root_violations(small, range(SMALL + 1)) == []


def test_every_tree_head_has_the_naive_root(small: Sealed, large: Sealed) -> None:
    for sealed in (small, large):
        rows = sealed.connection.execute(HEADS).fetchall()
        assert rows[0][0] == 0
        assert rows == [(n, sealed.tree.root(0, n)) for n, _ in rows]


def test_every_inclusion_proof_is_the_naive_one(small: Sealed) -> None:
    rng = random_source("inclusion")
    every = [(leaf, size) for size in range(1, EVERY + 1) for leaf in range(size)]
    sampled = some_pairs(rng, 0, list(range(EVERY + 1, SMALL + 1)), SAMPLED)
    edges = [
        (leaf, size)
        for size in (255, 256, 257, 511, 512, 513)
        for leaf in {0, 1, 254, 255, 256, 257, 511, 512, size - 1}
        if leaf < size
    ]
    assert inclusion_violations(small, [*every, *sampled, *edges]) == []


def test_every_consistency_proof_is_the_naive_one(small: Sealed) -> None:
    rng = random_source("consistency")
    every = [(one, two) for two in range(1, EVERY + 1) for one in range(1, two + 1)]
    sampled = some_pairs(rng, 1, list(range(EVERY + 1, SMALL + 1)), SAMPLED)
    steps = [(size, size + 1) for size in range(1, SMALL)]
    assert consistency_violations(small, [*every, *sampled, *steps]) == []


def test_every_tile_is_the_naive_one(small: Sealed) -> None:
    tiles = [(0, index, width) for index, width in widths(SMALL)]
    tiles += [(1, 0, width) for width in (1, 2)]
    assert tile_violations(small, tiles) == []


def test_a_tree_of_tiles_of_tiles_is_the_naive_one(large: Sealed) -> None:
    rng = random_source("large")
    sizes = [*AROUND_LARGE, 40_001]
    assert root_violations(large, [*sizes, 40_000, 257, 256, 1, 0]) == []
    leaves = [(leaf, size) for size in AROUND_LARGE for leaf in (0, 255, size - 1)]
    sampled = some_pairs(rng, 0, sizes, 150)
    assert inclusion_violations(large, [*leaves, *sampled]) == []
    pairs = [(one, two) for one in sizes for two in sizes if one <= two]
    sampled = some_pairs(rng, 1, sizes, 150)
    powers = [(2**n, size) for n in range(17) for size in sizes if 2**n <= size]
    assert consistency_violations(large, [*pairs, *sampled, *powers]) == []
    tiles = [(0, 0, 256), (0, 255, 256), (0, 256, 256), (0, 257, 1), (0, 156, 65)]
    tiles += [(1, 0, width) for width in (1, 156, 255, 256)]
    tiles += [(1, 1, 1), (2, 0, 1)]
    assert tile_violations(large, tiles) == []


def test_a_sealed_ledger_has_no_problem(small: Sealed, large: Sealed) -> None:
    for sealed in (small, large):
        query = "select * from evident.verify_ledger()"
        assert sealed.connection.execute(query).fetchall() == []


# Of the tile of tiles, which only a tree of 65,536 leaves has.
UPPER = "update evident.ledger_tile as t set {} where t.level = 1"
CHANGES = {
    UPPER.format("hashes = set_byte(t.hashes, 8191, 255 - get_byte(t.hashes, 8191))"): (
        "tile 1/0 does not follow from the ones below"
    ),
    UPPER.format(
        "root_hash = set_byte(t.root_hash, 0, 255 - get_byte(t.root_hash, 0))"
    ): ("tile 1/0 does not follow from the ones below"),
    UPPER.format("first_event_id = first_event_id + 1"): (
        "tile 1/0 does not follow from the ones below"
    ),
    UPPER.format("last_event_id = last_event_id - 1"): (
        "tile 1/0 does not follow from the ones below"
    ),
    "delete from evident.ledger_tile where level = 1": "tile 1/0 is missing",
    """
    insert into evident.ledger_tile (
        level, index, first_event_id, last_event_id, root_hash, hashes
    )
    select 1, 1, t.first_event_id, t.last_event_id, t.root_hash, t.hashes
    from evident.ledger_tile as t
    where t.level = 1
    """: "tile 1/1 is beyond the newest tree head",
}


@pytest.mark.promise(11)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_tile_of_tiles_is_found(large: Sealed, change: str) -> None:
    with large.connection.transaction(force_rollback=True):
        large.connection.execute("alter table evident.ledger_tile disable trigger all")
        large.connection.execute(change.encode())
        query = "select v.problem from evident.verify_ledger() as v"
        found = [problem for (problem,) in large.connection.execute(query)]
    assert CHANGES[change] in found
