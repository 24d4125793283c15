"""What a publisher asks the database, and what it makes sure of there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from pg_evident.failure import Failure
from pg_evident.ledger.notes import checkpoint_body
from pg_evident.verifier.formats import note
from pg_evident.verifier.formats.merkle import proves_consistency
from pg_evident.verifier.formats.note import Checkpoint, NoteError, parse_checkpoint

Connection = psycopg.Connection[Any]

# A policy makes the reads of a transaction fail, and hides nothing from them.
WHOLE = "set local row_security = off"

# Seconds until somebody is told what a publisher waits for.
PATIENCE = 5.0

TREE = """
select
    i.name, i.log_id, i.incarnation, h.tree_size, h.root_hash, i.reason,
    (
        select p.tree_size
        from evident.ledger_publication as p
        order by p.number desc
        limit 1
    ),
    pg_catalog.pg_is_in_recovery()
from evident.log_identity as i
cross join evident.tree_head as h
order by i.incarnation desc, h.number desc
limit 1
"""
# The newest ones suffice: what is asked for is the last that was published.
IS_RECORDED = """
select exists (
    select
    from (
        select p.checkpoint
        from evident.ledger_publication as p
        order by p.number desc
        limit 1000
    ) as p
    where p.checkpoint = %s
)
"""
# Whoever may record publications may record any number that nobody signed.
KNOWN = """
select p.checkpoint
from evident.ledger_publication as p
where pg_catalog.octet_length(p.checkpoint) <= %s
order by p.number desc
limit 100
"""
# Waits at the commit for the disk and for every synchronous standby, and tells when
# it stopped waiting.
BARRIER = """
select
    case
        when pg_catalog.current_setting('synchronous_commit') <> 'remote_apply'
            then pg_catalog.set_config('synchronous_commit', 'on', true)
    end,
    pg_catalog.set_config('client_min_messages', 'warning', true),
    pg_catalog.pg_logical_emit_message(true, 'evident', 'publish')
"""


@dataclass(frozen=True)
class Tree:
    """The newest tree head of a log, as the database tells it.

    `body` is what would be signed; `reason` that of its incarnation; `published` the
    size of the newest checkpoint that the database knows.
    """

    head: Checkpoint
    body: str
    reason: str
    published: int | None


def read_tree(connection: Connection) -> Tree:
    """Read the newest tree head; raises Failure when its root is not the events'."""
    row = connection.execute(TREE).fetchone()
    if row is None:
        raise Failure("the database has no tree head", "evident migrate")
    name, log_id, incarnation, size, root, reason, published, is_on_standby = row
    if is_on_standby:
        raise Failure("this server is a standby", "publish from the primary")
    found = connection.execute("select evident.root_hash(%s)", [size]).fetchone()
    if found != (root,):
        raise Failure(
            f"the newest tree head, of {size} leaves, does not follow from the sealed"
            " events: history was changed",
            "nothing was signed; evident.verify_ledger() tells where",
        )
    origin = f"{name}/{log_id}/{incarnation}"
    body = checkpoint_body(origin, size, root)
    # A name with line ends in it would let the database choose all that is signed, and
    # one with other control characters makes a note that nobody reads.
    with contextlib.suppress(NoteError):
        head = parse_checkpoint(body)
        is_same = (head.origin, head.size, head.root) == (origin, size, root)
        if is_same and origin.isprintable():
            return Tree(head, body, reason, published)
    raise Failure(f"{origin!r} cannot be the origin of a checkpoint")


def newest_known(
    connection: Connection, log_id: str, keys: note.Keys
) -> Checkpoint | None:
    """Read the newest publication that the database knows and the keys have signed."""
    for (text,) in connection.execute(KNOWN, [note.MAX_NOTE_BYTES]).fetchall():
        with contextlib.suppress(NoteError):
            signed = note.parse_note(text.encode())
            known = parse_checkpoint(signed.text)
            is_ours = note.check_signature(signed, keys)[0] == note.TRUSTED
            if is_ours and known.log_id == log_id:
                return known
    return None


def extends(connection: Connection, tree: Checkpoint, earlier: Checkpoint) -> bool:
    """Say whether a tree begins with an earlier one, by a proof checked here."""
    proof: list[bytes] = []
    # Where RFC 6962 has no proof none is needed.
    if 0 < earlier.size < tree.size:
        row = connection.execute(
            "select evident.consistency_proof(%s, %s)", [earlier.size, tree.size]
        ).fetchone()
        proof = [each or b"" for each in (row and row[0]) or []]
    return proves_consistency(earlier.size, earlier.root, tree.size, tree.root, proof)


@contextlib.contextmanager
def flushed(connection: Connection, report: Callable[[str], None]) -> Iterator[None]:
    """Run a transaction; what it has seen is safe on all synchronous standbys then.

    Its commit comes behind everything seen, and waits. Raises Failure when the server
    gave up waiting.
    """
    warnings: list[str] = []

    def notice(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    def slow() -> None:
        report("waiting for the synchronous standbys to have the tree")

    timer = threading.Timer(PATIENCE, slow)
    with contextlib.ExitStack() as after, connection.transaction():
        connection.execute(WHOLE)
        yield
        connection.execute(BARRIER)
        connection.add_notice_handler(notice)
        after.callback(connection.remove_notice_handler, notice)
        timer.start()
        after.callback(timer.cancel)
    if warnings:
        raise Failure(
            f"not every synchronous standby has the tree: {'; '.join(warnings)}",
            "nothing was signed; publish again when they are back",
        )


def record(connection: Connection, text: str) -> None:
    """Let the database know a published checkpoint, unless it does."""
    with connection.transaction():
        connection.execute(WHOLE)
        if connection.execute(IS_RECORDED, [text]).fetchone() != (True,):
            connection.execute("select evident.record_publication(%s)", [text])
