"""Draw charts with matplotlib: few lines of ink, labels beside what they name."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from pg_evident.bench.results.charts import Bar, Bars, Line, Lines, Panel

# Okabe and Ito's colours, which all kinds of sight tell apart. The reference is grey,
# the first of ours blue.
_GREY, _BLUE, _RED = "#6e6e6e", "#0072b2", "#d55e00"
_COLOURS = (_RED, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_INK, _FAINT = "#222222", "#dddddd"
_LABEL = 26  # characters in a line
_PERCENTS = (50, 90, 95, 99, 99.9, 99.99)
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": "#999999",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "axes.axisbelow": True,
    "svg.hashsalt": "evident",
    "figure.facecolor": "white",
}
# Text in the chart of bars, over the line at 1.
_BESIDE: dict[str, Any] = {
    "va": "center",
    "fontsize": 9,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1},
}


def draw(chart: Lines | Bars, file: Path) -> list[Path]:
    """Write a chart as SVG and as PNG; the file's name has no ending yet."""
    with matplotlib.rc_context(_STYLE):
        figure = _lines(chart) if isinstance(chart, Lines) else _bars(chart)
        written = [Path(f"{file}.svg"), Path(f"{file}.png")]
        # Without the date, so that equal figures are equal files.
        figure.savefig(written[0], metadata={"Date": None})
        figure.savefig(written[1], dpi=160)
    return written


def _lines(chart: Lines) -> Figure:
    columns = 1 if len(chart.panels) == 1 else 2
    rows = math.ceil(len(chart.panels) / columns)
    figure = _figure(chart.title, 7.5 if columns == 1 else 13, 4.0 * rows + 0.5)
    for number, panel in enumerate(chart.panels, start=1):
        axes = figure.add_subplot(rows, columns, number)
        _panel(axes, chart, panel)
    return figure


def _panel(axes: Axes, chart: Lines, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=10.5, color=_INK)
    axes.set_ylabel(panel.y_label)
    axes.set_xlabel(chart.x_label)
    axes.grid(axis="y", color=_FAINT, linewidth=0.8)
    colours = _colours(panel.lines)
    for line, colour in zip(panel.lines, colours, strict=True):
        width = 1.6 if line.is_reference else 2.2
        marker = "o" if chart.x_scale == "log" else ""
        axes.plot(line.x, line.y, color=colour, linewidth=width, marker=marker, ms=4.5)
        if line.least != line.most:
            axes.fill_between(
                line.x, line.least, line.most, color=colour, alpha=0.15, linewidth=0
            )
    _scale_x(axes, chart, panel)
    if chart.y_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=30))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        tops = [max(line.most) for line in panel.lines] + [panel.limit or 0]
        axes.set_ylim(0, 1.1 * max(tops))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    ends = [(line.label, line.y[-1], colour) for line, colour in _with(panel, colours)]
    if panel.limit is not None:
        axes.axhline(panel.limit, color=_INK, linewidth=1.2, linestyle=(0, (4, 3)))
        ends.append(("budget: at most", panel.limit, _INK))
    _label(axes, ends)


def _with(panel: Panel, colours: Sequence[str]) -> list[tuple[Line, str]]:
    return list(zip(panel.lines, colours, strict=True))


def _colours(lines: Sequence[Line]) -> list[str]:
    others = iter(_COLOURS * len(lines))
    ours = next((line for line in lines if line.is_ours), None)
    if ours is None:
        others = iter((_BLUE, *_COLOURS) * len(lines))
    return [
        _GREY if line.is_reference else _BLUE if line is ours else next(others)
        for line in lines
    ]


def _scale_x(axes: Axes, chart: Lines, panel: Panel) -> None:
    places = sorted({x for line in panel.lines for x in line.x})
    if chart.x_scale == "log":
        axes.set_xscale("log")
        labels = [_plain(place) for place in places]
    else:
        least, most = places[0], places[-1]
        labels = [f"{percent:g}" for percent in _PERCENTS if _nines(percent) <= most]
        places = [_nines(percent) for percent in _PERCENTS[: len(labels)]]
        axes.set_xlim(least, most)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, labels)


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def _label(axes: Axes, ends: Sequence[tuple[str, float, str]]) -> None:
    """Write each label beside its line's end, moved apart where they would meet."""
    to_place = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    found = sorted(
        (float(to_place.transform((x, y))[1]), label, colour)
        for label, y, colour in ends
        if label
    )
    labels = [textwrap.fill(label, _LABEL) for _, label, _ in found]
    heights = [0.075 * (1 + label.count("\n")) for label in labels]
    places = apart([place for place, _, _ in found], heights)
    for label, place, (_, _, colour) in zip(labels, places, found, strict=True):
        axes.annotate(
            label, (1.02, place), xycoords="axes fraction", va="center", color=colour
        )


def apart(places: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Move sorted centres until things so high do not overlap, nor pass 1."""
    moved = list(places)
    for _ in range(100):
        is_done = True
        for lower in range(len(moved) - 1):
            gap = (heights[lower] + heights[lower + 1]) / 2
            lack = gap - (moved[lower + 1] - moved[lower])
            if lack > 1e-6:
                moved[lower] -= lack / 2
                moved[lower + 1] += lack / 2
                is_done = False
        if is_done:
            break
    ceiling = 1.0
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], ceiling - heights[number] / 2)
        ceiling = moved[number] - heights[number] / 2
    return moved


def _bars(chart: Bars) -> Figure:
    count = sum(len(group.bars) + 1 for group in chart.groups)
    figure = _figure(chart.title, 10, 0.32 * count + 1.3)
    axes = figure.add_subplot()
    axes.axvline(1, color="#999999", linewidth=1)
    ticks: list[tuple[float, str]] = []
    most = max([1.0, *(max(b.ratios + b.marks) for g in chart.groups for b in g.bars)])
    y = 0.0
    for group in chart.groups:
        # From the picture's edge, where long ones have room.
        place: tuple[str, str] = ("figure fraction", "data")
        heading = axes.annotate(
            group.title, (0.01, y), xycoords=place, color="#555555", **_BESIDE
        )
        heading.set_in_layout(False)
        for bar in group.bars:
            y += 1
            _bar(axes, y, bar, most)
            ticks.append((y, bar.label))
        y += 1.25
    axes.set_ylim(y - 0.6, -0.7)
    axes.set_xlim(0, most * 1.16)
    axes.set_yticks([place for place, _ in ticks], [label for _, label in ticks])
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("ratio; the thin line is the spread over rounds, | is the budget")
    return figure


def _bar(axes: Axes, y: float, bar: Bar, most: float) -> None:
    median = statistics.median(bar.ratios)
    colour = _BLUE if bar.marks else _GREY
    if not bar.is_good:
        colour = _RED
    axes.barh(y, median, height=0.62, color=colour, alpha=0.75 if bar.marks else 0.35)
    axes.plot([min(bar.ratios), max(bar.ratios)], [y, y], color=_INK, linewidth=1)
    for mark in bar.marks:
        axes.plot([mark, mark], [y - 0.42, y + 0.42], color=_INK, linewidth=2.6)
    right = max(bar.ratios + bar.marks) + most * 0.012
    text = f"{median:.2f}" + ("" if bar.is_good else "  missed")
    axes.text(right, y, text, color=colour, **_BESIDE)


def _figure(title: str, width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    return figure


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"
