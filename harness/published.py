"""Checkpoints that were published: which log and tree they are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from harness.database import Failure
from harness.verifier import note

Connection = psycopg.Connection[Any]

_NEWEST = """
    select p.checkpoint
    from evident.ledger_publication as p
    where p.incarnation = (select max(i.incarnation) from evident.log_identity as i)
    order by p.number desc
    limit 1
"""
_ORIGINS = """
    select i.name || '/' || i.log_id || '/' || i.incarnation
    from evident.log_identity as i
"""


@dataclass(frozen=True)
class Published:
    """A signed note and the checkpoint in it."""

    text: str
    head: note.Checkpoint


def newest(connection: Connection) -> Published:
    """Read the newest checkpoint that this incarnation of the log has published.

    Raises Failure when there is none.
    """
    row = connection.execute(_NEWEST).fetchone()
    if row is None:
        raise Failure(
            "no checkpoint of this log was published", "evident publish first"
        )
    return parse(row[0].encode(), "the newest row of evident.ledger_publication")


def read(connection: Connection, file: Path) -> Published:
    """Read a checkpoint from a file; raises Failure unless it is of this log."""
    try:
        found = parse(file.read_bytes(), str(file))
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from None
    if (found.head.origin,) not in connection.execute(_ORIGINS).fetchall():
        raise Failure(
            f"{file} is a checkpoint of {found.head.origin}",
            "evident.ledger_status tells the origin of the log in this database",
        )
    return found


def parse(data: bytes, where: str) -> Published:
    """Read a signed note, its signatures unchecked; raises Failure."""
    try:
        head = note.parse_checkpoint(note.parse_note(data).text)
    except note.NoteError as error:
        raise Failure(f"{where} is no signed checkpoint: {error}") from None
    return Published(data.decode(), head)
