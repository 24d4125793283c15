"""What `evident bench` makes of its runs: budgets, percentiles, files, exit codes.

The runs are made up here; that each verb really measures is in test_bench.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pg_evident.bench import cli
from pg_evident.bench.measure.latencies import PERCENTILES, read_logs, summary
from pg_evident.bench.options import Options
from pg_evident.bench.results import plots
from pg_evident.bench.results.budgets import judge
from pg_evident.bench.results.document import as_json, write_json
from pg_evident.bench.results.run import Run
from pg_evident.bench.terms import (
    Budget,
    Candidate,
    Footprint,
    Result,
    Sample,
    Series,
    Usage,
    Workload,
)
from pg_evident.bench.verbs import VERBS, Verb
from pg_evident.failure import Failure

pytestmark = pytest.mark.once

TIMES = range(1, 10_001)  # microseconds


def never() -> Sample:
    raise AssertionError("these runs are made up")


def sample(rate: float, *, is_right: bool | None = True, failures: int = 0) -> Sample:
    return Sample(
        operations=1000,
        seconds=1000 / rate,
        usage=Usage(0.1, 0.02),
        failures=failures,
        is_right=is_right,
        footprint=Footprint(wal=800, table=400, indexes=100),
        latencies=summary(TIMES),
    )


def result(
    rates: Sequence[Sequence[float]],
    budgets: Sequence[Budget] = (),
    axis: tuple[str, float] | None = None,
    **kinds: Any,
) -> Result:
    """Make the result of candidates a, b, c, ...; the last one has the budgets."""
    names = "abc"[: len(rates)]
    candidates = [
        Candidate(name, "", never, budgets if name == names[-1] else ())
        for name in names
    ]
    series = [
        Series(candidate, [sample(rate, **kinds) for rate in each])
        for candidate, each in zip(candidates, rates, strict=True)
    ]
    place = f", {axis[1]:,.0f} {axis[0]}" if axis else ""
    title = f"append: new{place}"
    return Result(Workload(title, "events/s", candidates, axis), series)


def run(*results: Result, verb: str = "append") -> Run:
    verdicts = judge(results)
    document = as_json(verb, {"server": "none"}, {"fsync": "on"}, results, verdicts)
    return Run(list(results), verdicts, document)


def test_a_budget_is_about_the_median_of_the_ratios_by_round() -> None:
    # In the second round the machine was slow for both.
    rates = [[100, 10, 100], [80, 8, 50]]
    (verdict,) = judge([result(rates, [Budget(0.8)])])
    assert verdict.ratios == pytest.approx((0.8, 0.8, 0.5))
    assert (verdict.of, verdict.word) == ("a", "met")
    (missed,) = judge([result(rates, [Budget(0.81)])])
    assert (missed.is_met, missed.word) == (False, "MISSED")


def test_a_budget_may_name_another_candidate() -> None:
    (verdict,) = judge([result([[100], [40], [60]], [Budget(1.5, of="b")])])
    assert verdict.of == "b"
    assert verdict.ratio == pytest.approx(1.5)


def test_a_budget_may_name_another_value_of_the_axis() -> None:
    small = result([[100], [50]], axis=("events", 1000))
    large = result([[100], [40]], [Budget(0.75, at=1000)], ("events", 100_000))
    (verdict,) = judge([small, large])
    assert verdict.of == "b, 1,000"
    assert (verdict.ratio, verdict.is_met) == (pytest.approx(0.8), True)


@pytest.mark.parametrize("kinds", [{"is_right": False}, {"failures": 1}])
def test_a_run_with_a_wrong_result_meets_no_budget(kinds: dict[str, Any]) -> None:
    (verdict,) = judge([result([[100], [900]], [Budget(0.8)], **kinds)])
    assert (verdict.is_met, verdict.word) == (False, "WRONG")


@pytest.mark.parametrize(("at_least", "code"), [(0.8, 0), (0.9, 1)])
def test_check_says_by_its_exit_code_whether_the_budgets_are_met(
    at_least: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(result([[100], [85]], [Budget(at_least)]))
    monkeypatch.setattr(cli, "run_verb", lambda *_: found)
    checked = CliRunner().invoke(cli.app, ["append", "--check"])
    assert checked.exit_code == code
    assert "0.850" in checked.stdout
    assert f"{1 - code} of 1 budgets are met." in checked.stdout
    plain = CliRunner().invoke(cli.app, ["append"])
    assert (plain.exit_code, plain.stdout) == (0, "")


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--check"], 1)])
def test_all_goes_on_after_a_verb_that_cannot_be_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], code: int
) -> None:
    def run_verb(verb: Verb, *_: object) -> Run:
        if verb.name != "feed":
            raise Failure("no room")
        return run(result([[100], [85]]))

    monkeypatch.setattr(cli, "run_verb", run_verb)
    file = tmp_path / "all.json"
    done = CliRunner().invoke(cli.app, ["all", *words, f"--json={file}"])
    assert done.exit_code == code
    assert "left out: append: no room" in done.output
    assert json.loads(file.read_text())["verb"] == "append"


def test_check_without_a_verb_runs_all_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[tuple[Verb, Options]] = []

    def run_verb(verb: Verb, options: Options, _: object) -> Run:
        called.append((verb, options))
        return run(result([[100], [85]], [Budget(0.9)]), verb=verb.name)

    monkeypatch.setattr(cli, "run_verb", run_verb)
    file = tmp_path / "all.json"
    words = ["--check", "--rounds=2", "--connections=1,4", f"--json={file}"]
    checked = CliRunner().invoke(cli.app, words)

    assert checked.exit_code == 1
    names = [verb.name for verb in VERBS if verb.in_all]
    assert [verb.name for verb, _ in called] == names
    for verb, options in called:
        assert options.rounds == 2
        assert options.events == verb.options.get("events", Options.events)
        if "connections" in verb.options:
            assert options.connections == (1, 4)
    document = json.loads(file.read_text())
    assert [each["verb"] for each in document["verbs"]] == names


@pytest.mark.parametrize("word", ["--connections=1,x", "--connections=0", "--rounds=0"])
def test_an_option_out_of_range_is_not_understood(word: str) -> None:
    assert CliRunner().invoke(cli.app, ["contention", word]).exit_code == 2


def test_percentiles_are_times_that_were_measured() -> None:
    found = summary(TIMES)
    assert found is not None
    assert (found.p50, found.p95, found.p99) == (5.0, 9.5, 9.9)
    assert len(found.points) == len(PERCENTILES)
    assert list(found.points) == sorted(found.points)
    assert found.points[PERCENTILES.index(99.9)] == 9.99
    assert summary([]) is None


def test_the_logs_of_all_threads_are_read_and_failed_transactions_left_out(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "times.1", tmp_path / "times.1.1"
    first.write_text("0 1 700 0 1700000000 5\n0 2 failed 0 1700000000 6\n")
    second.write_text("1 1 300 0 1700000000 7\n")
    assert read_logs([first, second]) == [300, 700]


def test_the_document_has_every_round_and_lists_of_numbers_on_one_line(
    tmp_path: Path,
) -> None:
    document = run(result([[100, 110], [80, 95]], [Budget(0.8)])).document
    file = tmp_path / "figures.json"
    write_json(document, file)
    assert json.loads(file.read_text()) == json.loads(json.dumps(document))
    assert '"rates": [80.0, 95.0]' in file.read_text()
    assert document["settings"] == {"fsync": "on"}
    second = document["workloads"][0]["candidates"][1]
    assert len(second["footprints"]) == len(second["latencies"]) == 2
    assert second["footprint"] == {"wal": 800, "table": 400, "indexes": 100}
    assert document["budgets"][0]["verdict"] == "met"
    assert document["budgets"][0]["median_ratio"] == pytest.approx(0.832, abs=0.001)


def test_plots_are_made_of_all_that_the_runs_give(tmp_path: Path) -> None:
    by_connections = [
        result([[100, 90], [80, 85]], [Budget(0.8)], ("connections", number))
        for number in (1, 4, 16)
    ]
    by_events = [
        result([[100, 90], [80, 85]], axis=("events", number))
        for number in (1000, 100_000)
    ]
    runs = [run(*by_connections, verb="contention"), run(*by_events, verb="growth")]
    plots.write_plots(runs, tmp_path / "plots")
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {
        f"{name}.{ending}"
        for name in (
            "budgets",
            "contention-by-connections",
            "contention-latency",
            "contention-ratios",
            "growth-by-events",
            "growth-latency",
            "growth-ratios",
        )
        for ending in ("png", "svg")
    }


def test_plots_without_matplotlib_are_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plots.importlib.util, "find_spec", lambda _: None)
    refused = CliRunner().invoke(cli.app, ["append", f"--plots={tmp_path}"])
    assert isinstance(refused.exception, Failure)
    assert refused.exception.hint == "pip install 'pg-evident[bench]'"
