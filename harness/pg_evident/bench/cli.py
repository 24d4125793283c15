"""The commands `evident bench …`: measure against references of the same run.

Each verb starts its own durable server, prints a table on stdout and its progress
on stderr. The exit code is 0 whatever comes out, unless --check asks to judge.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperGroup

from pg_evident.bench.options import SHARED, Options, default, option_types
from pg_evident.bench.results.document import write_json
from pg_evident.bench.results.plots import require_matplotlib, write_plots
from pg_evident.bench.results.report import print_verdicts
from pg_evident.bench.results.run import Run, joined
from pg_evident.bench.runs import run_verb
from pg_evident.bench.verbs import VERBS, Verb
from pg_evident.failure import Failure


class _Verbs(TyperGroup):
    """Take `--check` without a verb for `all --check`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] == ["--check"]:
            args = ["all", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Verbs,
    help="Measure appends and reads against plain SQL, on a server of their own.\n\n"
    "`evident bench --check` is `evident bench all --check`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _add(verb: Verb) -> None:
    """Make the command of a verb, with the options that it takes."""

    def measure(**given: Any) -> None:
        options = Options(**given)
        _begin(options)
        _finish([run_verb(verb, options, _say)], options)

    own = {**{name: default(name) for name in SHARED}, **verb.options}
    app.command(verb.name, help=verb.help)(_with_options(measure, own))


def _add_all() -> None:
    """Make the command `all`, with the options of all verbs."""
    verbs = [verb for verb in VERBS if verb.in_all]

    def measure(**given: Any) -> None:
        measure_all(verbs, given)

    own = {name: default(name) for name in SHARED}
    own |= {name: None for verb in verbs for name in verb.options}
    app.command("all", help="Every verb, one after the other.")(
        _with_options(measure, own)
    )


def measure_all(verbs: Sequence[Verb], given: Mapping[str, Any]) -> None:
    """Run verbs one after the other; one that cannot be run does not stop the rest.

    That is told on stderr, and counts as a missed budget.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    shared = Options(**{name: chosen[name] for name in SHARED if name in chosen})
    _begin(shared)
    runs: list[Run] = []
    left_out: list[str] = []
    for verb in verbs:
        taken = {
            name: value
            for name, value in chosen.items()
            if name in verb.options or name in SHARED
        }
        _say(f"evident bench {verb.name}")
        try:
            runs.append(run_verb(verb, Options(**{**verb.options, **taken}), _say))
        except Failure as failure:
            left_out.append(f"{verb.name}: {failure.message}")
            _say(f"left out: {left_out[-1]}\n{failure.hint or ''}")
        # Hours of figures are not lost when a later verb fails.
        if shared.json is not None and runs:
            write_json(joined(runs), shared.json)
    try:
        if runs:
            _finish(runs, shared)
    finally:
        for text in left_out:
            _say(f"left out: {text}")
    if left_out and shared.check:
        raise typer.Exit(1)


def _with_options(
    function: Callable[..., None], defaults: Mapping[str, Any]
) -> Callable[..., None]:
    """Give a function the signature from which Typer makes its options.

    An option whose default is None may be left out: each verb has its own.
    """
    parameters = []
    for name, annotation in option_types().items():
        if name not in defaults:
            continue
        if defaults[name] is None:
            kind, *about = get_args(annotation)
            annotation = Annotated[kind | None, *about]
        parameters.append(
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=defaults[name],
                annotation=annotation,
            )
        )
    vars(function)["__signature__"] = Signature(parameters)
    return function


def _begin(options: Options) -> None:
    """Refuse before anything is measured what could not be shown afterwards."""
    if options.plots is not None:
        require_matplotlib()


def _finish(runs: Sequence[Run], options: Options) -> None:
    """Write the figures and judge by the budgets, as far as that was asked for."""
    if options.json is not None:
        write_json(runs[0].document if len(runs) == 1 else joined(runs), options.json)
    if options.plots is not None:
        for file in write_plots(runs, options.plots):
            _say(f"drew {file}")
    verdicts = [verdict for run in runs for verdict in run.verdicts]
    if options.check:
        print_verdicts(verdicts)
        if not all(verdict.is_met for verdict in verdicts):
            raise typer.Exit(1)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


for _verb in VERBS:
    _add(_verb)
_add_all()
