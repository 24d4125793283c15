"""A publisher signs only what continues its last checkpoint, whatever it is told."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from conftest import Database
from pg_evident.failure import Failure
from pg_evident.ledger import checkpoints, keys, succession
from pg_evident.ledger import publish as publishing
from pg_evident.ledger import tree as ledger
from pg_evident.ledger.publish import Publisher
from pg_evident.verifier.formats import note
from support.clients.calls import Connection
from support.clients.publishing import (
    AUDITOR,
    DISARM,
    Outside,
    auditor_dsn,
    check_directory,
    grow,
    published,
    rewrite,
    tree_size,
)
from support.clients.waiting import together

pytestmark = [pytest.mark.promise(11), pytest.mark.once]


def refusal(kept: Outside, db: Database) -> Failure:
    """Give why publishing is refused; the directory stays as it was."""
    before = kept.files()
    with pytest.raises(Failure) as refused:
        kept.publish(db)
    assert kept.files() == before
    return refused.value


def test_each_tree_head_is_published_once(
    db: Database, owner: Connection, kept: Outside
) -> None:
    assert kept.publish(db) == "000001-000000000000.checkpoint"
    assert kept.publish(db) is None
    names = [f"000001-{grow(owner, n):012}.checkpoint" for n in (3, 0, 300, 1)]
    assert names[-1] == "000001-000000000305.checkpoint"
    assert kept.publish(db) == names[-1]
    assert kept.publish(db) is None
    assert kept.said == []
    check_directory(kept)
    files = kept.files()
    assert len(files) == 3
    assert files["checkpoint"] == files[names[-1]]
    assert published(owner) == [(1, 0), (1, 305)]
    row = owner.execute("select s.published_leaves from evident.ledger_status as s")
    assert row.fetchone() == (305,)


def test_a_publisher_has_no_more_rights_than_an_auditor(
    db: Database, owner: Connection, kept: Outside
) -> None:
    roles = owner.execute(
        "select r.rolname::text from pg_auth_members as m"
        " join pg_roles as r on r.oid = m.roleid"
        " where m.member = %s::regrole",
        [AUDITOR],
    ).fetchall()
    assert roles == [("evident_auditor",)]
    grow(owner, 2)
    assert kept.publish(db) is not None


def test_sizes_in_odd_steps_are_all_consistent(
    db: Database, owner: Connection, kept: Outside
) -> None:
    for events in (1, 1, 2, 3, 120, 126, 1, 1, 255, 256, 257, 1000):
        size = grow(owner, events)
        assert kept.publish(db) == f"000001-{size:012}.checkpoint"
    check_directory(kept)


def test_what_was_published_unknown_to_the_database_becomes_known(
    db: Database, owner: Connection, kept: Outside
) -> None:
    size = grow(owner, 3)
    kept.publish(db)
    owner.execute("alter table evident.ledger_publication disable trigger all")
    owner.execute("delete from evident.ledger_publication")
    assert kept.publish(db) is None
    assert kept.publish(db) is None
    assert published(owner) == [(1, size)]


def shrink(owner: Connection) -> None:
    """Show an earlier tree head as the newest one."""
    owner.execute(
        "insert into evident.tree_head (number, tree_size, root_hash, last_event_id)"
        " select m.number + 1, h.tree_size, h.root_hash, h.last_event_id"
        " from evident.tree_head as h cross join evident._tree_head() as m"
        " where h.tree_size = 5"
    )


def edit_the_edge(owner: Connection) -> None:
    owner.execute(DISARM)
    owner.execute(
        "update evident.event_store as e set recorded_by = 'somebody'"
        " where e.id = (select h.last_event_id from evident.tree_head as h"
        " order by h.number desc limit 1)"
    )


def edit_a_tile(owner: Connection) -> None:
    owner.execute(DISARM)
    owner.execute(
        "update evident.ledger_tile as t set root_hash = sha256('x') where t.index = 0"
    )


def rewrite_and_grow(owner: Connection) -> None:
    rewrite(owner)
    grow(owner, 10)


def rewrite_as_large(owner: Connection) -> None:
    """Rewrite to exactly as many leaves as were published."""
    size = tree_size(owner)
    owner.execute(DISARM)
    owner.execute(
        "delete from evident.event_store as e"
        " where e.aggregate_id = '00000000-0000-0000-0000-000000000000'"
    )
    rewrite(owner)
    missing = size - tree_size(owner)
    owner.execute(
        "select evident.append_event(gen_random_uuid(), 'Noted', '{}')"
        " from generate_series(1, %s)",
        [missing],
    )
    owner.execute("select evident.seal(%s)", [missing])


def become_another_log(owner: Connection) -> None:
    owner.execute(DISARM)
    owner.execute("update evident.log_identity set log_id = gen_random_uuid()")


def become_older(owner: Connection) -> None:
    owner.execute(DISARM)
    owner.execute("delete from evident.log_identity as i where i.incarnation = 2")


def take_another_name(owner: Connection) -> None:
    owner.execute(DISARM)
    owner.execute("update evident.log_identity set name = 'else.example'")


def forge_an_origin(owner: Connection) -> None:
    """Try to have three lines signed that are another checkpoint."""
    owner.execute(DISARM)
    owner.execute(
        "update evident.log_identity set incarnation = incarnation + 7, name ="
        " 'victim.example/' || log_id || '/9' || e'\\n7\\n'"
        " || encode(sha256('x'), 'base64') || e'\\nx' where incarnation = 2"
    )


def take_an_invisible_name(owner: Connection) -> None:
    owner.execute(DISARM)
    owner.execute(
        "update evident.log_identity set incarnation = incarnation + 7,"
        " name = e'a\\x1b[2Jb' where incarnation = 2"
    )


ATTACKS: dict[Callable[[Connection], None], str] = {
    shrink: "the tree has 5 leaves, 310 leaves were published",
    edit_the_edge: "does not follow from the sealed events",
    edit_a_tile: "does not follow from the sealed events",
    rewrite_and_grow: "does not begin with the 310 leaves that were published",
    rewrite_as_large: "does not begin with the 310 leaves that were published",
    become_another_log: "checkpoints of the log",
    become_older: "in incarnation 1 of the log",
    take_another_name: "the log is called else.example",
    take_an_invisible_name: "cannot be the origin of a checkpoint",
    forge_an_origin: "cannot be the origin of a checkpoint",
}


def publish_some(db: Database, owner: Connection, kept: Outside) -> None:
    """Publish 5 leaves, then 310 in incarnation 2."""
    assert grow(owner, 5) == 5
    kept.publish(db)
    owner.execute("select evident.begin_incarnation('a test')")
    assert grow(owner, 303) == 310
    kept.publish(db, 2)
    check_directory(kept)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__)
def test_nothing_is_signed_after(
    db: Database,
    owner: Connection,
    kept: Outside,
    attack: Callable[[Connection], None],
) -> None:
    publish_some(db, owner, kept)
    attack(owner)
    found = refusal(kept, db)
    assert ATTACKS[attack] in found.message
    assert published(owner) == [(1, 5), (2, 310)]


@pytest.mark.twin_of(11)
@pytest.mark.parametrize("attack", [rewrite_and_grow, rewrite_as_large])
def test_a_publisher_that_does_not_check_consistency_is_caught(
    db: Database,
    owner: Connection,
    kept: Outside,
    attack: Callable[[Connection], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "extends", lambda *_: True)
    publish_some(db, owner, kept)
    attack(owner)
    with pytest.raises(pytest.fail.Exception):
        refusal(kept, db)


def test_a_database_that_lies_about_its_proofs_is_refused(
    db: Database, owner: Connection, kept: Outside
) -> None:
    publish_some(db, owner, kept)
    rewrite_and_grow(owner)
    lies = ["'{}'", "null", "array[null]::bytea[]", "array['x']::bytea[]"]
    for lie in [*lies, "array[sha256('a'), sha256('b')]"]:
        owner.execute(
            "create or replace function evident.consistency_proof(p_size1 bigint,"
            " p_size2 bigint) returns bytea[] language sql stable"
            f" return ({lie})::bytea[]".encode()
        )
        assert "does not begin with" in refusal(kept, db).message
    owner.execute(
        "create or replace function evident.root_hash(p_size bigint) returns bytea"
        " language sql stable return sha256('a')"
    )
    assert "does not follow" in refusal(kept, db).message


def spoil_signature(directory: Path) -> None:
    newest = sorted(directory.glob("*.checkpoint"))[-1]
    text = newest.read_text().replace("\n310\n", "\n309\n")
    newest.write_text(text)


def spoil_encoding(directory: Path) -> None:
    sorted(directory.glob("*.checkpoint"))[-1].write_bytes(b"\xff\xfe")


def cut_off(directory: Path) -> None:
    newest = sorted(directory.glob("*.checkpoint"))[-1]
    newest.write_text(newest.read_text()[:-20])


def forget_the_last(directory: Path) -> None:
    sorted(directory.glob("*.checkpoint"))[-1].unlink()


def spoil_the_copy(directory: Path) -> None:
    (directory / "checkpoint").write_text("nothing")


def misname(directory: Path) -> None:
    newest = sorted(directory.glob("*.checkpoint"))[-1]
    newest.rename(directory / "000002-000000000305.checkpoint")
    (directory / "checkpoint").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_signature, "its signature is wrong"),
        (spoil_encoding, "is no checkpoint: not UTF-8"),
        (cut_off, "is no checkpoint"),
        (forget_the_last, "is missing, and"),
        (spoil_the_copy, "is no checkpoint"),
        (misname, "has the checkpoint of another tree"),
    ],
)
def test_a_directory_that_was_changed_is_refused(
    db: Database,
    owner: Connection,
    kept: Outside,
    spoil: Callable[[Path], None],
    message: str,
) -> None:
    publish_some(db, owner, kept)
    spoil(kept.directory)
    before = {p.name: p.read_bytes() for p in kept.directory.iterdir()}
    grow(owner, 1)
    with pytest.raises(Failure, match=message):
        kept.publish(db)
    assert {p.name: p.read_bytes() for p in kept.directory.iterdir()} == before


def test_another_key_needs_the_one_before(
    db: Database, owner: Connection, kept: Outside, tmp_path: Path
) -> None:
    publish_some(db, owner, kept)
    grow(owner, 1)
    key = keys.make_key("tests.example/new", tmp_path / "new")
    new = Outside(Publisher(key, kept.directory, kept.said.append), kept.said)
    assert "signed by another key: tests.example/log" in refusal(new, db).message
    vkey = str(tmp_path / "key.vkey")
    new = Outside(Publisher(key, kept.directory, kept.said.append, [vkey]), kept.said)
    assert new.publish(db) is not None
    grow(owner, 1)
    assert "signed by another key: tests.example/new" in refusal(kept, db).message


def test_an_earlier_key_that_is_none_is_refused(
    db: Database, kept: Outside, tmp_path: Path
) -> None:
    given = Publisher(kept.publisher.key, kept.directory, print, ["nothing"])
    with pytest.raises(Failure, match="not a verifier key"):
        publishing.publish(auditor_dsn(db), given)


def lose_the_directory(kept: Outside) -> None:
    """Let another one be in its place: new, or with things of other names."""
    shutil.rmtree(kept.directory)
    kept.directory.mkdir()
    (kept.directory / "README").touch()


def refuse_a_new_directory(db: Database, owner: Connection, kept: Outside) -> None:
    """Rewrite what was published, and have it signed where nothing is remembered."""
    assert grow(owner, 5) == 5
    kept.publish(db)
    lose_the_directory(kept)
    rewrite(owner)
    found = refusal(kept, db)
    assert "has no checkpoint, and of this log" in found.message
    assert "5 leaves were published" in found.message
    assert "--new-directory" in (found.hint or "")
    assert published(owner) == [(1, 5)]


@pytest.mark.promise(22)
def test_a_log_that_was_published_begins_in_no_new_directory(
    db: Database, owner: Connection, kept: Outside
) -> None:
    refuse_a_new_directory(db, owner, kept)


@pytest.mark.twin_of(22)
def test_a_publisher_that_begins_in_any_directory_is_caught(
    db: Database, owner: Connection, kept: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "require_beginning", lambda *_, **__: [])
    with pytest.raises(pytest.fail.Exception):
        refuse_a_new_directory(db, owner, kept)


def set_the_directory_back(db: Database, owner: Connection, kept: Outside) -> None:
    """Bring back an older copy, and rewrite what was published since."""
    grow(owner, 5)
    kept.publish(db)
    copy = kept.directory.with_name("copy")
    shutil.copytree(kept.directory, copy)
    size = grow(owner, 5)
    kept.publish(db)
    body, _, _ = kept.files()["checkpoint"].rpartition(" ")
    for junk in (f"{body} AAAAAAA=\n", "x\n"):
        owner.execute(
            "insert into evident.ledger_publication"
            " (incarnation, tree_size, checkpoint) values (1, 3, %s)",
            [junk],
        )
    shutil.rmtree(kept.directory)
    copy.rename(kept.directory)
    owner.execute(DISARM)
    owner.execute(
        "update evident.event_store as e set recorded_by = 'somebody'"
        " where e.id = (select max(f.id) from evident.event_store as f)"
    )
    owner.execute("delete from evident.tree_head as h where h.number > 2")
    owner.execute("update evident.ledger_state set head_number = 2")
    owner.execute("select evident.seal()")
    assert tree_size(owner) == size
    found = refusal(kept, db)
    assert f"lacks the checkpoint of {size} leaves of incarnation 1" in found.message


@pytest.mark.promise(22)
def test_a_directory_that_was_set_back_is_refused(
    db: Database, owner: Connection, kept: Outside
) -> None:
    set_the_directory_back(db, owner, kept)
    assert kept.publish(db, new_directory=True) is not None
    assert kept.publish(db) is None


@pytest.mark.twin_of(22)
def test_a_publisher_that_asks_only_its_directory_is_caught(
    db: Database, owner: Connection, kept: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "newest_known", lambda *_: None)
    with pytest.raises(pytest.fail.Exception):
        set_the_directory_back(db, owner, kept)


def test_no_loop_begins_in_a_new_directory(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 5)
    kept.publish(db)
    lose_the_directory(kept)
    with pytest.raises(Failure, match="has no checkpoint"):
        publishing.publish_every(auditor_dsn(db), kept.publisher, 1, lambda _: None)


def test_a_lost_directory_is_said(
    db: Database, owner: Connection, kept: Outside
) -> None:
    assert grow(owner, 5) == 5
    kept.publish(db)
    lose_the_directory(kept)
    name = kept.publish(db, new_directory=True)
    assert name == "000001-000000000005.checkpoint"
    assert kept.said == [
        f"the first checkpoint in {kept.directory}, although 5 leaves were published"
        " before: not compared"
    ]


def test_a_lost_directory_ends_with_its_incarnation(
    db: Database, owner: Connection, kept: Outside
) -> None:
    publish_some(db, owner, kept)
    shutil.rmtree(kept.directory)
    for accepted in (None, 2):
        for new in (False, True):
            with pytest.raises(Failure, match=r"no checkpoint, .* in incarnation 2"):
                kept.publish(db, accepted, new_directory=new)
    assert kept.files() == {}


def test_a_log_that_was_named_before_it_was_published_is_accepted_by_its_number(
    db: Database, owner: Connection, kept: Outside
) -> None:
    owner.execute("select evident.begin_incarnation('named', 'example.com/a')")
    size = grow(owner, 3)
    with pytest.raises(Failure, match="no checkpoint of it was published before"):
        kept.publish(db)
    assert kept.publish(db, 2) == f"000002-{size:012}.checkpoint"
    assert kept.publish(db, 2) is None


def publish_beside_another(db: Database, owner: Connection, kept: Outside) -> None:
    """Let a publisher come while another one is at work."""
    grow(owner, 5)
    kept.publish(db)
    inside = threading.Barrier(2)

    def publish_held() -> str | None:
        with checkpoints.locked(kept.directory):
            inside.wait(30)
            inside.wait(30)
        return None

    def publish_beside() -> str | None:
        inside.wait(30)
        try:
            return str(refusal(kept, db))
        finally:
            inside.wait(30)

    grow(owner, 5)
    said = together([publish_held, publish_beside])[1]
    assert said == f"another publisher is at work in {kept.directory}"
    assert kept.publish(db) is not None
    check_directory(kept)


def test_two_publishers_never_both_write(
    db: Database, owner: Connection, kept: Outside
) -> None:
    publish_beside_another(db, owner, kept)


@pytest.mark.twin_of(11)
def test_a_publisher_that_takes_no_lock_is_caught(
    db: Database, owner: Connection, kept: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.raises(pytest.fail.Exception):
        publish_beside_another(db, owner, kept)


def test_a_directory_that_cannot_be_made_is_told(db: Database, kept: Outside) -> None:
    directory = kept.directory / "a" / "b"
    given = Publisher(kept.publisher.key, directory, print)
    with pytest.raises(Failure, match=r"cannot write to .*: No such file"):
        publishing.publish(auditor_dsn(db), given)


def test_a_role_without_rights_gets_the_servers_refusal(
    db: Database, owner: Connection, kept: Outside
) -> None:
    owner.execute("create role evident_test_stranger login in role evident_reader")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            publishing.publish(
                db.dsn.replace("postgres@", "evident_test_stranger@"), kept.publisher
            )
        assert kept.files() == {}
    finally:
        owner.execute("drop role evident_test_stranger")


def test_a_checkpoint_is_a_note_that_others_can_read(
    db: Database, owner: Connection, kept: Outside
) -> None:
    size = grow(owner, 5)
    kept.publish(db)
    text = kept.files()["checkpoint"]
    status = owner.execute(
        "select s.origin, encode(s.root_hash, 'base64') from evident.ledger_status as s"
    ).fetchone()
    assert status is not None
    assert text.startswith(
        f"{status[0]}\n{size}\n{status[1]}\n\n\u2014 tests.example/log "
    )
    assert note.parse_checkpoint(text.partition("\n\n")[0] + "\n").size == size
    mode = (kept.directory / "checkpoint").stat().st_mode & 0o777
    assert mode == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
