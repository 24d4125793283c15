"""Show results as tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from pg_evident.bench.results.budgets import Verdict
from pg_evident.bench.terms import Result, Series

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
    footprints = any(series.footprint for series in result.series)
    latencies = any(series.latencies for series in result.series)
    table = _table(workload.title, "candidate")
    headers = [workload.unit, "least .. most", "ratio", "least .. most", "CPU µs"]
    headers += ["WAL B", "table B", "index B"] if footprints else []
    headers += ["p50 ms", "p95 ms", "p99 ms"] if latencies else []
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for series in result.series:
        ratios = result.ratios(series)
        cells = [
            series.candidate.name,
            _number(statistics.median(series.rates)),
            f"{_number(min(series.rates))} .. {_number(max(series.rates))}",
            f"{statistics.median(ratios):.2f}",
            _spread(ratios),
            f"{series.cpu_microseconds:,.0f}",
        ]
        cells += _bytes(series) if footprints else []
        cells += _milliseconds(series) if latencies else []
        table.add_row(*cells, _word(series))
    console = _console()
    console.print()
    console.print(table)
    unit = workload.unit.partition("/")[0]
    one = unit.removesuffix("s")
    console.print(
        f"CPU of the server and bytes per {one}{', ms per transaction' * latencies}."
        if footprints
        else f"CPU of the server per {one}{', ms per transaction' * latencies}.",
        f"Other programs took {statistics.median(result.others):.0%} of the processors"
        f" ({min(result.others):.0%} .. {max(result.others):.0%}).",
    )
    _print_guarantees(console, result)


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print one line for each budget: what was promised, and what came out."""
    if not verdicts:
        _console().print("\nNothing is promised here.")
        return
    table = _table("Budgets: median ratios of rates", "workload", "what")
    for header in ("budget", "ratio", "least .. most"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("of")
    before = ""
    for each in verdicts:
        table.add_row(
            each.workload if each.workload != before else "",
            each.candidate,
            f"{each.at_least:.2f}",
            # Three places, so that a miss by little does not look like a hit.
            f"{each.ratio:.3f}",
            _spread(each.ratios),
            each.word,
            each.of,
        )
        before = each.workload
    console = _console()
    console.print()
    console.print(table)
    missed = sum(not each.is_met for each in verdicts)
    console.print(f"{len(verdicts) - missed} of {len(verdicts)} budgets are met.")


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column)
    return table


def _print_guarantees(console: Console, result: Result) -> None:
    """Print below the figures what each candidate gives for them."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for series in result.series:
        table.add_row(series.candidate.name, series.candidate.gives)
        for name, value in series.extra.items():
            table.add_row("", f"{name}: {_number(value)}")
    console.print(table)


def _bytes(series: Series) -> list[str]:
    if series.footprint is None:
        return [""] * 3
    found = series.footprint
    return [f"{each:,.0f}" for each in (found.wal, found.table, found.indexes)]


def _milliseconds(series: Series) -> list[str]:
    if series.latencies is None:
        return [""] * 3
    found = series.latencies
    return [f"{each:.2f}" for each in (found.p50, found.p95, found.p99)]


def _word(series: Series) -> str:
    """Say in a word whether the runs did what they should."""
    if series.failures:
        return f"{series.failures} failed"
    if series.is_right is None:
        return "read"
    return "right" if series.is_right else "WRONG"


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:,.2f}"


def _spread(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f} .. {max(ratios):.2f}"


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    return console
