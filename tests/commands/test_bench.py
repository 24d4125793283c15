"""Every verb of `evident bench` runs and shows each of its candidates.

Figures are never asserted: they belong to a machine at a moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

READ = "bare SELECT"
HAND = "one statement by hand"
CANDIDATES = {
    "append": ["raw INSERT", "the article's function", "evident.append_event"],
    "batch": [
        "COPY",
        "evident.append_events",
        "evident.append_batch, two each",
        "INSERT of the rows",
        "INSERT from JSON",
    ],
    "contention": [
        *("raw INSERT", "evident.append_event") * 2,
        *("1 connection", "4 connections"),
        *("evenly", "by Zipf's law"),
        *("raw INSERT", "evident.append_event"),
    ],
    "projection": [
        *(HAND, "evident.append_event") * 2,
        *(HAND, "evident.append_batch"),
    ],
    "rebuild": [
        "row by row: read, fold, write",
        "row by row: a statement per event",
        "run_projection, 50,000 a time",
        "rebuild_projection, all rows",
        "rebuild_projection, no rows",
        "verify_projection",
    ],
    "seal": [
        "leaf hashes only",
        "seal, 100,000 a call",
        "append_event alone",
        "append_event, seal every 1 s",
    ],
    "verify": [
        "leaf hashes only",
        "verify_ledger",
        "inclusion_proof, 1,000 leaves",
        "plain loop: lines to leaf hashes",
        "plain loop: stored entries only",
        "evident verify",
    ],
    "feed": [READ, "evident.read_feed", READ, "evident.read_aggregate"],
}
BUDGETS = {
    "append": 4,
    "batch": 1,
    "projection": 3,
    "rebuild": 4,
    "seal": 2,
    "verify": 1,
    "feed": 2,
}
# What `make test` measures; `make bench-test` does all of them.
DAILY = "append"
# What is also measured on majors that are not the embedded one.
OTHER_MAJORS = ("append", "feed", "seal")
# Workloads with the same candidates.
REPEATS = {"append": 2}


def bench(verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pg_evident", "bench", verb, *words],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param(each, marks=[pytest.mark.measurement] if each != DAILY else [])
        for each in CANDIDATES
    ],
)
def test_a_verb_measures_and_shows_each_candidate(
    verb: str, major: int, tmp_path: Path
) -> None:
    if major != 18 and verb not in OTHER_MAJORS:
        pytest.skip("measured on 18; some verbs show that other majors can be")
    file = tmp_path / "figures.json"
    words = [f"--pg={major}", "--rounds=1", "--events=1000"]
    if verb != "rebuild":
        words.append("--seconds=1")
    if verb in ("append", "contention", "projection", "seal"):
        words.append("--clients=4")
    if verb == "contention":
        words += ["--connections=1,4", f"--plots={tmp_path / 'plots'}"]
    if verb == "feed":
        words.append("--check")
    if verb == "append":
        words.append("--payload=200")
    if verb == "batch":
        words.append("--per-call=1000")

    done = bench(verb, *words, f"--json={file}")

    assert file.exists(), done.stderr
    figures = json.loads(file.read_text())
    missed = [each for each in figures["budgets"] if each["verdict"] != "met"]
    assert done.returncode == (1 if missed and verb == "feed" else 0), done.stderr
    assert ("budgets are met" in done.stdout) == (verb == "feed")
    for name in CANDIDATES[verb]:
        assert f"{name} " in done.stdout
    assert f"PostgreSQL {major}." in done.stdout
    assert "fsync on, synchronous_commit on" in done.stdout
    assert "round 1 of 1" in done.stderr

    assert figures["verb"] == verb
    assert figures["settings"]["fsync"] == "on"
    assert figures["options"]["events"] == 1000
    assert f"PostgreSQL {major}." in figures["facts"]["server"]
    assert len(figures["budgets"]) == BUDGETS.get(verb, 0)
    found = [each for load in figures["workloads"] for each in load["candidates"]]
    assert [each["name"] for each in found] == CANDIDATES[verb] * REPEATS.get(verb, 1)
    for each in found:
        assert each["failures"] == 0
        assert each["is_right"] is (None if verb == "feed" else True)
        assert len(each["rates"]) == len(each["ratios"]) == len(each["others"]) == 1
        assert each["median_rate"] > 0
        assert_footprint(verb, each["footprint"])
        assert_latency(verb, each["latency"])
    for load in figures["workloads"]:
        assert load["candidates"][0]["median_ratio"] == 1
    if verb == "contention":
        assert len(list((tmp_path / "plots").glob("contention-*.svg"))) == 3


def assert_footprint(verb: str, found: dict[str, float] | None) -> None:
    if verb in ("append", "batch", "contention", "projection"):
        assert found is not None
        # Of one event there are its payload of 0.2 kB, in the log and in the table.
        assert found["wal"] > 200
        assert found["table"] > 100
        assert found["indexes"] > 0
    elif verb == "feed":
        assert found is None


def assert_latency(verb: str, found: dict[str, Any] | None) -> None:
    if verb in ("append", "contention", "feed"):
        assert found is not None
        assert 0 < found["p50"] <= found["p95"] <= found["p99"] <= found["points"][-1]
        assert found["points"] == sorted(found["points"])
    elif verb in ("batch", "rebuild"):
        assert found is None


def test_a_verb_that_does_not_exist_is_not_understood() -> None:
    done = bench("everything")
    assert done.returncode == 2
    assert done.stdout == ""
