"""Sign the newest tree head and write it outside the database, if it may follow.

The order matters: the tree is compared with the last signed checkpoint, then every
synchronous standby has it, then it is signed and on the disk, then the database is
told. Killed at any moment, the next run goes on.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from harness import checkpoints, ledger, notes, succession
from harness.checkpoints import Signed
from harness.database import Failure, connect_for_calls
from harness.keys import SigningKey
from harness.ledger import Connection, Tree
from harness.stopping import Stop, stop_on_signals
from harness.verifier import note

Report = Callable[[str], None]


@dataclass(frozen=True)
class Publisher:
    """Who signs, where it writes, and whose earlier checkpoints it trusts too.

    `earlier_keys` are verifier keys, or files of them.
    """

    key: SigningKey
    directory: Path
    report: Report
    earlier_keys: Sequence[str] = ()


def publish(dsn: str, publisher: Publisher) -> Path | None:
    """Publish the newest tree head; return its file, None when nothing is new.

    Raises Failure, with nothing signed or written, when the tree must not follow the
    last checkpoint in the directory; psycopg.Error.
    """
    with (
        checkpoints.locked(publisher.directory),
        contextlib.closing(connect_for_calls(dsn, "evident publish")) as connection,
    ):
        keys = _keys(publisher)
        last = checkpoints.newest(publisher.directory, keys)
        with ledger.flushed(connection, publisher.report):
            tree = ledger.read_tree(connection)
            lines = _compare(connection, tree, last, publisher.directory, keys)
        if last and (tree.head.origin, tree.head.size) == (
            last.head.origin,
            last.head.size,
        ):
            checkpoints.show(publisher.directory, last)
            ledger.record(connection, last.text)
            return None
        for each in lines:
            publisher.report(each)
        new = Signed(tree.head, notes.sign(tree.body, publisher.key))
        path = checkpoints.store(publisher.directory, new)
        ledger.record(connection, new.text)
        return path


def publish_every(
    dsn: str,
    publisher: Publisher,
    seconds: float,
    published: Callable[[Path | None], None],
) -> None:
    """Publish again and again until SIGTERM or Ctrl-C, `seconds` apart.

    The first time has to succeed; later what goes wrong is reported and tried again.
    `published` is called with what each call of publish gives. Raises Failure,
    psycopg.Error.
    """
    with contextlib.suppress(Stop), stop_on_signals():
        published(publish(dsn, publisher))
        while True:
            time.sleep(seconds)
            try:
                published(publish(dsn, publisher))
            except Failure as failure:
                publisher.report(f"error: {failure.message}")
                if failure.hint:
                    publisher.report(f"hint: {failure.hint}")
            except psycopg.Error as error:
                publisher.report(f"error: {str(error).strip()}")
    publisher.report("stopped")


def _keys(publisher: Publisher) -> note.Keys:
    try:
        return note.load_keys([publisher.key.vkey, *publisher.earlier_keys])
    except note.NoteError as error:
        raise Failure(str(error), "give a verifier key or a file of them") from None


def _compare(
    connection: Connection,
    tree: Tree,
    last: Signed | None,
    directory: Path,
    keys: note.Keys,
) -> list[str]:
    """Refuse a tree that must not follow; give what to say about one that may."""
    if last is None:
        if tree.published is None:
            return []
        return [
            f"the first checkpoint in {directory}, although"
            f" {succession.leaves(tree.published)} were published before: not compared"
        ]
    extends = functools.partial(ledger.extends, connection, tree.head)
    succession.require_successor(tree.head, last.head, directory, extends)
    if tree.head.incarnation == last.head.incarnation:
        return []
    earlier = (
        checkpoints.read(directory, place, keys).head
        for place in reversed(checkpoints.places(directory))
    )
    return succession.describe_incarnation(
        tree.head, last.head, tree.reason, earlier, extends
    )
