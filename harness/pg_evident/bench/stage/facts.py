"""Describe what a measurement ran on: versions, machine, settings."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from pg_evident.bench.stage.server import TEMPLATE, Bench
from pg_evident.database import connect
from pg_evident.installed import installed_version

_SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "wal_level",
    "wal_compression",
    "wal_buffers",
    "commit_delay",
    "data_checksums",
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "effective_cache_size",
    "effective_io_concurrency",
    "io_method",
    "random_page_cost",
    "max_wal_size",
    "checkpoint_timeout",
    "checkpoint_completion_target",
    "autovacuum",
    "huge_pages",
    "jit",
    "max_connections",
)


def facts(bench: Bench) -> dict[str, str]:
    """Return names and values to print beside every figure, in order."""
    rounds = bench.options.rounds
    length = f" of {bench.seconds} s" if bench.seconds else ""
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        evident = installed_version(connection)
        postgres = connection.info.parameter_status("server_version")
    return {
        "server": f"PostgreSQL {postgres}, its own pgbench",
        "evident": str(evident),
        "client": f"psycopg {version('psycopg')}, Python {platform.python_version()}",
        "machine": f"{os.cpu_count()} cores, {_processor()}, {_memory()},"
        f" Linux {platform.release()}",
        "data on": _file_system(bench.server.data_dir),
        "load before": "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg()),
        "runs": f"{rounds}{length} by turns, each on {bench.events:,} events and after"
        " a checkpoint; figures are medians",
    }


def settings(bench: Bench) -> dict[str, str]:
    """Return the server's settings that bear on the figures, as it has them."""
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        found = connection.execute(
            "select s.name, current_setting(s.name) from pg_settings as s"
            " where s.name = any (%s) order by array_position(%s, s.name)",
            (list(_SETTINGS), list(_SETTINGS)),
        ).fetchall()
    return dict(found)


def _processor() -> str:
    return _line(Path("/proc/cpuinfo"), "model name") or platform.machine()


def _memory() -> str:
    kilobytes = _line(Path("/proc/meminfo"), "MemTotal").split()
    return f"{int(kilobytes[0]) / 2**20:.0f} GB" if kilobytes else "? GB"


def _line(file: Path, key: str) -> str:
    """Return the value of the first line `key : value`, empty when there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")


def _file_system(path: Path) -> str:
    try:
        mounts = [
            line.split() for line in Path("/proc/mounts").read_text().splitlines()
        ]
    except OSError:
        return "?"
    above = [
        (len(mount[1]), f"{mount[2]} ({mount[0]})")
        for mount in mounts
        if path.resolve().is_relative_to(mount[1])
    ]
    return max(above)[1] if above else "?"
