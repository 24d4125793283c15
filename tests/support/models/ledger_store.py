"""A store with sealed events and published checkpoints, and what is in an export."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# Seven events an aggregate.
_FILL = """
    insert into evident.event_store (aggregate_id, version, event_type, payload)
    select
        format(
            '%%s-0000-4000-8000-%%s',
            lpad(to_hex(%(start)s::integer), 8, '0'),
            lpad(to_hex(n.number / 7), 12, '0')
        )::uuid,
        n.number %% 7 + 1,
        'Noted',
        jsonb_build_object('n', n.number, 'text', repeat('Größe ', n.number %% 5))
    from generate_series(0, %(count)s::integer - 1) as n (number)
"""
# Nothing in the database checks a signature.
SIGNATURE = f"\u2014 nobody {base64.b64encode(bytes(68)).decode()}\n"


def fill(connection: Connection, count: int) -> None:
    """Store so many more events, of new aggregates."""
    row = connection.execute("select count(*) from evident.event_store").fetchone()
    assert row is not None
    connection.execute(_FILL, {"start": row[0], "count": count})


def seal(connection: Connection) -> int:
    """Seal all, also what the first seal has added, and give the number of leaves."""
    for _ in range(2):
        while connection.execute("select evident.seal()").fetchone() != (0,):
            pass
    return int(_row(connection, "leaves")[0])


def checkpoint(connection: Connection) -> str:
    """Write a checkpoint of the newest tree head."""
    origin, size, root = _row(connection, "origin, leaves, root_hash")
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    return f"{text}\n{SIGNATURE}"


def publish(connection: Connection) -> int:
    """Seal all, note a checkpoint as published, and give the number of leaves."""
    size = seal(connection)
    note = checkpoint(connection)
    connection.execute("select evident.record_publication(%s)", [note])
    return size


def publish_at(connection: Connection, size: int) -> None:
    """Bring the log to so many leaves, at least 1, and publish that."""
    fill(connection, size - seal(connection))
    assert publish(connection) == size


def content(directory: Path) -> dict[str, bytes]:
    """Read all files of an export by name, without the time of the export."""
    found = {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if not file.is_dir()
    }
    log = json.loads(found["log.json"])
    del log["exported_at"]
    found["log.json"] = json.dumps(log).encode()
    return found


def entries_of(bundle: bytes) -> list[bytes]:
    """Cut a bundle into its entries."""
    found = []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= end
        found.append(bundle[2:end])
        bundle = bundle[end:]
    return found


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def root_over(hashes: list[bytes]) -> bytes:
    """Compute a root as RFC 6962, 2.1, has it."""
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    pair = root_over(hashes[:half]) + root_over(hashes[half:])
    return sha256(b"\1" + pair).digest()


def _row(connection: Connection, columns: str) -> tuple[Any, ...]:
    query = f"select {columns} from evident.ledger_status"
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row
