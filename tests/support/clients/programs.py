"""The command line as processes of their own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from pg_evident.places import ROOT
from support.clients.store import LOGIN, Store

MAIN = "from pg_evident.cli.main import main; main()"


def start(
    store: Store, *words: str, broken: str = "", stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start a command on a store; `broken` is Python that spoils it first."""
    return start_at(login_dsn(store), *words, broken=broken, stdout=stdout)


def start_at(
    dsn: str, *words: str, broken: str = "", stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"{broken}\n{MAIN}", *words, "--dsn", dsn],
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def login_dsn(store: Store) -> str:
    """Give the URI under which the tests' ordinary login reaches a store."""
    return store.db.dsn.replace("postgres@", f"{LOGIN}@")


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end; give the exit code and both outputs."""
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out or "", err


def run(store: Store, *words: str, broken: str = "") -> tuple[int, str, str]:
    """Run a command to its end; give the exit code and both outputs."""
    return finish(start(store, *words, broken=broken, stdout=subprocess.PIPE))


@contextlib.contextmanager
def running(
    store: Store, *words: str, broken: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Keep a command running until the block ends, then kill what is left of it."""
    process = start(store, *words, broken=broken)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        if process.stderr and not process.stderr.closed:
            print(process.communicate()[1])
