"""The commands of docs/upgrading.md upgrade a store, by both ways."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Database
from pg_evident.places import ROOT
from support.clients.wheel import clean
from support.models.next_version import NEXT, THIS, make_next

pytestmark = pytest.mark.once

PAGE = ROOT / "docs/upgrading.md"
# By the heading above it.
_BLOCK = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.M | re.S)
WAYS = ("With yoyo", "With psql alone")
AFTER = "What to check afterwards"


def blocks(heading: str) -> list[str]:
    """Give the commands under a heading."""
    text = dict(_BLOCK.findall(PAGE.read_text(encoding="utf-8")))[heading]
    return re.findall(r"```sh\n(.*?)```", text, re.S)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Give `evident` of this version, and a `pip` that makes it the next one."""
    package = make_next(tmp_path / "next")
    folder = tmp_path / "bin"
    folder.mkdir()
    next_one = shlex.quote(str(package.root / "harness"))
    this_one = shlex.quote(str(THIS.root / "harness"))
    evident = f'PYTHONPATH=$(cat "$0.path") exec {sys.executable} -m pg_evident "$@"'
    pip = f'[ "$*" = "install --upgrade pg-evident" ] && echo {next_one} > "$0"'
    for name, text in {
        "evident": evident,
        "pip": pip.replace('"$0"', f"{folder}/evident.path"),
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / "evident.path").write_text(f"{this_one}\n")
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_the_commands_of_the_page_upgrade_a_store(
    db: Database, programs: Path, tmp_path: Path, way: str
) -> None:
    def run(text: str) -> str:
        path = f"{programs}:{db.server.bindir}:/usr/bin:/bin"
        done = subprocess.run(
            ["sh", "-e", "-c", text],
            cwd=tmp_path,
            env=clean(DATABASE_URL=db.dsn, PATH=path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    first, *others = blocks(way)
    shown = run(first)
    if way == "With yoyo":
        before, applied, after = shown.partition(f"\n{NEXT}\n")
        assert applied
        assert f"pending: {NEXT}" in before
        assert "pending" not in after
    for each in others:
        assert run(each) == f"{NEXT}\n"
    status = run(blocks(AFTER)[0])
    assert "(0 rows)" in status
    assert re.search(rf"^evident +{NEXT}$", status, re.M)
    assert "pending" not in status and "no mark" not in status


def test_every_block_of_the_page_is_tried() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tried = [block for heading in (*WAYS, AFTER) for block in blocks(heading)]
    assert len(tried) == text.count("```sh") == 4
    assert max(map(len, text.splitlines())) <= 100
