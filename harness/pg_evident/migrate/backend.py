"""Open yoyo's backend on tables that are ours, and take its lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pg_evident.database import parameters, yoyo_url
from pg_evident.dsn_errors import hidden
from pg_evident.failure import Failure
from pg_evident.migrate.mark_tables import prepare_schema
from pg_evident.places import require_migrations

Report = Callable[[str], None]

# Seconds to wait for another run, which takes some, and more on a busy machine.
PATIENCE = 60


@contextlib.contextmanager
def locked_backend(
    dsn: str, sources: list[Path], break_lock: bool, report: Report | None = None
) -> Iterator[tuple[Any, Any]]:
    """Open yoyo's backend, locked, with the migrations of the sources.

    `report` gets what the server says beside its answers, such as a warning. Raises
    Failure when another run holds yoyo's lock, or a table of yoyo's is not ours.
    """
    from yoyo import exceptions, get_backend, read_migrations

    require_migrations()
    # yoyo puts the name into a SET as it is.
    schema = '"' + prepare_schema(dsn).replace('"', '""') + '"'
    url = yoyo_url(dsn, schema)
    with hidden(dsn, parameters(dsn)):
        opened = get_backend(url)
    with opened as backend:
        _begin_steadily(backend)
        if report is not None:
            _pass_on(backend, report)
        if break_lock:
            backend.break_lock()
        try:
            with backend.lock(timeout=PATIENCE):
                yield backend, read_migrations(*map(str, sources))
        except exceptions.LockTimeout:
            raise Failure(
                _lock_holder(backend),
                "when that process is gone: evident migrate --break-lock",
            ) from None
        except (exceptions.BadMigration, exceptions.MigrationConflict) as error:
            raise Failure(f"{type(error).__name__}: {error}") from error


def _begin_steadily(backend: Any) -> None:
    """Have yoyo's transactions be READ COMMITTED and writing, whatever the defaults.

    What a rollback asks must see what was committed while it waited for a lock.
    """
    begin = backend.begin

    def steadily() -> None:
        begin()
        backend.execute("set transaction isolation level read committed, read write")

    backend.begin = steadily


def _pass_on(backend: Any, report: Report) -> None:
    def tell(said: Any) -> None:
        hint = f" ({said.message_hint})" if said.message_hint else ""
        report(f"{said.severity.lower()}: {said.message_primary}{hint}")

    backend.connection.add_notice_handler(tell)


def _lock_holder(backend: Any) -> str:
    row = backend.execute("select pid, ctime from yoyo_lock").fetchone()
    if row is None:
        return "another migration was running; it has ended now"
    return f"process {row[0]} has held the migration lock since {row[1]:%F %T} UTC"
