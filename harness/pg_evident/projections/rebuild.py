"""Rebuild projections slice by slice, over several connections."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from pg_evident.installed import require_installed
from pg_evident.projections.slices import Slice, Slices
from pg_evident.showing import console
from pg_evident.steps.lasting import Lasting
from pg_evident.stopping import Stop, stop_on_signals
from pg_evident.verifier.text import plain

# A slice's rows are folded in memory and on disk of one session, in one transaction.
EVENTS_PER_SLICE = 250_000
MOST_SLICES = 64
# Behind by more than a worker's batch or two.
FAR_BEHIND = 2000

_STATUS = """
    select s.name, s.state, s.events_behind
    from evident.projection_status as s
    order by s.name
"""
# How many events there are; the last id bounds that when nobody has counted.
_EVENTS = """
    select
        case
            when c.reltuples >= 0::real then least(c.reltuples::bigint, f.head)
            else f.head
        end
    from evident.feed_status as f
    inner join pg_catalog.pg_class as c on c.oid = 'evident.event_store'::regclass::oid
"""
_LOCK_TIME = """
    select pg_catalog.max(b.lock_time)
    from evident.projection_rebuild as b
    where b.projection = %s and b.slices >= %s
"""


@dataclass(frozen=True)
class _Done:
    """A projection as the table shows it."""

    name: str
    slices: int
    rows: int
    seconds: float
    lock_time: timedelta | None


def run(
    dsn: str,
    names: Sequence[str] | None,
    parallel: int | None,
    slices: int | None,
    report: Callable[[str], None],
) -> bool:
    """Rebuild the named projections, or all, and print a table; say if all succeeded.

    Raises psycopg.Error before anything is done when a name is unknown (PT404) or
    there is no way to begin. Ctrl-C cancels what is under way; slices that are done
    stay, and nothing is ever half done.
    """
    require_installed(dsn)
    output = console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("slices"),
        console=output,
        disable=not output.is_terminal,
        transient=True,
    )
    done: list[_Done] = []
    is_well = True
    with Lasting(dsn, "evident rebuild", output.print) as connection:
        plan = _plan(connection, names, parallel, slices)
        try:
            with (
                stop_on_signals(),
                bar,
                Slices(dsn, parallel or 1, output.print) as workers,
            ):
                for name, count in plan.items():
                    task = bar.add_task(plain(name), total=count)
                    started = time.monotonic()
                    rows = workers.rebuild(
                        [Slice(name, number, count) for number in range(count)],
                        functools.partial(bar.advance, task),
                    )
                    if rows is None:
                        is_well = False
                        continue
                    seconds = time.monotonic() - started
                    locked = connection.row(_LOCK_TIME, [name, count])
                    done.append(_Done(name, count, rows, seconds, *locked))
        except Stop:
            report("interrupted: what is done stays; run it again for the rest")
            is_well = False
        _show(done)
        _report_behind(connection, [each.name for each in done], report)
    return is_well


def _plan(
    connection: Lasting,
    names: Sequence[str] | None,
    parallel: int | None,
    slices: int | None,
) -> dict[str, int]:
    """Say into how many slices each projection is cut.

    One slice also catches up, so it is what one that is behind gets, unless the
    caller wants several.
    """
    status = {row[0]: row[1:] for row in connection.rows(_STATUS)}
    for name in names or []:
        if name not in status:
            # Refuses it, and says so in its own words.
            connection.row("select evident.rebuild_projection(%s)", [name])
    (events,) = connection.row(_EVENTS)
    fit = min(-(-events // EVENTS_PER_SLICE), MOST_SLICES)
    plan = {}
    for name in dict.fromkeys(names or status):
        state, behind = status[name]
        is_behind = state == "catching_up" or behind > FAR_BEHIND
        by_size = 1 if is_behind and parallel is None else max(fit, parallel or 1)
        plan[name] = slices or by_size
    return plan


def _report_behind(
    connection: Lasting, names: Sequence[str], report: Callable[[str], None]
) -> None:
    """Slices end at the checkpoint: say where that is not the whole log."""
    for name, state, behind in connection.rows(_STATUS) if names else []:
        if name in names and (state == "catching_up" or behind > FAR_BEHIND):
            report(f"{name} is rebuilt up to its checkpoint; evident work goes on")


def _show(done: Sequence[_Done]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("projection")
    for title in ("slices", "rows written", "seconds", "longest lock"):
        table.add_column(title, justify="right")
    for each in done:
        lock = "" if each.lock_time is None else f"{each.lock_time.total_seconds():.3f}"
        table.add_row(
            each.name,
            f"{each.slices:,}",
            f"{each.rows:,}",
            f"{each.seconds:.1f}",
            lock,
        )
    if done:
        console().print(table)
