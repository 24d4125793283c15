"""The loads of the speed lab: what they leave behind, and what they tell.

Figures are never asserted: they belong to a machine at a moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pg_evident.bench.stage.payloads import order

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def once(major: int) -> None:
    if major != 18:
        pytest.skip("test_bench.py shows that other majors can be measured")


def measure(verb: str, major: int, tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    """Run a verb as shortly as can be, and return its workloads."""
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pg_evident", "bench", verb, f"--pg={major}"),
            *("--rounds=1", "--seconds=1", f"--json={file}", *words),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    workloads: list[dict[str, Any]] = json.loads(file.read_text())["workloads"]
    for load in workloads:
        for each in load["candidates"]:
            assert each["failures"] == 0, each
            assert each["is_right"] is not False, each
    return workloads


def names(load: dict[str, Any]) -> list[str]:
    return [each["name"] for each in load["candidates"]]


@pytest.mark.measurement
def test_growth_compares_stores_of_several_sizes(major: int, tmp_path: Path) -> None:
    loads = measure("growth", major, tmp_path, "--sizes=1200,400", "--clients=4")

    assert len(loads) == 7
    for load in loads:
        small, large = load["candidates"][::2], load["candidates"][1::2]
        assert all(each["axis"] == ["events", 400] for each in small)
        assert all(each["axis"] == ["events", 1200] for each in large)
        assert [each["name"].removesuffix(", 400") for each in small] == [
            each["name"].removesuffix(", 1,200") for each in large
        ]
    appends = [load for load in loads if "connections" in load["title"]]
    assert len(appends) == 3
    for load in appends:
        for each in load["candidates"]:
            # A run is a number of appends, whatever the size.
            assert each["operations"] == [400]
            assert each["footprint"]["wal"] > 0


def test_growth_takes_no_store_that_is_too_small_for_its_clients(major: int) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pg_evident", "bench", "growth", f"--pg={major}"),
            *("--sizes=300", "--clients=4"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "no size for a store: 300" in done.stderr
    assert "a multiple of 100 from 400 on" in done.stderr


@pytest.mark.parametrize("size", [200, 2_000, 20_000])
def test_a_payload_has_the_size_that_was_asked_for(size: int) -> None:
    text = order(size)
    assert size <= len(text) < size + 10
    assert text == order(size)
    assert isinstance(json.loads(text)["lines"], list)


@pytest.mark.measurement
def test_a_large_payload_is_counted_with_its_toast(major: int, tmp_path: Path) -> None:
    words = ["--payload=20000", "--clients=4", "--match=payloads"]
    (load,) = measure("append", major, tmp_path, *words)
    assert load["axis"] == ["bytes of payload", 20000]
    for each in load["candidates"]:
        assert each["footprint"]["table"] > 4000


@pytest.mark.measurement
def test_a_single_event_is_no_batch_of_several_aggregates(
    major: int, tmp_path: Path
) -> None:
    (load,) = measure("batch", major, tmp_path, "--per-call=1")
    assert load["axis"] == ["events per call", 1]
    assert names(load) == [
        "COPY",
        "evident.append_events",
        "INSERT of the rows",
        "INSERT from JSON",
    ]


@pytest.mark.measurement
def test_mixed_ends_with_all_events_followed(major: int, tmp_path: Path) -> None:
    mixture, purchases = measure(
        "mixed", major, tmp_path, "--events=1000", "--clients=4"
    )
    assert names(mixture) == [
        "bare tables",
        "bare, row by hand",
        "evident, events",
        "evident, all",
    ]
    assert set(mixture["candidates"][3]["extra"]) == {
        "consumer behind, most",
        "consumer behind, end",
        "projection behind, most",
        "projection behind, end",
        "seconds until all had followed",
    }
    assert names(purchases) == [
        "import",
        "other projections",
        "seal",
        "verify",
        "drift check",
    ]
    for each in purchases["candidates"]:
        assert each["operations"] == [13_830]
        assert each["is_right"]


@pytest.mark.measurement
def test_settings_are_compared_with_the_defaults(major: int, tmp_path: Path) -> None:
    words = ["--events=1000", "--clients=4", "--match=events before"]
    words.append("--set=work_mem=5MB,jit=off")
    (load,) = measure("settings", major, tmp_path, *words)
    assert names(load) == [
        "as PostgreSQL comes",
        "synchronous_commit = off",
        "commit_delay = 100",
        "wal_compression = pglz",
        "ids of aggregates in time order",
    ]
    settings = json.loads((tmp_path / "figures.json").read_text())["settings"]
    assert (settings["work_mem"], settings["jit"]) == ("5MB", "off")


def test_what_is_no_setting_is_not_understood() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pg_evident", "bench", "feed", "--set=jit"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert "'jit' is not a setting" in done.stderr


def test_a_match_that_leaves_no_workload_is_told() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pg_evident", "bench", "feed"),
            *("--events=1000", "--match=nothing"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "no workload of feed has 'nothing' in its title" in done.stderr
