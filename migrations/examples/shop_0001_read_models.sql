-- depends: 0005_guards
-- The example domain: a shop, with one read model kept in the append's transaction.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store while the trigger is made:
-- readers go on, appends wait. Does not fold events that are stored already.
-- Rollback drops the read model; every row of it is in the events.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

set local role none;

create schema shop authorization evident_owner;

set local role evident_owner;

comment on schema shop is
'Example read models over evident.event_store: orders of a shop.';

grant usage on schema shop to evident_reader, evident_operator;

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

grant select on table shop.orders_summary to evident_reader;

-- [begin sql/projections/orders_summary.sql]
-- shop.orders_summary: one row per order, for lists by customer or by date.
--
-- The step is pure: row so far + event = next row; the first row has only its
-- key. Everything else is made from this one function: the aggregate folds a
-- run of events in the order of their versions, and the trigger keeps the table
-- inside the transaction that appends, with one statement for one event or
-- a thousand. The row so far is read by a subselect, which stays a look-up by key
-- whatever the table's size was when the plan was made; a join would not. No
-- `set` clause on the step: it runs once per event, under a
-- search_path that its callers have pinned.
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

create or replace function shop.fold_orders_summary_step(
    p_state shop.orders_summary,
    p_start shop.orders_summary,
    p_event evident.event_store
)
returns shop.orders_summary
language sql
immutable
parallel safe
begin atomic
    select shop.apply_orders_summary(coalesce(p_state, p_start), p_event);
end;

comment on function
shop.fold_orders_summary_step(
    shop.orders_summary, shop.orders_summary, evident.event_store
) is
'The transition of the aggregate: starts from p_start, then applies each event.';

revoke all on function
shop.fold_orders_summary_step(
    shop.orders_summary, shop.orders_summary, evident.event_store
)
from public;

create or replace aggregate
shop.fold_orders_summary(shop.orders_summary, evident.event_store) ( -- noqa: LT01
    sfunc = shop.fold_orders_summary_step,
    stype = shop.orders_summary,
    parallel = safe
);

comment on aggregate
shop.fold_orders_summary(shop.orders_summary, evident.event_store) is -- noqa: LT01
'Folds events, in the order given by "order by", from a starting row.';

revoke all on function
shop.fold_orders_summary(shop.orders_summary, evident.event_store)
from public;

create or replace function shop.keep_orders_summary()
returns trigger
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    insert into shop.orders_summary as t (
        aggregate_id, customer_id, ordered_on, quantity, amount, status, paid,
        version, updated_at
    )
    select
        (f.next_row).aggregate_id,
        (f.next_row).customer_id,
        (f.next_row).ordered_on,
        (f.next_row).quantity,
        (f.next_row).amount,
        (f.next_row).status,
        (f.next_row).paid,
        (f.next_row).version,
        (f.next_row).updated_at
    from (
        select
            shop.fold_orders_summary(
                coalesce(
                    (
                        select s
                        from shop.orders_summary as s
                        where s.aggregate_id = e.aggregate_id
                    ),
                    row(
                        e.aggregate_id, null, null, null, null, null, null, null,
                        null
                    )::shop.orders_summary
                ),
                row(
                    e.id, e.aggregate_id, e.version, e.event_type, e.payload,
                    e.metadata, e.event_id, e.occurred_at, e.recorded_by
                )::evident.event_store
                order by e.version
            ) as next_row
        from new_events as e
        where e.event_type in ('OrderCreated', 'PaymentProcessed', 'ItemShipped')
        group by e.aggregate_id
    ) as f
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
    return null;
end;
$function$;

comment on function shop.keep_orders_summary() is
'Trigger: folds the events of one statement into shop.orders_summary.';

revoke all on function shop.keep_orders_summary() from public;

create or replace trigger event_store_orders_summary
after insert on evident.event_store
referencing new table as new_events
for each statement execute function shop.keep_orders_summary();
-- [end sql/projections/orders_summary.sql]
