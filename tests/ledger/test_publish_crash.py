"""A publisher that is killed at any step leaves whole files, and the next goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Database
from support.clients.calls import Connection
from support.clients.programs import MAIN, ROOT, finish
from support.clients.publishing import (
    Outside,
    auditor_dsn,
    check_directory,
    grow,
    published,
    rewrite,
)
from support.seeds import random_source, scaled

pytestmark = [pytest.mark.promise(19), pytest.mark.faults, pytest.mark.once]

# Before and after each file is written, flushed, renamed, and the database is told.
KILL = """
import os, signal
from pg_evident.ledger import tree as ledger
left = [{step}]
def deadly(call):
    def step(*words, **named):
        die()
        done = call(*words, **named)
        die()
        return done
    return step
def die():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = deadly(os.fsync)
os.replace = deadly(os.replace)
ledger.record = deadly(ledger.record)
"""
STEPS = 14


@contextmanager
def running(
    kept: Outside, db: Database, *words: str, broken: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Run evident publish as a process of its own, as the auditor."""
    key = kept.directory.parent / "key"
    given = ["--key", key, "--out", kept.directory, "--dsn", auditor_dsn(db)]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{broken}\n{MAIN}",
            "publish",
            *map(str, given),
            *words,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    """Give the name of the next file that a publisher tells."""
    assert process.stdout is not None
    return Path(process.stdout.readline().strip()).name


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_killed_publisher_leaves_whole_files_and_the_next_goes_on(
    db: Database, owner: Connection, kept: Outside, step: int
) -> None:
    first = grow(owner, 3)
    kept.publish(db)
    killed = grow(owner, 300)
    with running(kept, db, broken=KILL.format(step=step)) as process:
        code, out, err = finish(process)
    assert code == -signal.SIGKILL, err
    assert out == ""
    check_directory(kept)
    names = set(kept.files())
    assert f"000001-{first:012}.checkpoint" in names

    # The same tree again: each step is done that was not.
    is_there = f"000001-{killed:012}.checkpoint" in names
    assert kept.publish(db) == (None if is_there else f"000001-{killed:012}.checkpoint")
    files = kept.files()
    assert files["checkpoint"] == files[f"000001-{killed:012}.checkpoint"]
    assert sorted(files) == sorted(
        ["checkpoint", *(f"000001-{n:012}.checkpoint" for n in (first, killed))]
    )
    assert published(owner) == [(1, first), (1, killed)]

    last = grow(owner, 2)
    assert kept.publish(db) == f"000001-{last:012}.checkpoint"
    check_directory(kept)


def test_there_is_no_step_beyond_the_last(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 3)
    kept.publish(db)
    grow(owner, 3)
    with running(kept, db, broken=KILL.format(step=STEPS + 1)) as process:
        code, out, err = finish(process)
    assert code == 0, err
    assert out.endswith("000001-000000000007.checkpoint\n")


@pytest.mark.parametrize("step", [1, 6, 12])
def test_after_a_kill_a_larger_tree_goes_on_at_once(
    db: Database, owner: Connection, kept: Outside, step: int
) -> None:
    grow(owner, 3)
    kept.publish(db)
    grow(owner, 3)
    with running(kept, db, broken=KILL.format(step=step)) as process:
        finish(process)
    assert grow(owner, 300) == 307
    assert kept.publish(db) == "000001-000000000307.checkpoint"
    check_directory(kept)


def test_the_first_publisher_of_all_may_be_killed_too(
    db: Database, owner: Connection, kept: Outside
) -> None:
    size = grow(owner, 3)
    rng = random_source("steps")
    for step in sorted(rng.sample(range(1, STEPS + 2), scaled(5, STEPS + 1))):
        with running(kept, db, broken=KILL.format(step=step)) as process:
            finish(process)
        check_directory(kept)
    kept.publish(db)
    check_directory(kept)
    assert published(owner) == [(1, size)]


def test_a_publisher_goes_on_until_it_is_told_to_stop(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 3)
    with running(kept, db, "--every", "1") as process:
        assert next_line(process) == "000001-000000000003.checkpoint"
        grow(owner, 3)
        assert next_line(process) == "000001-000000000007.checkpoint"
        process.send_signal(signal.SIGTERM)
        code, _, err = finish(process)
    assert (code, err) == (0, "stopped\n")
    check_directory(kept)


def test_one_that_goes_on_reports_a_refusal_and_never_signs_a_rewrite(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 3)
    with running(kept, db, "--every", "1") as process:
        assert next_line(process) == "000001-000000000003.checkpoint"
        with owner.transaction():
            rewrite(owner)
            grow(owner, 20)
        assert process.stderr is not None
        assert "does not begin with the 3 leaves" in process.stderr.readline()
        assert "nothing was signed" in process.stderr.readline()
        owner.execute("select evident.begin_incarnation('a test of ours')")
        assert "all history was changed" in process.stderr.readline()
        assert len(kept.files()) == 2
        process.send_signal(signal.SIGTERM)
        code, out, err = finish(process)
    assert (code, out) == (0, ""), err


@pytest.mark.promise(22)
def test_one_that_goes_on_takes_nobodys_word_and_signs_when_a_person_has(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 3)
    with running(kept, db, "--every", "1") as process:
        assert next_line(process) == "000001-000000000003.checkpoint"
        owner.execute("select evident.begin_incarnation('a test of ours')")
        grow(owner, 1)
        assert process.stderr is not None
        assert "incarnation 2 of the log was begun" in process.stderr.readline()
        assert "--accept-incarnation 2" in process.stderr.readline()
        assert (kept.publish(db, 2) or "").startswith("000002-")
        assert kept.said[0].endswith("accepted; the reason given is 'a test of ours'")
        grow(owner, 1)
        assert next_line(process).startswith("000002-")
        process.send_signal(signal.SIGTERM)
        code, _, err = finish(process)
    assert code == 0, err


@pytest.mark.parametrize("word", [["--accept-incarnation", "2"], ["--new-directory"]])
def test_no_loop_is_given_a_persons_word(
    word: list[str], db: Database, kept: Outside
) -> None:
    with running(kept, db, "--every", "1", *word) as process:
        code, out, err = finish(process)
    assert (code, out) == (2, "")
    assert "a person's word, which no loop may give" in " ".join(err.split())


def test_one_that_goes_on_has_to_succeed_at_first(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 3)
    kept.publish(db)
    rewrite(owner)
    grow(owner, 20)
    with running(kept, db, "--every", "1") as process:
        code, out, err = finish(process)
    assert (code, out) == (1, "")
    assert err.startswith("error: the tree of ")
