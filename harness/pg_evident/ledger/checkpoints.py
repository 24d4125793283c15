"""The directory of published checkpoints: files that are added and never changed.

`000001-000000000040.checkpoint` is the signed checkpoint of incarnation 1 with 40
leaves; `checkpoint` is a copy of the newest. Who keeps a copy of the directory can
tell whether history was rewritten, so it is best kept away from the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pg_evident.failure import Failure
from pg_evident.verifier.formats import files, note
from pg_evident.verifier.formats.note import Checkpoint

NEWEST = "checkpoint"
AS_IT_WAS = "bring the directory back as it was: what was signed must not be forgotten"

# Incarnation and tree size.
Place = tuple[int, int]

_NAME = re.compile(r"(\d{6,})-(\d{12,})\.checkpoint")
_LEFT_OVER = ".*checkpoint.new"


@dataclass(frozen=True)
class Signed:
    """A checkpoint and the signed note that it is from."""

    head: Checkpoint
    text: str

    @property
    def place(self) -> Place:
        """Return incarnation and tree size: the newest checkpoint has the largest."""
        return self.head.incarnation, self.head.size


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make the directory and be its only publisher; raises Failure for a second one."""
    try:
        if not directory.exists():
            directory.mkdir()
            _sync(directory.parent)
        lock = (directory / ".lock").open("a")
    except OSError as error:
        raise Failure(f"cannot write to {directory}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"another publisher is at work in {directory}", "try again when it ends"
            ) from None
        for each in directory.glob(_LEFT_OVER):
            each.unlink()
        yield


def newest(directory: Path, keys: note.Keys) -> Signed | None:
    """Read the last checkpoint, None when there is none yet.

    One of the keys must have signed it. Raises Failure when it
    cannot be read or trusted, and when the directory lacks what its copy shows.
    """
    there = places(directory)
    last = read(directory, there[-1], keys) if there else None
    copy = directory / NEWEST
    if not copy.exists():
        return last
    shown = _parse(copy, keys)
    if shown.place not in there:
        raise Failure(
            f"{path_of(directory, shown.place)} is missing, and {copy} is its copy",
            AS_IT_WAS,
        )
    if shown != read(directory, shown.place, keys):
        raise Failure(
            f"{copy} is not a copy of {path_of(directory, shown.place)}",
            AS_IT_WAS,
        )
    return last


def places(directory: Path) -> list[Place]:
    """List incarnation and tree size of all checkpoints, the newest last."""
    names = (_NAME.fullmatch(each.name) for each in os.scandir(directory))
    return sorted((int(name[1]), int(name[2])) for name in names if name)


def path_of(directory: Path, place: Place) -> Path:
    """Return the file of a checkpoint."""
    return directory / f"{place[0]:06}-{place[1]:012}.checkpoint"


def read(directory: Path, place: Place, keys: note.Keys) -> Signed:
    """Read one checkpoint; raises Failure unless it is signed and fits its name."""
    path = path_of(directory, place)
    found = _parse(path, keys)
    if found.place != place:
        raise Failure(
            f"{path} has the checkpoint of another tree",
            AS_IT_WAS,
        )
    return found


def store(directory: Path, checkpoint: Signed) -> Path:
    """Write a new checkpoint, then its copy; return its file.

    Killed at any moment it leaves whole files only.
    """
    path = path_of(directory, checkpoint.place)
    _write(path, checkpoint.text)
    show(directory, checkpoint)
    return path


def show(directory: Path, checkpoint: Signed) -> None:
    """Let `checkpoint` be a copy of the newest one, where it is not."""
    copy = directory / NEWEST
    if not copy.exists() or copy.read_text(encoding="utf-8") != checkpoint.text:
        _write(copy, checkpoint.text)


def _parse(path: Path, keys: note.Keys) -> Signed:
    try:
        data = files.read_file(path, note.MAX_NOTE_BYTES)
        parsed = note.parse_note(data)
        head = note.parse_checkpoint(parsed.text)
    except files.FileError as error:
        raise Failure(f"cannot read {path}: {error}", AS_IT_WAS) from None
    except note.NoteError as error:
        raise Failure(f"{path} is no checkpoint: {error}", AS_IT_WAS) from None
    status, _ = note.check_signature(parsed, keys)
    if status == note.BAD_SIGNATURE:
        raise Failure(f"{path} was changed: its signature is wrong", AS_IT_WAS)
    if status != note.TRUSTED:
        names = ", ".join(name for name, *_ in parsed.signatures)
        raise Failure(
            f"{path} is signed by another key: {names}",
            "give the verifier key that signed it as --earlier-key",
        )
    return Signed(head, data.decode())


def _write(path: Path, text: str) -> None:
    """Put a file in its place, whole and on the disk."""
    aside = path.with_name(f".{path.name}.new")
    try:
        with aside.open("xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync(path.parent)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from None


def _sync(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
