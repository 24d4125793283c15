"""The read model that is measured: as a projection, and written by hand."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

MODEL = "bench.orders"
HAND = "bench.orders_by_hand"
CREATED, PAID, SHIPPED = "OrderCreated", "PaymentProcessed", "ItemShipped"

_SCHEMA = """
alter schema bench owner to evident_projector;
set role evident_projector;

create table bench.orders (
    aggregate_id uuid primary key,
    customer_id text,
    ordered_on date,
    quantity integer,
    amount numeric,
    status text not null,
    paid numeric not null,
    version integer not null,
    updated_at timestamptz not null
);

create index on bench.orders (customer_id, ordered_on);

create function bench.apply_orders(p_row bench.orders, p_event evident.event_store)
returns bench.orders
language plpgsql
immutable
parallel safe
as $function$
begin
    p_row.paid := coalesce(p_row.paid, 0);
    case p_event.event_type
        when 'OrderCreated' then
            p_row.customer_id := p_event.payload ->> 'customer_id';
            p_row.ordered_on := (p_event.payload ->> 'ordered_on')::date;
            p_row.quantity := (p_event.payload ->> 'quantity')::integer;
            p_row.amount := (p_event.payload ->> 'amount')::numeric;
            p_row.status := 'created';
        when 'PaymentProcessed' then
            p_row.status := 'paid';
            p_row.paid := p_row.paid + (p_event.payload ->> 'amount')::numeric;
        when 'ItemShipped' then
            p_row.status := 'shipped';
    end case;
    p_row.version := p_event.version;
    p_row.updated_at := p_event.occurred_at;
    return p_row;
end;
$function$;

create table bench.orders_by_hand (like bench.orders including all);

-- Row by row, as a handler that knows nothing but its fold: read, apply, write.
create procedure bench.fold_each()
language plpgsql
as $procedure$
declare
    v_event evident.event_store;
    v_row bench.orders;
begin
    for v_event in
        select e.* from evident.event_store as e order by e.id
    loop
        select h.* into v_row
        from bench.orders_by_hand as h
        where h.aggregate_id = v_event.aggregate_id;
        if not found then
            v_row := null;
            v_row.aggregate_id := v_event.aggregate_id;
        end if;
        v_row := bench.apply_orders(v_row, v_event);
        insert into bench.orders_by_hand as h values (v_row.*)
        on conflict (aggregate_id) do update
        set
            customer_id = excluded.customer_id,
            ordered_on = excluded.ordered_on,
            quantity = excluded.quantity,
            amount = excluded.amount,
            status = excluded.status,
            paid = excluded.paid,
            version = excluded.version,
            updated_at = excluded.updated_at;
    end loop;
end;
$procedure$;

-- Row by row, as a handler written for this read model: one statement per event.
create procedure bench.handle_each()
language plpgsql
as $procedure$
declare
    v_event evident.event_store;
begin
    for v_event in
        select e.* from evident.event_store as e order by e.id
    loop
        case v_event.event_type
            when 'OrderCreated' then
                insert into bench.orders_by_hand as h (
                    aggregate_id, customer_id, ordered_on, quantity, amount, status,
                    paid, version, updated_at
                )
                values (
                    v_event.aggregate_id,
                    v_event.payload ->> 'customer_id',
                    (v_event.payload ->> 'ordered_on')::date,
                    (v_event.payload ->> 'quantity')::integer,
                    (v_event.payload ->> 'amount')::numeric,
                    'created', 0, v_event.version, v_event.occurred_at
                );
            when 'PaymentProcessed' then
                update bench.orders_by_hand as h
                set
                    status = 'paid',
                    paid = h.paid + (v_event.payload ->> 'amount')::numeric,
                    version = v_event.version,
                    updated_at = v_event.occurred_at
                where h.aggregate_id = v_event.aggregate_id;
            when 'ItemShipped' then
                update bench.orders_by_hand as h
                set
                    status = 'shipped',
                    version = v_event.version,
                    updated_at = v_event.occurred_at
                where h.aggregate_id = v_event.aggregate_id;
        end case;
    end loop;
end;
$procedure$;

reset role;
grant select on bench.orders to bench_writer;
grant select, insert, update on bench.orders_by_hand to bench_writer;
"""

_REGISTER = """
select evident.create_projection(
    'bench.orders',
    'bench.apply_orders(bench.orders, evident.event_store)',
    array['OrderCreated', 'PaymentProcessed', 'ItemShipped'],
    %s
)
"""

# An order's three events lie apart, as orders overlap in time.
_ORDERS = """
insert into evident.event_store (aggregate_id, version, event_type, payload)
select
    md5('order/' || o.number::text)::uuid,
    o.step + 1,
    (array['OrderCreated', 'PaymentProcessed', 'ItemShipped'])[o.step + 1],
    (
        array[
            jsonb_build_object(
                'customer_id', 'customer-' || mod(o.number, 5000),
                'ordered_on', date '1997-01-01' + mod(o.number, 500),
                'quantity', 3, 'amount', 47.11, 'currency', 'USD',
                'note', 'leave it with the neighbours'
            ),
            '{{"amount": 47.11, "currency": "USD", "method": "card"}}',
            '{{"carrier": "post", "parcels": 1}}'
        ]
    )[o.step + 1]
from (
    select
        n.number,
        s.step
    from generate_series(1, {orders}) as n (number)
    cross join generate_series(0, 2) as s (step)
) as o
order by o.number + o.step * 1000, o.number
"""

_Connection = psycopg.Connection[Any]


def build_read_model(connection: _Connection) -> None:
    """Make the table twice, its fold and its row-by-row handlers; nothing is filled."""
    connection.execute(_SCHEMA)


def register(connection: _Connection, mode: str) -> None:
    """Register the read model as a projection, `sync` or `async`."""
    connection.execute(_REGISTER, (mode,))


def fill_orders(connection: _Connection, events: int) -> int:
    """Append about `events` events of orders, three each; give how many."""
    orders = max(1, events // 3)
    connection.execute(sql.SQL(_ORDERS).format(orders=sql.Literal(orders)))
    connection.execute("vacuum (freeze, analyze) evident.event_store")
    return orders * 3


def drift(connection: _Connection) -> int:
    """Count the rows in which read model and log disagree."""
    row = connection.execute(
        "select count(*) from evident.verify_projection(%s)", (MODEL,)
    ).fetchone()
    return int(row[0]) if row else -1
