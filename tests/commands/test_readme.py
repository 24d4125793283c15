"""The README is true: its SQL gives the output shown, its reference is fresh."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from pg_evident.places import ROOT
from pg_evident.workshop.reference import paste, render

pytestmark = pytest.mark.once

if TYPE_CHECKING:
    from conftest import Database

README = ROOT / "README.md"

# A block of SQL, and the block of output that may follow it.
_BLOCK = re.compile(r"```sql\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def _blocks() -> list[tuple[str, str | None]]:
    return [(sql, output or None) for sql, output in _BLOCK.findall(README.read_text())]


def _psql(db: Database, text: str) -> str:
    """Run statements as a reader of the README would, and return what is shown."""
    settings = ["-P", "footer=off", "-v", "SHOW_CONTEXT=never"]
    done = subprocess.run(
        [db.server.bindir / "psql", "-X", "-q", *settings, "-d", db.dsn],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def _plain(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_every_sql_block_runs_and_gives_the_output_shown(db: Database) -> None:
    blocks = _blocks()
    assert len(blocks) >= 3
    assert any(output for _, output in blocks)
    for sql, output in blocks:
        shown = _psql(db, sql)
        if output is None:
            assert "ERROR" not in shown, f"{sql}\n{shown}"
        else:
            assert _plain(shown) == _plain(output), sql


def test_the_reference_is_what_the_catalog_says(db: Database) -> None:
    text = README.read_text()
    fresh = paste(text, render(db.dsn))
    assert text == fresh, "evident reference --into README.md"


def test_every_error_code_stands_in_the_table() -> None:
    sources = "\n".join(p.read_text() for p in ROOT.glob("sql/functions/**/*.sql"))
    raised = set(re.findall(r"errcode = '(PT\d+)'", sources))
    text = README.read_text()
    listed = set(re.findall(r"^\| (PT\d{3}) \|", text, re.M))
    assert raised == listed


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README.read_text())))
)
def test_every_file_that_the_readme_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_command_that_the_readme_names_exists() -> None:
    from typer.main import get_command

    from pg_evident.cli.main import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"\bevident (\w+)", "\n".join(_code(README.read_text()))))
    assert named <= known, named - known


def _code(text: str) -> list[str]:
    fenced = re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)
    return fenced + re.findall(
        r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S)
    )
