"""Checkpoints that were published: which log and tree they are of."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from harness.database import Failure

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
    """One signed checkpoint: `size` in leaves, `root` in 32 bytes."""

    text: str
    origin: str
    size: int
    root: bytes


def newest(connection: Connection) -> Published:
    """Read the newest checkpoint that this incarnation of the log has published.

    Raises Failure when there is none.
    """
    row = connection.execute(_NEWEST).fetchone()
    if row is None:
        raise Failure(
            "no checkpoint of this log was published", "evident publish first"
        )
    return parse(row[0], "the newest checkpoint in evident.ledger_publication")


def read(connection: Connection, file: Path) -> Published:
    """Read a checkpoint from a file; raises Failure unless it is of this log."""
    try:
        found = parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    if (found.origin,) not in connection.execute(_ORIGINS).fetchall():
        raise Failure(
            f"{file} is a checkpoint of {found.origin}",
            "evident.ledger_status tells the origin of the log in this database",
        )
    return found


def parse(text: str, where: str) -> Published:
    """Read the body of a signed note, signatures unchecked; raises Failure.

    https://c2sp.org/tlog-checkpoint: origin, size, base64 root, an empty line.
    """
    lines = text.split("\n")
    try:
        origin, size, root, empty, signature = lines[:5]
        found = Published(
            text, origin, int(size), base64.b64decode(root, validate=True)
        )
    except ValueError:
        raise Failure(f"{where} is no signed checkpoint") from None
    is_plain = size == str(found.size) and len(found.root) == 32
    if not (origin and is_plain and empty == "" and signature.startswith("\u2014 ")):
        raise Failure(f"{where} is no signed checkpoint")
    return found
