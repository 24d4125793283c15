"""Write the proof that one event is in a published checkpoint, checked beforehand.

https://c2sp.org/tlog-proof: the checkpoint, the place of the event, and the hashes that
lead from it to the root; the event itself lies beside it.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from pg_evident.export import source
from pg_evident.export.files import writing_to
from pg_evident.failure import Failure
from pg_evident.ledger import published
from pg_evident.verifier.formats import note
from pg_evident.verifier.formats.events import read_rows
from pg_evident.verifier.formats.merkle import leaf_hash, proves_inclusion

Connection = psycopg.Connection[Any]

_INDEX = "select p.leaf_index from evident.inclusion_proof(%s) as p"
_PROOF = "select p.hashes from evident.inclusion_proof(%s, %s) as p"


def run(
    dsn: str, event_id: UUID, directory: Path, keys: note.Keys | None = None
) -> Path:
    """Write `<event_id>.tlog-proof` and `<event_id>.json`; give the first one's path.

    With `keys` the proof leads to the newest checkpoint that they signed.
    Raises Failure when no published checkpoint has the event, or when the proof does
    not lead to its root; psycopg.Error, PT404 for an unknown event.
    """
    with source.snapshot(dsn) as connection:
        index = _index(connection, event_id)
        target = published.newest(connection, keys)
        size, root = target.head.size, target.head.root
        if index >= size:
            raise Failure(
                f"event {event_id} is leaf {index:,}, behind the newest published"
                f" checkpoint of {size:,} leaves",
                "evident publish first",
            )
        line = source.line_of(connection, event_id)
        row = connection.execute(_PROOF, [event_id, size]).fetchone()
    hashes: list[bytes] = row[0] if row else []
    [event] = read_rows([line])
    is_proven = event.entry is not None and proves_inclusion(
        leaf_hash(event.entry), index, size, hashes, root
    )
    if not is_proven:
        raise Failure(
            f"event {event_id} is not what was sealed as leaf {index:,}, or a hash on"
            " the way to the root is not",
            "evident.verify_ledger() tells where, and an export checked with evident"
            " verify tells what",
        )
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}"]
    lines += [base64.b64encode(each).decode() for each in hashes]
    proof = "\n".join(lines) + f"\n\n{target.text}"
    file = directory / f"{event_id}.tlog-proof"
    with writing_to(directory):
        directory.mkdir(parents=True, exist_ok=True)
        # The event first: a proof without one would be of no use.
        file.with_suffix(".json").write_bytes(line)
        file.write_bytes(proof.encode())
    return file


def _index(connection: Connection, event_id: UUID) -> int:
    try:
        row = connection.execute(_INDEX, [event_id]).fetchone()
    except psycopg.Error as error:
        if error.sqlstate != "PT400":
            raise
        raise Failure(
            f"event {event_id} is not sealed yet", "evident seal, then evident publish"
        ) from None
    assert row is not None
    return int(row[0])
