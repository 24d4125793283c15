"""Show where read models and the log disagree."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from rich.table import Table
from rich.text import Text

from pg_evident.installed import require_installed
from pg_evident.showing import console, said
from pg_evident.steps.lasting import Lasting
from pg_evident.verifier.text import plain, plain_json

# Rows of the table; --json gives all.
MOST_ROWS = 100
# Columns where nobody has said how many there are: nothing is to be cut off.
WIDE = 10_000

_NAMES = "select s.name from evident.projection_status as s order by s.name"
_DRIFT = """
    select v.key, pg_catalog.row_to_json(r)::text
    from evident.verify_projection(%s) as v
    cross join lateral (
        select %s::text as projection, v.key, v.stored, v.replayed
    ) as r
    where %s::text is null or v.key > %s::text collate "C"
    order by v.key collate "C"
"""


class _Number(str):
    """A number as it is written: 1.0 and 1.00 differ, and so may be drift."""


def run(
    dsn: str,
    names: Sequence[str] | None,
    *,
    as_json: bool,
    report: Callable[[str], None],
) -> int:
    """Print the drift of the named projections, or of all, and give the exit code.

    0 without drift, 1 with some, 2 when a fold failed, which is reported. Raises
    Failure and psycopg.Error, PT404 for an unknown name. A lost connection is made
    again, and what is shown then begins behind the key that was shown last.
    """
    require_installed(dsn)
    table = _table()
    drifted: dict[str, int] = {}
    failed = 0

    def show(name: str, line: str) -> None:
        drifted[name] = drifted.get(name, 0) + 1
        if as_json:
            sys.stdout.write(f"{plain_json(line)}\n")
        elif table.row_count < MOST_ROWS:
            table.add_row(*_cells(line))

    with Lasting(dsn, "evident drift", report) as connection:
        chosen = _chosen(connection, names)
        for name in chosen:
            try:
                _show_drift(connection, name, show)
            except psycopg.Error as error:
                if connection.is_lost(error):
                    raise
                failed += 1
                report(f"error: {name}: {said(error)}")
    count = sum(drifted.values())
    output = console(stderr=as_json)
    if not output.is_terminal:
        output.width = WIDE
    if table.row_count:
        output.print(table)
    if count > table.row_count > 0:
        output.print(f"and {count - table.row_count:,} more rows, see --json")
    output.print(_summary(len(chosen) - failed, drifted))
    return 2 if failed else min(count, 1)


def _chosen(connection: Lasting, names: Sequence[str] | None) -> list[str]:
    known = [name for (name,) in connection.rows(_NAMES)]
    for name in names or []:
        if name not in known:
            # Refuses it, and says so in its own words.
            connection.row("select from evident.verify_projection(%s)", [name])
    return list(dict.fromkeys(names or known))


def _show_drift(
    connection: Lasting, name: str, show: Callable[[str, str], None]
) -> None:
    last: str | None = None

    def step(session: psycopg.Connection[Any]) -> None:
        nonlocal last
        given = [name, name, last, last]
        with session.transaction(), session.cursor() as cursor:
            for key, line in cursor.stream(_DRIFT, given, size=100):
                show(name, line)
                last = key

    connection.run(step)


def _table() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("projection", "key", "stored", "replayed"):
        table.add_column(title, overflow="fold")
    return table


def _cells(line: str) -> tuple[str, str, Text, Text]:
    row = json.loads(line, parse_int=_Number, parse_float=_Number)
    stored, replayed = row["stored"], row["replayed"]
    fields = _differing(stored, replayed)
    return (
        row["projection"],
        row["key"],
        _fields(stored, fields, "bold red"),
        _fields(replayed, fields, "bold green"),
    )


def _differing(
    stored: dict[str, Any] | None, replayed: dict[str, Any] | None
) -> set[str]:
    """Name the fields that differ; all of them where JSON does not show which."""
    every = (stored or {}).keys() | (replayed or {}).keys()
    if stored is None or replayed is None:
        return set(every)
    return {n for n in every if stored.get(n) != replayed.get(n)} or set(every)


def _fields(row: dict[str, Any] | None, chosen: set[str], style: str) -> Text:
    """Write the chosen fields, one a line, in their order in the table."""
    if row is None:
        return Text("no row", style=style)
    lines = [
        f"{plain(name)}: {_plain(value)}"
        for name, value in row.items()
        if name in chosen
    ]
    return Text("\n".join(lines), style=style)


def _plain(value: Any) -> str:
    is_text = isinstance(value, str)
    return plain(value if is_text else json.dumps(value, ensure_ascii=False))


def _summary(checked: int, drifted: dict[str, int]) -> str:
    projections = f"{checked} projection" + ("" if checked == 1 else "s")
    if not drifted:
        return f"no drift in {projections}"
    found = ", ".join(f"{count:,} in {name}" for name, count in drifted.items())
    return f"drift in {len(drifted)} of {projections}: {found}"
