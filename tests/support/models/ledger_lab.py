"""A published store that is attacked, and the four places where that may show."""

from __future__ import annotations

import base64
import contextlib
import io
import shutil
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg

from conftest import Database
from pg_evident.cli.main import main

# The database that is built once, and copied for each attack.
PUBLISHED = "evident_published"
# What stands in front of history, for somebody who owns it.
GUARDS = [
    (table, f"{table}_{suffix}")
    for table in ("event_store", "ledger_tile", "tree_head")
    for suffix in ("history", "history_rows")
]
OPEN = "; ".join(
    f"alter table evident.{table} disable trigger {guard}" for table, guard in GUARDS
)
CLOSE = "; ".join(
    f"alter table evident.{table} enable always trigger {guard}"
    for table, guard in GUARDS
)
# The root over the events as they are now, without help of tiles.
ROOT = """
select evident._tree_root(string_agg(l.hash, '' order by l.id))
from (
    select e.id, evident.leaf_hash(e) as hash
    from evident.event_store as e
    order by e.id
    limit %s
) as l
"""
FILL = """
select count(*)
from evident.append_batch((
    select jsonb_agg(jsonb_build_object(
        'aggregate_id', md5(%s || '/' || a.number)::uuid,
        'events', (
            select jsonb_agg(jsonb_build_object(
                'type', 'Noted', 'payload', jsonb_build_object('amount', e.number)
            ))
            from generate_series(1, 5) as e (number)
        )
    ))
    from generate_series(1, %s) as a (number)
))
"""


def evident(*words: str | Path) -> tuple[int, str]:
    """Run a command in this process; give its exit code and all that it said."""
    said = io.StringIO()
    return _run(words, said, said), said.getvalue()


def evident_apart(*words: str | Path) -> tuple[int, str, str]:
    """Run a command in this process; give its exit code and both outputs."""
    out, err = io.StringIO(), io.StringIO()
    return _run(words, out, err), out.getvalue(), err.getvalue()


def _run(words: Sequence[str | Path], out: io.StringIO, err: io.StringIO) -> int:
    with (
        patch.object(sys, "argv", ["evident", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


@dataclass
class Lab:
    """A database with 700 published events, and what was kept outside of it."""

    db: Database
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "log.key"

    @property
    def vkey(self) -> Path:
        return self.folder / "log.key.vkey"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def earlier(self) -> Path:
        return self.folder / "earlier"

    @property
    def kept(self) -> list[Path]:
        """Return the files of the published checkpoints, oldest first."""
        return sorted(self.checkpoints.glob("*.checkpoint"))

    def connect(self) -> psycopg.Connection[Any]:
        return self.db.connect(autocommit=True)

    def build(self) -> None:
        """Append, seal, publish and export, as any store does over time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done(evident("keygen", "--name", "example.com/lab", "--out", self.key))
        for name, aggregates in (("first", 80), ("second", 60)):
            with self.connect() as connection:
                connection.execute(FILL, [name, aggregates])
            self.seal()
            done(self.publish())
        done(self.export(self.earlier))

    def seal(self) -> None:
        with self.connect() as connection:
            while connection.execute("select evident.seal()").fetchone() != (0,):
                pass

    def copy(self, db: Database, folder: Path) -> Lab:
        """Return the same store in a copied database, with a copied outside."""
        shutil.copytree(self.folder, folder)
        return Lab(db, folder)

    def publish(self, *words: str) -> tuple[int, str]:
        return evident(
            *("publish", "--key", self.key, "--out", self.checkpoints),
            *("--dsn", self.db.dsn),
            *words,
        )

    def begin(self, reason: str) -> None:
        """Begin a new incarnation, and seal what that appends."""
        with self.connect() as connection:
            connection.execute("select evident.begin_incarnation(%s)", [reason])
        self.seal()

    def export(self, folder: Path, *words: str | Path) -> tuple[int, str]:
        return evident("export", folder, "--dsn", self.db.dsn, *words)

    def verify(self, folder: Path, *words: str | Path) -> tuple[int, str]:
        return evident(
            *("verify", folder, "--key", self.vkey),
            *("--checkpoints", self.checkpoints),
            *words,
        )

    def hand_out(self, folder: Path) -> None:
        """Export what the database's owner would hand to an auditor.

        At the newest checkpoint where the store still has so many leaves, otherwise at
        the one before.
        """
        for file in reversed(self.kept):
            shutil.rmtree(folder, ignore_errors=True)
            code, _ = self.export(folder, "--checkpoint", file)
            if code == 0:
                return
        raise AssertionError("nothing could be exported")

    def ledger_finds(self) -> bool:
        """Say whether the database itself finds fault: the check, or the sealer."""
        with self.connect() as connection:
            rows = connection.execute(
                "select v.problem from evident.verify_ledger() as v"
            ).fetchall()
            try:
                connection.execute("select evident.seal()")
            except psycopg.Error as error:
                assert error.sqlstate == "PT500", error
                return True
            return bool(rows)

    def checkpoint_finds(self) -> bool:
        """Say whether a kept checkpoint has another root than the events have now."""
        with self.connect() as connection:
            for file in self.kept:
                _, size, root = file.read_text().splitlines()[:3]
                row = connection.execute(ROOT, [int(size)]).fetchone()
                assert row is not None
                if row[0] != base64.b64decode(root):
                    return True
        return False

    def guards(self) -> list[Any]:
        with self.connect() as connection:
            return connection.execute(
                "select g.kind, g.name, g.state, g.is_intact"
                " from evident.guard_status() as g"
            ).fetchall()


def done(outcome: tuple[int, str]) -> str:
    code, said = outcome
    assert code == 0, said
    return said


def an_event(connection: psycopg.Connection[Any], place: int) -> uuid.UUID:
    """Return the event_id of the event at a place of the log, from 0."""
    row = connection.execute(
        "select e.event_id from evident.event_store as e"
        " order by e.id limit 1 offset %s",
        [place],
    ).fetchone()
    assert row is not None
    return row[0]


def as_owner(connection: psycopg.Connection[Any], statements: Sequence[str]) -> None:
    """Take the guards off, change history, and put the guards back as they were."""
    with connection.transaction():
        connection.execute(OPEN.encode())
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute(CLOSE.encode())
