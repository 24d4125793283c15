"""A file system of a few megabytes, which a test may fill and make room on."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pg_evident.server.programs import hand_over, run

MEGABYTE = 1 << 20


@dataclass
class SmallDisk:
    """A mounted tmpfs; a file of ballast takes what is not to be free."""

    path: Path
    megabytes: int

    @property
    def free(self) -> int:
        """Give how many bytes are free."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def leave(self, size: int) -> None:
        """Take all but so many bytes."""
        self.make_room()
        with self._ballast.open("wb") as file:
            while (taken := self.free - size) > 0:
                # Others write at the same time, and may be quicker.
                with contextlib.suppress(OSError):
                    os.posix_fallocate(file.fileno(), 0, taken)
                    return

    def make_room(self) -> None:
        """Give back what the ballast took."""
        self._ballast.unlink(missing_ok=True)

    def grow(self, megabytes: int) -> None:
        """Make the disk larger while it is in use, as an administrator would."""
        self.megabytes += megabytes
        options = f"remount,size={self.megabytes}m"
        done = run(["mount", "-o", options, str(self.path)])
        assert done.returncode == 0, done.stdout

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount a tmpfs until the block ends; skip the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk: run this test as root")
    path = Path(tempfile.mkdtemp(prefix="evident-"))
    try:
        options = f"size={megabytes}m,mode=0700"
        done = run(["mount", "-t", "tmpfs", "-o", options, "evident", str(path)])
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stdout.strip()}")
        try:
            hand_over(path)
            yield SmallDisk(path, megabytes)
        finally:
            # Lazily: a process that is about to end may still have a file open.
            run(["umount", "-l", str(path)])
    finally:
        path.rmdir()
