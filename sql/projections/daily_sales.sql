-- shop.daily_sales: one row per day: orders, pieces and amount.
--
-- Across aggregates: all orders of a day meet in one row. Kept in the appends'
-- transactions, they would queue for it, hence asynchronous.
--
-- An order that does not say when it was placed counts on the day it was stored, in
-- UTC: the event's own time, so a replay gives the same day. Without a quantity or
-- an amount it counts, and adds nothing.
--
-- Events: OrderCreated

create or replace function shop.keys_of_daily_sales(p_event evident.event_store)
returns setof text
language sql
stable
parallel safe
begin atomic
    select coalesce(
        (p_event).payload ->> 'ordered_on',
        to_char((p_event).occurred_at at time zone 'UTC', 'YYYY-MM-DD')
    );
end;

comment on function shop.keys_of_daily_sales(evident.event_store) is
'The day whose row of shop.daily_sales an event touches.';

revoke all on function shop.keys_of_daily_sales(evident.event_store) from public;

create or replace function shop.apply_daily_sales(
    p_row shop.daily_sales,
    p_event evident.event_store
)
returns shop.daily_sales
language plpgsql
immutable
parallel safe
as $function$
begin
    p_row.orders := coalesce(p_row.orders, 0) + 1;
    p_row.quantity := coalesce(p_row.quantity, 0)
        + coalesce((p_event.payload ->> 'quantity')::integer, 0);
    p_row.amount := coalesce(p_row.amount, 0)
        + coalesce((p_event.payload ->> 'amount')::numeric, 0);
    return p_row;
end;
$function$;

comment on function shop.apply_daily_sales(shop.daily_sales, evident.event_store) is
'The fold step of shop.daily_sales: row so far + event = next row.';

revoke all on function
shop.apply_daily_sales(shop.daily_sales, evident.event_store) from public;

do $do$
begin
    perform evident.create_projection(
        'shop.daily_sales',
        'shop.apply_daily_sales(shop.daily_sales, evident.event_store)',
        array['OrderCreated'],
        p_mode => 'async',
        p_keys => 'shop.keys_of_daily_sales(evident.event_store)'
    );
end;
$do$;
