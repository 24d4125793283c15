"""Run a verb: its server, its workloads by turns, its tables and its document."""

from __future__ import annotations

from pathlib import Path

from pg_evident.bench.measure.rounds import alternate
from pg_evident.bench.options import Options
from pg_evident.bench.results.budgets import judge
from pg_evident.bench.results.document import as_json
from pg_evident.bench.results.report import print_facts, print_result
from pg_evident.bench.results.run import Run
from pg_evident.bench.stage.facts import facts, settings
from pg_evident.bench.stage.server import measured_server
from pg_evident.bench.terms import Say
from pg_evident.bench.verbs import Verb
from pg_evident.failure import Failure


def run_verb(verb: Verb, options: Options, say: Say) -> Run:
    """Print what it runs on, then each workload as soon as it is measured.

    Raises Failure when the options leave none.
    """
    with measured_server(options, fill=verb.is_filled, say=say) as bench:
        about, set_to = facts(bench), settings(bench)
        print_facts({**about, "settings": ", ".join(map(" ".join, set_to.items()))})
        results = []
        for workload in verb.workloads(bench):
            if options.match not in workload.title:
                continue
            results.append(
                alternate(
                    workload, rounds=options.rounds, calm=options.calm / 100, say=say
                )
            )
            print_result(results[-1])
    if not results:
        raise Failure(f"no workload of {verb.name} has {options.match!r} in its title")
    verdicts = judge(results)
    document = as_json(verb.name, about, set_to, results, verdicts)
    # Where something is kept on this machine does not belong to the figures.
    document["options"] = {
        name: value
        for name in verb.options
        if not isinstance(value := getattr(options, name), Path)
    }
    return Run(results, verdicts, document)
