"""Promise 34: a DBA's event triggers on DDL stop what they refuse, whole, and by name.

Rebuilds, pauses, and handing over to appends take DDL. Where an event trigger of others
refuses it, or cannot write its log, the error names the trigger, nothing is half-done,
and appends go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from support.checkers.projections import drift
from support.clients.projection_steps import ONE, PAUSE, RESUME, TWO, append, state
from support.clients.projection_work import REBUILD, RUN, violations
from support.clients.store import Store
from support.models.projection_models import ASYNC, SYNC, SYNC_ACROSS, make_models

pytestmark = pytest.mark.promise(34)

Observer = psycopg.Connection[Any]

LOG = """
create schema dba;
create table dba.ddl_log (at timestamptz default now(), tag text, object text);
create function dba.log_ddl() returns event_trigger language plpgsql as $$
begin
    insert into dba.ddl_log (tag, object)
    select c.command_tag, c.object_identity from pg_event_trigger_ddl_commands() as c;
end $$;
create function dba.log_drop() returns event_trigger language plpgsql as $$
begin
    insert into dba.ddl_log (tag, object)
    select 'drop', d.object_identity from pg_event_trigger_dropped_objects() as d;
end $$;
create event trigger log_ddl on ddl_command_end execute function dba.log_ddl();
create event trigger log_drop on sql_drop execute function dba.log_drop();
"""
FORBID = """
create schema dba;
create function dba.no_ddl() returns event_trigger language plpgsql as $$
begin raise exception 'no DDL in business hours: %', tg_tag; end $$;
create event trigger no_ddl on ddl_command_start execute function dba.no_ddl();
"""
KINDS = {"log": (LOG, "log_ddl (dba.log_ddl of postgres)", "42501")}
KINDS["forbid"] = (FORBID, "no_ddl (dba.no_ddl of postgres)", "P0001")
# What README tells DBAs to grant for such a log.
GRANT = """
grant usage on schema dba to evident_owner, evident_projector;
grant insert on dba.ddl_log to evident_owner, evident_projector;
"""
DROP = "select evident.drop_projection(%s)"
CATALOG = """
select p.name, p.state, p.position, p.definition, p.number, b.rows
from evident.projection as p
cross join (select count(*) as rows from evident.baseline) as b
order by p.name
"""
SCRATCH = "select to_regclass('pg_temp.rebuilt'), to_regclass('pg_temp.differing')"


def prepare(observer: Observer) -> list[tuple[str, list[Any]]]:
    """Make models, one paused and resumed; give the calls that take DDL."""
    make_models(observer, [SYNC, SYNC_ACROSS, ASYNC])
    append(observer, ONE, "k")
    observer.execute(PAUSE, [SYNC_ACROSS.name])
    append(observer, TWO, "k")
    observer.execute(RESUME, [SYNC_ACROSS.name])
    observer.execute(RUN, [ASYNC.name, 100])
    observer.execute(f"delete from {SYNC.name}".encode())
    observer.execute(f"delete from {ASYNC.name}".encode())
    return [
        (REBUILD, [SYNC.name, 0, 1]),
        (REBUILD, [ASYNC.name, 0, 1]),
        (REBUILD, [SYNC.name, 1, 2]),
        (PAUSE, [SYNC.name]),
        (DROP, [SYNC.name]),
        (DROP, [ASYNC.name]),
        # Goes live.
        (RUN, [SYNC_ACROSS.name, 100]),
        (REBUILD, [SYNC_ACROSS.name, 0, 1]),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_ddl_that_an_event_trigger_refuses_names_it_and_leaves_all_as_it_was(
    store: Store, observer: Observer, kind: str
) -> None:
    calls = prepare(observer)
    before = observer.execute(CATALOG).fetchall()
    script, name, code = KINDS[kind]
    observer.execute(script.encode())
    with store.connect() as operator:
        for call, parameters in calls:
            with pytest.raises(psycopg.Error) as told:
                operator.execute(call, parameters)
            assert told.value.sqlstate == code, (call, parameters)
            assert name in (told.value.diag.message_hint or ""), (call, parameters)
            assert observer.execute(CATALOG).fetchall() == before
            assert operator.execute(SCRATCH).fetchone() == (None, None)
            append(operator, TWO, "k")
        with pytest.raises(psycopg.Error) as told:
            ASYNC.register(operator)
            operator.execute(DROP, [ASYNC.name])
        assert name in (told.value.diag.message_hint or "")
    if kind == "log":
        observer.execute(GRANT)
    else:
        observer.execute("drop event trigger no_ddl")
    with store.connect() as operator:
        for call, parameters in calls[:3]:
            operator.execute(call, parameters)
    assert violations(store, observer, [SYNC, SYNC_ACROSS, ASYNC]) == []
    assert state(observer, SYNC_ACROSS) == "running"


def test_errors_of_a_fold_are_not_laid_at_the_door_of_an_event_trigger(
    store: Store, observer: Observer
) -> None:
    make_models(observer, [ASYNC])
    observer.execute(LOG.encode() + GRANT.encode())
    with store.connect() as operator:
        operator.execute(
            "select evident.append_event(%s, 'Added', '{\"bad\": 1}', 0)", [ONE]
        )
        with pytest.raises(psycopg.errors.DataException) as told:
            operator.execute(REBUILD, [ASYNC.name, 0, 1])
        assert "log_ddl" not in (told.value.diag.message_hint or "")
    assert drift(observer, ASYNC.name) == []


@pytest.mark.twin_of(34)
def test_an_error_that_does_not_name_the_event_trigger_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    calls = prepare(observer)
    twin("nameless_triggers")
    script, name, _ = KINDS["forbid"]
    observer.execute(script.encode())
    with store.connect() as operator, pytest.raises(psycopg.Error) as told:
        operator.execute(*calls[0])
    assert name not in (told.value.diag.message_hint or "")
