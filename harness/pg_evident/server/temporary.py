"""PostgreSQL servers for a while, in temporary directories."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from pg_evident.failure import Failure
from pg_evident.server.cluster import LONGEST_DIRECTORY, Server, create
from pg_evident.server.programs import EMBEDDED_MAJOR, hand_over, is_open

# Shared memory with a name of its own outlives a server that was killed.
_IN_ITS_DIRECTORY = {"dynamic_shared_memory_type": "mmap"}


@contextlib.contextmanager
def ephemeral(
    major: int | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    tcp: bool = False,
    parent: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server in a temporary directory and remove both afterwards.

    `major` is 18 (embedded, the default) or one of Debian's packages; `settings`
    go into postgresql.conf before the first start. It listens on a unix socket
    that only this user and root may open; with `tcp` also on a free port of
    127.0.0.1, without a password. `parent` holds the data (default: the
    system's temporary directory), and `environment` is for the server's processes
    alone. Stops it on exceptions, Ctrl-C and SIGTERM.
    """
    with _signals_raise(), contextlib.ExitStack() as cleanup:
        directory = Path(tempfile.mkdtemp(prefix="evident-", dir=_temporary(parent)))
        cleanup.callback(_remove, directory)
        hand_over(directory)
        server = Server(
            directory / "data",
            major=major or EMBEDDED_MAJOR,
            tcp=tcp,
            environment=environment or {},
        )
        cleanup.callback(_stop_for_good, server)
        create(server, {**_IN_ITS_DIRECTORY, **(settings or {})}, durable=False)
        server.start()
        yield server


def _temporary(parent: Path | None) -> Path:
    chosen = parent or Path(tempfile.gettempdir())
    if parent is None and not is_open(chosen.resolve() / "evident"):
        chosen = Path("/tmp")
    if len(os.fsencode(chosen.resolve())) + len("/evident-12345678/data") <= (
        LONGEST_DIRECTORY
    ):
        return chosen.resolve()
    if parent is not None:
        raise Failure(f"{parent} is too long a path for a unix socket")
    return Path("/tmp")


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that cleaning up takes place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(signum: int, _frame: object) -> None:
        raise SystemExit(128 + signum)

    ours = [
        each
        for each in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(each) == signal.SIG_DFL
    ]
    for each in ours:
        signal.signal(each, leave)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore a second Ctrl-C or SIGTERM while the first one is cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _stop_for_good(server: Server) -> None:
    with _undisturbed():
        server.kill()


def _remove(directory: Path) -> None:
    with _undisturbed():
        shutil.rmtree(directory, ignore_errors=True)
