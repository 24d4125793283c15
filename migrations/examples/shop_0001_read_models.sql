-- depends: 0007_projections
-- The example domain: a shop, with one read model kept in the append's transaction.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store while the trigger is made:
-- readers go on, appends wait. Does not fold events that are stored already.
-- Rollback drops the read model; every row of it is in the events.

set local role evident_projector;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

set local role none;

create schema shop authorization evident_projector;

set local role evident_projector;

comment on schema shop is
'Example read models over evident.event_store: orders of a shop.';

grant usage on schema shop to evident_reader, evident_operator, evident_auditor;

create table shop.orders_summary (
    aggregate_id uuid not null,
    customer_id text,
    ordered_on date,
    quantity integer,
    amount numeric,
    status text not null,
    paid numeric not null,
    version integer not null,
    updated_at timestamptz not null,
    constraint orders_summary_aggregate_id_pkey primary key (aggregate_id)
);

create index orders_summary_customer_id_ordered_on_idx
on shop.orders_summary (customer_id, ordered_on);

create index orders_summary_ordered_on_idx
on shop.orders_summary (ordered_on);

comment on table shop.orders_summary is
'One row per order: who ordered when, what it costs and what was paid. A read model:
folded from events, never written by hand.';
comment on column shop.orders_summary.aggregate_id is 'The order.';
comment on column shop.orders_summary.amount is 'Price of the order in USD.';
comment on column shop.orders_summary.paid is 'Payments so far in USD.';
comment on column shop.orders_summary.version is
'Version of the newest event folded in.';
comment on column shop.orders_summary.updated_at is
'When the newest event folded in occurred.';

grant select on table shop.orders_summary to
evident_reader, evident_operator, evident_auditor;

-- [begin sql/projections/orders_summary.sql]
-- shop.orders_summary: one row per order, for lists by customer or by date.
--
-- The step is pure: row so far + event = next row; the first row has only its
-- key. The engine uses this one function for the trigger, the catch-up, the
-- rebuild, the drift check and time travel, so they cannot disagree. No `set`
-- clause: it runs once per event, under a search_path that the engine has pinned.
--
-- Synchronous, since a customer expects to see the order just placed.
--
-- Events: OrderCreated, PaymentProcessed, ItemShipped

create or replace function shop.apply_orders_summary(
    p_row shop.orders_summary,
    p_event evident.event_store
)
returns shop.orders_summary
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
            if p_row.status is distinct from 'shipped' then
                p_row.status := 'paid';
            end if;
            p_row.paid := p_row.paid + (p_event.payload ->> 'amount')::numeric;
        when 'ItemShipped' then
            p_row.status := 'shipped';
    end case;
    p_row.version := p_event.version;
    p_row.updated_at := p_event.occurred_at;
    return p_row;
end;
$function$;

comment on function
shop.apply_orders_summary(shop.orders_summary, evident.event_store) is
'The fold step of shop.orders_summary: row so far + event = next row.';

revoke all on function
shop.apply_orders_summary(shop.orders_summary, evident.event_store)
from public;

do $do$
begin
    perform evident.create_projection(
        'shop.orders_summary',
        'shop.apply_orders_summary(shop.orders_summary, evident.event_store)',
        array['OrderCreated', 'PaymentProcessed', 'ItemShipped']
    );
end;
$do$;
-- [end sql/projections/orders_summary.sql]
