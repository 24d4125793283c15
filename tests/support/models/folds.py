"""Read models whose folds reach for more than they have, and what came of it."""

from __future__ import annotations

from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# A fold is not volatile, and so runs no command itself; what it calls may.
SCHEMA = """
create sequence public.as_evident_owner;
create sequence public.as_evident_projector;
grant usage on sequence public.as_evident_owner to public;
grant usage on sequence public.as_evident_projector to public;
create schema reach authorization evident_projector;
grant usage on schema reach to public;
set role evident_projector;
create table reach.counted (id uuid primary key, n integer);
create function reach.mark() returns void language plpgsql volatile as $$
begin
    if current_user in ('evident_owner', 'evident_projector') then
        perform pg_catalog.nextval(('public.as_' || current_user)::pg_catalog.regclass);
    end if;
end $$;
create function reach.attempt() returns void language plpgsql volatile as $$
begin
end $$;
create function reach.apply(p_row reach.counted, p_event evident.event_store)
returns reach.counted language plpgsql stable as $$
begin
    perform reach.mark();
    perform reach.attempt();
    p_row.n := coalesce(p_row.n, 0) + 1;
    return p_row;
end $$;
reset role;
"""
# An operator that all text comparisons find first, under this path.
BENT = """
create schema bent authorization evident_projector;
grant usage on schema bent to public;
set role evident_projector;
create function bent.unequal(text, text) returns boolean language plpgsql as $$
begin
    perform reach.mark();
    return $1 operator(pg_catalog.<>) $2;
end $$;
create operator bent.<> (leftarg = text, rightarg = text, function = bent.unequal);
create function bent.equal(bigint, bigint) returns boolean language plpgsql as $$
begin
    perform reach.mark();
    return $1 operator(pg_catalog.=) $2;
end $$;
create operator bent.= (leftarg = bigint, rightarg = bigint, function = bent.equal);
create function bent.greater(bigint, bigint) returns boolean language plpgsql as $$
begin
    perform reach.mark();
    return $1 operator(pg_catalog.>) $2;
end $$;
create operator bent.> (leftarg = bigint, rightarg = bigint, function = bent.greater);
reset role;
"""
# All that the role may hand on, so that nothing is refused for want of it.
OPEN = """
do $do$
declare
    v_routine regprocedure;
begin
    set local role evident_projector;
    grant usage on schema reach to evident_owner;
    grant all on reach.counted, evident."events_of_reach.counted" to evident_owner;
    for v_routine in
        select p.oid from pg_proc as p
        where p.proname like '%\\_reach.counted'
            and p.proowner = 'evident_projector'::regrole
    loop
        execute format('grant execute on routine %s to evident_owner', v_routine);
    end loop;
end $do$;
"""
REGISTER = (
    "select evident.create_projection('reach.counted',"
    " 'reach.apply(reach.counted, evident.event_store)', null, %s)"
)
APPEND = (
    "select evident.append_event('01900000-0000-7000-8000-000000000001', 'Noted', '{}')"
)


def make(connection: Connection, mode: str) -> None:
    """Make a read model whose fold attempts nothing yet, and register it."""
    connection.execute(SCHEMA)
    connection.execute(REGISTER, [mode])
    connection.execute(OPEN)


def attempt(connection: Connection, sql: str) -> None:
    """Let the fold run this from now on."""
    connection.execute(
        "create or replace function reach.attempt() returns void language plpgsql"
        f" volatile as $body$ begin execute $sql${sql}$sql$; end $body$"
    )


def fold(connection: Connection, mode: str) -> str | None:
    """Have one more event folded; give the SQLSTATE of what refused it."""
    try:
        connection.execute(APPEND)
        if mode == "async":
            connection.execute("select evident.run_projection('reach.counted')")
    except psycopg.Error as error:
        return error.sqlstate
    row = connection.execute(
        "select f.code from evident.projection_failure as f"
    ).fetchone()
    return row[0] if row else None


def calls(connection: Connection, role: str) -> int:
    """Tell how often something of the fold's ran as this role."""
    row = connection.execute(
        f"select s.last_value, s.is_called from public.as_{role} as s"
    ).fetchone()
    assert row is not None
    return int(row[0]) if row[1] else 0


# What the owner of a read model's schema may do, without any role of the package.
TEAM = "evident_test_team"
TAKE = f"""
alter schema reach owner to {TEAM};
create sequence public.ran_for_team;
grant usage on sequence public.ran_for_team to public;
"""
FOLD_OF_TEAM = """
drop function reach.apply cascade;
create function reach.apply(p_row anyelement, p_event anycompatible)
returns anyelement language plpgsql volatile as $$
begin
    perform nextval('public.ran_for_team');
    return p_row;
end $$;
create function reach.apply(p_row reach.counted, p_event evident.event_store)
returns reach.counted language plpgsql volatile as $$
begin
    perform nextval('public.ran_for_team');
    return p_row;
end $$;
"""
TABLE_OF_TEAM = """
drop table reach.counted cascade;
create function reach.seen() returns uuid language plpgsql volatile as $$
begin
    perform nextval('public.ran_for_team');
    return '01900000-0000-7000-8000-000000000001';
end $$;
create view reach.counted as
select reach.seen() as id, 1 as n, '(0,1)'::tid as ctid, '7'::xid as xmin;
"""
TRIGGERS_OF_TEAM = """
drop table reach.counted cascade;
create table reach.counted (id uuid primary key, n integer);
create function reach.fired() returns trigger language plpgsql volatile as $$
begin
    perform nextval('public.ran_for_team');
    return new;
end $$;
create trigger fired before insert or update on reach.counted
for each row execute function reach.fired();
grant all on reach.counted to public;
"""


def ran_for_team(connection: Connection) -> bool:
    """Tell whether any of the team's code ran, for whomever."""
    row = connection.execute("select is_called from public.ran_for_team").fetchone()
    assert row is not None
    return bool(row[0])
