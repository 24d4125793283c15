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

from pg_evident.failure import Failure
from pg_evident.installed import connect_for_calls
from pg_evident.ledger import checkpoints, notes, published, succession
from pg_evident.ledger import tree as ledger
from pg_evident.ledger.checkpoints import Signed
from pg_evident.ledger.keys import SigningKey
from pg_evident.ledger.tree import Connection, Tree
from pg_evident.showing import said
from pg_evident.stopping import Stop, stop_on_signals
from pg_evident.verifier.formats import note

Report = Callable[[str], None]

NO_PERSON = "{} is a person's word, which no loop may give"


@dataclass(frozen=True)
class Publisher:
    """Who signs, where it writes, and whose earlier checkpoints it trusts too.

    `earlier_keys` are verifier keys, or files of them.
    """

    key: SigningKey
    directory: Path
    report: Report
    earlier_keys: Sequence[str] = ()


def publish(
    dsn: str,
    publisher: Publisher,
    accepted: int | None = None,
    *,
    new_directory: bool = False,
) -> Path | None:
    """Publish the newest tree head; return its file, None when nothing is new.

    A tree of a new incarnation is signed only where `accepted` is its number: what a
    person gives, who knows why published leaves are gone. A directory that has no
    checkpoints of a log that was published before, or lacks the newest ones, takes
    another only with `new_directory`, a person's word as well. Raises Failure, with
    nothing signed or written, when the tree must not follow the checkpoints in the
    directory; psycopg.Error.
    """
    with (
        checkpoints.locked(publisher.directory),
        contextlib.closing(connect_for_calls(dsn, "evident publish")) as connection,
    ):
        keys = _keys(publisher)
        last = checkpoints.newest(publisher.directory, keys)
        with ledger.flushed(connection, publisher.report):
            tree = ledger.read_tree(connection)
            succession.require_accepted_number(tree.head, accepted)
            if last is None:
                lines = succession.require_beginning(
                    tree.head,
                    tree.published,
                    publisher.directory,
                    accepted,
                    new_directory=new_directory,
                )
            else:
                if not new_directory:
                    known = ledger.newest_known(connection, tree.head.log_id, keys)
                    succession.require_memory(known, last.head, publisher.directory)
                lines = _compare(connection, tree, last, publisher, keys, accepted)
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
    done: Callable[[Path | None], None],
) -> None:
    """Publish again and again until SIGTERM or Ctrl-C, `seconds` apart.

    The first time has to succeed; later what goes wrong is reported and tried again.
    `done` is called with what each call of publish gives. Raises Failure,
    psycopg.Error.
    """
    with contextlib.suppress(Stop), stop_on_signals():
        done(publish(dsn, publisher))
        while True:
            time.sleep(seconds)
            try:
                done(publish(dsn, publisher))
            except Failure as failure:
                publisher.report(f"error: {failure.message}")
                if failure.hint:
                    publisher.report(f"hint: {failure.hint}")
            except psycopg.Error as error:
                publisher.report(f"error: {said(error)}")
    publisher.report("stopped")


def _keys(publisher: Publisher) -> note.Keys:
    keys = published.load_keys([publisher.key.vkey, *publisher.earlier_keys])
    return keys or {}


def _compare(
    connection: Connection,
    tree: Tree,
    last: Signed,
    publisher: Publisher,
    keys: note.Keys,
    accepted: int | None,
) -> list[str]:
    """Refuse a tree that must not follow; give what to say about one that may."""
    directory, head = publisher.directory, tree.head
    extends = functools.partial(ledger.extends, connection, head)
    succession.require_successor(head, last.head, directory, extends)
    if head.incarnation == last.head.incarnation:
        return []
    kept = [
        checkpoints.read(directory, place, keys).head
        for place in checkpoints.places(directory)
    ]
    return succession.require_end_of_history(
        head, kept, tree.reason, directory, extends, accepted
    )
