"""Checkpoints that were published: which log and tree they are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from pg_evident.failure import Failure
from pg_evident.verifier.formats import files, note

Connection = psycopg.Connection[Any]

# Page by page: whoever may record publications may record any number of wrong ones.
_PAGE = 100
_NEWEST = """
    select p.number, p.checkpoint
    from evident.ledger_publication as p
    where
        p.incarnation = (
            select pg_catalog.max(i.incarnation) from evident.log_identity as i
        )
        and p.number < %s
        and pg_catalog.octet_length(p.checkpoint) <= %s
    order by p.number desc
    limit %s
"""
_ORIGINS = """
    select i.name::text || '/' || i.log_id::text || '/' || i.incarnation::text
    from evident.log_identity as i
"""


@dataclass(frozen=True)
class Published:
    """A signed note and the checkpoint in it."""

    text: str
    head: note.Checkpoint


def newest(connection: Connection, keys: note.Keys | None = None) -> Published:
    """Read the newest checkpoint that this incarnation of the log has published.

    With `keys` the newest one that they signed: the database checks no signature, so
    what is recorded there may be wrong. Raises Failure when there is none.
    """
    unsigned = 0
    for text in _recorded(connection):
        try:
            signed = note.parse_note(text.encode())
            head = note.parse_checkpoint(signed.text)
        except note.NoteError:
            unsigned += 1
            continue
        if keys is None or note.check_signature(signed, keys)[0] == note.TRUSTED:
            return Published(text, head)
        unsigned += 1
    if unsigned:
        raise Failure(
            f"none of the {unsigned:,} checkpoints that are recorded is signed by a key"
            " that was given",
            "give the verifier key of the publisher, --key",
        )
    raise Failure("no checkpoint of this log was published", "evident publish first")


def load_keys(given: Sequence[str]) -> note.Keys | None:
    """Read verifier keys, or files of them; None for none. Raises Failure."""
    if not given:
        return None
    try:
        return note.load_keys(given)
    except note.NoteError as error:
        raise Failure(str(error), "give a verifier key or a file of them") from None


def _recorded(connection: Connection) -> Iterator[str]:
    below = 2**63 - 1
    while True:
        rows = connection.execute(
            _NEWEST, [below, note.MAX_NOTE_BYTES, _PAGE]
        ).fetchall()
        yield from (text for _, text in rows)
        if len(rows) < _PAGE:
            return
        below = rows[-1][0]


def read(
    connection: Connection, file: Path, keys: note.Keys | None = None
) -> Published:
    """Read a checkpoint from a file; raises Failure unless it is of this log.

    With `keys` one of them must have signed it.
    """
    try:
        found = parse(files.read_file(file, note.MAX_NOTE_BYTES), str(file))
    except files.FileError as error:
        raise Failure(f"cannot read {file}: {error}") from None
    if (found.head.origin,) not in connection.execute(_ORIGINS).fetchall():
        raise Failure(
            f"{file} is a checkpoint of {found.head.origin}",
            "evident.ledger_status tells the origin of the log in this database",
        )
    if keys is not None:
        status, _ = note.check_signature(note.parse_note(found.text.encode()), keys)
        if status != note.TRUSTED:
            raise Failure(f"{file} is not signed by a key that was given")
    return found


def parse(data: bytes, where: str) -> Published:
    """Read a signed note, its signatures unchecked; raises Failure."""
    try:
        head = note.parse_checkpoint(note.parse_note(data).text)
    except note.NoteError as error:
        raise Failure(f"{where} is no signed checkpoint: {error}") from None
    return Published(data.decode(), head)
