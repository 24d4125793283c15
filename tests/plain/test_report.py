"""The report says `kept` only where a test passed and a broken variant was caught."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pg_evident.places import ROOT
from report.evidence import NOT_RUN, Evidence
from report.plugin import passed
from report.promises import PROMISES
from report.setting import sizes
from report.verdict import (
    BLIND,
    BROKEN,
    KEPT,
    NOT_SHOWN,
    is_green,
    latest,
    summary,
    unfinished,
    verdicts,
)

TESTS = ROOT / "tests"
MODULE = """
import pytest

@pytest.mark.promise(1)
@pytest.mark.parametrize("n", [1, 2])
def test_nothing_is_lost(n, figures):
    figures.add(kills=10)
    figures.worst(seconds=n)

@pytest.mark.twin_of(1, name="asynchronous commit")
def test_a_loss_is_caught():
    print("caught: one event is gone")

@pytest.mark.promise(2)
def test_no_gap():
    assert [1] == [2]

@pytest.mark.promise(3)
def test_not_here():
    pytest.skip("no server")

def test_of_no_promise():
    pass
"""


def shown(number: int, outcome: str = "passed", is_twin: bool = False) -> Evidence:
    kind = "twin" if is_twin else "test"
    return Evidence(f"tests/test_x.py::{kind}_{number}", [number], is_twin, outcome)


def everything() -> list[Evidence]:
    """Give the evidence of a run in which all is well."""
    tests = [shown(each.number) for each in PROMISES]
    return tests + [shown(p.number, is_twin=True) for p in PROMISES if p.tells]


def test_all_tests_and_twins_make_a_green_report() -> None:
    rows = verdicts(everything())
    assert is_green(rows)
    kept, caught = len(PROMISES), sum(each.tells is not None for each in PROMISES)
    text = f"{kept} of {kept} promises kept, {caught} broken variants caught"
    assert summary(rows) == text


@pytest.mark.parametrize(
    ("changed", "result"),
    [
        ([shown(6, "failed"), shown(6, is_twin=True)], BROKEN),
        ([shown(6), shown(6, "failed", is_twin=True)], BLIND),
        ([shown(6), shown(6, "skipped", is_twin=True)], BLIND),
        ([shown(6)], BLIND),
        ([shown(6, is_twin=True)], NOT_SHOWN),
        ([shown(6, "skipped"), shown(6, is_twin=True)], NOT_SHOWN),
        ([shown(6), shown(6, "skipped"), shown(6, is_twin=True)], KEPT),
    ],
)
def test_what_is_missing_or_failed_shows(changed: list[Evidence], result: str) -> None:
    rows = verdicts([e for e in everything() if e.promises != [6]] + changed)
    assert rows[5].result == result
    assert is_green(rows) is (result == KEPT)


def test_of_a_test_that_ran_again_the_newest_run_counts() -> None:
    first = {"major": 18, "started": 1.0, "evidence": [shown(6, "failed"), shown(7)]}
    other = {"major": 15, "started": 2.0, "evidence": [shown(7, "failed")]}
    again = {"major": 18, "started": 3.0, "evidence": [shown(6)]}
    runs = [
        {**run, "evidence": [each.document() for each in run["evidence"]]}
        for run in (again, first, other)
    ]
    found, count = latest(runs)
    assert sorted((*each.promises, each.outcome) for each in found) == [
        (6, "passed"),
        (7, "failed"),
        (7, "passed"),
    ]
    assert count == 1


def test_a_test_that_was_only_begun_again_takes_no_failure_back() -> None:
    first = {"major": 18, "started": 1.0, "evidence": [shown(6, "failed").document()]}
    again = {"major": 18, "started": 2.0, "evidence": [shown(6, NOT_RUN).document()]}
    found, count = latest([first, again])
    assert ([each.outcome for each in found], count) == (["failed"], 0)


@pytest.mark.parametrize(
    ("runs", "majors"),
    [
        ([(18, 1.0, "tests", True)], []),
        ([(18, 1.0, "tests", False)], [18]),
        ([(18, 2.0, "tests", True), (18, 1.0, "tests", False)], []),
        (
            [
                (18, 1.0, "tests", True),
                (18, 2.0, "tests", False),
                (15, 3.0, "tests", True),
            ],
            [18],
        ),
        ([(15, 1.0, "tests", False), (15, 2.0, "tests/test_one.py", True)], [15]),
    ],
)
def test_a_run_that_was_broken_off_is_told_until_one_goes_to_its_end(
    runs: list[tuple[int, float, str, bool]], majors: list[int]
) -> None:
    documents = [
        {"major": major, "started": started, "places": [place], "is_whole": is_whole}
        for major, started, place, is_whole in runs
    ]
    assert unfinished(documents) == majors


def test_a_major_that_was_tried_in_part_is_told_from_one_that_was_tried_whole() -> None:
    runs = [(15, True), (16, False), (18, True), (18, False)]
    documents = [{"major": major, "is_full": is_full} for major, is_full in runs]
    assert sizes(documents) == [(15, True), (16, False), (18, True)]
    bounded = [{"major": 18, "is_full": False}]
    assert sizes(bounded) == [(18, True)]


def test_a_run_is_recorded_and_reported(tmp_path: Path) -> None:
    """As make trust does it: pytest in two processes, then the report."""
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        'pytest_plugins = ["report.plugin"]\n'
        "def pytest_addoption(parser):\n"
        '    parser.addoption("--pg", type=int, default=18)\n'
    )
    (tmp_path / "test_made.py").write_text(MODULE)
    run = tmp_path / "run.json"
    words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    words += ["-c", "/dev/null", "--rootdir", str(tmp_path)]
    words += [str(tmp_path), "--trust-report"]
    done = subprocess.run(
        [*words, str(run)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1, done.stdout + done.stderr
    document = json.loads(run.read_text())
    assert {each["outcome"] for each in document["evidence"]} == {
        "passed",
        "failed",
        "skipped",
    }
    assert document["is_whole"]
    assert document["places"] == [str(tmp_path)]
    assert passed(tmp_path, 18) == {
        "test_made.py::test_nothing_is_lost[1]",
        "test_made.py::test_nothing_is_lost[2]",
        "test_made.py::test_a_loss_is_caught",
    }
    assert passed(tmp_path, 15) == set()
    words += [str(tmp_path / "again.json"), "--trust-missing", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    again = json.loads((tmp_path / "again.json").read_text())
    assert sorted(e["outcome"] for e in again["evidence"]) == ["failed", "skipped"]

    rows = verdicts(Evidence(**each) for each in document["evidence"])
    assert [row.result for row in rows[:4]] == [KEPT, BROKEN, NOT_SHOWN, NOT_SHOWN]
    assert rows[0].figures == {"kills": 20, "seconds": 2}
    assert rows[0].caught == ["asynchronous commit"]

    words = [sys.executable, "-m", "report.write", str(run), "--into", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=TESTS)
    assert done.returncode == 1
    assert f"1 of {len(PROMISES)} promises kept" in done.stdout
    for name in ("md", "html"):
        text = (tmp_path / f"trust-report.{name}").read_text()
        assert "kills 20; seconds 2" in text
        assert "one event is gone" in text
        assert "no gap: failed" in text
        assert "not here: skipped" in text
        assert "(no server)" in text
        assert str(document["seed"]) in text
        assert str(document["commit"]) in text
