"""Who installs, beside what, and what is left when he goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pg_evident.failure import Failure
from pg_evident.migrate import run as migrate
from pg_evident.migrate import status
from pg_evident.server.cluster import Server
from support.clients.dbas import run, uri
from support.servers.install_scripts import INSTALL, UNINSTALL, install
from support.servers.psql import run_psql

APPEND = "select evident.append_event(gen_random_uuid(), 'Made', '{}', 0)"


@pytest.mark.promise(24)
def test_another_dba_in_a_second_database_is_told_the_grant_that_is_missing(
    second: Server, major: int
) -> None:
    alone = second
    install(alone, uri(alone, "one", "dba1"))
    dsn = uri(alone, "two", "dba2")
    done = run_psql(alone, dsn, INSTALL)
    if major >= 16:
        grant = "grant evident_owner, evident_projector to dba2"
        grant += " with inherit false, set true"
        assert done.returncode == 3
        assert grant in done.stderr and "dba1" in done.stderr
        run(uri(alone, "one", "dba1"), grant)
        done = run_psql(alone, dsn, INSTALL)
    assert done.returncode == 0, done.stderr
    # Whoever is a member of the roles already is told, roles being the cluster's.
    assert "role evident_owner exists already, with members: dba1" in done.stderr
    run(uri(alone, "one", "dba1"), "grant evident_writer to app")
    run(uri(alone, "two", "app"), APPEND)
    done = run_psql(alone, dsn, UNINSTALL)
    assert "holds events" in done.stderr
    run(uri(alone, "one", "app"), APPEND)


@pytest.mark.promise(24)
def test_the_first_steps_work_for_a_dba_who_is_no_superuser(
    alone: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = uri(alone, "one", "dba1")
    assert migrate.migrate(dsn, examples=True)
    assert run(dsn, "select evident.version()") == [("0008_ledger",)]
    status.show(dsn)
    said = capsys.readouterr().out
    assert "not visible" not in said and "pending" not in said
    assert run(dsn, "select count(*) from evident.ledger_status") == [(1,)]
    run(
        dsn,
        "create role shop_app login",
        "grant evident_writer, evident_reader to shop_app",
        "grant evident_writer, evident_reader to dba1",
        "set role evident_writer",
    )
    run(uri(alone, "one", "shop_app"), APPEND)
    assert migrate.migrate(dsn, examples=True) == []
    # A superuser says that the DBA is trusted, and finds what he has made in order.
    with pytest.raises(Failure, match="dba1 is a member by no superuser's grant"):
        status.show(uri(alone, "one"))
    run(
        uri(alone, "one"),
        "revoke evident_owner, evident_projector from dba1 cascade",
        "grant evident_owner, evident_projector to dba1",
    )
    assert migrate.migrate(uri(alone, "one"), examples=True) == []
    status.show(uri(alone, "one"))


@pytest.mark.promise(24)
def test_a_dba_who_leaves_takes_no_right_with_him(alone: Server) -> None:
    migrate.migrate(uri(alone, "one", "dba1"))
    run(uri(alone, "one"), "grant evident_writer, evident_reader to app")
    rights = (
        "select p.proname, p.proacl::text from pg_proc as p"
        " where p.pronamespace = 'evident'::regnamespace"
        " union all select c.relname, c.relacl::text from pg_class as c"
        " where c.relnamespace = 'evident'::regnamespace"
        " union all select n.nspname, n.nspacl::text from pg_namespace as n"
        " where n.nspname = 'evident' order by 1, 2"
    )
    before = run(uri(alone, "one"), rights)
    assert not [row for row in before if "/dba1" in (row[1] or "")]
    run(
        uri(alone, "one"),
        "reassign owned by dba1 to evident_owner",
        "drop owned by dba1",
        "revoke create on database one from dba1",
        "drop role dba1",
    )
    assert run(uri(alone, "one"), rights) == before
    run(uri(alone, "one", "app"), APPEND)
    assert migrate.migrate(uri(alone, "one")) == []
    # The next one becomes a member, and goes on.
    run(
        uri(alone, "one"),
        "grant evident_owner, evident_projector to dba2",
        "grant create on database one to dba2",
    )
    assert migrate.migrate(uri(alone, "one", "dba2")) == []
    assert migrate.rollback(uri(alone, "one", "dba2")) != []
    assert migrate.migrate(uri(alone, "one", "dba2")) != []


@pytest.mark.promise(24)
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("create role evident_owner login", "exists already, with login"),
        ("create role evident_owner superuser", "exists already, with superuser"),
        ("create role evident_reader bypassrls", "exists already, with bypassrls"),
        (
            "create role evident_owner; create role evident_writer;"
            " grant evident_owner to evident_writer",
            "members that have only rights of their own: evident_writer",
        ),
        (
            "create role maker createrole; set role maker; create role evident_owner;"
            " grant evident_owner to mallory; reset role",
            "members that no superuser made such: m",
        ),
        (
            "create role evident_owner; grant evident_owner to mallory",
            "WARNING:  role evident_owner exists already, with members: mallory",
        ),
        (
            "create role evident_reader; grant evident_reader to mallory",
            "WARNING:  role evident_reader exists already, with members: mallory",
        ),
    ],
)
def test_roles_that_somebody_made_before_are_refused_or_told(
    alone: Server, made: str, said: str
) -> None:
    run(alone.uri, made)
    done = run_psql(alone, uri(alone, "one"), INSTALL)
    assert said in done.stderr
    assert "HINT" in done.stderr
    assert (done.returncode == 0) == said.startswith("WARNING")
    assert bool(run(uri(alone, "one"), "select to_regnamespace('evident')")[0][0]) == (
        done.returncode == 0
    )


@pytest.mark.promise(24)
def test_default_privileges_open_nothing_that_is_installed(second: Server) -> None:
    alone = second
    install(alone, uri(alone, "one"))
    dsn = uri(alone, "two")
    kinds = ("tables", "sequences", "functions", "types", "schemas")
    run(
        dsn,
        *(
            "alter default privileges"
            " for role postgres, evident_owner, evident_projector"
            f" grant all on {kind} to app, evident_writer"
            for kind in kinds
        ),
    )
    migrate.migrate(dsn)
    strangers = (
        "select o.name, a.privilege_type from ("
        " select p.proname, p.proacl from pg_proc as p"
        " where p.pronamespace = 'evident'::regnamespace"
        " union all select c.relname, c.relacl from pg_class as c"
        " where c.relnamespace in"
        " ('evident'::regnamespace, 'evident_yoyo'::regnamespace)"
        " union all select t.typname, t.typacl from pg_type as t"
        " where t.typnamespace = 'evident'::regnamespace"
        " union all select n.nspname, n.nspacl from pg_namespace as n"
        " where n.nspname like 'evident%') as o (name, acl)"
        " cross join aclexplode(o.acl) as a where a.grantee = 'app'::regrole"
    )
    assert run(dsn, strangers) == []
    grants = (
        "select c.relname, array(select x::text from unnest(c.relacl) as x order by 1)"
        " from pg_class as c where c.relnamespace = 'evident'::regnamespace"
        " union all select p.oid::regprocedure::text,"
        " array(select x::text from unnest(p.proacl) as x order by 1) from pg_proc as p"
        " where p.pronamespace = 'evident'::regnamespace order by 1"
    )
    assert run(dsn, grants) == run(uri(alone, "one"), grants)


@pytest.mark.promise(24)
def test_default_privileges_between_two_migrations_open_nothing(
    alone: Server,
) -> None:
    dsn = uri(alone, "one")
    install(alone, dsn)
    migrate.mark(dsn)
    migrate.rollback(dsn, to="0003_append")
    run(
        dsn,
        "alter default privileges for role evident_owner grant all on tables to app",
        "alter default privileges for role evident_owner grant all on functions to app",
    )
    migrate.migrate(dsn)
    found = run(
        dsn,
        "select count(*) from pg_class as c cross join aclexplode(c.relacl) as a"
        " where a.grantee = 'app'::regrole",
    )
    assert found == [(0,)]


@pytest.mark.promise(24)
def test_default_privileges_open_nothing_that_a_projection_makes(
    alone: Server,
) -> None:
    dsn = uri(alone, "one")
    install(alone, dsn)
    run(
        dsn,
        "alter default privileges for role evident_projector"
        " grant execute on functions to app",
        "create schema m authorization evident_projector",
        "set role evident_projector;"
        " create table m.s (k uuid primary key, n integer);"
        " create function m.apply_s(p_row m.s, p_event evident.event_store)"
        " returns m.s language sql immutable return p_row;"
        " reset role; select evident.create_projection("
        "'m.s', 'm.apply_s(m.s, evident.event_store)', null)",
    )
    found = run(
        dsn,
        "select count(*) filter (where a.grantee = 'app'::regrole), count(*) > 0"
        " from pg_proc as p cross join aclexplode(p.proacl) as a"
        " where p.pronamespace = 'evident'::regnamespace"
        " and p.proowner = 'evident_projector'::regrole",
    )
    assert found == [(0, True)]


PLANT = """
create schema evident;
grant usage on schema evident to public;
create function evident.run() returns boolean language plpgsql as $$
begin
    execute 'alter role mallory superuser';
    return true;
end;
$$;
create view evident.feed_status as select evident.run();
grant select on evident.feed_status to public;
"""


@pytest.mark.promise(24)
@pytest.mark.parametrize("owner", ["mallory", "evident_owner"])
def test_an_evident_owner_that_another_made_is_not_trusted(
    alone: Server, owner: str
) -> None:
    run(
        alone.uri,
        "alter role mallory createrole",
        "grant create on database one to mallory",
    )
    run(
        uri(alone, "one", "mallory"),
        "create role evident_owner",
        "grant evident_owner to mallory",
    )
    run(alone.uri, "grant create on database one to evident_owner")
    run(uri(alone, "one", "mallory"), f"set role {owner}; {PLANT}")
    commands: list[Callable[[str], object]]
    commands = [status.show, migrate.migrate, migrate.status]
    for command in commands:
        with pytest.raises(Failure, match="mallory"):
            command(uri(alone, "one"))
    assert run(
        alone.uri, "select rolsuper from pg_roles where rolname = 'mallory'"
    ) == [(False,)]
