"""Show how far through the leaves a command is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TimeRemainingColumn,
)

from pg_evident import showing


@contextlib.contextmanager
def leaves() -> Iterator[tuple[Callable[[int, int], None], Callable[[int], None]]]:
    """Show a bar on a terminal; give (begin with total and done, advance)."""
    output = showing.console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=output, disable=not output.is_terminal, transient=True
    ) as bar:
        task = bar.add_task("", total=None)

        def begin(total: int, done: int) -> None:
            bar.update(task, total=total, completed=done)

        yield begin, lambda count: bar.advance(task, count)
