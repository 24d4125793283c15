"""Whether a tree may follow the last published checkpoint, whatever the database says.

Within an incarnation a tree only grows. A new incarnation may begin with a tree that
lacks what was published; what is lost is said then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from harness.database import Failure
from harness.verifier.note import Checkpoint

Extends = Callable[[Checkpoint], bool]


def require_successor(
    tree: Checkpoint, last: Checkpoint, directory: Path, extends: Extends
) -> None:
    """Raise Failure unless the tree is of the same log and no older incarnation.

    In the same incarnation it also has to begin with the last checkpoint's tree.
    """
    if tree.log_id != last.log_id:
        raise Failure(
            f"{directory} has checkpoints of the log {last.log_id}, the database is"
            f" the log {tree.log_id}",
            "give each log a directory of its own",
        )
    if tree.incarnation < last.incarnation:
        raise Failure(
            f"the database is in incarnation {tree.incarnation} of the log, a"
            f" checkpoint of incarnation {last.incarnation} was published",
            "nothing was signed; this is an older copy. If history shall go on from it:"
            " select evident.begin_incarnation('why'), until its number is above"
            f" {last.incarnation}",
        )
    if tree.incarnation > last.incarnation:
        return
    if tree.name != last.name:
        raise Failure(
            f"the log is called {tree.name}, its checkpoints of the same incarnation"
            f" say {last.name}",
            "nothing was signed; to rename: evident.begin_incarnation('why', 'name')",
        )
    if tree.size < last.size:
        raise Failure(
            f"the tree has {leaves(tree.size)}, {leaves(last.size)} were published",
            "nothing was signed; after a restore or a failover, and only then:"
            " select evident.begin_incarnation('why')",
        )
    if not extends(last):
        raise Failure(
            f"the tree of {leaves(tree.size)} does not begin with the"
            f" {leaves(last.size)} that were published: history was changed",
            f"nothing was signed; keep {directory}, it is the evidence. After a restore"
            " or a failover, and only then: select evident.begin_incarnation('why')",
        )


def describe_incarnation(
    tree: Checkpoint,
    last: Checkpoint,
    reason: str,
    earlier: Iterable[Checkpoint],
    extends: Extends,
) -> list[str]:
    """Say what a new incarnation keeps of the published leaves, line by line.

    `earlier` are the checkpoints from the last one backwards.
    """
    lines = [
        f"INCARNATION {tree.incarnation} of the log follows {last.incarnation}:"
        f" accepted once; the reason given is {reason!r}"
    ]
    if tree.name != last.name:
        lines.append(f"the log is called {tree.name} now, it was {last.name}")
    kept = next((each for each in earlier if extends(each)), None)
    size = kept.size if kept else 0
    if kept == last:
        lines.append(
            f"it begins with the {leaves(size)} that were published: nothing is lost"
        )
        return lines
    lines.append(
        f"NOT CONSISTENT with the last checkpoint: {leaves(last.size)} were published,"
        f" the tree has {leaves(tree.size)} now"
    )
    lost = leaves(last.size - size)
    if size == 0:
        lines.append(f"no published checkpoint fits it: up to {lost} are lost")
    elif size == tree.size:
        lines.append(f"it is the beginning of the published tree: {lost} are lost")
    else:
        lines.append(
            f"the first {leaves(size)} are as published: up to {lost} are lost"
        )
    return lines


def leaves(count: int) -> str:
    """Write a number of leaves."""
    return f"{count:,} leaf" if count == 1 else f"{count:,} leaves"
