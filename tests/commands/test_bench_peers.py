"""`evident bench peers` measures each event store, or says which it could not have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

OURS = ["raw INSERT", "the article's function", "evident.append_event"]
# With the version that was measured behind it.
PEERS = ["message-db", "Emmett", "eventsourcing", "eventsourcing DCB"]
CANDIDATES = [*OURS, *PEERS]

# They fetch the packages of the other stores.
pytestmark = pytest.mark.measurement


def bench_peers(
    *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pg_evident", "bench", "peers", *words],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_store_is_measured_and_leaves_the_right_events(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    size = ["--rounds=1", "--seconds=1", "--events=1000", "--clients=4"]
    size.append("--match=one category")

    done = bench_peers(*size, f"--cache={tmp_path / 'cache'}", f"--json={file}")

    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert len(figures["workloads"]) == 2
    for workload in figures["workloads"]:
        found = workload["candidates"]
        for each, name in zip(found, CANDIDATES, strict=True):
            version = each["name"].removeprefix(name)
            assert (version == "") == (name in OURS), each["name"]
            assert version == "" or version.strip()[0].isdigit()
            assert each["name"] in done.stdout
            assert (each["failures"], each["is_right"]) == (0, True), done.stderr
            assert each["median_rate"] > 0
        assert found[0]["median_ratio"] == 1
    budgets = [(each["of"].split()[0], each["at_least"]) for each in figures["budgets"]]
    assert budgets == [
        ("raw", 0.8),
        ("the", 1.0),
        ("message-db", 4.0),
        ("Emmett", 1.6),
        ("eventsourcing", 3.0),
    ]


def test_an_unknown_store_is_refused_with_the_known_ones() -> None:
    done = bench_peers("--only=evident,marten", "--events=1", "--clients=1")
    assert done.returncode == 1
    assert "events/s" not in done.stdout
    assert "there is no 'marten' to measure" in done.stderr
    assert "message-db, emmett, eventsourcing, dcb" in done.stderr


def test_a_store_that_cannot_be_fetched_is_named_with_the_way_on(
    tmp_path: Path,
) -> None:
    unreachable = {
        "npm_config_offline": "true",
        "npm_config_cache": str(tmp_path / "npm"),
        "PIP_NO_INDEX": "1",
    }
    words = ["--only=article,emmett,dcb", f"--cache={tmp_path / 'cache'}"]

    done = bench_peers(*words, "--events=1", "--clients=1", environment=unreachable)

    assert done.returncode == 1
    assert "events/s" not in done.stdout
    assert "emmett, dcb: could not be had" in done.stderr
    assert "--only raw,article,evident" in done.stderr
    assert not list((tmp_path / "cache").glob("*[!w]"))
