"""Whether a tree may follow the published checkpoints, whatever the database says.

Within an incarnation a tree only grows. A new incarnation may lose the newest leaves
that were published, and never change older ones; that it was begun is the word of the
database, so a person has to accept it, by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pg_evident.failure import Failure
from pg_evident.verifier.formats.note import Checkpoint
from pg_evident.verifier.incarnations import losses
from pg_evident.verifier.text import plain

Extends = Callable[[Checkpoint], bool]

AFTER_A_RESTORE = (
    "after a restore or a failover, and only then: select"
    " evident.begin_incarnation('why'), seal, and publish with --accept-incarnation"
)

_BRING_BACK = (
    "bring back the directory with the checkpoints of before, of which each keeper of"
    " checkpoints has a copy"
)


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
            f"nothing was signed; {AFTER_A_RESTORE}",
        )
    if not extends(last):
        raise Failure(
            f"the tree of {leaves(tree.size)} does not begin with the"
            f" {leaves(last.size)} that were published: history was changed",
            f"nothing was signed; keep {directory}, it is the evidence."
            f" {AFTER_A_RESTORE[0].upper()}{AFTER_A_RESTORE[1:]}",
        )


def require_accepted_number(tree: Checkpoint, accepted: int | None) -> None:
    """Raise Failure for a tree of another incarnation than the one accepted."""
    if accepted is not None and tree.incarnation != accepted:
        raise Failure(
            f"incarnation {accepted} was accepted, the database is in incarnation"
            f" {tree.incarnation} of the log",
            "nothing was signed; accept the number that you have looked into",
        )


def require_beginning(
    tree: Checkpoint,
    published: int | None,
    directory: Path,
    accepted: int | None,
    *,
    new_directory: bool,
) -> list[str]:
    """Raise Failure unless a tree may be the first one in a directory.

    There is nothing to compare it with. `published` is the size of the newest
    checkpoint that the database knows; `new_directory` is a person's word that it
    cannot be had any more, which counts in the first incarnation: later ones have to
    begin with what was published. Gives what to say.
    """
    if published is None:
        if tree.incarnation > 1:
            _require_acceptance(
                tree, accepted, "no checkpoint of it was published before"
            )
        return []
    if tree.incarnation > 1 or not new_directory:
        hint = f"nothing was signed; {_BRING_BACK}"
        if tree.incarnation == 1:
            hint += (
                ". Where all of them are lost, a person publishes once with"
                " --new-directory: nothing is compared then"
            )
        raise Failure(
            f"{directory} has no checkpoint, and of this log, now in incarnation"
            f" {tree.incarnation}, {leaves(published)} were published",
            hint,
        )
    return [
        f"the first checkpoint in {directory}, although"
        f" {leaves(published)} were published before: not compared"
    ]


def require_memory(known: Checkpoint | None, last: Checkpoint, directory: Path) -> None:
    """Raise Failure where a directory lacks the newest checkpoint that is known.

    That is one which the publisher's keys have signed and the database knows. Signing
    comes first, so the directory was set back, or is another one.
    """
    if known is None:
        return
    if (known.incarnation, known.size) <= (last.incarnation, last.size):
        return
    raise Failure(
        f"{directory} lacks the checkpoint of {leaves(known.size)} of incarnation"
        f" {known.incarnation} that was published; its newest has {leaves(last.size)}",
        f"nothing was signed; {_BRING_BACK}. Where they are lost, a person publishes"
        " once with --new-directory: only what is there is compared then",
    )


def require_end_of_history(
    tree: Checkpoint,
    kept: Sequence[Checkpoint],
    reason: str,
    directory: Path,
    extends: Extends,
    accepted: int | None,
) -> list[str]:
    """Raise Failure unless a new incarnation has lost the newest leaves at most.

    `kept` are all checkpoints that were published, the newest last. Gives what to say.
    """
    last = kept[-1]
    fitting = {each for each in kept if extends(each)}
    newest = next((each for each in reversed(kept) if each in fitting), None)
    size = newest.size if newest else 0
    if size == 0 and last.size:
        raise Failure(
            f"incarnation {tree.incarnation}, a tree of {leaves(tree.size)}, begins"
            " with no checkpoint that was published: all history was changed",
            f"nothing was signed, and accepting it would not help; keep {directory}, it"
            " is the evidence",
        )
    lost = [each for each in kept if each not in fitting]
    for each in losses(tree, lost, fitting):
        if each.accepted_by is None:
            raise Failure(
                f"incarnation {tree.incarnation} begins with the {leaves(each.base)}"
                f" published in one checkpoint, and lacks the {leaves(each.lost.size)}"
                " of an older one: history was changed",
                f"nothing was signed, and accepting it would not help; keep"
                f" {directory}, it is the evidence",
            )
    # What an accepted incarnation of before has lost is not lost again.
    gone = max((each.size for each in lost if _is_after(each, newest)), default=0)
    said = _say_gone(size, gone)
    _require_acceptance(tree, accepted, said)
    lines = [
        f"INCARNATION {tree.incarnation} of the log follows {last.incarnation}:"
        f" accepted; the reason given is {plain(reason)!r}"
    ]
    if tree.name != last.name:
        lines.append(f"the log is called {tree.name} now, it was {last.name}")
    return [*lines, said]


def _is_after(each: Checkpoint, newest: Checkpoint | None) -> bool:
    return newest is None or each.incarnation >= newest.incarnation


def _say_gone(size: int, gone: int) -> str:
    if gone <= size:
        return f"it begins with the {leaves(size)} that were published: nothing is lost"
    first, last = size, gone - 1
    names = f"leaf {first:,}" if first == last else f"leaves {first:,} to {last:,}"
    return (
        f"NOT CONSISTENT with the last checkpoint: leaves 0 to {size - 1:,} are as"
        f" published; {names} of what was published are gone"
    )


def _require_acceptance(tree: Checkpoint, accepted: int | None, said: str) -> None:
    if accepted == tree.incarnation:
        return
    raise Failure(
        f"incarnation {tree.incarnation} of the log was begun; {said}",
        "nothing was signed; a new incarnation is the word of the database. Who knows"
        " why it was begun, and what it lost, publishes once with --accept-incarnation"
        f" {tree.incarnation}",
    )


def leaves(count: int) -> str:
    """Write a number of leaves."""
    return f"{count:,} leaf" if count == 1 else f"{count:,} leaves"
