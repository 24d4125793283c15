"""Apply, roll back and list the migrations through yoyo's Python interface.

Connect to the server itself, not through a transaction-mode pooler: yoyo sets
the search path for its session. Where its tables are: see marks.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pg_evident.access import ownership
from pg_evident.failure import Failure
from pg_evident.installed import installed_version
from pg_evident.migrate.backend import Report, locked_backend
from pg_evident.migrate.marks import disagreement, marks
from pg_evident.places import ENGINE, EXAMPLES, migration_files


def migrate(
    dsn: str,
    examples: bool = False,
    *,
    break_lock: bool = False,
    report: Report | None = None,
) -> list[str]:
    """Apply what is pending and return the ids applied, in order; again is a no-op.

    Each migration and its mark are one transaction. `report` gets one sentence
    per repaired mark. Raises Failure when marks and database disagree, when
    another run holds yoyo's lock, or psycopg.Error from a migration.
    """
    sources = [ENGINE, EXAMPLES] if examples else [ENGINE]
    with locked_backend(dsn, sources, break_lock, report) as (backend, migrations):
        _repair(backend, migrations, report or (lambda _line: None))
        applied = []
        for migration in backend.to_apply(migrations):
            _run(backend, migration, "apply")
            applied.append(migration.id)
    return applied


def rollback(
    dsn: str,
    to: str | None = None,
    *,
    everything: bool = False,
    break_lock: bool = False,
    report: Report | None = None,
) -> list[str]:
    """Roll back and return the ids, newest first: by default one, the newest applied.

    With `to`, that id stays and all that depends on it goes; with `everything`
    nothing stays. Raises Failure for an id that is not applied, and psycopg.Error
    when a rollback refuses, as one that would lose events does.
    """
    sources = [ENGINE, EXAMPLES]
    with locked_backend(dsn, sources, break_lock, report) as (backend, known):
        _repair(backend, known, report or (lambda _line: None))
        applied = list(backend.to_rollback(known))
        chosen = applied if everything else _chosen(backend, applied, to)
        for migration in chosen:
            _run(backend, migration, "rollback")
    return [migration.id for migration in chosen]


def mark(dsn: str, *, break_lock: bool = False) -> list[str]:
    """Make the marks of the engine agree with evident.version(); run no migration.

    Returns the ids that were marked or unmarked. For a database that psql
    installed, upgraded or uninstalled. Raises Failure where nothing is installed.
    """
    with ownership.connect(dsn, installed=False, autocommit=True) as connection:
        version, marked = installed_version(connection), marks(connection)
        row = connection.execute(
            "select pg_catalog.to_regnamespace('evident') is not null"
        ).fetchone()
    if version is None and row == (True,):
        raise Failure(
            "schema evident is there without evident.version(), so nothing says what is"
            " installed",
            "it is not Evident's, or is damaged; every migration brings that function",
        )
    if version is None and not marked:
        raise Failure("evident is not installed in this database", "evident migrate")
    with locked_backend(dsn, [ENGINE], break_lock) as (backend, migrations):
        missing, extra = disagreement(backend, migrations)
        backend.mark_migrations(missing)
        backend.unmark_migrations(extra)
    return [migration.id for migration in (*missing, *extra)]


def where(dsn: str) -> str:
    """Say which server, database and role a connection string leads to."""
    with ownership.connect(dsn, installed=False, autocommit=True) as connection:
        info = connection.info
        version = info.parameter_status("server_version") or "?"
        return (
            f"PostgreSQL {version.split()[0]} at {info.host}, port {info.port}:"
            f" database {info.dbname} as {info.user}"
        )


def status(dsn: str) -> list[tuple[str, datetime | None]]:
    """List (id, applied at in UTC or None) in the order of application; change nothing.

    Marks whose files this package does not have come last.
    """
    with ownership.connect(dsn, installed=False, autocommit=True) as connection:
        applied = marks(connection)
    ids = [
        path.stem for source in (ENGINE, EXAMPLES) for path in migration_files(source)
    ]
    return [(each, applied.get(each)) for each in ids] + [
        (each, when) for each, when in applied.items() if each not in ids
    ]


def _run(backend: Any, migration: Any, direction: str) -> None:
    """Apply or roll back one migration together with its mark."""
    migration.load()
    if not migration.use_transactions:
        # yoyo's own way: each statement commits, the mark comes afterwards.
        getattr(backend, f"{direction}_one")(migration)
        return
    with backend.transaction():
        migration.process_steps(backend, direction)
        # The prologue's role and search path last to the end of the transaction.
        backend.execute("set local role none")
        backend.execute(f"set local search_path to {backend.schema}")
        backend.log_migration(migration, direction)
        if direction == "apply":
            backend.mark_one(migration, log=False)
        else:
            backend.unmark_one(migration, log=False)


def _repair(backend: Any, migrations: Any, report: Report) -> None:
    """Set right the one mark that a crash can leave wrong; refuse anything more."""
    missing, extra = disagreement(backend, migrations)
    if len(missing) + len(extra) > 1:
        version = installed_version(backend.connection) or "nothing"
        raise Failure(
            f"the database has {version} installed, but yoyo's marks differ in"
            f" {len(missing) + len(extra)} migrations: psql installed, upgraded or"
            " removed it",
            "evident migrate --mark makes the marks agree and runs nothing else",
        )
    backend.mark_migrations(missing)
    backend.unmark_migrations(extra)
    for migration in missing:
        report(f"{migration.id} was applied but not marked: marked now")
    for migration in extra:
        report(f"{migration.id} was marked but not there: unmarked now")


def _chosen(backend: Any, applied: list[Any], to: str | None) -> list[Any]:
    """Select what to roll back from `applied`, which is newest first."""
    from yoyo.migrations import descendants

    if not applied:
        return []
    if to is None:
        order = backend.get_applied_migration_hashes()
        needed = set().union(*(migration.depends for migration in applied))
        free = [migration for migration in applied if migration not in needed]
        return [max(free, key=lambda migration: order.index(migration.hash))]
    found = [migration for migration in applied if migration.id == to]
    if not found:
        names = ", ".join(migration.id for migration in reversed(applied))
        raise Failure(f"{to} is not applied", f"applied: {names}")
    later = descendants(found[0], applied)
    return [migration for migration in applied if migration in later]
