"""A better match in a later schema of the path is never what a command runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import Database
from pg_evident.cli.main import main
from pg_evident.database import connect

pytestmark = pytest.mark.once

# A schema named like the superuser is in his path, after pg_catalog. Each trap has
# types that nothing in pg_catalog has, so that it wins where those types meet. What
# is marked stays marked when the transaction is rolled back.
TRAPS = """
create schema postgres;
grant usage on schema postgres to public;
create sequence postgres.marked;
grant all on sequence postgres.marked to public;
do $do$
declare
    v_types constant text[] := array[
        'smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric', 'text',
        'varchar', 'name', '"char"', 'uuid', 'oid', 'regclass', 'regnamespace',
        'regrole', 'boolean', 'jsonb', 'json', 'bytea', 'interval', 'timestamp',
        'timestamptz', 'text[]', 'bigint[]', 'integer[]'
    ];
    v_body constant text := ' language plpgsql as $$ begin perform '
        'nextval(''postgres.marked''); raise exception ''trap %''; end; $$';
    v_made record;
begin
    for v_made in
        select l.t as l, r.t as r, row_number() over () as n
        from unnest(v_types) as l (t), unnest(v_types) as r (t)
    loop
        execute format(
            'create function postgres.trap_%s(%s, %s) returns boolean',
            v_made.n, v_made.l, v_made.r
        ) || replace(v_body, '%', format('operator of %s, %s', v_made.l, v_made.r));
        execute format(
            'create function postgres.trap_%s(%s, %s) returns text',
            'text_' || v_made.n, v_made.l, v_made.r
        ) || replace(v_body, '%', format('operator of %s, %s', v_made.l, v_made.r));
    end loop;
    for v_made in
        select l.t as l, r.t as r, o.name as o, x.n,
            case when o.name = any (array['||', '+', '-', '*', '/', '->', '->>'])
                then 'text_' else '' end as kind
        from (
            select l.t as l, r.t as r, row_number() over () as n
            from unnest(v_types) as l (t), unnest(v_types) as r (t)
        ) as x, lateral (select x.l) as l (t), lateral (select x.r) as r (t),
        unnest(array['=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '->>', '~'])
            as o (name)
        where not exists (
            select from pg_catalog.pg_operator as p
            where p.oprname = o.name and p.oprleft = l.t::regtype
            and p.oprright = r.t::regtype
        )
    loop
        execute format(
            'create operator postgres.%s (function = postgres.trap_%s, leftarg = %s,'
            ' rightarg = %s)',
            v_made.o, v_made.kind || v_made.n, v_made.l, v_made.r
        );
    end loop;
    for v_made in
        select f.name, t.t
        from unnest(array[
            'convert_to', 'octet_length', 'length', 'max', 'min', 'count', 'sum',
            'row_to_json', 'to_json', 'to_jsonb', 'to_regclass', 'to_regnamespace',
            'to_regrole', 'quote_ident', 'format', 'current_setting', 'encode',
            'has_schema_privilege', 'obj_description', 'pg_get_function_sqlbody',
            'make_interval', 'string_agg', 'unnest', 'generate_series'
        ]) as f (name), unnest(v_types) as t (t)
    loop
        execute format(
            'create function postgres.%I(%s) returns text', v_made.name, v_made.t
        ) || replace(v_body, '%', v_made.name);
        execute format(
            'create function postgres.%I(%s, text) returns text',
            v_made.name, v_made.t
        ) || replace(v_body, '%', v_made.name);
    end loop;
end;
$do$;
"""


@pytest.fixture
def trapped(db: Database) -> Iterator[Database]:
    """Give the installed database, with traps of mallory's in the path."""
    with connect(db.server.uri, autocommit=True) as connection:
        connection.execute("create role mallory login")
        connection.execute(f"grant create on database {db.name} to mallory")
    try:
        mallorys = db.dsn.replace("postgres@", "mallory@")
        with connect(mallorys, autocommit=True) as connection:
            connection.execute(TRAPS.encode())
        yield db
    finally:
        # In a single transaction the locks would not fit.
        with connect(db.server.uri, autocommit=True) as connection:
            connection.execute(f"drop database {db.name} with (force)")
            connection.execute(f"create database {db.name}")
            connection.execute("drop role mallory")


def require_unmarked(db: Database) -> None:
    with connect(db.dsn) as connection:
        row = connection.execute("select m.is_called from postgres.marked as m")
        assert row.fetchone() == (False,), "a trap was run"


@pytest.mark.promise(24)
def test_no_command_runs_a_better_match_of_anothers(
    trapped: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    event = "01900000-0000-7000-8000-000000000001"
    (tmp_path / "one.ndjson").write_text(
        '{"aggregate_id": "01900000-0000-7000-8000-0000000000aa", "type": "Made",'
        f' "payload": {{}}, "event_id": "{event}"}}\n'
    )
    key = tmp_path / "key"
    for words in (
        ["status"],
        ["migrate"],
        ["migrate", "--mark"],
        ["import", str(tmp_path / "one.ndjson")],
        ["work", "--once"],
        ["relay", "mail", "--once", "--partitions", "1"],
        [
            *("relay", "post", "--once", "--partitions", "1"),
            *("--out", str(tmp_path / "out")),
        ],
        ["rebuild", "--all"],
        ["drift"],
        ["seal"],
        ["keygen", "--name", "example.com/log", "--out", str(key)],
        ["publish", "--key", str(key), "--out", str(tmp_path / "checkpoints")],
        ["export", str(tmp_path / "log")],
        ["prove", event, "--out", str(tmp_path)],
        ["reference"],
        ["status"],
        ["rollback"],
        ["migrate"],
    ):
        given = words if words[0] == "keygen" else [*words, "--dsn", trapped.dsn]
        monkeypatch.setattr("sys.argv", ["evident", *given])
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, (words, capsys.readouterr())
        require_unmarked(trapped)


@pytest.mark.twin_of(24)
@pytest.mark.parametrize(
    "query",
    [
        "select convert_to(version(), 'UTF8')",
        "select from pg_class as c where c.reltuples >= 0",
        "select from pg_class as c where c.relnamespace = 'public'::regnamespace",
        "select 'x'::text || gen_random_uuid()",
    ],
)
def test_an_unqualified_statement_runs_a_trap(trapped: Database, query: str) -> None:
    with connect(trapped.dsn) as connection, pytest.raises(psycopg.Error, match="trap"):
        connection.execute(query.encode())
    with pytest.raises(AssertionError, match="a trap was run"):
        require_unmarked(trapped)
