"""The ledger reads events by key, also by plans that were made for a small table."""

from __future__ import annotations

import pytest

from conftest import Database
from support.clients.calls import Connection
from support.seeds import scaled
from support.twins import install

# So many that whoever reads all of them reads far more than any call may.
LARGE = scaled(20_000, 60_000, least=20_000)
GROW = """
insert into evident.event_store (aggregate_id, version, event_type, payload)
select gen_random_uuid(), 1, 'Counted', '{}'
from generate_series(1, %s)
"""
# Full reads of events and tiles, and events read by key, in this transaction.
READ = """
select
    pg_stat_get_xact_numscans('evident.event_store'::regclass),
    pg_stat_get_xact_numscans('evident.ledger_tile'::regclass),
    pg_stat_get_xact_tuples_returned('evident.event_store_id_pkey'::regclass)
"""
EVENT = "(select e.event_id from evident.event_store as e order by e.id limit 1)"
# Each with the largest number of events that it may read: two tiles, and what is new.
# Tree heads of few leaves are within the first tile.
CALLS = {
    "seal": ("select evident.seal(10)", 600),
    "verify_ledger": (
        "select count(*) from evident.verify_ledger({size} - 1, {size})",
        1200,
    ),
    "root_hash": ("select evident.root_hash({size})", 600),
    "inclusion_proof": (f"select * from evident.inclusion_proof({EVENT})", 600),
    "consistency_proof": ("select evident.consistency_proof(3, {size})", 600),
    "read_tile": ("select evident.read_tile(0, {size} / 256, 1)", 600),
}


def grown(connection: Connection) -> int:
    """Let plans be made while the store is small, then grow it; give the leaves."""
    for table in ("event_store", "ledger_tile", "tree_head"):
        connection.execute(
            f"alter table evident.{table} set (autovacuum_enabled = off)".encode()
        )
    connection.execute("select evident.seal()")
    for _ in range(12):
        connection.execute(GROW, [30])
        connection.execute("select evident.seal()")
        size = leaves(connection)
        for call, _ in CALLS.values():
            connection.execute(call.format(size=size).encode())
        if size < 100:
            connection.execute("analyze evident.event_store, evident.ledger_tile")
    connection.execute(GROW, [LARGE])
    connection.execute("select evident.seal(%s)", [LARGE - 50])
    return leaves(connection)


def leaves(connection: Connection) -> int:
    row = connection.execute("select h.tree_size from evident._tree_head() as h")
    (size,) = row.fetchone() or (0,)
    return int(size)


def wasted(connection: Connection, size: int, name: str) -> list[str]:
    """Name what one call reads that it need not."""
    call, most = CALLS[name]
    found = []
    with connection.transaction():
        before = connection.execute(READ).fetchone()
        connection.execute(call.format(size=size).encode())
        after = connection.execute(READ).fetchone()
    assert before is not None and after is not None
    events, tiles, read = (two - one for one, two in zip(before, after, strict=True))
    if events:
        found.append(f"{name} reads all events {events} times")
    # The verification looks for tiles beyond the newest tree head.
    if tiles > (name == "verify_ledger"):
        found.append(f"{name} reads all tiles {tiles} times")
    if read > most:
        found.append(f"{name} reads {read} events")
    return found


@pytest.fixture
def connection(db: Database) -> Connection:
    return db.connect(autocommit=True)


def test_no_call_reads_more_of_a_store_that_grew_than_it_must(
    connection: Connection,
) -> None:
    size = grown(connection)
    assert size > LARGE - 100
    assert [each for name in CALLS for each in wasted(connection, size, name)] == []


def test_plans_without_the_setting_are_caught(connection: Connection) -> None:
    install(connection, "seqscan_seal")
    size = grown(connection)
    found = [each for name in CALLS for each in wasted(connection, size, name)]
    assert any("all events" in each for each in found)


def test_verifying_a_whole_large_ledger_reads_each_event_few_times(
    connection: Connection,
) -> None:
    grown(connection)
    with connection.transaction():
        before = connection.execute(READ).fetchone()
        connection.execute("select count(*) from evident.verify_ledger()")
        after = connection.execute(READ).fetchone()
    assert before is not None and after is not None
    assert after[0] == before[0]
    assert after[2] - before[2] < 1.2 * LARGE
