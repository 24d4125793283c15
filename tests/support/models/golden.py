"""The events of tests/golden in a store, and what their leaves must be."""

from __future__ import annotations

from dataclasses import dataclass

from golden.given import EVENTS
from pg_evident.places import ROOT
from support.clients.calls import Connection

FOLDER = ROOT / "tests/golden"
_INSERT = """
    insert into evident.event_store (
        id, event_id, aggregate_id, version, occurred_at, event_type, recorded_by,
        payload, metadata
    )
    overriding system value
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# Appends go on behind the largest id.
_MOVE = "select setval('evident.event_store_id_seq', %s)"


@dataclass(frozen=True)
class Leaves:
    """The bytes of the leaves, their hashes, and the root over them."""

    entries: list[bytes]
    hashes: list[bytes]
    root: bytes


def golden_leaves() -> Leaves:
    *lines, last = (FOLDER / "leaves.txt").read_text().splitlines()
    pairs = [line.split(" ") for line in lines]
    return Leaves(
        [bytes.fromhex(entry) for _, entry in pairs],
        [bytes.fromhex(leaf) for leaf, _ in pairs],
        bytes.fromhex(last.removeprefix("root ")),
    )


def store_golden(owner: Connection) -> None:
    """Store the events as their owner can."""
    with owner.transaction(), owner.cursor() as cursor:
        cursor.execute("set local role evident_owner")
        cursor.executemany(_INSERT, EVENTS)
        cursor.execute(_MOVE, [EVENTS[-1].id])


def stored_leaves(connection: Connection) -> tuple[list[bytes], list[bytes]]:
    """Read entries and hashes of these events as the session's settings have them."""
    rows = connection.execute(
        "select evident.leaf_entry(e), evident.leaf_hash(e)"
        " from evident.event_store as e where e.id <= %s order by e.id",
        [EVENTS[-1].id],
    ).fetchall()
    return [entry for entry, _ in rows], [leaf for _, leaf in rows]
