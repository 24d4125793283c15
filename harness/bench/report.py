"""Show results as tables, and write them as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from harness.bench.rounds import Result, Series

_WIDTH = 150  # where the output is not a terminal


def print_facts(facts: Mapping[str, str]) -> None:
    """Print what the figures belong to."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        table.add_row(name, value)
    _console().print(table)


def print_result(result: Result) -> None:
    """Print one workload: a line per candidate, the reference first."""
    workload = result.workload
    writes = result.series[0].is_right is not None
    table = Table(
        title=workload.title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("candidate", no_wrap=True)
    table.add_column(workload.unit, justify="right", no_wrap=True)
    table.add_column("least .. most", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("least .. most", justify="right", no_wrap=True)
    table.add_column("server CPU", justify="right", no_wrap=True)
    table.add_column("failed", justify="right", no_wrap=True)
    if writes:
        table.add_column("result", no_wrap=True)
    table.add_column("guarantees", min_width=30)
    for series in result.series:
        ratios = result.ratios(series)
        cells = [
            series.candidate.name,
            f"{statistics.median(series.rates):,.0f}",
            f"{min(series.rates):,.0f} .. {max(series.rates):,.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} .. {max(ratios):.2f}",
            f"{series.cpu_microseconds:,.0f} µs",
            str(series.failures),
        ]
        if writes:
            cells.append("right" if series.is_right else "WRONG")
        table.add_row(*cells, series.candidate.gives)
    console = _console()
    console.print()
    console.print(table)
    others = result.others
    console.print(
        f"Other programs took {statistics.median(others):.0%} of the processors"
        f" ({min(others):.0%} .. {max(others):.0%})."
    )


def as_json(
    verb: str,
    facts: Mapping[str, str],
    settings: Mapping[str, str],
    results: Sequence[Result],
) -> dict[str, Any]:
    """Return all figures, round by round, as a JSON object."""
    return {
        "verb": verb,
        "facts": dict(facts),
        "settings": dict(settings),
        "workloads": [
            {
                "title": result.workload.title,
                "unit": result.workload.unit,
                "reference": result.series[0].candidate.name,
                "candidates": [_series(result, each) for each in result.series],
            }
            for result in results
        ],
    }


def write_json(document: Mapping[str, Any], file: Path) -> None:
    """Write a JSON document to a file."""
    file.write_text(json.dumps(document, indent=2) + "\n")


def _series(result: Result, series: Series) -> dict[str, Any]:
    ratios = result.ratios(series)
    return {
        "name": series.candidate.name,
        "guarantees": series.candidate.gives,
        "rates": series.rates,
        "median_rate": statistics.median(series.rates),
        "ratios": ratios,
        "median_ratio": statistics.median(ratios),
        "cpu_microseconds": [each.cpu_microseconds for each in series.samples],
        "others": [each.usage.others for each in series.samples],
        "failures": series.failures,
        "is_right": series.is_right,
    }


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    return console
