"""What the evidence of all runs says of each promise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from report.evidence import NOT_RUN, Evidence, merged_figures
from report.promises import PROMISES, Promise

KEPT, BROKEN, BLIND, NOT_SHOWN = "kept", "broken", "check is blind", "not shown"


@dataclass
class Verdict:
    """One promise, the tests that speak for it, and those of its broken variants."""

    promise: Promise
    tests: list[Evidence] = field(default_factory=list)
    twins: list[Evidence] = field(default_factory=list)

    @property
    def result(self) -> str:
        """Say whether the promise is kept, by checks that can tell when it is not."""
        if any(each.outcome == "failed" for each in self.tests):
            return BROKEN
        if any(each.outcome == "failed" for each in self.twins):
            return BLIND
        if not any(each.outcome == "passed" for each in self.tests):
            return NOT_SHOWN
        if self.promise.tells and not self.caught:
            return BLIND
        return KEPT

    @property
    def caught(self) -> list[str]:
        """Name the broken variants that were caught, each once."""
        passed = (each for each in self.twins if each.outcome == "passed")
        return list(dict.fromkeys(name_of(each) for each in passed))

    @property
    def figures(self) -> dict[str, float]:
        return merged_figures([*self.tests, *self.twins])

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in [*self.tests, *self.twins])

    @property
    def skipped(self) -> list[Evidence]:
        return [e for e in [*self.tests, *self.twins] if e.outcome == "skipped"]


def verdicts(evidence: Iterable[Evidence]) -> list[Verdict]:
    """Sort evidence by promise; a test may speak for several.

    What was skipped in one run and passed in another, on another server, was shown.
    """
    rows = {each.number: Verdict(each) for each in PROMISES}
    every = list(evidence)
    passed = {each.test for each in every if each.outcome == "passed"}
    for each in every:
        if each.outcome == "skipped" and each.test in passed:
            continue
        for number in each.promises:
            row = rows[number]
            (row.twins if each.is_twin else row.tests).append(each)
    return list(rows.values())


def latest(runs: Iterable[dict[str, Any]]) -> tuple[list[Evidence], int]:
    """Give what the newest run of each test showed, and how many tests ran again.

    A test that was begun only shows nothing, and takes nothing back.
    """
    found: dict[tuple[int, str], Evidence] = {}
    again: set[tuple[int, str]] = set()
    for run in sorted(runs, key=lambda each: float(each["started"])):
        for document in run["evidence"]:
            each = Evidence(**document)
            if each.outcome == NOT_RUN:
                continue
            key = (int(run["major"]), each.test)
            if key in found:
                again.add(key)
            found[key] = each
    return list(found.values()), len(again)


def unfinished(runs: Iterable[dict[str, Any]]) -> list[int]:
    """Name the majors where the newest run of some tests was broken off.

    Only a run of the same files goes on with another: one of a single file that went
    to its end says nothing of the rest.
    """
    newest = {
        (int(run["major"]), *run["places"]): bool(run["is_whole"])
        for run in sorted(runs, key=lambda each: float(each["started"]))
    }
    return sorted({run[0] for run, is_whole in newest.items() if not is_whole})


def is_green(rows: Sequence[Verdict]) -> bool:
    return all(row.result == KEPT for row in rows)


def summary(rows: Sequence[Verdict]) -> str:
    """Say in one line how many promises are kept."""
    kept = sum(row.result == KEPT for row in rows)
    caught = len({name for row in rows for name in row.caught})
    missed = sum(each.outcome == "failed" for row in rows for each in row.twins)
    text = f"{kept} of {len(rows)} promises kept, {caught} broken variants caught"
    return f"{text}, {missed} missed" if missed else text


def name_of(twin: Evidence) -> str:
    """Name a broken variant: by what was installed, or by its test."""
    if twin.broken:
        return ", ".join(dict.fromkeys(each.replace("_", " ") for each in twin.broken))
    return re.sub(r" (is|are) caught.*", "", sentence(twin.test))


def sentence(test: str) -> str:
    """Turn a test's name into the sentence that it is, without its parameters."""
    name = test.partition("[")[0].rpartition("::")[2]
    return name.removeprefix("test_").replace("_", " ")


def cases(evidence: Iterable[Evidence]) -> list[list[Evidence]]:
    """Put the cases of one test together, those that did not pass each alone."""
    grouped: dict[tuple[str, ...], list[Evidence]] = {}
    for each in evidence:
        key = (each.test.partition("[")[0], name_of(each) if each.is_twin else "")
        if each.outcome != "passed":
            key = (each.test, each.outcome)
        grouped.setdefault(key, []).append(each)
    return list(grouped.values())
