"""What another planted under a name of ours is refused with its owner, never run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import Database, fresh_database
from pg_evident import places
from pg_evident.access import ownership
from pg_evident.cli.main import main
from pg_evident.database import connect
from pg_evident.failure import Failure
from pg_evident.migrate import run as migrate
from pg_evident.migrate import status
from pg_evident.server.cluster import Server
from support.clients.waiting import Background, wait_for

pytestmark = pytest.mark.once

# What mallory wants to have run by a superuser; it fails in silence for all others.
RUN = """
create schema plant;
grant usage on schema plant to public;
create function plant.run() returns boolean language plpgsql as $$
begin
    execute 'alter role mallory superuser';
    return true;
exception
    when others then return true;
end;
$$;
create function plant.fixed() returns boolean language sql immutable as
'select true';
create function plant.run_trigger() returns trigger language plpgsql as $$
begin
    perform plant.run();
    return new;
end;
$$;
"""
LOCK = "locked integer default 1 primary key, ctime timestamp, pid integer not null"
MARK = (
    "migration_hash varchar(64) primary key, migration_id varchar(255),"
    " applied_at_utc timestamp"
)
# Every way in which reading or writing a relation runs code of its owner.
PLANTS = {
    "a view": "create view evident_yoyo._yoyo_migration as"
    " select 'x' as migration_hash,"
    " plant.run()::text as migration_id, now()::timestamp as applied_at_utc",
    "a materialized view": "create materialized view evident_yoyo._yoyo_migration as"
    " select 'x' as migration_hash, 'y' as migration_id, now() as applied_at_utc",
    "a trigger": f"create table evident_yoyo.yoyo_lock ({LOCK});"
    " create trigger t before insert on evident_yoyo.yoyo_lock"
    " for each row execute function plant.run_trigger()",
    "a rule": f"create table evident_yoyo.yoyo_lock ({LOCK});"
    " create rule r as on insert to evident_yoyo.yoyo_lock"
    " do also select plant.run()",
    "a default": "create table evident_yoyo.yoyo_lock"
    " (locked integer default plant.run()::integer primary key, ctime timestamp,"
    " pid integer not null)",
    "a generated column": f"create table evident_yoyo.yoyo_lock ({LOCK},"
    " ran boolean generated always as (plant.fixed()) stored)",
    "a check": f"create table evident_yoyo.yoyo_lock ({LOCK}, check (plant.run()))",
    "a domain": "create domain plant.number as integer check (plant.run());"
    " create table evident_yoyo.yoyo_lock"
    " (locked plant.number default 1, ctime timestamp, pid integer not null)",
    "an index": f"create table evident_yoyo.yoyo_lock ({LOCK});"
    " create index on evident_yoyo.yoyo_lock ((plant.fixed()))",
    "a partition": f"create table evident_yoyo._yoyo_migration ({MARK});"
    f" create table plant.child (check (plant.run()))"
    " inherits (evident_yoyo._yoyo_migration)",
    "a policy": f"create table evident_yoyo.yoyo_lock ({LOCK});"
    " alter table evident_yoyo.yoyo_lock enable row level security;"
    " create policy p on evident_yoyo.yoyo_lock using (plant.run())",
    "a plain table": f"create table evident_yoyo._yoyo_migration ({MARK})",
    "an operator": "create function evident_yoyo.eq(varchar, varchar) returns boolean"
    " language sql as 'select plant.run()'; create operator evident_yoyo.="
    " (function = evident_yoyo.eq, leftarg = varchar, rightarg = varchar)",
    "an aggregate": "create function evident_yoyo.max(integer) returns integer"
    " language sql as 'select plant.run()::integer'",
}


@pytest.fixture(scope="module")
def mallory(server: Server) -> Iterator[Server]:
    """Give a server with a login that is nobody's friend."""
    with connect(server.uri, autocommit=True) as connection:
        connection.execute("create role mallory login; create role owner1")
        connection.execute("grant owner1 to mallory")
    yield server
    with connect(server.uri, autocommit=True) as connection:
        connection.execute("drop role mallory, owner1")


@contextlib.contextmanager
def planted_from(server: Server, template: str) -> Iterator[Database]:
    """Make a database in which mallory may make schemas, and has her function."""
    with fresh_database(server, template) as database:
        as_dba(database, f"grant create on database {database.name} to mallory")
        as_mallory(database, RUN)
        yield database


@pytest.fixture
def planted(mallory: Server) -> Iterator[Database]:
    """Give an empty database in which mallory may make schemas."""
    with planted_from(mallory, "template0") as database:
        yield database


@pytest.fixture
def planted_store(mallory: Server, template: str) -> Iterator[Database]:
    """Give a migrated database in which mallory may make schemas."""
    with planted_from(mallory, template) as database:
        yield database


@pytest.fixture(scope="module")
def ground(mallory: Server) -> Iterator[Database]:
    """Give a database for many plants, one after the other."""
    with planted_from(mallory, "template0") as database:
        yield database


@pytest.fixture
def cleared(ground: Database) -> Database:
    """Give that database with mallory's function, and with no schema for marks."""
    as_dba(
        ground, "drop schema if exists evident_yoyo cascade; drop schema plant cascade"
    )
    as_mallory(ground, RUN)
    return ground


def as_mallory(db: Database, text: str) -> None:
    with connect(db.dsn.replace("postgres@", "mallory@"), autocommit=True) as session:
        session.execute(text.encode())


def as_dba(db: Database, text: str) -> None:
    with connect(db.dsn, autocommit=True) as session:
        session.execute(text.encode())


def call_everything(db: Database) -> list[str]:
    """Do what commands begin with, and return the refusals."""
    refusals = []
    for command in (migrate.status, migrate.mark, migrate.migrate, migrate.rollback):
        try:
            command(db.dsn)
        except Failure as failure:
            refusals.append(failure.message)
    return refusals


def require_that_nothing_ran(db: Database) -> None:
    with connect(db.dsn) as connection:
        row = connection.execute(
            "select rolsuper from pg_roles where rolname = 'mallory'"
        ).fetchone()
    assert row == (False,), "the planted function ran as a superuser"


def require_refused(db: Database, name: str = "mallory", count: int = 4) -> None:
    refusals = call_everything(db)
    require_that_nothing_ran(db)
    assert len(refusals) == count, refusals
    assert all(name in each for each in refusals), refusals


@pytest.mark.promise(24)
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_schema_for_marks_is_refused(cleared: Database, plant: str) -> None:
    as_mallory(cleared, "create schema evident_yoyo; " + PLANTS[plant])
    require_refused(cleared)


@pytest.mark.promise(24)
@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_in_our_schema_for_marks_is_refused(
    cleared: Database, plant: str
) -> None:
    as_dba(
        cleared,
        "create schema evident_yoyo; grant all on schema evident_yoyo to mallory",
    )
    as_mallory(cleared, PLANTS[plant])
    as_dba(cleared, "revoke all on schema evident_yoyo from mallory")
    require_refused(cleared)


@pytest.mark.promise(24)
def test_a_right_to_the_marks_is_refused_before_it_is_used(
    planted_store: Database,
) -> None:
    for right in ("trigger", "references", "insert", "delete"):
        as_dba(planted_store, f"grant {right} on evident_yoyo.yoyo_lock to mallory")
        require_refused(planted_store)
        as_dba(planted_store, "revoke all on evident_yoyo.yoyo_lock from mallory")


@pytest.mark.promise(24)
def test_a_trigger_of_anothers_on_our_own_table_is_refused(
    planted_store: Database,
) -> None:
    as_dba(
        planted_store,
        "grant usage on schema evident_yoyo to mallory;"
        " grant trigger on evident_yoyo.yoyo_lock to mallory",
    )
    as_mallory(
        planted_store,
        "create trigger t before insert on evident_yoyo.yoyo_lock"
        " for each row execute function plant.run_trigger()",
    )
    as_dba(planted_store, "revoke trigger on evident_yoyo.yoyo_lock from mallory")
    require_refused(planted_store, "trigger")


@pytest.mark.promise(24)
def test_a_planted_schema_evident_is_refused_by_every_command(
    planted: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    as_mallory(
        planted,
        "create schema evident; grant usage on schema evident to public;"
        " create function evident.version() returns text language sql as"
        " $$ select '0001_schema_and_roles' where plant.run() $$;"
        " create view evident.feed_status as select plant.run();"
        " create function evident.seal(bigint) returns bigint language sql as"
        " $$ select 1::bigint where plant.run() $$",
    )
    require_refused(planted)
    (tmp_path / "one.ndjson").write_text("{}")
    for words in COMMANDS:
        given = [each.format(folder=tmp_path) for each in words]
        monkeypatch.setattr("sys.argv", ["evident", *given, "--dsn", planted.dsn])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        # drift keeps 1 for a read model that differs.
        assert ended.value.code == (2 if words == ["drift"] else 1), words
        assert "schema evident belongs to mallory" in said, words
        assert "hint: " in said
    require_that_nothing_ran(planted)


COMMANDS = [
    ["status"],
    ["migrate"],
    ["rollback"],
    ["demo"],
    ["import", "{folder}/one.ndjson"],
    ["relay", "mail", "--once"],
    ["work", "--once"],
    ["rebuild", "--all"],
    ["drift"],
    ["seal"],
    ["export", "{folder}/log"],
    ["prove", "01900000-0000-7000-8000-000000000001"],
    ["reference"],
]


@pytest.mark.promise(24)
def test_a_function_of_anothers_in_our_schema_is_refused(
    planted_store: Database,
) -> None:
    as_dba(planted_store, "grant all on schema evident to mallory")
    require_refused(planted_store)
    as_mallory(
        planted_store,
        "create function evident.seal(integer) returns bigint language sql as"
        " 'select plant.run()::integer::bigint'",
    )
    as_dba(planted_store, "revoke all on schema evident from mallory")
    require_refused(planted_store)


@pytest.mark.promise(24)
def test_a_path_with_anothers_schema_before_pg_catalog_is_refused(
    planted: Database,
) -> None:
    as_dba(planted, f"alter database {planted.name} owner to mallory")
    as_mallory(
        planted,
        "create function plant.eq(oid, oid) returns boolean language sql"
        " as 'select plant.run()';"
        " create operator plant.= (function = plant.eq, leftarg = oid, rightarg = oid);"
        " create function plant.to_regnamespace(text) returns regnamespace"
        " language sql as 'select null::regnamespace where plant.run()';"
        f" alter database {planted.name} set search_path = plant, pg_catalog",
    )
    require_refused(planted)


PLANTED_STATUS = """
create schema evident;
grant usage on schema evident to public;
create view evident.feed_status as select plant.run();
grant select on evident.feed_status to public;
"""


@pytest.mark.promise(24)
@pytest.mark.parametrize("setting", ["role", "session_authorization"])
def test_a_role_that_the_database_chose_is_not_trusted(
    planted: Database, setting: str
) -> None:
    as_dba(planted, f"alter database {planted.name} owner to owner1")
    as_mallory(planted, f"set role owner1; {PLANTED_STATUS}")
    as_dba(planted, f"alter database {planted.name} set {setting} = owner1")
    require_refused(planted, "owner1")
    with pytest.raises(Failure, match="under a setting of the database"):
        status.show(planted.dsn)
    require_that_nothing_ran(planted)


@pytest.mark.promise(24)
def test_install_sql_looks_nothing_up_in_anothers_path(planted: Database) -> None:
    as_dba(planted, f"alter database {planted.name} owner to mallory")
    as_mallory(
        planted,
        "create function plant.set_config(text, text, boolean) returns text"
        " language sql as 'select $1 where plant.run()';"
        " create function plant.to_regnamespace(text) returns regnamespace"
        " language sql as 'select null::regnamespace where plant.run()';"
        " create function plant.cat(text, text) returns text language sql"
        " as 'select $1 where plant.run()';"
        " create operator plant.|| (function = plant.cat, leftarg = text,"
        " rightarg = text);"
        f" alter database {planted.name} set search_path = plant, pg_catalog",
    )
    with connect(planted.dsn) as connection:
        connection.execute((places.INSTALL).read_bytes())
        connection.commit()
        connection.execute((places.UNINSTALL).read_bytes())
    require_that_nothing_ran(planted)


@pytest.mark.promise(24)
def test_marks_where_yoyo_by_hand_has_them_are_looked_at_first(
    planted: Database,
) -> None:
    """In public, which its database's owner may fill, and in a schema of one's name."""
    as_mallory(
        planted,
        "create schema postgres; create view postgres._yoyo_migration as"
        " select 'x' as migration_hash, plant.run()::text as migration_id,"
        " now()::timestamp as applied_at_utc;"
        " grant usage on schema postgres to public;"
        " grant select on postgres._yoyo_migration to public",
    )
    require_refused(planted)
    as_mallory(planted, "drop schema postgres cascade")
    as_dba(planted, f"alter database {planted.name} owner to mallory")
    as_mallory(planted, f"create table public._yoyo_migration ({MARK})")
    require_refused(planted)
    with pytest.raises(Failure) as refused:
        migrate.status(planted.dsn)
    assert "create schema evident_yoyo" in (refused.value.hint or "")
    # As the hint has it: then the application's marks are its own affair.
    as_dba(planted, "create schema evident_yoyo")
    assert migrate.migrate(planted.dsn)
    require_that_nothing_ran(planted)


@pytest.mark.promise(24)
def test_a_schema_planted_while_ours_is_made_is_refused(planted: Database) -> None:
    with (
        connect(planted.dsn, autocommit=True) as watcher,
        connect(planted.dsn.replace("postgres@", "mallory@")) as mallory,
    ):
        mallory.execute("create schema evident_yoyo")
        mallory.execute(PLANTS["a trigger"].encode())
        task = Background(lambda: migrate.migrate(planted.dsn))
        wait_for(watcher, "exists (select from pg_locks as l where not l.granted)")
        mallory.commit()
        with pytest.raises(Failure, match="mallory"):
            task.result()
    require_that_nothing_ran(planted)


@pytest.mark.promise(24)
def test_the_marks_are_made_with_rights_for_nobody_else(planted: Database) -> None:
    as_dba(
        planted,
        "alter default privileges grant all on tables to mallory;"
        " alter default privileges grant all on schemas to mallory, public",
    )
    migrate.migrate(planted.dsn)
    with connect(planted.dsn) as connection:
        row = connection.execute(
            "select count(*) from pg_class as c,"
            " unnest(array['select', 'insert', 'trigger', 'references']) as r"
            " where c.relnamespace = 'evident_yoyo'::regnamespace and c.relkind = 'r'"
            " and has_table_privilege('mallory', c.oid, r)"
        ).fetchone()
        assert row == (0,)
        row = connection.execute(
            "select has_schema_privilege('mallory', 'evident_yoyo', 'create')"
            " or has_schema_privilege('mallory', 'evident', 'usage')"
        ).fetchone()
        assert row == (False,)


@pytest.mark.twin_of(24)
@pytest.mark.parametrize("plant", ["a view", "a trigger"])
def test_a_look_up_by_name_alone_runs_what_was_planted(
    cleared: Database, monkeypatch: pytest.MonkeyPatch, plant: str
) -> None:
    as_mallory(cleared, "create schema evident_yoyo; " + PLANTS[plant])
    monkeypatch.setattr(ownership, "_refuse", lambda *_words: None)
    try:
        for command in (migrate.status, migrate.migrate):
            try:
                command(cleared.dsn)
            except (Failure, psycopg.Error):
                continue
        with pytest.raises(AssertionError, match="ran as a superuser"):
            require_that_nothing_ran(cleared)
    finally:
        as_dba(cleared, "alter role mallory nosuperuser")
