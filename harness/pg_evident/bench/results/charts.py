"""What a chart shows, without saying how it is drawn."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Line:
    """One line: medians, between the least and the most of the rounds."""

    label: str
    is_reference: bool = False
    is_ours: bool = False
    x: list[float] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def add(self, x: float, values: Sequence[float]) -> None:
        """Add a point, with its value in each round."""
        self.x.append(x)
        self.least.append(min(values))
        self.y.append(statistics.median(values))
        self.most.append(max(values))


@dataclass
class Panel:
    """One pair of axes; `limit` is a y that nothing may exceed."""

    title: str
    lines: list[Line]
    y_label: str
    limit: float | None = None


@dataclass(frozen=True)
class Lines:
    """Panels with one meaning of x; the scale is `log` or `nines` of a percentile."""

    title: str
    panels: list[Panel]
    x_label: str
    x_scale: str
    y_log: bool = False


@dataclass(frozen=True)
class Bar:
    """A ratio by round; `is_good` says whether it reaches what `marks` promise."""

    label: str
    ratios: list[float]
    marks: list[float]
    is_good: bool


@dataclass(frozen=True)
class Group:
    """Bars under one heading."""

    title: str
    bars: list[Bar]


@dataclass(frozen=True)
class Bars:
    """Ratios in groups, below each other."""

    title: str
    groups: list[Group]
