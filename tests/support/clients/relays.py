"""Relays as processes of their own, and what stands in the file that they write."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.clients import programs
from support.clients.programs import finish
from support.clients.store import Logged, Store


def start(
    store: Store, *words: str, broken: str = "", stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start a relay; `broken` is Python that spoils it first."""
    return programs.start(store, "relay", *words, broken=broken, stdout=stdout)


def run(store: Store, *words: str, broken: str = "") -> tuple[int, str, str]:
    return finish(start(store, *words, broken=broken, stdout=subprocess.PIPE))


def run_until_killed(
    store: Store, rng: random.Random, path: Path, *words: str, broken: str = ""
) -> None:
    """Kill a relay some moments after the file has grown, and leave a torn line.

    The line is of an event that the next write would have been for.
    """
    process = start(store, *words, "--out", str(path), broken=broken)
    try:
        size = path.stat().st_size if path.exists() else 0
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            if path.exists() and path.stat().st_size > size:
                break
            time.sleep(0.001)
        time.sleep(rng.random() * 0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    if rng.random() < 0.5:
        with path.open("ab") as file:
            file.write(b'{"position":12,"parti')
            os.fsync(file.fileno())


def file_violations(path: Path, log: Sequence[Logged]) -> list[str]:
    """Name what the file misses, has twice, out of order, or torn."""
    return list(_violations(path, log))


def _violations(path: Path, log: Sequence[Logged]) -> Iterator[str]:
    positions: list[int] = []
    versions: dict[uuid.UUID, int] = {}
    # As bytes: text would also end its lines at U+2028, which JSON may hold.
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
        except ValueError:
            yield f"line {number} is no JSON"
            continue
        if not line.endswith(b"\n"):
            yield f"line {number} has no end"
        positions.append(event["position"])
        aggregate = uuid.UUID(event["aggregate_id"])
        if event["version"] != versions.get(aggregate, 0) + 1:
            yield f"line {number}: version {event['version']} is out of order"
        versions[aggregate] = event["version"]
    if twice := [p for p, count in Counter(positions).items() if count > 1]:
        yield f"{len(twice)} positions stand twice, first {min(twice)}"
    stored = {each.id for each in log}
    if missed := sorted(stored - set(positions)):
        yield f"missed {len(missed)} of {len(stored)} events, first {missed[0]}"
    if unknown := sorted(set(positions) - stored):
        yield f"{len(unknown)} positions are of no event: {unknown[:5]}"
