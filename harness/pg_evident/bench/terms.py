"""The words of the speed lab: candidates, workloads, runs, figures, budgets."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Say = Callable[[str], None]


@dataclass
class Usage:
    """Processor time of a while, known once the while is over.

    `server_seconds` is that of all server processes. `others` is the part of the
    machine, 0 to 1, that was taken by neither the server nor this program.
    """

    server_seconds: float = 0
    others: float = 0


@dataclass(frozen=True)
class Footprint:
    """What one operation left behind, in bytes: in the log, the table, its indexes."""

    wal: float
    table: float
    indexes: float


@dataclass(frozen=True)
class Latencies:
    """How long one transaction took, in milliseconds: half were faster than `p50`.

    `points` is the whole distribution: one for each of latencies.PERCENTILES.
    """

    p50: float
    p95: float
    p99: float
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Budget:
    """The least ratio of rates that is promised, to the reference or to `of`.

    `of` is another candidate of the workload. With `at` it is the same candidate in
    the verb's workload of that value on the axis.
    """

    at_least: float
    of: str | None = None
    at: float | None = None


@dataclass(frozen=True)
class Sample:
    """One short run of one candidate.

    `seconds` is wall time, without what the client prepared meanwhile. `is_right`
    says whether the run left exactly the rows that it should and each aggregate's
    versions without a gap; None where nothing was written. `extra` are figures of
    this candidate alone, by name.
    """

    operations: int
    seconds: float
    usage: Usage
    failures: int = 0
    is_right: bool | None = None
    footprint: Footprint | None = None
    latencies: Latencies | None = None
    extra: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Return operations per second."""
        return self.operations / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Return the server's processor time per operation."""
        return self.usage.server_seconds / self.operations * 1e6


@dataclass(frozen=True)
class Candidate:
    """Something to measure: `measure` makes a run, `gives` says what it guarantees.

    `axis` is set where the candidates of a workload differ in a quantity: its name
    and this one's value, such as ("events", 100000).
    """

    name: str
    gives: str
    measure: Callable[[], Sample]
    budgets: Sequence[Budget] = ()
    axis: tuple[str, float] | None = None


@dataclass(frozen=True)
class Workload:
    """Candidates that do the same work; the first one is the reference.

    `axis` is set where a verb repeats a workload over a quantity: its name and this
    workload's value, such as ("connections", 16).
    """

    title: str
    unit: str
    candidates: Sequence[Candidate]
    axis: tuple[str, float] | None = None


@dataclass
class Series:
    """The runs of one candidate, one per round."""

    candidate: Candidate
    samples: list[Sample] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Return operations per second, by round."""
        return [sample.rate for sample in self.samples]

    @property
    def cpu_microseconds(self) -> float:
        """Return the median processor time of the server per operation."""
        return statistics.median(sample.cpu_microseconds for sample in self.samples)

    @property
    def footprint(self) -> Footprint | None:
        """Return the median bytes per operation; None for readers."""
        found = [each.footprint for each in self.samples if each.footprint]
        if not found:
            return None
        return Footprint(
            wal=statistics.median(each.wal for each in found),
            table=statistics.median(each.table for each in found),
            indexes=statistics.median(each.indexes for each in found),
        )

    @property
    def latencies(self) -> Latencies | None:
        """Return each percentile's median over the rounds; None without latencies."""
        found = [each.latencies for each in self.samples if each.latencies]
        if not found:
            return None
        columns = zip(*(each.points for each in found), strict=True)
        return Latencies(
            p50=statistics.median(each.p50 for each in found),
            p95=statistics.median(each.p95 for each in found),
            p99=statistics.median(each.p99 for each in found),
            points=tuple(statistics.median(column) for column in columns),
        )

    @property
    def extra(self) -> dict[str, float]:
        """Return the median of each figure that only this candidate has."""
        return {
            name: statistics.median(each.extra[name] for each in self.samples)
            for name in self.samples[0].extra
        }

    @property
    def failures(self) -> int:
        """Return how many clients gave up, in all rounds."""
        return sum(sample.failures for sample in self.samples)

    @property
    def is_right(self) -> bool | None:
        """Say whether every round left what it should; None for readers."""
        found = [sample.is_right for sample in self.samples]
        return None if None in found else all(found)


@dataclass(frozen=True)
class Result:
    """What the rounds of one workload gave; the first series is the reference."""

    workload: Workload
    series: list[Series]

    @property
    def others(self) -> list[float]:
        """Return which part of the machine other programs took, by run."""
        samples = [sample for series in self.series for sample in series.samples]
        return [sample.usage.others for sample in samples]

    def ratios(self, series: Series, of: Series | None = None) -> list[float]:
        """Return a candidate's rates over those of the same round of the reference.

        `of` is taken instead of the reference.
        """
        pairs = zip(series.rates, (of or self.series[0]).rates, strict=True)
        return [rate / reference for rate, reference in pairs]

    def named(self, name: str) -> Series:
        """Return the series of a candidate."""
        return next(each for each in self.series if each.candidate.name == name)
