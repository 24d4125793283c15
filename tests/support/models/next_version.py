"""A package with one migration more than this one: what an upgrade is tested with."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pg_evident import places
from pg_evident.migrate.fingerprint import FILE
from pg_evident.workshop.freeze import freeze
from pg_evident.workshop.layout import PROLOGUE, RECORD, ROLLBACK_SUFFIX, VERSION
from support.clients.wheel import clean, copy_tree

NEWEST = places.migration_files(places.ENGINE)[-1].stem
NEXT = f"{int(NEWEST[:4]) + 1:04}_made_up"

_FORWARD = """\
-- depends: {newest}
-- A table, and another comment on a function. Locks nothing; rollback loses the table.

{prologue}

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

create table evident.made_up (
    id integer not null,
    constraint made_up_id_pkey primary key (id)
);

comment on table evident.made_up is
'What the next version adds.';

-- [include {changed}]
-- [include {version}]

do $do$
begin
    perform evident._close_types();
end;
$do$;
"""
_ROLLBACK = """\
-- Undoes {next}.

{prologue}

-- [begin generated rollback]
-- [end generated rollback]

drop table evident.made_up;

do $do$
begin
    perform evident._close_types();
end;
$do$;
"""


# One process for all commands of a package: what it imports, and how yoyo splits the
# migrations, takes longer than most of the commands.
_COMMANDS = """
import contextlib, functools, io, json, os, sys, traceback
import sqlparse
from pg_evident.cli.main import main
split = functools.cache(sqlparse.split)
sqlparse.split = lambda text, **kwargs: [*split(text, **kwargs)]
for line in sys.stdin:
    os.environ["DATABASE_URL"], *words = json.loads(line)
    sys.argv, code, out, err = ["evident", *words], 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        except Exception:
            traceback.print_exc()
            code = 1
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@dataclass
class Package:
    """A tree of the package, run as it is; it takes the place of the installed one."""

    root: Path
    _process: subprocess.Popen[str] | None = None

    def run(self, *words: str, dsn: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of this package on a database."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMMANDS],
                cwd=self.root,
                env=clean(PYTHONPATH=str(self.root / "harness")),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([dsn, *words]) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, code, out, err)

    def close(self) -> None:
        """End the process that runs the commands, if there were any."""
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None

    def done(self, *words: str, dsn: str = "") -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.run(*words, dsn=dsn)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def expect(self, major: int, fingerprint: str) -> None:
        """Have the package carry what evident.fingerprint() is of its own."""
        file = self.root / FILE.relative_to(places.ROOT)
        file.write_text(json.dumps({str(major): fingerprint}))


THIS = Package(places.ROOT)


def make_next(root: Path, *, records: bool = True) -> Package:
    """Copy this package and add a migration, as CONTRIBUTING.md says.

    Without `records` the migration does not end by recording the baseline.
    """
    # The check also reads the table of lock spaces.
    copy_tree(root, "harness", "migrations", "sql", "docs/design")
    (path,) = root.glob("sql/functions/**/aggregate_version.sql")
    edit(path, "'The newest version", "'Made up: the newest version")
    edit(root / VERSION, f"'{NEWEST}'", f"'{NEXT}'")
    prologue = "\n".join(PROLOGUE)
    end = f"\n{RECORD}" if records else ""
    forward = _FORWARD.format(
        newest=NEWEST,
        prologue=prologue,
        changed=path.relative_to(root).as_posix(),
        version=VERSION,
    )
    back = _ROLLBACK.format(next=NEXT, prologue=prologue)
    (root / f"migrations/{NEXT}.sql").write_text(forward + end)
    (root / f"migrations/{NEXT}{ROLLBACK_SUFFIX}").write_text(back + end)
    freeze(root)
    return Package(root)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that has to be there."""
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new))
