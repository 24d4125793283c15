"""Read models of the tests' own, and what they should be when all is folded."""

from __future__ import annotations

from pathlib import Path

from support.clients.calls import Connection

FOLDS = (Path(__file__).parent / "worker_models.sql").read_text(encoding="utf-8")
LIVE, LATER, DIGITS = NAMES = ("folds.live", "folds.later", "folds.digits")
# Where nobody has anything left to fold.
IS_FOLDED = """
not exists (
    select
    from evident.projection_status as s
    where s.events_behind > 0 or s.state <> 'running'
)
"""


def create_read_models(observer: Connection, *names: str) -> None:
    """Make the tables and folds, and register some of them, all when none is named.

    Of the example projections only shop.orders_summary stays, where it is.
    """
    observer.execute(
        "select evident.drop_projection(s.name) from evident.projection_status as s"
        " where s.name <> 'shop.orders_summary'"
    )
    observer.execute(FOLDS)
    for name in names or NAMES:
        register(observer, name)


def register(observer: Connection, name: str) -> None:
    table = name.split(".")[1]
    keys = "folds.digits_of(evident.event_store)" if name == DIGITS else None
    mode = "sync" if name == LIVE else "async"
    observer.execute(
        "select evident.create_projection(%s::text::regclass,"
        " format('folds.apply_%%s(folds.%%s, evident.event_store)', %s::text, %s::text)"
        "::regprocedure, null, %s, %s::text::regprocedure)",
        [name, table, table, mode, keys],
    )


def break_fold(observer: Connection, name: str, statement: str) -> None:
    """Put a statement, such as one that fails for some event, before the fold's own."""
    _replace(observer, name, "begin", f"begin {statement}")


def repair_fold(observer: Connection, name: str, statement: str) -> None:
    _replace(observer, name, f"begin {statement}", "begin")


def _replace(observer: Connection, name: str, piece: str, other: str) -> None:
    table = name.split(".")[1]
    function = f"folds.apply_{table}(folds.{table}, evident.event_store)"
    row = observer.execute(
        "select replace(pg_get_functiondef(%s::text::regprocedure), %s, %s)",
        [function, piece, other],
    ).fetchone()
    assert row is not None
    observer.execute(row[0])
