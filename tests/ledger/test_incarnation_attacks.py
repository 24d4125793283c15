"""Rows of the attack matrix in which the accused begins a new incarnation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import fresh_database
from pg_evident.ledger import succession
from pg_evident.server.cluster import Server
from support.models.ledger_attacks import EDIT, REBUILD, VICTIM
from support.models.ledger_lab import PUBLISHED, Lab, an_event, as_owner, done

pytestmark = [pytest.mark.promise(11, 22), pytest.mark.once]

ACCEPT = ("--accept-incarnation", "2")


def rewrite(lab: Lab) -> str:
    """Edit an event, rebuild all, and begin an incarnation; give the event's id."""
    with lab.connect() as connection:
        victim = an_event(connection, VICTIM)
        as_owner(connection, (EDIT, *REBUILD))
    lab.begin("routine maintenance")
    assert not lab.ledger_finds()
    return str(victim)


def sign_nothing(lab: Lab) -> None:
    """Require that a rewritten history is refused, whatever is accepted."""
    before = lab.kept
    for words in ((), ACCEPT):
        code, said = lab.publish(*words)
        assert code == 1, said
        assert "accepting it would not help" in said or words == ()
    assert lab.kept == before


def test_a_rewrite_under_a_new_incarnation_is_refused_by_the_publisher(
    lab: Lab,
) -> None:
    rewrite(lab)
    sign_nothing(lab)


@pytest.mark.twin_of(22)
def test_a_publisher_that_takes_an_incarnations_word_is_caught(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "require_end_of_history", lambda *_: [])
    rewrite(lab)
    with pytest.raises(AssertionError):
        sign_nothing(lab)


def test_a_rewrite_that_a_publisher_signed_is_replaced_and_the_event_named(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = rewrite(lab)
    with monkeypatch.context() as careless:
        careless.setattr(succession, "require_end_of_history", lambda *_: [])
        done(lab.publish())
    done(lab.export(tmp_path / "export", "--key", lab.vkey))
    for words in ((), ACCEPT):
        code, said = lab.verify(tmp_path / "export", *words)
        assert code == 1 and said.startswith("replaced: "), said
        code, said = lab.verify(
            tmp_path / "export", *words, "--earlier", str(lab.earlier)
        )
        assert code == 1 and victim in said, said
        assert "payload" in said


@pytest.fixture
def older(lab: Lab, server: Server) -> Iterator[Lab]:
    """Publish once more, then put a copy of the database from before in its place."""
    with lab.connect() as connection:
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'Lost', '{}')"
            " from generate_series(1, 30)"
        )
    lab.seal()
    done(lab.publish())
    lab.db.close()
    with fresh_database(server, PUBLISHED) as db:
        yield Lab(db, lab.folder)


@pytest.mark.parametrize("events", [0, 5, 200])
def test_a_loss_of_the_newest_events_takes_a_person_in_both_places(
    events: int, older: Lab, tmp_path: Path
) -> None:
    """A failover that lost the last second; an older backup that goes on."""
    code, said = older.publish()
    assert code == 1, said
    with older.connect() as connection:
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'New', '{}')"
            " from generate_series(1, %s)",
            [events],
        )
    older.seal()
    older.begin("failed over without the last second")
    sizes = [int(each.name[7:19]) for each in older.kept]
    for words in ((), ("--accept-incarnation", "3")):
        code, said = older.publish(*words)
        assert code == 1, said
    gone = f"leaves {sizes[-2]} to {sizes[-1] - 1} of what was published are gone"
    said = done(older.publish(*ACCEPT))
    assert gone in said
    done(older.export(tmp_path / "export", "--key", older.vkey))

    code, said = older.verify(tmp_path / "export")
    assert code == 1 and said.startswith("replaced: "), said
    said = done(older.verify(tmp_path / "export", *ACCEPT))
    assert said.startswith("clean: ")
    assert (
        f"leaves 0 to {sizes[-2] - 1} are those of kept checkpoint {sizes[-2]}; what"
        f" follows is new; {sizes[-1] - sizes[-2]} published leaves are gone"
    ) in said
    assert "failed over without the last second" in said


def test_a_wrong_record_does_not_make_an_export_look_tampered(
    lab: Lab, tmp_path: Path
) -> None:
    """An auditor may record any note; nothing in the database checks a signature."""
    right = (lab.checkpoints / "checkpoint").read_text()
    body = right.partition("\n\n")[0]
    with lab.connect() as connection:
        connection.execute("set role evident_auditor")
        for signature in ("A" * 92, right.rpartition(" ")[2].strip()[::-1]):
            name = right.rpartition("\u2014 ")[2].split(" ")[0]
            for note in (
                f"{body}\n\n\u2014 nobody {signature}\n",
                f"{body}\n\n\u2014 {name} {signature}\n",
            ):
                connection.execute("select evident.record_publication(%s)", [note])
    said = done(lab.export(tmp_path / "export", "--key", lab.vkey))
    assert (tmp_path / "export/checkpoint").read_text() == right
    done(lab.verify(tmp_path / "export"))
    said = done(lab.export(tmp_path / "unchecked"))
    assert "no --key was given" in said
    code, said = lab.export(tmp_path / "other", "--key", str(other_key(lab)))
    assert code == 1 and "is signed by a key that was given" in said


def other_key(lab: Lab) -> Path:
    from pg_evident.ledger import keys

    keys.make_key("example.com/other", lab.folder / "other.key")
    return lab.folder / "other.key.vkey"
