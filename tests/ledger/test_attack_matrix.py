"""Every cell of the attack matrix, as superuser, on a copy of a published store.

Where a cell says that something is found, the finding is asserted; where it says that
nothing is, that too: a promise that is too large is as wrong as one that is broken.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import fresh_database
from pg_evident.server.cluster import Server
from report.evidence import Figures
from support.models.ledger_attacks import ATTACKS, EDIT, REBUILD, VICTIM, Attack
from support.models.ledger_lab import (
    OPEN,
    PUBLISHED,
    Lab,
    an_event,
    as_owner,
    done,
    evident,
)

pytestmark = [pytest.mark.promise(11), pytest.mark.once, pytest.mark.whole]


@pytest.fixture(scope="module")
def intact(published: Lab, server: Server) -> Iterator[Lab]:
    """Give one copy for all that is prevented, so that it stays as it is."""
    with fresh_database(server, PUBLISHED) as db:
        yield Lab(db, published.folder)


def test_an_honest_store_is_clean_everywhere(lab: Lab, tmp_path: Path) -> None:
    guards = lab.guards()
    assert not lab.ledger_finds()
    done(lab.publish())
    done(lab.export(tmp_path / "export"))
    said = done(lab.verify(tmp_path / "export", "--earlier", lab.earlier))
    assert "tampered" not in said.splitlines()[0].lower()
    assert lab.guards() == guards


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_an_attack_shows_where_the_matrix_says(
    attack: Attack, lab: Lab, tmp_path: Path, figures: Figures
) -> None:
    guards = lab.guards()
    with lab.connect() as connection:
        victim = an_event(connection, attack.place)
        as_owner(connection, attack.statements)
    assert (lab.guards() != guards) is attack.guards
    assert lab.ledger_finds() is attack.ledger

    assert lab.checkpoint_finds() is attack.checkpoint
    code, said = lab.publish()
    assert code == (1 if attack.publisher else 0), said

    lab.hand_out(tmp_path / "export")
    code, said = lab.verify(tmp_path / "export")
    assert code == (1 if attack.verifier else 0), said
    assert (str(victim) in said) or not attack.names, said
    figures.add(attacks=1)


def test_an_earlier_export_names_event_and_field_of_a_rewritten_history(
    lab: Lab, tmp_path: Path
) -> None:
    rebuilt = next(each for each in ATTACKS if "edits a sealed event and" in each.name)
    with lab.connect() as connection:
        victim = an_event(connection, VICTIM)
        as_owner(connection, rebuilt.statements)
    lab.hand_out(tmp_path / "export")
    code, said = lab.verify(tmp_path / "export", "--earlier", lab.earlier)
    assert code == 1
    assert str(victim) in said
    assert "payload" in said


@pytest.mark.parametrize("role", ["evident_writer", "evident_auditor"])
@pytest.mark.parametrize(
    "statement",
    [
        "update evident.event_store set payload = '{}'",
        "delete from evident.event_store",
        "truncate evident.event_store",
        "update evident.tree_head set tree_size = 0",
        "truncate evident.ledger_tile",
        "delete from evident.log_identity",
        "insert into evident.tree_head (tree_size, root_hash, last_event_id)"
        " values (0, sha256(''), 0)",
    ],
)
def test_an_application_is_prevented(intact: Lab, role: str, statement: str) -> None:
    with intact.connect() as connection:
        connection.execute(f"set role {role}".encode())
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement.encode())
    assert caught.value.sqlstate in ("42501", "PT403")


def test_a_replica_role_is_prevented(intact: Lab) -> None:
    with intact.connect() as connection:
        connection.execute("set session_replication_role = replica")
        for table in ("event_store", "ledger_tile", "tree_head", "log_identity"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(f"delete from evident.{table}".encode())
            assert caught.value.sqlstate == "PT403"


def test_guards_that_were_off_are_history(lab: Lab) -> None:
    with lab.connect() as connection:
        connection.execute(OPEN.encode())
    lab.seal()
    with lab.connect() as connection:
        as_owner(connection, ())
    lab.seal()
    with lab.connect() as connection:
        rows = connection.execute(
            "select split_part(a.guard ->> 'state', ':', 1)"
            " from evident.event_store as e"
            " cross join lateral"
            " jsonb_array_elements(e.payload -> 'added') as a (guard)"
            " where e.event_type = 'GuardChanged' and a.guard ->> 'kind' = 'trigger'"
            " and a.guard ->> 'name' = 'event_store.event_store_history'"
            " order by e.version"
        ).fetchall()
    assert rows == [("enabled always",), ("disabled",), ("enabled always",)]


def test_a_false_date_is_prevented_or_bracketed(lab: Lab, tmp_path: Path) -> None:
    """Writers give no dates; an owner's is found between its tree heads."""
    with lab.connect() as connection:
        connection.execute(
            "insert into evident.event_store"
            " (aggregate_id, version, event_type, payload, occurred_at)"
            " values (gen_random_uuid(), 1, 'Backdated', '{}', now() - interval '9 d')"
        )
        row = connection.execute(
            "select e.event_id from evident.event_store as e"
            " where e.event_type = 'Backdated'"
        ).fetchone()
    assert row is not None
    lab.seal()
    done(lab.publish())
    done(lab.export(tmp_path / "export"))
    said = done(lab.verify(tmp_path / "export"))
    assert str(row[0]) in said
    assert "dates" in said


def test_an_old_backup_is_refused_and_found(
    published: Lab, lab: Lab, server: Server, tmp_path: Path
) -> None:
    """The copy goes on and publishes; then the older database takes its place."""
    with lab.connect() as connection:
        connection.execute("select evident.append_event(gen_random_uuid(), 'A', '{}')")
    lab.seal()
    done(lab.publish())
    lab.db.close()
    with fresh_database(server, PUBLISHED) as old:
        back = Lab(old, lab.folder)
        assert not back.ledger_finds()
        code, said = back.publish()
        assert code == 1, said
        back.hand_out(tmp_path / "export")
        code, said = back.verify(tmp_path / "export")
        assert code == 1, said


def test_two_histories_show_only_to_those_who_compare(
    lab: Lab, published: Lab, server: Server, tmp_path: Path
) -> None:
    """The same key signs both; each auditor alone is content."""
    exports = []
    labs = [lab]
    with fresh_database(server, PUBLISHED) as db:
        labs.append(published.copy(db, tmp_path / "other"))
        for number, each in enumerate(labs):
            with each.connect() as connection:
                connection.execute(
                    "select evident.append_event(gen_random_uuid(), %s, '{}')",
                    [f"Told{number}"],
                )
            each.seal()
            done(each.publish())
            exports.append(tmp_path / f"export{number}")
            done(each.export(exports[-1]))
            done(each.verify(exports[-1]))
        code, said = labs[0].verify(exports[1])
        assert code == 1, said


NEW_IDENTITY = (
    "alter table evident.log_identity disable trigger all",
    "update evident.log_identity set log_id = gen_random_uuid(), name = 'else.example'",
    "delete from evident.ledger_publication",
)


def test_a_log_that_begins_anew_leaves_open_which_is_the_log(
    lab: Lab, tmp_path: Path
) -> None:
    """Under another identity and name, signed by the same key in a new directory."""
    kept = shutil.copytree(lab.checkpoints, tmp_path / "kept")
    with lab.connect() as connection:
        connection.execute("alter table evident.ledger_publication disable trigger all")
        as_owner(connection, (EDIT, *NEW_IDENTITY, *REBUILD))
    assert not lab.ledger_finds()
    code, said = lab.publish()
    assert code == 1, said
    shutil.rmtree(lab.checkpoints)
    done(lab.publish())
    done(lab.export(tmp_path / "export"))
    for file in lab.kept:
        shutil.copy(file, kept)
    code, said = evident(
        *("verify", tmp_path / "export", "--key", lab.vkey, "--checkpoints", kept)
    )
    assert code == 2 and "another log evident, signed by example.com/lab as" in said, (
        said
    )


def test_a_directory_that_is_gone_takes_a_person(lab: Lab, tmp_path: Path) -> None:
    """What was published is known to the database; a rewrite is not signed unseen."""
    kept = shutil.copytree(lab.checkpoints, tmp_path / "kept")
    with lab.connect() as connection:
        as_owner(connection, (EDIT, *REBUILD))
    shutil.rmtree(lab.checkpoints)
    code, said = lab.publish()
    assert code == 1 and "--new-directory" in said, said
    done(lab.publish("--new-directory"))
    done(lab.export(tmp_path / "export"))
    done(lab.verify(tmp_path / "export"))
    for file in kept.iterdir():
        shutil.copy(file, lab.checkpoints / f"kept {file.name}")
    code, said = lab.verify(tmp_path / "export")
    assert code == 1, said


def test_an_edited_read_model_is_for_the_drift_check(lab: Lab, tmp_path: Path) -> None:
    with lab.connect() as connection:
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'OrderCreated',"
            ' \'{"customer_id": "1"}\')'
        )
        connection.execute("update shop.orders_summary set paid = 1000")
        drift = connection.execute(
            "select evident.verify_projection('shop.orders_summary')"
        ).fetchall()
    assert len(drift) == 1
    assert not lab.ledger_finds()
    done(lab.publish())
    done(lab.export(tmp_path / "export"))
    done(lab.verify(tmp_path / "export"))


def test_nothing_detects_an_edit_before_the_first_seal_but_a_receipt(
    lab: Lab, tmp_path: Path
) -> None:
    with lab.connect() as connection:
        connection.execute("select evident.append_event(gen_random_uuid(), 'A', '{}')")
        receipt = connection.execute(
            "select e.event_id, evident.leaf_hash(e) from evident.event_store as e"
            " order by e.id desc limit 1"
        ).fetchone()
        assert receipt is not None
        as_owner(
            connection,
            [
                "update evident.event_store set payload = '{\"b\": 1}'"
                f" where event_id = '{receipt[0]}'"
            ],
        )
    assert not lab.ledger_finds()
    done(lab.publish())
    done(lab.export(tmp_path / "export"))
    done(lab.verify(tmp_path / "export"))
    with lab.connect() as connection:
        now = connection.execute(
            "select evident.leaf_hash(e) from evident.event_store as e"
            " where e.event_id = %s",
            [receipt[0]],
        ).fetchone()
    assert now is not None
    assert now[0] != receipt[1]


def test_nothing_detects_false_data_through_valid_credentials(
    lab: Lab, tmp_path: Path
) -> None:
    with lab.connect() as connection:
        connection.execute("set role evident_writer")
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'PaymentReceived',"
            ' \'{"amount": 1000000, "is_true": false}\')'
        )
    assert not lab.ledger_finds()
    lab.seal()
    done(lab.publish())
    done(lab.export(tmp_path / "export"))
    done(lab.verify(tmp_path / "export"))


def test_nothing_detects_collusion_of_owner_key_holder_and_every_keeper(
    lab: Lab, tmp_path: Path
) -> None:
    rebuilt = next(each for each in ATTACKS if "edits a sealed event and" in each.name)
    with lab.connect() as connection:
        as_owner(connection, rebuilt.statements)
    for file in (*lab.kept, lab.checkpoints / "checkpoint"):
        file.unlink()
    done(lab.publish("--new-directory"))
    done(lab.export(tmp_path / "export"))
    done(lab.verify(tmp_path / "export"))
