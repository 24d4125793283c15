"""See which files of a folder are opened, as inotify tells."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_OPEN = 0x20
_EVENT = struct.Struct("iIII")


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[list[str]]:
    """List the names of files of the folder that are opened in the meantime."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    names: list[str] = []
    try:
        if libc.inotify_add_watch(watch, os.fsencode(folder), _OPEN) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {folder}")
        yield names
        names += _read(watch)
    finally:
        os.close(watch)


def _read(watch: int) -> Iterator[str]:
    with contextlib.suppress(BlockingIOError):
        while data := os.read(watch, 1 << 16):
            at = 0
            while at < len(data):
                length = _EVENT.unpack_from(data, at)[3]
                name = data[at + _EVENT.size : at + _EVENT.size + length]
                yield os.fsdecode(name.rstrip(b"\0"))
                at += _EVENT.size + length
