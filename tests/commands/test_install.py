"""Installing, rolling back and installing again, with yoyo and with psql alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from pg_evident.migrate.run import migrate, rollback, status
from pg_evident.places import ROOT
from pg_evident.server.cluster import Server
from support.checkers.fingerprint import fingerprint
from support.servers.psql import run_psql

if TYPE_CHECKING:
    from conftest import Database

ENGINE = sorted(p for p in ROOT.glob("migrations/*.sql") if "rollback" not in p.name)
SHOP = sorted(
    p for p in ROOT.glob("migrations/examples/*.sql") if "rollback" not in p.name
)


def test_install_sql_gives_the_same_catalog_as_yoyo(
    db: Database, empty_db: Database
) -> None:
    done = run_psql(db.server, empty_db.dsn, ROOT / "sql/install.sql")
    assert done.returncode == 0, done.stderr
    for path in SHOP:
        done = run_psql(db.server, empty_db.dsn, path)
        assert done.returncode == 0, done.stderr
    assert fingerprint(empty_db.connect()) == fingerprint(db.connect())


def test_running_every_source_again_changes_nothing(db: Database) -> None:
    before = fingerprint(db.connect())
    manifest = (ROOT / "sql/functions/MANIFEST").read_text().splitlines()
    sources = [
        ROOT / "sql/functions" / line
        for line in manifest
        if line and not line.startswith("#")
    ]
    sources += sorted(ROOT.glob("sql/projections/*.sql"))
    with db.connect(autocommit=True) as connection:
        for source in sources:
            connection.execute(source.read_text().encode())
    assert fingerprint(db.connect()) == before


def test_every_migration_goes_up_down_and_up_again(empty_db: Database) -> None:
    migrate(empty_db.dsn, examples=True)
    levels = [fingerprint(empty_db.connect())]
    names = [path.stem for path in (*ENGINE, *SHOP)]
    for name in reversed(names):
        assert rollback(empty_db.dsn) == [name]
        levels.append(fingerprint(empty_db.connect()))
    assert not {kind for kind, _ in levels[-1]} - {"default privilege", "role"}
    for path in (*ENGINE, *SHOP):
        levels.pop()
        done = run_psql(empty_db.server, empty_db.dsn, path)
        assert done.returncode == 0, done.stderr
        assert fingerprint(empty_db.connect()) ^ levels[-1] == set(), path.name


def test_migrating_again_is_a_no_op(db: Database) -> None:
    before = fingerprint(db.connect())
    assert migrate(db.dsn, examples=True) == []
    assert fingerprint(db.connect()) == before
    assert all(applied_at for _, applied_at in status(db.dsn))


def test_installing_twice_with_psql_says_what_is_there(
    db: Database,
) -> None:
    done = run_psql(db.server, db.dsn, ROOT / "sql/install.sql")
    assert done.returncode != 0
    assert "schema evident exists already" in done.stderr
    assert "evident.version()" in done.stderr


def test_a_rollback_that_would_lose_events_is_refused(db: Database) -> None:
    with db.connect() as connection:
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'Kept', '{}')"
        )
    with pytest.raises(psycopg.Error) as caught:
        rollback(db.dsn, everything=True)
    assert caught.value.sqlstate == "PT403"
    with db.connect() as connection:
        row = connection.execute("select event_type from evident.event_store")
        assert row.fetchall() == [("Kept",)]


def test_a_rollback_that_would_lose_tree_heads_is_refused(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        connection.execute("select evident.seal()")
        # The first seal tells of the guards, the next one seals that.
        connection.execute("select evident.seal()")
        before = fingerprint(connection)
    with pytest.raises(psycopg.Error) as caught:
        rollback(db.dsn, to="0007_projections")
    assert caught.value.sqlstate == "PT403"
    assert caught.value.diag.message_detail is not None
    assert "evident.tree_head" in caught.value.diag.message_detail
    with db.connect(autocommit=True) as connection:
        engine = {row for row in fingerprint(connection) if "evident.tree" in row[1]}
        assert engine == {row for row in before if "evident.tree" in row[1]}


def test_a_rollback_is_refused_while_a_projection_is_registered(
    empty_db: Database,
) -> None:
    migrate(empty_db.dsn)
    rollback(empty_db.dsn, to="0007_projections")
    with empty_db.connect(autocommit=True) as connection:
        make_own_projection(connection)
        before = fingerprint(connection)
    with pytest.raises(psycopg.Error) as caught:
        rollback(empty_db.dsn, to="0006_consumers")
    assert caught.value.sqlstate == "PT403"
    assert caught.value.diag.message_hint is not None
    assert "drop_projection" in caught.value.diag.message_hint
    with empty_db.connect(autocommit=True) as connection:
        assert fingerprint(connection) == before
        connection.execute("select evident.drop_projection('own.orders')")
    assert rollback(empty_db.dsn, to="0006_consumers") == ["0007_projections"]


def make_own_projection(connection: psycopg.Connection[Any]) -> None:
    """Register a read model that is none of the package's."""
    connection.execute("create schema own authorization evident_projector")
    connection.execute("set role evident_projector")
    connection.execute(
        "create table own.orders (aggregate_id uuid primary key, version integer)"
    )
    connection.execute(
        "create function own.apply(p_row own.orders, p_event evident.event_store)"
        " returns own.orders language sql immutable"
        " return row(p_row.aggregate_id, p_event.version)::own.orders"
    )
    connection.execute("reset role")
    connection.execute(
        "select evident.create_projection('own.orders',"
        " 'own.apply(own.orders, evident.event_store)', null)"
    )


def test_uninstall_sql_leaves_nothing_behind(db: Database, empty_db: Database) -> None:
    untouched = fingerprint(empty_db.connect())
    for path in reversed(SHOP):
        done = run_psql(db.server, db.dsn, path.with_suffix(".rollback.sql"))
        assert done.returncode == 0, done.stderr
    done = run_psql(db.server, db.dsn, ROOT / "sql/uninstall.sql")
    assert done.returncode == 0, done.stderr
    assert fingerprint(db.connect()) == untouched


def test_another_encoding_than_utf8_is_refused(db: Database) -> None:
    with psycopg.connect(db.server.uri, autocommit=True) as connection:
        connection.execute(
            "create database latin encoding 'LATIN1' locale 'C' template template0"
        )
        try:
            done = run_psql(
                db.server, db.server.uri_for("latin"), ROOT / "sql/install.sql"
            )
        finally:
            connection.execute("drop database latin")
    assert done.returncode != 0
    assert "encoding UTF8" in done.stderr
    assert "HINT" in done.stderr


@pytest.mark.parametrize("with_psql", [False, True], ids=["yoyo", "psql"])
def test_a_role_that_is_no_superuser_can_install_use_and_uninstall(
    alone: Server, with_psql: bool
) -> None:
    dsn = alone.uri_for("one").replace("postgres@", "dba1@", 1)
    if with_psql:
        done = run_psql(alone, dsn, ROOT / "sql/install.sql")
        assert done.returncode == 0, done.stderr
    else:
        migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("grant evident_writer, evident_reader to app")
    app = alone.uri_for("one").replace("postgres@", "app@", 1)
    with psycopg.connect(app) as connection:
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'Made', '{}', 0)"
        )
        row = connection.execute(
            "select recorded_by from evident.event_store"
        ).fetchone()
        assert row == ("app",)
        connection.rollback()
    if with_psql:
        done = run_psql(alone, dsn, ROOT / "sql/uninstall.sql")
        assert done.returncode == 0, done.stderr
    else:
        rollback(dsn, everything=True)
    with psycopg.connect(alone.uri_for("one")) as connection:
        roles = connection.execute(
            "select rolname from pg_roles where rolname like 'evident%'"
        ).fetchall()
        assert roles == []


def test_two_databases_of_one_cluster_share_the_roles(
    db: Database, empty_db: Database
) -> None:
    migrate(empty_db.dsn)
    rollback(empty_db.dsn, everything=True)
    with db.connect() as connection:
        connection.execute("set role evident_writer")
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'Works', '{}', 0)"
        )


def test_strict_and_lax_default_privileges_change_nothing(
    db: Database, empty_db: Database
) -> None:
    with empty_db.connect(autocommit=True) as connection:
        connection.execute("create schema app")
        connection.execute("create role app_user")
        try:
            for kind in ("tables", "functions", "sequences", "types", "schemas"):
                connection.execute(
                    sql.SQL("alter default privileges grant all on {} to app_user")
                    .format(sql.SQL(kind))
                )  # fmt: skip
                connection.execute(
                    sql.SQL("alter default privileges revoke all on {} from public")
                    .format(sql.SQL(kind))
                )  # fmt: skip
            connection.execute("create function app.now() returns int return 1")
            connection.execute(
                f"alter database {empty_db.name} set search_path = app, pg_catalog"
            )
            migrate(empty_db.dsn, examples=True)
            ours = {
                each
                for each in fingerprint(connection)
                if each[0] not in ("default privilege", "role")
            }
            theirs = fingerprint(db.connect())
            assert {each for each in ours - theirs if "app_user" in each[1]} == set()
            assert len(ours ^ theirs) == len(
                [each for each in theirs if each[0] in ("default privilege", "role")]
            )
        finally:
            connection.execute("drop owned by app_user")
            connection.execute("drop role app_user")
