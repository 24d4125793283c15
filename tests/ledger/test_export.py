"""An export is the sealed log, all of it and nothing else, whatever came before it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Database, fresh_database
from pg_evident.export import run as export
from pg_evident.migrate.run import migrate
from support.clients.programs import finish, start_at
from support.clients.publishing import AUDITOR, Outside, auditor_dsn
from support.models.ledger_lab import evident_apart
from support.models.ledger_store import (
    checkpoint,
    content,
    entries_of,
    fill,
    leaf_hash,
    publish,
    publish_at,
    root_over,
    seal,
)
from support.seeds import random_source, scaled

Owner = psycopg.Connection[Any]

pytestmark = [pytest.mark.usefixtures("auditor"), pytest.mark.once]

KILLS = scaled(3, 60)
# Of so many bundles is the log that is exported under kills.
BUNDLES = scaled(40, 118)
EVENTS = """
    select
        e.id, e.event_id::text, e.aggregate_id::text, e.version, e.event_type,
        e.recorded_by, e.payload::text, e.metadata::text, evident.leaf_entry(e)
    from evident.event_store as e
    where e.id <= (
        select h.last_event_id
        from evident.tree_head as h
        where h.tree_size = %s
        order by h.number
        limit 1
    )
    order by e.id
"""
HEADS = """
    select h.tree_size, h.last_event_id
    from evident.tree_head as h
    where h.tree_size <= %s
    order by h.number
"""
KEYS = [
    *["id", "event_id", "aggregate_id", "version"],
    *["event_type", "recorded_by", "payload", "metadata"],
]
# The program ends at its n-th step that changes a directory, before or behind it.
KILLER = """
import os, pathlib, signal
step = 0
def deadly(call):
    def counted(*words):
        global step
        step += 1
        if step == {step} and {before}:
            os.kill(os.getpid(), signal.SIGKILL)
        done = call(*words)
        if step == {step}:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return counted
pathlib.Path.replace = deadly(pathlib.Path.replace)
pathlib.Path.unlink = deadly(pathlib.Path.unlink)
pathlib.Path.rmdir = deadly(pathlib.Path.rmdir)
os.sync = deadly(os.sync)
"""


def run_export(dsn: str, directory: Path) -> None:
    """Export in this process."""
    export.run(
        dsn,
        directory,
        None,
        begin=lambda total, done: None,
        advance=lambda count: None,
    )


def command(dsn: str, *words: str) -> tuple[int, str]:
    code, out, err = evident_apart("export", *words, "--dsn", dsn)
    assert out == ""
    return code, err


def export_anew(dsn: str, directory: Path) -> dict[str, bytes]:
    """Export into a directory that is not there yet and give its content."""
    run_export(dsn, directory)
    return content(directory)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700])
def test_an_export_is_the_tree_of_the_checkpoint(
    db: Database, owner: Owner, tmp_path: Path, size: int
) -> None:
    publish_at(owner, size)
    # What was sealed later, or not at all, is not in it.
    fill(owner, 300)
    seal(owner)
    fill(owner, 10)
    found = export_anew(auditor_dsn(db), tmp_path / "log")

    rows = owner.execute(EVENTS, [size]).fetchall()
    lines = found["events.ndjson"].split(b"\n")
    assert lines.pop() == b""
    for line, row in zip(lines, rows, strict=True):
        assert [json.loads(line)[key] for key in KEYS] == list(row[:-1])

    entries = []
    for index in range(-(-size // 256)):
        width = min(size - 256 * index, 256)
        end = "" if width == 256 else f".p/{width}"
        bundle = entries_of(found[f"tile/entries/{index:03}{end}"])
        assert found[f"tile/0/{index:03}{end}"] == b"".join(map(leaf_hash, bundle))
        entries += bundle
    assert entries == [row[-1] for row in rows]

    full = size // 256
    leaves = [leaf_hash(each) for each in entries]
    assert found.get(f"tile/1/000.p/{full}", b"") == b"".join(
        root_over(leaves[256 * n : 256 * n + 256]) for n in range(full)
    )
    assert len(found) == 4 + 2 * (full + (size % 256 > 0)) + (full > 0)
    origin, count, root, *_ = found["checkpoint"].decode().split("\n")
    assert int(count) == size
    assert base64.b64decode(root) == root_over(leaves)

    log = json.loads(found["log.json"])
    assert (log["format"], log["origin"], log["tree_size"]) == (
        "evident.export.v1",
        origin,
        size,
    )
    heads = [json.loads(each) for each in found["tree-heads.ndjson"].splitlines()]
    assert [(each["tree_size"], each["last_event_id"]) for each in heads] == (
        owner.execute(HEADS, [size]).fetchall()
    )
    assert heads[-1]["root_hash"] == root


def test_an_empty_log_is_exported_and_goes_on(
    db: Database, kept: Outside, owner: Owner, tmp_path: Path
) -> None:
    kept.publish(db)
    dsn = auditor_dsn(db)
    assert set(export_anew(dsn, tmp_path / "log")) == {
        "checkpoint",
        "events.ndjson",
        "log.json",
        "tree-heads.ndjson",
    }
    publish_at(owner, 3)
    run_export(dsn, tmp_path / "log")
    assert content(tmp_path / "log") == export_anew(dsn, tmp_path / "new")


def test_a_place_that_cannot_be_written_is_said(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    publish_at(owner, 3)
    (tmp_path / "file").write_text("")
    code, err = command(auditor_dsn(db), str(tmp_path / "file"))
    assert code == 1
    assert f"error: cannot write to {tmp_path / 'file'}: " in err


def test_tiles_of_all_levels_are_there(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    publish_at(owner, 65_536 + 300)
    dsn = auditor_dsn(db)
    found = export_anew(dsn, tmp_path / "log")
    level_1 = found["tile/1/000"] + found["tile/1/001.p/1"]
    assert len(level_1) == 257 * 32
    assert found["tile/2/000.p/1"] == root_over(
        [found["tile/1/000"][at : at + 32] for at in range(0, 8192, 32)]
    )
    assert set(found) >= {"tile/0/256", "tile/0/257.p/44", "tile/entries/257.p/44"}

    # Levels that were partial become full, and go.
    publish_at(owner, 2 * 65_536)
    run_export(dsn, tmp_path / "log")
    assert content(tmp_path / "log") == export_anew(dsn, tmp_path / "new")
    assert {"tile/1/001", "tile/2/000.p/2"} <= set(content(tmp_path / "log"))


def test_exporting_again_goes_on_and_ends_as_in_one_go(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    old = tmp_path / "old"
    for size in [1, 5, 200, 256, 256, 300, 512, 1000]:
        publish_at(owner, size)
        before = content(old) if old.exists() else {}
        run_export(dsn, old)
        after = content(old)
        assert after == export_anew(dsn, tmp_path / f"new{size}")
        assert after["events.ndjson"].startswith(before.get("events.ndjson", b""))
        shutil.rmtree(tmp_path / f"new{size}")


def test_full_tiles_that_are_there_are_not_written_again(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    publish_at(owner, 600)
    dsn = auditor_dsn(db)
    log = tmp_path / "log"
    run_export(dsn, log)
    kept = ["tile/0/000", "tile/entries/001"]
    known = [(log / each).stat().st_ino for each in kept]
    publish_at(owner, 800)
    run_export(dsn, log)
    assert [(log / each).stat().st_ino for each in kept] == known


def test_an_older_checkpoint_gives_the_log_as_it_was_then(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 300)
    then = export_anew(dsn, tmp_path / "then")
    publish_at(owner, 700)
    code, err = command(
        dsn, str(tmp_path / "now"), "--checkpoint", str(tmp_path / "then/checkpoint")
    )
    assert code == 0
    assert err.startswith(f"{tmp_path / 'now'}: 300 leaves of evident/")
    assert content(tmp_path / "now") == then


@pytest.mark.faults
def test_a_run_that_is_killed_at_any_step_is_completed_by_the_next_one(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 300)
    run_export(dsn, tmp_path / "earlier")
    publish_at(owner, 600)
    whole = export_anew(dsn, tmp_path / "whole")
    rng = random_source("steps")
    # The last numbers are beyond the end of a run, and kill nothing.
    for step in sorted(rng.sample(range(1, 18), scaled(4, 17))):
        log = tmp_path / f"log{step}"
        if step % 2:
            shutil.copytree(tmp_path / "earlier", log)
        before = rng.random() < 0.5
        killer = KILLER.replace("{step}", str(step)).replace("{before}", str(before))
        code, out, err = finish(
            start_at(dsn, "export", str(log), broken=killer, stdout=subprocess.PIPE)
        )
        assert out == ""
        assert code in (0, -signal.SIGKILL), err
        if code and (log / "checkpoint").exists():
            found = (log / "checkpoint").read_bytes()
            is_new = found == whole["checkpoint"]
            assert is_new or step % 2
            # Where the new checkpoint is in place, all is.
            assert not is_new or content(log) == whole
        run_export(dsn, log)
        assert content(log) == whole, step


@pytest.mark.faults
def test_a_run_that_is_killed_at_any_moment_is_completed_by_the_next_one(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 256 * BUNDLES - 200)
    whole = export_anew(dsn, tmp_path / "whole")
    rng = random_source("moments")
    log = tmp_path / "log"

    def bundles() -> int:
        return len(list(log.glob("tile/entries/*")))

    for _ in range(KILLS):
        if bundles() > BUNDLES - 18:
            run_export(dsn, log)
            assert content(log) == whole
            shutil.rmtree(log)
        target = rng.randrange(bundles(), BUNDLES)
        victim = start_at(dsn, "export", str(log))
        while victim.poll() is None and bundles() < target:
            time.sleep(0.001)
        victim.kill()
        victim.communicate()
    run_export(dsn, log)
    assert content(log) == whole


def test_a_torn_last_line_is_completed(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 300)
    whole = export_anew(dsn, tmp_path / "log")
    events = whole["events.ndjson"]
    bundle = events.find(b"\n", events.find(b'{"id": 256,')) + 1
    for end in (len(events) - 1, len(events) - 40, bundle + 3, bundle):
        (tmp_path / "log/checkpoint").unlink()
        (tmp_path / "log/events.ndjson").write_bytes(events[:end])
        (tmp_path / "log/.partial").write_bytes(b"half")
        run_export(dsn, tmp_path / "log")
        assert content(tmp_path / "log") == whole


def test_a_lost_tile_is_written_again(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 700)
    whole = export_anew(dsn, tmp_path / "log")
    for name in ("tile/0/001", "tile/entries/000", "tile/1/000.p/2"):
        (tmp_path / "log" / name).unlink()
        run_export(dsn, tmp_path / "log")
        assert content(tmp_path / "log") == whole


def test_two_exports_never_write_into_one_directory(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 10)
    run_export(dsn, tmp_path / "log")
    folder = os.open(tmp_path / "log", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        code, err = command(dsn, str(tmp_path / "log"))
    finally:
        os.close(folder)
    assert code == 1
    assert "another export writes to" in err


def test_a_log_that_was_never_published_is_not_exported(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    fill(owner, 10)
    seal(owner)
    code, err = command(dsn, str(tmp_path / "log"))
    assert (code, err) == (
        1,
        "error: no checkpoint of this log was published\nhint: evident publish first\n",
    )
    publish(owner)
    owner.execute("select evident.begin_incarnation('restored')")
    assert command(dsn, str(tmp_path / "log"))[0] == 1
    assert not (tmp_path / "log").exists()
    publish(owner)
    assert command(dsn, str(tmp_path / "log"))[0] == 0


@pytest.mark.parametrize("text", ["", "a\nb\nc\n\n\u2014 k x\n", "\udc80"])
def test_a_file_that_is_no_checkpoint_of_this_log_is_refused(
    db: Database, owner: Owner, tmp_path: Path, text: str
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 10)
    file, log = tmp_path / "file", tmp_path / "log"
    file.write_text(text, errors="surrogateescape")
    code, err = command(dsn, str(log), "--checkpoint", str(file))
    assert code == 1
    assert str(file) in err
    file.write_text("some" + checkpoint(owner))
    code, err = command(dsn, str(log), "--checkpoint", str(file))
    assert code == 1
    assert f"{file} is a checkpoint of someevident/" in err
    assert not log.exists()


def test_a_directory_with_something_else_is_left_alone(
    db: Database, empty_db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 300)
    for name in ("notes.txt", "log.json"):
        other = tmp_path / f"with {name}"
        other.mkdir()
        (other / name).write_text("[]")
        code, err = command(dsn, str(other))
        assert code == 1
        assert "holds something else than an export" in err
        assert [each.name for each in other.iterdir()] == [name]

    migrate(empty_db.dsn)
    with empty_db.connect(autocommit=True) as another:
        publish_at(another, 300)
    known = export_anew(auditor_dsn(empty_db), tmp_path / "log")
    code, err = command(dsn, str(tmp_path / "log"))
    assert code == 1
    assert "holds an export of another log" in err
    assert content(tmp_path / "log") == known


@pytest.mark.parametrize("before", [10, 300, 512])
def test_an_export_of_another_history_is_left_alone(
    db: Database, owner: Owner, tmp_path: Path, before: int
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 5)
    owner.close()
    with fresh_database(db.server, db.name) as copy:
        with db.connect(autocommit=True) as original:
            publish_at(original, before)
        with copy.connect(autocommit=True) as restored:
            # The same log: it was restored, and went another way.
            restored.execute("select evident.begin_incarnation('restored')")
            restored.execute("select nextval('evident.event_store_id_seq')")
            publish_at(restored, 600)
        known = export_anew(dsn, tmp_path / "log")
        code, err = command(auditor_dsn(copy), str(tmp_path / "log"))
        assert code == 1
        assert "has another history than the database" in err
        assert "--earlier" in err
        assert content(tmp_path / "log")["checkpoint"] == known["checkpoint"]
        run_export(dsn, tmp_path / "log")
        assert content(tmp_path / "log") == known


def test_a_larger_export_is_left_alone(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 10)
    note = tmp_path / "note"
    note.write_text(checkpoint(owner))
    publish_at(owner, 400)
    known = export_anew(dsn, tmp_path / "log")
    code, err = command(dsn, str(tmp_path / "log"), "--checkpoint", str(note))
    assert code == 1
    assert "holds 400 leaves, the checkpoint has 10" in err
    assert content(tmp_path / "log") == known


def test_no_setting_of_the_session_changes_an_export(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    dsn = auditor_dsn(db)
    publish_at(owner, 300)
    plain = export_anew(dsn, tmp_path / "plain")
    for setting in (
        "timezone = 'Asia/Kolkata'",
        "datestyle = 'German, DMY'",
        "client_encoding = 'LATIN1'",
        "bytea_output = 'escape'",
        "search_path = 'evident', 'shop'",
        "default_transaction_isolation = 'read uncommitted'",
    ):
        owner.execute(f"alter role {AUDITOR} in database {db.name} set {setting}")
    assert export_anew(dsn, tmp_path / "other") == plain
    assert export_anew(f"{dsn}&client_encoding=euc_jp", tmp_path / "third") == plain


def test_the_one_role_that_an_export_needs_is_the_auditors(
    db: Database, owner: Owner, tmp_path: Path
) -> None:
    publish_at(owner, 10)
    dsn = auditor_dsn(db)
    assert command(dsn, str(tmp_path / "log"))[0] == 0
    owner.execute("revoke evident_auditor from evident_test_auditor")
    try:
        code, err = command(dsn, str(tmp_path / "other"))
    finally:
        owner.execute("grant evident_auditor to evident_test_auditor")
    assert code == 1
    assert "42501" in err
