"""Open what somebody handed over: regular files of a folder, and nothing else.

Every step below the folder is taken from the open folder before it and never through a
link, so nothing outside is opened; FIFOs and devices are not waited for; the size is
known before the first byte is read.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from pathlib import Path
from types import TracebackType

# Folders that stay open: those of tiles, entries, and of the level above.
_MOST_OPEN = 16
MISSING = "missing"
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FileError(ValueError):
    """A file is not there, not a regular one, or too large. The text says which."""


class Folder:
    """A folder, opened once; what is below it is reached without following a link.

    Raises FileError when it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: dict[str, int] = {}
        try:
            self._root = os.open(path, _FOLDER & ~os.O_NOFOLLOW)
        except (OSError, ValueError) as error:
            raise FileError(reason(error)) from error

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all that is open."""
        for each in (*self._open.values(), self._root):
            with contextlib.suppress(OSError):
                os.close(each)
        self._open.clear()

    def read(self, name: str, most: int) -> bytes:
        """Read a whole file of at most `most` bytes; FileError otherwise."""
        with self.open(name, most) as stream:
            return read_all(stream, most)

    def open(self, name: str, most: int) -> io.BufferedReader:
        """Open a file of at most `most` bytes; FileError otherwise."""
        folder, _, file = name.rpartition("/")
        try:
            return _regular(file, most, self._folder(folder))
        except (OSError, ValueError) as error:
            raise FileError(reason(error)) from error

    def exists(self, name: str) -> bool:
        """Say whether something of this name is there, whatever it is."""
        folder, _, file = name.rpartition("/")
        try:
            os.stat(file, dir_fd=self._folder(folder), follow_symlinks=False)
        except (OSError, ValueError):
            return False
        return True

    def names(self) -> list[str]:
        """Give the names in the folder itself, sorted."""
        try:
            return sorted(os.listdir(self._root))
        except OSError as error:
            raise FileError(reason(error)) from error

    def is_folder(self, name: str) -> bool:
        """Say whether a name in the folder itself is a folder's, and no link."""
        found = self._stat(name)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def is_larger(self, name: str, most: int) -> bool:
        """Say whether a name in the folder itself is a larger file's."""
        found = self._stat(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return False
        return found.st_size > most

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._root, follow_symlinks=False)
        except (OSError, ValueError):
            return None

    def _folder(self, name: str) -> int:
        if not name:
            return self._root
        known = self._open.get(name)
        if known is not None:
            return known
        above, _, last = name.rpartition("/")
        found = os.open(last, _FOLDER, dir_fd=self._folder(above))
        if len(self._open) >= _MOST_OPEN:
            os.close(self._open.pop(next(iter(self._open))))
        self._open[name] = found
        return found


def read_file(path: Path, most: int) -> bytes:
    """Read a file that the user named, links included, of at most `most` bytes.

    Raises FileError for anything but a regular file, and for a larger one.
    """
    with open_file(path, most) as stream:
        return read_all(stream, most)


def open_file(path: Path, most: int) -> io.BufferedReader:
    """Open a file that the user named; FileError as `read_file` has it."""
    try:
        return _regular(path, most, None)
    except (OSError, ValueError) as error:
        raise FileError(reason(error)) from error


def read_all(stream: io.BufferedReader, most: int) -> bytes:
    """Read to the end; FileError for more than `most` bytes, or when it fails."""
    try:
        data: bytes | None = stream.read(most + 1)
    except OSError as error:
        raise FileError(reason(error)) from error
    if data is None:
        # Some files of /proc say that they are regular, and would have one wait.
        raise FileError("not a regular file")
    if len(data) > most:
        raise FileError(f"grew beyond {most:,} bytes while it was read")
    return data


def reason(error: Exception) -> str:
    """Say in a few words why a file cannot be had."""
    if isinstance(error, FileError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return MISSING
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "a name that no file has"


def _regular(name: Path | str, most: int, folder: int | None) -> io.BufferedReader:
    flags = _FILE if folder is not None else _FILE & ~os.O_NOFOLLOW
    # Looked at before it is opened: opening some devices does something.
    is_link = folder is None
    _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=is_link), most)
    opened = os.open(name, flags, dir_fd=folder)
    try:
        _require_regular(os.fstat(opened), most)
    except BaseException:
        os.close(opened)
        raise
    return os.fdopen(opened, "rb")


def _require_regular(found: os.stat_result, most: int) -> None:
    mode = found.st_mode
    if stat.S_ISLNK(mode):
        raise FileError("a link, which is not followed")
    if stat.S_ISDIR(mode):
        raise FileError("a folder in a file's place")
    if not stat.S_ISREG(mode):
        raise FileError("not a regular file")
    if found.st_size > most:
        raise FileError(f"{found.st_size:,} bytes are more than {most:,}")
