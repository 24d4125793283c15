"""Choose the lines of workloads that were measured over a quantity."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from pg_evident.bench.results.charts import Line, Lines, Panel
from pg_evident.bench.terms import Candidate, Result, Workload

# Axes over which the cost of one operation says more than how many there are a second.
_COSTS = {"events": "events in the store"}


def axis_name(result: Result) -> str | None:
    """Return the name of the quantity by which a workload, or its candidates, vary."""
    workload = result.workload
    axis = workload.axis or workload.candidates[0].axis
    return axis[0] if axis else None


def by_axis(verb: str, name: str, results: Sequence[Result]) -> Lines:
    """Show one panel per family of workloads, and a line for each candidate."""
    panels: dict[str, Panel] = {}
    lines: dict[tuple[str, str], Line] = {}
    for result in results:
        if axis_name(result) != name:
            continue
        workload = result.workload
        family = _family(workload)
        panel = panels.setdefault(family, Panel(family, [], _unit(workload, name)))
        for series in result.series:
            axis = workload.axis or series.candidate.axis
            if axis is None:
                continue
            key = family, _label(series.candidate)
            if key not in lines:
                is_first = not panel.lines
                is_ours = _is_ours(result, key[1])
                lines[key] = Line(key[1], is_first and not is_ours, is_ours)
                panel.lines.append(lines[key])
            cost = [1e6 / rate for rate in series.rates]
            lines[key].add(axis[1], cost if name in _COSTS else series.rates)
            for budget in series.candidate.budgets:
                if not budget.of or budget.at is not None or name not in _COSTS:
                    continue
                # A cost at most, where the promise is one about the line itself.
                base = result.named(budget.of)
                if _label(base.candidate) == key[1]:
                    panel.limit = 1e6 / statistics.median(base.rates) / budget.at_least
    drawn = [
        panel
        for panel in panels.values()
        if any(len(line.x) > 1 for line in panel.lines)
    ]
    for panel in drawn:
        _name_alone(panel)
    what, x = ("cost", _COSTS[name]) if name in _COSTS else ("throughput", name)
    return Lines(f"{verb}: {what} by {x}", drawn, x_label=x, x_scale="log")


def _name_alone(panel: Panel) -> None:
    """Put the label of a panel's only line into the title."""
    if len(panel.lines) == 1:
        (line,) = panel.lines
        panel.title = ", ".join(dict.fromkeys((line.label, panel.title)))
        line.label = ""


def _unit(workload: Workload, axis: str) -> str:
    many = workload.unit.partition("/")[0]
    one = many.removesuffix("s")
    return f"µs per {one}" if axis in _COSTS else f"{many} per second"


def _is_ours(result: Result, label: str) -> bool:
    """Say whether a line is named so, or makes a promise at one of its points."""
    return label.startswith("evident") or any(
        series.candidate.budgets
        for series in result.series
        if label == _label(series.candidate)
    )


def _label(candidate: Candidate) -> str:
    """Return a candidate's name without its place on an axis of its own."""
    if candidate.axis is None:
        return candidate.name
    name, value = candidate.axis
    return candidate.name.removesuffix(f" {name}").removesuffix(f", {value:,.0f}")


def _family(workload: Workload) -> str:
    """Return a title without its verb and without its place on the axis."""
    title, axis = without_verb(workload), workload.axis
    if axis is None:
        # Its candidates have the places, and the axis says so.
        return re.sub(r", by [\w ]+$", "", title)
    number = rf"(?:{axis[1]:,.0f}|{axis[1]:.0f})"
    # A part that is nothing but the place goes, as `, 4 connections` does.
    title = re.sub(rf"(^|, ){number} \w+(?=, |$)", "", title).removeprefix(", ")
    return re.sub(rf"(?<![\d,.]){number}(?![\d,.]*\d)", "N", title)


def without_verb(workload: Workload) -> str:
    return workload.title.partition(": ")[2] or workload.title
