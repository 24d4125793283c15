"""Choose what of the results is drawn: by an axis, latencies, ratios, budgets."""

from __future__ import annotations

import importlib.util
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from pg_evident.bench.measure.latencies import NINES
from pg_evident.bench.results.charts import Bar, Bars, Group, Line, Lines, Panel
from pg_evident.bench.results.plots_axis import axis_name, by_axis, without_verb
from pg_evident.bench.results.run import Run
from pg_evident.bench.terms import Result, Series
from pg_evident.failure import Failure

_FEW = 10  # waits beyond a percentile, below which it is chance
_LEAST = 0.05  # nines; the quickest tenth tells nothing and stretches the scale


def require_matplotlib() -> None:
    """Raise Failure, with the command that installs it, without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise Failure(
            "plots need matplotlib, which is not installed",
            "pip install 'pg-evident[bench]'",
        )


def write_plots(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Draw all that the runs give into a folder, each as SVG and PNG."""
    require_matplotlib()
    from pg_evident.bench.results.drawing import draw

    folder.mkdir(parents=True, exist_ok=True)
    charts: list[tuple[str, Lines | Bars]] = []
    for run in runs:
        for name, chart in _charts(run):
            charts.append((f"{run.document['verb']}-{name}", chart))
    if any(run.verdicts for run in runs):
        charts.append(("budgets", _budgets(runs)))
    written = []
    for name, chart in charts:
        written += draw(chart, folder / re.sub(r"[^\w.-]+", "-", name))
    return written


def _charts(run: Run) -> Iterator[tuple[str, Lines | Bars]]:
    verb = run.document["verb"]
    for name in dict.fromkeys(filter(None, map(axis_name, run.results))):
        chart = by_axis(verb, name, run.results)
        if chart.panels:
            yield f"by-{name}", chart
    timed = [
        result
        for result in run.results
        if any(series.latencies for series in result.series)
    ]
    if timed:
        yield "latency", _latencies(verb, timed)
    if any(len(result.series) > 1 for result in run.results):
        yield "ratios", _ratios(verb, run)


def _latencies(verb: str, results: Sequence[Result]) -> Lines:
    panels = []
    for result in results:
        panel = Panel(without_verb(result.workload), [], y_label="ms, logarithmic")
        seen = min(
            sample.operations for series in result.series for sample in series.samples
        )
        most = math.log10(max(2.0, seen / _FEW))
        for number, series in enumerate(result.series):
            found = series.latencies
            if found is None:
                continue
            name = series.candidate.name
            is_ours = name.startswith("evident") or bool(series.candidate.budgets)
            line = Line(name, is_reference=number == 0, is_ours=number > 0 and is_ours)
            for place, value in zip(NINES, found.points, strict=True):
                if _LEAST <= place <= most:
                    line.add(place, [value])
            panel.lines.append(line)
        panels.append(panel)
    return Lines(
        f"{verb}: how long a transaction takes",
        panels,
        x_label="percentile of transactions",
        x_scale="nines",
        y_log=True,
    )


def _ratios(verb: str, run: Run) -> Bars:
    missed = {
        (each.workload, each.candidate) for each in run.verdicts if not each.is_met
    }
    groups = []
    for result in run.results:
        title = result.workload.title
        bars = [
            Bar(
                series.candidate.name,
                result.ratios(series),
                _marks(result, series),
                is_good=(title, series.candidate.name) not in missed,
            )
            for series in result.series[1:]
        ]
        if bars:
            reference = result.series[0].candidate.name
            groups.append(Group(f"{title}   ({reference} = 1)", bars))
    return Bars(f"{verb}: ratio of rates to the reference of the same round", groups)


def _marks(result: Result, series: Series) -> list[float]:
    """Return the budgets of a candidate as ratios to the workload's reference."""
    marks = []
    for budget in series.candidate.budgets:
        if budget.at is None:
            of = result.named(budget.of) if budget.of else result.series[0]
            marks.append(budget.at_least * statistics.median(result.ratios(of)))
    return marks


def _budgets(runs: Sequence[Run]) -> Bars:
    groups: dict[str, Group] = {}
    for run in runs:
        for verdict in run.verdicts:
            group = groups.setdefault(verdict.workload, Group(verdict.workload, []))
            group.bars.append(
                Bar(
                    f"{verdict.candidate}  over  {verdict.of}",
                    list(verdict.ratios),
                    [verdict.at_least],
                    is_good=verdict.is_met,
                )
            )
    title = "Budgets: ratio of rates, and the least promised"
    return Bars(title, list(groups.values()))
