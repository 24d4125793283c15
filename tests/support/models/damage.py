"""Damage an export as a storm, a fool or an attacker would."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

Dice = random.Random
# JSON that is none, or larger than anything that is counted here.
CONSTANTS = [
    *("NaN", "Infinity", "-Infinity", "1e400", "-0", "1.5", "9" * 25, "9" * 5000),
    *("null", "true", "[]", "{}", '"x"', '"\\ud800"', "[" * 3000 + "]" * 3000),
]
SPARSE = 8 * 2**30
_NUMBER = re.compile(rb"(?<=: )-?[0-9]+")


def bytes_of(file: Path, dice: Dice) -> None:
    """Flip a bit, or cut out, repeat, overwrite or insert a few bytes."""
    data = file.read_bytes()
    at = dice.randrange(max(len(data), 1))
    end = min(len(data), at + dice.randrange(1, 60))
    some = dice.randbytes(end - at)
    flipped = bytes([data[at] ^ 1 << dice.randrange(8)]) if data else b"x"
    file.write_bytes(
        dice.choice(
            [
                data[:at] + flipped + data[at + 1 :],
                data[:at] + data[end:],
                data[:end] + data[at:],
                data[:at] + some + data[end:],
                data[:at] + some + data[at:],
                data[:at],
                b"",
            ]
        )
    )


def number_of(file: Path, dice: Dice) -> None:
    """Put something else in the place of a number in JSON."""
    data = file.read_bytes()
    places = list(_NUMBER.finditer(data))
    if not places:
        bytes_of(file, dice)
        return
    place = dice.choice(places)
    constant = dice.choice(CONSTANTS).encode()
    file.write_bytes(data[: place.start()] + constant + data[place.end() :])


def twice(file: Path, dice: Dice) -> None:
    """Let a key of a JSON object stand twice."""
    data = file.read_bytes()
    places = [each.start() + 1 for each in re.finditer(rb"\{", data)]
    key = dice.choice(re.findall(rb'"[a-z_]+"(?=: )', data) or [b'"id"'])
    at = dice.choice(places or [0])
    file.write_bytes(data[:at] + key + b": 1, " + data[at:])


def nested(file: Path, dice: Dice) -> None:
    depth = dice.choice([10, 1000, 100_000])
    file.write_bytes(b'{"a":' * depth + b"1" + b"}" * depth + b"\n")


def link_outside(file: Path, dice: Dice) -> None:
    """Put a link to the same bytes, outside of the folder, in its place."""
    outside = file_outside(file)
    shutil.copy(file, outside)
    file.unlink()
    file.symlink_to(outside)


def link_inside(file: Path, dice: Dice) -> None:
    aside = file.with_name(f"{file.name}.aside")
    file.rename(aside)
    file.symlink_to(aside.name)


def link_of_a_folder(file: Path, dice: Dice) -> None:
    """Put a link to a copy in the place of a folder on the way."""
    folder = file.parent
    if (folder.parent / "outside").is_dir():
        # The folder itself was named, and may be a link.
        link_outside(file, dice)
        return
    outside = file_outside(file).with_suffix(".folder")
    shutil.copytree(folder, outside)
    shutil.rmtree(folder)
    folder.symlink_to(outside)


def link_to_itself(file: Path, dice: Dice) -> None:
    file.unlink()
    file.symlink_to(file.name)


def fifo(file: Path, dice: Dice) -> None:
    file.unlink()
    os.mkfifo(file)


def a_socket(file: Path, dice: Dice) -> None:
    file.unlink()
    here = Path.cwd()
    # The path of a socket has at most some hundred bytes.
    os.chdir(file.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(file.name)
    finally:
        os.chdir(here)


def device(file: Path, dice: Dice) -> None:
    file.unlink()
    file.symlink_to(dice.choice(["/dev/zero", "/dev/full", "/dev/stdin", "/proc/kmsg"]))


def folder(file: Path, dice: Dice) -> None:
    file.unlink()
    file.mkdir()


def sparse(file: Path, dice: Dice) -> None:
    """Let it have 8 GB, of which hardly any is on the disk."""
    if dice.random() < 0.5:
        file.write_bytes(b"")
    os.truncate(file, dice.choice([SPARSE, 2**40, 2 * 2**30, 100 * 2**20]))


def endless_line(file: Path, dice: Dice) -> None:
    with file.open("ab") as stream:
        stream.write(dice.choice([b"x", b" ", b"[", b'"', b"9"]) * 20_000_000)


def many_lines(file: Path, dice: Dice) -> None:
    with file.open("ab") as stream:
        stream.write(dice.choice([b"\n", b"{}\n", b"[]\n"]) * 2_000_000)


def gone(file: Path, dice: Dice) -> None:
    file.unlink()


def odd_name(file: Path, dice: Dice) -> None:
    """Move it to a name that is no UTF-8."""
    os.rename(os.fsencode(file), os.fsencode(file.parent) + b"/\xff\xfe\x1b[2J")


KINDS: list[Callable[[Path, Dice], None]] = [
    *[bytes_of] * 8,
    *[number_of] * 3,
    *(twice, nested, link_outside, link_inside, link_of_a_folder, link_to_itself),
    *(fifo, a_socket, device, folder, sparse, gone, odd_name),
]
SLOW: list[Callable[[Path, Dice], None]] = [endless_line, many_lines]


def file_outside(file: Path) -> Path:
    """Name a file beside the export; nothing there may be opened."""
    root = next(x for x in file.parents if (x.parent / "outside").is_dir())
    return root.parent / "outside" / f"{file.name}.{len(file.parts)}"


def is_the_same(before: bytes, file: Path) -> bool:
    """Say whether a file still says the same: JSON may have other blanks."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > 2**24:
        return False
    after = file.read_bytes()
    if before == after:
        return True
    if not file.name.endswith("json"):
        return False
    try:
        return [json.loads(x) for x in before.split(b"\n") if x] == [
            json.loads(x, object_pairs_hook=_once) for x in after.split(b"\n") if x
        ]
    except (ValueError, RecursionError):
        return False


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)
