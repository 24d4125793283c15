"""A restore or a failover that loses history is refused, until a person accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import TEMPLATE, Database, fresh_database
from pg_evident.failure import Failure
from pg_evident.ledger import tree as ledger
from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.clients.publishing import (
    Outside,
    check_directory,
    grow,
    outside,
)
from support.servers import dumps
from support.servers.pair import primary_with_template
from support.servers.standby import standby_of, wait_for_replay

pytestmark = [pytest.mark.promise(17, 22), pytest.mark.faults, pytest.mark.once]

BEGIN = "select evident.begin_incarnation('restored the backup of Monday')"


@pytest.fixture
def backup(db: Database, owner: Connection, kept: Outside) -> bytes:
    """Publish 5 leaves, back them up, and publish 11."""
    assert grow(owner, 5) == 5
    kept.publish(db)
    dumped = dumps.dump(db)
    assert grow(owner, 5) == 11
    kept.publish(db)
    return dumped


@pytest.fixture
def third_db(server: Server) -> Iterator[Database]:
    with fresh_database(server, "template0") as database:
        yield database


def begin(owner: Connection) -> int:
    row = owner.execute(BEGIN).fetchone()
    assert row is not None
    return int(row[0])


def refused(kept: Outside, db: Database) -> str:
    """Give why publishing is refused; the directory stays as it was."""
    before = kept.files()
    with pytest.raises(Failure) as refusal:
        kept.publish(db)
    assert kept.files() == before
    assert refusal.value.hint is not None
    assert "begin_incarnation" in refusal.value.hint
    return refusal.value.message


def unaccepted(kept: Outside, db: Database) -> str:
    """Give why a new incarnation is refused; another number does not help."""
    before = kept.files()
    with pytest.raises(Failure, match="99 was accepted, the database is in"):
        kept.publish(db, 99)
    with pytest.raises(Failure) as refusal:
        kept.publish(db)
    assert "--accept-incarnation" in str(refusal.value.hint)
    assert kept.files() == before
    return refusal.value.message


def restore_and_go_on(kept: Outside, dumped: bytes, into: Database) -> list[str]:
    """Restore, go on, own up; give what was said when the tree was accepted."""
    dumps.restore(dumped, into)
    owner = into.connect(autocommit=True)
    assert refused(kept, into) == "the tree has 5 leaves, 11 leaves were published"
    assert grow(owner, 3) == 9
    assert refused(kept, into) == "the tree has 9 leaves, 11 leaves were published"
    assert grow(owner, 10) == 19
    message = "the tree of 19 leaves does not begin with the 11 leaves that were"
    assert refused(kept, into).startswith(message)

    assert begin(owner) == 2
    assert "leaves 5 to 10 of what was published are gone" in unaccepted(kept, into)
    assert kept.publish(into, 2) == "000002-000000000019.checkpoint"
    said = list(kept.said)
    assert kept.publish(into) is None
    assert grow(owner, 1) == 21
    assert kept.publish(into) == "000002-000000000021.checkpoint"
    assert kept.said == []
    check_directory(kept)
    return said


def test_a_restored_backup_is_accepted_once_and_what_was_lost_is_said(
    db: Database, owner: Connection, kept: Outside, backup: bytes, empty_db: Database
) -> None:
    assert restore_and_go_on(kept, backup, empty_db) == [
        "INCARNATION 2 of the log follows 1: accepted; the reason given is"
        " 'restored the backup of Monday'",
        "NOT CONSISTENT with the last checkpoint: leaves 0 to 4 are as published;"
        " leaves 5 to 10 of what was published are gone",
    ]
    # The database from before the restore is the older one now.
    grow(owner, 30)
    assert "in incarnation 1 of the log, a checkpoint of incarnation 2" in refused(
        kept, db
    )


def test_after_an_accepted_loss_a_smaller_tree_is_refused_again(
    kept: Outside, backup: bytes, empty_db: Database
) -> None:
    restore_and_go_on(kept, backup, empty_db)
    with empty_db.connect(autocommit=True) as again:
        again.execute(
            "insert into evident.tree_head"
            " (number, tree_size, root_hash, last_event_id)"
            " select m.number + 1, h.tree_size, h.root_hash, h.last_event_id"
            " from evident.tree_head as h cross join evident._tree_head() as m"
            " where h.tree_size = 9"
        )
    assert refused(kept, empty_db) == "the tree has 9 leaves, 21 leaves were published"


def test_a_publisher_that_does_not_check_consistency_signs_a_restored_backup(
    kept: Outside,
    backup: bytes,
    empty_db: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "extends", lambda *_: True)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        restore_and_go_on(kept, backup, empty_db)


def test_a_backup_as_it_was_is_the_beginning_of_what_was_published(
    kept: Outside, backup: bytes, empty_db: Database
) -> None:
    dumps.restore(backup, empty_db)
    begin(empty_db.connect(autocommit=True))
    assert kept.publish(empty_db, 2) == "000002-000000000005.checkpoint"
    assert kept.said[1:] == [
        "NOT CONSISTENT with the last checkpoint: leaves 0 to 4 are as published;"
        " leaves 5 to 10 of what was published are gone"
    ]


def test_a_backup_that_lacks_nothing_loses_nothing(
    db: Database, owner: Connection, kept: Outside, backup: bytes, empty_db: Database
) -> None:
    dumps.restore(dumps.dump(db), empty_db)
    assert kept.publish(empty_db) is None
    restored = empty_db.connect(autocommit=True)
    begin(restored)
    size = grow(restored, 2)
    assert "nothing is lost" in unaccepted(kept, empty_db)
    assert kept.publish(empty_db, 2) == f"000002-{size:012}.checkpoint"
    assert kept.said[1:] == [
        "it begins with the 11 leaves that were published: nothing is lost"
    ]


def test_a_second_restore_needs_a_number_above_the_last_published(
    kept: Outside, backup: bytes, empty_db: Database, third_db: Database
) -> None:
    restore_and_go_on(kept, backup, empty_db)
    dumps.restore(backup, third_db)
    again = third_db.connect(autocommit=True)
    grow(again, 50)
    assert "in incarnation 1 of the log, a checkpoint of incarnation 2" in refused(
        kept, third_db
    )
    # This number was used, for another history.
    assert begin(again) == 2
    assert "does not begin with the 21 leaves" in refused(kept, third_db)
    assert begin(again) == 3
    size = grow(again, 1)
    assert kept.publish(third_db, 3) == f"000003-{size:012}.checkpoint"
    assert kept.said[-1] == (
        "NOT CONSISTENT with the last checkpoint: leaves 0 to 4 are as published;"
        " leaves 5 to 20 of what was published are gone"
    )
    check_directory(kept)


def test_a_new_name_takes_a_new_incarnation(
    db: Database, owner: Connection, kept: Outside, backup: bytes
) -> None:
    owner.execute(
        "select evident.begin_incarnation('the firm was renamed', 'new.example/a/b')"
    )
    size = grow(owner, 1)
    assert kept.publish(db, 2) == f"000002-{size:012}.checkpoint"
    assert kept.said == [
        "INCARNATION 2 of the log follows 1: accepted; the reason given is"
        " 'the firm was renamed'",
        "the log is called new.example/a/b now, it was evident",
        "it begins with the 11 leaves that were published: nothing is lost",
    ]
    assert kept.files()["checkpoint"].startswith("new.example/a/b/")
    grow(owner, 1)
    assert kept.publish(db) is not None
    assert kept.said == []


def test_a_promoted_standby_without_the_tail_is_accepted_once(
    major: int, tmp_path: Path
) -> None:
    kept = outside(tmp_path)
    with primary_with_template(major) as primary:
        here = Database(TEMPLATE, primary)
        owner = here.connect(autocommit=True)
        grow(owner, 5)
        kept.publish(here)
        with standby_of(primary) as standby:
            there = Database(TEMPLATE, standby)
            wait_for_replay(primary, standby)
            with pytest.raises(Failure, match="this server is a standby"):
                kept.publish(there)
            standby.stop()
            grow(owner, 300)
            kept.publish(here)
            here.close()
            primary.crash()
            standby.start()
            promoted = there.connect(autocommit=True)
            assert promoted.execute("select pg_promote()").fetchone() == (True,)

            grow(promoted, 4)
            assert refused(kept, there) == (
                "the tree has 10 leaves, 306 leaves were published"
            )
            begin(promoted)
            assert kept.publish(there, 2) == "000002-000000000010.checkpoint"
            assert kept.said[-1] == (
                "NOT CONSISTENT with the last checkpoint: leaves 0 to 4 are as"
                " published; leaves 5 to 305 of what was published are gone"
            )
            check_directory(kept)
            there.close()
