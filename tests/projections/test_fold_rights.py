"""Promises 10, 14 and 24: a fold has the rights of its role, and reaches no other."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.migrate.run import migrate
from support.models.folds import (
    APPEND,
    BENT,
    REGISTER,
    SCHEMA,
    attempt,
    calls,
    fold,
    make,
)

Observer = psycopg.Connection[Any]

DEFAULTS = """
alter default privileges for role evident_projector
grant execute on functions to evident_writer;
alter default privileges for role evident_projector
grant select on tables to public;
"""
KEEP = 'evident."keep_event_reach.counted"()'
KEPT = 'evident."kept_event_reach.counted"(evident.event_store)'
# What a trigger has by its oid would be run wherever it was moved, as whoever inserts.
MOVE = """
alter function {function} set schema reach;
create or replace function reach."{name}_reach.counted"({argument})
returns {result} language plpgsql volatile security invoker as $$
begin
    perform reach.mark();
    return null;
end $$;
"""
MOVED = {
    "one": MOVE.format(
        function=KEPT,
        name="kept_event",
        argument="new evident.event_store",
        result="evident.event_store",
    ),
    "batch": MOVE.format(
        function='evident."kept_batch_reach.counted"(evident.event_store[])',
        name="kept_batch",
        argument="p_events evident.event_store[]",
        result="evident.event_store",
    ),
    "trigger": MOVE.format(
        function=KEEP, name="keep_event", argument="", result="trigger"
    ),
}
MANY = (
    "select evident.append_events(gen_random_uuid(),"
    ' \'[{"type":"Noted","payload":{}},{"type":"Noted","payload":{}}]\')'
)
REFUSED = [
    "set role evident_owner",
    "set local role evident_owner",
    "set session authorization evident_owner",
    "reset role",
    "update evident.event_store set payload = '{}'",
    "delete from evident.event_store",
    "insert into evident.event_store (aggregate_id, version, event_type, payload)"
    " values (gen_random_uuid(), 1, 'Forged', '{}')",
    "alter table evident.event_store disable trigger all",
    "grant select on evident.projection to public",
    "alter function evident.append_events(uuid, jsonb, bigint) security invoker",
    "alter schema evident owner to evident_projector",
    "select * from evident.projection",
    "select * from evident.projection_failure",
    "select s.actor from evident.projection_skip as s",
    "update evident.projection set position = 0",
    "create function evident.mine() returns integer language sql return 1",
    "create or replace function evident._as_projector(p_sql text) returns bigint"
    " language sql as 'select 1::bigint'",
    f"create or replace function {KEEP} returns trigger language plpgsql"
    " as 'begin return null; end'",
    "select evident.append_event(gen_random_uuid(), 'Forged', '{}')",
    "select evident.seal()",
    "alter function evident._as_projector(text) owner to evident_owner",
]
# The role owns these, so it may; none makes what follows run as the store's owner.
ALLOWED = [
    "alter function evident._as_projector(text) security invoker",
    "alter function evident._as_projector(text) security invoker"
    " set search_path = bent, pg_catalog",
    "alter function evident._ask_projector(text) security invoker"
    " set search_path = bent, pg_catalog",
    f"alter function {KEPT} security invoker",
    f"alter function {KEPT} security invoker set search_path = bent, pg_catalog",
    "select set_config('search_path', 'bent, pg_catalog', false)",
    "select set_config('search_path', 'bent, pg_catalog', true)",
]


@pytest.mark.promise(24)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_fold_is_refused_what_is_the_stores(
    db: Database, observer: Observer, mode: str
) -> None:
    make(observer, mode)
    for sql in REFUSED:
        attempt(observer, sql)
        with db.connect(autocommit=True) as connection:
            assert fold(connection, mode) is not None, sql
        observer.execute("delete from evident.projection_failure")
    assert calls(observer, "evident_projector") >= len(REFUSED)
    assert calls(observer, "evident_owner") == 0


@pytest.mark.promise(14)
@pytest.mark.promise(24)
@pytest.mark.parametrize("sql", ALLOWED)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_runs_folds_never_runs_one_as_the_owner(
    db: Database, observer: Observer, mode: str, sql: str
) -> None:
    if "kept_event" in sql and mode == "async":
        pytest.skip("no append runs such a fold")
    make(observer, mode)
    observer.execute(BENT)
    assert fold(observer, mode) is None
    attempt(observer, sql)
    with db.connect(autocommit=True) as connection:
        for _ in range(2):
            fold(connection, mode)
            for call in (
                APPEND,
                "select evident.run_projection('reach.counted')",
                "select * from evident.verify_projection('reach.counted')",
                "select evident.project('reach.counted',"
                " '01900000-0000-7000-8000-000000000001')",
                "select evident.rebuild_projection('reach.counted')",
            ):
                try:
                    connection.execute(call)
                except psycopg.Error as error:
                    assert error.sqlstate == "42501", (call, error)
    assert calls(observer, "evident_owner") == 0


@pytest.mark.twin_of(24)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_runs_folds_without_a_look_at_itself_is_caught(
    db: Database, observer: Observer, mode: str
) -> None:
    make(observer, mode)
    observer.execute(
        "create function pg_temp.blind(p_name regprocedure) returns void"
        " language plpgsql as $$ begin"
        " execute regexp_replace(pg_get_functiondef(p_name),"
        " $r$current_user operator\\(pg_catalog.<>\\) 'evident_projector'$r$,"
        " 'false', 'g'); end $$"
    )
    observer.execute(
        "select pg_temp.blind('evident._as_projector(text)');"
        " alter function evident._as_projector(text) security invoker"
    )
    if mode == "sync":
        row = observer.execute(f"select pg_get_functiondef('{KEPT}'::regprocedure)")
        source = str((row.fetchone() or ("",))[0])
        blind = source.replace(
            "current_user operator(pg_catalog.=) 'evident_projector'", "true"
        )
        assert blind != source
        observer.execute(blind.encode())
        observer.execute(f"alter function {KEPT} security invoker")
    with db.connect(autocommit=True) as connection:
        fold(connection, mode)
    assert calls(observer, "evident_owner") > 0


def moved_ran(db: Database, observer: Observer, sql: str) -> int:
    """Tell how often code that a fold moved here ran as the store's owner."""
    attempt(observer, sql)
    with db.connect(autocommit=True) as connection:
        for call in (APPEND, MANY, APPEND, MANY):
            try:
                connection.execute(call.encode())
            except psycopg.Error as error:
                assert error.sqlstate in ("42883", "42501", "3F000"), (call, error)
    return calls(observer, "evident_owner")


@pytest.mark.promise(14)
@pytest.mark.promise(24)
@pytest.mark.parametrize("name", MOVED)
def test_what_a_fold_moves_away_is_not_run(
    db: Database, observer: Observer, name: str
) -> None:
    make(observer, "sync")
    assert moved_ran(db, observer, MOVED[name]) == 0
    assert calls(observer, "evident_projector") > 0


@pytest.mark.twin_of(24, name="a trigger function that belongs to evident_projector")
def test_a_trigger_function_of_the_role_of_folds_is_caught(
    db: Database, observer: Observer
) -> None:
    make(observer, "sync")
    observer.execute(f"alter function {KEEP} owner to evident_projector")
    assert moved_ran(db, observer, MOVED["trigger"]) > 0


@pytest.mark.promise(24)
@pytest.mark.usefixtures("template")  # the roles are there already
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_default_privileges_open_nothing_of_what_folds_need(
    empty_db: Database, mode: str
) -> None:
    connection = empty_db.connect(autocommit=True)
    connection.execute(DEFAULTS)
    migrate(empty_db.dsn)
    make(connection, mode)
    assert fold(connection, mode) is None
    opened = connection.execute(
        "select p.oid::regprocedure::text from pg_proc as p where"
        " p.proowner = 'evident_projector'::regrole"
        " and p.pronamespace = 'evident'::regnamespace"
        " and has_function_privilege('evident_writer', p.oid, 'execute')"
        " union all select c.oid::regclass::text from pg_class as c where"
        " c.relowner = 'evident_projector'::regrole and c.relkind = 'v'"
        " and has_table_privilege('evident_writer', c.oid, 'select')"
    ).fetchall()
    assert opened == []


FORCED = """
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set min_parallel_index_scan_size = 0;
set max_parallel_workers_per_gather = 4;
"""
# It leaves out what is no number; the block makes a subtransaction.
LENIENT = """
create or replace function reach.apply(p_row reach.counted, p_event evident.event_store)
returns reach.counted language plpgsql immutable parallel {parallel} as $$
begin
    p_row.n := coalesce(p_row.n, 0) + 1;
    begin
        p_row.n := p_row.n + (p_event.payload ->> 'n')::integer;
    exception when invalid_text_representation then
        null;
    end;
    return p_row;
end $$
"""


@pytest.mark.promise(8)
@pytest.mark.parametrize("parallel", ["unsafe", "restricted", "safe"])
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_fold_with_an_exception_block_runs_under_parallel_plans(
    observer: Observer, mode: str, parallel: str
) -> None:
    observer.execute(SCHEMA)
    observer.execute(LENIENT.format(parallel=parallel))
    observer.execute(
        "select evident.append_events(gen_random_uuid(), jsonb_agg("
        "jsonb_build_object('type', 'Noted', 'payload', jsonb_build_object('n',"
        " case when g % 7 = 0 then 'x' else g::text end))))"
        " from generate_series(1, 300) as g"
    )
    observer.execute(REGISTER, [mode])
    observer.execute("vacuum analyze evident.event_store")
    name = "debug_parallel_query"
    if observer.info.server_version < 160_000:
        name = "force_parallel_mode"
    observer.execute(FORCED)
    observer.execute(f"set {name} = on")
    observer.execute("select evident.run_projection('reach.counted')")
    assert fold(observer, mode) is None
    key = observer.execute("select id::text from reach.counted limit 1").fetchone()
    assert key is not None
    for sql in (
        "select * from evident.verify_projection('reach.counted')",
        f"select * from evident.verify_projection('reach.counted', '{key[0]}')",
    ):
        assert observer.execute(sql.encode()).fetchall() == []
    observer.execute(f"select evident.project('reach.counted', '{key[0]}')")
    rebuilt = observer.execute(
        "select evident.rebuild_projection('reach.counted', 0, 1)"
    )
    assert rebuilt.fetchone() == (0,)
    row = observer.execute(
        "select p.proparallel from pg_proc as p"
        " where p.pronamespace = 'evident'::regnamespace"
        " and p.proname = 'step_reach.counted'"
    ).fetchone()
    assert row == (parallel[0],)
