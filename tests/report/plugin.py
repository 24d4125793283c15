"""Collects, in a pytest run, what the tests of the promises showed.

A test says `@pytest.mark.promise(6)` when it shows that promise 6 is kept, and
`@pytest.mark.twin_of(6)` when it shows that the check catches a broken variant; the
variant's name comes from the fixture `twin` or from the marker, `name=...`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from report.evidence import Evidence, Figures
from report.setting import commit
from report.verdict import latest
from support.seeds import FULL, ROUNDS, SEED

MARKERS = {
    "promise(number, ...)": "shows that a promise of report/promises.py is kept",
    "twin_of(number, name=...)": "shows that the check catches a broken variant",
}

# All passed, some failed, or there was nothing to run. Otherwise a run was broken off,
# and shows nothing of what it did not reach.
REACHED_ALL = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--trust-report",
        type=Path,
        metavar="FILE",
        help="write what the tests of the promises showed to this file, as JSON",
    )
    parser.addoption(
        "--trust-missing",
        type=Path,
        metavar="FOLDER",
        help="leave out the tests that passed in a run whose report is in here",
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    path = config.getoption("--trust-report")
    # Under xdist the processes with tests have no report of their own.
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(path, config))


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if folder := config.getoption("--trust-missing"):
        done = passed(folder, config.getoption("--pg"))
        left = [each for each in items if each.nodeid in done]
        config.hook.pytest_deselected(items=left)
        items[:] = [each for each in items if each.nodeid not in done]
    for item in items:
        for marker in item.iter_markers("promise"):
            item.user_properties.append(("promise", list(marker.args)))
        for marker in item.iter_markers("twin_of"):
            item.user_properties.append(("twin of", list(marker.args)))
            if "name" in marker.kwargs:
                item.user_properties.append(("broken", marker.kwargs["name"]))


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Take numbers of this test for the report."""
    return Figures(request.node.user_properties)


class Collector:
    def __init__(self, path: Path, config: pytest.Config) -> None:
        self.path = path
        self.major: int = config.getoption("--pg")
        self.places = config.args
        self.commit = commit()
        self.started = time.time()
        self.evidence: dict[str, Evidence] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = list(report.user_properties)
        kept, broken = values(properties, "promise"), values(properties, "twin of")
        if not (kept or broken):
            return
        # A broken variant shows nothing of the product, whatever its module is marked.
        numbers = sorted({number for each in broken or kept for number in each})
        found = self.evidence.setdefault(
            report.nodeid, Evidence(report.nodeid, numbers, is_twin=bool(broken))
        )
        found.seconds += report.duration
        if report.when == "call" or report.outcome != "passed":
            found.outcome = report.outcome
            found.broken = [str(each) for each in values(properties, "broken")]
            found.figures = [tuple(each) for each in values(properties, "figure")]
            found.caught = list(caught_lines(report.capstdout))
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            found.reason = report.longrepr[2].removeprefix("Skipped: ")
        elif report.outcome == "failed":
            found.reason = report.longreprtext.strip().splitlines()[-1][:300]

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        document = {
            "major": self.major,
            "places": self.places,
            "seed": SEED,
            "is_full": FULL,
            "rounds": ROUNDS,
            "commit": self.commit,
            "is_whole": exitstatus in REACHED_ALL,
            "started": self.started,
            "seconds": time.time() - self.started,
            "evidence": [each.document() for each in self.evidence.values()],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def passed(folder: Path, major: int) -> set[str]:
    """Name the tests that passed in earlier runs of at least this size on a major."""
    runs = [json.loads(each.read_text()) for each in sorted(folder.glob("*.json"))]
    found, _ = latest(
        run
        for run in runs
        if run["major"] == major and run["is_full"] >= FULL and run["rounds"] >= ROUNDS
    )
    return {each.test for each in found if each.outcome == "passed"}


def values(properties: list[tuple[str, Any]], name: str) -> list[Any]:
    return [value for key, value in properties if key == name]


def caught_lines(printed: str) -> Iterator[str]:
    for line in printed.splitlines():
        if line.startswith("caught: "):
            yield line.removeprefix("caught: ")[:300]
