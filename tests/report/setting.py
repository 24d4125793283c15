"""On what a run was made: versions, machine, sizes."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pg_evident.places import ROOT
from pg_evident.server.programs import bindir
from report.verdict import unfinished


@dataclass(frozen=True)
class Setting:
    """What a reader needs to judge a run, or to repeat it."""

    servers: tuple[str, ...]
    python: str
    machine: str
    commits: tuple[str, ...]
    # How many tests ran again, after the first run had said what is wrong.
    again: int
    # Majors where a newest run was broken off.
    unfinished: tuple[int, ...]
    started: datetime
    minutes: float
    seeds: tuple[int, ...]
    rounds: int
    is_full: bool

    def lines(self) -> list[tuple[str, str]]:
        """Give names and values, in the order in which they are printed."""
        size = f"full, times {self.rounds}" if self.is_full else "bounded"
        notes = [f"; {self.again} tests ran again"] if self.again else []
        notes += [f"; broken off on {major}" for major in self.unfinished]
        return [
            ("Date", f"{self.started:%Y-%m-%d %H:%M} UTC"),
            ("PostgreSQL", ", ".join(self.servers)),
            ("Python", self.python),
            ("Machine", self.machine),
            ("Commit", ", then ".join(self.commits)),
            ("Size", f"{size}; {self.minutes:.1f} minutes{''.join(notes)}"),
            ("Seed", ", ".join(map(str, self.seeds))),
        ]


def setting_of(documents: list[dict[str, Any]], again: int) -> Setting:
    """Describe the runs whose documents report.plugin has written."""
    documents = sorted(documents, key=lambda each: float(each["started"]))
    return Setting(
        servers=tuple(
            server_version(major) + ("" if is_full else " (in part)")
            for major, is_full in sizes(documents)
        ),
        python=platform.python_version(),
        machine=machine(),
        commits=tuple(dict.fromkeys(each["commit"] for each in documents)),
        again=again,
        unfinished=tuple(unfinished(documents)),
        started=datetime.fromtimestamp(documents[0]["started"], UTC),
        minutes=sum(each["seconds"] for each in documents) / 60,
        seeds=tuple(dict.fromkeys(each["seed"] for each in documents)),
        rounds=max(each["rounds"] for each in documents),
        is_full=any(each["is_full"] for each in documents),
    )


def sizes(documents: list[dict[str, Any]]) -> list[tuple[int, bool]]:
    """Say of each major whether it was tried as much as any other was."""
    most = any(each["is_full"] for each in documents)
    majors = sorted({each["major"] for each in documents})
    return [
        (
            major,
            any(
                each["is_full"] == most for each in documents if each["major"] == major
            ),
        )
        for major in majors
    ]


def server_version(major: int) -> str:
    words = [str(bindir(major) / "postgres"), "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.removeprefix("postgres (PostgreSQL)").split("(")[0].strip()


def machine() -> str:
    """Describe processor, memory and system, not which machine it is."""
    cores = len(os.sched_getaffinity(0))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{cores} cores, {processor()}, {pages / 2**30:.0f} GiB, {system}"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return " ".join(names[0].split()) if names else platform.machine()


def commit() -> str:
    """Name the commit, and say when the files are not those of it."""
    words = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
