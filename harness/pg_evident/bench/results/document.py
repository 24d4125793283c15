"""Write all figures, round by round, as JSON."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pg_evident.bench.measure.latencies import PERCENTILES
from pg_evident.bench.results.budgets import Verdict
from pg_evident.bench.terms import Result, Series

_NUMBERS = re.compile(r"\[\n\s+([-+.\de,\s]+?)\s+\]")


def as_json(
    verb: str,
    facts: Mapping[str, str],
    settings: Mapping[str, str],
    results: Sequence[Result],
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    """Return all figures, round by round, as a JSON object.

    The `points` of a latency belong to the document's `percentiles`.
    """
    return {
        "verb": verb,
        "facts": dict(facts),
        "settings": dict(settings),
        "percentiles": [round(percentile, 4) for percentile in PERCENTILES],
        "workloads": [
            {
                "title": result.workload.title,
                "unit": result.workload.unit,
                "axis": result.workload.axis,
                "reference": result.series[0].candidate.name,
                "candidates": [_series(result, each) for each in result.series],
            }
            for result in results
        ],
        "budgets": [verdict.as_json() for verdict in verdicts],
    }


def write_json(document: Mapping[str, Any], file: Path) -> None:
    """Write a JSON document to a file, lists of numbers on one line each."""
    text = json.dumps(document, indent=2)
    file.write_text(_NUMBERS.sub(_on_one_line, text) + "\n")


def _on_one_line(found: re.Match[str]) -> str:
    # No string of JSON holds a line break, so these are lists.
    return f"[{' '.join(found[1].split())}]"


def _series(result: Result, series: Series) -> dict[str, Any]:
    ratios, samples = result.ratios(series), series.samples
    footprint, latencies = series.footprint, series.latencies
    return {
        "name": series.candidate.name,
        "axis": series.candidate.axis,
        "guarantees": series.candidate.gives,
        "rates": series.rates,
        "median_rate": statistics.median(series.rates),
        "ratios": ratios,
        "median_ratio": statistics.median(ratios),
        "operations": [each.operations for each in samples],
        "seconds": [each.seconds for each in samples],
        "cpu_microseconds": [each.cpu_microseconds for each in samples],
        "others": [each.usage.others for each in samples],
        "failures": series.failures,
        "is_right": series.is_right,
        "extra": series.extra,
        "footprint": asdict(footprint) if footprint else None,
        "footprints": [asdict(each.footprint) for each in samples if each.footprint],
        "latency": asdict(latencies) if latencies else None,
        "latencies": [asdict(each.latencies) for each in samples if each.latencies],
    }
