"""Everything that a call could leave half-done, and what it amounts to."""

from __future__ import annotations

import bisect
from typing import Any

from psycopg import sql

from support.clients.calls import Connection

TABLES = """
select c.oid::regclass::text
from pg_class as c
where
    c.relkind = 'r'
    and c.relnamespace in ('evident'::regnamespace, to_regnamespace('races'))
order by 1
"""
ROWS = (
    "select {}, count(*), md5(string_agg(md5(t::text), '' order by md5(t::text)))"
    " from {} as t"
)
ROWS_THEMSELVES = "select {}, to_jsonb(t.*) from {} as t where {}"
# What calls create, drop, enable or grant; statistics are not theirs.
CATALOG = """
select 'objects', count(*), md5(string_agg(o.line, e'\\n' order by o.line))
from (
    select concat_ws(' ', p.oid, p.proname, p.prosrc, p.proowner, p.proacl)
    from pg_proc as p
    where p.pronamespace in ('evident'::regnamespace, to_regnamespace('races'))
    union all
    select concat_ws(' ', c.oid, c.relname, c.relowner, c.relacl, c.relfilenode)
    from pg_class as c
    where c.relnamespace in ('evident'::regnamespace, to_regnamespace('races'))
    union all
    select concat_ws(' ', t.oid, t.tgname, t.tgenabled, t.tgfoid)
    from pg_trigger as t
) as o (line)
"""
OBJECTS = """
select concat_ws(' ', t.tgrelid::regclass, t.tgname, t.tgenabled)
from pg_trigger as t
where not t.tgisinternal
union all
select p.oid::regprocedure::text
from pg_proc as p
where p.pronamespace in ('evident'::regnamespace, to_regnamespace('races'))
order by 1
"""
IDS = "select e.id from evident.event_store as e order by e.id"
# Of two calls with the same effect: drawn anew, or later, or by somebody else.
OTHER = {
    *("event_id", "epoch", "chain", "root_hash", "hashes", "log_id"),
    *("number", "lock_time", "lease", "fingerprint"),
}
# Ids are drawn in vain by calls that are stopped; how many events they are behind
# tells the same.
PLACES = {"id", "position", "last", "claimed_until", "last_event_id", "events_until"}
# Tables to which calls only add, and the column that tells what is new.
GROWING = {"evident.event_store": "id", "evident.baseline": "number"}
Effect = list[tuple[Any, ...]]


def digest(observer: Connection) -> Effect:
    """Give what changes with each stored row and each object in the catalog."""
    tables = [row[0] for row in observer.execute(TABLES).fetchall()]
    parts = [
        sql.SQL(ROWS).format(
            sql.Literal(each), sql.SQL(".").join(map(sql.Identifier, each.split(".")))
        )
        for each in tables
    ]
    query = sql.SQL(" union all ").join([*parts, sql.SQL(CATALOG)])
    return observer.execute(query).fetchall()


def newest(observer: Connection) -> dict[str, int]:
    """Give the newest row of each table that only grows."""
    found = {}
    for table, column in GROWING.items():
        query = f"select coalesce(max({column}), 0) from {table}"
        (found[table],) = observer.execute(query.encode()).fetchone() or (0,)
    return found


def effect(observer: Connection, since: dict[str, int]) -> Effect:
    """Give all rows and objects, but for what differs between two equal calls.

    Of the tables that only grow no more than what is new since then.
    """
    ids = [row[0] for row in observer.execute(IDS).fetchall()]
    tables = [row[0] for row in observer.execute(TABLES).fetchall()]
    parts = [
        sql.SQL(ROWS_THEMSELVES).format(
            sql.Literal(each),
            sql.SQL(".").join(map(sql.Identifier, each.split("."))),
            sql.SQL(f"t.{GROWING[each]} > {since[each]}" if each in since else "true"),
        )
        for each in tables
    ]
    rows = observer.execute(sql.SQL(" union all ").join(parts)).fetchall()
    found = sorted((table, repr(without_chance(row, ids))) for table, row in rows)
    return found + observer.execute(OBJECTS).fetchall()


def without_chance(row: dict[str, Any], ids: list[int]) -> dict[str, Any]:
    return {
        name: bisect.bisect_right(ids, value) if name in PLACES and value else value
        for name, value in sorted(row.items())
        if name not in OTHER and not name.endswith(("_at", "_by"))
    }


def difference(found: Effect, expected: Effect) -> str:
    """Tell what one effect has that the other has not, for short."""
    more = [each for each in found if each not in expected]
    less = [each for each in expected if each not in found]
    return f"{more[:2]} instead of {less[:2]}"
