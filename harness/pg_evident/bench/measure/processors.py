"""Account for processor time: what the server used, and what others took away."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pg_evident.bench.terms import Usage
from pg_evident.server.cluster import Server

# Fields of /proc/<pid>/stat, counted after the command's name.
_PPID, _UTIME, _STIME, _CUTIME, _CSTIME = 1, 11, 12, 13, 14
# Fields of the first line of /proc/stat; what follows is counted in the first two.
_IDLE, _IOWAIT, _STEAL = 3, 4, 7

_LONGEST_WAIT = 120  # seconds


@contextlib.contextmanager
def metered(server: Server) -> Iterator[Usage]:
    """Measure what happens in the block; resolution 10 ms."""
    usage = Usage()
    busy, total = _machine()
    own = _own()
    used = _server(server)
    yield usage
    used = _server(server) - used
    own = _own() - own
    busy_now, total_now = _machine()
    rest = busy_now - busy - used - own
    usage.server_seconds = used
    usage.others = max(0.0, rest) / max(total_now - total, 0.01)


def wait_for_calm(limit: float) -> None:
    """Wait until nobody takes more than `limit`, 0 to 1, of the machine for a second.

    Gives up after two minutes. Nothing of our own may be running.
    """
    for _ in range(_LONGEST_WAIT):
        busy, total = _machine()
        time.sleep(1)
        busy_now, total_now = _machine()
        if busy_now - busy <= limit * (total_now - total):
            return


def _server(server: Server) -> float:
    earlier: dict[str, int] = {}
    ticks = _ticks(str(server.pid))
    # A process that ends while it is read would be missed; then read again.
    while earlier.keys() != ticks.keys():
        earlier, ticks = ticks, _ticks(str(server.pid))
    return _seconds(sum(ticks.values()))


def _ticks(postmaster: str) -> dict[str, int]:
    """Return clock ticks by process: the postmaster with its ended children first."""
    fields = _stat(postmaster)
    ticks = {
        postmaster: sum(int(fields[n]) for n in (_UTIME, _STIME, _CUTIME, _CSTIME))
    }
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = _stat(path.name)
            if fields[_PPID] == postmaster:
                ticks[path.name] = int(fields[_UTIME]) + int(fields[_STIME])
    return ticks


def _stat(process: str) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _own() -> float:
    """Return what this process used, and the pgbench runs that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _machine() -> tuple[float, float]:
    """Return the busy and the whole time of all processors so far."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    ticks = [int(field) for field in line.split()[1 : _STEAL + 2]]
    total = sum(ticks)
    return _seconds(total - ticks[_IDLE] - ticks[_IOWAIT]), _seconds(total)


def _seconds(ticks: int) -> float:
    return ticks / os.sysconf("SC_CLK_TCK")
