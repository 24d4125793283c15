"""What a measured database holds besides Evident: an equal table, and its writers."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from psycopg import sql

WRITER = "bench_writer"
STORE = "evident.event_store"
TWIN = "bench.event_store"
EVENT_TYPE = "OrderCreated"
# For pgbench: an aggregate of the filled tables, by its number.
FILLED = "md5('filled/' || :number::text)::uuid"
# About 0.2 kB, as an order with its lines may have.
PAYLOAD = json.dumps(
    {
        "customer_id": "customer-004711",
        "ordered_on": "1997-01-12",
        "quantity": 3,
        "amount": 47.11,
        "currency": "USD",
        "items": [{"sku": "SKU-1001", "quantity": 2}, {"sku": "SKU-2002"}],
        "note": "leave it with the neighbours",
    }
)

_SCHEMA = """
create schema bench;

create table bench.event_store (like evident.event_store including all);

-- `including all` leaves storage parameters out.
do $$
begin
    execute format(
        'alter table bench.event_store set (%s)',
        (
            select array_to_string(c.reloptions, ', ')
            from pg_class as c
            where c.oid = 'evident.event_store'::regclass
        )
    );
end;
$$;

-- The founding article's function: it reads, compares, then writes.
create function bench.append_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version integer
)
returns bigint
language plpgsql
as $function$
declare
    v_current integer;
begin
    select coalesce(max(e.version), 0) into v_current
    from bench.event_store as e
    where e.aggregate_id = p_aggregate_id;

    if v_current <> p_expected_version then
        raise exception 'Concurrency conflict: expected version %, current version %',
            p_expected_version, v_current;
    end if;

    insert into bench.event_store (aggregate_id, event_type, payload, version)
    values (p_aggregate_id, p_event_type, p_payload, v_current + 1);

    return v_current + 1;
end;
$function$;

create role bench_writer login
in role evident_writer, evident_reader, evident_auditor;
grant usage on schema bench to bench_writer;
grant select, insert on bench.event_store to bench_writer;
-- The equal table has the store's defaults, which its writer computes itself.
grant execute on function evident._now(), evident._uuid_v7() to bench_writer;
"""

_FILL = """
insert into {} (aggregate_id, version, event_type, payload)
select
    md5('filled/' || (i.number %% %(aggregates)s)::text)::uuid,
    i.number / %(aggregates)s + 1,
    %(event_type)s,
    %(payload)s
from generate_series(0, %(events)s - 1) as i (number)
order by i.number
"""


def aggregates(events: int) -> int:
    """Return over how many aggregates a filled table spreads: 100 events each."""
    return max(1, events // 100)


def build(connection: psycopg.Connection[Any], events: int) -> None:
    """Make schema bench and its login, and put `events` rows into both tables.

    Rows of one aggregate lie apart, as they would when aggregates grow together.
    """
    connection.execute(_SCHEMA)
    for table in (STORE, TWIN):
        name = sql.Identifier(*table.split("."))
        connection.execute(
            sql.SQL(_FILL).format(name),
            {
                "aggregates": aggregates(events),
                "event_type": EVENT_TYPE,
                "payload": PAYLOAD,
                "events": events,
            },
        )
        connection.execute(sql.SQL("vacuum (freeze, analyze) {}").format(name))


def count(connection: psycopg.Connection[Any], table: str) -> int:
    """Count the rows of a table."""
    row = connection.execute(
        sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
    ).fetchone()
    return int(row[0]) if row else 0


def has_dense_versions(connection: psycopg.Connection[Any], table: str) -> bool:
    """Say whether every aggregate has the versions 1, 2, 3, ... without a gap."""
    query = (
        "select from {} as e group by e.aggregate_id"
        " having min(e.version) <> 1 or max(e.version) <> count(*)"
        " or count(distinct e.version) <> count(*) limit 1"
    )
    statement = sql.SQL(query).format(sql.Identifier(*table.split(".")))
    return connection.execute(statement).fetchone() is None
